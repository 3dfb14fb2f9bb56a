"""What is not as it was before an action, in words: a line for each VIP and field of a node. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeGuard

_NODE: Final = {"squid_shutdown_lifetime": "squid's shutdown_lifetime", "instances": "", "addresses": ""}
"""Fields of `runtime.operate.facts` that are not called what they are."""
_YES_NO: Final = {"client": ("served", "not served"), "keepalived": ("runs", "stopped"), "squid": ("runs", "stopped")}
_UNKNOWN: Final = "not known"


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    """`192.168.2.101: proxy-serv01 → proxy-serv02`. before, after: as `runtime.operate.facts` makes them."""
    for address, was, now in _both(_within(before, "vips"), _within(after, "vips")):
        for field, one, other in _both(_mapping(was), _mapping(now)):
            what = {"holders": address, "client": f"{address}, clients"}.get(field, f"{address} {field}")
            yield from _changed(what, field, one, other)
    for node, was, now in _both(_within(before, "nodes"), _within(after, "nodes")):
        if (was is None) is not (now is None):
            yield f"{node}: {'not read before, read now' if was is None else 'read before, not read now'}"
            continue
        for field, one, other in _both(_mapping(was), _mapping(now)):
            yield from _of_field(node, field, one, other)
    rest = [{k: v for k, v in each.items() if k not in {"vips", "nodes"}} for each in (before, after)]
    for key, one, other in _both(*rest):
        yield from _changed(key, key, one, other)


def _of_field(node: str, field: str, was: object, now: object) -> Iterator[str]:
    what = f"{node} {_NODE.get(field, field)}".rstrip()
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key, one, other in _both(was, now):
            yield from _changed(f"{what} {key}", field, one, other)
    elif field == "addresses" and _is_list(was) and _is_list(now):
        yield from (f"{what}: {each} is gone" for each in was if each not in now)
        yield from (f"{what}: {each} has come" for each in now if each not in was)
    else:
        yield from _changed(what if _NODE.get(field, field) else f"{node} {field}", field, was, now)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _changed(what: str, field: str, was: object, now: object) -> Iterator[str]:
    if was != now:
        yield f"{what}: {_word(field, was)} → {_word(field, now)}"


def _word(field: str, value: object) -> str:
    if value is None:
        return _UNKNOWN
    if isinstance(value, bool):
        yes, no = _YES_NO.get(field, ("yes", "no"))
        return yes if value else no
    if isinstance(value, str):
        return value or "none"
    if isinstance(value, Sequence):
        return " + ".join(map(str, value)) or ("nobody" if field == "holders" else "none")
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_word('', v)}" for k, v in value.items()) or "none"
    return str(value)


def _both(was: Mapping[str, object], now: Mapping[str, object]) -> Iterator[tuple[str, object, object]]:
    for key in dict.fromkeys((*was, *now)):
        yield key, was.get(key), now.get(key)


def _within(facts: Mapping[str, object], key: str) -> Mapping[str, object]:
    return _mapping(facts.get(key))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
