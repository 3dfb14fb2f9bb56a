"""An operation that another console began: how it is offered to be aborted or taken over, what is said before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_values import VipForecast
from haconsole.cluster.left import Console, Left, left_on, told_in
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.record import dataclass
from haconsole.operations.actions import duration
from haconsole.operations.guards_context import Guard
from haconsole.operations.plan import Do, Plan, described
from haconsole.operations.plan_words import heart_of
from haconsole.operations.take_over import DOES, Taking, Way, puts_back, restoring, told_of, unforetold
from haconsole.tui.source import CannotError, LeftWish
from haconsole.tui.view.action_fields import Field
from haconsole.tui.view.action_running import left_word
from haconsole.tui.view.details import fact, heading
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, pad, say, sign, wrap
from haconsole.tui.view.times import Times

_WORDS: Final = {Way.ABORT: "abort", Way.TAKE_OVER: "take over"}
_CONSOLES: Final = {
    Console.GONE: "its console is gone", Console.LIVES: "its console may live",
    Console.UNKNOWN: "its console may live", Console.LEFT: "left to the node's timer",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOffer:
    """One way with it. why_not: it cannot be; None: it may be asked for."""

    way: Way
    left: Left
    node: str
    """Of which it is offered; the operation may act on another."""
    why_not: str | None = None

    @property
    def key(self) -> str:
        return f"left/{self.way.value}"

    @property
    def title(self) -> str:
        return f"{_WORDS[self.way]}: {DOES[self.way]}"


def left_offers(
    picture: ClusterPicture, node: str, *, ours: str = "", busy: str | None = None
) -> tuple[LeftOffer, ...]:
    """Of the operation that `node` tells of, unless it is `ours`. busy: an action runs already."""
    names = [n.name for n in picture.nodes]
    left = left_on(told_in(picture), names, node, picture.at, ours=ours)
    if left is None:
        return ()
    return tuple(LeftOffer(way=way, left=left, node=node, why_not=busy or _why_not(left, way)) for way in Way)


def _why_not(left: Left, way: Way) -> str | None:
    if not left.answers:
        return f"{left.node} does not answer; its own timer puts it back"
    if not left.nameable:
        return f"{left.operation} is no name that an operation can have"
    if way is Way.ABORT:
        return None
    if not left.understood:
        return f"a revert of {left.revert} is not of this haconsole: it can be aborted"
    return None if left.armed else "nothing is armed there: nothing is to be held"


def left_rows(found: Sequence[LeftOffer], width: int) -> tuple[Row, ...]:
    """A line each: whose operation, how long still, does its console live."""
    return tuple(Row(o.key, crop(_row(o), width), Level.WARNING, o.title) for o in found)


def _row(offer: LeftOffer) -> Line:
    left, title = offer.left, offer.title
    tone = Tone.STRONG if offer.why_not is None else Tone.QUIET
    line: Line = (*pad((say(title, tone),), max(len(f"{_WORDS[w]}: {DOES[w]}") for w in Way)), blank(2))
    if offer.why_not is not None:
        return (*line, say(f"not possible: {offer.why_not}", Tone.QUIET))
    ends = f"{left_word(left.left_s)} left, " if left.left_s is not None else ""
    where = f" on {left.node}" if left.node != offer.node else ""
    told = f" {ends}{left.what}{where} by {left.who}, {_CONSOLES[left.console]}"
    return (*line, sign(Level.WARNING), say(told, Tone.WARNING))


def left_details(offer: LeftOffer, picture: ClusterPicture, width: int, zone: Times) -> tuple[Row, ...]:
    """The one under the cursor in full."""
    return tuple(_details(offer, picture, width, zone))


def _details(offer: LeftOffer, picture: ClusterPicture, width: int, zone: Times) -> Iterator[Row]:
    if offer.why_not is not None:
        yield from fact("not possible", offer.why_not, width, tone=Tone.UNKNOWN)
    yield from _facts(offer.left, width, partial(zone.told, now=picture.at))
    if offer.left.answers:
        yield from _fates(forecast(picture, restoring(offer.left)).vips if restoring(offer.left) else (), width)


def _facts(left: Left, width: int, when: Callable[[str], str]) -> Iterator[Row]:
    lives = {Console.LIVES: Level.WARNING, Console.UNKNOWN: Level.UNKNOWN}
    for label, words in told_of(left, when):
        level = lives.get(left.console, Level.NONE) if label == "console" else Level.NONE
        yield from fact(label, words, width, level=level, tone=Tone.STRONG if label == "operation" else Tone.PLAIN)


def _fates(vips: Sequence[VipForecast], width: int) -> Iterator[Row]:
    for vip in vips:
        yield from fact(str(vip.address), *_fate(vip, width))


def _fate(vip: VipForecast, width: int) -> tuple[str, int]:
    if not vip.known or vip.after is None:
        return f"not known where it is then: {vip.unknown or 'nobody would hold it'}", width
    if vip.moves is False:
        return f"stays on {vip.after}", width
    lost = "what clients lose on the way is not known" if vip.outage is None else f"clients lose {vip.outage}"
    return f"{vip.before or '?'} → {vip.after} once it is put back, {lost}", width


# --- the words --------------------------------------------------------------------------------------------


def left_fields(offer: LeftOffer) -> tuple[Field, ...]:
    """What may be said of it; nothing must."""
    found = [
        Field(key="reason", label="reason", hint="why: for the audit log"),
        Field(key="ticket", label="ticket", hint="the change's number, for the audit log"),
    ]
    if offer.way is Way.TAKE_OVER:
        now = f"now {left_word(offer.left.left_s)}" if offer.left.left_s is not None else "not told"
        found.append(Field(key="revert_after", label="node reverts after", hint=f"10m, 1h; empty: as it is, {now}"))
        found.append(Field(key="leave", label="leave it to the node", hint="yes: only its end is moved, no hold here"))
    return tuple(found)


def left_wish(offer: LeftOffer, said: Mapping[str, str]) -> LeftWish:
    """What was typed, as a wish; empty fields were not said. Raises: CannotError: neither yes nor no."""
    kept = {k: v.strip() for k, v in said.items() if v.strip()}
    leave = kept.get("leave", "no").casefold()
    if leave not in {"yes", "y", "no", "n"}:
        raise CannotError("leave it to the node: yes, or nothing")
    return LeftWish(
        way=offer.way, node=offer.left.node, reason=kept.get("reason"), ticket=kept.get("ticket"),
        revert_after=kept.get("revert_after"), leave=leave.startswith("y"),
    )  # fmt: skip


# --- the question -----------------------------------------------------------------------------------------


def left_confirm_rows(taking: Taking, plan: Plan, width: int, zone: Times, now: float) -> tuple[Row, ...]:
    """Everything that is known before anything is touched."""
    return tuple(_question(taking, plan, width, partial(zone.told, now=now)))


def _question(taking: Taking, plan: Plan, width: int, when: Callable[[str], str]) -> Iterator[Row]:
    left = taking.left
    title = f"{_WORDS[taking.way]}: {DOES[taking.way]}"
    yield Row("title", crop((say(title, Tone.STRONG),), width), copy=title)
    yield from _facts(left, width, when)
    yield from _lives(left, width)
    yield from heading("Will be run", width)
    yield from _runs(plan, width)
    yield from heading("Will happen", width)
    if taking.way is Way.TAKE_OVER:
        holds = f"this console holds it, renews its lock and puts it back when it leaves; until then: {puts_back(left)}"
        leaves = "its lock is given back and no console holds it: the node ends it by its own timer, which is "
        moved = "left as it is" if taking.seconds is None else f"set to {duration(taking.seconds)} from now"
        yield from _text(f"{leaves}{moved}" if taking.leave else holds, width, Tone.PLAIN)
        if left.console is Console.LEFT and not taking.leave:
            moves = "to move its end only, go back and say yes to `leave it to the node`"
            yield from _text(moves, width, Tone.QUIET)
    yield from _fates(plan.predicted.vips, width)
    if not plan.predicted.vips:
        yield from _text(unforetold(left), width, Tone.PLAIN if left.only_locked else Tone.UNKNOWN)
    yield from heading("Checked", width)
    for guard in plan.guards:
        yield from _guard(guard, width)
    yield from heading("NOT checked", width)
    for what in plan.not_checked:
        yield from _text(f"– {what}", width, Tone.PLAIN)
    yield from heading("Every step, with every command line in full", width)
    for each in described(plan.steps):
        yield from _text(each, width, Tone.QUIET)


def _lives(left: Left, width: int) -> Iterator[Row]:
    """How it is taken from a console that may live."""
    if not left.needs_name:
        return
    words = (
        f"Its console may live: to take it from {left.who}, type the node's and the operation's name, as "
        f"--break-lock {left.lock_name} on the command line. A console of this version hears of it within 5 s and "
        "lets go; an older one puts back at its own time."
    )
    for i, text in enumerate(wrap(words, width - 4)):
        lead: Line = (blank(2), sign(Level.WARNING), blank(1)) if i == 0 else (blank(4),)
        yield Row(f"lives/{i}", crop((*lead, say(text, Tone.WARNING)), width), Level.WARNING, words)


def _runs(plan: Plan, width: int) -> Iterator[Row]:
    """What changes something. A script of many lines is named; its text is below."""
    for step in plan.steps:
        if step.do in {Do.ARM, Do.PUT_BACK}:
            yield from _text(f"{step.do.value}: {step.text}", width, Tone.PLAIN)
            for line in step.lines:
                words = (
                    heart_of(line) if step.do is Do.PUT_BACK else line.id if "-c" in line.argv else " ".join(line.argv)
                )
                yield from _text(f"  {line.node}$ {words}", width, Tone.STRONG)
    if not any(step.do in {Do.ARM, Do.PUT_BACK} for step in plan.steps):
        yield from _text("nothing but locks", width, Tone.PLAIN)


def _guard(guard: Guard, width: int) -> Iterator[Row]:
    level = Level.OK if guard.ok is True else Level.UNKNOWN if guard.ok is None else Level.WARNING
    more = "" if guard.overridden is None else f" ({guard.overridden})"
    yield from fact(
        "", f"{guard.text}: {guard.evidence}{more}", width, level=level, copy=f"{guard.id}: {guard.evidence}"
    )


def _text(text: str, width: int, tone: Tone) -> Iterator[Row]:
    indent = 2 + len(text) - len(text.lstrip())
    for i, piece in enumerate(wrap(text.strip(), max(8, width - indent))):
        yield Row(f"{text}/{i}", (blank(indent), say(piece, tone)), copy=text.strip())
