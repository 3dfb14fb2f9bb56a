"""How a drill ended: the executor's word and the claims -> the verdict, and a sentence that says why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from haconsole.model.drill import Claim, Measured, Verdict
from haconsole.model.record import dataclass
from haconsole.operations.drills.expect import Expected
from haconsole.operations.job import BY_OPERATOR, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the executor ended, and who ended it."""

    result: Result
    text: str
    by_operator: bool = False
    """Asked to stop, by whomever."""
    elsewhere: bool = False
    """Another console, or the node itself, put it back before its time."""
    tripped: str | None = None
    """The stop condition's words."""
    held: bool = False
    """It tripped after everything had moved as expected: while it was held."""
    causes: tuple[str, ...] = ()
    """Findings that were not there before, when it went wrong."""
    against: tuple[str, ...] = ()
    """Guards, with their evidence, against which the operator went on: what was known to be wrong beforehand."""
    busy: str | None = None
    """That the machine which measured was too busy for it (`figures.Clients.busy`)."""


def verdict(ended: Ended, claims: Sequence[Claim], expected: Expected, measured: Measured) -> tuple[Verdict, str]:
    """The verdict and why. claims: those of during and after."""
    because = f". Found meanwhile: {'; '.join(ended.causes)}" if ended.causes else ""
    if ended.against:
        because = f". The operator went on against {'; '.join(ended.against)}{because}"
    if expected.lost:
        because = f". Predicted for {'; for '.join(expected.lost)}{because}"
    if ended.result is Result.REFUSED:
        return (Verdict.ABORTED if ended.by_operator else Verdict.REFUSED), ended.text
    if ended.result in {Result.FAILED, Result.UNVERIFIED}:
        return Verdict.FAILED, ended.text + because
    wrong = _which(claims, lambda c: c.ok is False)
    if ended.result is Result.REVERTED:
        return _reverted(ended, wrong, because + _busy(ended, claims))
    missing = [m.vip for m in expected.moves if measured.outage_s.get(m.vip) is None]
    if wrong or missing:
        lacking = "; ".join(f"what clients of {v} lost was {_why(v, claims)}" for v in missing)
        first = f"not as expected: {wrong}" if wrong else "nothing was other than expected, but"
        words = f"{first}{'; ' if wrong and lacking else ' ' if lacking else ''}{lacking}"
        return Verdict.DEVIATED, words + because + _busy(ended, claims)
    blind = _which(claims, lambda c: c.ok is None)
    return Verdict.PASSED, "everything was as expected" + (f"; could not be told: {blind}" if blind else "")


def _reverted(ended: Ended, wrong: str, because: str) -> tuple[Verdict, str]:
    """It was put back early. The wish of the operator or of another console, or something that went wrong after all had
    gone well, is an abort; a failover that did not happen is what the drill was to find out."""
    if ended.by_operator:
        why = ended.text.removeprefix("put back: ").removeprefix(BY_OPERATOR).lstrip(":; ")
        return Verdict.ABORTED, f"{BY_OPERATOR}; everything was put back" + (f"; {why}" if why else "")
    if ended.elsewhere and ended.tripped is None:
        return Verdict.ABORTED, f"{ended.text.removeprefix('put back: ')}; everything was put back"
    why = ended.text if ended.tripped is None else f"stop condition: {ended.tripped}; everything was put back"
    if ended.tripped is not None and ended.held:
        return Verdict.ABORTED, why + because
    return Verdict.DEVIATED, why + (f". Not as expected: {wrong}" if wrong else "") + because


def _why(vip: str, claims: Sequence[Claim]) -> str:
    """`not measured: …`, as the claim about it says."""
    found = (c.evidence for c in claims if c.ok is None and f"clients of {vip} lose" in c.text)
    return next((e for e in found if e.startswith("not measured")), "not measured")


def _busy(ended: Ended, claims: Sequence[Claim]) -> str:
    """Where figures of clients are wrong or missing and the machine was busy: whose doing that may be."""
    doubtful = ended.tripped is not None or any(c.ok is not True and "clients of" in c.text for c in claims)
    if ended.busy is None or not doubtful:
        return ""
    told = "what clients lost may be its doing and not the cluster's; run it again when it has less to do"
    return f". But {ended.busy}: {told}"


def _which(claims: Sequence[Claim], wanted: Callable[[Claim], bool]) -> str:
    found = [c for c in claims if wanted(c)]
    shown = "; ".join(f"{c.text} ({c.evidence})" for c in found[:5])
    return shown if len(found) <= 5 else f"{shown}; and {len(found) - 5} more"
