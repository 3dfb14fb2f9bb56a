"""Whose clock says what: the bound of a round trip, which measurement is kept, times of log lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.cluster import clocks
from haconsole.model.events import Heartbeat
from haconsole.model.readings import LogLine
from haconsole.model.state import ClockOffset, Known


def beat(sent_at: float, at: float, node_time_s: float) -> Heartbeat:
    return Heartbeat(node="n", at=at, sent_at=sent_at, node_time_s=node_time_s)


def line(node_time_s: float | None, precision_s: float = 1e-6) -> LogLine:
    return LogLine(
        program="keepalived", ident="Keepalived_vrrp", text="x", node_time_s=node_time_s, time_precision_s=precision_s
    )


def test_the_offset_of_one_round_trip_and_its_bound() -> None:
    assert clocks.measured(beat(100.0, 100.2, 103.1)) == ClockOffset(
        offset_s=pytest.approx(3.0), error_s=pytest.approx(0.1)
    )


@given(
    offset=st.floats(-1e5, 1e5),
    sent=st.floats(1.7e9, 1.9e9),
    out=st.floats(0, 5),
    back=st.floats(0, 5),
)
def test_the_true_offset_is_always_within_the_bound(offset: float, sent: float, out: float, back: float) -> None:
    """Whatever the two ways took: Cristian's bound."""
    found = clocks.measured(beat(sent, sent + out + back, sent + out + offset))
    assert abs(found.offset_s - offset) <= found.error_s + 1e-5


def known(offset_s: float, error_s: float, at: float = 0.0) -> Known[ClockOffset]:
    return Known(ClockOffset(offset_s=offset_s, error_s=error_s), at, "heartbeat")


@pytest.mark.parametrize(
    ("old", "new", "at", "new_wins"),
    [
        (None, (0.0, 0.1), 0.0, True),
        (known(0.0, 0.01), (0.0, 0.1), 2.0, False),
        (known(0.0, 0.1), (0.0, 0.01), 2.0, True),
        (known(0.0, 0.01), (0.0, 0.1), 61.0, True),
        (known(0.0, 0.01), (5.0, 0.1), 2.0, True),
    ],
    ids=["first", "looser", "tighter", "old age", "the clock was set"],
)
def test_which_measurement_is_kept(
    old: Known[ClockOffset] | None, new: tuple[float, float], at: float, new_wins: bool
) -> None:
    fresh = ClockOffset(offset_s=new[0], error_s=new[1])
    kept = clocks.better(old, fresh, at)
    assert (kept.value == fresh) is new_wins


def test_a_line_without_time_or_without_a_measured_clock_is_as_old_as_its_arrival() -> None:
    assert clocks.console_time(known(3.0, 0.01), line(None), 50.0) == (50.0, None)
    assert clocks.console_time(None, line(47.0), 50.0) == (50.0, None)


def test_a_line_s_time_is_put_on_the_console_s_clock_with_both_errors() -> None:
    at, error = clocks.console_time(known(3.0, 0.01), line(52.0, precision_s=1.0), 50.0)
    assert (at, error) == (49.0, pytest.approx(0.51))


def test_a_line_is_never_later_than_its_arrival() -> None:
    assert clocks.console_time(known(0.0, 0.01), line(99.0), 50.0)[0] == 50.0


def test_a_time_that_is_no_number_is_replaced_by_the_arrival() -> None:
    assert clocks.console_time(known(0.0, 0.01), line(float("nan")), 50.0)[0] == 50.0


def test_node_times_without_a_measured_clock_are_unknown() -> None:
    assert clocks.to_console(None, 5.0) is None
    assert clocks.to_console(known(2.0, 0.1), None) is None
    assert clocks.to_console(known(2.0, 0.1), 5.0) == 3.0
