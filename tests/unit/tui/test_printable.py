"""The last door before the terminal: what `printable` lets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.tui.printable import LONGEST, printable
from tests.unit.tui import scenes


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("eth1 down", "eth1 down"),
        ("\x1b[41m", "␛[41m"),
        ("a\nb", "a␊b"),
        ("a\tb", "a    b"),
        ("\x9b31m", "�31m"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("zero\u200bwidth", "zero�width"),
        ("no\u00a0break", "no break"),
        ("private \ue000", "private �"),
        ("Zürich 長い名前", "Zürich 長い名前"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(given_text, shown):
    assert printable(given_text) == shown


def test_a_tower_of_accents_does_not_paint_over_its_neighbours():
    assert printable("e" + "\u0301" * 40 + "th1") == "e\u0301\u0301th1"


def test_a_megabyte_is_cut():
    assert len(printable("x" * 1_000_000)) == LONGEST


@given(st.text())
def test_nothing_gets_through_that_is_not_printable_and_twice_is_once(text):
    once = printable(text)
    assert once.isprintable()
    assert printable(once) == once


def test_the_hostile_name_of_these_tests_is_hostile():
    assert "\x1b" in scenes.EVIL
    assert "\x1b" not in printable(scenes.EVIL)
