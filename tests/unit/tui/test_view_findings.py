"""Findings: the root cause first, what follows from it under it, and each with its evidence."""

from dataclasses import replace

import pytest

from haconsole.model.findings import Evidence, Finding, Severity, Verdict
from haconsole.tui.view.findings import copy_of, count_text, finding_details, finding_rows, since_of, verdict_line
from haconsole.tui.view.text import Level, plain, width_of
from tests.unit.tui import scenes


def texts(shown, width=116):
    return [plain(row.line) for row in finding_rows(shown, width)]


def details(shown, finding, width=100):
    return [plain(row.line) for row in finding_details(finding.key, shown, width, scenes.TIMES)]


def test_the_root_cause_comes_first_and_what_follows_is_indented():
    first, second = texts(scenes.eth1_down())
    assert first.startswith("▲ proxy-serv02 cannot be a master")
    assert first.endswith("1 min ago")
    assert second.startswith("  └ ▲ 192.168.2.102 is not on its preferred node")


def link_down(*at):
    """A finding whose evidence has these times."""
    evidence = tuple(Evidence(source="kernel on proxy-serv02", text="eth1: switched off", at=t) for t in at)
    return Finding(id="link-down", severity=Severity.WARNING, node=scenes.TWO, summary="down", evidence=evidence)


def test_a_reading_is_no_age_however_often_it_is_renewed():
    shown = scenes.eth1_down().picture
    node = shown.node(scenes.TWO)
    read = [node.kernel_at, node.units_at, node.squid_at, node.dump_at, node.heard_at]
    assert all(at is not None for at in read)
    assert [since_of(link_down(at), shown) for at in read] == [None] * len(read)
    later = replace(shown, nodes=tuple(replace(n, kernel_at=shown.at) for n in shown.nodes))
    assert since_of(link_down(shown.at), later) is None
    assert since_of(link_down(shown.at, scenes.NOW - 71.5), later) == scenes.NOW - 71.5
    row = finding_rows(replace(scenes.eth1_down(), findings=(link_down(node.kernel_at),)), 100)[0]
    assert plain(row.line).rstrip() == "▲ down"


def test_evidence_that_was_read_does_not_look_like_a_change():
    shown = scenes.eth1_down()
    read, told = link_down(shown.picture.node(scenes.TWO).kernel_at), link_down(scenes.NOW - 71.534)
    first = replace(shown, findings=(read,))
    assert "read at 14:0" in details(first, read)[details(first, read).index("Evidence") + 1]
    second = replace(shown, findings=(told,))
    assert "read at" not in details(second, told)[details(second, told).index("Evidence") + 1]


def test_a_change_that_is_also_the_latest_that_was_heard_is_a_change():
    shown = scenes.eth1_down().picture
    change = next(o.at for o in shown.log if o.text == "eth1 up, no carrier")
    heard = replace(shown, nodes=tuple(replace(n, kernel_at=change) for n in shown.nodes))
    assert since_of(link_down(change), heard) == change


def test_a_node_that_fell_silent_did_so_when_it_was_last_heard():
    shown = scenes.unreachable().picture
    heard = shown.node(scenes.TWO).heard_at
    assert since_of(link_down(heard), shown) == heard


def test_since_when_is_what_the_rule_says_where_it_says_so():
    shown = scenes.eth1_down().picture
    assert since_of(replace(link_down(scenes.NOW - 500), since=scenes.NOW - 3), shown) == scenes.NOW - 3


def test_nothing_found_is_only_good_news_when_everything_is_known():
    assert texts(scenes.healthy()) == ["● nothing found: every VIP is held and serves"]
    assert texts(scenes.connecting()) == ["… looking: not everything has been read yet"]
    unknown = replace(scenes.healthy(), verdict=Verdict.UNKNOWN)
    assert texts(unknown) == ["? not enough is known to say that all is well"]


def test_counts_name_the_worst_first():
    notes = [
        Finding(id=str(i), severity=s, summary="")
        for i, s in enumerate([Severity.INFO, Severity.CRITICAL, Severity.WARNING])
    ]
    unknown = Finding(id="u", severity=Severity.WARNING, summary="", unknown=True)
    assert count_text([*notes, notes[2], unknown]) == "1 critical, 1 unknown, 2 warnings, 1 note"
    assert count_text([]) == ""


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (scenes.healthy(), "● all well"),
        (scenes.eth1_down(), "▲ 2 warnings"),
        (scenes.split_brain(), "✖ 1 critical"),
        (scenes.connecting(), "? unknown"),
        (scenes.unprivileged(), "? 1 unknown"),
        (replace(scenes.eth1_down(), verdict=Verdict.UNKNOWN), "? unknown, 2 warnings"),
    ],
)
def test_the_verdict_in_a_word(shown, line):
    assert plain(verdict_line(shown)) == line


def test_a_finding_in_full_has_evidence_with_source_and_age_and_a_remedy():
    text = details(scenes.eth1_down(), scenes.ETH1_DOWN)
    assert text[0] == "  ▲ proxy-serv02 cannot be a master: public link eth1 is down (no carrier)"
    assert "  node          proxy-serv02" in text
    evidence = text.index("Evidence")
    assert text[evidence + 1].startswith("  kernel on proxy-serv02")
    assert text[evidence + 1].endswith("14:01:19.800, 1 min ago")
    assert text[evidence + 2] == "    eth1: up, no carrier"
    assert any("Look at the cable" in line for line in text[text.index("What to do") :])


def test_a_finding_shows_what_it_follows_from_and_what_follows_from_it():
    assert "What follows from it" in details(scenes.eth1_down(), scenes.ETH1_DOWN)
    child = details(scenes.eth1_down(), scenes.NOT_PREFERRED)
    assert child[child.index("Follows from") + 1].startswith("▲ proxy-serv02 cannot be a master")


def test_a_finding_that_went_away_while_one_reads_it_says_so():
    assert "no longer there" in details(scenes.healthy(), scenes.SPLIT)[0]


def test_without_evidence_or_remedy_it_says_so():
    bare = Finding(id="bare", severity=Severity.WARNING, summary="something")
    shown = replace(scenes.healthy(), findings=(bare,))
    text = details(shown, bare)
    assert "  none was recorded" in text
    assert "  no remedy is known" in text


def test_a_copied_finding_is_fit_for_a_ticket():
    copied = copy_of(scenes.SPLIT)
    assert (
        copied.splitlines()[0]
        == "[critical] 192.168.2.101 is on proxy-serv01 and on proxy-serv02: split brain  (vip-held-twice)"
    )
    assert "  kernel on proxy-serv01: 192.168.2.101/24 on eth0 (eth0:1)" in copied
    assert copied.splitlines()[-1].startswith("  remedy: Do not restart blindly.")


@pytest.mark.parametrize("width", [40, 78, 116])
def test_every_row_fits(width):
    for shown in (scenes.eth1_down(), scenes.hostile()):
        rows = finding_rows(shown, width)
        pages = [r for f in shown.findings for r in finding_details(f.key, shown, width, scenes.TIMES)]
        assert all(width_of(row.line) <= width for row in (*rows, *pages))


def test_an_unknown_keeps_its_own_sign():
    assert finding_rows(scenes.unprivileged(), 80)[0].level is Level.UNKNOWN
