"""A console on an embedded cluster whose first node hears a storm of 20,000 adverts a second; run on a terminal.

Half of the storm comes from one sender, half from ever new ones on all VRIDs. It enters as captured records,
where a node's tcpdump would bring them: decoded, thinned out, counted and tracked as in earnest.
`--quiet`: without it, to tell what is the machine's.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from ipaddress import IPv4Address
from pathlib import Path

from haconsole.cli.demo import embedded
from haconsole.model.packets import Advert, Checksum, Envelope
from haconsole.runtime.assemble import production
from haconsole.runtime.heard import Intake, Sieve
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.tui.run import run_console
from haconsole.wire import frames, pcap, vrrp

PER_S = 20_000
CHUNK_S = 0.01
BACKLOG = 2_000
"""Records that may wait where the machine is too slow; a kernel would lose the rest too."""
GROUP = IPv4Address("224.0.0.18")


def advert(source: IPv4Address, vrid: int) -> bytes:
    """An Ethernet frame with one advert."""
    value = Advert(
        envelope=Envelope(source=source, destination=GROUP, hop_limit=255), version=2, vrid=vrid, priority=100,
        interval_s=1.0, addresses=(IPv4Address("10.0.0.1"),), auth_type=0, checksum=Checksum.OK,
    )  # fmt: skip
    packet = frames.ipv4(vrrp.encode(value), source, GROUP)
    return frames.ethernet(
        packet, source_mac="02:00:00:00:00:66", destination_mac="01:00:5e:00:00:12", ethertype=frames.IPV4
    )


def main(*, quiet: bool) -> int:
    with embedded("healthy", 1.0) as specs, tempfile.TemporaryDirectory() as folder:
        parts = production()
        monitor = Monitor(specs[0], parts.connector, parts.probe, parts.clock)
        assert monitor.hearing is not None
        hearing, chance = monitor.hearing, random.Random(1)
        invented = [
            advert(IPv4Address(0x0A000000 + chance.randrange(1 << 24)), chance.randrange(1, 256)) for _ in range(50_000)
        ]
        loud = advert(IPv4Address("10.9.9.9"), 77)

        async def storm() -> None:
            intake = Intake(specs[0].nodes[0].name, Sieve())
            loop, sent = asyncio.get_running_loop(), 0
            begun = loop.time()
            while True:
                await asyncio.sleep(CHUNK_S)
                due, at = int((loop.time() - begun) * PER_S), parts.clock.now()
                sent = max(sent, due - BACKLOG)
                records = [
                    pcap.Record(at, loud if n % 2 else invented[n // 2 % len(invented)], 60, 1)
                    for n in range(sent, due)
                ]
                sent = due
                hearing.take(intake.take(records, error_s=0.0, now=at))
                hearing.news(intake.counts(at))

        async def sources() -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(run_all([monitor], parts.connector))
                if not quiet:
                    tasks.create_task(storm())

        memory = Path(folder)
        return run_console(
            [monitor], clock=parts.clock.now, operator="bench", run_sources=sources,
            remember=memory / "console.json", user_themes=memory,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(quiet="--quiet" in sys.argv))
