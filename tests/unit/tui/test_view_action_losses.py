"""What clients lost while an action ran: never less than what the console's own requests saw."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from haconsole.model.events import ClientProbed, ClientResult
from haconsole.tui.view.action_losses import Losses
from haconsole.tui.view.action_running import left_word, lost_line
from haconsole.tui.view.text import plain
from tests.unit.tui import scenes

START = 100.0


def seen(losses, *answers):
    """Pictures of one VIP, one an answer: (time, served)."""
    vip = scenes.healthy().picture.vips[0]
    for at, ok in answers:
        client = (
            None if ok is None else ClientProbed(vip=vip.address, at=at, result=ClientResult(ok=ok, checked="http"))
        )
        losses.look(SimpleNamespace(vips=(replace(vip, client=client),)))
    return losses.of(vip.address)


def test_what_was_answered_before_it_began_is_not_counted():
    loss = seen(Losses(START), (98, True), (98, True))
    assert (loss.asked, loss.failed) == (0, 0)
    assert plain(lost_line(loss, 101)) == "not asked yet"


def test_an_answer_is_counted_once_however_often_it_is_looked_at():
    loss = seen(Losses(START), (98, True), (101, True), (101, True), (103, True))
    assert (loss.asked, loss.failed, loss.lost_s) == (2, 0, 0.0)
    assert plain(lost_line(loss, 104)) == "nothing lost of 2"


def test_an_outage_runs_from_the_last_good_answer_to_the_next():
    loss = seen(Losses(START), (99, True), (101, False), (103, False), (105, True), (107, True))
    assert (loss.asked, loss.failed, loss.lost_s) == (4, 2, 6.0)
    assert plain(lost_line(loss, 108)) == "lost 2 of 4, ≤ 6.0 s"


def test_an_outage_that_goes_on_grows_with_time():
    loss = seen(Losses(START), (99, True), (101, False))
    assert loss.lost_until(104) == 5.0


def test_without_a_good_answer_before_it_is_not_known_for_how_long():
    loss = seen(Losses(START), (101, False))
    assert loss.lost_until(110) is None
    assert "not known" in plain(lost_line(loss, 110))


def test_no_answer_is_no_answer():
    loss = seen(Losses(START), (101, None))
    assert (loss.asked, loss.failed) == (0, 0)


@pytest.mark.parametrize(("seconds", "word"), [(0, "00:00"), (41.9, "00:41"), (125, "02:05"), (3729, "1:02:09")])
def test_the_clock(seconds, word):
    assert left_word(seconds) == word
