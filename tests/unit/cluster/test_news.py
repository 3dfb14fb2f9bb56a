"""What is news is drawn at once; what repeats what is known, or only moves a figure, waits for the next second."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.cluster.conclude import conclude
from haconsole.cluster.news import is_news
from haconsole.model.events import (
    ClientProbed,
    Event,
    Heartbeat,
    KernelEvent,
    LogHeard,
    NodeRead,
    Phase,
    ReadFailed,
    Reading,
    Subject,
    WireHeard,
)
from haconsole.model.findings import Severity
from haconsole.model.host import HostReading
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import AddressAdded, SquidCounters
from tests.unit.cluster.builders import (
    BACKUP,
    ONE,
    V1,
    Play,
    address,
    answer,
    daemon,
    healthy,
    instance,
    kernel,
    log_line,
    no_answer,
    pair_daemon,
    problem,
    squid,
    unit,
    units,
)
from tests.unit.cluster.ears import A, advert, listening
from tests.unit.cluster.stories import played, story


def read(play: Play, reading: Reading) -> Event:
    return NodeRead(node=ONE, at=play.now, source="test", reading=reading)


def beat(play: Play) -> Event:
    return Heartbeat(node=ONE, at=play.now, sent_at=play.now - 0.004, node_time_s=play.now)


def probe(play: Play, **more: object) -> Event:
    return ClientProbed(vip=V1, at=play.now, result=answer(**more))


def test_what_a_healthy_cluster_repeats_is_no_news() -> None:
    play = healthy().read(ONE, HostReading(connections=7)).wait(2.0)
    for event in (
        beat(play),
        probe(play, latency_s=0.009),
        read(play, units(at=play.now)),
        read(play, kernel(ONE, str(V1))),
        read(play, pair_daemon(ONE)),
        read(play, squid()),
        read(play, SquidCounters(requests_per_s=99.0, clients=1)),
        read(play, HostReading(connections=9)),
        LogHeard(node=ONE, at=play.now, line=log_line("Printing VRRP data for process(7) on signal", play.now)),
    ):
        assert not is_news(play.state, event), event


@pytest.mark.parametrize(
    "reading",
    [
        units(unit("squid", active=False)),
        kernel(ONE),
        daemon(instance("proxy_ip1", state=BACKUP)),
        squid(""),
        squid(check_ok=False),
    ],
)  # fmt: skip
def test_a_reading_that_differs_is(reading: Reading) -> None:
    play = healthy().wait(2.0)
    assert is_news(play.state, read(play, reading))


def test_so_is_a_client_whose_luck_changes_and_the_first_answer_at_all() -> None:
    play = healthy().wait(2.0)
    assert is_news(play.state, ClientProbed(vip=V1, at=play.now, result=no_answer()))
    assert is_news(play.state, probe(play, status=503))
    assert is_news(Play().state, probe(play))
    failing = play.probe(V1, no_answer()).wait(2.0)
    assert not is_news(failing.state, ClientProbed(vip=V1, at=failing.now, result=no_answer()))
    assert is_news(failing.state, probe(failing))


def test_so_is_whatever_a_kernel_or_a_daemon_says_of_itself() -> None:
    play = healthy().wait(2.0)
    change = AddressAdded(address=address("192.168.2.130/32"))
    assert is_news(play.state, KernelEvent(node=ONE, at=play.now, change=change))
    assert is_news(play.state, LogHeard(node=ONE, at=play.now, line=log_line("(proxy_ip1) Entering BACKUP STATE")))
    assert is_news(play.state, LogHeard(node=ONE, at=play.now, line=log_line("anything at all")))


def test_so_is_a_node_that_was_silent_one_whose_reading_failed_and_one_connected_anew() -> None:
    silent = healthy().wait(10.0)
    assert is_news(silent.state, beat(silent))
    failed = healthy().failed(ONE, Subject.UNITS, problem(ProblemKind.CONNECTION_REFUSED, "x")).wait(2.0)
    assert is_news(failed.state, read(failed, units(at=failed.now)))
    why = problem(ProblemKind.CONNECTION_REFUSED, "x")
    assert is_news(failed.state, ReadFailed(node=ONE, at=failed.now, subject=Subject.UNITS, problem=why))
    anew = healthy().wait(2.0).phase(ONE, Phase.CONNECTING).phase(ONE, Phase.CONNECTED)
    assert is_news(anew.state, read(anew, squid()))


def test_the_wire_is_news_when_somebody_speaks_says_something_else_or_falls_silent() -> None:
    ears = listening().second(12.0).steady(advert(A), 0.0, 4.0).steady(advert(A, priority=250), 5.0, 6.0)
    told: list[bool] = []
    put_in = ears.play.event

    def event(*events: Event) -> Play:
        for each in events:
            if isinstance(each, WireHeard):
                told.append(is_news(ears.play.state, each))
            put_in(each)
        return ears.play

    ears.play.event = event  # type: ignore[method-assign]
    heard = {}
    for at in (2.3, 3.3, 4.3, 5.3, 6.3, 12.0):
        told.clear()
        ears.tell(at)
        heard[at] = any(told)
    assert heard == {2.3: True, 3.3: False, 4.3: False, 5.3: True, 6.3: False, 12.0: True}


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_nothing_worse_is_ever_learned_from_what_is_no_news(seed: int, length: int) -> None:
    """Whatever came before: the event's own picture has no warning that the picture without it has not."""
    before, after = played(seed, length - 1, well=True), played(seed, length, well=True)
    event = story(seed, length)[0][-1]
    figures = isinstance(event, Heartbeat) or (  # of those a rule may rest on some: clocks, what is full
        isinstance(event, NodeRead) and isinstance(event.reading, HostReading | SquidCounters)
    )
    if is_news(before.state, event) or figures:
        return
    without = conclude(before.spec, before.state, after.now, before.policy).findings
    known = {f.key for f in without}
    worse = [f for f in after.findings() if f.key not in known and f.severity > Severity.INFO]
    assert not worse, (event, worse)
