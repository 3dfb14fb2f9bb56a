"""One action as `haconsole.action/1`, and its outcome in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from haconsole.cluster.forecast_values import Forecast
from haconsole.operations.guards_context import Guard
from haconsole.operations.job import Result
from haconsole.operations.step import Step
from haconsole.parse.text import clean
from haconsole.report.adverts import stamp
from haconsole.report.forecast import one


def guard_document(guard: Guard) -> dict[str, object]:
    """One guard. `overridden` is the operator's reason, null where there is none."""
    return {
        "id": guard.id, "ok": guard.ok, "text": clean(guard.text), "evidence": clean(guard.evidence),
        "passes": guard.passes, "overridden": None if guard.overridden is None else clean(guard.overridden),
    }  # fmt: skip


def step_document(step: Step) -> dict[str, object]:
    """One step."""
    return {
        "name": step.step, "started": stamp(step.started), "ended": None if step.ended is None else stamp(step.ended),
        "ok": step.ok, "text": clean(step.text),
    }  # fmt: skip


def action_document(
    *,
    operation: str,
    action: str,
    node: str,
    operator: str,
    ticket: str | None,
    result: Result | None,
    text: str,
    look_at: Sequence[str] = (),
    guards: Sequence[Guard] = (),
    predicted: Forecast | None = None,
    steps: Sequence[Step] = (),
    planned: Sequence[str] = (),
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """`haconsole.action/1`. `result` None: a dry run, of which `planned` holds the steps and command lines."""
    return {
        "schema": "haconsole.action/1",
        "id": operation,
        "action": action,
        "node": node,
        "operator": operator,
        "ticket": ticket,
        "result": None if result is None else result.value,
        "text": clean(text),
        "look_at": [clean(place) for place in look_at],
        "guards": [guard_document(g) for g in guards],
        "predicted": None if predicted is None else one(predicted),
        "steps": [step_document(s) for s in steps],
        "planned": list(planned),
        "before": before,
        "after": after,
    }
