"""Everything that was seen of a drill, on one time line: events in, moments, lanes and steps out. Pure and bounded.

Times are the console's clock; a node's own are corrected by its measured offset, `error_s` is what may remain.
Lines that come again when a connection was made anew count once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from haconsole.cluster import clocks
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.capture import Heard
from haconsole.model.drill import DrillStep, Holding, Moment, Phase, Source
from haconsole.model.events import Event, KernelEvent, LinkPhase, LogHeard
from haconsole.model.events import Phase as Connection
from haconsole.model.packets import Advert, Announcement
from haconsole.model.readings import (
    AddressAdded,
    AddressRemoved,
    KernelChange,
    LinkChanged,
    LinkRemoved,
    LogFact,
    LogFactKind,
)
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec
from haconsole.model.state import ClockOffset, Known
from haconsole.operations.drills.phases import begins, later
from haconsole.operations.step import CarriedStep
from haconsole.parse.text import clean

MOST: Final = 4000
"""Lines, changes, packets kept of each kind."""
LATE_S: Final = 0.02
"""How late a kernel's change may be told, besides the way of the connection (measured: 2 to 5 ms)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A log line. error_s None: its time is that of its arrival."""

    node: str
    at: float
    error_s: float | None
    program: str
    text: str
    fact: LogFact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The kernel of a node told of it."""

    node: str
    at: float
    error_s: float
    change: KernelChange

    def vip(self, address: str, *, added: bool) -> bool:
        """Was this address added, or removed."""
        wanted = AddressAdded if added else AddressRemoved
        return isinstance(self.change, wanted) and str(self.change.address.address.ip) == address

    def link(self, interface: str, *, up: bool) -> bool:
        """Did this interface become so."""
        change = self.change
        if isinstance(change, LinkChanged):
            return change.link.name == interface and (change.link.up and change.link.carrier) is up
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke:
    """The first of a run of adverts, or one with priority 0."""

    at: float
    error_s: float | None
    vrid: int
    node: str
    priority: int
    mac: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A VIP was announced on the wire: the first time by this address within 2 s."""

    at: float
    error_s: float | None
    vip: str
    mac: str
    place: str | None


SAME_RUN_S: Final = 2.0
"""keepalived announces a VIP five times at once, and again five seconds later."""


