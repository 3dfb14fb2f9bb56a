"""The clock does not follow steps of the system's clock, and knows of it when the machine slept."""

from __future__ import annotations

import time

import pytest

from haconsole.io.clock import SystemClock


def test_it_is_the_time_and_never_runs_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    before = time.time()  # noqa: TID251
    clock = SystemClock()
    assert abs(clock.now() - before) < 60
    first = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() >= first


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="not on Linux")
def test_an_hour_that_the_machine_slept_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    slept, real = 0.0, time.clock_gettime
    monkeypatch.setattr(
        time, "clock_gettime", lambda which: real(which) + (slept if which == time.CLOCK_BOOTTIME else 0)
    )
    clock = SystemClock()
    before = clock.now()
    slept = 3600.0
    assert 3600 <= clock.now() - before < 3660
