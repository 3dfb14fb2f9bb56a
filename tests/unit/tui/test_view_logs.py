"""The log in columns: aligned in time, never out of order, and the lines that a finding is about."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.events import Subject
from haconsole.model.findings import Evidence
from haconsole.model.state import Known
from haconsole.tui.view import logs
from haconsole.tui.view.events import key_of
from haconsole.tui.view.text import plain, width_of
from tests.unit.tui import scenes

ONE, TWO = scenes.ONE, scenes.TWO
steps = st.lists(
    st.tuples(st.sampled_from([ONE, TWO, "client", "wire"]), st.sampled_from([0.0, 0.001, 0.05, 0.2, 3.0])), max_size=30
)


def log_of(told):
    at, log = 0.0, []
    for origin, after in told:
        at += after
        log.append(scenes.said(-at, origin, "keepalived", f"line {len(log)}"))
    return scenes.numbered(log)


@given(steps)
def test_rows_keep_every_line_in_its_order(told):
    log = log_of(told)
    rows = logs.moments(log, (ONE, TWO))
    assert [o for row in rows for o in row] == list(log)
    for row in rows:
        assert len({o.origin for o in row}) == len(row)
        assert row[-1].at - row[0].at <= logs.TOGETHER_S
        assert len(row) == 1 or all(o.origin in {ONE, TWO} for o in row)


def test_two_nodes_within_a_moment_share_a_row_and_the_later_one_says_by_how_much():
    log = scenes.numbered(
        [
            scenes.said(10, ONE, "keepalived", "(a) Entering FAULT STATE"),
            scenes.said(9.95, TWO, "keepalived", "(a) Entering MASTER STATE"),
        ]
    )
    rows = logs.LogColumns(logs.moments(log, (ONE, TWO)), scenes.NOW, (ONE, TWO), 156, scenes.TIMES)
    (row,) = rows
    left, right = plain(row.line).split("│")
    assert "FAULT" in left
    assert "+50 ms (a) Entering MASTER STATE" in right
    assert row.copied.count("\n") == 1
    assert rows.index_of(key_of(log[1])) == 0


def test_a_line_whose_time_is_not_known_says_so():
    log = scenes.numbered(
        [scenes.said(10, ONE, "squid", "x", error=None), scenes.said(5, TWO, "squid", "y", error=2.0)]
    )
    rows = logs.LogColumns(logs.moments(log, (ONE, TWO)), scenes.NOW, (ONE, TWO), 156, scenes.TIMES)
    assert [plain(row.line)[13] for row in rows] == ["?", "~"]


@given(st.sampled_from([scenes.hostile, scenes.eth1_down, scenes.unreachable]), st.sampled_from([76, 78, 118, 156]))
def test_rows_and_heading_fit_and_hold_no_control_characters(make, width):
    picture = make().picture
    rows = logs.LogColumns(logs.moments(picture.log, (ONE, TWO)), picture.at, (ONE, TWO), width, scenes.TIMES)
    heading = logs.heading(picture, (ONE, TWO), width, scenes.TIMES)
    assert all(span.text.isprintable() for row in rows for span in row.line)
    assert all(span.text.isprintable() for span in heading)
    # a text is cut in its own column: the next column begins where it must
    assert {width_of(row.line[: row.line.index(s)]) for row in rows for s in row.line if s.text == " │ "} <= {
        logs.cell_width(width, 2) + 15
    }


def test_a_column_says_when_its_log_is_not_read():
    picture = scenes.healthy().picture
    blind = replace(picture.nodes[0], failed={Subject.LOG: Known(scenes.TIMED_OUT, scenes.NOW, "log")})
    picture = replace(picture, nodes=(blind, picture.nodes[1]))
    assert "? its log is not read" in plain(logs.heading(picture, (ONE, TWO), 156, scenes.TIMES))
    silent = plain(logs.heading(scenes.unreachable().picture, (ONE, TWO), 156, scenes.TIMES))
    assert "? nothing new for" in silent


def test_the_lines_of_a_finding_are_its_evidence_else_those_around_its_beginning():
    shown = scenes.eth1_down()
    texts = {key_of(o): o.text for o in shown.picture.log}
    cause, effect = shown.findings
    assert [texts[k] for k in logs.lines_of(cause, shown)] == ["(proxy_ip2) Entering FAULT STATE"]
    near = {texts[k] for k in logs.lines_of(effect, shown)}
    assert "192.168.2.102/24 added to eth0" in near
    untold = replace(cause, evidence=())
    shown = replace(shown, findings=(untold, effect))
    assert "eth1 up, no carrier" in {texts[k] for k in logs.lines_of(untold, shown)}


def test_what_is_said_again_and_again_is_marked_from_where_it_began():
    shown = scenes.eth1_down()
    text = "(proxy_ip1): send advert error 1 (Operation not permitted)"
    times = [700.0, *(60.0 - k for k in range(40))]  # once long ago, then each second
    log = scenes.numbered([scenes.said(t, TWO, "keepalived", text) for t in times])
    proof = Evidence(source=f"keepalived's log on {TWO}", text=text, at=scenes.NOW - 21)
    finding = replace(shown.findings[0], evidence=(proof,))
    shown = replace(shown, picture=replace(shown.picture, log=log), findings=(finding,))
    assert logs.lines_of(finding, shown) == tuple(key_of(o) for o in log[1:])
