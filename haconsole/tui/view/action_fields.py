"""The words that an action can be given: which fields there are, and the wish that is made of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec
from haconsole.operations.actions import Action, Kind, Method, duration
from haconsole.operations.guards_context import Guard, Override
from haconsole.operations.guards_peer import last_healthy_phrase
from haconsole.tui.source import Wish
from haconsole.tui.view.action_offers import Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One line to be filled in. hint: shown while it is empty."""

    key: str
    label: str
    hint: str
    value: str = ""


def fields(offer: Offer, spec: ClusterSpec, refused: Sequence[Guard] = ()) -> tuple[Field, ...]:
    """What may be said of an action; what the guards that refused it ask for comes first."""
    found: list[Field] = [f for guard in refused for f in way_out(guard, offer.node)]
    if offer.word is not None:
        found.append(Field(key="interface", label="interface", hint="lan, public, or a name", value=offer.word))
    found.append(Field(key="reason", label="reason", hint="why: for the drain note and the audit log"))
    found.append(Field(key="ticket", label="ticket", hint="the change's number, for the audit log"))
    if offer.kind.disturbs:
        found.append(Field(key="revert_after", label="node reverts after", hint=_default(offer)))
        if offer.kind is Kind.DRAIN:
            found.append(Field(key="until", label="or: drained until", hint="HH:MM, or RFC 3339"))
        found.append(Field(key="wait_idle", label="wait for idle", hint="5m: at most so long for connections to end"))
        if spec.windows and not any(g.override is Override.WINDOW for g in refused):
            found.append(Field(key="outside_window", label="outside the window", hint="why, if it is now outside"))
    return tuple(found)


def _default(offer: Offer) -> str:
    action = Action(kind=offer.kind, node=offer.node, interface=offer.interface, drain=offer.drain)
    limit = action.deadline
    if offer.kind is Kind.DRAIN and action.method is not Method.STOP:
        return "90s, 2m, 1h; empty: it stays until undrain"
    return f"90s, 2m, 1h; empty: {duration(limit.seconds)}" if limit is not None else ""


def way_out(guard: Guard, node: str) -> list[Field]:
    """What a guard that refused wants to hear."""
    reason = Field(key=f"override:{guard.id}", label=f"override {guard.id}", hint=f"why go on against it: {guard.text}")
    match guard.override:
        case Override.NEVER:
            return []
        case Override.WINDOW:
            return [Field(key="outside_window", label="outside the window", hint="why now")]
        case Override.PHRASE:
            return [reason, Field(key="phrase", label="and type", hint=last_healthy_phrase(node))]
        case Override.REASON:
            return [reason]


def wish(offer: Offer, said: Mapping[str, str]) -> Wish:
    """What was typed, as a wish; empty fields were not said."""
    kept = {k: v.strip() for k, v in said.items() if v.strip()}
    overrides = {k.removeprefix("override:"): v for k, v in kept.items() if k.startswith("override:")}
    return Wish(
        kind=offer.kind, node=offer.node, interface=kept.get("interface", offer.word), overrides=overrides,
        **{k: v for k, v in kept.items() if k in _PLAIN},
    )  # fmt: skip


_PLAIN: Final = frozenset(
    {"revert_after", "until", "wait_idle", "reason", "ticket", "outside_window", "phrase", "break_lock"}
)
