"""The actions that a node can have now: what each does, what it would cost, and why some cannot be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_times import NOTHING
from haconsole.cluster.forecast_values import Forecast, VipForecast
from haconsole.cluster.forecast_watch import drain_files, drain_scripts
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.readings import UnitReading
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.operations.actions import Action, Drain, Kind, Method, drain_of
from haconsole.tui.view.details import fact
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, middle, pad, say, short_names, sign

_DOES: Final = {
    Kind.DRAIN: "take its VIPs away",
    Kind.UNDRAIN: "end a drain: give it its priority back",
    Kind.KEEPALIVED_STOP: "stop keepalived, then start it again",
    Kind.KEEPALIVED_START: "start keepalived",
    Kind.KEEPALIVED_RESTART: "restart keepalived",
    Kind.KEEPALIVED_RELOAD: "have keepalived read its file anew",
    Kind.SQUID_STOP: "stop squid, then start it again",
    Kind.SQUID_START: "start squid",
    Kind.SQUID_RESTART: "restart squid",
    Kind.LINK_DOWN: "take the link down, then up again",
    Kind.LINK_UP: "take the link up",
    Kind.GARP: "announce its VIPs: gratuitous ARP",
}
_KEEPALIVED: Final = {Kind.KEEPALIVED_STOP, Kind.KEEPALIVED_RESTART, Kind.KEEPALIVED_RELOAD, Kind.DRAIN}
_SQUID: Final = {Kind.SQUID_STOP, Kind.SQUID_RESTART}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One action on one node. why_not: it cannot be; None: it may be asked for, and the guards decide.

    predicted None: it is impossible, or what it would do cannot be told.
    """

    kind: Kind
    node: str
    word: str | None = None
    """Of a link action: `lan` or `public`."""
    interface: str | None = None
    drain: Drain | None = None
    predicted: Forecast | None = None
    why_not: str | None = None

    @property
    def key(self) -> str:
        return f"{self.kind.value}/{self.word or ''}"

    @property
    def title(self) -> str:
        """`link-down public (eth1)`."""
        return self.kind.value if self.word is None else f"{self.kind.value} {self.word} ({self.interface})"

    @property
    def does(self) -> str:
        return _DOES[self.kind]


def offers(picture: ClusterPicture, name: str, *, busy: str | None = None) -> tuple[Offer, ...]:
    """All actions on a node, in the order of `haconsole node`. busy: an action runs already. Raises: KeyError."""
    node = picture.node(name)
    found: list[Offer] = []
    for kind in Kind:
        if kind is Kind.REVERT_ONLY:
            continue
        if kind in {Kind.LINK_DOWN, Kind.LINK_UP}:
            named = (("lan", node.spec.lan_interface), ("public", node.spec.public_interface))
            bare = [Offer(kind=kind, node=name, word=w, interface=i) for w, i in named if i is not None]
        else:
            bare = [Offer(kind=kind, node=name)]
        found += [_judged(picture, node, offer, busy) for offer in bare]
    return tuple(found)


def _judged(picture: ClusterPicture, node: NodePicture, offer: Offer, busy: str | None) -> Offer:
    """With what it would cost, or why it cannot be."""
    kind = offer.kind
    why_not = busy or _why_not(picture, node, kind, offer.interface)
    if why_not is not None:
        return replace(offer, why_not=why_not)
    drain = drain_of(picture, node) if kind is Kind.DRAIN else None
    if kind is Kind.UNDRAIN:
        stopped = node.keepalived is not None and not node.keepalived.active
        drain = Drain(method=Method.STOP if stopped else Method.TRACK_FILE, value=None, cost="")
    action = Action(kind=kind, node=node.name, interface=offer.interface, drain=drain)
    return replace(offer, drain=drain, predicted=forecast(picture, action.changes))


