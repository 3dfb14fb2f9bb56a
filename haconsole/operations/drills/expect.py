"""From what is now and a drill to what is expected of it: moves, states, log lines, and ranges with their reasons.

Everything follows from the picture and its forecast, per VIP: on proxy-serv02 it is .102 that moves. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_instance import priority_now
from haconsole.cluster.forecast_times import SLACK_S, Span
from haconsole.cluster.forecast_values import Forecast, VipForecast
from haconsole.cluster.forecast_watch import scripts, watches_squid
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.vrrp import OWNER
from haconsole.model.drill import CADENCE_S, FAILED_AFTER_S, Predicted, Range
from haconsole.model.readings import LogFact, LogFactKind, VrrpState
from haconsole.model.record import dataclass
from haconsole.operations.actions import Action, Kind, Method
from haconsole.parse.text import clean

MARGIN_S: Final = 1.0
"""The stop condition comes so much later than the longest outage predicted. A request is known to have failed only
FAILED_AFTER_S after it began, and that is heard of up to 0.1 s later; the rest is for a busy machine."""
UNKNOWN_HIGH_S: Final = 45.0
"""Waited for at most where no upper end is known: squid's default shutdown_lifetime of 30 s, a script and a skew."""
SEEN_S: Final = 8.0
"""From a takeover until every reading that proves it was had anew; a client's probe comes every 2 s."""
CUT_OFF_S: Final = 8.0
"""More where the change cuts the console's own way: the silent connection is given up after 6 to 7 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One VIP that goes from `old` to `new`. returns: it comes back when all is put back; None: not known."""

    vip: str
    old: str
    new: str
    returns: bool | None
    vrid: int | None = None
    old_instance: str | None = None
    new_instance: str | None = None
    serves: bool | None = True

    @property
    def home(self) -> str | None:
        """Who holds it when the drill is over; None: not known."""
        return None if self.returns is None else self.old if self.returns else self.new


