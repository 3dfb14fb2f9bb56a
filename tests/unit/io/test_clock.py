"""The clock does not follow steps of the system's clock."""

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
