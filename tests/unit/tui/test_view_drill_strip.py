"""Lanes of a drill: what is short does not disappear in what is long, and what is not known is not shown as well."""

from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.drill import Holding
from haconsole.tui.view.drill_strip import BOTH, LOST, NOTHING, SERVED, UNKNOWN, Axis, Strip, axis
from haconsole.tui.view.drill_strip import client_cells as clients
from haconsole.tui.view.drill_strip import holder_cells as holders
from haconsole.tui.view.text import plain, width_of
from tests.unit.tui import scenes
from tests.unit.tui.drill_scenes import INJECTED, SINCE, TAKEN, VIP1, traffic

NAMES = {scenes.ONE: "serv01", scenes.TWO: "serv02", "proxy-serv03": "serv03"}


def lanes(*told):
    return [Holding(vip=VIP1, since=at, holders=who) for at, who in told]


def drawn(told, cells=10, size=1.0, now=100.0):
    return plain(holders(lanes(*told), VIP1, NAMES, Axis(0.0, now, size, cells)))


def test_a_moment_without_a_holder_marks_its_cell_however_long_the_cell_is():
    assert drawn([(0.0, (scenes.ONE,)), (5.1, ()), (5.2, (scenes.TWO,))]) == "█████░▓▓▓▓"


def test_two_holders_an_unknown_one_and_time_to_come_each_look_different():
    both = (scenes.ONE, scenes.TWO)
    told = [(0.0, (scenes.ONE,)), (2.5, both), (3.0, (scenes.TWO,)), (5.0, None), (6.0, ("proxy-serv03",))]
    assert drawn(told, now=8.0) == f"██{BOTH}▓▓{UNKNOWN}▒▒  "
    assert drawn([], cells=3) == UNKNOWN * 3


def test_a_long_bar_carries_its_holders_name():
    assert drawn([(0.0, (scenes.ONE,))], cells=14) == "██ serv01 ████"


def test_clients_lost_requests_are_seen_in_cells_of_any_length_and_unknown_time_is_no_service():
    strip = Strip()
    strip.take(traffic(8.0))
    strip.take(traffic(4.0))
    fine = plain(clients(strip, VIP1, Axis(SINCE, scenes.NOW, 0.1, 90)))
    assert fine.count(LOST) == 6
    assert fine.startswith(NOTHING * 8) and fine.rstrip().endswith(SERVED)
    coarse = plain(clients(strip, VIP1, Axis(SINCE, scenes.NOW, 5.0, 2)))
    assert LOST in coarse
    assert strip.between(VIP1, INJECTED - 3, TAKEN + 1)[1] == 30
    assert plain(clients(strip, "192.0.2.9", Axis(SINCE, scenes.NOW, 0.1, 3))) == NOTHING * 3


@given(st.floats(0, 9e9), st.floats(0, 1e6), st.integers(-5, 300))
def test_an_axis_always_reaches_now_in_as_many_cells_as_there_are(since, lasted, cells):
    on = axis(since, since + lasted, cells)
    assert on.cells == max(1, cells)
    assert on.cell(on.cells - 1)[1] + on.cell_s >= since + lasted - 1e-3
    line = holders(lanes((since, (scenes.ONE,))), VIP1, NAMES, on)
    assert width_of(line) == on.cells