@dataclass(frozen=True, slots=True, kw_only=True)
class LineExpected:
    """A log line by its meaning. text: as this node's keepalived writes it. back: while all is put back."""

    node: str
    text: str
    fact: LogFact
    back: bool = False

    def matches(self, fact: LogFact | None) -> bool:
        """Every field that is set is the same."""
        if fact is None or fact.kind is not self.fact.kind:
            return False
        wanted = self.fact
        pairs = (
            (wanted.instance, fact.instance), (wanted.state, fact.state), (wanted.subject, fact.subject),
            (wanted.up, fact.up), (wanted.value, fact.value),
        )  # fmt: skip
        return all(want is None or want == have for want, have in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """All that a drill is measured against. Made before it, never changed after."""

    node: str
    kind: Kind
    interface: str | None = None
    own_path: bool = False
    moves: tuple[Move, ...] = ()
    stays: tuple[tuple[str, str], ...] = ()
    """(VIP, its holder)."""
    states: tuple[tuple[str, str], ...] = ()
    """(instance of the node, MASTER, BACKUP, FAULT) while it is held; INIT is seen at the unit."""
    lines: tuple[LineExpected, ...] = ()
    predicted: Predicted
    unknown: tuple[str, ...] = ()
    """What the forecast could not tell, a sentence each."""
    lost: tuple[str, ...] = ()
    """Whose clients will not be served, by the forecast, and why: a guard was overridden."""

    def move(self, vip: str) -> Move | None:
        """The move of one VIP; None: it stays, or nothing is known."""
        return next((m for m in self.moves if m.vip == vip), None)

    @property
    def moved_within_s(self) -> float:
        """The latest takeover that is predicted, or that is waited for."""
        highs = [r.high for r in self.predicted.takeover_s.values()]
        return max((UNKNOWN_HIGH_S if h is None else h for h in highs), default=0.0)

    @property
    def seen_within_s(self) -> float:
        """Until the takeover must have been seen, from the injection on."""
        return self.moved_within_s + SEEN_S + (CUT_OFF_S if self.own_path else 0.0)

    def outage_allowed_s(self, vip: str) -> float:
        """Not served for longer than this is the stop condition."""
        # Not served where it goes, by the forecast: until it is there nothing else can be said either.
        told = self.predicted.outage_s.get(vip) or self.predicted.takeover_s.get(vip)
        if told is None:
            return FAILED_AFTER_S + MARGIN_S
        return (UNKNOWN_HIGH_S if told.high is None else told.high) + MARGIN_S


def expected(picture: ClusterPicture, action: Action) -> Expected:
    """What follows from the injection of `action`, as things stand. Raises: KeyError: no such node."""
    told = forecast(picture, action.changes)
    moves = tuple(_moves(picture, told))
    node = picture.node(action.node)
    return Expected(
        node=action.node,
        kind=action.kind,
        interface=action.interface,
        own_path=action.own_path,
        moves=moves,
        stays=tuple((str(v.address), v.after) for v in told.vips if v.moves is False and v.after is not None),
        states=tuple(_states(told, action)),
        lines=tuple(_lines(picture, node, action, told, moves)),
        predicted=_predicted(told, moves),
        unknown=tuple(f"{v.address}: {v.unknown}" for v in told.vips if v.unknown is not None),
        lost=tuple(f"{v.address}: {'; '.join(map(clean, v.not_served_because))}" for v in told.lost),
    )


# --- what moves -------------------------------------------------------------------------------------------


def _moves(picture: ClusterPicture, told: Forecast) -> Iterator[Move]:
    for vip in told.vips:
        if not vip.moves or vip.before is None or vip.after is None:
            continue
        old, new = (picture.node(n).instance_of(vip.address) for n in (vip.before, vip.after))
        yield Move(
            vip=str(vip.address), old=vip.before, new=vip.after, returns=_returns(vip, old, new), vrid=vip.vrid,
            old_instance=None if old is None else old.name, new_instance=None if new is None else new.name,
            serves=vip.serves,
        )  # fmt: skip


def _returns(vip: VipForecast, old: InstancePicture | None, new: InstancePicture | None) -> bool | None:
    """Preemption: a higher priority that may (RFC 3768 6.4.2; an owner always does)."""
    if vip.failback_outage is not None:
        return True
    if old is None or new is None:
        return None
    before, after = priority_now(old), priority_now(new)
    if before is None or after is None or old.preempt is None:
        return None
    return before > after and (old.preempt or old.priority == OWNER)


def _states(told: Forecast, action: Action) -> Iterator[tuple[str, str]]:
    if action.kind is Kind.REVERT_ONLY:
        return
    for one in told.instances:
        if one.node == action.node and one.state in {VrrpState.MASTER, VrrpState.BACKUP, VrrpState.FAULT}:
            yield one.name, one.state.value


# --- how long ---------------------------------------------------------------------------------------------


def _range(span: Span) -> Range:
    """What a forecast says, with room for the measuring client's own cadence: nothing lost is measured as nothing or
    as two of its intervals, where one request was under way when the address moved."""
    high = None if span.high is None else max(span.high, span.low + SLACK_S)
    return Range(low=span.low, high=high)


def _predicted(told: Forecast, moves: tuple[Move, ...]) -> Predicted:
    by_vip = {str(v.address): v for v in told.vips}
    takeover, outage, back, because = {}, {}, {}, []
    for move in moves:
        vip = by_vip[move.vip]
        if vip.takeover is not None:
            takeover[move.vip] = _range(vip.takeover)
        if vip.outage is not None:
            outage[move.vip] = _range(vip.outage)
        if vip.failback_outage is not None:
            back[move.vip] = _range(vip.failback_outage)
        because += [f"{move.vip}: {clean(w)}" for w in vip.why]
    for vip in told.vips:
        if vip.moves is False and vip.serves:
            because.append(f"{vip.address} stays on {vip.after}: nothing is lost")
        elif vip.known and not any(m.vip == str(vip.address) for m in moves):
            because += [f"{vip.address}: {clean(w)}" for w in vip.why]
        elif vip.unknown is not None:
            because.append(f"{vip.address}: not known: {clean(vip.unknown)}")
    if moves:
        because.append(
            f"a request is begun every {CADENCE_S * 1000:.0f} ms and an outage runs from the last good one's start to "
            f"the first good one's end; up to {SLACK_S:g} s are for that, keepalived's reaction and the gratuitous ARP"
        )
    return Predicted(takeover_s=takeover, outage_s=outage, failback_outage_s=back, because=tuple(because))


# --- log lines --------------------------------------------------------------------------------------------


def _lines(
    picture: ClusterPicture, node: NodePicture, action: Action, told: Forecast, moves: tuple[Move, ...]
) -> Iterator[LineExpected]:
    """By meaning; the words are those of docs/keepalived-versions.md. What a version may leave out is not expected."""
    old_words = _major(node) == 1
    yield from _cause(picture, node, action, old_words=old_words)
    before = {i.name: i.state for i in node.instances or ()}
    for one in told.instances:
        fault = one.node == node.name and one.state is VrrpState.FAULT
        if fault and before.get(one.name) is not VrrpState.FAULT:
            yield _state(node.name, one.name, VrrpState.FAULT, old_words, was=before.get(one.name))
    for move in moves:
        new_old_words = _major(picture.node(move.new)) == 1
        if move.new_instance is not None:
            yield _state(move.new, move.new_instance, VrrpState.MASTER, new_old_words)
        if move.returns:
            if move.old_instance is not None:
                yield _state(move.old, move.old_instance, VrrpState.MASTER, old_words, back=True)
            if move.new_instance is not None:
                yield _state(move.new, move.new_instance, VrrpState.BACKUP, new_old_words, back=True)


def _major(node: NodePicture) -> int | None:
    found = None if node.versions is None else node.versions.keepalived
    return None if found is None else found.major


def _state(
    node: str, name: str, state: VrrpState, old_words: bool, *, was: VrrpState | None = None, back: bool = False
) -> LineExpected:
    shown, prefix = clean(name), "VRRP_Instance" if old_words else ""
    text = f"{prefix}({shown}) Entering {state.value} STATE"
    if old_words and state is VrrpState.FAULT and was is not VrrpState.MASTER:
        text = f"{prefix}({shown}) Now in FAULT state"
    fact = LogFact(kind=LogFactKind.STATE, instance=shown, state=state)
    return LineExpected(node=node, text=text, fact=fact, back=back)


def _cause(picture: ClusterPicture, node: NodePicture, action: Action, *, old_words: bool) -> Iterator[LineExpected]:
    """What keepalived says of the injection itself, and of its end."""
    version = node.versions.keepalived if node.versions is not None else None
    if action.kind is Kind.LINK_DOWN and action.interface is not None:
        yield from _link_lines(node.name, action.interface, old_words=old_words)
    elif action.kind is Kind.SQUID_STOP:
        yield from _script_lines(picture, node)
    elif action.kind is Kind.KEEPALIVED_STOP or (action.kind is Kind.DRAIN and action.method is Method.STOP):
        for word, kind in (("Stopped", LogFactKind.STOPPED), ("Starting", LogFactKind.STARTED)):
            text = f"{word} Keepalived v{version or '…'}"
            yield LineExpected(node=node.name, text=text, fact=LogFact(kind=kind), back=kind is LogFactKind.STARTED)
    elif action.kind is Kind.DRAIN and action.method is Method.TRACK_FILE:
        for one in node.instances or ():
            text = f"({clean(one.name)}) Changing effective priority from … to …"
            fact = LogFact(kind=LogFactKind.PRIORITY, instance=clean(one.name))
            yield LineExpected(node=node.name, text=text, fact=fact)
            yield LineExpected(node=node.name, text=text, fact=fact, back=True)


def _link_lines(node: str, interface: str, *, old_words: bool) -> Iterator[LineExpected]:
    for up in (False, True):
        word = "up" if up else "down"
        text = f"Netlink reports {interface} {word}"
        if old_words:
            text = f"Kernel is reporting: interface {interface} {word.upper()}"
        fact = LogFact(kind=LogFactKind.INTERFACE, subject=interface, up=up)
        if not (up and old_words):  # 1.3.5 often leaves it out
            yield LineExpected(node=node, text=text, fact=fact, back=up)


def _script_lines(picture: ClusterPicture, node: NodePicture) -> Iterator[LineExpected]:
    tracked = {s.name for i in node.instances or () for s in i.tracked_scripts}
    for watch in (scripts(node) or {}).values():
        if watch.name not in tracked or not watches_squid(watch, picture.spec.squid_service):
            continue
        for ok in (False, True):
            text = f"VRRP_Script({clean(watch.name)}) {'succeeded' if ok else 'failed'}"
            fact = LogFact(kind=LogFactKind.SCRIPT, subject=clean(watch.name), up=ok)
            yield LineExpected(node=node.name, text=text, fact=fact, back=ok)