def _why_not(picture: ClusterPicture, node: NodePicture, kind: Kind, interface: str | None) -> str | None:
    """Why it cannot be, proven by the picture. What is not known forbids nothing here: the guards will say so."""
    if not node.readable:
        return f"{node.name} cannot be read"
    if kind in _KEEPALIVED or kind is Kind.KEEPALIVED_START:
        return _unit(node.keepalived, "keepalived", running=kind in _KEEPALIVED)
    if kind in _SQUID or kind is Kind.SQUID_START:
        return _unit(node.squid_unit, "squid", running=kind in _SQUID)
    if interface is not None:
        return _link(node, interface, up=kind is Kind.LINK_UP)
    if kind is Kind.UNDRAIN:
        return "it is not drained" if _not_drained(picture, node) else None
    held = None if node.kernel is None else [v for v in picture.vips if node.holds(v.address)]
    return "it holds no VIP" if kind is Kind.GARP and held == [] else None


def _unit(unit: UnitReading | None, name: str, *, running: bool) -> str | None:
    if unit is None or unit.active is running:
        return None
    return f"{name} runs" if unit.active else f"{name} does not run"


def _link(node: NodePicture, interface: str, *, up: bool) -> str | None:
    link = None if node.kernel is None else node.kernel.links.get(interface)
    if node.kernel is not None and link is None:
        return f"there is no {interface}"
    if link is None or link.up is not up:
        return None
    if not up:
        return f"{interface} is down already"
    return f"{interface} is up" if link.carrier else f"{interface} is up, what it lacks is a carrier"


def _not_drained(picture: ClusterPicture, node: NodePicture) -> bool:
    """Proven: there is no note of a drain, keepalived runs, and nothing that it watches lowers it."""
    if node.operation is None or node.operation.drain is not None:
        return False
    if node.keepalived is None or not node.keepalived.active or node.config is None or node.instances is None:
        return False
    names = drain_files(node.config.conf, picture.spec.drain_file)
    watched = [f for i in node.instances for f in i.tracked_files if f.name in names]
    return not drain_scripts(node, picture.spec.drain_file) and all(f.value == 0 for f in watched)


# --- what it would cost -----------------------------------------------------------------------------------


def fate(vip: VipForecast) -> tuple[Level, str]:
    """What becomes of a VIP and its clients, in words; the sign of it."""
    if not vip.known:
        return Level.UNKNOWN, f"not known: {vip.unknown}"
    if vip.lost:
        return Level.CRITICAL, f"TOTAL LOSS: {vip.why[-1] if vip.why else 'nobody serves it'}"
    if vip.moves is False:
        return Level.OK, f"stays on {vip.after}"
    if vip.outage is None:
        return Level.UNKNOWN, f"goes to {vip.after}; what clients lose is not known"
    lost = "clients lose no new request" if vip.outage == NOTHING else f"clients lose {vip.outage}"
    back = "" if vip.failback_outage is None else f", on the way back {vip.failback_outage}"
    level = Level.OK if vip.outage == NOTHING else Level.WARNING
    return level, f"{vip.before or '?'} → {vip.after}, {lost}{back}"


def cost(offer: Offer, names: dict[str, str], addresses: dict[IpAddress, str]) -> Line:
    """One line: `.101 → serv02 loses 0.6–3.7 s`."""
    if offer.why_not is not None:
        return (say(f"not possible: {offer.why_not}", Tone.QUIET),)
    if offer.predicted is None or not offer.predicted.vips:
        return (sign(Level.UNKNOWN), say(" not known", Tone.UNKNOWN))
    parts = [p for v in offer.predicted.vips if (p := _part(v, names, addresses)) is not None]
    if not parts:
        return (sign(Level.OK), say(" no VIP moves"))
    worst = max(level for level, _ in parts)
    return (sign(worst), say(f" {'; '.join(text for _, text in parts)}"))


