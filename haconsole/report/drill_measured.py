"""How a drill's figures came about, and which are missing and why: for every form of the report. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from haconsole.model.drill import CADENCE_S, FAILED_AFTER_S, Claim, DrillRecord
from haconsole.model.record import dataclass
from haconsole.report import drill_words as words

_AS_BEFORE: Final = re.compile(r".* (?:serves its clients|are as before|are as saved)|\S+ is on .*")
"""What must be again as it was (`operations.drills.steady.again`), among the claims of after."""


def in_short(record: DrillRecord) -> tuple[str, ...]:
    """For who decides: what clients lost, and whether all is as before. Empty: nothing was touched."""
    if words.injected(record) is None:
        return ()
    vips = words.vips(record)
    rest = [vip for vip in vips if _stayed(record, vip)]
    lost = [_lost(record, vip) for vip in vips if vip not in rest]
    if rest:
        lost.append(f"clients of {', '.join(rest)}, which {'were' if len(rest) > 1 else 'was'} to stay, lost nothing")
    return tuple(f"{one[0].upper()}{one[1:]}." for one in ("; ".join(lost), _as_before(record)) if one)


def _stayed(record: DrillRecord, vip: str) -> bool:
    """It was to stay, and lost nothing, as was measured."""
    away, back = (getattr(record.measured, field).get(vip) for field, _ in words.FIGURES[1:])
    moves = any(vip in getattr(record.predicted, field) for field, _ in words.FIGURES)
    return not moves and away == 0 and (back == 0 or words.put_back(record) is None)


def _lost(record: DrillRecord, vip: str) -> str:
    away, back = (getattr(record.measured, field).get(vip) for field, _ in words.FIGURES[1:])
    told = f" ({words.span(record.predicted.outage_s[vip])} predicted)" if vip in record.predicted.outage_s else ""
    unknown = f"what clients of {vip} lost was not measured"
    lost = unknown if away is None else f"clients of {vip} lost {_amount(away)}"
    if back is None:
        again = ", nor was it on the way back" if away is None else ", on the way back it was not measured"
    else:
        again = f", and {_amount(back)} on the way back"
    return lost + told + again


def _amount(seconds: float) -> str:
    return "nothing" if seconds == 0 else words.seconds(seconds)


def _as_before(record: DrillRecord) -> str:
    found = [c for c in record.hypothesis.after if _AS_BEFORE.fullmatch(c.text)]
    if not found:
        return ""
    wrong = [c.text for c in found if c.ok is False]
    blind = [c.text for c in found if c.ok is None]
    if wrong:
        return f"afterwards NOT all was as before; not so: {', '.join(wrong)}"
    if blind:
        return f"afterwards it could not be told of all whether it was as before; not of: {', '.join(blind)}"
    return "afterwards all was as before"


def how_measured(record: DrillRecord, *, wire: bool) -> tuple[str, ...]:
    """How the figures came about: cadence, what counts as lost, how well this machine measured, clock errors."""
    found = record.measured
    told = []
    if found.requests is not None:
        kept = "" if found.probe_interval_ms is None else f", one every {found.probe_interval_ms:.1f} ms kept"
        lost = "not known how many" if found.failed is None else str(found.failed)
        told.append(
            f"A client of the console's own asked through every VIP every {CADENCE_S * 1000:.0f} ms{kept}: "
            f"{found.requests} requests, {lost} failed."
        )
        told.append(
            f"A request that is not answered with 2xx within {FAILED_AFTER_S * 1000:.0f} ms has failed. An outage "
            "lasts from the start of the last good request before it to the end of the first good one after it."
        )
    if (busy := _busy(record)) is not None:
        told.append(busy)
    if any(v is not None for v in found.takeover_s.values()):
        told.append("Takeover counts from the moment the injection took effect to the new master.")
    told += [f"Moments of {node} are known {bound}." for node, bound in _clock_bounds(record)]
    if wire:
        told.append("The wire was recorded: adverts.pcap holds VRRP and gratuitous ARP, passwords taken out.")
    return tuple(told)


def _busy(record: DrillRecord) -> str | None:
    """What of the measuring this machine did not come to; None: it came to all of it, or that is not known."""
    found = record.measured
    told = [f"{found.unjudged} could not be judged, since it stood still meanwhile"] if found.unjudged else []
    told += [f"{found.not_begun} were not begun in time"] if found.not_begun else []
    return f"Of the requests that the console's machine was to make {' and '.join(told)}." if told else None


def _clock_bounds(record: DrillRecord) -> Iterator[tuple[str, str]]:
    for node in record.nodes:
        bounds = [m.error_ms for m in record.timeline if m.node == node]
        known = [b for b in bounds if b is not None]
        if known:
            some = "" if len(known) == len(bounds) else ", of some the bound is not known"
            yield node, f"to ±{max(known):.1f} ms by the console's clock{some}"


# --- what is missing ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that was predicted and not measured. why: as the drill told it; empty: it did not."""

    vip: str
    figure: str
    why: str

    @property
    def text(self) -> str:
        """A sentence, without its end."""
        return f"the {self.figure} of {self.vip} was not measured" + (f": {self.why}" if self.why else "")


