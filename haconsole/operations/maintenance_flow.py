"""Rolling maintenance: where it stands, what a look gives, and the document that is kept between two consoles. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, field
from enum import Enum
from typing import Any, Final

from haconsole.model.record import dataclass
from haconsole.operations.guards_context import Answer
from haconsole.parse.text import clean

SCHEMA: Final = "haconsole.maintenance/1"


class FlowError(ValueError):
    """The kept flow cannot be read; the text is for the operator."""


class Stage(Enum):
    """Where the present node stands."""

    DRAIN = "drain"
    """Nothing was done to it yet."""
    DRAINING = "draining"
    """The drain was begun; a console that died here left it to the node's own revert."""
    WAITING = "waiting"
    """Drained: the operator patches and reboots."""
    AWAY = "away"
    """It does not answer: rebooting."""
    CHECKS = "checks"
    UNDRAIN = "undrain"
    PLACES = "places"
    """VIPs go to where the forecast has them, and stay."""
    DONE = "done"


class Do(Enum):
    """What the driver does next."""

    DRAIN = "drain"
    WAIT = "wait"
    CHECK = "check"
    """Ask for the evidence of `checks`, then `checked`."""
    UNDRAIN = "undrain"
    STOP = "stop"
    """Something is not as it should be: the flow stays where it is."""
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One rolling maintenance of one cluster. Times: seconds since the epoch, by the console's clock.

    `boot_id`, `addresses`, `routes`: of the present node before its drain; None: not read then.
    """

    cluster: str
    operator: str
    nodes: tuple[str, ...]
    started: float
    since: float
    """When the present stage began."""
    reason: str | None = None
    ticket: str | None = None
    wait_idle_s: float | None = None
    until: float | None = None
    at: int = 0
    stage: Stage = Stage.DRAIN
    operation: str | None = None
    """The drain's name on the nodes: a lock of that name is ours, left by a console of ours that died."""
    method: str | None = None
    """How the present node was drained."""
    boot_id: str | None = None
    addresses: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    rebooted: bool = False
    good_since: float | None = None
    """Since when every VIP is in its place and serves."""

    @property
    def node(self) -> str:
        """The present one; the last, when all is done."""
        return self.nodes[min(self.at, len(self.nodes) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One look: the flow as it is now, what to do, what is said once, and what is waited for."""

    flow: Flow
    do: Do
    said: tuple[str, ...] = ()
    waits_for: str = ""
    look_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a node that came back. ok None: not known. needed: the flow waits for it."""

    name: str
    ok: bool | None
    text: str
    look_at: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the picture does not hold. None: could not be asked."""

    request: Answer | None = None
    """A request through squid at the node's own address."""
    routes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run of the flow ended here."""

    result: str
    """`done`, `left`, `refused`, `not-confirmed`, `failed`, `reverted`, `unverified`."""
    text: str
    look_at: tuple[str, ...] = field(default=())


def written(flow: Flow) -> str:
    """The flow as one JSON document."""
    return json.dumps({"schema": SCHEMA, **asdict(flow), "stage": flow.stage.value}, ensure_ascii=False, indent=1)


def read(text: str) -> Flow:
    """Inverse of `written`. Raises: FlowError."""
    from pydantic import TypeAdapter, ValidationError

    try:
        found: Any = json.loads(text)
        if not isinstance(found, dict) or found.pop("schema", None) != SCHEMA:
            raise FlowError(f"it is no {SCHEMA}")
        flow = TypeAdapter(Flow).validate_json(json.dumps(found))
    except (json.JSONDecodeError, ValidationError, RecursionError) as error:
        raise FlowError(clean(str(error).splitlines()[0])) from error
    if not flow.nodes or not 0 <= flow.at <= len(flow.nodes):
        raise FlowError("it names no node")
    return flow
