"""The same by scapy, on a sample."""

from __future__ import annotations

import json
import logging
import sys
import time

logging.getLogger("scapy").addHandler(logging.NullHandler())

from scapy.layers import l2  # noqa: E402, F401 - binds Ethernet
from scapy.layers.inet import IP  # noqa: E402
from scapy.layers.vrrp import VRRP, VRRPv3  # noqa: E402
from scapy.utils import PcapReader  # noqa: E402


def main(path: str) -> None:
    masters: dict[int, tuple[str, int, float]] = {}
    count, started = 0, time.process_time()
    with PcapReader(path) as reader:
        for packet in reader:
            advert = packet.getlayer(VRRP) or packet.getlayer(VRRPv3)
            if advert is None:
                continue
            masters[advert.vrid] = (packet[IP].src, advert.priority, float(packet.time))
            count += 1
    print(json.dumps({"cpu_s": time.process_time() - started, "adverts": count, "routers": len(masters)}))


if __name__ == "__main__":
    main(sys.argv[1])
