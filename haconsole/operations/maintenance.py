"""Rolling maintenance as a state machine: where it stands, what comes next, what is said. Pure.

A `Flow` is all that is kept between two consoles. `look` takes it with a picture and the time and gives it
back as it is now, with what the driver has to do. Nothing here acts: drains and undrains are guarded actions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any, Final

from haconsole.cluster.forecast import forecast
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.readings import VrrpState
from haconsole.operations.actions import Method, duration
from haconsole.operations.guards_context import Answer
from haconsole.parse.text import clean

SCHEMA: Final = "haconsole.maintenance/1"
BACK_S: Final = 120.0
"""So long a node that came back may take until every check holds: services start, dumps are read."""
PLACE_S: Final = 60.0
"""So long VIPs may take to be where the forecast has them; an instance's preempt_delay comes on top."""
STAYS_S: Final = 5.0
"""So long they must stay there and serve before the next node's turn."""
APART_S: Final = 0.5
"""The node's clock may differ by this much (as `Policy.clocks_apart_s`)."""


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


# --- kept between consoles --------------------------------------------------------------------------------


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


def begin(
    picture: ClusterPicture, nodes: Sequence[str], now: float, *, operator: str, reason: str | None = None,
    ticket: str | None = None, wait_idle_s: float | None = None, until: float | None = None,
) -> Flow:  # fmt: skip
    """A new flow. No nodes named: all, those that hold no VIP first. Raises: FlowError."""
    known = [n.name for n in picture.nodes]
    if strange := [n for n in nodes if n not in known]:
        raise FlowError(f"there is no node {clean(strange[0])}; there are: {', '.join(known)}")
    holding = {h for v in picture.vips for h in v.holders or ()}
    order = tuple(dict.fromkeys(nodes)) or tuple(sorted(known, key=lambda n: n in holding))
    return Flow(
        cluster=picture.spec.name, operator=operator, nodes=order, started=now, since=now, reason=reason,
        ticket=ticket, wait_idle_s=wait_idle_s, until=until,
    )  # fmt: skip


def draining(  # noqa: PLR0917 - all that is kept
    flow: Flow, picture: ClusterPicture, routes: tuple[str, ...] | None, method: Method, now: float,
    operation: str | None = None,
) -> Flow:  # fmt: skip
    """The drain begins: what will be compared after the reboot is kept before anything is touched."""
    node = picture.node(flow.node)
    boot_id = node.identity.boot_id if node.identity is not None else None
    return replace(
        flow, stage=Stage.DRAINING, since=now, operation=operation, method=method.value, boot_id=boot_id,
        rebooted=False, addresses=_addresses(picture, node), routes=routes, good_since=None,
    )  # fmt: skip


def drained(flow: Flow, now: float) -> Turn:
    """The drain is done and verified."""
    flow = replace(flow, stage=Stage.WAITING, since=now)
    ends = "its drain ends with the reboot, and it takes its VIPs back by itself once keepalived and squid run"
    said = (
        f"{flow.node} is drained: patch and reboot it now; this waits",
        f"no reboot needed: press Enter when the work is done (or: haconsole maintain --resume --done); else {ends}",
    )
    return Turn(flow=flow, do=Do.WAIT, said=said)


def not_drained(flow: Flow, now: float) -> Flow:
    """The drain was refused or taken back: nothing was done to the node."""
    return replace(flow, stage=Stage.DRAIN, since=now)


def undrained(flow: Flow, now: float) -> Flow:
    """The node is given back."""
    return replace(flow, stage=Stage.PLACES, since=now, good_since=None)


def resumed(flow: Flow, now: float) -> Flow:
    """Another console goes on: limits count from now."""
    return replace(flow, since=now, good_since=None)


def left_lock(flow: Flow, picture: ClusterPicture) -> str | None:
    """The stale lock of our own drain, left by a console of ours that died, by its operation's name."""
    locks = [
        (n.operation.lock.operation, n.operation.lock_left_s)
        for n in picture.nodes
        if n.operation is not None and n.operation.lock is not None
    ]
    ours = [left for name, left in locks if name == flow.operation]
    return flow.operation if ours and all(left is not None and left <= 0 for left in ours) else None


# --- what comes next --------------------------------------------------------------------------------------


