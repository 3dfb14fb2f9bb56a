"""One instance of one node after a change: can it take part, with which priority, how does it leave. Pure.

Follows keepalived as measured: an owner (255) has no weights, 2.1.5 keeps an owner MASTER over a
failing script (docs/keepalived-versions.md). What it tracks is `forecast_tracked`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from haconsole.cluster.forecast_changes import Change, Thing
from haconsole.cluster.forecast_times import NOTHING, Span, later
from haconsole.cluster.forecast_tracked import Watched, change_of, watched_things
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.vrrp import OWNER, Track, TrackKind, effective_priority
from haconsole.model.readings import VrrpState
from haconsole.model.record import dataclass
from haconsole.parse.keepalived_conf import vrrp_instances

POLL_S = 3.0
"""How late keepalived 1.x may notice a tracked link (docs/keepalived-versions.md)."""


class Leaving(Enum):
    """How the others learn that an instance no longer leads."""

    SILENT = "silent"
    """Nothing is heard any more: the others wait for their master-down time."""
    ZERO = "zero"
    """An advert with priority 0: the others wait for their skew only."""
    LOWERED = "lowered"
    """It goes on with a lower priority until another takes over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """An instance when the change has settled, before the election.

    fit: takes part; None: not known, and `unknown` says why. priority: effective.
    """

    node: str
    name: str
    instance: InstancePicture
    fit: bool | None
    priority: int | None
    causes: tuple[str, ...] = ()
    """What was changed or tracked that decides."""
    leaving: Leaving | None = None
    """How it would leave if it is master; None: the change does not make it."""
    notice_s: Span = NOTHING
    """From the change until keepalived has noticed."""
    touched: bool = False
    """The change concerns this instance."""
    started: bool = False
    """keepalived starts by the change."""
    unknown: str | None = None
    deaf: str | None = None
    """What of the change it will not notice, though its configuration says that it watches it."""

    @property
    def owner(self) -> bool:
        return self.instance.priority == OWNER


def after(  # noqa: PLR0911 - one return for each reason
    picture: ClusterPicture,
    node: NodePicture,
    instance: InstancePicture,
    changes: Sequence[Change],
    shutdown_lifetime_s: float | None,
) -> After:
    """`instance` of `node` when all of `changes` are in force. `changes`: those of this node alone count."""
    mine = [c for c in changes if c.node == node.name]
    base = After(node=node.name, name=instance.name, instance=instance, fit=None, priority=None, touched=bool(mine))
    gone = next((c for c in mine if c.thing is Thing.NODE), None)
    if gone is not None and not gone.restored:
        return replace(base, fit=False, causes=(gone.text,), leaving=Leaving.SILENT)
    if gone is not None:
        return replace(base, unknown=f"nothing is known of {node.name} after it comes back")
    daemon = next((c for c in mine if c.thing is Thing.KEEPALIVED), None)
    if daemon is not None and not daemon.restored:
        silent = [c for c in mine if _own(c, instance)]
        leaving = Leaving.SILENT if silent else Leaving.ZERO
        return replace(base, fit=False, causes=(daemon.text,), leaving=leaving)
    started = daemon is not None
    if node.keepalived is None:
        return replace(base, unknown=f"whether keepalived runs on {node.name} was not read")
    if not node.keepalived.active and not started:
        return replace(base, fit=False, causes=(f"keepalived does not run on {node.name}",))
    if not instance.from_dump and not started:
        return replace(base, unknown=f"{instance.name} on {node.name}: keepalived's dump was not read")
    return _tracked(picture, node, replace(base, started=started), mine, shutdown_lifetime_s)


def _own(change: Change, instance: InstancePicture) -> bool:
    return change.thing is Thing.LINK and change.interface == instance.interface and not change.restored


def _tracked(
    picture: ClusterPicture, node: NodePicture, base: After, mine: Sequence[Change], lifetime: float | None
) -> After:
    instance = base.instance
    if instance.priority is None:
        return replace(base, unknown=f"{instance.name} on {node.name}: its priority was not read")
    watched = watched_things(picture, node, instance, mine, lifetime, started=base.started)
    doubts = [w.doubt for w in watched if w.doubt is not None]
    if doubts:
        return replace(base, unknown=doubts[0])
    touched = base.started or any(w.now != w.before for w in watched)
    base = replace(base, touched=touched, deaf=_deaf(node, instance, mine))
    version = node.versions.keepalived if node.versions is not None else None
    triple = version.triple if version is not None else None
    faults: list[Watched] = []
    for w in watched:
        if not w.now.fault(owner=base.owner):
            continue
        if (
            base.owner
            and w.now.kind is TrackKind.SCRIPT
            and w.now != w.before
            and (triple is None or triple[:2] == (2, 1))
        ):
            if triple == (2, 1, 5):
                base = replace(base, causes=(*base.causes, _ignored(w, "2.1.5 with priority 255 ignores its script")))
                continue
            said = "keepalived's version was not read" if triple is None else f"{version} was not measured"
            return replace(base, unknown=f"{instance.name} on {node.name}: 255 with a failing script, and {said}")
        faults.append(w)
    if faults:
        return _faulty(base, faults, triple)
    return _fit(node, base, watched)


