"""Adverts: how the listening goes, and the lanes. Nothing is well where nobody listens."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.cluster.hearing import Hearing
from haconsole.model.capture import CaptureCounts, CapturePhase, CaptureState
from haconsole.tui.view.adverts import Ours, learn, listening_since, place_rows
from haconsole.tui.view.adverts_lanes import lane_table
from haconsole.tui.view.adverts_look import judge, look_at
from haconsole.tui.view.adverts_plots import coverage, deadline_bar, deadline_words, gap_plot, listened
from haconsole.tui.view.text import Level, Tone, plain, width_of
from tests.unit.tui import hearings, scenes
from tests.unit.tui.scenes import NOW, ONE, TIMES, TWO

WIDTHS = [30, 56, 78, 100, 116, 156, 200]
OURS = learn(Ours(), scenes.healthy().picture)
EVERY = ["healthy", "takeover", "hand_over", "split_brain", "silent", "not_permitted", "strange", "hostile"]


def made(name):
    return getattr(hearings, name)()


def lanes(hearing, *, now=NOW, window=300.0, width=156, ours=OURS):
    look = look_at(hearing, ours, now, window_s=window, width=width)
    return lane_table(hearing.lanes(now, window, ours.addresses), look)


def lines(rows):
    return [plain(row.line) for row in rows]


def judged(hearing, vrid=1, now=NOW):
    look = look_at(hearing, OURS, now, window_s=300.0, width=156)
    lane = next(x for x in hearing.lanes(now, 300.0, OURS.addresses) if x.key == (vrid, 4))
    return {OURS.addresses.get(source, str(source)): found for source, found in judge(lane, look).items()}


# --- whose an address is ---------------------------------------------------------------


def test_addresses_of_a_node_are_ours_and_vips_are_nobodys():
    known = {str(a): n for a, n in OURS.addresses.items()}
    assert known["192.168.2.251"] == ONE
    assert known["192.168.2.252"] == TWO
    assert "192.168.2.101" not in known
    assert OURS.complete


def test_a_node_that_cannot_be_read_keeps_its_addresses_but_strangers_stay_unknown_until_all_were_read():
    gone = scenes.unreachable().picture
    assert learn(OURS, gone).addresses == OURS.addresses
    fresh = learn(Ours(), scenes.connecting().picture)
    assert not fresh.complete
    assert fresh.known(next(iter(hearings.healthy().lanes(NOW, 300, {}))).master) is True  # configured
    assert fresh.known(hearings.ip_address("192.168.2.77")) is None
    assert OURS.known(hearings.ip_address("192.168.2.77")) is False


# --- how the listening goes ---------------------------------------------------------------


def test_each_place_says_how_it_listens_and_what_became_of_the_packets():
    rows = place_rows(hearings.healthy(), OURS, NOW, 78, TIMES)
    assert [r.level for r in rows] == [Level.OK, Level.OK]
    assert "serv01  listening on eth0 since 13:02:31" in lines(rows)[0]
    assert "4,711 heard, 0 left out, 0 dropped" in lines(rows)[0]


def test_who_may_not_listen_says_why_and_the_whole_line_that_permits_it_can_be_copied():
    rows = place_rows(hearings.not_permitted(), OURS, NOW, 78, TIMES)
    assert "? serv02  ops may not capture on eth0" in "\n".join(lines(rows))
    assert "next try in 18 s" in "\n".join(lines(rows))
    assert hearings.SUDOERS in [r.copied for r in rows]
    assert next(r for r in rows if r.key == f"place/{TWO}").level is Level.UNKNOWN


@pytest.mark.parametrize("width", WIDTHS[2:])
def test_what_was_lost_is_counted_and_takes_the_sign_for_well_away(width):
    rows = place_rows(hearings.not_permitted(), OURS, NOW, width, TIMES)
    text = "\n".join(lines(rows))
    assert all(w in text for w in ("1,234,567 heard", "2 unreadable", "815 left out", "3 dropped", "since 13:02:31"))
    assert rows[0].level is Level.WARNING


def test_drops_that_nobody_told_of_are_not_none():
    hearing = hearings.healthy()
    hearing.news(CaptureCounts(place=ONE, at=NOW, heard=1, dropped=None))
    assert "? dropped" in lines(place_rows(hearing, OURS, NOW, 78, TIMES))[0]


def test_without_any_listening_it_is_said_that_nobody_listens():
    (row,) = place_rows(None, OURS, NOW, 78, TIMES)
    assert row.level is Level.UNKNOWN
    waiting = place_rows(Hearing([ONE, TWO]), OURS, NOW, 78, TIMES)
    assert [r.level for r in waiting] == [Level.BUSY, Level.BUSY]


# --- lanes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [78, 156])
def test_a_lane_names_the_sender_its_priority_the_deadline_and_both_intervals(width):
    first = lines(lanes(hearings.healthy(), width=width).rows)[0]
    assert "1   ● " in first
    assert ONE[-6:] in first
    assert "255" in first
    assert "0.4/3.6 s" in first  # 3 intervals and (256 - 100)/256 s
    assert "1/1.00s" in first
    assert "▄▄▄▄" in first


def test_a_takeover_leaves_the_old_master_as_past_and_its_gap_visible():
    table = lanes(hearings.takeover(), window=60.0)
    old, new = lines(table.rows)[:2]
    assert "– proxy-serv01" in old
    assert "silent 33 s" in old
    assert "● proxy-serv02" in new
    assert old.rstrip(" ▄").rindex("█") < new.index("█") - 1  # between them nobody spoke


def test_two_masters_are_critical_with_both_named_though_each_place_hears_one_only():
    found = judged(hearings.split_brain())
    assert found == {ONE: (Level.CRITICAL, "one of several masters"), TWO: (Level.CRITICAL, "one of several masters")}
    rows = lanes(hearings.split_brain()).rows
    clash = [span.text for span in rows[0].line if span.tone is Tone.CRITICAL and "█" in span.text]
    assert clash  # the time in which both spoke stands out


def test_a_hand_over_is_no_split():
    hearing = hearings.hand_over()
    assert judged(hearing)[TWO] == (Level.OK, "master")
    assert judged(hearing)[ONE][0] is Level.NONE
    assert all(level < Level.WARNING for level, _ in judged(hearing, now=NOW - 4.9).values())


def test_a_master_that_fell_silent_is_first_late_then_missing():
    hearing = hearings.silent()
    assert judged(hearing, now=NOW - 7.5)[ONE] == (Level.OK, "master")
    assert judged(hearing, now=NOW - 4.3)[ONE] == (Level.BUSY, "late")
    assert judged(hearing)[ONE] == (Level.CRITICAL, "silent: no master")
    assert "8.0/3.6 s" in lines(lanes(hearing).rows)[0]


def test_who_is_heard_at_one_place_only_is_not_well():
    hearing = Hearing([ONE, TWO])
    hearings.listening(hearing)
    hearings.take(hearing, hearings.every_second(hearings.advert(ONE), 20.4, 0.4), (ONE,))
    assert judged(hearing)[ONE] == (Level.WARNING, f"master, not heard by {TWO}")
    assert "heard 1/2" in lines(lanes(hearing, width=78).rows)[0]


def test_a_stranger_is_a_warning_where_all_nodes_are_known_and_unknown_where_not():
    hearing = hearings.strange()
    assert judged(hearing, 9)["192.168.2.77"] == (Level.WARNING, "master, no node of ours")
    rows = lanes(hearing, ours=learn(Ours(), scenes.connecting().picture)).rows
    assert next(r for r in rows if "192.168.2.77" in plain(r.line)).level is Level.UNKNOWN


def test_our_virtual_routers_come_before_those_of_others():
    hearing = hearings.healthy()
    hearings.take(hearing, hearings.every_second(hearings.advert("192.168.2.9", vrid=0), 5.0, 0.0))
    assert [line.split()[0] for line in lines(lanes(hearing).rows)] == ["1", "2", "0"]


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_well_when_nobody_listens_any_more(name):
    hearing = made(name)
    for place in hearing.places:
        hearing.news(CaptureState(place=place, at=NOW, phase=CapturePhase.OVER))
    assert listening_since(hearing) is None
    table = lanes(hearing)
    assert {row.level for row in table.rows} == {Level.UNKNOWN}
    assert all("/3.6 s" not in line for line in lines(table.rows))  # no bar: silence says nothing


def test_silence_is_told_from_not_listening():
    hearing = Hearing([ONE])
    assert lanes(hearing).rows[0].level is Level.UNKNOWN
    hearings.listening(hearing, since=2.0, places=(ONE,))
    assert lanes(hearing).rows[0].level is Level.BUSY
    hearings.listening(hearing, since=100.0, places=(ONE,))  # goes on from before
    later = lanes(hearing, now=NOW + 60)
    assert later.rows[0].level is Level.WARNING
    assert "no advert in 1 min of listening" in lines(later.rows)[0]


def test_time_before_the_listening_is_blank_and_silence_since_then_is_dotted():
    hearing = Hearing([ONE])
    hearings.listening(hearing, since=30.0, places=(ONE,))
    hearings.take(hearing, hearings.every_second(hearings.advert(ONE), 10.0, 0.0), (ONE,))
    (sender,) = hearing.lanes(NOW, 60.0, OURS.addresses)[0].senders
    look = look_at(hearing, OURS, NOW, window_s=60.0, width=156)
    cells = coverage(sender, look)
    there = listened(look)
    assert not there[0]
    assert there[-1]
    assert 28 < sum(there) * 60.0 / len(cells) < 32
    assert 9 < sum(cells) * 60.0 / len(cells) < 11.5


@given(st.floats(0, 1000), st.integers(1, 20))
def test_the_bar_fills_towards_the_deadline_and_is_never_longer_than_its_room(ago, cells):
    (sender,) = hearings.silent().lanes(NOW, 300.0, OURS.addresses)[0].senders
    sender = replace(sender, last_at=NOW - ago, deadline_at=NOW - ago + 3.6)
    bar = deadline_bar(sender, NOW, cells)
    assert width_of(bar) == cells
    assert abs(plain(bar).count("█") - min(cells, ago / 3.6 * cells)) <= 1
    assert width_of(deadline_words(sender, NOW)) == 9


def test_a_lost_advert_stands_out_in_the_plot_of_gaps():
    (sender,) = hearings.silent().lanes(NOW, 300.0, OURS.addresses)[0].senders
    plot = gap_plot(replace(sender, gaps_s=(1.0, 1.0, 2.0, 1.0)), 10)
    assert plain(plot) == "▄▄▇▄      "
    assert [s.tone for s in plot[:4]] == [Tone.QUIET, Tone.QUIET, Tone.WARNING, Tone.QUIET]


def test_of_very_many_senders_only_the_rows_that_are_seen_are_made():
    hearing = Hearing([ONE])
    hearings.listening(hearing, places=(ONE,))
    said = [(1.0, hearings.advert(f"192.168.3.{i}", vrid)) for vrid in range(1, 6) for i in range(1, 41)]
    hearings.take(hearing, said, (ONE,))
    said += [(0.5, hearings.advert("192.168.4.1", 6))]
    hearings.take(hearing, said, (ONE,))
    table = lanes(hearing)
    assert len(table.rows) == 201
    assert table.summary == "6 virtual routers, 201 senders, the last 5 min"
    made = []
    real = table.rows._work
    table.rows._work = lambda lane: (made.append(lane.key), real(lane))[1]
    first = table.rows[0]
    assert made == [(1, 4)]
    assert table.rows.index_of(first.key) == 0
    assert table.rows.index_of(table.rows[200].key) == 200
    assert table.rows.index_of("lane/1/4/10.0.0.1") is None


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EVERY)
def test_everything_fits_and_nothing_obeys_a_terminal(name, width):
    hearing = made(name)
    table = lanes(hearing, width=width)
    rows = [*place_rows(hearing, OURS, NOW, width, TIMES), *table.rows]
    assert all(width_of(line) <= width for line in [table.heading, *(r.line for r in rows)])
    assert all(span.text.isprintable() for row in rows for span in row.line)
