"""What every picture of a drill says the same way: ranges, signs of claims, what happens to each VIP. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from haconsole.model.drill import DrillRecord, Range, Verdict
from haconsole.tui.view.details import fact
from haconsole.tui.view.text import Level, Line, Row, say, sign

if TYPE_CHECKING:
    from haconsole.operations.drills.expect import Expected, Move

VERDICTS: Final = {
    Verdict.PASSED: Level.OK,
    Verdict.DEVIATED: Level.WARNING,
    Verdict.ABORTED: Level.WARNING,
    Verdict.REFUSED: Level.WARNING,
    Verdict.FAILED: Level.CRITICAL,
}
ARTICLE: Final = ("lan-link-down", "public-link-down", "squid-stop")
"""The three drills of the article, in its order."""


def verdict_level(record: DrillRecord | None) -> Level:
    """Of a drill that is over; unknown where its state was not verified, or there is no record."""
    if record is None or record.result is None or (record.result is Verdict.FAILED and record.look_at):
        return Level.UNKNOWN
    return VERDICTS[record.result]


def claim_level(ok: bool | None, *, over: bool) -> Level:
    """True or false, not known any more, or not yet."""
    if ok is None:
        return Level.UNKNOWN if over else Level.BUSY
    return Level.OK if ok else Level.CRITICAL


def span(found: Range | None, *, few: bool = False) -> str:
    """`0.61–0.71 s`; `5.00 s or more`, in few words `≥ 5.00 s`; `not known`."""
    if found is None:
        return "not known"
    if few and found.high is None:
        return f"≥ {found.low:.2f} s"
    return f"{found.low:.2f} s or more" if found.high is None else f"{found.low:.2f}–{found.high:.2f} s"


def loss(found: Range | None) -> str:
    """What clients lose, in words."""
    return "what clients lose is not known" if found is None else f"clients lose {span(found)}"


def short(vip: str) -> str:
    """`.101` of an IPv4 address; others whole."""
    head, _, tail = vip.rpartition(".")
    return f".{tail}" if head.count(".") == 2 else vip


def _move(move: Move, expected: Expected) -> Iterator[tuple[Level, str]]:
    told = expected.predicted
    out = told.outage_s.get(move.vip)
    level = Level.UNKNOWN if out is None or out.high is None else Level.WARNING
    if move.serves is False:
        yield Level.CRITICAL, f"goes to {move.new}, which will NOT serve its clients"
    yield level, f"{move.old} → {move.new} within {span(told.takeover_s.get(move.vip))}; {loss(out)}"
    if move.returns is None:
        yield Level.UNKNOWN, "when all is put back: not known where it goes"
    elif move.returns:
        back = told.failback_outage_s.get(move.vip)
        yield Level.NONE, f"when all is put back it comes back to {move.old}; {loss(back)} once more"
    else:
        yield Level.NONE, f"when all is put back it stays on {move.new}: it does not preempt"


def vip_rows(expected: Expected, width: int) -> Iterator[Row]:
    """What becomes of each VIP and its clients, in words."""
    for move in expected.moves:
        for i, (level, text) in enumerate(_move(move, expected)):
            yield from fact(move.vip if i == 0 else " ", text, width, level=level, copy=f"{move.vip}: {text}")
    for vip, node in expected.stays:
        yield from fact(vip, f"stays on {node}: clients lose nothing", width, level=Level.OK)
    for text in expected.unknown:
        yield from fact("not known", text, width, level=Level.UNKNOWN)


def figure(seconds: float | None) -> str:
    """`0.628 s`; `nothing`; `not measured`."""
    return "not measured" if seconds is None else "nothing" if seconds == 0 else f"{seconds:.3f} s"


def counted(levels: list[Level]) -> Line:
    """`9 ●  2 …  0 ✖`."""
    parts: list[Line] = []
    for level in (Level.OK, Level.BUSY, Level.UNKNOWN, Level.CRITICAL):
        number = levels.count(level)
        if number or level in {Level.OK, Level.CRITICAL}:
            parts.append((say(f"{number} "), sign(level)))
    found: Line = ()
    for part in parts:
        found = (*found, *((say("  "),) if found else ()), *part)
    return found
