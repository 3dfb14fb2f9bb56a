"""The merged log: one order of time, corrected, with how well each time is known."""

from haconsole.tui.view.events import EventRows, Filter, event_details, key_of
from haconsole.tui.view.text import Row, Tone, plain
from tests.support.work import lines_run
from tests.unit.tui import scenes

NAMES = {scenes.ONE: scenes.ONE, scenes.TWO: scenes.TWO}
SHORT = {scenes.ONE: "serv01", scenes.TWO: "serv02"}


def rows(log, width=116, names=None):
    return EventRows(scenes.numbered(log), scenes.NOW, names or NAMES, width, scenes.TIMES)


def test_a_line_has_time_error_node_source_and_text():
    made = rows(scenes.LINK_LOG)
    assert plain(made[0].line) == "14:01:19.866 ±1 ms   proxy-serv02  kernel      eth1 up, no carrier"
    assert plain(made[2].line) == "14:01:19.868 ±1 ms   proxy-serv02  keepalived  (proxy_ip2) Entering FAULT STATE"


def test_a_narrow_line_leaves_the_error_to_the_details():
    assert (
        plain(rows(scenes.LINK_LOG, 78, SHORT)[2].line)
        == "14:01:19.868 serv02 keepalived (proxy_ip2) Entering FAULT STATE"
    )


def test_states_stand_out_and_the_backlog_is_quiet():
    fault = rows(scenes.LINK_LOG)[2].line
    assert next(s.tone for s in fault if s.text == "FAULT") is Tone.CRITICAL
    old = rows([scenes.said(9, scenes.ONE, "keepalived", "Starting", backlog=True)])[0].line
    assert old[-1] == ("Starting", Tone.QUIET, None)


def test_a_filter_wants_every_word_and_none_with_a_minus():
    log = scenes.LINK_LOG
    assert len(Filter("serv02").choose(log)) == 3
    assert len(Filter("SERV02 fault").choose(log)) == 1
    assert len(Filter("serv02 -keepalived").choose(log)) == 1
    assert Filter("  ").choose(log) is log
    assert Filter("nothing like it").choose(log) == []


def test_rows_are_made_only_when_they_are_looked_at():
    def looked_at(lines: int) -> tuple[EventRows, list[Row]]:
        made = EventRows(scenes.large(links=0, lines=lines).picture.log, scenes.NOW, NAMES, 116, scenes.TIMES)
        last: list[Row] = []
        work.append(lines_run(lambda: last.extend(made[i] for i in range(len(made) - 20, len(made)))))
        return made, last

    work: list[int] = []
    looked_at(20)
    made, last = looked_at(2000)
    assert 0 < work[1] <= work[0]
    assert len(made) == 2000
    assert "line 1999" in plain(last[-1].line)
    assert [r.key for r in made[1998:]] == [r.key for r in last[-2:]]


def test_an_event_in_full():
    log = scenes.numbered([scenes.said(71.5, scenes.ONE, "keepalived", "a long line", error=None)])
    text = [plain(r.line) for r in event_details(key_of(log[0]), log, scenes.NOW, 100, scenes.TIMES)]
    assert text[0] == "  time          2025-11-24T14:01:19.900+01:00"
    assert "not known" in text[1]
    assert text[-1] == "  a long line"


def test_an_event_that_is_no_longer_kept_says_so():
    assert "no longer kept" in plain(event_details("event/1/1", [], scenes.NOW, 100, scenes.TIMES)[0].line)


def test_a_copied_line_has_the_whole_time():
    copied = rows(scenes.LINK_LOG)[0].copied
    assert copied == "2025-11-24T14:01:19.866+01:00 ±1 ms proxy-serv02 kernel: eth1 up, no carrier"
