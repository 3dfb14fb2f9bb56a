"""Running against recommended keepalived.conf: a unified diff, two columns, and the JSON that leaves. Pure.

Both sides are compared as keepalived reads them (`keepalived_lines.comparable`): comments, order and includes
make no difference. Passwords are masked on both; what is taken over from the running file is its own password,
so that it is equal, and one that the recommended file has not is a difference. The form is
`haconsole.keepalived-config/1`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from haconsole.model.spec import NodeSpec
from haconsole.parse.keepalived_conf import parse
from haconsole.report.keepalived_config import Rendered, render
from haconsole.report.keepalived_lines import Line, comparable
from haconsole.report.keepalived_values import Plan

SCHEMA: Final = "haconsole.keepalived-config/1"
CONTEXT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One node's two files in the form for comparing; `running` None: not read, `problem` says why."""

    cluster: str
    node: str
    file: str
    running: tuple[Line, ...] | None
    wanted: tuple[Line, ...]
    problem: str | None = None

    @property
    def same(self) -> bool | None:
        """None: not known."""
        return None if self.running is None else tuple(self.running) == tuple(self.wanted)


def compare(plan: Plan, node: NodeSpec) -> Compared:
    """Raises: PlanError, as `render`; ParseError never, for it reads what was rendered."""
    fact, file = plan.facts[node.name], plan.cluster.keepalived_config
    text = render(plan, node, secrets=True).text
    return Compared(
        cluster=plan.cluster.name,
        node=node.name,
        file=file,
        running=None if fact.conf is None else tuple(comparable(fact.conf)),
        wanted=tuple(comparable(parse({file: text}, file, hostname=node.name))),
        problem=fact.problem,
    )


def unified(compared: Compared) -> Iterator[str]:
    """The diff of a node, `diff -u` style; nothing where both are the same."""
    if compared.running is None:
        return
    yield from difflib.unified_diff(
        compared.running,
        compared.wanted,
        f"{compared.node} running {compared.file}",
        f"{compared.node} recommended",
        n=CONTEXT,
        lineterm="",
    )


def columns(compared: Compared) -> Iterator[tuple[str, str, str]]:
    """(running, sign, recommended), line by line: ` ` equal, `<` only running, `>` only recommended, `|` changed."""
    left, right = compared.running or (), compared.wanted
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ((x, " ", x) for x in left[a:b])
            continue
        pairs = min(b - a, d - c)
        yield from ((x, "|", y) for x, y in zip(left[a : a + pairs], right[c : c + pairs], strict=True))
        yield from ((x, "<", "") for x in left[a + pairs : b])
        yield from (("", ">", y) for y in right[c + pairs : d])


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DiffLine(_Part):
    """One line that only one side has. `file` and `line`: where the running one stands."""

    side: Literal["running", "recommended"]
    text: str
    file: str | None
    line: int | None


class NodeDiff(_Part):
    """`same` null: the node was not read, and `error` says why."""

    cluster: str
    node: str
    file: str
    same: bool | None
    error: str | None
    lines: list[DiffLine] | None


class NodeFile(_Part):
    """One node's recommended file. `error`: why its running one was not read."""

    cluster: str
    node: str
    file: str
    read: bool
    error: str | None
    notes: list[str]
    text: str


def diff_document(all_compared: Sequence[Compared]) -> dict[str, object]:
    """The JSON of `diff`."""
    nodes = [
        NodeDiff(
            cluster=c.cluster,
            node=c.node,
            file=c.file,
            same=c.same,
            error=c.problem,
            lines=None if c.running is None else list(_lines(c)),
        )
        for c in all_compared
    ]
    return {"schema": SCHEMA, "nodes": [n.model_dump() for n in nodes]}


def _lines(compared: Compared) -> Iterator[DiffLine]:
    left, right = compared.running or (), compared.wanted
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for one in left[a:b]:
            place = one.place
            yield DiffLine(
                side="running",
                text=str(one),
                file=None if place is None else place.file,
                line=None if place is None else place.line,
            )
        yield from (DiffLine(side="recommended", text=str(x), file=None, line=None) for x in right[c:d])


def render_document(files: Sequence[tuple[Plan, Rendered]]) -> dict[str, object]:
    """The JSON of `render`."""
    nodes = [
        NodeFile(
            cluster=plan.cluster.name,
            node=each.node,
            file=each.file,
            read=plan.facts[each.node].conf is not None,
            error=plan.facts[each.node].problem,
            notes=list(each.notes),
            text=each.text,
        )
        for plan, each in files
    ]
    return {"schema": SCHEMA, "nodes": [n.model_dump() for n in nodes]}
