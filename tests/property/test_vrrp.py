"""Whatever the priorities, faults and moments: the wire settles on the one master that the election names."""

from __future__ import annotations

import heapq
from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from haconsole.cluster import vrrp_instance as v
from haconsole.cluster.vrrp import (
    Candidate,
    Track,
    TrackKind,
    effective_priority,
    elect,
    master_down_s,
    outranks,
    skew_s,
)
from haconsole.model.readings import VrrpState

PRIORITIES = st.integers(1, 254)
VIPS = frozenset({IPv4Address("192.168.2.101")})
DELAY_S = 0.0002


@given(st.integers(1, 255), st.lists(st.integers(-300, 300), max_size=4))
def test_effective_priority_stays_in_range(base: int, weights: list[int]) -> None:
    found = effective_priority(base, weights)
    assert found == 255 if base == 255 else 1 <= found <= 254


@given(st.sampled_from([2, 3]), PRIORITIES, PRIORITIES, st.sampled_from([0.1, 1.0, 3.0]))
def test_a_higher_priority_waits_less(version: int, one: int, two: int, interval_s: float) -> None:
    low, high = sorted((one, two))
    assert master_down_s(version, high, interval_s) <= master_down_s(version, low, interval_s)
    assert 0 < skew_s(version, high, interval_s) < max(1.0, interval_s)


@given(PRIORITIES, PRIORITIES, st.integers(1, 9), st.integers(1, 9))
def test_one_of_two_outranks_the_other(one: int, two: int, a: int, b: int) -> None:
    first, second = IPv4Address(a), IPv4Address(b)
    wins = [outranks(one, first, two, second), outranks(two, second, one, first)]
    assert wins.count(True) == (0 if (one, a) == (two, b) else 1)


class Segment:
    """Instances on one wire, in virtual time."""

    def __init__(self, instances: dict[str, v.Instance]) -> None:
        self.instances = instances
        self.now = 0.0
        self.wire: list[tuple[float, int, str, v.Heard]] = []
        self.serial = 0
        self.holders: set[str] = set()

    def do(self, name: str, step: v.Step) -> None:
        self.instances[name], outputs = step
        config = self.instances[name].config
        for output in outputs:
            match output:
                case v.Advertise(priority=priority):
                    heard = v.Heard(
                        sender=config.address,
                        version=config.version,
                        priority=priority,
                        interval_s=config.interval_s,
                        addresses=config.vips,
                    )
                    self.serial += 1
                    heapq.heappush(self.wire, (self.now + DELAY_S, self.serial, name, heard))
                case v.TakeVips():
                    self.holders.add(name)
                case v.ReleaseVips():
                    self.holders.discard(name)

    def run(self, until: float) -> None:
        while True:
            dues = [(i.due, name) for name, i in self.instances.items() if i.due is not None]
            at, name = min(dues, default=(float("inf"), ""))
            if self.wire and self.wire[0][0] <= at:
                at, _, sender, heard = self.wire[0]
                if at > until:
                    break
                heapq.heappop(self.wire)
                self.now = at
                for other, instance in list(self.instances.items()):
                    if other != sender:
                        self.do(other, v.heard(instance, heard, at))
            elif at <= until:
                self.now = at
                self.do(name, v.timer(self.instances[name], at))
            else:
                break
        self.now = until

    def masters(self) -> set[str]:
        return {name for name, i in self.instances.items() if i.state is VrrpState.MASTER}

    def elected(self) -> set[str]:
        """Who should be master, given who is."""
        candidates = [
            Candidate(node=name, priority=i.priority, address=i.config.address, fit=i.running and not i.faulty)
            for name, i in self.instances.items()
        ]
        found = elect(candidates, next(iter(self.masters()), None))
        return set() if found is None else {found.node}


ETH1 = Track(kind=TrackKind.INTERFACE, name="eth1", value=1)
DRAIN = Track(kind=TrackKind.FILE, name="drain", weight=1, value=0)


def instances(priorities: list[int], version: int, interval_s: float) -> dict[str, v.Instance]:
    return {
        f"n{k}": v.Instance(
            config=v.InstanceConfig(
                name="i",
                vrid=1,
                base_priority=priority,
                address=IPv4Address(0xC0A802FB + k),
                vips=VIPS,
                version=version,
                interval_s=interval_s,
            ),
            tracks=(ETH1, DRAIN),
        )
        for k, priority in enumerate(priorities)
    }


ACTIONS = st.tuples(
    st.floats(0.0, 6.0), st.integers(0, 2), st.sampled_from(["fault", "heal", "drain", "undrain", "stop", "start"])
)


@given(
    st.lists(st.integers(1, 255), min_size=2, max_size=3, unique=True),
    st.sampled_from([(2, 1.0), (2, 2.0), (3, 0.2), (3, 1.0)]),
    st.lists(st.floats(0.0, 5.0), min_size=3, max_size=3),
    st.lists(ACTIONS, max_size=8),
)
def test_the_segment_settles_on_the_elected(
    priorities: list[int], timing: tuple[int, float], starts: list[float], actions: list[tuple[float, int, str]]
) -> None:
    segment = Segment(instances(priorities, *timing))
    names = list(segment.instances)
    steps = sorted((at, k, "start") for k, at in enumerate(starts[: len(names)]))
    at = 5.0
    for wait, k, action in actions:
        at += wait
        steps.append((at, k % len(names), action))
    for when, k, action in steps:
        segment.run(when)
        name, instance = names[k], segment.instances[names[k]]
        match action:
            case "start" if not instance.running:
                segment.do(name, v.start(instance, when))
            case "stop" if instance.running:
                segment.do(name, v.stop(instance, when))
            case "fault" | "heal":
                segment.do(name, v.track(instance, replace(ETH1, value=int(action == "heal")), when))
            case "drain" | "undrain":
                segment.do(name, v.track(instance, replace(DRAIN, value=-200 if action == "drain" else 0), when))
    segment.run(segment.now + 6 * master_down_s(timing[0], 1, timing[1]))
    assert segment.masters() == segment.elected() == segment.holders
