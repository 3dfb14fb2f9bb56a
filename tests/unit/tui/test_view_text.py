"""Lines, widths and columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.tui.view.table import Column, Table
from haconsole.tui.view.text import (
    Level,
    Tone,
    crop,
    flow,
    join,
    middle,
    pad,
    plain,
    say,
    short_names,
    spread,
    width_of,
    wrap,
)

words = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)


@given(st.lists(words, max_size=5), st.integers(0, 40))
def test_a_cropped_line_never_takes_more_cells_than_it_may(texts, width):
    assert width_of(crop(tuple(say(t) for t in texts), width)) <= width


@given(st.lists(words, max_size=5), st.integers(1, 40))
def test_a_padded_line_takes_exactly_its_cells(texts, width):
    assert width_of(pad(tuple(say(t) for t in texts), width)) == width


@given(words, st.integers(1, 40))
def test_a_shortened_name_takes_no_more_cells_than_it_may(name, width):
    assert width_of((say(middle(name, width)),)) <= width


@given(words, st.integers(2, 40))
def test_wrapped_lines_fit(text, width):
    assert all(width_of((say(line),)) <= width for line in wrap(text, width))


def test_cropping_says_that_something_is_missing():
    assert plain(crop((say("192.168.2.101 is on two nodes"),), 15)) == "192.168.2.101 …"


def test_names_are_cut_in_the_middle_because_they_differ_at_their_ends():
    assert middle("proxy-frankfurt-serv01", 12) == "proxy…serv01"


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["proxy-serv01", "proxy-serv02"], ["serv01", "serv02"]),
        (["alpha", "alpine"], ["alpha", "alpine"]),
        (["a.example.net", "b.example.net"], ["a.example.net", "b.example.net"]),
        (["proxy-", "proxy-serv02"], ["proxy-", "proxy-serv02"]),
        (["only-one"], ["only-one"]),
        ([], []),
    ],
)
def test_names_lose_what_they_have_in_common(names, short):
    assert list(short_names(names).values()) == short


def test_items_flow_into_as_few_lines_as_they_need():
    items = [(say("eth0 up"),), (say("eth1 down"),), (say("bond0 up"),)]
    assert [plain(line) for line in flow(items, 20)] == ["eth0 up   eth1 down", "bond0 up"]


def test_two_ends_of_a_line_and_the_left_gives_way():
    assert plain(spread((say("a long summary of trouble"),), (say("1 min ago"),), 24)) == "a long summar… 1 min ago"


def test_parts_that_are_empty_leave_no_gap():
    assert plain(join([(say("a"),), (), (say("b"),)], 2)) == "a  b"


def test_a_word_longer_than_the_line_is_cut_where_the_line_ends():
    assert list(wrap("see https://example.net/very/long", 12)) == ["see https://", "example.net/", "very/long"]


def test_unknown_is_worse_than_a_warning_and_critical_is_worst():
    assert max(Level.WARNING, Level.UNKNOWN) is Level.UNKNOWN
    assert max(Level.CRITICAL, Level.UNKNOWN) is Level.CRITICAL


def test_every_level_has_a_sign_of_its_own_beside_its_colour():
    assert len({level.sign for level in Level}) == len(Level)


# --- columns -----------------------------------------------------------------


def table(width, **columns):
    cells = [[(say("●"),), (say("192.168.2.101"),), (say("a rather long answer"),)]]
    made = (Column("", 1, 1), Column("address", 7, 39, middle=True, give=1), Column("client", 6, 60, **columns))
    return Table(made, cells, width)


def test_columns_are_as_wide_as_what_is_in_them():
    assert table(100).widths == [1, 13, 20]


def test_a_column_that_stretches_takes_the_room_that_is_left():
    assert table(100, stretch=True).widths == [1, 13, 82]


def test_where_room_is_short_the_columns_give_way_in_their_turn():
    assert table(30).widths == [1, 13, 14]
    assert plain(table(18).line(0)) == "● 192.….101 a rat…"


def test_headings_stand_over_their_columns():
    assert plain(table(60).heading()).split() == ["address", "client"]


def test_a_tone_says_what_text_means_not_how_it_looks():
    assert {tone.value for tone in Tone} >= {"ok", "warning", "critical", "unknown", "busy", "quiet"}
