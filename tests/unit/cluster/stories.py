"""Stories: any news in any order, made from a seed. Cut to a shorter length they are the same story."""

from __future__ import annotations

import random
from collections.abc import Callable
from ipaddress import ip_address, ip_interface
from typing import TypeVar

from haconsole.model.events import (
    ClientProbed,
    ClientResult,
    Event,
    Heartbeat,
    KernelEvent,
    LinkPhase,
    LogHeard,
    NodeRead,
    Phase,
    ReadFailed,
    Reading,
    Subject,
)
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import (
    Address,
    AddressAdded,
    AddressRemoved,
    ConfigTest,
    DaemonReading,
    IdentityReading,
    InstanceReading,
    KernelChange,
    KernelReading,
    Link,
    LinkChanged,
    LinkRemoved,
    Listener,
    Rights,
    SquidCounters,
    SquidReading,
    TrackedFile,
    TrackedInterface,
    TrackedScript,
    UnitReading,
    UnitsReading,
    VersionsReading,
    VrrpState,
)
from tests.unit.cluster import builders as b
from tests.unit.cluster.builders import ONE, T0, TWO, V1, V2

T = TypeVar("T")

V6 = ip_address("fd00::101")
TEXTS = ("", "x", "proxy-serv01: [red]no[/red] answer", "ü\x1b[31m\n|'=", "\ud800")
INTERFACES = ("eth0", "eth1", "wg0")
WITH_PREFIX = tuple(ip_interface(x) for x in ("192.168.2.101/24", "192.168.2.102/32", "fd00::101/64", "10.0.0.1/8"))
NUMBERS = (None, -300, -1, 0, 1, 54, 100, 255, 10**9)
SECONDS = (None, 0.0, 1e6, T0 - 5.0, T0, T0 + 30.0, -1e300, 1e300, float("inf"), float("nan"))
PAUSES = (0.0, 0.01, 0.05, 0.2, 0.5) * 6 + (2.0, 2.0, 8.0, 30.0)
MAYBE = (True, False, None)
BOTH = (True, False)
MOSTLY = (True, True, False)
CONFIGS = (b.config(ONE), b.config(TWO), b.config(ONE, "vrrp_instance {\n}\n"), b.config(ONE, "x"))
LINES = (
    *TEXTS,
    *(f"(proxy_ip{n}) Entering {s.value} STATE" for s in VrrpState for n in (1, 2)),
    "Starting Keepalived v2.2.7 (01/16,2022)",
    "Printing VRRP data for process(7) on signal",
)