def missing(record: DrillRecord) -> tuple[Missing, ...]:
    """By VIP, in the order of the figures. Empty for a drill that never touched anything: there was none to measure."""
    if words.injected(record) is None:
        return ()
    return tuple(
        Missing(vip, name, _why(record, field, vip))
        for vip in words.vips(record)
        for field, name in words.FIGURES
        if vip in getattr(record.predicted, field) and getattr(record.measured, field).get(vip) is None
    )


def _why(record: DrillRecord, field: str, vip: str) -> str:
    claim = next((c for c in _untold(record) if _is_about(c, field, vip)), None)
    if claim is not None:
        return claim.evidence.removeprefix("not measured").removeprefix(": ")
    return "the console that measured died" if record.resumed else ""


def _untold(record: DrillRecord) -> tuple[Claim, ...]:
    return tuple(c for _, said in words.claims(record) for c in said if c.ok is None)


def _is_about(claim: Claim, field: str, vip: str) -> bool:
    """The claim that the figure is judged by (`operations.drills.judge`)."""
    if field == "takeover_s":
        return claim.text.startswith(f"takeover of {vip} within ")
    back = claim.text.endswith(" on the way back")
    return claim.text.startswith(f"clients of {vip} lose ") and back == (field == "failback_outage_s")


def not_measured(record: DrillRecord, *, wire: bool) -> tuple[str, ...]:
    """What this report cannot tell, a sentence each."""
    return tuple(_gaps(record, wire=wire))


def _gaps(record: DrillRecord, *, wire: bool) -> Iterator[str]:
    if record.resumed:
        yield "The console that began the drill died in it: what happened until another took over was not watched."
    yield from _gaps_in_figures(record)
    if not wire:
        yield "The wire was not recorded: there is no adverts.pcap."
    for node, said in record.nodes.items():
        shown = {
            "before": said.addresses_before, "during": said.addresses_during, "after": said.addresses_after,
        }  # fmt: skip
        unread = [name for name, lines in shown.items() if lines is None]
        if unread:
            yield f"The addresses of {node} could not be read ({', '.join(unread)})."
        if said.keepalived_log is None:
            yield f"keepalived's log of {node} could not be read."
    unbound = sum(m.error_ms is None for m in record.timeline)
    if unbound:
        yield f"Of {unbound} moments the clock error is not known: their place in the order is not certain."
    figures = [(field, m.vip) for m in missing(record) for field, name in words.FIGURES if name == m.figure]
    for name, said_claims in words.claims(record):
        untold = (c for c in said_claims if c.ok is None and not any(_is_about(c, f, v) for f, v in figures))
        yield from (f"It could not be told whether {c.text} ({name}): {c.evidence}." for c in untold)


def _gaps_in_figures(record: DrillRecord) -> Iterator[str]:
    if record.measured.requests is None:
        yield "No client was asking through the VIPs: what clients lost is not known."
    yield from (f"{one.text[0].upper()}{one.text[1:]}." for one in missing(record))
    unended = sorted({o.vip for o in record.outages if o.ended is None}, key=words.by_address)
    if unended:
        yield f"An outage of {', '.join(unended)} had not ended when measuring did: how long it lasted is not known."
