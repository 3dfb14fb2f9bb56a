"""Somebody at the operator's place who takes part in VRRP and does not belong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.vrrp import VRRP

from tests.lab.harness import Lab

ADDRESS, MAC = "192.168.2.77", "02:00:00:00:02:0a"


@contextlib.contextmanager
def stranger(lab: Lab, *, vrid: int, priority: int) -> Iterator[None]:
    """It advertises a virtual router each second."""
    advert = VRRP(version=2, vrid=vrid, priority=priority, addrlist=["192.168.2.101"], adv=1)
    frame = bytes(Ether(src=MAC, dst="01:00:5e:00:00:12") / IP(src=ADDRESS, dst="224.0.0.18", ttl=255) / advert)
    ended = threading.Event()

    def speak() -> None:
        with lab.enter_operator(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth:
            mouth.bind(("eth0", 0))
            while not ended.is_set():
                mouth.send(frame)
                ended.wait(1.0)

    speaking = threading.Thread(target=speak, name="stranger")
    speaking.start()
    try:
        yield
    finally:
        ended.set()
        speaking.join(5)
