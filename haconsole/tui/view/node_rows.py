"""The rows of a node: of one that answers what runs, its links, and what could not be read; of one that does
not, why, and none of its old values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.cluster.rules.squid import unanswered
from haconsole.model.events import Phase, Subject
from haconsole.model.readings import Address, Link, SquidReading, UnitReading
from haconsole.tui.view import times
from haconsole.tui.view.instances import instance_rows, short_addresses, track_items
from haconsole.tui.view.text import (
    Kind,
    Level,
    Line,
    Row,
    Target,
    Tone,
    crop,
    flow,
    join,
    pad,
    say,
    sign,
    spread,
    width_of,
    wrap,
)
from haconsole.tui.view.times import Times

LABEL: Final = 11
"""Cells of the first column in a wide node column."""
WIDE_FROM: Final = 50
QUIET_AFTER_S: Final = 3.0
"""From this age on it is said when the node was last heard."""


def silent_rows(node: NodePicture, now: float, width: int, zone: Times) -> Iterator[Row]:
    """What is known of a node that does not answer: why, since when, and what comes next."""
    level = Level.BUSY if node.phase in {Phase.IDLE, Phase.CONNECTING} and node.problem is None else Level.UNKNOWN
    yield _row(node, "state", (sign(level), say(f" {_state(node)}", level.tone)), level, width)
    problem = node.problem
    if problem is not None:
        yield from _wrapped(node, "problem", problem.summary, Tone.CRITICAL, width)
        if problem.remedy:
            yield from _wrapped(node, "remedy", f"→ {problem.remedy}", Tone.PLAIN, width, copy=problem.remedy)
    if node.retry_at is not None:
        wait = node.retry_at - now
        text = f"next try in {times.short(wait)}" if wait >= 1 else "trying again"
        yield _row(node, "retry", (say(text, Tone.QUIET),), Level.NONE, width)
    heard = "never heard" if node.heard_at is None else f"last heard {times.span(node.age_s or 0.0)} ago"
    if node.heard_at is not None and width >= WIDE_FROM:
        heard += f", at {zone.clock(node.heard_at)}"
    yield _row(node, "heard", (say(heard, Tone.QUIET),), Level.NONE, width)
    if node.heard_at is not None:
        yield from _wrapped(node, "withheld", "what it said before is not shown", Tone.QUIET, width)


def _state(node: NodePicture) -> str:
    if node.stale:
        return "connected, but silent: nothing is known now"
    if node.phase is Phase.IDLE:
        return "not tried yet"
    if node.phase is Phase.CONNECTING:
        return "connecting"
    return "not reachable: nothing is known now"


def _wrapped(node: NodePicture, key: str, text: str, tone: Tone, width: int, *, copy: str = "") -> Iterator[Row]:
    for i, line in enumerate(wrap(text, width)):
        yield _row(node, f"{key}/{i}", (say(line, tone),), Level.NONE, width, copy=copy or text)


# --- a node that answers -------------------------------------------------------------


def readable_rows(node: NodePicture, snapshot: Snapshot, width: int) -> Iterator[Row]:
    """Of a node that answers, in `width` cells."""
    wide = width >= WIDE_FROM
    now = snapshot.picture.at
    yield _keepalived(node, now, width)
    yield from _config_test(node, width)
    yield from instance_rows(node, snapshot, width, wide=wide)
    yield from _labelled(node, "tracks", track_items(node), width)
    yield from _squid(node, snapshot, width)
    yield from _interfaces(node, snapshot, width)
    yield from _failures(node, width)
    yield from _ages(node, now, width)


def _row(node: NodePicture, key: str, line: Line, level: Level, width: int, *, copy: str = "") -> Row:
    target = Target(Kind.NODE, node.name)
    return Row(f"node/{node.name}/{key}", crop(line, width), level, copy, target)


def _label(text: str, width: int) -> Line:
    return pad((say(text, Tone.QUIET),), LABEL if width >= WIDE_FROM else min(len(text), LABEL) + 1)


def _labelled(
    node: NodePicture, label: str, graded: Sequence[tuple[Level, Line]], width: int, gap: int = 3
) -> Iterator[Row]:
    """One label and its items, in as many lines as they need; each line has the worst level in it."""
    if not graded:
        return
    level = max(lv for lv, _ in graded)
    lead = _label(label and f" {label}", width)
    indent = width_of(lead)
    for i, line in enumerate(
        flow([item for _, item in graded], width - indent, gap=gap if width >= WIDE_FROM else min(gap, 2))
    ):
        head = lead if i == 0 else (say(" " * indent),)
        yield _row(node, f"{label}/{i}", (*head, *line), level, width)


def _missing(node: NodePicture, *subjects: Subject) -> tuple[Level, str]:
    """Why a part is not known: it failed, or it was not read yet."""
    if any(s in node.failed for s in subjects):
        return Level.UNKNOWN, "cannot be read"
    return Level.BUSY, "not read yet"


def _keepalived(node: NodePicture, now: float, width: int) -> Row:
    level, what = unit_state(node.keepalived, node.keepalived_since, now, missing=_missing(node, Subject.UNITS))
    version = node.versions.keepalived if node.versions is not None else None
    if version is not None and node.keepalived is not None and width >= WIDE_FROM:
        what = (*what, say(f", {version}", Tone.QUIET))
    return _row(node, "keepalived", (*_label("keepalived", width), sign(level), say(" "), *what), level, width)


def unit_state(
    unit: UnitReading | None, since: float | None, now: float, *, missing: tuple[Level, str]
) -> tuple[Level, Line]:
    """A unit in words: `active 12 d, at boot`."""
    if unit is None:
        return missing[0], (say(missing[1], missing[0].tone),)
    if not unit.loaded:
        return Level.CRITICAL, (say("not installed", Tone.CRITICAL),)
    age = "" if since is None else f" {times.short(now - since)}"
    if not unit.active:
        busy = unit.active_state in {"activating", "reloading", "deactivating"}
        level = Level.BUSY if busy else Level.CRITICAL
        return level, (say(f"{unit.active_state}{age}", level.tone),)
    boot: Line = () if unit.enabled is None else (say(", at boot"),)
    if unit.enabled is False:
        boot = (say(", "), say("not at boot", Tone.WARNING))
    return Level.WARNING if unit.enabled is False else Level.OK, (say(f"active{age}"), *boot)


def _config_test(node: NodePicture, width: int) -> Iterator[Row]:
    """Only when keepalived refuses its file: it runs on, until the next restart."""
    test = node.config_test
    if test is None or test.ok is not False:
        return
    why = test.messages[0] if test.messages else "no reason given"
    line = (*_label(" config", width), sign(Level.CRITICAL), say(f" keepalived -t: {why}", Tone.CRITICAL))
    yield _row(node, "config", line, Level.CRITICAL, width, copy="\n".join(test.messages))


# --- squid ---------------------------------------------------------------------------


def _squid(node: NodePicture, snapshot: Snapshot, width: int) -> Iterator[Row]:
    level, what = unit_state(
        node.squid_unit, node.squid_since, snapshot.picture.at, missing=_missing(node, Subject.UNITS)
    )
    version = node.versions.squid if node.versions is not None else None
    if version and node.squid_unit is not None and width >= WIDE_FROM:
        what = (*what, say(f", {version}", Tone.QUIET))
    check_level, check = _check(node)
    served = _clients_of(node, snapshot)
    level = max(level, max((lv for lv, _ in served), default=Level.NONE))
    left: Line = (*_label("squid", width), sign(level), say(" "), *what)
    right: Line = (say("check "), sign(check_level), *check)
    if width < WIDE_FROM and check_level is not Level.OK:
        # In the narrow column what is bad must not be what is cut.
        left, right = (*_label("squid", width), sign(level), say(" check "), sign(check_level), *check), what
    line = spread(left, right, width) if width >= WIDE_FROM else join((left, right))
    yield _row(node, "squid", line, max(level, check_level), width)
    wide = width >= WIDE_FROM
    traffic = list(_traffic(node, snapshot, wide=wide))
    yield from _labelled(node, "listens" if wide else "", traffic, width, gap=2 if wide else 1)
    yield from _labelled(node, "clients" if wide else "", served, width, gap=2 if wide else 1)


def _clients_of(node: NodePicture, snapshot: Snapshot) -> list[tuple[Level, Line]]:
    """What clients of the node's own VIPs miss though squid's port is open; nothing where they are served."""
    short = short_addresses([v.address for v in snapshot.picture.vips])
    failing = unanswered(snapshot.picture, node)
    return [
        (Level.CRITICAL, (sign(Level.CRITICAL), say(f" {short[v.address]} {_why(v)}", Tone.CRITICAL))) for v in failing
    ]


def _why(vip: VipPicture) -> str:
    """What the last client of the VIP got, in as few words as a narrow column has room for."""
    result = None if vip.client is None else vip.client.result
    return "not answered" if result is None or result.status is None else f"answered {result.status}"


def _check(node: NodePicture) -> tuple[Level, Line]:
    """squid's own check, the one that keepalived runs in this cluster."""
    reading = node.squid
    if reading is None or reading.check_ok is None:
        return _missing(node, Subject.SQUID_CHECK)[0], ()
    if reading.check_ok:
        return Level.OK, ()
    return Level.CRITICAL, (say(f" {reading.check_text}", Tone.CRITICAL),)


