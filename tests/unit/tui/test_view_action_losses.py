"""What clients lost while an action ran: never less than what the console's own requests saw."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from haconsole.cluster.forecast_times import Span
from haconsole.model.events import ClientProbed, ClientResult
from haconsole.operations.job import Result
from haconsole.runtime.executor import Report
from haconsole.tui.acting import Acting
from haconsole.tui.view.action_differences import differences
from haconsole.tui.view.action_losses import Losses, told
from haconsole.tui.view.action_running import left_word, lost_line
from haconsole.tui.view.text import Level, plain
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
    assert plain(lost_line(loss, 104)) == "0 of 2 failed"


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


def test_it_fails_from_the_first_bad_answer_to_the_next_good_one():
    losses = Losses(START)
    told = []
    for answer in ((99, True), (101, False), (103, None), (105, True)):
        seen(losses, answer)
        told.append(losses.failing)
    assert told == [False, True, True, False]


def test_an_action_makes_the_header_red_while_its_clients_fail_and_no_longer_than_it_runs():
    acting = Acting("proxy", None, SimpleNamespace(), lambda: START)
    vip = scenes.healthy().picture.vips[0]
    failed = ClientProbed(vip=vip.address, at=101, result=ClientResult(ok=False, checked="http"))
    acting.look(SimpleNamespace(vips=(replace(vip, client=failed),)))
    assert acting.unserved
    acting.report = Report(result=Result.DONE, text="done")
    assert not acting.unserved


def test_no_answer_is_no_answer():
    loss = seen(Losses(START), (101, None))
    assert (loss.asked, loss.failed) == (0, 0)


@pytest.mark.parametrize(("seconds", "word"), [(0, "00:00"), (41.9, "00:41"), (125, "02:05"), (3729, "1:02:09")])
def test_the_clock(seconds, word):
    assert left_word(seconds) == word


# --- when all is over -----------------------------------------------------------------------------------


def test_requests_two_seconds_apart_are_no_witness_of_an_outage_of_half_a_second():
    loss = seen(Losses(START), (99, True), (101, True), (103, True))
    level, text = told(loss, 104, Span(0.61, 0.71))
    assert level is Level.UNKNOWN
    assert text == "none of 2 failed, but 2.0 s apart they are too coarse to see the predicted 0.61–0.71 s"


def test_what_was_to_last_longer_than_the_requests_are_apart_would_have_been_seen():
    level, text = told(seen(Losses(START), (99, True), (101, True)), 102, Span(8.0, 9.0))
    assert level is Level.NONE
    assert "2.0 s apart" in text and "predicted 8.00–9.00 s" in text


@pytest.mark.parametrize("answers", [(), ((98, True),)])
def test_without_an_answer_nothing_is_known(answers):
    assert told(seen(Losses(START), *answers), 102, None)[0] is Level.UNKNOWN


def test_one_answer_alone_says_nothing_of_the_time_beside_it():
    assert told(seen(Losses(START), (101, True)), 102, None)[0] is Level.UNKNOWN


def test_what_failed_is_a_loss():
    level, text = told(seen(Losses(START), (99, True), (101, False), (103, True)), 104, Span(0.6, 0.7))
    assert (level, text) == (Level.WARNING, "lost 1 of 2, ≤ 4.0 s; predicted 0.60–0.70 s")


def test_what_is_not_as_before_is_said_in_words_by_vip_node_and_field():
    node = {
        "keepalived": True, "squid": True, "instances": {"proxy_ip1": "MASTER"}, "squid_shutdown_lifetime": None,
        "addresses": ["eth0 192.168.2.251/24", "eth0 192.168.2.101/24"],
    }  # fmt: skip
    later = {
        **node, "squid": False, "instances": {"proxy_ip1": "FAULT"}, "addresses": ["eth0 192.168.2.251/24"],
        "squid_shutdown_lifetime": {"seconds": 30, "source": "squid.conf"},
    }  # fmt: skip
    before = {"vips": {"192.168.2.101": {"holders": ["proxy-serv01"], "client": True}}, "nodes": {"n1": node, "n2": {}}}
    after = {"vips": {"192.168.2.101": {"holders": [], "client": None}}, "nodes": {"n1": later, "n2": None}}
    assert list(differences(before, after)) == [
        "192.168.2.101: proxy-serv01 → nobody",
        "192.168.2.101, clients: served → not known",
        "n1 squid: runs → stopped",
        "n1 proxy_ip1: MASTER → FAULT",
        "n1 squid's shutdown_lifetime: not known → seconds 30, source squid.conf",
        "n1: eth0 192.168.2.101/24 is gone",
        "n2: read before, not read now",
    ]
    assert list(differences(before, before)) == []
