"""One instance of one node after a change: can it take part, with which priority, how does it leave. Pure.

Follows keepalived as measured: an owner (255) has no weights, 2.1.5 keeps an owner MASTER over a
failing script (KEEPALIVED 1.3), the instance's own interface counts as tracked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from haconsole.cluster.forecast_changes import Change, Thing
from haconsole.cluster.forecast_times import NOTHING, Span, later
from haconsole.cluster.forecast_watch import ScriptWatch, drain_files, scripts, watches_squid
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.vrrp import OWNER, Track, TrackKind, effective_priority
from haconsole.model.readings import VrrpState
from haconsole.parse.keepalived_conf import vrrp_instances

POLL_S = 3.0
"""How late keepalived 1.x may notice a tracked link (KEEPALIVED 1.2)."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """A tracked thing before and after. `why`: what changed it; `doubt`: why its value is not known."""

    before: Track
    now: Track
    why: str | None = None
    notice: Span = NOTHING
    own: bool = False
    doubt: str | None = None


def _own(change: Change, instance: InstancePicture) -> bool:
    return change.thing is Thing.LINK and change.interface == instance.interface and not change.restored


def _tracked(
    picture: ClusterPicture, node: NodePicture, base: After, mine: Sequence[Change], lifetime: float | None
) -> After:
    instance = base.instance
    if instance.priority is None:
        return replace(base, unknown=f"{instance.name} on {node.name}: its priority was not read")
    watched = _watched(picture, node, base, mine, lifetime)
    doubts = [w.doubt for w in watched if w.doubt is not None]
    if doubts:
        return replace(base, unknown=doubts[0])
    touched = base.started or any(w.now != w.before for w in watched)
    base = replace(base, touched=touched, deaf=_deaf(node, instance, mine))
    version = node.versions.keepalived if node.versions is not None else None
    triple = version.triple if version is not None else None
    faults: list[_Watched] = []
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
    """keepalived 2.1 drops scripts without a weight from an owner (KEEPALIVED 1.3), or the file is newer."""
    squid = _of(mine, Thing.SQUID)
    if squid is None or squid.restored or instance.tracked_scripts or node.config is None:
        return None
    conf = next((c for c in vrrp_instances(node.config.conf) if c.name == instance.name), None)
    names = [] if conf is None else [name for name, _ in conf.tracked_scripts]
    if not names:
        return None
    why = ", which keepalived 2.1 ignores with priority 255" if instance.priority == OWNER else ""
    return f"{instance.name} on {node.name} does not watch {' and '.join(names)}{why}"


def _ignored(w: _Watched, why: str) -> str:
    return f"{w.why or w.now.name}: {why}"


def _faulty(base: After, faults: Sequence[_Watched], triple: tuple[int, int, int] | None) -> After:
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


def _fit(node: NodePicture, base: After, watched: Sequence[_Watched]) -> After:
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


def _priority(instance: InstancePicture, base: After, watched: Sequence[_Watched]) -> int | None:
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


def _of(mine: Sequence[Change], thing: Thing) -> Change | None:
    return next((c for c in mine if c.thing is thing), None)


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


# --- the tracked things ---------------------------------------------------------------------------------


def _watched(
    picture: ClusterPicture, node: NodePicture, base: After, mine: Sequence[Change], lifetime: float | None
) -> list[_Watched]:
    instance = base.instance
    links = {c.interface: c for c in mine if c.thing is Thing.LINK}
    found: list[_Watched] = []
    names = {t.name: t.weight for t in instance.tracked_interfaces} or _undumped_links(node, instance)
    own = instance.interface
    if own is not None:
        names[own] = 0
    for name, weight in names.items():
        up = next((t.up for t in instance.tracked_interfaces if t.name == name), None)
        if up is None and node.kernel is not None and (link := node.kernel.links.get(name)) is not None:
            up = link.up and link.carrier
        before = Track(kind=TrackKind.INTERFACE, name=name, weight=weight, value=None if up is None else int(up))
        change = links.get(name)
        now = before if change is None else replace(before, value=int(change.restored))
        why = change.text if change is not None and now != before else None
        found.append(_Watched(before=before, now=now, why=why, own=name == own))
    known = scripts(node)
    for script in instance.tracked_scripts:
        watch = None if known is None else known.get(script.name)
        value = None if script.ok is None else int(script.ok)
        if value is None and base.started:
            value = _first_result(picture, node, watch)
        before = Track(kind=TrackKind.SCRIPT, name=script.name, weight=script.weight, value=value)
        found.append(_script(picture, node, before, watch=watch, mine=mine, lifetime=lifetime))
    for file in instance.tracked_files:
        before = Track(kind=TrackKind.FILE, name=file.name, weight=file.weight, value=file.value)
        found.append(_file(picture, node, before, _of(mine, Thing.DRAIN)))
    return found


def _undumped_links(node: NodePicture, instance: InstancePicture) -> dict[str, int]:
    """keepalived 2.1's dump shows nothing that an owner tracks; of that it does watch the links (run on 2.1.5)."""
    version = node.versions.keepalived if node.versions is not None else None
    if instance.priority != OWNER or version is None or version.triple[:2] != (2, 1) or node.config is None:
        return {}
    conf = next((c for c in vrrp_instances(node.config.conf) if c.name == instance.name), None)
    return {} if conf is None else {name: weight for name, weight in conf.tracked_interfaces if weight == 0}