def _deaf(node: NodePicture, instance: InstancePicture, mine: Sequence[Change]) -> str | None:
    """keepalived 2.1 drops scripts without weight from an owner (docs/keepalived-versions.md), or the file is newer."""
    squid = change_of(mine, Thing.SQUID)
    if squid is None or squid.restored or instance.tracked_scripts or node.config is None:
        return None
    conf = next((c for c in vrrp_instances(node.config.conf) if c.name == instance.name), None)
    names = [] if conf is None else [name for name, _ in conf.tracked_scripts]
    if not names:
        return None
    why = ", which keepalived 2.1 ignores with priority 255" if instance.priority == OWNER else ""
    return f"{instance.name} on {node.name} does not watch {' and '.join(names)}{why}"


def _ignored(w: Watched, why: str) -> str:
    return f"{w.why or w.now.name}: {why}"


def _faulty(base: After, faults: Sequence[Watched], triple: tuple[int, int, int] | None) -> After:
    """FAULT. The thing that is noticed first decides when; its own interface down cannot tell anybody."""
    new = [w for w in faults if w.now != w.before]
    silent = any(w.own for w in new)
    notices = [w.notice for w in new]
    if triple is not None and triple < (2, 0, 0):
        notices = [later(w.notice, Span(0.0, POLL_S)) if w.now.kind is TrackKind.INTERFACE else w.notice for w in new]
    first = min(notices, key=lambda s: (s.low, s.high is None, s.high or 0.0), default=NOTHING)
    return replace(
        base,
        fit=False,
        causes=tuple(w.why or _bad(w.now) for w in faults),
        leaving=Leaving.SILENT if silent else Leaving.ZERO if new else None,
        notice_s=NOTHING if silent else first,
    )


def _bad(track: Track) -> str:
    if track.kind is TrackKind.INTERFACE:
        return f"{track.name} is down"
    return f"{track.name} fails" if track.kind is TrackKind.SCRIPT else f"{track.name} is {track.value}"


def _fit(node: NodePicture, base: After, watched: Sequence[Watched]) -> After:
    """Not in FAULT by what is tracked: does it take part, and with which priority."""
    instance = base.instance
    known_fault = any(w.before.fault(owner=base.owner) for w in watched)
    state = instance.state
    if not base.started and state is VrrpState.FAULT and not known_fault:
        if not base.touched:
            return replace(base, fit=False, causes=(f"{instance.name} is in FAULT for a reason that was not read",))
        return replace(base, unknown=f"{instance.name} on {node.name} is in FAULT, and why was not read")
    if not base.started and state in {VrrpState.INIT, None}:
        return replace(base, unknown=f"the state of {instance.name} on {node.name} was not read")
    if base.started and any(w.now.kind is not TrackKind.FILE and w.now.value is None for w in watched):
        return replace(base, unknown=f"{instance.name} on {node.name}: what its checks will say is not known")
    priority = _priority(instance, base, watched)
    if priority is None:
        return replace(base, fit=True, unknown=f"the effective priority of {instance.name} on {node.name} is not known")
    was = instance.effective_priority if instance.effective_priority is not None else priority
    moved = [w for w in watched if w.now.adjustment() != w.before.adjustment()]
    causes = base.causes
    if base.owner:
        causes += tuple(_ignored(w, "its weight does not count at 255") for w in moved if w.now.weight)
        moved = []
    else:
        causes += tuple(f"{w.why}, weight {w.now.weight:+d}: priority {was} → {priority}" for w in moved)
    notice = next((w.notice for w in moved), NOTHING)
    lowered = priority < was
    return replace(
        base,
        fit=True,
        priority=priority,
        causes=causes,
        leaving=Leaving.LOWERED if lowered else None,
        notice_s=notice if moved else next((w.notice for w in watched if w.now != w.before), notice),
    )


def _priority(instance: InstancePicture, base: After, watched: Sequence[Watched]) -> int | None:
    """Effective priority after. The dump's own number is kept where nothing weighted moved."""
    if instance.priority == OWNER:
        return OWNER
    weighted = [w for w in watched if w.now.weight]
    moved = any(w.now.adjustment() != w.before.adjustment() for w in weighted)
    if not moved and not base.started and instance.effective_priority is not None:
        return instance.effective_priority
    if any(w.now.value is None and w.now.kind is not TrackKind.FILE for w in weighted):
        return None
    if any(w.now.value is None for w in weighted) and not base.started:
        return None
    before = effective_priority(instance.priority or 0, (w.before.adjustment() for w in weighted))
    if not base.started and instance.effective_priority not in {None, before}:
        return None  # the daemon counts something that we do not see
    return effective_priority(instance.priority or 0, (w.now.adjustment() for w in weighted))


def priority_now(instance: InstancePicture) -> int | None:
    """Effective priority as it is: the daemon's own number, else (1.3.5 tells none) by its weights; None: not known."""
    if instance.effective_priority is not None:
        return instance.effective_priority
    if instance.priority is None or instance.priority == OWNER:
        return instance.priority
    kinds = (
        (TrackKind.INTERFACE, ((t.name, t.weight, t.up) for t in instance.tracked_interfaces)),
        (TrackKind.SCRIPT, ((t.name, t.weight, t.ok) for t in instance.tracked_scripts)),
        (TrackKind.FILE, ((t.name, t.weight, t.value) for t in instance.tracked_files)),
    )
    tracks = [
        Track(kind=kind, name=name, weight=weight, value=None if value is None else int(value))
        for kind, of in kinds
        for name, weight, value in of
        if weight
    ]
    if any(t.value is None for t in tracks):
        return None
    return effective_priority(instance.priority, (t.adjustment() for t in tracks))
