"""What clients lost in a window: what the figure is, and when there is none."""

from __future__ import annotations

import pytest

from haconsole.model.drill import Request
from haconsole.operations.drills.outages import Lost, find, lost

VIP = "2001:db8::101"
AT = 1_700_000_000.0
"""Where windows begin in these tests."""


def row(*parts: tuple[str, int], first: float = AT - 0.1) -> list[Request]:
    """Requests, one each 20 ms: `.` good in 3 ms, `x` refused at once, `t` timed out, ` ` none."""
    marks = "".join(mark * times for mark, times in parts)
    lasted = {".": 0.003, "x": 0.001, "t": 0.5}
    return [
        Request(vip=VIP, started=first + 0.02 * i, ended=first + 0.02 * i + lasted[m], ok=m == ".")
        for i, m in enumerate(marks)
        if m != " "
    ]


def judged(requests: list[Request], begin: float = AT, end: float | None = None) -> Lost:
    return lost(requests, VIP, begin, end)


def test_one_isolated_failure_costs_two_cadences_and_an_answer() -> None:
    found = judged(row((".", 20), ("x", 1), (".", 20)))
    assert found.longest_s == pytest.approx(0.043)
    assert (found.failed, found.requests, found.why) == (1, 36, None)


def test_nothing_failed_is_nought_and_nothing_asked_is_not() -> None:
    assert judged(row((".", 50))).longest_s == 0.0
    assert judged([]).why == "no request was begun, or none could be judged"
    gone = judged(row((".", 20), (" ", 20), (".", 20)))
    assert (gone.longest_s, gone.why) == (None, "for 0.42 s no request was begun, or none could be judged")


def test_a_gap_shorter_than_the_outage_measured_hides_nothing_longer() -> None:
    found = judged(row((".", 20), ("t", 40), (".", 20), (" ", 20), (".", 20)))
    assert found.longest_gap_s == pytest.approx(0.42)
    assert found.longest_s == pytest.approx(0.823)


def test_failures_with_a_good_request_in_between_are_two_outages_that_share_it() -> None:
    found = judged(row((".", 10), ("t", 5), (".", 1), ("t", 10), (".", 10)))
    assert [o.lasted_s for o in found.outages] == pytest.approx([0.123, 0.223])
    assert found.longest_s == pytest.approx(0.223)
    assert found.sum_s == pytest.approx(0.123 + 0.223 - 0.003)


def test_a_slow_good_request_begun_in_an_outage_does_not_part_it() -> None:
    requests = row((".", 10), ("x", 5), (".", 10))
    slow = Request(vip=VIP, started=requests[10].started + 0.01, ended=requests[16].ended, ok=True)
    assert [o.lasted_s for o in judged([*requests, slow]).outages] == pytest.approx([0.123])


def test_what_was_under_way_at_the_cut_belongs_to_the_cut() -> None:
    requests = row((".", 4), ("t", 30), (".", 60))
    cut = requests[4].started + 0.011
    assert judged(requests, cut - 1.0, cut).outages == ()
    assert judged(requests, cut).longest_s == pytest.approx(0.623)


def test_what_had_not_ended_has_no_length_but_a_least_one() -> None:
    found = judged(row((".", 10), ("t", 50)))
    assert (found.longest_s, found.why) == (None, "it was still out when measuring ended")
    assert found.at_least_s == pytest.approx(0.02 * 50 + 0.5)


def test_without_a_good_request_before_it_the_beginning_is_not_known() -> None:
    requests = row(("t", 20), (".", 20))
    assert find(requests, VIP)[0].began is None
    assert judged(requests).why == "no request had been good before it was out"


def test_what_was_out_already_is_not_the_later_window_s() -> None:
    requests = row((".", 10), ("t", 50), (".", 20))
    put_back = AT + 0.8
    assert judged(requests, AT, put_back).longest_s == pytest.approx(1.023)
    after = judged(requests, put_back)
    assert (after.outages, after.longest_s, after.why) == ((), None, "it was out already when this began")


def test_a_window_that_was_not_measured_has_no_figure() -> None:
    requests = row((".", 50))
    assert lost(requests, VIP, AT, AT + 0.5, (AT - 0.1, AT + 0.9)).longest_s == 0.0
    assert lost(requests, VIP, AT, AT + 0.5, (AT - 0.1, AT + 0.3)).why == "it was not measured all the time"
