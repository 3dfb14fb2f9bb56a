"""One line: state, what decides it, performance data; for one cluster and for several."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.report.status_nagios import nagios_lines
from tests.unit.cluster.builders import V1, Play, healthy, no_answer, spec
from tests.unit.cluster.stories import played
from tests.unit.report.situations import SITUATIONS

NUMBER = r"-?[0-9]+(\.[0-9]+)?"
PERFORMANCE = re.compile(rf"'[^'=|]+'=(U|{NUMBER}s?;;;0(;[0-9]+)?)")
LINE = re.compile(r"PROXY (OK|WARNING|CRITICAL|UNKNOWN) - [^|]+( \| (?P<numbers>.+))?")


def line(*plays: Play) -> str:
    return nagios_lines([p.snapshot() for p in plays])


def check(text: str) -> None:
    """The plugin guidelines' shape."""
    assert "\n" not in text
    found = LINE.fullmatch(text)
    assert found is not None, text
    rest = found["numbers"] or ""
    while rest:
        number = PERFORMANCE.match(rest)
        assert number is not None, rest
        rest = rest[number.end() :].removeprefix(" ")


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation_is_one_line_with_the_verdict(name: str) -> None:
    play = SITUATIONS[name]()
    check(line(play))
    assert line(play).startswith(f"PROXY {play.verdict.upper()} - ")


def test_healthy() -> None:
    assert line(healthy()) == (
        "PROXY OK - 192.168.2.101 on proxy-serv01 (3 ms), 192.168.2.102 on proxy-serv02 (3 ms) | "
        "'vips_served'=2;;;0;2 'nodes_readable'=2;;;0;2 '192.168.2.101 time'=0.0030s;;;0 '192.168.2.102 time'=0.0030s;;;0 "
        "'proxy-serv01 requests_per_s'=42.00;;;0 'proxy-serv02 requests_per_s'=42.00;;;0"
    )


def test_what_decides_the_state_comes_first() -> None:
    text = line(SITUATIONS["everything at once"]())
    assert text.startswith("PROXY CRITICAL - 192.168.2.101 ")
    assert " more | " in text


def test_causes_come_before_what_follows_from_them() -> None:
    text = line(SITUATIONS["public link down"]())
    assert text.index("public link eth1 is down") < text.index("not on its preferred node")


def test_what_is_not_known_is_u() -> None:
    text = line(SITUATIONS["node unreachable"]())
    assert "'proxy-serv01 requests_per_s'=U" in text and "'nodes_readable'=1;;;0;2" in text
    assert "'192.168.2.101 time'=U" in line(SITUATIONS["not serving"]())


def test_several_clusters_are_one_line_with_the_worst_first() -> None:
    text = line(healthy(), Play(spec(name="edge")).connect().served().probe(V1, no_answer()))
    check(text)
    assert text.startswith("PROXY CRITICAL - edge critical: 192.168.2.101 on proxy-serv01 does not serve clients")
    assert "; proxy ok: 192.168.2.101 on proxy-serv01" in text
    assert "'proxy vips_served'=2" in text and "'edge vips_served'=1" in text


def test_no_cluster_is_unknown() -> None:
    assert nagios_lines([]) == "PROXY UNKNOWN - no cluster is configured"


def test_bars_quotes_and_line_ends_of_nodes_cannot_forge_anything() -> None:
    text = line(healthy(spec(name="a|b'c=d\n")).probe(V1, no_answer("x | 'forged'=1\nPROXY OK")))
    check(text)
    assert text.count("|") == 1


def test_the_text_is_bounded() -> None:
    text = line(healthy().probe(V1, no_answer("ü" * 10_000)))
    check(text)
    assert len(text.encode()) < 4096


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.booleans())
def test_any_story_is_one_line(seed: int, length: int, well: bool) -> None:
    check(line(played(seed, length, well=well)))
