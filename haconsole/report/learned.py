"""A configuration learned from nodes: what their keepalived.conf and addresses tell of interfaces and VIPs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from haconsole.model.keepalived_conf import ConfInstance
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.report.keepalived_values import NodeFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedNode:
    """Interfaces of one node; `public` empty: it tracks no other, so that none was told."""

    lan: str
    public: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What all nodes together tell. `drain_file` empty: none of them tracks one file everywhere."""

    nodes: Mapping[str, LearnedNode]
    vips: tuple[tuple[IpAddress, str | None], ...]
    """With the node of the one highest priority; None: there is none."""
    drain_file: str
    doubts: tuple[str, ...]
    """What does not fit together, in words."""


def learn(facts: Mapping[str, NodeFacts]) -> Learned:
    """By node, in order. Never raises: what nobody told is left out, and `doubts` says what is odd."""
    priorities: dict[IpAddress, dict[str, int]] = {}
    doubts: list[str] = []
    for node, fact in facts.items():
        for instance in fact.instances:
            for each in instance.addresses:
                if not each.address.is_link_local and instance.priority is not None:
                    priorities.setdefault(each.address.ip, {})[node] = instance.priority
    told = [n for n, f in facts.items() if f.instances]
    for address, by_node in priorities.items():
        lacking = [n for n in told if n not in by_node]
        doubts += [f"{address} is not in the configuration of {n}" for n in lacking]
    return Learned(
        nodes={n: _interfaces(f.instances) for n, f in facts.items()},
        vips=tuple((address, _best(by_node)) for address, by_node in priorities.items()),
        drain_file=_drain_file(facts),
        doubts=tuple(doubts),
    )


def _best(by_node: Mapping[str, int]) -> str | None:
    best = [n for n, p in by_node.items() if p == max(by_node.values())]
    return best[0] if len(best) == 1 else None


def _interfaces(instances: tuple[ConfInstance, ...]) -> LearnedNode:
    lan = Counter(i.interface for i in instances if i.interface is not None).most_common(1)
    own = lan[0][0] if lan else "eth0"
    others = Counter(name for i in instances for name, _ in i.tracked_interfaces if name != own).most_common(1)
    return LearnedNode(lan=own, public=others[0][0] if others else "")


def _drain_file(facts: Mapping[str, NodeFacts]) -> str:
    """The file that every node tracks, if it is one."""
    found = [
        {
            path
            for keyword in ("track_file", "vrrp_track_file")
            for block in (fact.conf.blocks(keyword) if fact.conf is not None else ())
            for statement in block.children("file")
            for path in statement.args[:1]
        }
        for fact in facts.values()
    ]
    common = set.intersection(*found) if found else set()
    return next(iter(common)) if len(common) == 1 else ""
