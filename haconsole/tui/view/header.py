"""The first line of the screen: which cluster, how it is, who looks at it, and what time it is."""

from __future__ import annotations

from haconsole.model.record import dataclass
from haconsole.tui.view.text import Level, Line, Tone, crop, join, middle, say, sign, spread, width_of
from haconsole.tui.view.times import Times


@dataclass(frozen=True, slots=True)
class Standing:
    """What the header says besides the verdict. `trouble`: why nothing on the screen is kept up to date."""

    operator: str
    read_only: bool
    now: float
    zone: Times
    trouble: str | None = None
    mark: Line = ()
    """Operations that are under way."""
    unserved: bool = False
    """What is under way measures that clients are not served now."""


def header(title: str, verdict: Line, standing: Standing, width: int, *, elsewhere: Line = ()) -> Line:
    """elsewhere: the worst of the clusters that are not on the screen."""
    at = standing.now
    clock: Line = (say(f"{standing.zone.clock(at)} {standing.zone.zone_name(at)}"),)
    mode: Line = (say("READ-ONLY", Tone.STRONG),) if standing.read_only else (say("read-only off", Tone.QUIET),)
    help_: Line = (say("? help ", Tone.QUIET, "app.help"),)
    who: Line = (say(middle(standing.operator, 30), Tone.QUIET),)
    wide_who: Line = (say("operator ", Tone.QUIET), *who)
    if standing.trouble is not None:
        verdict = (sign(Level.CRITICAL), say(f" NOT UPDATED: {standing.trouble}", Tone.CRITICAL))
    elif standing.unserved and verdict[:1] == (sign(Level.OK),):
        verdict = (sign(Level.CRITICAL), say(" clients not served", Tone.CRITICAL))
    name: Line = (say(middle(title, max(12, width // 3)), Tone.STRONG), say(" "), *verdict)
    product: Line = (say("haconsole", Tone.KEY),)
    if standing.mark:  # more important than who looks, and what product this is
        name = join([name, standing.mark], 3)
    left = join([product, name, elsewhere], 3)
    choices = (
        (left, [mode, wide_who, clock, help_], 6),
        (left, [mode, who, clock, help_], 3),
        (join([name, elsewhere], 2), [mode, who, clock, help_], 2),
        (join([name, elsewhere], 2), [mode, clock, help_], 2),
        (join([name, elsewhere], 2), [mode, clock], 2),
        *([(name, [clock, help_], 2), (name, [clock], 2)] if standing.mark else []),
    )
    for text, right, gap in choices:
        if 1 + width_of(text) + 2 + width_of(join(right, gap)) <= width:
            return spread((say(" "), *text), join(right, gap), width)
    return spread(crop((say(" "), *choices[-1][0]), width), clock, width)
