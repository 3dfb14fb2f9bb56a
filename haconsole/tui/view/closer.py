"""A closer look: what can be looked at, each with its exact commands before they run, and what they proved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from haconsole.model.findings import Finding
from haconsole.operations.closer import Line as Command
from haconsole.operations.closer import Look, Offer, relevance
from haconsole.operations.closer_proof import Proof, Ran, Seen
from haconsole.tui.view import times
from haconsole.tui.view.details import fact, heading
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, pad, say, sign, spread, wrap
from haconsole.tui.view.times import Times

OUTPUT_LINES: Final = 12
"""Of one command; `y` copies all."""
_SHORT: Final = {
    Look.SCRIPT: "run the check as keepalived does", Look.ARP: "ARP", Look.SQUID: "squid at every address",
    Look.AUDIT: "firewall, passwords and scripts on the nodes",
}  # fmt: skip


def ordered(offers: Sequence[Offer], finding: Finding | None) -> tuple[Offer, ...]:
    """What the finding is about first."""
    return tuple(sorted(offers, key=lambda o: relevance(o, finding)))


def titles(offers: Sequence[Offer], finding: Finding) -> tuple[str, ...]:
    """In a few words, what could be looked at for a finding."""
    near = [o for o in offers if relevance(o, finding) == 0 and o.refused is None]
    return tuple(dict.fromkeys(_SHORT[o.look] for o in near if o.look in _SHORT))


def offer_rows(
    offers: Sequence[Offer], seen: Mapping[str, Seen], running: Collection[str], finding: Finding | None, width: int
) -> tuple[Row, ...]:
    """One row an offer: what was seen, or that nothing was yet."""
    return tuple(_row(o, seen.get(o.key), o.key in running, finding, width) for o in offers)


def _row(offer: Offer, seen: Seen | None, running: bool, finding: Finding | None, width: int) -> Row:
    level = level_of(offer, seen, running=running)
    near = finding is not None and relevance(offer, finding) == 0
    left: Line = (sign(level), blank(1), say(offer.title, Tone.STRONG if near else Tone.PLAIN))
    right: Line = (say(_state(offer, seen, running=running), Tone.QUIET),)
    copy = offer.title if seen is None else seen.proof.text
    return Row(f"offer/{offer.key}", spread(left, right, width), level, copy)


def level_of(offer: Offer, seen: Seen | None, *, running: bool) -> Level:
    """Nothing is well before it was looked at."""
    if running:
        return Level.BUSY
    if seen is not None:
        return _level(seen.proof)
    return Level.UNKNOWN if offer.refused is not None else Level.NONE


def _level(proof: Proof) -> Level:
    if proof.ok and proof.doubtful:
        return Level.WARNING
    return {True: Level.OK, False: Level.CRITICAL, None: Level.UNKNOWN}[proof.ok]


def _state(offer: Offer, seen: Seen | None, *, running: bool) -> str:
    if running:
        return "running"
    if seen is not None:
        return {True: "as it should be", False: "not as it should be", None: "cannot be told"}[seen.proof.ok]
    return "not from here" if offer.refused is not None else "not looked at"


def details(offer: Offer, seen: Seen | None, now: float, width: int, zone: Times, *, running: bool) -> tuple[Row, ...]:
    """What follows, what was run and what it said; before that, what will be run."""
    return tuple(_details(offer, seen, now, width, zone, running=running))


def _details(offer: Offer, seen: Seen | None, now: float, width: int, zone: Times, *, running: bool) -> Iterator[Row]:
    if seen is not None and not running:
        yield from _proof(seen, now, width, zone)
    else:
        yield from fact(
            "", offer.title, width, tone=Tone.STRONG, level=level_of(offer, seen, running=running), indent=0
        )
        yield from fact("tells", offer.tells, width)
    if offer.refused is not None:
        yield from fact("not from here", offer.refused, width, level=Level.UNKNOWN)
        if offer.remedy is not None:
            yield from fact("do", offer.remedy, width)
        return
    if seen is not None and not running:
        yield from heading("What was run", width)
        for number, ran in enumerate(seen.ran):
            yield from _ran(number, ran, width)
        return
    title = "Running, only looking, changes nothing" if running else "Enter runs this; it only looks, changes nothing"
    yield from heading(title, width)
    yield from command_rows(offer.lines, width)


def _proof(seen: Seen, now: float, width: int, zone: Times) -> Iterator[Row]:
    proof = seen.proof
    copy = "\n".join([proof.text, *(f"$ {r.text}  # {r.where}\n{r.output}".rstrip() for r in seen.ran)])
    yield from fact("", proof.text, width, tone=Tone.STRONG, level=_level(proof), copy=copy, indent=0)
    if proof.remedy is not None:
        yield from fact("do", proof.remedy, width)
    age = times.ago(max(0.0, now - seen.at))
    yield from fact("looked at", f"{zone.clock(seen.at)}, {age}; Enter looks again", width, tone=Tone.QUIET)


def command_rows(lines: Sequence[Command], width: int) -> Iterator[Row]:
    """Commands as they will be run, by where."""
    size = min(20, max((len(c.where) for c in lines), default=0))
    last = ""
    for number, command in enumerate(lines):
        where = command.where if command.where != last else ""
        last = command.where
        lead: Line = (blank(2), *pad((say(where, Tone.KEY),), size), blank(1))
        when = f"   ({command.when})" if command.when is not None else ""
        for i, text in enumerate(wrap(f"$ {command.text}{when}", max(20, width - size - 5))):
            start = lead if i == 0 else (blank(size + 5),)
            yield Row(f"command/{number}/{i}", crop((*start, say(text)), width), copy=command.text)


def _ran(number: int, ran: Ran, width: int) -> Iterator[Row]:
    level = {True: Level.OK, False: Level.CRITICAL, None: Level.NONE}[ran.good]
    if ran.problem is not None:
        level = Level.UNKNOWN
    took = (
        () if ran.seconds is None else (f"{ran.seconds * 1000:.0f} ms" if ran.seconds < 1 else f"{ran.seconds:.1f} s",)
    )
    status = () if ran.status is None else (f"exit {ran.status}",)
    head: Line = (blank(2), sign(level), blank(1), say(ran.where, Tone.KEY), blank(2))
    head = (*head, say(", ".join((*status, *took)), Tone.STRONG))
    yield Row(f"ran/{number}", crop(head, width), level, f"{ran.text}\n{ran.output}".strip())
    for i, text in enumerate(wrap(f"$ {ran.text}", max(20, width - 4))):
        yield Row(f"ran/{number}/command/{i}", crop((blank(4), say(text, Tone.QUIET)), width), copy=ran.text)
    said = [ran.problem] if ran.problem is not None else ran.output.splitlines()
    for i, text in enumerate(said[:OUTPUT_LINES]):
        yield from _said(f"ran/{number}/{i}", text, ran.output or text, width)
    if len(said) > OUTPUT_LINES:
        more = f"and {len(said) - OUTPUT_LINES} lines more; y copies them"
        yield Row(f"ran/{number}/more", crop((blank(4), say(more, Tone.QUIET)), width), copy=ran.output)
    if not said:
        yield Row(f"ran/{number}/none", crop((blank(4), say("it said nothing", Tone.QUIET)), width))


def _said(key: str, text: str, copy: str, width: int) -> Iterator[Row]:
    for i, part in enumerate(wrap(text, max(20, width - 4))):
        yield Row(f"{key}/{i}", crop((blank(4), say(part)), width), copy=copy)
