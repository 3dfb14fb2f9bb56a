"""What a node may say in any amount: ten times as much takes about ten times as long.

Small and large are timed in turn in one run, as CPU time of this process; the figure is the ratio of their least times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from haconsole.parse.errors import ParseError
from tests.bench.measure import Row
from tests.property.test_system_parsers import ALL, MEGABYTES
from tests.support import interfaces
from tests.unit.cluster.test_hostile import crowded

TURNS = 5
LENGTHS = (100_000, 1_000_000)
INTERFACES = (1_000, 10_000)
NOTHING_S = 0.002
"""What a length takes at most to say nothing about growth: the clock's and the caches' part is too large."""


def amounts() -> list[Row]:
    """A megabyte of each odd piece through each system parser against a tenth of it; many interfaces against some."""
    worst, of = 0.0, "none took long enough"
    for name, parse in sorted(ALL.items()):
        for piece in MEGABYTES:
            few, more = _in_turn(*(_tried(parse, piece * (length // len(piece))) for length in LENGTHS))
            if more > NOTHING_S and more / max(few, NOTHING_S / 10) > worst:
                worst, of = more / max(few, NOTHING_S / 10), f"{name} of {piece!r}"
    text = Row(
        name="a megabyte of anything against 100 kB", figure=worst, unit="×", bound=20.0,
        how=f"the worst of {len(ALL)} parsers × {len(MEGABYTES)} pieces ({of}); linear is 10 ×; least CPU time of {TURNS} in turn",
    )  # fmt: skip
    whole: Mapping[str, Callable[[int], Callable[[], object]]] = {
        "links": lambda amount: _tried(ALL["links"], interfaces.links(amount)),
        "addresses": lambda amount: _tried(ALL["addresses"], interfaces.addresses(amount)),
        "snapshot": lambda amount: crowded(amount).snapshot,
    }
    rows = [text]
    for name, made in whole.items():
        few, more = _in_turn(*(made(amount) for amount in INTERFACES))
        rows.append(
            Row(
                name=f"{name} of 10,000 interfaces against 1,000",
                figure=more / few,
                unit="×",
                bound=20.0,
                how=f"linear is 10 ×; least CPU time of {TURNS} in turn",
                parts={"few_ms": few * 1e3, "more_ms": more * 1e3},
            )
        )
    return rows


def _tried(parse: Callable[[str], object], text: str) -> Callable[[], object]:
    def once() -> object:
        try:
            return parse(text)
        except ParseError as error:
            return error

    return once


def _in_turn(few: Callable[[], object], more: Callable[[], object]) -> tuple[float, float]:
    """The least CPU time of each, s."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for action, found in zip((few, more), times, strict=True):
            started = time.process_time()
            action()
            found.append(time.process_time() - started)
    return min(times[0]), min(times[1])
