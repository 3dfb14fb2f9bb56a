"""A console on an embedded cluster into whose monitor 200 more events arrive each second; run on a terminal.

`--quiet`: without them, to tell what is the machine's.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
from pathlib import Path

from haconsole.cli.demo import embedded
from haconsole.model.events import KernelEvent, LogHeard
from haconsole.model.readings import LogLine
from haconsole.parse.iproute import parse_monitor_line
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.tui.run import run_console

PER_S = 200


def main(*, quiet: bool) -> int:
    with embedded("healthy", 1.0) as specs, tempfile.TemporaryDirectory() as folder:
        parts = production()
        monitor = Monitor(specs[0], parts.connector, parts.probe, parts.clock)
        nodes = [n.name for n in specs[0].nodes]

        async def flood() -> None:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for number in itertools.count():
                await asyncio.sleep(max(0.0, begun + number / PER_S - loop.time()))
                node, at = nodes[number % len(nodes)], parts.clock.now()
                if number % 4 == 0:
                    deleted = "Deleted " if number % 8 else ""
                    text = f"{deleted}2: eth0    inet 192.168.2.{200 + number // 8 % 20}/32 scope global eth0"
                    change = parse_monitor_line(text)
                    assert change is not None
                    monitor.emit(KernelEvent(node=node, at=at, change=change))
                else:
                    text = f"line {number} of a chatty program, long enough to fill what a terminal has of a row"
                    line = LogLine(program="other", ident="chatty", text=text, node_time_s=at)
                    monitor.emit(LogHeard(node=node, at=at, line=line))

        async def sources() -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(run_all([monitor], parts.connector))
                if not quiet:
                    tasks.create_task(flood())

        memory = Path(folder)
        return run_console(
            [monitor], clock=parts.clock.now, operator="bench", run_sources=sources,
            remember=memory / "console.json", user_themes=memory,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(quiet="--quiet" in sys.argv))
