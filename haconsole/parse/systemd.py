"""`systemctl show`, `systemctl --version` and /proc/uptime -> units, a number, seconds.

Sources: systemctl(1), org.freedesktop.systemd1(5), proc_uptime(5); run on systemd 247, 252, 257.
219 (CentOS 7) has no NRestarts and may leave empty properties out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.model.readings import UnitReading, UnitsReading
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_LIMIT: Final = 1 << 20
_VALUE: Final = 256
_ACTIVE: Final = frozenset({"active", "reloading", "refreshing"})
"""States in which the unit runs, org.freedesktop.systemd1(5)."""
_ENABLED: Final[Mapping[str, bool]] = {
    "enabled": True,
    "enabled-runtime": True,
    "static": True,
    "alias": True,
    "disabled": False,
    "masked": False,
    "masked-runtime": False,
    "linked": False,
    "linked-runtime": False,
    "bad": False,
    "transient": False,
}
"""UnitFileState -> started at boot. Others (`generated`, `indirect`, empty) do not tell."""
_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_VERSION: Final = re.compile(r"systemd ([0-9]{1,6})\b")
_UPTIME: Final = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s")


def parse_units(text: str, uptime_s: float | None, asked: Sequence[str]) -> UnitsReading:
    """Return the units by the names that were `asked` for (with or without `.service`), in order.

    `text`: `systemctl show -p Id,LoadState,ActiveState,... -- UNIT...`, one block a unit in the
    order of the command line. The order decides: an alias answers with another Id. If there are
    more or fewer blocks than names, the Id decides and a name without a block is left out.
    `uptime_s`: /proc/uptime at about the same time; passed on.
    Raises: ParseError if there is no block, or one without Id, LoadState or ActiveState.
    """
    if len(text) > _LIMIT:
        raise ParseError("`systemctl show` told too much")
    blocks = [_properties(block) for block in _blocks(text)]
    if not blocks:
        raise ParseError("`systemctl show` told no unit")
    names = [name.removesuffix(".service") for name in asked]
    if len(blocks) == len(names):
        pairs = list(zip(names, blocks, strict=True))
    else:
        by_id = {block.get("Id", "").removesuffix(".service"): block for block in blocks}
        pairs = [(name, by_id[name]) for name in names if name in by_id]
    return UnitsReading(units={clean(name): _unit(clean(name), block) for name, block in pairs}, uptime_s=uptime_s)


def parse_uptime(text: str) -> float:
    """Return seconds since boot from /proc/uptime (`3288.61 5963.13`). Raises: ParseError."""
    found = _UPTIME.match(text[:100] + "\n")
    if found is None:
        raise ParseError(f"seconds since boot were expected, not: {clean(text[:80])}")
    return float(found[1])


def parse_systemd_version(text: str) -> int:
    """Return the number in the first line of `systemctl --version` (`systemd 252 (...)`). Raises: ParseError."""
    found = _VERSION.match(text.lstrip()[:100])
    if found is None:
        raise ParseError(f"systemd's version was expected, not: {clean(text[:80])}")
    return int(found[1])


def _blocks(text: str) -> list[list[str]]:
    """Split at blank lines."""
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _properties(lines: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals:
            values[key] = clean(value.strip()[:_VALUE])
    return values


def _unit(name: str, values: Mapping[str, str]) -> UnitReading:
    for key in ("Id", "LoadState", "ActiveState"):
        if not values.get(key):
            raise ParseError(f"`systemctl show` told no {key} of {name}")
    state = values["ActiveState"]
    return UnitReading(
        name=name,
        # A masked or broken unit is known all the same.
        loaded=values["LoadState"] != "not-found",
        active=state in _ACTIVE,
        active_state=state,
        sub_state=values.get("SubState", ""),
        enabled=_ENABLED.get(values.get("UnitFileState", "")),
        since_uptime_s=_since(state, values),
        main_pid=_number(values, "MainPID") or None,
        restarts=_number(values, "NRestarts"),
        restart=values.get("Restart") or None,
        private_tmp=values.get("PrivateTmp") == "yes",
        started_uptime_s=_seconds(values, "ExecMainStartTimestampMonotonic"),
    )


def _since(state: str, values: Mapping[str, str]) -> float | None:
    """Return the uptime at which the unit became active, or inactive. 0 stands for never.

    On its way down it is neither: the time at which it left the active state was not asked for.
    """
    if state == "deactivating":
        return None
    key = "ActiveEnterTimestampMonotonic" if state in _ACTIVE else "InactiveEnterTimestampMonotonic"
    return _seconds(values, key)


def _seconds(values: Mapping[str, str], key: str) -> float | None:
    """Return microseconds as seconds; 0 stands for never."""
    microseconds = _number(values, key)
    return microseconds / 1e6 if microseconds else None


def _number(values: Mapping[str, str], key: str) -> int | None:
    text = values.get(key, "")
    # [not set] and 2^64-1 are systemd's ways to say that there is none
    number = int(text) if _NUMBER.fullmatch(text) else None
    return None if number is None or number >= (1 << 64) - 1 else number
