"""The steady state: what holds before a drill and must hold again after it, as data that a journal can keep. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from functools import partial
from typing import TypeVar

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.model.drill import Claim
from haconsole.model.readings import Address, VrrpState
from haconsole.model.record import dataclass
from haconsole.operations.job import Expectation
from haconsole.parse.text import clean

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Names and words only, no objects of a moment.

    holders: VIP -> its one holder. units: `node unit` -> active. states: `node instance` -> MASTER or BACKUP.
    addresses: node -> `eth0 192.168.2.251/24`, without what keepalived manages.
    """

    holders: Mapping[str, str] = field(default_factory=dict)
    served: tuple[str, ...] = ()
    units: Mapping[str, bool] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def steady(picture: ClusterPicture) -> Steady:
    """What is so now, as far as it is known: what is not known is left out, and `claims` says so."""
    units: dict[str, bool] = {}
    states: dict[str, str] = {}
    for node in picture.nodes:
        for name, unit in (("keepalived", node.keepalived), ("squid", node.squid_unit)):
            if unit is not None:
                units[f"{node.name} {name}"] = unit.active
        for one in node.instances or ():
            if one.state in {VrrpState.MASTER, VrrpState.BACKUP}:
                states[f"{node.name} {one.name}"] = one.state.value
    return Steady(
        holders={str(v.address): v.holders[0] for v in picture.vips if v.holders and len(v.holders) == 1},
        served=tuple(str(v.address) for v in picture.vips if v.client is not None and v.client.result.ok),
        units=units,
        states=states,
        addresses={n.name: own for n in picture.nodes if (own := own_addresses(n)) is not None},
    )


def addresses(node: NodePicture) -> tuple[str, ...] | None:
    """What was read of `ip a show`, in its shape, of every interface but lo; None: not read. A line for each interface
    with its flags and state, below it its addresses: its own before those with a label."""
    if node.kernel is None:
        return None
    found: list[str] = []
    links = {n: link for n, link in node.kernel.links.items() if n != "lo"}
    for name, link in sorted(links.items(), key=lambda item: (item[1].index or 0, item[0])):
        flags = [*(["NO-CARRIER"] if link.up and not link.carrier else []), *(["UP"] if link.up else [])]
        flags += ["LOWER_UP"] if link.carrier else []
        number = "" if link.index is None else f"{link.index}: "
        state = "" if link.state is None else f" state {clean(link.state)}"
        found.append(f"{number}{clean(name)}: <{','.join(flags)}>{state}")
        own = [a for a in node.kernel.addresses if a.interface == name]
        found += [_address_line(a) for a in sorted(own, key=_in_order)]
    return tuple(found)


def _in_order(address: Address) -> tuple[int, bool, int, int]:
    ip = address.address.ip
    return ip.version, address.label is not None, int(ip), address.address.network.prefixlen


def _address_line(address: Address) -> str:
    family = "inet" if address.address.version == 4 else "inet6"
    name = f" {clean(address.label or address.interface)}" if family == "inet" else ""
    failed = " dadfailed" if address.dad_failed else ""
    return f"    {family} {address.address} scope {clean(address.scope)}{failed}{name}"


def own_addresses(node: NodePicture) -> tuple[str, ...] | None:
    """Those that are not keepalived's and not of one link alone (the kernel makes these itself)."""
    if node.kernel is None:
        return None
    return tuple(
        sorted(
            f"{clean(a.interface)} {a.address}"
            for a in node.kernel.addresses
            if a.interface != "lo" and a.address.ip not in node.managed and not a.address.is_link_local
        )
    )


def claims(picture: ClusterPicture) -> tuple[Claim, ...]:
    """Is this a state from which a drill may begin: one holder each, served, everything running, all told."""
    found = [_holder(str(v.address), None, picture) for v in picture.vips]
    found += [_served(str(v.address), picture) for v in picture.vips]
    for node in picture.nodes:
        for name, unit in (("keepalived", node.keepalived), ("squid", node.squid_unit)):
            ok = None if unit is None else unit.active
            evidence = "not read" if unit is None else f"systemd says {unit.active_state}"
            found.append(Claim(text=f"{name} runs on {node.name}", ok=ok, evidence=evidence))
        bad = [i for i in node.instances or () if i.state not in {VrrpState.MASTER, VrrpState.BACKUP}]
        told = ", ".join(f"{clean(i.name)} {i.state.value if i.state else '?'}" for i in node.instances or ())
        fit = None if node.instances is None or any(i.state is None for i in bad) else not bad
        found.append(
            Claim(text=f"every instance on {node.name} is MASTER or BACKUP", ok=fit, evidence=told or "not read")
        )
    return tuple(found)