def _first_result(picture: ClusterPicture, node: NodePicture, watch: ScriptWatch | None) -> int | None:
    """What squid's check will say when keepalived starts."""
    if watch is None or not watches_squid(watch, picture.spec.squid_service) or node.squid is None:
        return None
    ok = node.squid.check_ok
    return None if ok is None else int(ok)


def _script(
    picture: ClusterPicture,
    node: NodePicture,
    before: Track,
    *,
    watch: ScriptWatch | None,
    mine: Sequence[Change],
    lifetime: float | None,
) -> _Watched:
    squid, drain = _of(mine, Thing.SQUID), _of(mine, Thing.DRAIN)
    lifetime, known = (lifetime, "supposed") if lifetime is not None else shutdown_lifetime(node)
    if drain is not None and watch is not None and picture.spec.drain_file in watch.command:
        now = replace(before, value=int(drain.restored))
        return _Watched(before=before, now=now, why=drain.text, notice=_runs(watch, drain.restored))
    if squid is None:
        return _Watched(before=before, now=before)
    doubt = f"{before.name} on {node.name}: whether it watches squid is not known"
    if watch is None:
        return _Watched(before=before, now=before, doubt=f"{doubt}, its configuration was not read")
    looks = watches_squid(watch, picture.spec.squid_service)
    if looks is None:
        return _Watched(before=before, now=before, doubt=doubt)
    if not looks or before.value == int(squid.restored):
        return _Watched(before=before, now=before)
    now = replace(before, value=int(squid.restored))
    # A check that asks for the process stays green until squid has ended (FACTS, "Disturbing a node safely").
    ends = NOTHING if squid.restored else squid_ends(lifetime)
    if "-k" not in watch.command.split() and not squid.restored:
        ends = Span(0.0, ends.high)
    why = f"{squid.text}, so {before.name} {'succeeds' if squid.restored else 'fails'}"
    if not squid.restored:
        told = "is not known" if lifetime is None else f"{lifetime:g} s"
        why += f" once squid has ended (shutdown_lifetime {told}: {known})"
    return _Watched(before=before, now=now, why=why, notice=later(ends, _runs(watch, squid.restored)))


def shutdown_lifetime(node: NodePicture) -> tuple[float | None, str]:
    """(seconds, where that stands) as squid.conf on the node says; (None, why) where it is not known."""
    told = None if node.squid is None else node.squid.shutdown
    return (None, "squid.conf was not read") if told is None else (told.lifetime_s, told.text)


def squid_ends(lifetime: float | None) -> Span:
    """From `systemctl stop squid` to the end of its process: it waits shutdown_lifetime and one to two seconds more."""
    if lifetime is None:
        return Span(0.0, None)
    return Span(lifetime + SQUID_MORE_S[0], lifetime + SQUID_MORE_S[1])


SQUID_MORE_S = (1.0, 2.0)
"""On top of shutdown_lifetime until squid's process is gone: a second, and the phase of squid's own clock, which
beats once a second (measured on 5.7: 2.13 to 3.01 s with a lifetime of 1, 6.16 to 7.01 s with 5)."""


def _runs(watch: ScriptWatch, good: bool) -> Span:
    """From the fact to the verdict: somewhere between two runs, then `fall` or `rise` of them."""
    more = (watch.rise if good else watch.fall) - 1
    return Span(more * watch.interval_s, (more + 1) * watch.interval_s)


def _file(picture: ClusterPicture, node: NodePicture, before: Track, drain: Change | None) -> _Watched:
    if drain is None:
        return _Watched(before=before, now=before)
    if node.config is None:
        doubt = f"{before.name} on {node.name}: which file it is was not read"
        return _Watched(before=before, now=before, doubt=doubt)
    if before.name not in drain_files(node.config.conf, picture.spec.drain_file):
        return _Watched(before=before, now=before)
    now = replace(before, value=0 if drain.restored else drain.value)
    return _Watched(before=replace(before, value=before.value or 0), now=now, why=drain.text)
