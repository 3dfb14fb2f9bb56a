"""Running against recommended keepalived.conf: a unified diff, two columns, and the JSON that leaves. Pure.

Both sides are compared as keepalived reads them (`keepalived_lines.comparable`): comments, order and includes
make no difference. Passwords are masked on both, and one that the recommended file has not is a difference. Those
that run are compared from node to node, by salted hashes: whether they are the same is said, and nothing else. The
form is `haconsole.keepalived-config/1`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from haconsole.model.keepalived_conf import Statement
from haconsole.model.record import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """The running passwords of one virtual router. `same` None: not known, `problem` says why."""

    cluster: str
    instance: str
    nodes: tuple[str, ...]
    """Nodes whose file has one, in their order."""
    same: bool | None
    problem: str | None = None

    @property
    def text(self) -> str:
        """In one line."""
        word = {True: "the same", False: "NOT the same", None: "not compared"}[self.same]
        why = "" if self.problem is None else f" ({self.problem})"
        return f"password of {self.instance} on {' and '.join(self.nodes) or 'no node'}: {word}{why}"


def passwords(plan: Plan) -> Iterator[Passwords]:
    """For each virtual router that authenticates on some node: is the password the same on all of them.

    By hashes of the 8 characters that keepalived takes; a node without a password differs from one with it.
    """
    for wanted in plan.instances:
        found: dict[str, Statement | None] = {}
        for node, running in wanted.running.items():
            conf = plan.facts[node].conf
            blocks = conf.blocks("vrrp_instance") if conf is not None else ()
            own = next((b for b in blocks if b.place == running.place), None)
            auth = None if own is None else own.first("authentication")
            found[node] = None if auth is None else auth.first("auth_pass")
        nodes = tuple(n for n, s in found.items() if s is not None)
        if not nodes:
            continue
        hashes = [s.secret_hash for s in found.values() if s is not None]
        same: bool | None = len(set(hashes)) == 1 and None not in hashes
        problem = None
        if len(nodes) < len(found):
            same, problem = False, f"{' and '.join(n for n in found if n not in nodes)} has none"
        elif len(nodes) < len(plan.cluster.nodes):
            same, problem = None, "the others do not run it, or were not read"
        elif None in hashes:
            same, problem = None, "the login itself must be able to read the file: sudo is not used for it"
        yield Passwords(cluster=plan.cluster.name, instance=wanted.name, nodes=nodes, same=same, problem=problem)


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


class RouterPasswords(_Part):
    """Are the passwords of one virtual router the same; null: not known, `problem` says why. Never what they are."""

    cluster: str
    instance: str
    nodes: list[str]
    same: bool | None
    problem: str | None


def diff_document(all_compared: Sequence[Compared], secrets: Sequence[Passwords] = ()) -> dict[str, object]:
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
    told = [
        RouterPasswords(cluster=s.cluster, instance=s.instance, nodes=list(s.nodes), same=s.same, problem=s.problem)
        for s in secrets
    ]
    return {
        "schema": SCHEMA, "nodes": [n.model_dump() for n in nodes], "passwords": [p.model_dump() for p in told],
    }  # fmt: skip


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
