"""What the texts of `catalogue.operation` print -> values; revert timers from `systemctl show`.

Answers are lines `name value` after one word, the outcome. What a line holds was written by a
haconsole, perhaps an older or newer one: unknown lines are passed over, notes that cannot be read
are notes whose words are unknown, never no note.
Sources: org.freedesktop.systemd1(5), systemd.time(7) (time spans); run on systemd 247, 252, 257.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeVar

from haconsole.model.operation import (
    REVERT_UNITS,
    DisarmAnswer,
    DisarmOutcome,
    DrainNote,
    LockAnswer,
    LockOutcome,
    NodeOperation,
    OperationLock,
    ReadBack,
    RevertTimer,
    RevertTimers,
    SaveAnswer,
    Saved,
    Slot,
    StepAnswer,
    StepOutcome,
)
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_LIMIT: Final = 1 << 20
_WORD: Final = 400
_ID: Final = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")
_BOOT: Final = re.compile(r"[0-9a-f-]{32,36}")
_UPTIME: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_VALUE: Final = re.compile(r"[+-]?[0-9]{1,6}")
_STARTED: Final = re.compile(r"ExecMainStartTimestampMonotonic=([0-9]{1,20})")
_SPAN: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(y|month|w|d|h|min|s|ms|us)")
_UNITS_S: Final[Mapping[str, float]] = {
    "y": 31557600.0, "month": 2629800.0, "w": 604800.0, "d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0,
    "ms": 1e-3, "us": 1e-6,
}  # fmt: skip
OutcomeT = TypeVar("OutcomeT", bound=Enum)


def parse_state(text: str) -> NodeOperation:
    """STATE's answer. Raises: ParseError."""
    return _state(_lines(text)[1])


def parse_lock(text: str) -> LockAnswer:
    """LOCK's answer. Raises: ParseError."""
    word, lines = _lines(text)
    return LockAnswer(outcome=_outcome(LockOutcome, word), state=_state(lines))


def parse_step(text: str) -> StepAnswer:
    """The answer of ARM_*, CLEAR and NOTE. Raises: ParseError."""
    word, lines = _lines(text)
    return StepAnswer(outcome=_outcome(StepOutcome, word), state=_state(lines), why=_why(lines))


def parse_saved(text: str) -> SaveAnswer:
    """The answer of SAVE and SAVE_LINK. Raises: ParseError."""
    word, lines = _lines(text)
    outcome = StepOutcome.DONE if word == "saved" else _outcome(StepOutcome, word)
    state = _state(lines)
    if outcome is not StepOutcome.DONE:
        return SaveAnswer(outcome=outcome, state=state, why=_why(lines))
    units = [(u, s) for u, _, s in (v.partition(" ") for k, v in lines if k == "unit")]
    if not units or not all(u and s for u, s in units):
        raise ParseError("the saved states of the units are not told")
    drain = next((v for k, v in lines if k == "drain-file"), "")
    saved = Saved(
        units=tuple((clean(u), clean(s)) for u, s in units),
        drain_value=int(drain) if _VALUE.fullmatch(drain) else None,
        interface=next((clean(v) for k, v in lines if k == "interface"), None),
        routes=_routes(lines),
        addresses6=_addresses6(lines),
    )
    return SaveAnswer(outcome=outcome, state=state, saved=saved)


def parse_read_back(text: str) -> ReadBack:
    """READ_BACK's answer. Raises: ParseError: not whole, or there is no such interface."""
    word, lines = _lines(text)
    interface = next((clean(v) for k, v in lines if k == "interface"), "")
    if word != "there" or not interface:
        raise ParseError(f"routes were expected, not: {_why(lines) or clean(text[:80])}")
    return ReadBack(interface=interface, routes=_routes(lines), addresses6=_addresses6(lines))


def _routes(lines: Lines) -> tuple[tuple[int, str, str], ...]:
    found = [(int(k[-1]), *v.partition(" ")[::2]) for k, v in lines if k in {"route4", "route6"}]
    return tuple((family, clean(protocol), clean(route)) for family, protocol, route in found)


def _addresses6(lines: Lines) -> tuple[str, ...]:
    return tuple(clean(v.partition(" ")[0]) for k, v in lines if k == "addr6")


def parse_disarm(text: str) -> DisarmAnswer:
    """DISARM's answer. Raises: ParseError.

    What was saved is gone though the lock is still ours: only the revert removes it.
    """
    word, lines = _lines(text)
    started = next((m for m in map(_STARTED.fullmatch, (k for k, _ in lines)) if m), None)
    micros = int(started[1]) if started else 0
    outcome = DisarmOutcome.FIRED if word == "gone" else _outcome(DisarmOutcome, word)
    return DisarmAnswer(outcome=outcome, state=_state(lines), ran_at_uptime_s=micros / 1e6 if micros else None)