def _part(vip: VipForecast, names: dict[str, str], addresses: dict[IpAddress, str]) -> tuple[Level, str] | None:
    at = addresses.get(vip.address, str(vip.address))
    level, _ = fate(vip)
    if not vip.known:
        return level, f"{at} not known"
    if vip.lost:
        return level, f"{at} LOST"
    if vip.moves is False:
        return None
    to = names.get(vip.after or "", vip.after or "?")
    lost = "loss not known" if vip.outage is None else "no loss" if vip.outage == NOTHING else f"loses {vip.outage}"
    return level, f"{at} → {to} {lost}"


def short_addresses(picture: ClusterPicture) -> dict[IpAddress, str]:
    """`.101` where all VIPs are of one IPv4 /24, else the whole address."""
    every = [v.address for v in picture.vips]
    heads = {str(a).rpartition(".")[0] for a in every}
    if any(a.version != 4 for a in every) or len(heads) != 1:
        return {a: str(a) for a in every}
    return {a: f".{str(a).rpartition('.')[2]}" for a in every}


# --- rows -------------------------------------------------------------------------------------------------


def node_rows(snapshot: Snapshot, levels: Sequence[Level], width: int) -> tuple[Row, ...]:
    """The nodes to choose from."""
    rows = []
    for node, level in zip(snapshot.picture.nodes, levels, strict=True):
        held = ", ".join(str(v.address) for v in snapshot.picture.vips if node.holds(v.address))
        told = (f"holds {held}" if held else "holds no VIP") if node.kernel is not None else "not known what it holds"
        line: Line = (sign(level), blank(1), *pad((say(middle(node.name, 30)),), 32), say(told, Tone.QUIET))
        rows.append(Row(f"node/{node.name}", crop(line, width), level, node.name))
    return tuple(rows)


def maintenance_rows(width: int) -> tuple[Row, ...]:
    """What is done to all nodes instead of one."""
    line: Line = (say("M", Tone.KEY), say(" Maintenance of all nodes, one after the other", Tone.STRONG))
    more: Line = (say("  drain, patch and reboot, check, give back", Tone.QUIET),)
    return (Row("maintenance/", crop((*line, *more), width)),)


def offer_rows(picture: ClusterPicture, found: Sequence[Offer], width: int) -> tuple[Row, ...]:
    """One line each; impossible ones are quiet and say why."""
    names = short_names(n.name for n in picture.nodes)
    addresses = short_addresses(picture)
    title = max((len(o.title) for o in found), default=0)
    rows = []
    for offer in found:
        tone = Tone.STRONG if offer.why_not is None else Tone.QUIET
        line: Line = (*pad((say(offer.title, tone),), min(title, width // 3)), blank(2))
        if width >= 100:
            line = (*line, *pad((say(offer.does, Tone.PLAIN if offer.why_not is None else Tone.QUIET),), 40), blank(2))
        rows.append(Row(offer.key, crop((*line, *cost(offer, names, addresses)), width), copy=offer.title))
    return tuple(rows)


def offer_details(offer: Offer, width: int) -> tuple[Row, ...]:
    """The action under the cursor in full."""
    return tuple(_details(offer, width))


def _details(offer: Offer, width: int) -> Iterator[Row]:
    yield from fact("does", offer.does, width)
    if offer.why_not is not None:
        yield from fact("not possible", offer.why_not, width, tone=Tone.UNKNOWN)
        return
    yield from drain_facts(offer.drain if offer.kind is Kind.DRAIN else None, width)
    for vip in offer.predicted.vips if offer.predicted is not None else ():
        level, text = fate(vip)
        yield from fact(str(vip.address), text, width, level=level)


def drain_facts(drain: Drain | None, width: int) -> Iterator[Row]:
    """Which drain this node can have, its cost, and how to get a better one."""
    if drain is None:
        return
    yield from fact("method", drain.method.value, width, tone=Tone.STRONG)
    yield from fact("costs", drain.cost, width)
    for why in drain.why_not:
        yield from fact("no better one", why, width, tone=Tone.QUIET)
    if drain.better is not None:
        yield from fact("to get it", drain.better, width)
