"""How times read."""

from datetime import UTC

import pytest

from haconsole.cli.times import local
from haconsole.model.state import ClockOffset
from haconsole.tui.view import times
from haconsole.tui.view.times import Times
from tests.unit.tui import scenes


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00"),
        (72.9, "00:01:12"),
        (86399, "23:59:59"),
        (86400, "1 d 00 h"),
        (1051200, "12 d 04 h"),
        (-5, "00:00:00"),
    ],
)
def test_durations(seconds, text):
    assert times.span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "now"), (3, "3 s ago"), (71, "1 min ago"), (9000, "2 h ago"), (200_000, "2 d ago")]
)
def test_ages(seconds, text):
    assert times.ago(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0004, "0.4 ms"), (0.003, "3 ms"), (0.9996, "1.0 s"), (1.24, "1.2 s"), (-1, "0.0 ms")]
)
def test_latencies(seconds, text):
    assert times.millis(seconds) == text


@pytest.mark.parametrize(
    ("offset", "text"), [(0.0002, "+0.2 ms"), (-0.0011, "−1.1 ms"), (3.2, "+3.2 s"), (-90000, "−1 d")]
)
def test_clock_offsets_are_signed(offset, text):
    assert times.offset(ClockOffset(offset_s=offset, error_s=0.001)) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "±?"), (0.0, ""), (0.0004, "±<1 ms"), (0.0012, "±1 ms"), (0.5, "±0.5 s")]
)
def test_how_well_a_time_is_known(seconds, text):
    assert times.error(seconds) == text


def test_times_are_local_and_the_zone_has_a_name():
    assert scenes.TIMES.clock(scenes.NOW) == "14:02:31"
    assert scenes.TIMES.zone_name(scenes.NOW) == "CET"
    assert Times(UTC).clock(scenes.NOW) == "13:02:31"


def test_a_stamp_has_milliseconds_today_and_the_date_on_other_days():
    assert scenes.TIMES.stamp(scenes.NOW, scenes.NOW) == "14:02:31.400"
    assert scenes.TIMES.stamp(scenes.NOW - 90000, scenes.NOW) == "Nov 23 13:02"


def test_what_is_copied_has_the_whole_time():
    assert scenes.TIMES.full(scenes.NOW) == "2025-11-24T14:02:31.400+01:00"


@pytest.mark.parametrize("nonsense", [-1e300, 1e300, 1e18, -1e12])
def test_a_time_that_a_node_made_up_does_not_end_the_console(nonsense):
    assert len(scenes.TIMES.stamp(nonsense, scenes.NOW)) == 12


@pytest.mark.parametrize(("written", "reads"), [
    ("2025-11-24T13:01:10.000Z", "14:01:10"), ("2025-11-23T14:00:00+02:00", "Nov 23 13:00"),
    ("2025-11-24T13:01:10", "2025-11-24T13:01:10"), ("yesterday", "yesterday"), ("", ""),
    ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
])  # fmt: skip
def test_what_somebody_wrote_reads_as_every_time_here_and_what_is_no_time_as_it_stands(written, reads):
    assert scenes.TIMES.told(written, scenes.NOW) == reads
    assert (local(written) == written) is (reads == written)
