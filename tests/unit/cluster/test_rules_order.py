"""Root causes first, what follows right after; and the documentation of every id."""

from __future__ import annotations

import re
from pathlib import Path

from haconsole.cluster import rules
from haconsole.cluster.audit.ids import IDS
from haconsole.cluster.rules.causes_rank import RANK
from haconsole.cluster.rules.order import in_order
from haconsole.model.events import Phase
from haconsole.model.findings import Finding, Severity
from haconsole.model.problems import ProblemKind
from tests.unit.cluster.builders import (
    ONE,
    TWO,
    V1,
    V2,
    eth1_down,
    healthy,
    moved_to_two,
    no_answer,
    problem,
    unit,
    units,
)

SOURCES = Path(rules.__file__).parent
DOCS = Path(__file__).parents[3] / "docs" / "findings.md"


def finding(id_: str, severity: Severity = Severity.WARNING, follows: str | None = None) -> Finding:
    return Finding(id=id_, severity=severity, summary=id_, follows_from=follows and f"{follows}///")


def ids(*findings: Finding) -> list[str]:
    return [f.id for f in in_order(findings)]


def test_a_cause_comes_before_what_follows_from_it() -> None:
    assert ids(finding("c", follows="b"), finding("b", follows="a"), finding("a")) == ["a", "b", "c"]


def test_the_tree_with_the_worst_finding_comes_first() -> None:
    found = [
        finding("warning"),
        finding("root", Severity.INFO),
        finding("critical", Severity.CRITICAL, follows="root"),
        finding("info", Severity.INFO),
    ]
    assert ids(*found) == ["root", "critical", "warning", "info"]


def test_an_absent_cause_makes_a_root() -> None:
    assert ids(finding("x", follows="gone")) == ["x"]


def test_the_article_s_second_drill() -> None:
    play = eth1_down(healthy())
    assert play.ids() == ["link-down", "instance-fault", "vip-not-preferred", "no-redundancy"]


def test_the_article_s_third_drill_before_the_vip_has_moved() -> None:
    play = healthy().read(ONE, units(unit("squid", active=False))).probe(V1, no_answer("connection refused"))
    assert play.ids()[:2] == ["squid-down", "vip-not-serving"]


def test_a_dead_node() -> None:
    play = moved_to_two(healthy()).phase(ONE, Phase.WAITING, problem(ProblemKind.TIMED_OUT, f"{ONE}: no answer"))
    assert play.ids() == ["node-unreachable", "vip-not-preferred", "no-redundancy"]
    assert {f.follows_from for f in play.findings()[1:]} == {f"node-unreachable/{ONE}//"}


def test_every_node_silent() -> None:
    play = healthy().wait(8.0).served(V1, V2)
    assert set(play.ids()) == {"node-stale", "vip-holders-unknown"}
    assert [f.follows_from for f in play.all("vip-holders-unknown")] == [f"node-stale/{ONE}//"] * 2
    assert TWO in {f.node for f in play.all("node-stale")}


def used_ids() -> set[str]:
    text = "".join(p.read_text() for p in sorted(SOURCES.glob("*.py")))
    fixed = set(re.findall(r'\bid="([a-z0-9-]+)"', text))
    services = set(re.findall(r'\bid=f"\{service\}(-[a-z-]+)"', text))
    return fixed | {f"{s}{rest}" for s in ("keepalived", "squid") for rest in services}


def test_every_id_is_documented_and_every_documented_id_exists() -> None:
    documented = set(re.findall(r"^### `([a-z0-9-]+)`$", DOCS.read_text(), re.MULTILINE))
    assert documented == used_ids()


def test_ids_in_the_table_of_causes_exist() -> None:
    assert set(RANK) <= used_ids()


WORD = re.compile(r'"([a-z][a-z0-9-]+)"')
QUIET = re.compile(r"not in|\) is |assert not|not \{|not \(|isdisjoint")
NOTHING = re.compile(r"assert (?:wire_ids|judged)\([^\n]*\) == (?:\[\]|\{\})")


def asserted() -> tuple[set[str], set[str]]:
    """(ids that a test of the rules sees fire, ids that one sees quiet).

    A file whose tests find nothing at all, for news that its rules look at, sees its own ids quiet.
    """
    fires: set[str] = set()
    quiet: set[str] = set()
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        text = path.read_text("utf-8")
        lines = text.splitlines()
        silent = {id_ for line in lines if QUIET.search(line) for id_ in WORD.findall(line)}
        told = {id_ for line in lines if not QUIET.search(line) or ") is " in line for id_ in WORD.findall(line)}
        fires |= told
        quiet |= silent | (told if NOTHING.search(text) else set())
    return fires, quiet


def test_every_id_has_a_test_that_sees_it_fire_and_one_that_sees_it_quiet() -> None:
    fires, quiet = asserted()
    assert used_ids() - fires == set(), "nobody sees them fire"
    assert used_ids() - quiet == set(), "nobody sees them quiet"


def test_what_the_table_of_troubles_names_exists() -> None:
    table = (DOCS.parent / "triage.md").read_text("utf-8")
    rows = [line.split("|")[3] for line in table.splitlines() if line.startswith(("| R", "| - "))]
    named = {id_ for cell in rows for id_ in re.findall(r"`([a-z0-9-]+)`", cell) if not id_.startswith("-")}
    assert len(rows) > 40
    assert named <= used_ids() | set(IDS)