class Teller:
    """Makes one piece of news after the other."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.now = T0

    def pick(self, *values: T) -> T:
        return self._random.choice(values)

    def some(self, make: Callable[[], T], most: int) -> tuple[T, ...]:
        return tuple(make() for _ in range(self._random.randint(0, most)))

    # values

    def address(self) -> Address:
        return Address(interface=self.pick(*INTERFACES), address=self.pick(*WITH_PREFIX), label=self.pick(None, *TEXTS))

    def link(self) -> Link:
        return Link(name=self.pick(*INTERFACES), up=self.pick(*BOTH), carrier=self.pick(*BOTH))

    def kernel(self) -> KernelReading:
        return KernelReading(links={x.name: x for x in self.some(self.link, 3)}, addresses=self.some(self.address, 4))

    def unit(self, name: str) -> UnitReading:
        state = self.pick("active", "active", "inactive", "failed", "activating")
        return UnitReading(
            name=name,
            loaded=self.pick(*MOSTLY),
            active=state == "active",
            active_state=state,
            sub_state=self.pick(*TEXTS),
            enabled=self.pick(*MAYBE),
            since_uptime_s=self.pick(*SECONDS),
            restarts=self.pick(None, 0, 3),
        )

    def instance(self) -> InstanceReading:
        pick = self.pick
        return InstanceReading(
            name=pick("proxy_ip1", "proxy_ip2", *TEXTS),
            vrid=pick(1, 2),
            interface=pick(*INTERFACES),
            state=pick(None, *VrrpState),
            priority=pick(*NUMBERS),
            effective_priority=pick(*NUMBERS),
            advert_interval_s=pick(*SECONDS),
            preempt=pick(*MAYBE),
            vips=self.some(lambda: pick(*WITH_PREFIX[:3]), 2),
            last_transition_node_s=pick(*SECONDS),
            tracked_interfaces=self.some(
                lambda: TrackedInterface(name=pick(*INTERFACES), up=pick(*MAYBE), weight=pick(0, 0, -60, 5)), 2
            ),
            tracked_scripts=self.some(
                lambda: TrackedScript(name=pick("chk_squid_service", *TEXTS), ok=pick(*MAYBE), weight=pick(0, -9)), 2
            ),
            tracked_files=self.some(
                lambda: TrackedFile(name=pick(*TEXTS), value=pick(*NUMBERS), weight=pick(0, 1, -2)), 1
            ),
        )

    def listener(self) -> Listener:
        return Listener(address=self.pick(None, V1, V2, V6), port=3128, text=self.pick("0.0.0.0:3128", *TEXTS))

    def reading(self) -> Reading:
        pick = self.pick
        return pick(
            lambda: IdentityReading(
                user=pick(*TEXTS), uid=5, groups=frozenset(), hostname="x", rights=pick(*Rights), boot_id=None
            ),
            lambda: VersionsReading(squid=pick(None, *TEXTS)),
            self.kernel,
            self.kernel,
            lambda: UnitsReading(
                units={n: self.unit(n) for n in pick(("keepalived", "squid"), ("squid",), ())},
                uptime_s=pick(*SECONDS),
            ),
            lambda: DaemonReading(kind="DATA", instances=self.some(self.instance, 3)),
            lambda: DaemonReading(kind="DATA", instances=self.some(self.instance, 3)),
            lambda: pick(*CONFIGS),
            lambda: ConfigTest(ok=pick(*MAYBE), messages=self.some(lambda: pick(*TEXTS), 2)),
            lambda: SquidReading(
                check_ok=pick(*MAYBE), check_text=pick(*TEXTS), listening=pick(None, self.some(self.listener, 2))
            ),
            lambda: SquidCounters(
                client_requests=pick(None, 0, 9), requests_per_s=pick(*SECONDS), hit_ratio=pick(*SECONDS)
            ),
        )()

    def problem(self) -> Problem:
        return Problem(
            kind=self.pick(*ProblemKind),
            summary=self.pick(*TEXTS),
            remedy=self.pick(None, *TEXTS),
            detail=self.pick(*TEXTS),
        )

    def change(self) -> KernelChange:
        return self.pick(
            AddressAdded(address=self.address()),
            AddressRemoved(address=self.address()),
            LinkChanged(link=self.link()),
            LinkRemoved(name=self.pick(*INTERFACES)),
        )

    def result(self) -> ClientResult:
        return ClientResult(
            ok=self.pick(*MOSTLY),
            checked=self.pick("http", "tcp"),
            status=self.pick(None, 200, 403, 404, 407, 503),
            latency_s=self.pick(*SECONDS),
            error=self.pick(None, *TEXTS),
        )

    # news

    def event(self) -> Event:
        pick = self.pick
        self.now += pick(*PAUSES)
        node, at = pick(ONE, TWO, ONE, TWO, "stranger"), self.now
        line = b.log_line(pick(*LINES), pick(*SECONDS), trusted=pick(*MOSTLY))
        return pick(
            lambda: LinkPhase(
                node=node,
                at=at,
                phase=pick(*Phase, *[Phase.CONNECTED] * 8),
                problem=pick(None, self.problem()),
                retry_at=pick(None, at),
            ),
            lambda: Heartbeat(
                node=node, at=at, sent_at=at - pick(0.0, 0.01, 2.0), node_time_s=at + pick(0.0, 7.0, -1e9)
            ),
            lambda: NodeRead(node=node, at=at, source="x", reading=self.reading()),
            lambda: NodeRead(node=node, at=at, source="x", reading=self.reading()),
            lambda: NodeRead(node=node, at=at, source="x", reading=self.reading()),
            lambda: ReadFailed(node=node, at=at, subject=pick(*Subject), problem=self.problem()),
            lambda: KernelEvent(node=node, at=at, change=self.change()),
            lambda: LogHeard(node=node, at=at, line=line, backlog=pick(*BOTH)),
            lambda: ClientProbed(vip=pick(V1, V2, V1, V2, V1, V2, V6), at=at, result=self.result()),
        )()


def story(seed: int, length: int) -> tuple[list[Event], float]:
    """(events in the order of their arrival, the moment of looking)."""
    teller = Teller(seed)
    events = [teller.event() for _ in range(length)]
    return events, teller.now + (0.0, 0.4, 2.0, 9.0)[seed % 4]


def played(seed: int, length: int, *, well: bool) -> b.Play:
    """The story on top of nothing, or of a healthy pair."""
    events, now = story(seed, length)
    play = (b.healthy() if well else b.Play(b.spec(vips=["fd00::101"]))).event(*events)
    play.now = now
    return play
