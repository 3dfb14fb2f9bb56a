"""What the nodes' keepalived.conf should hold: priorities, VRIDs, addresses, checks. Pure; no text is made here.

From the configured cluster and from what the nodes run, as far as that was read: names, VRIDs, prefixes and
what haconsole has no opinion on are kept as they run. Without a node's word nothing is guessed: a prefix that
nobody told is left out. Sources: keepalived.conf(5); RFC 5798 and 9568; measured behaviour of 1.3.5 to 2.4.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from haconsole.model.keepalived_conf import ConfAddress, ConfInstance
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec
from haconsole.report.keepalived_values import (
    HIGHEST,
    LOWEST,
    NOTHING,
    NodeFacts,
    Plan,
    PlanError,
    PlannedAddress,
    PlannedInstance,
    Wishes,
)


def plan(cluster: ClusterSpec, facts: Mapping[str, NodeFacts], wishes: Wishes) -> Plan:
    """The plan for `cluster`. `facts`: by node; nodes that are missing were not read.

    Raises: PlanError: there is no VIP, or more than VRIDs.
    """
    known = {node.name: facts.get(node.name, NOTHING) for node in cluster.nodes}
    drafts = _drafts(cluster, known)
    if not drafts:
        text = "no virtual address is configured and no node told one: add [[cluster.vip]] to the configuration"
        raise PlanError(f"{cluster.name}: {text}")
    unicast = wishes.unicast
    if unicast is None:
        unicast = any(i.unicast for f in known.values() for i in f.instances)
    _number(drafts, cluster)
    turns: dict[str, int] = {}
    instances = tuple(_instance(draft, cluster, known, wishes, turns) for draft in drafts)
    return Plan(cluster=cluster, facts=known, wishes=wishes, unicast=unicast, instances=instances)


# --- which instances -----------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Draft:
    addresses: dict[IpAddress, ConfAddress | None] = field(default_factory=dict)
    running: dict[str, ConfInstance] = field(default_factory=dict)
    preferred: str = ""
    vrid: int = 0
    name: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def family(self) -> int:
        return next(iter(self.addresses)).version

    @property
    def model(self) -> ConfInstance | None:
        """The instance of the node that should be master: where nodes differ its word counts."""
        return self.running.get(self.preferred) or next(iter(self.running.values()), None)


def _drafts(cluster: ClusterSpec, facts: Mapping[str, NodeFacts]) -> list[_Draft]:
    drafts: list[_Draft] = []
    for node, fact in facts.items():
        for instance in fact.instances:
            _take(drafts, node, instance)
    configured = {vip.address: vip.preferred for vip in cluster.vips}
    taken = {a for d in drafts for a in d.addresses}
    drafts += [_Draft(addresses={vip: None}) for vip in configured if vip not in taken]
    order = {address: index for index, address in enumerate(configured)}
    drafts.sort(key=lambda d: min((order.get(a, len(order)) for a in d.addresses), default=len(order)))
    for draft in drafts:
        draft.preferred = _preferred(draft, configured, drafts, cluster)
    return drafts


def _take(drafts: list[_Draft], node: str, instance: ConfInstance) -> None:
    """Join it with the instance of another node that has one of its addresses."""
    own = {a.address.ip: a for a in instance.addresses}
    if not own:
        return
    mine = {a for a in own if not a.is_link_local} or set(own)
    draft = next((d for d in drafts if node not in d.running and mine & set(d.addresses)), None)
    claimed = {a for d in drafts if d is not draft for a in d.addresses}
    own = {a: line for a, line in own.items() if a not in claimed or a.is_link_local}
    if not own:
        return
    if draft is None:
        draft = _Draft()
        drafts.append(draft)
    elif set(own) != set(draft.addresses):
        draft.notes.append(f"the address list of {node} differs: it must be equal on all nodes; here all are in it")
    draft.running[node] = instance
    for address, line in own.items():
        draft.addresses.setdefault(address, line)


def _preferred(
    draft: _Draft, configured: Mapping[IpAddress, str | None], drafts: Sequence[_Draft], cluster: ClusterSpec
) -> str:
    wanted = [p for a in draft.addresses if (p := configured.get(a)) is not None]
    if wanted:
        if len(set(wanted)) > 1:
            draft.notes.append("its addresses have different preferred nodes in haconsole's configuration: the first")
        return wanted[0]
    told = {n: i.priority for n, i in draft.running.items() if i.priority is not None}
    best = [n for n, p in told.items() if p == max(told.values())]
    if len(best) == 1:
        return best[0]
    used = [d.preferred for d in drafts if d.preferred and d.family == draft.family]
    return min((n.name for n in cluster.nodes), key=used.count)  # min takes the first of equals


# --- names and numbers ---------------------------------------------------------------


def _number(drafts: Sequence[_Draft], cluster: ClusterSpec) -> None:
    """VRIDs and names: those that run, unique within a family; the lowest free ones for what is new."""
    vrids: dict[int, set[int]] = {4: set(), 6: set()}
    names: set[str] = set()
    for draft in (d for d in drafts if d.model is not None):
        _numbered_as_running(draft, vrids[draft.family], names)
    for draft in drafts:
        taken = vrids[draft.family]
        if not draft.vrid:
            draft.vrid = next((n for n in range(1, 256) if n not in taken), 0)
            if not draft.vrid:
                raise PlanError(f"{cluster.name}: more than 255 instances: there is no VRID left")
            taken.add(draft.vrid)
        if not draft.name:
            stem = f"{cluster.name}{'6' if draft.family == 6 else ''}_ip"
            draft.name = next(n for k in range(1, 1000) if (n := f"{stem}{k}") not in names)
            names.add(draft.name)


def _numbered_as_running(draft: _Draft, taken: set[int], names: set[str]) -> None:
    model = draft.model
    if model is None:
        return
    for what, values in (
        ("virtual_router_id", {n: i.vrid for n, i in draft.running.items()}),
        ("name", {n: i.name for n, i in draft.running.items()}),
    ):
        if len(set(values.values())) > 1:
            told = ", ".join(f"{n} {v}" for n, v in values.items())
            draft.notes.append(f"the running {what} differs ({told}); here it is one")
    if model.vrid is not None and model.vrid not in taken:
        draft.vrid = model.vrid
        taken.add(model.vrid)
    elif model.vrid is not None:
        draft.notes.append(f"VRID {model.vrid} is another instance's already: this one gets a free one")
    if model.name not in names:
        draft.name = model.name
        names.add(model.name)


# --- one instance --------------------------------------------------------------------


def _instance(
    draft: _Draft, cluster: ClusterSpec, facts: Mapping[str, NodeFacts], wishes: Wishes, turns: dict[str, int]
) -> PlannedInstance:
    model = draft.model
    turn = turns.get(draft.preferred, 0)
    turns[draft.preferred] = turn + 1
    interval = model.advert_interval_s if model is not None and model.advert_interval_s else 1.0
    preempt = model.preempt if model is not None and model.preempt is not None else True
    if not preempt and len(cluster.nodes) > 1:
        draft.notes.append("nopreempt as it runs: the VIP stays where it went after a failure, until one moves it back")
    version = 3 if draft.family == 6 else (model.version if model is not None and model.version else 2)
    interfaces = {n.name: _interface(draft.running.get(n.name), n) for n in cluster.nodes}
    addresses = _addresses(draft, facts, wishes)
    return PlannedInstance(
        name=draft.name,
        vrid=draft.vrid,
        family=draft.family,
        preferred=draft.preferred,
        priorities=priorities([n.name for n in cluster.nodes], draft.preferred, turn),
        interfaces=interfaces,
        addresses=addresses,
        advert_interval_s=interval,
        preempt=preempt,
        version=version,
        running=dict(draft.running),
        notes=tuple(dict.fromkeys(draft.notes)),
    )


def priorities(nodes: Sequence[str], preferred: str, turn: int = 0) -> dict[str, int]:
    """254 for `preferred`; the others behind it in turn, 50 apart where there is room, the last with 100.

    turn: which of the VIPs that prefer this node it is: each has another node next in line, so that a node's
    failure is spread over the others. Raises: ValueError: `preferred` is no node, more than 140 nodes.
    """
    start = list(nodes).index(preferred)
    others = [nodes[(start + k) % len(nodes)] for k in range(1, len(nodes))]
    if not others:
        return {preferred: HIGHEST}
    shift = turn % len(others)
    others = others[shift:] + others[:shift]
    step = min(50, 140 // max(1, len(others) - 1))
    if step < 1:
        raise ValueError("too many nodes for distinct priorities")
    return {preferred: HIGHEST} | {n: LOWEST + step * (len(others) - 1 - k) for k, n in enumerate(others)}


def _interface(running: ConfInstance | None, node: NodeSpec) -> str:
    return running.interface if running is not None and running.interface else node.lan_interface


def _addresses(draft: _Draft, facts: Mapping[str, NodeFacts], wishes: Wishes) -> tuple[PlannedAddress, ...]:
    found = []
    for address, line in draft.addresses.items():
        excluded = line is not None and line.excluded
        prefix = line.address.network.prefixlen if line is not None else _prefix(address, facts.values(), wishes)
        found.append(
            PlannedAddress(
                address=address,
                prefix=prefix,
                interface=_other_interface(line, draft),
                label=line.label if line is not None else None,
                excluded=excluded,
                new=line is None,
            )
        )
    if draft.family == 6:
        found = _link_local_first(found, draft.vrid)
    return tuple(found)


def _other_interface(line: ConfAddress | None, draft: _Draft) -> str | None:
    """`dev` of a running line, where it is not just the instance's interface."""
    if line is None or line.interface in {i.interface for i in draft.running.values()}:
        return None
    return line.interface


def _link_local_first(found: list[PlannedAddress], vrid: int) -> list[PlannedAddress]:
    """RFC 5798 5.2.9: the first address of an IPv6 advert is link-local."""
    local = [a for a in found if a.address.is_link_local and not a.excluded]
    if not local:
        local = [PlannedAddress(address=virtual_link_local(vrid), prefix=64)]
    return [*local, *(a for a in found if a not in local)]


def virtual_link_local(vrid: int) -> IPv6Address:
    """The link-local address of the virtual router MAC 00-00-5E-00-02-VRID (RFC 5798 7.3; RFC 4291 2.5.1)."""
    return IPv6Address(f"fe80::200:5eff:fe00:{0x200 | vrid:x}")


def _prefix(address: IpAddress, facts: Iterable[NodeFacts], wishes: Wishes) -> int | None:
    """Of the subnet of a node's own address around it."""
    for fact in facts:
        for each in fact.kernel.addresses if fact.kernel is not None else ():
            if each.address.version == address.version and address in each.address.network:
                length = each.address.network.prefixlen
                if length < address.max_prefixlen:
                    return length
    return wishes.prefix if address.version == 4 else None
