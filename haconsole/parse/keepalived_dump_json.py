"""keepalived's JSON dump (2.0 and later, where built in) -> `DaemonReading`.

Version 1 is a list of `{"data": {...}, "stats": {...}}`, version 2 an object with that list under
`vrrp`. It tells less than the DATA dump: no peers, no source address, no status of scripts or links,
no track files, no sync group; a tracked script is its command, not its name.
"""

from __future__ import annotations

import json
import math
from typing import cast

from haconsole.model.readings import DaemonReading, InstanceReading, TrackedInterface, TrackedScript, VrrpState
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_words import interface_address
from haconsole.parse.text import clean

MAX_INSTANCES = 1000
MAX_TEXT = 16 << 20

_STATES = {0: VrrpState.INIT, 1: VrrpState.BACKUP, 2: VrrpState.MASTER, 3: VrrpState.FAULT}
_AUTH = {0: "none", 1: "PASS", 2: "AH"}

_Object = dict[str, object]


def parse_json_dump(text: str) -> DaemonReading:
    """Return what the daemon said of its instances. `auth_data` is never looked at.

    Raises: ParseError - not such a dump, cut off, or more than 1,000 instances.
    """
    if len(text) > MAX_TEXT:
        raise ParseError("keepalived's JSON dump is larger than 16 MiB")
    found = _load(text)
    if isinstance(found, dict):
        found = found.get("vrrp")
    if not isinstance(found, list):
        raise ParseError("keepalived's JSON dump has no list of instances")
    if len(found) > MAX_INSTANCES:
        raise ParseError("keepalived's JSON dump has more than 1,000 instances")
    return DaemonReading(kind="JSON", instances=tuple(_instance(entry) for entry in found))


def _load(text: str) -> object:
    try:
        return cast("object", json.loads(text, strict=False))
    except (ValueError, RecursionError):
        pass
    # Raised out here: the other error carries the whole text, with the password in it.
    raise ParseError("keepalived's JSON dump is empty, cut off or not JSON")


def _instance(entry: object) -> InstanceReading:
    data = entry.get("data") if isinstance(entry, dict) else None
    if not isinstance(data, dict):
        raise ParseError("keepalived's JSON dump has an entry without data")
    name, vrid, state = data.get("iname"), _whole(data, "vrid", 1, 255), _whole(data, "state", 0, 1000)
    if not isinstance(name, str) or not name or vrid is None or state is None:
        raise ParseError("keepalived's JSON dump has an instance without name, router id or state")
    nopreempt = data.get("nopreempt")
    backup = state == 1
    return InstanceReading(
        name=clean(name),
        vrid=vrid,
        interface=clean(_text(data, "ifp_ifname")),
        state=_STATES.get(state),
        version=_whole(data, "version", 2, 3),
        priority=_whole(data, "base_priority", 0, 255),
        effective_priority=_whole(data, "effective_priority", 0, 255),
        advert_interval_s=_number(data, "adver_int"),
        preempt=not nopreempt if isinstance(nopreempt, bool | int) else None,
        preempt_delay_s=_number(data, "preempt_delay") or None,
        master_priority=_whole(data, "master_priority", 1, 255) if backup else None,
        vips=tuple(a for a in map(interface_address, _first_words(data, "vips")) if a is not None),
        excluded_vips=tuple(a for a in map(interface_address, _first_words(data, "evips")) if a is not None),
        last_transition_node_s=_number(data, "last_transition") or None,
        auth_type=_AUTH.get(auth) if (auth := _whole(data, "auth_type", 0, 255)) is not None else None,
        tracked_interfaces=tuple(TrackedInterface(name=clean(n), up=None) for n in _texts(data, "track_ifp")),
        tracked_scripts=tuple(TrackedScript(name=clean(_unquoted(n)), ok=None) for n in _texts(data, "track_script")),
    )


def _number(data: _Object, key: str) -> float | None:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1e12 else None


def _whole(data: _Object, key: str, low: int, high: int) -> int | None:
    """2.0.10 writes 1.0 for 1."""
    value = _number(data, key)
    return int(value) if value is not None and value.is_integer() and low <= value <= high else None


def _text(data: _Object, key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _texts(data: _Object, key: str) -> list[str]:
    """2.0.10 writes [""] for any tracked interface (docs/keepalived-versions.md): an empty name is none."""
    value = data.get(key)
    return [v for v in value if isinstance(v, str) and v] if isinstance(value, list) else []


def _first_words(data: _Object, key: str) -> list[str]:
    return [v.split(" ", 1)[0] for v in _texts(data, key)]


def _unquoted(command: str) -> str:
    return command[1:-1] if len(command) > 2 and command[0] == command[-1] == "'" else command