def look(  # noqa: PLR0911 - one return for each stage
    flow: Flow, picture: ClusterPicture, now: float, *, done: bool = False
) -> Turn:
    """What the picture means for the flow. done: the operator says that the work on the node is over."""
    if flow.stage is Stage.DONE or flow.at >= len(flow.nodes):
        return Turn(flow=replace(flow, stage=Stage.DONE), do=Do.END)
    node = picture.node(flow.node)
    match flow.stage:
        case Stage.DRAIN:
            return Turn(flow=flow, do=Do.DRAIN)
        case Stage.DRAINING:
            return _interrupted(flow, picture, node, now)
        case Stage.WAITING | Stage.AWAY:
            return _out(flow, picture, node, now, done=done)
        case Stage.CHECKS:
            return Turn(flow=flow, do=Do.CHECK)
        case Stage.UNDRAIN:
            return Turn(flow=flow, do=Do.UNDRAIN)
        case _:
            return _places(flow, picture, now)


def _interrupted(flow: Flow, picture: ClusterPicture, node: NodePicture, now: float) -> Turn:
    """A console died while it drained: the node itself tells what became of it."""
    told = node.operation
    if told is None:
        return Turn(flow=flow, do=Do.WAIT, waits_for=f"{node.name} is asked what became of its drain")
    lock = max((left for n in picture.nodes if (left := _our_lock(flow, n)) is not None), default=told.lock_left_s)
    armed = told.saved is not None or bool(told.deadlines_uptime_s)
    if (lock is not None and lock > 0) or (armed and flow.until is None and flow.method != Method.STOP.value):
        return Turn(flow=flow, do=Do.WAIT, waits_for=f"{node.name} takes back the drain that was interrupted")
    if told.drain is not None and is_drained(node):
        return drained(flow, now)
    bad = out_of_place(picture)
    if bad and now - flow.since <= PLACE_S:  # later the drain's own guards say what is wrong
        return Turn(flow=flow, do=Do.WAIT, waits_for="; ".join(bad))
    return Turn(flow=not_drained(flow, now), do=Do.WAIT, said=(f"{node.name} is not drained: it begins anew",))


def _our_lock(flow: Flow, node: NodePicture) -> float | None:
    """How long the lock of our dead console still holds there, seconds; None: there is none."""
    told = node.operation
    return (
        told.lock_left_s
        if told is not None and told.lock is not None and told.lock.operation == flow.operation
        else None
    )


def _out(flow: Flow, picture: ClusterPicture, node: NodePicture, now: float, *, done: bool) -> Turn:
    """The operator works on the node."""
    name, spent = node.name, duration(float(int(now - flow.since)))
    boot_id = node.identity.boot_id if node.readable and node.identity is not None else None
    if boot_id is not None and flow.boot_id is not None and boot_id != flow.boot_id:
        said = (f"{name} is back after a reboot; its drain ended with it",) if flow.method else ()
        return Turn(flow=replace(flow, stage=Stage.CHECKS, since=now, rebooted=True), do=Do.CHECK, said=said)
    if done and node.readable:
        said = (f"{name}: the work is done, without a reboot",)
        return Turn(flow=replace(flow, stage=Stage.CHECKS, since=now, rebooted=False), do=Do.CHECK, said=said)
    if not node.readable:
        if flow.stage is Stage.AWAY:
            return Turn(flow=flow, do=Do.WAIT, waits_for=f"{name} has not answered for {spent}: rebooting")
        said = (f"{name} does not answer: expected, it reboots",)
        return Turn(flow=replace(flow, stage=Stage.AWAY, since=now), do=Do.WAIT, said=said)
    if flow.stage is Stage.AWAY and boot_id is not None:
        how = "was not rebooted: only the connection was lost"
        if flow.boot_id is None:
            how = "whether it was rebooted cannot be told: press Enter when the work is done"
        said = (f"{name} answers again; {how}",)
        return Turn(flow=replace(flow, stage=Stage.WAITING, since=now), do=Do.WAIT, said=said)
    words = f"{name} is drained for {spent}: patch and reboot it, or press Enter when the work is done"
    if is_drained(node) is False:
        words = f"{name} is drained no more (its time is over, or somebody ended it): press Enter, or Ctrl-C and drain"
    down = [str(v.address) for v in picture.vips if v.client is not None and not v.client.result.ok]
    if down:
        words = f"{' and '.join(down)} does not serve its clients; {words}"
    return Turn(flow=flow, do=Do.WAIT, waits_for=words)


