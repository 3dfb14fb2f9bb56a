"""What is written down of a drill while it runs, line by line, so that another console could end it: its journal."""

from __future__ import annotations

from collections.abc import Callable

from haconsole.io.drill_file import DrillFileError, Journal
from haconsole.io.ports import Clock
from haconsole.model.drill import DrillRecord
from haconsole.model.operation import Saved
from haconsole.operations.drills import figures, judge
from haconsole.operations.drills.story import Begun, Entry
from haconsole.runtime.drill_watch import Watch
from haconsole.runtime.executor import Told


class Book:
    """The journal of one run; held until `close`."""

    def __init__(self, journal: Journal, watch: Watch, clock: Clock, case: Callable[[], figures.Case]) -> None:
        """case: as far as it can be judged now."""
        self._journal, self._watch, self._clock, self._case = journal, watch, clock, case
        self._begun = False
        """It has its first line."""
        self._moments = 0
        """So many of the time line's are in it."""

    @property
    def abort_asked(self) -> bool:
        """Another console of this machine wants it to end."""
        return self._journal.run.abort_asked

    @property
    def trouble(self) -> str | None:
        """Why something of it could not be kept, once it could not: the drill went on all the same."""
        return self._journal.trouble

    def begin(self, at: float, begun: Begun) -> None:
        """What is to be done, or what is known of it by now. Raises: DrillFileError: nothing may be touched."""
        self._journal.first(Entry(what="begun", at=at, begun=begun))
        self._begun = True

    def step(self, told: Told, saved: Saved | None) -> None:
        """A step of the executor that the watch has seen. saved: what its node saved, once that is known."""
        now, steps = self._clock.now(), self._watch.seen.steps
        if told.ended is not None:
            self._journal.add(Entry(what="step", at=now, step=steps[-1]))
            if told.step == "save" and saved is not None:
                self._journal.add(Entry(what="saved", at=now, saved=saved))
            if told.step == "put-back":
                self._figures()
        elif told.step == "put-back" and "put-back" not in {s.name for s in steps}:
            self._watch.look()
            self._figures()

    def _figures(self) -> None:
        """For whoever has to end it: what is known by now."""
        case, now = self._case(), self._clock.now()
        self._journal.add(Entry(what="measured", at=now, measured=figures.measured(case)))
        self._journal.add(Entry(what="during", at=now, during=judge.during(case)))
        self._journal.add(Entry(what="addresses", at=now, addresses=dict(self._watch.during)))

    def moments(self) -> None:
        """Those of the time line that are new."""
        news = self._watch.seen.told_since(self._moments) if self._begun else ()
        for moment in news:
            self._journal.add(Entry(what="moment", at=self._clock.now(), moment=moment), sync=False)
        self._moments += len(news)

    def end(self, record: DrillRecord) -> None:
        """The whole record. What cannot be written is told by `trouble`: what was done is no less done."""
        try:
            self._journal.end(record, self._watch.pcap())
        except DrillFileError as error:
            self._journal.trouble = str(error)

    def close(self) -> None:
        """Let go of it."""
        self._journal.close()
