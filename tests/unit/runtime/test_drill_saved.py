"""What a node saved outlives the console: in the drill's journal, compared by the one that ends the drill."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from haconsole.io.clock import SystemClock
from haconsole.model.operation import ReadBack, Saved
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.operations.drills.story import Entry, story, written
from haconsole.runtime.drill_saved import Compared, compare, saved_by
from tests.unit.runtime.test_drill_file import BEGUN

DEFAULT = (4, "static", "default via 203.0.113.1")
SAVED = Saved(
    units=(("keepalived", "active"),), drain_value=None, interface="eth1", routes=(DEFAULT,), addresses6=("2001:db8::5/64",)
)  # fmt: skip
THERE = ReadBack(interface="eth1", routes=SAVED.routes, addresses6=SAVED.addresses6)
GONE = ProblemError(Problem(kind=ProblemKind.LINK_LOST, summary="proxy-serv01: gone"))


@dataclass
class Node:
    """Answers in turn, the last one for ever."""

    answers: list[ReadBack | ProblemError] = field(default_factory=lambda: [THERE])

    async def read_back(self, patience_s: float = 3.0) -> ReadBack:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ProblemError):
            raise answer
        return answer


async def told(*answers: ReadBack | ProblemError) -> Compared:
    found = await compare(SAVED, "proxy-serv01", Node(list(answers)), SystemClock(), limit_s=0.6)
    assert found is not None
    return found


def test_a_journal_keeps_what_the_node_saved() -> None:
    @dataclass
    class Executor:
        saved: Saved | None

    lines = [written(Entry(what="begun", at=1.0, begun=BEGUN)), written(Entry(what="saved", at=2.0, saved=SAVED))]
    assert story(lines).saved == SAVED
    assert story(lines[:1]).saved is None
    assert json.loads(lines[1])["what"] == "saved"
    assert (saved_by(Executor(SAVED)), saved_by(Executor(None)), saved_by(None)) == (SAVED, None, None)


async def test_routes_that_are_late_are_waited_for_and_missing_ones_are_named() -> None:
    bare = replace(THERE, routes=(), addresses6=())
    late = await told(bare, THERE)
    assert (late.ok, late.text) == (True, "1 route and 1 IPv6 address as saved")
    missing = await told(bare)
    assert missing.ok is False and "default via 203.0.113.1" in missing.text and "2001:db8::5/64" in missing.text
    assert "dev eth1" in missing.places[0] and missing.claim.ok is False


async def test_what_cannot_be_read_again_is_not_known_and_without_an_interface_there_is_nothing_to_compare() -> None:
    assert (await told(GONE)).ok is None
    assert (await told(GONE, THERE)).ok is True
    assert await compare(replace(SAVED, interface=None), "proxy-serv01", Node(), SystemClock()) is None
