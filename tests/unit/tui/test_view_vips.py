"""The VIP strip: is each VIP served, by whom, since when."""

from dataclasses import replace

import pytest

from haconsole.tui.view.text import Level, Tone, plain, width_of
from haconsole.tui.view.vips import bar, vip_strip
from tests.unit.tui import scenes

WIDE, NARROW = 116, 78


def lines(shown, width=WIDE):
    return [plain(row.line) for row in vip_strip(shown, width).rows]


def cells(shown, width=WIDE, index=0):
    return lines(shown, width)[index].split()


def test_a_row_says_who_holds_the_vip_by_every_witness():
    first = cells(scenes.healthy())
    assert first[:6] == ["●", "192.168.2.101", scenes.ONE, scenes.ONE, scenes.ONE, "–"]
    assert first[6:9] == ["200", "3", "ms"]
    assert first[-4:] == ["12", "d", "04", "h"]


def test_in_a_narrow_strip_names_are_short_and_nothing_of_the_address_is_lost():
    assert cells(scenes.healthy(), NARROW)[:5] == ["●", "192.168.2.101", "serv01", "serv01", "serv01"]
    assert "192.168.2.101" in lines(scenes.split_brain(), NARROW)[0]
    assert "serv01+serv02" in lines(scenes.split_brain(), NARROW)[0]


@pytest.mark.parametrize("width", [60, 78, 99, 100, 116, 156, 240])
@pytest.mark.parametrize("situation", list(scenes.SITUATIONS.values()), ids=list(scenes.SITUATIONS))
def test_every_row_fits(situation, width):
    strip = vip_strip(situation(), width)
    assert all(width_of(row.line) <= width for row in strip.rows)
    assert width_of(strip.heading) <= width


def test_the_wire_that_nobody_listened_to_says_nothing():
    row = vip_strip(scenes.healthy(), WIDE).rows[0]
    assert next(s.tone for s in row.line if s.text == "–") is Tone.QUIET


def test_a_wire_that_was_listened_to_and_stayed_silent_is_trouble():
    shown = scenes.healthy()
    vip = replace(shown.picture.vips[0], advertisers=())
    shown = replace(shown, picture=replace(shown.picture, vips=(vip,)))
    assert "silent" in lines(shown)[0]
    assert vip_strip(shown, WIDE).rows[0].level is Level.WARNING


def test_before_the_first_answer_everything_is_unknown():
    first = cells(scenes.connecting())
    assert first[0] == "?"
    assert first[3:5] == ["?", "?"]
    assert "no answer known" in lines(scenes.connecting())[0]


def test_a_node_that_could_not_be_asked_leaves_a_question_mark_beside_the_holder():
    assert f"{scenes.ONE} ?" in lines(scenes.unreachable())[0]


def test_a_vip_that_does_not_serve_says_why_and_for_how_long():
    text = lines(scenes.split_brain(), 150)[0]
    assert "✖ timed out for 00:00:03" in text


def test_bars_have_one_scale_for_all_vips_and_a_mark_for_what_was_lost():
    assert [bar(s) for s in (0.003, 0.006, 0.03, 0.3, 2.0)] == ["▁", "▂", "▄", "▇", "█"]
    wide = vip_strip(scenes.split_brain(), 200).rows[0]
    assert "▁×× ".strip() in plain(wide.line).replace("▁▁", "▁")


def test_where_not_all_fit_the_worst_come_first():
    rows = vip_strip(scenes.eth1_down(), WIDE, worst_first=True).rows
    assert [r.level for r in rows] == [Level.WARNING, Level.OK]
    assert [r.level for r in vip_strip(scenes.eth1_down(), WIDE).rows] == [Level.OK, Level.WARNING]


def test_a_cluster_without_vips_says_so():
    shown = scenes.healthy()
    shown = replace(shown, picture=replace(shown.picture, vips=()))
    assert "no VIP is known yet" in lines(shown)[0]


def test_a_row_copies_as_the_address():
    assert vip_strip(scenes.healthy(), NARROW).rows[0].copied == "192.168.2.101"