def is_drained(node: NodePicture) -> bool | None:
    """By its note, its track files, and whether keepalived runs. None: not known."""
    if node.operation is not None and node.operation.drain is not None:
        return True
    if node.keepalived is not None and not node.keepalived.active:
        return True
    if node.dump_at is None or node.operation is None:
        return None
    values = [f.value for i in node.instances or () for f in i.tracked_files]
    if any(v is not None and v < 0 for v in values):
        return True
    return None if None in values else False


# --- the node is back -------------------------------------------------------------------------------------


def checks(flow: Flow, picture: ClusterPicture, evidence: Evidence) -> tuple[Check, ...]:
    """Every check of the present node, with its evidence."""
    node = picture.node(flow.node)
    stopped = flow.method == Method.STOP.value and not flow.rebooted
    return (
        _reachable(flow, node),
        *(() if stopped else (_unit(node, "keepalived"),)),
        _unit(node, "squid"),
        _configuration(node),
        _request(node, evidence.request),
        *(() if stopped else (_instances(node),)),
        _clock(node),
        _same("addresses", flow.addresses, _addresses(picture, node), node.name, "ip addr"),
        _same("routes", flow.routes, evidence.routes, node.name, "ip route; ip -6 route"),
        _drain(node),
    )


def _reachable(flow: Flow, node: NodePicture) -> Check:
    how = "rebooted" if flow.rebooted else "not rebooted"
    if not node.readable:
        words = node.problem.summary if node.problem is not None else "no answer"
        return Check(name="reachable", ok=False, text=words, look_at=f"{node.name}: its console; ssh {node.name}")
    return Check(name="reachable", ok=True, text=f"{node.name} answers, {how}")


def _unit(node: NodePicture, name: str) -> Check:
    unit = node.keepalived if name == "keepalived" else node.squid_unit
    look_at = f"on {node.name}: systemctl status {name}; systemctl is-enabled {name}"
    if unit is None:
        return Check(name=name, ok=None, text="not read yet", look_at=look_at)
    enabled = {True: "enabled", False: "not enabled", None: "enabled or not is not known"}[unit.enabled]
    ok = False if not unit.active or unit.enabled is False else unit.enabled
    return Check(name=name, ok=ok, text=f"{unit.active_state}, {enabled}", look_at=look_at)


def _configuration(node: NodePicture) -> Check:
    """keepalived before 2.0 cannot test its configuration: a daemon that runs and was read is the best proof then."""
    look_at = f"on {node.name}: keepalived -t"
    test = node.config_test
    if test is None:
        return Check(name="configuration", ok=None, text="not tested yet", look_at=look_at)
    if test.ok is None:
        why = test.why_unknown or "it could not be told"
        return Check(name="configuration", ok=None, text=why, look_at=look_at, needed=False)
    text = "keepalived -t says it is sound" if test.ok else "; ".join(test.messages) or "keepalived -t says no"
    return Check(name="configuration", ok=test.ok, text=text, look_at=look_at)


def _request(node: NodePicture, answer: Answer | None) -> Check:
    look_at = f"on {node.name}: squid -k check; journalctl -u squid"
    if answer is None:
        return Check(name="request", ok=None, text="not asked", look_at=look_at)
    # without probe_url no request is made: an accepted connection is all there is to see, and said
    needed = answer.ok is not None or "accepts connections" not in answer.text
    return Check(name="request", ok=answer.ok, text=answer.text, look_at=look_at, needed=needed)


def _instances(node: NodePicture) -> Check:
    look_at = f"on {node.name}: journalctl -u keepalived; ip link"
    if not node.instances or node.dump_at is None:
        return Check(name="instances", ok=None, text="keepalived's own word was not read yet", look_at=look_at)
    states = {i.name: i.state for i in node.instances}
    text = ", ".join(f"{clean(n)} {s.value if s is not None else '?'}" for n, s in states.items())
    good = {VrrpState.MASTER, VrrpState.BACKUP}
    ok = (
        False if any(s is VrrpState.FAULT for s in states.values()) else all(s in good for s in states.values()) or None
    )
    return Check(name="instances", ok=ok, text=text, look_at=look_at)


