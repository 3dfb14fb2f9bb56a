"""Rolling maintenance: what is told about where it stands, and how to go on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.operations.actions import Method
from haconsole.operations.maintenance_flow import Flow, Stage
from haconsole.parse.text import clean

_STANDS: Final[Mapping[Stage, str]] = {
    Stage.DRAIN: "nothing was done to it yet",
    Stage.DRAINING: "its drain was begun: the node takes back what was not finished",
    Stage.WAITING: "drained; its reboot, or the word that the work is done, is waited for",
    Stage.AWAY: "did not answer when last looked at: rebooting",
    Stage.CHECKS: "is back; its checks do not all hold yet",
    Stage.UNDRAIN: "its checks hold; it is to be undrained",
    Stage.PLACES: "is given back; VIPs go to their places",
    Stage.DONE: "done",
}


def stand(flow: Flow, index: int) -> str:
    """Where one of its nodes stands, while nobody drives it."""
    return "done" if index < flow.at else _STANDS[flow.stage] if index == flow.at else "its turn comes later"


def stands(flow: Flow) -> tuple[str, ...]:
    """Who, why, and where each node stands: for `--status`, and when a console leaves."""
    why = "".join(f", {name} {word}" for name, word in (("reason", flow.reason), ("ticket", flow.ticket)) if word)
    lines = [f"maintenance of {flow.cluster} by {flow.operator}{why}"]
    lines += [f"  {name}: {stand(flow, index)}" for index, name in enumerate(flow.nodes)]
    return tuple(clean(line) for line in lines)


def how_to_go_on(flow: Flow) -> tuple[str, ...]:
    """What holds now, and the commands that go on or give up."""
    lines = ["nothing is half done. Go on, also from a new console: haconsole maintain --resume"]
    if flow.stage in {Stage.WAITING, Stage.AWAY, Stage.CHECKS, Stage.UNDRAIN}:
        ends = (
            "until somebody ends it" if flow.until is None and flow.method != Method.STOP.value else "to its deadline"
        )
        lines.insert(
            0,
            f"a drain of {flow.node} lasts {ends}, or to its reboot; give it back: haconsole node undrain {flow.node}",
        )
    return (*lines, "give up (no node is touched): haconsole maintain --give-up")