def parse_timers(text: str) -> RevertTimers:
    """TIMERS' answer. Raises: ParseError: a unit is missing in it."""
    if len(text) > _LIMIT:
        raise ParseError("`systemctl show` told too much")
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.split("\n\n")]
    found = {block["Id"]: block for block in blocks if "Id" in block}
    if missing := [unit for unit in REVERT_UNITS if unit not in found]:
        raise ParseError(f"`systemctl show` told nothing of {missing[0]}")
    change = found[REVERT_UNITS[4]]
    return RevertTimers(
        timers=(
            _timer(Slot.A, found[REVERT_UNITS[0]], found[REVERT_UNITS[1]]),
            _timer(Slot.B, found[REVERT_UNITS[2]], found[REVERT_UNITS[3]]),
        ),
        change_running=_active(change) in _RUNNING,
        change_failed=_active(change) == "failed",
    )


_RUNNING: Final = frozenset({"active", "activating", "deactivating", "reloading"})


def _timer(slot: Slot, timer: Mapping[str, str], service: Mapping[str, str]) -> RevertTimer:
    started = service.get("ExecMainStartTimestampMonotonic", "")
    micros = int(started) if re.fullmatch(r"[0-9]{1,20}", started) else 0
    return RevertTimer(
        slot=slot,
        waiting=_active(timer) == "active" and timer.get("SubState") == "waiting",
        next_uptime_s=parse_span(timer.get("NextElapseUSecMonotonic", "")),
        running=_active(service) in _RUNNING,
        started_uptime_s=micros / 1e6 if 0 < micros < (1 << 63) else None,
        failed=_active(service) == "failed",
    )


def _active(unit: Mapping[str, str]) -> str:
    state = unit.get("ActiveState", "")
    if not state:
        raise ParseError(f"`systemctl show` told no ActiveState of {clean(unit.get('Id', '?')[:_WORD])}")
    return state


def parse_span(text: str) -> float | None:
    """A time span as systemd prints it (`5h 24min 19.471884s`) -> seconds; None: `infinity`, 0 or none."""
    words = text.split()
    if not words or len(words) > 16:
        return None
    total = 0.0
    for word in words:
        found = _SPAN.fullmatch(word)
        if found is None:
            return None
        total += float(found[1]) * _UNITS_S[found[2]]
    return total or None


Lines = list[tuple[str, str]]


def _lines(text: str) -> tuple[str, Lines]:
    if len(text) > _LIMIT:
        raise ParseError("the node told too much of its operation")
    word, _, rest = text.partition("\n")
    if not re.fullmatch(r"[a-z]{1,16}", word):
        raise ParseError("the node's answer does not begin with an outcome")
    return word, [(k, v) for k, _, v in (line.partition(" ") for line in rest.split("\n")) if k]


def _outcome(kind: type[OutcomeT], word: str) -> OutcomeT:
    for each in kind:
        if each.value == word:
            return each
    raise ParseError(f"an outcome that is not known: {clean(word)}")


def _why(lines: Lines) -> str | None:
    return next((clean(v[:_WORD]) for k, v in lines if k == "why"), None)


def _state(lines: Lines) -> NodeOperation:
    values = dict(reversed(lines))  # the first of a name counts
    uptime, boot = values.get("uptime", ""), values.get("boot", "")
    if not _UPTIME.fullmatch(uptime) or not _BOOT.fullmatch(boot):
        raise ParseError("the node told neither its uptime nor its boot")
    return NodeOperation(
        uptime_s=float(uptime),
        boot_id=boot,
        lock=_lock(values),
        drain=_drain(values["drain"]) if "drain" in values else None,
        saved=_identifier(values.get("operation/id", "")),
        revert=clean(values["operation/revert"][:64]) if "operation/revert" in values else None,
        deadlines_uptime_s=tuple(
            (slot, int(value))
            for slot in Slot
            if _NUMBER.fullmatch(value := values.get(f"operation/deadline-{slot.value}", ""))
        ),
        decided=tuple(
            (slot, value)
            for slot in Slot
            if (value := values.get(f"decided-{slot.value}", "")) in {"fired", "disarmed"}
        ),
        incomplete="operation/outcome" in values,
    )


def _identifier(text: str) -> str | None:
    return text if _ID.fullmatch(text) else None


def _lock(values: Mapping[str, str]) -> OperationLock | None:
    if "lock/expires" not in values:
        return None
    words = values["lock/expires"].split()
    if (
        len(words) != 3
        or not _ID.fullmatch(words[0])
        or not _BOOT.fullmatch(words[1])
        or not _NUMBER.fullmatch(words[2])
    ):
        raise ParseError("the lock does not say whose it is and until when")
    told = _object(values.get("lock/owner", ""))
    if told.get("operation") != words[0]:
        told = {}  # written by a console that died before it had the lock
    return OperationLock(
        operation=words[0],
        boot_id=words[1],
        expires_uptime_s=int(words[2]),
        owner=_text(told, "owner"),
        host=_text(told, "host"),
        name=_text(told, "name"),
        node=_text(told, "node"),
        started=_text(told, "started"),
        aborts=told.get("aborts") is True,
    )


def _drain(line: str) -> DrainNote:
    told = _object(line)
    return DrainNote(
        by=_text(told, "by"),
        reason=_text(told, "reason"),
        method=_text(told, "method"),
        since=_text(told, "since"),
        until=_text(told, "until"),
    )


def _object(line: str) -> Mapping[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(told: Mapping[str, object], key: str) -> str | None:
    value = told.get(key)
    return clean(value[:_WORD]) if isinstance(value, str) else None
