"""What all listening places together allow to say: who speaks for each virtual router, and what silence proves.

Adverts are proof of who sent them. Silence is proof only at a place that has listened without a break and
without losses for long enough, whose link works, and whose node answered meanwhile. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Final

from haconsole.cluster.vrrp import master_down_s
from haconsole.cluster.wire_log import names_of
from haconsole.model.capture import CapturePhase
from haconsole.model.events import Phase
from haconsole.model.hearing import Key, SenderHeard, Takeover, WireReading
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.model.state import ClusterState
from haconsole.parse.keepalived_words import address

FRESH_S: Final = 12.0
"""A reading is told every five seconds; one that is older is of a place of which nothing is known now."""
MARGIN_S: Final = 1.0
"""What an advert may take from the wire to here, and a node's answer to its beat less than two seconds."""
SPOKEN_OVER: Final = 0.5
"""Of an interval: a master that hears of a better one may have an advert on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WirePlace:
    """One node that listens now."""

    name: str
    reading: WireReading
    until: float
    """Up to when it is known what it heard, console clock."""
    proof_since: float | None
    """Since when its silence is silence on its segment; None: it proves nothing."""

    def silent_for(self, last_at: float | None) -> float:
        """Seconds of proven silence since `last_at` (None: since ever)."""
        if self.proof_since is None:
            return 0.0
        return self.until - (self.proof_since if last_at is None else max(last_at, self.proof_since))


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSender:
    """One sender of one virtual router, by all places."""

    source: IpAddress
    node: str | None
    """Ours; None: a stranger, or a node whose addresses were never read."""
    said: SenderHeard
    """As the place has it that heard it last."""
    by: Mapping[str, SenderHeard]
    """Place -> what it has heard of it."""
    speaks: bool
    """Priority above 0 and heard within three intervals."""
    since: float
    """Since when it speaks without a break, by the place that knows it longest."""

    @property
    def name(self) -> str:
        """As people read it."""
        return str(self.source) if self.node is None else self.node


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRouter:
    """One virtual router. `masters`: those that speak and have not been followed by another, best first."""

    key: Key
    senders: tuple[WireSender, ...]
    masters: tuple[WireSender, ...]
    adverts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WirePicture:
    """All of it at one moment. Without places nobody listens, and nothing can be said."""

    places: tuple[WirePlace, ...] = ()
    routers: Mapping[Key, WireRouter] = field(default_factory=dict)
    takeovers: tuple[Takeover, ...] = ()
    """Of our virtual routers, as the place with the longest memory has them."""
    every_node_known: bool = False
    """Every node's addresses were read at some time: who is none of them is a stranger."""
    left_out: int = 0

    def place(self, name: str) -> WirePlace | None:
        """The place called `name`, if it listens."""
        return next((p for p in self.places if p.name == name), None)

    def router(self, key: Key) -> WireRouter | None:
        """What was heard of one virtual router by anybody."""
        return self.routers.get(key)

    def silent(self, key: Key, *, interface: str | None, interval_s: float | None) -> bool:
        """Proven: nobody has spoken for the router for a master-down time, where `interface` listens."""
        router = self.routers.get(key)
        if router is not None and any(s.speaks for s in router.senders):
            return False
        for place in self.places:
            if interface is not None and place.reading.interface != interface:
                continue
            heard = place.reading.router(key)
            last = max(heard.senders, key=lambda s: s.last_at, default=None) if heard is not None else None
            longest = max(interval_s or 1.0, last.interval_s if last is not None else 0.0)
            if place.silent_for(None if last is None else last.last_at) > master_down_s(2, 1, longest) + MARGIN_S:
                return True
        return False


def wire_picture(spec: ClusterSpec, state: ClusterState, now: float, silent_s: float) -> WirePicture:
    """What may be said at `now` (console clock). silent_s: a node silent for longer is not believed."""
    places = tuple(p for n in spec.nodes if (p := _place(state, n.name, n.lan_interface, now, silent_s)) is not None)
    if not places:
        return WirePicture()
    known = {a: n.name for n in spec.nodes if (a := address(n.known_as)) is not None}
    names = names_of(state, known)
    keys = sorted({r.key for p in places for r in p.reading.routers})
    longest = max(places, key=lambda p: len(p.reading.takeovers))
    return WirePicture(
        places=places,
        routers={k: _router(k, places, names) for k in keys},
        takeovers=longest.reading.takeovers,
        every_node_known=all(n.kernel is not None for n in state.nodes.values()),
        left_out=max(p.reading.left_out for p in places),
    )


def _place(state: ClusterState, name: str, lan: str, now: float, silent_s: float) -> WirePlace | None:
    node, reading = state.nodes.get(name), state.wire.get(name)
    if node is None or reading is None or node.phase is not Phase.CONNECTED or reading.listening_since is None:
        return None
    if reading.phase is not CapturePhase.LISTENING or now - reading.at > FRESH_S:
        return None
    if node.heard_at is None or now - node.heard_at > silent_s:
        return None
    newest = max((s.last_at for r in reading.routers for s in r.senders), default=0.0)
    link = node.kernel.value.links.get(reading.interface or lan) if node.kernel is not None else None
    works = link is not None and link.up and link.carrier
    return WirePlace(
        name=name,
        reading=reading,
        until=min(reading.at, max(node.heard_at, newest)),
        proof_since=reading.proves_since() if works else None,
    )


def _router(key: Key, places: Collection[WirePlace], names: Mapping[IpAddress, str]) -> WireRouter:
    by: dict[IpAddress, dict[str, SenderHeard]] = {}
    until: dict[str, float] = {}
    adverts = 0
    for place in places:
        heard = place.reading.router(key)
        until[place.name] = place.until
        if heard is not None:
            adverts = max(adverts, heard.adverts)
            for sender in heard.senders:
                by.setdefault(sender.source, {})[place.name] = sender
    senders = tuple(
        sorted(
            (_sender(source, heard_by, until, names.get(source)) for source, heard_by in by.items()),
            key=lambda s: (-s.said.priority, -int(s.source)),
        )
    )
    speaking = [s for s in senders if s.speaks]
    masters = tuple(s for s in speaking if not any(_followed(s, o) for o in speaking if o is not s))
    return WireRouter(key=key, senders=senders, masters=masters, adverts=adverts)


def _sender(
    source: IpAddress, by: Mapping[str, SenderHeard], until: Mapping[str, float], node: str | None
) -> WireSender:
    place, said = max(by.items(), key=lambda item: item[1].last_at)
    current = [s for s in by.values() if said.last_at - s.last_at <= 3 * said.interval_s]
    return WireSender(
        source=source,
        node=node,
        said=said,
        by=by,
        speaks=said.speaks(until[place]),
        since=min(s.speaking_since for s in current),
    )


def _followed(sender: WireSender, other: WireSender) -> bool:
    """`other` began when `sender` ended: a hand-over, not a second master."""
    return other.since > sender.said.last_at - SPOKEN_OVER * sender.said.interval_s


def together_s(one: WireSender, other: WireSender) -> float:
    """For how long, in seconds, both have spoken at the same time."""
    return min(one.said.last_at, other.said.last_at) - max(one.since, other.since)
