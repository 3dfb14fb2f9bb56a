"""Forecasts against keepalived as `vrrp_instance` plays it: any phase of the adverts ends within the range."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from haconsole.cluster import vrrp_instance as life
from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_changes import Change, Thing
from haconsole.cluster.vrrp import Track, TrackKind
from haconsole.model.readings import TrackedFile
from tests.unit.cluster.builders import BACKUP, CONF, MASTER, ONE, TWO, V1, config, daemon, healthy, instance

FAR = 400.0
"""Longer than any hand-over here."""
TRACK_FILE = 'track_file haconsole_drain {{ file "/run/haconsole-drain"\n}}\n'


@dataclass
class Wire:
    """Two instances that hear each other at once."""

    nodes: dict[str, life.Instance]
    deaf: set[str] = field(default_factory=set)
    took: list[tuple[float, str]] = field(default_factory=list)
    held: dict[str, bool] = field(default_factory=dict)
    gaps: list[tuple[float, bool]] = field(default_factory=list)
    """When somebody who can be reached begins (True) or ceases (False) to hold the VIP."""

    def step(self, node: str, now: float, made: life.Step) -> None:
        self.nodes[node], outputs = made
        for out in outputs:
            if isinstance(out, life.TakeVips):
                self.took.append((now, node))
                self.hold(node, now, have=True)
            elif isinstance(out, life.ReleaseVips):
                self.hold(node, now, have=False)
            elif isinstance(out, life.Advertise) and node not in self.deaf:
                self.deliver(node, out.priority, now)

    def hold(self, node: str, now: float, *, have: bool) -> None:
        self.held[node] = have
        self.gaps.append((now, any(h for n, h in self.held.items() if n not in self.deaf)))

    def deliver(self, sender: str, priority: int, now: float) -> None:
        own = self.nodes[sender].config
        advert = life.Heard(
            sender=own.address, version=own.version, priority=priority, interval_s=own.interval_s, addresses=own.vips
        )
        for other in self.nodes:
            if other != sender and other not in self.deaf:
                self.step(other, now, life.heard(self.nodes[other], advert, now))

    def run(self, until: float) -> None:
        while True:
            due = [(i.due, n) for n, i in self.nodes.items() if i.due is not None and i.running and i.due <= until]
            if not due:
                return
            at, node = min(due)
            self.step(node, at, life.timer(self.nodes[node], at))

    def outage(self, since: float) -> float:
        """The longest time without a holder since then."""
        points = [(t, h) for t, h in self.gaps if t >= since]
        return max((b - a for (a, held), (b, _) in pairwise(points) if not held), default=0.0)


def made(node: str, priority: int, version: int, interval_s: float) -> life.Instance:
    address = ip_address("192.168.2.251" if node == ONE else "192.168.2.252")
    conf = life.InstanceConfig(
        name="proxy_ip1", vrid=1, base_priority=priority, address=address, vips=frozenset({V1}), version=version,
        interval_s=interval_s,
    )  # fmt: skip
    tracks = (
        Track(kind=TrackKind.INTERFACE, name="eth1", value=1),
        Track(kind=TrackKind.FILE, name="haconsole_drain", weight=1, value=0),
    )
    return life.Instance(config=conf, tracks=tracks)


CHANGES = {
    "stop": Change(node=ONE, thing=Thing.KEEPALIVED),
    "eth1": Change(node=ONE, thing=Thing.LINK, interface="eth1"),
    "gone": Change(node=ONE, thing=Thing.NODE),
    "drain": Change(node=ONE, thing=Thing.DRAIN, value=-200),
}


@given(
    st.sampled_from(sorted(CHANGES)),
    st.integers(2, 254),
    st.integers(1, 253),
    st.sampled_from([(2, 1.0), (2, 5.0), (3, 1.0), (3, 0.25)]),
    st.floats(0.0, 1.0),
)
def test_whatever_the_phase_the_take_over_is_in_the_range(
    what: str, high: int, low: int, timers: tuple[int, float], phase: float
) -> None:
    assume(low < high)
    version, interval_s = timers
    wire = Wire({ONE: made(ONE, high, version, interval_s), TWO: made(TWO, low, version, interval_s)})
    for node in (ONE, TWO):
        wire.step(node, 0.0, life.start(wire.nodes[node], 0.0))
    wire.run(100.0)
    assert wire.nodes[ONE].state is MASTER
    assert wire.nodes[TWO].state is BACKUP
    at = 100.0 + phase * interval_s
    wire.run(at)
    wire.gaps.append((at, True))
    one = wire.nodes[ONE]
    if what == "stop":
        wire.step(ONE, at, life.stop(one, at))
    elif what == "eth1":
        wire.step(ONE, at, life.track(one, Track(kind=TrackKind.INTERFACE, name="eth1", value=0), at))
    elif what == "drain":
        file = Track(kind=TrackKind.FILE, name="haconsole_drain", weight=1, value=-200)
        wire.step(ONE, at, life.track(one, file, at))
    else:
        wire.deaf.add(ONE)
        wire.hold(ONE, at, have=True)
    wire.run(at + FAR)

    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    play = healthy().read(ONE, config(ONE, (TRACK_FILE + CONF).format(one=high, two=low)))
    more = {"version": version, "advert_interval_s": interval_s, "tracked_files": files}
    play.read(ONE, daemon(instance("proxy_ip1", MASTER, high, **more), instance("proxy_ip2", BACKUP, 100)))
    play.read(TWO, daemon(instance("proxy_ip1", BACKUP, low, **more), instance("proxy_ip2", MASTER, 200)))
    said = forecast(play.picture(), [CHANGES[what]]).vip(V1)

    taken = [t for t, n in wire.took if n == TWO and t >= at]
    holder = TWO if wire.nodes[TWO].state is MASTER else ONE
    assert said.after == holder
    if holder == ONE:
        assert what == "drain"
        assert not taken
        return
    assert said.takeover is not None and said.takeover.high is not None
    assert said.takeover.low - 1e-6 <= taken[0] - at <= said.takeover.high + 1e-6
    assert said.outage is not None and said.outage.high is not None
    assert said.outage.low - 1e-6 <= wire.outage(at) <= said.outage.high + 1e-6


def test_the_play_has_outages_at_all() -> None:
    wire = Wire({ONE: made(ONE, 200, 2, 1.0), TWO: made(TWO, 100, 2, 1.0)})
    for node in (ONE, TWO):
        wire.step(node, 0.0, life.start(wire.nodes[node], 0.0))
    wire.run(10.0)
    wire.step(ONE, 10.0, life.stop(wire.nodes[ONE], 10.0))
    wire.run(20.0)
    assert abs(wire.outage(10.0) - 156 / 256) < 1e-6
    assert wire.nodes[TWO].state is MASTER
