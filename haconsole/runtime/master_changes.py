"""Changes of a VIP's master in the last minutes, and whether anything explains them. Pure.

Two witnesses: the node's journal, read just now, and the console's own merged log, for nodes whose
journal the login reads only through the collector. Each says how far back it reaches: what lies
before is not known, and neither is what happened while nobody could have seen it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from haconsole.cluster import clocks, explained
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.readings import LogFact, LogFactKind, LogLine, VrrpState
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.model.state import ClockOffset, Known, Occurrence
from haconsole.operations.guards_cluster import FLAP_S, FLAPS
from haconsole.operations.guards_context import MasterChange
from haconsole.parse.keepalived_log import fact

DUMP_S: Final = 35.0
"""A dump older than its cadence does not prove quiet."""
_SOURCES: Final = frozenset({"keepalived", "squid", "systemd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One line that matters. `at`: console clock. why: what it explains; None: `instance` became master."""

    node: str
    at: float
    why: explained.Why | None
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What was heard of one node, and since when nothing can have been missed; `since` None: not known."""

    heard: tuple[Heard, ...]
    since: float | None


def by_journal(
    node: str,
    lines: Iterable[LogLine],
    *,
    whole: bool,
    started: float | None,
    clock: Known[ClockOffset] | None,
) -> Witness:
    """From the end of the journal. whole: there are no older lines in it.

    That proves something only of a journal that has the start of keepalived, which was `started` so: one
    without it was thrown away in part. None: it does not run, or that is not known.
    """
    heard: list[Heard] = []
    times: list[float] = []
    for line in lines:
        at = clocks.to_console(clock, line.node_time_s)
        if at is None:
            return Witness(heard=(), since=None)
        times.append(at)
        heard += _heard(node, at, line.program, line.text, line.fact)
    since = min(times, default=None)
    if whole and since is not None and started is not None and since <= started + explained.BEFORE_S:
        since = float("-inf")
    return Witness(heard=tuple(heard), since=since)


def by_log(node: str, log: Iterable[Occurrence], *, followed: bool) -> Witness:
    """From the console's own log. `followed`: its lines come now; it reaches back to the oldest line of this
    connection, or to its beginning."""
    mine = [o for o in log if o.origin == node]
    begun = max((o.serial for o in mine if o.source == "console" and o.text == "connected"), default=0)
    ours = [o for o in mine if o.source in _SOURCES]
    reach = [o.at for o in ours if o.serial >= begun]
    reach += [o.at for o in mine if o.serial == begun and o.source == "console"]
    heard = {h for o in ours for h in _heard(node, o.at, o.source, o.text, fact("Keepalived_vrrp", o.text))}
    told = tuple(sorted(heard, key=lambda h: (h.at, h.instance)))
    return Witness(heard=told, since=min(reach, default=None) if followed else None)


def _heard(node: str, at: float, program: str, text: str, meaning: LogFact | None) -> Iterable[Heard]:
    why = explained.told_by(program, text, meaning)
    if why is not None:
        yield Heard(node=node, at=at, why=why)
    elif program == "keepalived" and (instance := _mastered(meaning)) is not None:
        yield Heard(node=node, at=at, why=None, instance=instance)


def _mastered(meaning: LogFact | None) -> str | None:
    """The instance that became master; None: the line tells of none."""
    if meaning is None or meaning.kind is not LogFactKind.STATE or meaning.state is not VrrpState.MASTER:
        return None
    return meaning.instance


def _quiet(picture: ClusterPicture, now: float) -> bool:
    """By every daemon's own dump no instance has changed its state for as long as is asked about."""
    if any(n.instances is None or n.dump_at is None or n.dump_at < now - DUMP_S for n in picture.nodes):
        return False
    times = [i.since for _, i in picture.instances()]
    return bool(times) and all(t is not None and t <= now - FLAP_S for t in times)


def changes(picture: ClusterPicture, witnesses: Mapping[str, Witness], now: float) -> tuple[MasterChange, ...] | None:
    """What is to be told to the guard, oldest first; None: not known for the last five minutes.

    What was heard is told even when more may have been missed, once it is too much anyway.
    """
    heard = [h for w in witnesses.values() for h in w.heard if h.at >= now - FLAP_S - explained.AFTER_S]
    causes = [explained.Cause(why=h.why, since=h.at, until=h.at) for h in heard if h.why is not None]
    causes += [*explained.starts(picture), *explained.operations(picture)]
    found = tuple(
        sorted(
            (
                MasterChange(vip=vip, at=h.at, explained=explained.explained(h.at, causes))
                for h in heard
                if h.why is None and h.at >= now - FLAP_S
                for vip in _vips(picture, h)
            ),
            key=lambda c: (c.at, int(c.vip)),
        )
    )
    whole = all(
        (w := witnesses.get(n.name)) is not None and w.since is not None and w.since <= now - FLAP_S
        for n in picture.nodes
    )
    if whole or _too_many(found):
        return found
    return () if not found and _quiet(picture, now) else None


def _vips(picture: ClusterPicture, heard: Heard) -> tuple[IpAddress, ...]:
    watched = {v.address for v in picture.vips}
    instances = picture.node(heard.node).instances or ()
    return tuple(v.ip for i in instances if i.name == heard.instance for v in i.vips if v.ip in watched)


def _too_many(found: Iterable[MasterChange]) -> bool:
    counts: dict[IpAddress, int] = {}
    for each in found:
        if not each.explained:
            counts[each.vip] = counts.get(each.vip, 0) + 1
    return any(n > FLAPS for n in counts.values())