class Seen:
    """One drill, from `since` on."""

    def __init__(self, spec: ClusterSpec, since: float, vips: tuple[str, ...]) -> None:
        self.since = since
        self.phase = Phase.BEFORE
        self.steps: list[DrillStep] = []
        self.running: DrillStep | None = None
        self.left_s: float | None = None
        """Until the node puts back by itself, as last told; counted from `left_at`."""
        self.left_at: float | None = None
        self.lines: list[Line] = []
        self.changes: list[Change] = []
        self.spoke: list[Spoke] = []
        self.announced: list[Announced] = []
        self.lanes: list[Holding] = []
        self.states: dict[str, dict[tuple[str, str], tuple[float, str]]] = {}
        """Phase -> (node, instance) -> (when, state), by the daemons' own last word in that phase."""
        self.listening: dict[str, bool] = {}
        """Node -> did it listen on the wire all the time, as far as was seen."""
        self.log_unread: dict[str, str] = {}
        self._spec, self._vips = spec, frozenset(vips)
        self._known_lines: set[tuple[str, float | None, str]] = set()
        self._last: dict[str, tuple[str, ...] | None] = {}
        self._heard: dict[tuple[int, str], tuple[float, int]] = {}
        self._moments: list[Moment] = []
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._cut: str | None = None

    # --- steps --------------------------------------------------------------------------------------

    def began(self, step: str) -> float | None:
        """When the step began first; None: it has not."""
        return self._began.get(step)

    def ended(self, step: str) -> float | None:
        """When it ended last; None: it has not."""
        return self._ended.get(step)

    def told(self, told: CarriedStep, at: float) -> None:
        """The executor tells of a step."""
        self._began.setdefault(told.step, told.started)
        phase = begins(told.step)
        if phase is not None and later(phase, self.phase):
            self.phase = phase
        if told.left_s is not None:
            self.left_s, self.left_at = told.left_s, at
        step = DrillStep(
            name=told.step, started=told.started, ended=told.ended, ok=told.ok, text=clean(told.text),
            command="\n".join(told.commands) or None,
        )  # fmt: skip
        if told.ended is None:
            if self.running is None or self.running.name != told.step:
                self._say(told.started, 0.0, None, Source.CONSOLE, f"{told.step} begins: {clean(told.text)}")
            self.running = step
            return
        self.running = None
        self._ended[told.step] = told.ended
        self.steps.append(step)
        words = "" if told.ok else "failed: "
        self._say(told.ended, 0.0, None, Source.CONSOLE, f"{told.step}: {words}{clean(told.text)}")
        if told.step == "change" and told.ok and self.phase is Phase.INJECT:
            self.phase = Phase.TAKEOVER

    def heals_in(self, now: float) -> float | None:
        """Seconds until the node puts back by itself, as it last told; None: it has not."""
        if self.left_s is None or self.left_at is None:
            return None
        return max(0.0, self.left_s - (now - self.left_at))

    def say(self, at: float, text: str, node: str | None = None) -> None:
        """A line of the console's own."""
        self._say(at, 0.0, node, Source.CONSOLE, text)

    def cut_off(self, node: str) -> None:
        """The change cuts the way to `node`: what is believed of it from the injection on is old, until it is
        connected anew."""
        self._cut = node

    @property
    def unreached(self) -> str | None:
        """The node to which the change cut the way, until it is connected anew; None: none, or not yet."""
        return self._cut if "change" in self._began else None

    # --- events -------------------------------------------------------------------------------------

    def event(self, event: Event, clock: Known[ClockOffset] | None, latency_s: float | None) -> None:
        """One event of the monitor. clock: of its node, at that moment."""
        if isinstance(event, LogHeard):
            self._line(event, clock)
        elif isinstance(event, KernelEvent) and event.at >= self.since:
            change = Change(node=event.node, at=event.at, error_s=(latency_s or 0.0) + LATE_S, change=event.change)
            if len(self.changes) < MOST:
                self.changes.append(change)
                self._say(event.at, change.error_s, event.node, Source.KERNEL, _kernel_text(event.change))
        elif isinstance(event, LinkPhase):
            if event.phase is Connection.CONNECTED:
                self._say(event.at, 0.0, event.node, Source.CONSOLE, "connected")
                if event.node == self._cut and "put-back" in self._began:
                    self._cut = None
            elif event.phase is Connection.WAITING and event.problem is not None:
                self._say(event.at, 0.0, event.node, Source.CONSOLE, clean(event.problem.summary))

    def _line(self, event: LogHeard, clock: Known[ClockOffset] | None) -> None:
        line = event.line
        at, error = clocks.console_time(clock, line, event.at)
        key = (event.node, line.node_time_s if line.node_time_s is not None else event.at, line.text)
        fact = line.fact
        old = at < self.since or (event.backlog and line.node_time_s is None)
        if old or key in self._known_lines or len(self.lines) >= MOST:
            return
        if fact is not None and fact.kind is LogFactKind.DUMPED:
            return
        self._known_lines.add(key)
        self.lines.append(Line(node=event.node, at=at, error_s=error, program=line.program, text=line.text, fact=fact))
        source = Source.SQUID if line.program == "squid" else Source.KEEPALIVED
        text = line.text
        if line.program == "systemd":
            source = Source.SQUID if self._spec.squid_service.removesuffix(".service") in text else source
            text = f"systemd: {text}"
        elif line.program not in {"squid", "keepalived"}:
            source = Source.CONSOLE
        self._say(at, error, event.node, source, text)

    def heard(self, heard: Heard, names: Mapping[str, str], vrids: frozenset[int]) -> None:
        """One packet. names: address -> node. vrids: the cluster's own."""
        packet = heard.packet
        if heard.at < self.since:
            return
        if isinstance(packet, Announcement):
            vip = str(packet.address)
            last = next((a for a in reversed(self.announced) if (a.vip, a.mac) == (vip, packet.mac)), None)
            if vip in self._vips and (last is None or heard.at - last.at > SAME_RUN_S) and len(self.announced) < MOST:
                self.announced.append(
                    Announced(at=heard.at, error_s=heard.error_s, vip=vip, mac=packet.mac, place=heard.place)
                )
                self._say(heard.at, heard.error_s, heard.place, Source.WIRE, f"{vip} is announced at {packet.mac}")
        elif isinstance(packet, Advert) and packet.vrid in vrids:
            self._advert(heard, packet, names.get(str(packet.envelope.source), str(packet.envelope.source)))

    def _advert(self, heard: Heard, packet: Advert, node: str) -> None:
        key = (packet.vrid, node)
        last = self._heard.get(key)
        new = last is None or last[1] != packet.priority or heard.at - last[0] > 3 * packet.interval_s + 0.5
        if last is not None and abs(heard.at - last[0]) < 0.05 and last[1] == packet.priority:
            return  # another place heard the same one
        self._heard[key] = (heard.at, packet.priority)
        if new and len(self.spoke) < MOST:
            self.spoke.append(
                Spoke(
                    at=heard.at, error_s=heard.error_s, vrid=packet.vrid, node=node, priority=packet.priority,
                    mac=packet.envelope.source_mac,
                )
            )  # fmt: skip
            text = f"VRID {packet.vrid}: advert of {node}, priority {packet.priority}"
            self._say(heard.at, heard.error_s, heard.place, Source.WIRE, text)

    def picture(self, picture: ClusterPicture) -> None:
        """Who holds what, and what the daemons say, as it may be believed now."""
        injected = self._began.get("change")
        for vip in picture.vips:
            name = str(vip.address)
            holders = vip.holders
            unread = set(vip.unread)
            if self._cut is not None and injected is not None and picture.at >= injected:
                unread.add(self._cut)
                holders = None if holders is None else tuple(h for h in holders if h != self._cut)
            told = None if holders is None or (not holders and unread) else holders
            if name not in self._last or self._last[name] != told:
                self._last[name] = told
                self.lanes.append(Holding(vip=name, since=picture.at, holders=told))
        words = self.states.setdefault(self.phase.value, {})
        for node, one in picture.instances():
            began = self._began.get("change", self.since)
            if node.name == self._cut and injected is not None:
                continue
            if one.state is not None and one.state_from_daemon and (one.state_at or 0.0) >= began:
                words[node.name, one.name] = (one.state_at or picture.at, one.state.value)

    def holders(self, vip: str, at: float) -> tuple[str, ...] | None:
        """By the kernels at that time; None: not known."""
        found = [h for h in self.lanes if h.vip == vip and h.since <= at]
        return found[-1].holders if found else None

    # --- out ----------------------------------------------------------------------------------------

    def moments(self) -> tuple[Moment, ...]:
        """In the order of time."""
        return tuple(sorted(self._moments, key=lambda m: m.time))

    def told_since(self, number: int) -> tuple[Moment, ...]:
        """What was told after the first `number` moments, in the order in which it was learned."""
        return tuple(self._moments[number:])

    def keepalived_log(self, node: str, stamp: Stamp) -> tuple[str, ...]:
        """keepalived's own lines of one node."""
        lines = sorted((x for x in self.lines if x.node == node and x.program == "keepalived"), key=lambda x: x.at)
        return tuple(f"{stamp(x.at)} {x.text}" for x in lines)

    def _say(self, at: float, error_s: float | None, node: str | None, source: Source, text: str) -> None:
        if len(self._moments) < 4 * MOST:
            error = None if error_s is None else round(error_s * 1000, 1)
            self._moments.append(Moment(time=at, error_ms=error, node=node, source=source, text=clean(text)))


class Stamp(Protocol):
    """A moment as people read it."""

    def __call__(self, at: float, /) -> str: ...


def _kernel_text(change: KernelChange) -> str:
    match change:
        case AddressAdded(address=address):
            return f"{address.address} added to {address.interface}"
        case AddressRemoved(address=address):
            return f"{address.address} removed from {address.interface}"
        case LinkChanged(link=link):
            return f"{link.name} {'down' if not link.up else 'up' if link.carrier else 'up, no carrier'}"
        case LinkRemoved(name=name):
            return f"{name} is gone"