def _traffic(node: NodePicture, snapshot: Snapshot, *, wide: bool) -> Iterator[tuple[Level, Line]]:
    yield listening(node, node.squid, snapshot.picture.spec.squid_port)
    if node.requests_per_s is not None:
        mean = " (5 min)" if node.rate_is_mean else ""
        yield Level.NONE, (say(f"{node.requests_per_s:>3.0f} req/s"), *((say(mean, Tone.QUIET),) if mean else ()))
    if node.clients is not None:
        yield Level.NONE, (say(f"{node.clients:>3} clients"),)
    if node.hit_ratio is not None and wide:
        yield Level.NONE, (say(f"hit {node.hit_ratio * 100:.0f}%", Tone.QUIET),)


def listening(node: NodePicture, squid: SquidReading | None, port: int) -> tuple[Level, Line]:
    """Where squid listens; nobody listening is trouble, not knowing is unknown."""
    if squid is None or squid.listening is None:
        level, why = _missing(node, Subject.SQUID_SOCKETS)
        return level, (sign(level), say(f" port {port} {why}", level.tone))
    if not squid.listening:
        return Level.CRITICAL, (sign(Level.CRITICAL), say(f" nobody listens on {port}", Tone.CRITICAL))
    more = f" +{len(squid.listening) - 2}" if len(squid.listening) > 2 else ""
    return Level.OK, (say(" ".join(one.text for one in squid.listening[:2]) + more),)


