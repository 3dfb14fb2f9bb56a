"""Rolling maintenance as a state machine: how a flow begins, and what a picture means for it next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.operations.actions import Method, duration
from haconsole.operations.maintenance_flow import Do, Flow, FlowError, Stage, Turn
from haconsole.operations.maintenance_seen import addresses_of, is_drained, out_of_place
from haconsole.parse.text import clean

PLACE_S: Final = 60.0
"""So long VIPs may take to be where the forecast has them; an instance's preempt_delay comes on top."""
STAYS_S: Final = 5.0
"""So long they must stay there and serve before the next node's turn."""


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
        rebooted=False, addresses=addresses_of(picture, node), routes=routes, good_since=None,
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
        why = "its time is over, or somebody ended it"
        words = f"{name} is drained no more ({why}): press Enter, or leave this and drain it"
    down = [str(v.address) for v in picture.vips if v.client is not None and not v.client.result.ok]
    if down:
        words = f"{' and '.join(down)} does not serve its clients; {words}"
    return Turn(flow=flow, do=Do.WAIT, waits_for=words)


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
