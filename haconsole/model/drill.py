"""A failover drill and its evidence: what was predicted, what was measured, what was seen, in what order.

Moments are seconds since the epoch by the console's clock; lengths end in `_s`. VIPs are keyed by address
without prefix. None means not known or not measured, 0.0 means measured and nothing lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Final

from haconsole.model.record import dataclass

FAILED_AFTER_S: Final = 0.5
"""A request that is not answered with 2xx within this has failed: below TCP's 1 s SYN retransmission."""
CADENCE_S: Final = 0.020
"""How often a request is begun through each VIP."""


class Verdict(Enum):
    """How a drill ended."""

    PASSED = "passed"
    """Every expectation came true and every figure lies in its range."""
    DEVIATED = "deviated"
    """It was put back; something was not as expected: a finding, not a crash."""
    ABORTED = "aborted"
    """Stopped by the operator or the stop condition; everything was put back."""
    REFUSED = "refused"
    """A guard said no; nothing was touched."""
    FAILED = "failed"
    """It could not be carried out, or what is now could not be verified."""


class Phase(Enum):
    """Where a drill is. The order is the order of time."""

    PLAN = "plan"
    BEFORE = "before"
    INJECT = "inject"
    TAKEOVER = "takeover"
    HOLD = "hold"
    PUT_BACK = "put-back"
    FAILBACK = "failback"
    AFTER = "after"
    OVER = "over"


class Source(Enum):
    """Who says that something happened (`timeline` in the report)."""

    CONSOLE = "console"
    KERNEL = "kernel"
    KEEPALIVED = "keepalived"
    SQUID = "squid"
    WIRE = "wire"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From `low` to `high` seconds, both included. `high` None: it ends only when the cause does, or is not known."""

    low: float
    high: float | None

    def holds(self, seconds: float) -> bool:
        """Does the figure lie in it?"""
        return self.low <= seconds and (self.high is None or seconds <= self.high)

    def agrees(self, seconds: float, doubt: Doubt) -> bool:
        """May the truth lie in it, by what the figure may be wrong by? The one judgement of verdict and report."""
        return self.low <= seconds + doubt.above and (self.high is None or seconds - doubt.below <= self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """So much less, or more, may the truth be than a figure, seconds."""

    below: float = 0.0
    above: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request through a VIP. `ok`: answered with 2xx within FAILED_AFTER_S."""

    vip: str
    started: float
    ended: float
    ok: bool
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From the start of the last good request before it to the end of the first good one after it."""

    vip: str
    began: float
    ended: float | None
    """None: it had not ended when measuring did."""
    failed: int
    """Requests lost in it."""

    @property
    def lasted_s(self) -> float | None:
        """None: not ended."""
        return None if self.ended is None else self.ended - self.began


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Made before the drill and never changed after. A VIP that is not named is not expected to move."""

    takeover_s: Mapping[str, Range] = field(default_factory=dict)
    outage_s: Mapping[str, Range] = field(default_factory=dict)
    failback_outage_s: Mapping[str, Range] = field(default_factory=dict)
    because: tuple[str, ...] = ()
    """The reasoning, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the drill's own client, the wire, the kernels and the logs told."""

    takeover_s: Mapping[str, float | None] = field(default_factory=dict)
    outage_s: Mapping[str, float | None] = field(default_factory=dict)
    failback_outage_s: Mapping[str, float | None] = field(default_factory=dict)
    requests: int | None = None
    failed: int | None = None
    probe_interval_ms: float | None = None
    """The cadence that was kept, not the one that was asked for."""
    takeover_error_s: Mapping[str, float | None] = field(default_factory=dict)
    """What `takeover_s` may be wrong by: both clocks, and the grain of keepalived's timers."""
    unjudged: int | None = None
    """Requests that say nothing, since this machine itself stood still. None: not known, as in an older record."""
    not_begun: int | None = None
    """Requests that this machine did not come to."""

    def doubt(self, figure: str, vip: str) -> Doubt:
        """Of one figure (`takeover_s`, `outage_s`, `failback_outage_s`). An outage may have been longer by one
        interval: it is measured from request to request."""
        if figure == "takeover_s":
            error = self.takeover_error_s.get(vip) or 0.0
            return Doubt(below=error, above=error)
        return Doubt(above=CADENCE_S if self.probe_interval_ms is None else self.probe_interval_ms / 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence that should be true, and what was seen. `ok` None: it could not be told."""

    text: str
    ok: bool | None
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What should hold before, during and after."""

    before: tuple[Claim, ...] = ()
    during: tuple[Claim, ...] = ()
    after: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStep:
    """One step of the executor or of the drill around it. `ok` None: under way, or not known.

    command: every command line that was run in it, in order, each once: `proxy-serv01$ sudo -n -- systemctl
    ...  # change.squid-stop`, behind the sign the catalogue's name for it. None: none was, or it is not known.
    """

    name: str
    started: float
    ended: float | None
    ok: bool | None
    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the time line. `time` is corrected for its node's clock, `error_ms` is what may remain."""

    time: float
    error_ms: float | None
    node: str | None
    source: Source
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEvidence:
    """What a node showed: links and addresses as `ip a show` prints them, and keepalived's own lines of the drill."""

    addresses_before: tuple[str, ...] | None = None
    """`2: eth0: <UP,LOWER_UP> state UP`, `    inet 192.168.2.101/24 scope global eth0:1`; None: not read."""
    addresses_during: tuple[str, ...] | None = None
    addresses_after: tuple[str, ...] | None = None
    keepalived_log: tuple[str, ...] | None = None
    """`14:10:02.866 (proxy_ip1) Entering FAULT STATE`, in order, by the console's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSaid:
    """A guard, as it stood when the drill was decided on."""

    id: str
    ok: bool | None
    text: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A VIP's holders from `since` on, by the kernels: a lane of the time line. Empty: nobody; None: not known."""

    vip: str
    since: float
    holders: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseBegan:
    """A phase, from `since` until the next one."""

    phase: Phase
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRecord:
    """A drill from its plan to its end: what `haconsole.drill/1` is written from."""

    id: str
    cluster: str
    drill: str
    node: str
    operator: str
    ticket: str | None
    started: float
    ended: float | None
    result: Verdict | None
    """None: it is not over (or its console died)."""
    text: str = ""
    """The result in a sentence."""
    look_at: tuple[str, ...] = ()
    """Where to look, if the state could not be verified."""
    guards: tuple[GuardSaid, ...] = ()
    predicted: Predicted = field(default_factory=Predicted)
    measured: Measured = field(default_factory=Measured)
    hypothesis: Hypothesis = field(default_factory=Hypothesis)
    steps: tuple[DrillStep, ...] = ()
    timeline: tuple[Moment, ...] = ()
    nodes: Mapping[str, NodeEvidence] = field(default_factory=dict)
    lanes: tuple[Holding, ...] = ()
    outages: tuple[Outage, ...] = ()
    requests: tuple[Request, ...] = ()
    """Those that failed, and each VIP's latency now and then; all of them where they are few."""
    resumed: bool = False
    """The console died in it; another finished it."""
    phases: tuple[PhaseBegan, ...] = ()
    injected: float | None = None
    """When the injection took effect: what `takeover_s` counts from. None: it did not, or is not known."""
    put_back: float | None = None
    """When it was taken away again, by the console or by the node's own timer. None: it was not, or is not known."""
    about: str | None = None
    """What the drill does and is for, in a sentence. None: not known (an older record)."""
    utc_offset_s: int | None = None
    """The console's zone, in which `keepalived_log` tells its times and reports are written. None: not known."""