# --- interfaces ----------------------------------------------------------------------


def interfaces_of_interest(node: NodePicture) -> list[str]:
    """LAN and public first, then what instances stand on or track; the others are in the details."""
    names = [node.spec.lan_interface, node.spec.public_interface]
    for instance in node.instances or ():
        names.append(instance.interface)
        names.extend(t.name for t in instance.tracked_interfaces)
    return list(dict.fromkeys(n for n in names if n))


def _interfaces(node: NodePicture, snapshot: Snapshot, width: int) -> Iterator[Row]:
    if node.kernel is None:
        level, why = _missing(node, Subject.KERNEL)
        yield _row(node, "links", (*_label("links", width), sign(level), say(f" {why}", level.tone)), level, width)
        return
    shown = interfaces_of_interest(node)
    short = short_addresses([v.address for v in snapshot.picture.vips])
    by_name: dict[str, list[Address]] = {}
    for address in node.kernel.addresses:
        if address.scope != "link":
            by_name.setdefault(address.interface, []).append(address)
    graded = [
        _interface(name, node.kernel.links.get(name), by_name.get(name, []), short, node.spec.lan_interface)
        for name in shown
    ]
    levels_of = dict(zip(shown, (lv for lv, _ in graded), strict=True))
    more = sum(n != "lo" for n in node.kernel.links) - sum(n in node.kernel.links for n in shown)
    note: list[Line] = [(say(f"+{more:,} more", Tone.QUIET),)] if more > 0 else []
    lines = flow([*(line for _, line in graded), *note], width, gap=3)
    worst = max(levels_of.values(), default=Level.NONE)
    bad = {n for n, lv in levels_of.items() if lv is worst and worst > Level.OK}
    for i, line in enumerate(lines):
        level = worst if any(s.text.strip() in bad for s in line) else Level.OK
        yield _row(node, f"links/{i}", line, level, width)


def _interface(
    name: str, link: Link | None, addresses: Sequence[Address], short: dict[object, str], lan: str
) -> tuple[Level, Line]:
    if link is None:
        return Level.CRITICAL, (say(name), say(" "), sign(Level.CRITICAL), say(" not there", Tone.CRITICAL))
    if not (link.up and link.carrier):
        why = "down" if not link.up else "no carrier"
        return Level.CRITICAL, (say(name), say(" "), sign(Level.CRITICAL), say(f" {why}", Tone.CRITICAL))
    own = [str(a.address) if name == lan else str(a.address.ip) for a in addresses if a.address.ip not in short]
    virtual = [short[a.address.ip] for a in addresses if a.address.ip in short]
    shown = [*own[:2], *virtual[:6]]
    more = len(own) + len(virtual) - len(shown)
    text = " ".join([*shown, *([f"+{more}"] if more else [])])
    return Level.OK, (say(name), say(" "), sign(Level.OK), say(f" {text}" if text else " no address"))


# --- what could not be read ----------------------------------------------------------


def _failures(node: NodePicture, width: int) -> Iterator[Row]:
    """Failed readings, those with the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for subject, known in node.failed.items():
        by_reason.setdefault(known.value.summary, []).append(subject.value)
    for i, (reason, subjects) in enumerate(by_reason.items()):
        text = f" {reason}: no {', '.join(subjects)}"
        line = (sign(Level.UNKNOWN), say(text, Tone.UNKNOWN))
        yield _row(node, f"failed/{i}", line, Level.UNKNOWN, width, copy=text.strip())


def _ages(node: NodePicture, now: float, width: int) -> Iterator[Row]:
    """How old the news is; in a narrow column only when it is not quite fresh."""
    old = node.age_s is not None and node.age_s >= QUIET_AFTER_S
    if width < WIDE_FROM and not old:
        return
    parts = [] if node.age_s is None else [f"heard {times.ago(node.age_s)}"]
    if node.dump_at is not None:
        parts.append(f"dump {times.ago(now - node.dump_at)}")
    if node.uptime_s is not None:
        parts.append(f"booted {times.ago(node.uptime_s)}")
    text = " · ".join(parts)
    yield _row(node, "ages", (say(text, Tone.WARNING if old else Tone.QUIET),), Level.NONE, width)
