"""Nothing is looked through as a whole while somebody types; in quiet moments it is."""

from __future__ import annotations

import gc
import weakref

import pytest

from haconsole.tui.garbage import EVERY_S, FIRST_S, MIDDLE, QUIET_S, YOUNG, Quiet, short_collections


class Circle:
    """Holds itself: only the collector finds it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def lost():
    """Tells whether a circle that was thrown away just now is still there."""
    gc.collect()
    gc.disable()
    seen = weakref.ref(Circle())
    yield lambda: seen() is not None
    gc.enable()
    gc.unfreeze()


def test_a_circle_goes_in_a_quiet_moment(lost):
    quiet = Quiet(100.0)
    assert not quiet.collect(100.0 + FIRST_S - 0.1, QUIET_S)
    assert not quiet.collect(100.0 + FIRST_S, QUIET_S - 0.1), "somebody types"
    assert lost()
    assert quiet.collect(100.0 + FIRST_S, QUIET_S)
    assert not lost()


def test_then_once_a_minute(lost):
    quiet = Quiet(0.0)
    assert quiet.collect(FIRST_S, QUIET_S)
    assert not quiet.collect(FIRST_S + EVERY_S - 0.1, 1000.0)
    again = weakref.ref(Circle())
    assert quiet.collect(FIRST_S + EVERY_S, 1000.0)
    assert again() is None, "what comes after the first look is looked at for good"
    assert not lost()


def test_while_the_console_runs_the_oldest_wait_and_afterwards_all_is_as_it_was():
    before = gc.get_threshold()
    with short_collections():
        assert gc.get_threshold()[:2] == (YOUNG, MIDDLE)
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
