"""What `haconsole drill`'s commands share: a watched cluster, steps on stderr, signals, the outcome on stdout."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haconsole.cli import output, setup
from haconsole.model.drill import DrillRecord
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from haconsole.io.drill_file import DrillFolder
    from haconsole.model.spec import ClusterSpec
    from haconsole.runtime.assemble import Parts
    from haconsole.runtime.executor import Told
    from haconsole.runtime.monitor import Monitor

_SIGNS: Final = {True: "●", False: "✖", None: "?"}


@asynccontextmanager
async def followed(
    spec: ClusterSpec, made: Callable[[Monitor, Parts], object] = lambda m, p: None
) -> AsyncIterator[tuple[Monitor, Parts]]:
    """One cluster, watched as long as the block lasts. made: called before anything is read."""
    from haconsole.runtime.assemble import production
    from haconsole.runtime.monitor import Monitor, run_all

    parts = production(setup.TerminalPrompter())
    monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
    made(monitor, parts)
    following = asyncio.ensure_future(run_all([monitor], parts.connector))
    try:
        yield monitor, parts
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class Steps:
    """Steps as lines on standard error, the running one in place."""

    def __init__(self, stop: Callable[[], None] = lambda: None) -> None:
        self.progress = output.Progress()
        self._stop, self._stopping = stop, False

    def told(self, step: Told) -> None:
        left = "" if step.left_s is None else f"   the node heals itself in {step.left_s:.0f} s"
        if step.ended is None:
            self.progress.show(f"… {step.step}: {step.text}{left}")
            return
        self.progress.clear()
        output.talk(f"{'●' if step.ok else '✖'} {step.step}: {step.text}")

    def stop(self) -> None:
        """Ctrl-C, a hang-up: put back. Once more changes nothing."""
        self.progress.clear()
        if not self._stopping:
            output.talk("stopping: what was changed is put back, and verified …")
        self._stopping = True
        self._stop()


@contextmanager
def stoppable(steps: Steps) -> Iterator[None]:
    """From now on signals ask to stop, and end nothing."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for each in signals:
        loop.add_signal_handler(each, steps.stop)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


# --- outcome ----------------------------------------------------------------------------------------------


def write_report(record: DrillRecord, folder: DrillFolder, target: Path | None) -> None:
    """The report of `record`, whose run is in `folder`, to `target`; None: none is wanted. What fails is told."""
    if target is None:
        return
    from haconsole.io.drill_file import DrillFileError
    from haconsole.report import drill_files

    try:
        pcap = folder.run(record.id).pcap()
    except DrillFileError:
        pcap = None
    try:
        drill_files.write(record, pcap, target)
    except (drill_files.DrillFilesError, OSError) as error:
        output.talk(
            f"haconsole: the report could not be written to {target}: {error}; "
            f"`haconsole drill report {record.id} --report DIR` tries again"
        )
        return
    output.talk(f"haconsole: the report is in {target}")


def show(record: DrillRecord, form: str) -> None:
    """The outcome, on stdout: `haconsole.drill/1`, or claims and figures for a person."""
    if form == "json":
        from haconsole.report.drill import document

        output.document(document(record))
        return
    result = "?" if record.result is None else record.result.value
    output.data(f"{result}: {clean(record.text)}")
    for phase, claims in (
        ("before", record.hypothesis.before),
        ("during", record.hypothesis.during),
        ("after", record.hypothesis.after),
    ):
        for claim in claims:
            if phase != "before" or claim.ok is not True:
                output.data(f"  {_SIGNS[claim.ok]} {phase}: {clean(claim.text)}: {clean(claim.evidence)}")
    for name, told in (
        ("takeover", record.measured.takeover_s), ("outage", record.measured.outage_s),
        ("failback outage", record.measured.failback_outage_s),
    ):  # fmt: skip
        words = ", ".join(f"{vip} {'not measured' if s is None else f'{s:.3f} s'}" for vip, s in told.items())
        if words:
            output.data(f"  {name}: {words}")
    for place in record.look_at:
        output.data(f"  look at: {clean(place)}")
    output.data(f"  id: {record.id}")
