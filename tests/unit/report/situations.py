"""One playbook for every situation that an operator meets; documents and tables must tell each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from haconsole.model.events import Phase, Subject
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import Rights
from tests.unit.cluster.builders import (
    BACKUP,
    CONF,
    ONE,
    TWO,
    V1,
    V2,
    Play,
    config,
    drained_daemon,
    eth1_down,
    healthy,
    identity,
    kernel,
    moved_to_two,
    no_answer,
    pair_daemon,
    problem,
    spec,
    squid,
    unit,
    units,
)

LOST: Final = problem(ProblemKind.LINK_LOST, "proxy-serv01: no answer for 6 s; the connection was given up", None)
DENIED: Final = problem(ProblemKind.NOT_PERMITTED, "proxy-serv01: plain may not ask keepalived", "line one\nline two")
VIP1: Final = f"{V1}/24"


def squid_stopped() -> Play:
    play = moved_to_two(healthy()).read(ONE, units(unit("squid", active=False)), squid("", check_ok=False))
    return play.failed(ONE, Subject.SQUID_COUNTERS, problem(ProblemKind.NOT_RUNNING))


def keepalived_stopped() -> Play:
    play = moved_to_two(healthy()).read(ONE, units(unit("keepalived", active=False)))
    return play.failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_RUNNING))


def plain_user() -> Play:
    play = healthy().read(ONE, identity("plain", Rights.PLAIN))
    return play.failed(ONE, Subject.DAEMON, DENIED).failed(ONE, Subject.LOG, DENIED)


def ipv6() -> Play:
    text = CONF.format(one=255, two=100).replace("192.168.2.101/24 dev eth0 label eth0:1", "fd00:2:0:0:0:0:0:101/64")
    play = healthy(spec(vips=["fd00:2::101"])).read(ONE, kernel(ONE, "fd00:2::101/64"), config(ONE, text))
    return play.failed(ONE, Subject.DAEMON, DENIED).served()


def everything_at_once() -> Play:
    play = eth1_down(healthy(spec(nodes=3))).added(ONE, VIP1).wait(2.0).beat()
    play.read(ONE, squid(check_ok=False, text="bad")).probe(V2, no_answer("refused", 403))
    return play.probe(V1, no_answer()).phase("proxy-serv03", Phase.WAITING, LOST)


SITUATIONS: Final[Mapping[str, Callable[[], Play]]] = {
    "nothing yet": Play,
    "connecting": lambda: Play().phase(ONE, Phase.CONNECTING),
    "healthy": healthy,
    "three nodes": lambda: healthy(spec(nodes=3)),
    "public link down": lambda: eth1_down(healthy()),
    "squid stopped": squid_stopped,
    "keepalived stopped": keepalived_stopped,
    "node unreachable": lambda: moved_to_two(healthy()).phase(ONE, Phase.WAITING, LOST),
    "node silent": lambda: healthy().wait(8.0).beat(TWO).served(),
    "all unreachable": lambda: healthy().phase(ONE, Phase.WAITING, LOST).phase(TWO, Phase.WAITING, LOST),
    "held by none": lambda: healthy().removed(ONE, VIP1).wait(2.0).beat().probe(V1, no_answer()),
    "held by two": lambda: healthy().added(TWO, VIP1).wait(2.0).beat().served(),
    "moving": lambda: healthy().removed(ONE, VIP1).wait(0.3).served(),
    "not serving": lambda: healthy().probe(V1, no_answer("timed out")),
    "refused": lambda: healthy().probe(V1, no_answer("refused", 403)).probe(V2, no_answer("refused", 403)),
    "client stale": lambda: healthy().wait(9.0).beat(),
    "drained": lambda: moved_to_two(healthy()).read(ONE, drained_daemon()),
    "plain user": plain_user,
    "log only": lambda: plain_user().log(ONE, "(proxy_ip1) Entering MASTER STATE"),
    "two masters": lambda: healthy().wait(9.0).beat().read(TWO, pair_daemon(TWO, one=BACKUP)).added(TWO, VIP1).served(),
    "ipv6": ipv6,
    "everything at once": everything_at_once,
}
