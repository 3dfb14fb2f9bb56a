"""What was saved against what is there: the routes and IPv6 addresses of an interface after it was put back. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from haconsole.model.operation import ReadBack, Saved

Route = tuple[int, str, str]
"""(4 or 6, protocol, as ip-route(8) shows it without `dev`)."""
_STATE: Final = frozenset({"linkdown", "dead", "offload", "trap", "rt_offload", "rt_trap"})
"""Flags that the kernel sets as things stand; no part of the route (ip-route(8))."""


def missing(saved: Saved, there: ReadBack) -> tuple[str, ...]:
    """What was saved and is not there, in words."""
    gone = [_shown(r) for r in _without(saved.routes, there.routes)]
    return (*gone, *(f"address {a}" for a in saved.addresses6 if a not in there.addresses6))


def new(saved: Saved, there: ReadBack) -> tuple[str, ...]:
    """Routes that are there and were not saved, in words. Addresses: keepalived's are there too, so none is told."""
    return tuple(_shown(r) for r in _without(there.routes, saved.routes))


def _without(these: Iterable[Route], others: Iterable[Route]) -> list[Route]:
    """Those that the others lack, as often as they lack them."""
    pool = Counter(map(_words, others))
    found: list[Route] = []
    for route in these:
        if pool[_words(route)] > 0:
            pool[_words(route)] -= 1
        else:
            found.append(route)
    return found


def _words(route: Route) -> tuple[str, ...]:
    """What makes the route: without flags, and without the time that it has left."""
    family, protocol, text = route
    words = [w for w in text.split() if w not in _STATE]
    if "expires" in words:
        at = words.index("expires")
        del words[at : at + 2]
    return (str(family), protocol, *words)


def _shown(route: Route) -> str:
    family, protocol, text = route
    return f"IPv{family} route {text.strip()} proto {protocol}"