Judge = Callable[[ClusterPicture], Claim]


def again(was: Steady, picture: ClusterPicture) -> tuple[Claim, ...]:
    """Is it so again."""
    return tuple(judge(picture) for _, _, judge in _judges(was))


def checks(was: Steady, node: str) -> tuple[Expectation, ...]:
    """`again` as expectations of the executor: the VIPs, and what `node` has. For a run whose plan is gone."""
    return tuple(_expectation(text, judge) for text, of, judge in _judges(was) if of in {None, node})


def _expectation(text: str, judge: Judge) -> Expectation:
    return Expectation(text=text, holds=lambda picture: judge(picture).ok)


def _judges(was: Steady) -> list[tuple[str, str | None, Judge]]:
    """(text, whose: None of a VIP, how it is judged)."""
    found: list[tuple[str, str | None, Judge]] = []
    for vip, holder in was.holders.items():
        found.append((f"{vip} is on {holder}", None, partial(_holder, vip, holder)))
    found += [(f"{vip} serves its clients", None, partial(_served, vip)) for vip in was.served]
    for name in dict.fromkeys(key.partition(" ")[0] for key in (*was.units, *was.states)):
        units, states = _of(was.units, name), _of(was.states, name)
        found.append((f"units of {name} are as before", name, partial(_units, name, units)))
        if states:
            found.append((f"instances of {name} are as before", name, partial(_states, name, states)))
        if name in was.addresses:
            found.append((f"addresses of {name} are as before", name, partial(_addresses, name, was.addresses[name])))
    return found


def _of(values: Mapping[str, T], name: str) -> dict[str, T]:
    return {key.partition(" ")[2]: value for key, value in values.items() if key.partition(" ")[0] == name}


def _vip(picture: ClusterPicture, address: str) -> VipPicture | None:
    return next((v for v in picture.vips if str(v.address) == address), None)


def _holder(address: str, node: str | None, picture: ClusterPicture) -> Claim:
    """node None: one holder, whichever."""
    vip = _vip(picture, address)
    text = f"{address} is on {node}" if node is not None else f"one node holds {address}"
    if vip is None or vip.holders is None or (vip.unread and not vip.holders):
        return Claim(text=text, ok=None, evidence="no kernel told")
    told = f"held by {' and '.join(vip.holders) or 'nobody'}"
    ok = vip.holders == (node,) if node is not None else len(vip.holders) == 1
    if vip.unread:
        told += f"; {' and '.join(vip.unread)} not read"
    return Claim(text=text, ok=ok, evidence=told)


def _served(address: str, picture: ClusterPicture) -> Claim:
    vip = _vip(picture, address)
    text = f"{address} serves its clients"
    if vip is None or vip.client is None:
        return Claim(text=text, ok=None, evidence="no client's answer")
    result = vip.client.result
    took = "" if result.latency_s is None else f" in {result.latency_s * 1000:.0f} ms"
    return Claim(
        text=text, ok=result.ok, evidence=f"{result.status or result.checked}{took}" if result.ok else str(result.error)
    )


def _units(name: str, was: Mapping[str, bool], picture: ClusterPicture) -> Claim:
    node = picture.node(name)
    now = {"keepalived": node.keepalived, "squid": node.squid_unit}
    judged = [None if (unit := now[k]) is None else unit.active is v for k, v in was.items()]
    words = ", ".join(f"{k} {'?' if (unit := now[k]) is None else unit.active_state}" for k in was)
    return Claim(text=f"units of {name} are as before", ok=_all(judged), evidence=words)


def _states(name: str, was: Mapping[str, str], picture: ClusterPicture) -> Claim:
    told = {i.name: i.state.value if i.state is not None else None for i in picture.node(name).instances or ()}
    judged = [None if told.get(k) is None else told[k] == v for k, v in was.items()]
    words = ", ".join(f"{clean(k)} {told.get(k) or '?'}" for k in was)
    return Claim(text=f"instances of {name} are as before", ok=_all(judged), evidence=words)


def _addresses(name: str, was: tuple[str, ...], picture: ClusterPicture) -> Claim:
    own, text = own_addresses(picture.node(name)), f"addresses of {name} are as before"
    if own is None:
        return Claim(text=text, ok=None, evidence="not read")
    differ = [f"-{a}" for a in was if a not in own] + [f"+{a}" for a in own if a not in was]
    return Claim(text=text, ok=not differ, evidence=", ".join(differ) or f"{len(own)} addresses")


def _all(judged: list[bool | None]) -> bool | None:
    if any(j is False for j in judged):
        return False
    return None if None in judged else True
