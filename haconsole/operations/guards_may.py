"""Guards on what is allowed: rights, read-only, maintenance window, a file that passes its check. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from haconsole.cluster.rules.common import listed
from haconsole.model.spec import MaintenanceWindow
from haconsole.operations.guards_context import Case, Guard, Override, worst

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def not_read_only(case: Case) -> Guard:
    """Neither the cluster nor this console is read-only."""
    by = "the cluster" if case.picture.spec.read_only else "this console" if case.asked.read_only else None
    return Guard(
        id="not-read-only",
        ok=by is None,
        text="actions are allowed",
        evidence="allowed" if by is None else f"{by} is read-only",
        override=Override.NEVER,
    )


def rights_present(case: Case) -> Guard:
    """The login may run the change, what takes it back, what arms it, and whatever else was asked about."""
    action = case.action
    wanted = [i for i in (action.change_id, action.arm_id, action.back_id) if i is not None]
    answers = {i: case.asked.rights.get((action.node, i)) for i in dict.fromkeys(wanted)}
    answers |= {i if n == action.node else f"{i} on {n}": a for (n, i), a in case.asked.rights.items()}
    told = [f"{i}: {'not asked' if a is None else a.text}" for i, a in answers.items() if a is None or a.ok is not True]
    return Guard(
        id="rights-present",
        ok=worst([None if a is None else a.ok for a in answers.values()]),
        text="the login may make the change and take it back",
        evidence="; ".join(told) or listed(answers),
        override=Override.NEVER,
    )


def config_passes(case: Case) -> Guard:
    """keepalived's own check of the file, run just now: a reload of a bad one leaves VIPs on both nodes."""
    test = case.asked.config_test
    if test is None:
        ok, told = None, "not run"
    else:
        ok, told = test.ok, "; ".join(test.messages) or test.why_unknown or "no complaint"
        if ok and test.messages:
            ok = False  # 2.1.5 ends with 0 for most mistakes: only silence is good
    return Guard(
        id="config-passes",
        ok=ok,
        text=f"the keepalived configuration of {case.action.node} passes its check",
        evidence=told,
        # 1.3.5 has no check: there the operator answers for the file.
        override=Override.NEVER if ok is False or test is None else Override.REASON,
    )


def in_window(case: Case) -> Guard:
    """Inside a maintenance window, where the cluster has any."""
    windows = case.picture.spec.windows
    inside = not windows or any(contains(w, case.asked.now) for w in windows)
    told = "no window is configured" if not windows else "; ".join(window_text(w) for w in windows)
    return Guard(
        id="in-window",
        ok=inside,
        text="inside the maintenance window",
        evidence=told,
        override=Override.WINDOW,
    )


def contains(window: MaintenanceWindow, now: float) -> bool:
    """Is `now` (seconds since the epoch) inside. A window over midnight belongs to the day on which it starts;
    the same start and end mean the whole day. Local wall clock, so an hour that DST repeats counts twice."""
    local = datetime.fromtimestamp(now, ZoneInfo(window.timezone))
    minute = local.hour * 60 + local.minute
    today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    if window.start_min < window.end_min:
        return today in window.days and window.start_min <= minute < window.end_min
    return (today in window.days and minute >= window.start_min) or (
        yesterday in window.days and minute < window.end_min
    )


def window_text(window: MaintenanceWindow) -> str:
    """`sat, sun 22:00-04:00 Europe/Berlin`."""
    start, end = (f"{m // 60:02d}:{m % 60:02d}" for m in (window.start_min, window.end_min))
    return f"{', '.join(window.days)} {start}-{end} {window.timezone}"


def drain_possible(case: Case) -> Guard:
    """The number to be written was found, by the daemon's dump: it lowers every instance below its peers."""
    drain = case.action.drain
    value = None if drain is None else drain.value
    return Guard(
        id="drain-possible",
        ok=value is not None,
        text="the drain file lowers every instance below its peers",
        evidence="no number was found" if value is None else f"{value} does",
        override=Override.NEVER,
    )