def _clock(node: NodePicture) -> Check:
    look_at = f"on {node.name}: timedatectl; chronyc tracking"
    if node.clock is None:
        return Check(name="clock", ok=None, text="not measured yet", look_at=look_at)
    off, error = node.clock.offset_s, node.clock.error_s
    ok = abs(off) - error <= APART_S
    return Check(name="clock", ok=ok, text=f"{off * 1000:+.0f} ms ± {error * 1000:.0f} ms", look_at=look_at)


def _same(
    name: str, before: tuple[str, ...] | None, now: tuple[str, ...] | None, node: str, how: str
) -> Check:  # fmt: skip
    look_at = f"on {node}: {how}"
    if before is None:
        return Check(name=name, ok=None, text="not compared: they were not read before", look_at=look_at, needed=False)
    if now is None:
        return Check(name=name, ok=None, text="not read yet", look_at=look_at)
    missing, new = [x for x in before if x not in now], [x for x in now if x not in before]
    words = [f"missing: {', '.join(missing)}"] if missing else []
    words += [f"new: {', '.join(new)}"] if new else []
    # more than before harms no VIP; less does
    text = clean("; ".join(words)) or f"{len(now)} as before"
    return Check(name=name, ok=not missing, text=text, look_at=look_at)


def _drain(node: NodePicture) -> Check:
    still = is_drained(node)
    text = {True: "still drained: undrained next", False: "drained no more", None: "drained or not is not known yet"}
    return Check(name="drain", ok=None if still is None else True, text=text[still])


def _addresses(picture: ClusterPicture, node: NodePicture) -> tuple[str, ...] | None:
    """`eth0 192.168.2.251/24`, without VIPs and without what every link makes for itself."""
    if node.kernel is None:
        return None
    vips = {v.address for v in picture.vips}
    own = [
        a for a in node.kernel.addresses
        if a.interface != "lo" and not a.address.is_link_local and a.address.ip not in vips
        and a.address.ip not in node.managed
    ]  # fmt: skip
    return tuple(sorted(clean(f"{a.interface} {a.address}") for a in own))


def checked(flow: Flow, picture: ClusterPicture, found: Sequence[Check], now: float) -> Turn:
    """What the checks mean: go on, look once more, or stop here."""
    bad = [c for c in found if c.needed and c.ok is not True]
    if not bad:
        still = is_drained(picture.node(flow.node))
        said = tuple(shown(found))
        stage, do = (Stage.UNDRAIN, Do.UNDRAIN) if still else (Stage.PLACES, Do.WAIT)
        return Turn(flow=replace(flow, stage=stage, since=now, good_since=None), do=do, said=said)
    if now - flow.since <= BACK_S:
        return Turn(flow=flow, do=Do.WAIT, waits_for=f"{flow.node}: {'; '.join(f'{c.name}: {c.text}' for c in bad)}")
    return Turn(
        flow=flow, do=Do.STOP, look_at=tuple(c.look_at for c in bad if c.look_at),
        said=(*shown(found), f"{flow.node} is not as it should be: {', '.join(c.name for c in bad)}"),
    )  # fmt: skip


def shown(found: Sequence[Check]) -> list[str]:
    """One line a check."""
    sign = {True: "●", False: "✖", None: "?"}
    return [f"{sign[c.ok]} {c.name}: {clean(c.text)}" for c in found]


# --- the node is given back -------------------------------------------------------------------------------


def out_of_place(picture: ClusterPicture) -> tuple[str, ...]:
    """VIPs that are not where the forecast has them, or do not serve; empty: all is well."""
    told = forecast(picture)
    found = [] if picture.vips else ["no VIP is known yet"]
    for vip in picture.vips:
        wanted = told.vip(vip.address).after
        if vip.holders is None or vip.unread:
            found.append(f"{vip.address}: who holds it is not known: {', '.join(vip.unread)} could not be read")
        elif wanted is None:
            found.append(f"{vip.address}: where it belongs is not known: {told.vip(vip.address).unknown or 'nobody'}")
        elif vip.holders != (wanted,):
            found.append(f"{vip.address} is on {' and '.join(vip.holders) or 'no node'}, it belongs to {wanted}")
        elif vip.client is None:
            found.append(f"{vip.address}: whether it serves is not known")
        elif not vip.client.result.ok:
            found.append(f"{vip.address} does not serve its clients: {vip.client.result.error or 'refused'}")
    return tuple(clean(f) for f in found)


