"""How long a hand-over takes, as ranges: what is unknown beforehand is the phase of the adverts and of the
scripts, no more. Seconds. Pure; sources: RFC 3768 6, RFC 9568 6, docs/keepalived-versions.md."""

from __future__ import annotations

from haconsole.model.record import dataclass

SLACK_S = 0.1
"""Added to the high end: keepalived's reaction, gratuitous ARP, the client's next request."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` to `high` seconds. `high` None: no upper end is known."""

    low: float
    high: float | None

    def __str__(self) -> str:
        if self.high is None:
            return f"{self.low:.2f} s or more"
        if self.high == self.low:
            return f"{self.low:.2f} s" if self.low else "0 s"
        return f"{self.low:.2f}–{self.high:.2f} s"


NOTHING = Span(0.0, 0.0)


def later(*spans: Span) -> Span:
    """One after the other."""
    highs = [s.high for s in spans]
    return Span(sum(s.low for s in spans), None if None in highs else sum(h for h in highs if h is not None))


def slack(span: Span) -> Span:
    """With what reaction and cadence may add."""
    return later(span, Span(0.0, SLACK_S))
