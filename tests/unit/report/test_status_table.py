"""The table: fits, needs no colour, tells every situation, and nothing that a node says can draw."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from haconsole.model.events import Phase, Subject
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import TrackedScript, VrrpState
from haconsole.model.spec import NodeSpec
from haconsole.report.status_table import status_table
from tests.unit.cluster.builders import ONE, V1, Play, daemon, healthy, instance, no_answer, problem, spec
from tests.unit.cluster.ears import A, advert, listening
from tests.unit.cluster.stories import played
from tests.unit.report.situations import SITUATIONS


def drawn(*plays: Play, width: int = 80, color: bool = False, zone: str = "UTC") -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, no_color=not color, force_terminal=color, highlight=False, markup=False, emoji=False
    )
    console.print(status_table([p.snapshot() for p in plays], UTC if zone == "UTC" else ZoneInfo(zone)))
    return out.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation_fits(name: str, width: int) -> None:
    lines = drawn(SITUATIONS[name](), width=width).splitlines()
    assert lines
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("name", SITUATIONS)
def test_without_colour_there_is_no_escape_sequence(name: str) -> None:
    assert "\x1b" not in drawn(SITUATIONS[name]())


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_finding_is_told_with_its_remedy(name: str) -> None:
    play = SITUATIONS[name]()
    text = flat(drawn(play, width=4000))
    for finding in play.findings():
        assert flat(finding.summary) in text
        assert finding.remedy is not None
        assert all(flat(line) in text for line in finding.remedy.split("\n"))


def test_healthy() -> None:
    text = drawn(healthy())
    assert "● proxy  ok" in text
    assert "2027-01-15 08:00:00 UTC" in text
    assert re.search(r"● +192\.168\.2\.101 +proxy-serv01 +proxy-serv01 +200, 3 ms +23:59:59", text)
    assert "● every VIP is held and serves" in text
    assert not set("▲✖?…") & set(text)


def test_nodes_stand_side_by_side_where_there_is_room() -> None:
    titles = [line for line in drawn(healthy()).splitlines() if "192.168.2.251 " in line and "192.168.2.252" in line]
    assert len(titles) == 1
    assert not [
        line for line in drawn(healthy(), width=60).splitlines() if "proxy-serv01" in line and "192.168.2.252" in line
    ]
    three = drawn(healthy(spec(nodes=3)), width=120).splitlines()
    assert any(all(n in line for n in ("proxy-serv01", "proxy-serv02", "proxy-serv03")) for line in three)


def test_a_broken_node_and_what_follows_from_it() -> None:
    text = drawn(SITUATIONS["public link down"]())
    assert re.search(r"▲ +192\.168\.2\.101 +proxy-serv02 +proxy-serv01", text)
    assert "▲ proxy-serv01" in text and "● proxy-serv02" in text
    assert "proxy_ip1 ✖ FAULT 255/255" in text and "eth1       ✖ no carrier" in text
    causes = [line for line in text.splitlines() if re.match(r" *(└ )?[▲✖]", line)]
    assert causes[-4].startswith("▲ proxy-serv01: public link eth1 is down")
    assert causes[-3].startswith("  └ ▲ proxy-serv01 cannot be a master")
    assert causes[-2].startswith("    └ ▲ 192.168.2.101 is on proxy-serv02")


def test_an_unreadable_node_says_why_and_shows_none_of_its_old_values() -> None:
    text = drawn(SITUATIONS["node unreachable"](), width=70)
    assert "? not readable: nothing is known now" in text
    assert "2 s ago" in text
    first = text[text.index("▲ proxy-serv01") : text.index("● proxy-serv02")]
    assert "proxy_ip1" not in first and "3128" not in first


def test_a_vip_is_never_well_without_evidence() -> None:
    assert re.search(r"\? +192\.168\.2\.101 +\? ", drawn(SITUATIONS["all unreachable"]()))
    assert re.search(
        r"\? +192\.168\.2\.101 +proxy-serv01 +proxy-serv01 +\? not known", drawn(SITUATIONS["client stale"]())
    )
    assert re.search(r"✖ +192\.168\.2\.101 +none", drawn(SITUATIONS["held by none"]()))
    assert "no VIP is known" in drawn(Play())


def test_a_node_that_is_not_read_yet_is_in_progress() -> None:
    text = drawn(Play().phase(ONE, Phase.CONNECTING))
    assert "… proxy-serv01" in text and "… not read yet" in text


def test_witnesses_that_disagree_are_both_shown() -> None:
    play = healthy().wait(9.0).beat().removed(ONE, f"{V1}/24").wait(2.0).beat().served()
    assert "(keepalived says proxy-serv01)" in flat(drawn(play, width=120))


def test_the_time_is_local_and_names_its_zone() -> None:
    assert "2027-01-15 09:00:00 CET" in drawn(healthy(), zone="Europe/Berlin")
    evidence = flat(drawn(SITUATIONS["public link down"](), zone="Europe/Berlin"))
    assert "kernel on proxy-serv01, 09:00:00: eth1: no carrier" in evidence


def test_proof_from_another_day_says_which() -> None:
    snapshot = SITUATIONS["public link down"]().snapshot()
    found = snapshot.findings[0]
    old = replace(found, evidence=tuple(replace(e, at=snapshot.picture.at - 12 * 86400.0) for e in found.evidence))
    out = io.StringIO()
    console = Console(file=out, width=80)
    console.print(status_table([replace(snapshot, findings=(old, *snapshot.findings[1:]))], UTC))
    assert "kernel on proxy-serv01, Jan 03 08:00: eth1: no carrier" in flat(out.getvalue())


def test_several_clusters_one_after_the_other() -> None:
    text = drawn(healthy(), SITUATIONS["not serving"]())
    assert text.index("● proxy  ok") < text.index("✖ proxy  critical")


def test_colour_says_the_same_as_the_signs() -> None:
    assert "\x1b[32m●" in drawn(healthy(), color=True)
    assert "\x1b[1;31m✖" in drawn(SITUATIONS["held by none"](), color=True)


HOSTILE = "[red]x[/red] [/] :smile: \x1b[31m\x07\x9b2J\u202e https://e.invalid [link=x]y[/link]"


def hostile() -> Play:
    """Every place where a foreign word can get in."""
    play = healthy()
    name = HOSTILE + "1"
    scripts = (TrackedScript(name=HOSTILE, ok=False),)
    play.read(ONE, daemon(instance(name, VrrpState.FAULT, tracked_scripts=scripts)))
    play.probe(V1, no_answer(HOSTILE))
    return play.failed(ONE, Subject.SQUID_CHECK, problem(ProblemKind.COMMAND_FAILED, HOSTILE, f"{HOSTILE}\n{HOSTILE}"))


def test_markup_and_control_characters_of_nodes_are_only_text() -> None:
    text = drawn(hostile(), width=400)
    assert "[red]x[/red] [/] :smile:" in text and "[link=x]y[/link]" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    coloured = re.sub(r"\x1b\[[0-9;]*m", "", drawn(hostile(), width=400, color=True))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", coloured)


def test_long_names_are_folded_not_cut() -> None:
    long = "proxy-serv-with-a-name-that-nobody-would-like-to-type-at-three-in-the-morning-01"
    cluster = replace(
        spec(), nodes=(NodeSpec(name=long, address="2001:db8:1111:2222:3333:4444:5555:6666"), spec().nodes[1])
    )
    text = drawn(Play(cluster))
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert long in re.sub(r"\s", "", text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.sampled_from([40, 80, 132]))
def test_any_story_can_be_drawn(seed: int, length: int, width: int) -> None:
    text = drawn(played(seed, length, well=True), width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


def test_the_wire_s_witness_is_shown_where_it_disagrees() -> None:
    ears = listening().steady(advert(A, 1), 0.1, 10.1).second(20)
    assert "(adverts from nobody)" in flat(drawn(ears.tell(20), width=200))
    agreed = listening().steady(advert(A, 1), 0.1, 20).second(20).tell(20)
    assert "adverts" not in drawn(agreed)
