"""What an instance tracks, before a change and after it: links, scripts, files, and when keepalived has noticed. Pure.

The instance's own interface counts as tracked. What is not known is None, or a doubt with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from haconsole.cluster.forecast_changes import Change, Thing
from haconsole.cluster.forecast_times import NOTHING, Span, later
from haconsole.cluster.forecast_watch import ScriptWatch, drain_files, scripts, watches_squid
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.vrrp import OWNER, Track, TrackKind
from haconsole.model.record import dataclass
from haconsole.parse.keepalived_conf import vrrp_instances


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A tracked thing before and after. `why`: what changed it; `doubt`: why its value is not known."""

    before: Track
    now: Track
    why: str | None = None
    notice: Span = NOTHING
    own: bool = False
    doubt: str | None = None


def watched_things(
    picture: ClusterPicture,
    node: NodePicture,
    instance: InstancePicture,
    mine: Sequence[Change],
    lifetime: float | None,
    *,
    started: bool,
) -> list[Watched]:
    """Everything that `instance` of `node` tracks. mine: the node's changes. started: keepalived starts by them.

    lifetime: squid's shutdown_lifetime in seconds, supposed; None: as the node's squid.conf says.
    """
    links = {c.interface: c for c in mine if c.thing is Thing.LINK}
    found: list[Watched] = []
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
        found.append(Watched(before=before, now=now, why=why, own=name == own))
    known = scripts(node)
    for script in instance.tracked_scripts:
        watch = None if known is None else known.get(script.name)
        value = None if script.ok is None else int(script.ok)
        if value is None and started:
            value = _first_result(picture, node, watch)
        before = Track(kind=TrackKind.SCRIPT, name=script.name, weight=script.weight, value=value)
        found.append(_script(picture, node, before, watch=watch, mine=mine, lifetime=lifetime))
    for file in instance.tracked_files:
        before = Track(kind=TrackKind.FILE, name=file.name, weight=file.weight, value=file.value)
        found.append(_file(picture, node, before, change_of(mine, Thing.DRAIN)))
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
) -> Watched:
    squid, drain = change_of(mine, Thing.SQUID), change_of(mine, Thing.DRAIN)
    lifetime, known = (lifetime, "supposed") if lifetime is not None else shutdown_lifetime(node)
    if drain is not None and watch is not None and picture.spec.drain_file in watch.command:
        now = replace(before, value=int(drain.restored))
        return Watched(before=before, now=now, why=drain.text, notice=_runs(watch, drain.restored))
    if squid is None:
        return Watched(before=before, now=before)
    doubt = f"{before.name} on {node.name}: whether it watches squid is not known"
    if watch is None:
        return Watched(before=before, now=before, doubt=f"{doubt}, its configuration was not read")
    looks = watches_squid(watch, picture.spec.squid_service)
    if looks is None:
        return Watched(before=before, now=before, doubt=doubt)
    if not looks or before.value == int(squid.restored):
        return Watched(before=before, now=before)
    now = replace(before, value=int(squid.restored))
    # A check that asks for the process stays green until squid has ended (squid 5.7, measured).
    ends = NOTHING if squid.restored else squid_ends(lifetime)
    if "-k" not in watch.command.split() and not squid.restored:
        ends = Span(0.0, ends.high)
    why = f"{squid.text}, so {before.name} {'succeeds' if squid.restored else 'fails'}"
    if not squid.restored:
        told = "is not known" if lifetime is None else f"{lifetime:g} s"
        why += f" once squid has ended (shutdown_lifetime {told}: {known}); it runs every {watch.interval_s:g} s"
        why += "" if watch.fall < 2 else f" and must fail {watch.fall} times"
    return Watched(before=before, now=now, why=why, notice=later(ends, _runs(watch, squid.restored)))


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


def _file(picture: ClusterPicture, node: NodePicture, before: Track, drain: Change | None) -> Watched:
    if drain is None:
        return Watched(before=before, now=before)
    if node.config is None:
        doubt = f"{before.name} on {node.name}: which file it is was not read"
        return Watched(before=before, now=before, doubt=doubt)
    if before.name not in drain_files(node.config.conf, picture.spec.drain_file):
        return Watched(before=before, now=before)
    now = replace(before, value=0 if drain.restored else drain.value)
    return Watched(before=replace(before, value=before.value or 0), now=now, why=drain.text)


def change_of(mine: Sequence[Change], thing: Thing) -> Change | None:
    """The change of `thing`; None: it is not changed."""
    return next((c for c in mine if c.thing is thing), None)