def _places(flow: Flow, picture: ClusterPicture, now: float) -> Turn:
    bad = out_of_place(picture)
    if not bad:
        good = now if flow.good_since is None else flow.good_since
        if now - good >= STAYS_S:
            return _next(flow, picture, now)
        return Turn(flow=replace(flow, good_since=good), do=Do.WAIT, waits_for="every VIP is in its place, and stays?")
    delays = [i.preempt_delay_s or 0.0 for _, i in picture.instances()]
    if now - flow.since <= PLACE_S + max(delays, default=0.0):
        return Turn(flow=replace(flow, good_since=None), do=Do.WAIT, waits_for="; ".join(bad))
    return Turn(
        flow=replace(flow, good_since=None), do=Do.STOP, said=bad,
        look_at=("haconsole status", f"on {flow.node}: journalctl -u keepalived"),
    )  # fmt: skip


def _next(flow: Flow, picture: ClusterPicture, now: float) -> Turn:
    where = ", ".join(f"{v.address} on {' and '.join(v.holders or ('?',))}" for v in picture.vips)
    said = (f"{flow.node} is done: {where}, serving for {duration(STAYS_S)}",)
    after = replace(
        flow, at=flow.at + 1, stage=Stage.DRAIN, since=now, operation=None, method=None, boot_id=None,
        addresses=None, routes=None, rebooted=False, good_since=None,
    )  # fmt: skip
    if after.at >= len(flow.nodes):
        return Turn(flow=replace(after, stage=Stage.DONE), do=Do.END, said=said)
    return Turn(flow=after, do=Do.WAIT, said=(*said, f"next: {after.node}"))


# --- what is told about it --------------------------------------------------------------------------------

_STANDS: Final[Mapping[Stage, str]] = {
    Stage.DRAIN: "nothing was done to it yet",
    Stage.DRAINING: "its drain was begun: the node takes back what was not finished",
    Stage.WAITING: "drained; its reboot, or the word that the work is done, is waited for",
    Stage.AWAY: "did not answer when last looked at: rebooting",
    Stage.CHECKS: "is back; its checks do not all hold yet",
    Stage.UNDRAIN: "its checks hold; it is to be undrained",
    Stage.PLACES: "is given back; VIPs go to their places",
    Stage.DONE: "done",
}


def stands(flow: Flow) -> tuple[str, ...]:
    """Who, why, and where each node stands: for `--status`, and when a console leaves."""
    why = "".join(f", {name} {word}" for name, word in (("reason", flow.reason), ("ticket", flow.ticket)) if word)
    lines = [f"maintenance of {flow.cluster} by {flow.operator}{why}"]
    for index, name in enumerate(flow.nodes):
        state = "done" if index < flow.at else _STANDS[flow.stage] if index == flow.at else "its turn comes later"
        lines.append(f"  {name}: {state}")
    return tuple(clean(line) for line in lines)


def how_to_go_on(flow: Flow) -> tuple[str, ...]:
    """What holds now, and the commands that go on or give up."""
    lines = ["nothing is half done. Go on, also from a new console: haconsole maintain --resume"]
    if flow.stage in {Stage.WAITING, Stage.AWAY, Stage.CHECKS, Stage.UNDRAIN}:
        ends = (
            "until somebody ends it" if flow.until is None and flow.method != Method.STOP.value else "to its deadline"
        )
        lines.insert(
            0,
            f"a drain of {flow.node} lasts {ends}, or to its reboot; give it back: haconsole node undrain {flow.node}",
        )
    return (*lines, "give up (no node is touched): haconsole maintain --give-up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run of the flow ended here."""

    result: str
    """`done`, `left`, `refused`, `not-confirmed`, `failed`, `reverted`, `unverified`."""
    text: str
    look_at: tuple[str, ...] = field(default=())
