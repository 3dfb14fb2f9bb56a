"""The packet socket on loopback: what it hears, with which times and tags, and what stands in its way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from haconsole.io import capture
from haconsole.io.capture import LocalCapture, open_interface
from haconsole.io.clock import SystemClock
from haconsole.model.packets import Advert, Announcement
from haconsole.model.problems import ProblemError, ProblemKind
from haconsole.wire import frames
from haconsole.wire.pcap import Record
from tests.unit.runtime.wires import advert_frame, garp_frame

linux = pytest.mark.skipif(sys.platform != "linux", reason="packet sockets are Linux's")


def may_listen() -> bool:
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0):
        return True
    return False


needs_right = pytest.mark.skipif(not may_listen(), reason="needs CAP_NET_RAW")


@pytest.fixture
def ear() -> Iterator[LocalCapture]:
    found = open_interface("lo")
    yield found
    found._socket.close()


OWN = f"10.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""Announced by this run alone: loopback is shared with whatever else is tested on this machine just now."""
VRID = 1 + os.getpid() % 199
FLOOD_VRID = 213


class Mouth:
    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind(("lo", 0))
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def say(self, data: bytes) -> None:
        self._socket.send(data)


async def heard(ear: LocalCapture, count: int) -> list[Record]:
    """Records of this run; others may use loopback at the same time."""
    found: list[Record] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            for record in await ear.read():
                packet = frames.decode(record.data, record.link_type, record.length)
                ours = isinstance(packet, Announcement) and str(packet.address) == OWN
                if ours or (isinstance(packet, Advert) and packet.vrid == VRID):
                    found.append(record)
    ear.close()
    return found


@needs_right
async def test_what_passes_is_heard_once_and_with_its_time(ear: LocalCapture) -> None:
    sent = [advert_frame("10.0.0.1", vrid=VRID), advert_frame("fe80::1", vrid=VRID, version=3), garp_frame(OWN)]
    before = SystemClock().now()
    with Mouth() as mouth:
        for data in sent:
            mouth.say(data)
    got = await heard(ear, 3)
    assert [r.data for r in got] == sent
    assert [r.length for r in got] == [len(data) for data in sent]
    assert all(before - 1 <= r.at <= SystemClock().now() + 1 for r in got)


@needs_right
async def test_what_does_not_concern_us_stays_in_the_kernel(ear: LocalCapture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise, Mouth() as mouth:
        for _ in range(50):
            noise.sendto(b"x", ("127.0.0.1", 9))
        mouth.say(advert_frame("10.0.0.1", vrid=VRID))
        (first,) = (await ear.read())[:1]
    ear.close()
    assert isinstance(frames.decode(first.data), Advert)


@needs_right
async def test_a_vlan_tag_is_where_it_was(ear: LocalCapture) -> None:
    with Mouth() as mouth:
        mouth.say(advert_frame("10.0.0.1", vrid=VRID, vlan=7))
    (got,) = await heard(ear, 1)
    packet = frames.decode(got.data)
    assert isinstance(packet, Advert)
    assert packet.envelope.vlan == 7


def test_a_tag_that_the_kernel_took_out_is_put_back() -> None:
    whole = advert_frame("10.0.0.1", vlan=7)
    untagged = whole[:12] + whole[16:]
    told = struct.pack("IIIHHHH", 0x51, len(untagged), len(untagged), 0, 0, 7, 0x8100)
    record = capture._record(
        untagged, [(263, 8, told), (socket.SOL_SOCKET, 35, struct.pack("ll", 5, 250_000_000))], cut=False
    )
    assert (record.at, record.data, record.length) == (5.25, whole, len(whole))


@needs_right
async def test_packets_that_nobody_fetches_are_counted() -> None:
    found = open_interface("lo")
    found._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with Mouth() as mouth:
        for _ in range(500):
            mouth.say(advert_frame("10.0.0.1", vrid=FLOOD_VRID))
    lost = found.lost()
    assert lost > 0
    assert found.lost() >= lost, "the kernel forgets its count when asked; we do not"
    found._socket.close()


@linux
@pytest.mark.parametrize(("name", "text"), [("nosuch0", "no interface nosuch0"), ("x" * 15, "no interface")])
@needs_right
def test_an_interface_that_is_not_there_is_said_with_those_that_are(name: str, text: str) -> None:
    with pytest.raises(ProblemError) as error:
        open_interface(name)
    assert text in error.value.problem.summary
    assert "lo" in (error.value.problem.remedy or "")


@pytest.mark.parametrize("name", ["", "-i", "a b", "../x", "eth0;x"])
def test_a_hostile_name_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="interface"):
        open_interface(name)


def test_without_the_right_the_ways_to_it_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(capture.socket, "AF_PACKET", 17, raising=False)
    monkeypatch.setattr(capture.socket, "SOCK_NONBLOCK", 2048, raising=False)
    monkeypatch.setattr(capture.socket, "socket", refuse)
    with pytest.raises(ProblemError) as error:
        open_interface("eth0")
    problem = error.value.problem
    assert problem.kind is ProblemKind.NOT_PERMITTED
    lines = (problem.remedy or "").splitlines()
    assert lines[0].startswith("sudo tcpdump -i eth0 -p ")
    assert lines[0].endswith("| haconsole adverts --read -")
    assert "sudo haconsole adverts --interface eth0" in lines[1]
    assert "setcap cap_net_raw+ep" in lines[2]


def test_other_systems_are_told_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ProblemError) as error:
        open_interface("en0")
    assert "Linux only" in error.value.problem.summary
    assert "sudo tcpdump -i en0" in (error.value.problem.remedy or "")


GIVE_UP = """
import os
from haconsole.io.capture import give_up_rights, open_interface
ear = open_interface("lo")
give_up_rights()
print(os.getuid(), *[line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapPrm", "CapEff"))])
try:
    open_interface("lo")
except Exception as error:
    print(type(error).__name__)
print(ear.lost())
"""


@needs_right
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("sudo", [False, True])
def test_no_right_is_left_once_the_socket_is_open(sudo: bool) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SUDO_")}
    if sudo:
        environ |= {"SUDO_UID": "65534", "SUDO_GID": "65534", "SUDO_USER": "nobody"}
    done = subprocess.run([sys.executable, "-c", GIVE_UP], capture_output=True, text=True, env=environ, check=False)
    assert done.stderr == ""
    who, refused, lost = done.stdout.splitlines()
    assert who.split() == ["65534" if sudo else "0", "0" * 16, "0" * 16]
    assert refused == "ProblemError"
    assert lost == "0"


@needs_right
@pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0, reason="needs root and a namespace of its own"
)
def test_an_interface_that_goes_down_and_comes_back_is_heard_again() -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", DOWN_AND_UP], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["LINK_LOST lo is down", "heard"], done.stderr


DOWN_AND_UP = """
import asyncio, subprocess
from haconsole.io.capture import open_interface
from haconsole.model.problems import ProblemError
from tests.unit.io.test_capture import Mouth, advert_frame

async def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ear = open_interface("lo")
    subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
    try:
        await asyncio.wait_for(ear.read(), 10)
    except ProblemError as error:
        print(error.problem.kind.name, error.problem.summary)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with Mouth() as mouth:
        mouth.say(advert_frame("10.0.0.1"))
    await asyncio.wait_for(ear.read(), 10)
    print("heard")

asyncio.run(main())
"""
