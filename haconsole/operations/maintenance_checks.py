"""Rolling maintenance: the checks of a node that is back, and what they mean. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.readings import VrrpState
from haconsole.operations.actions import Method
from haconsole.operations.guards_context import Answer
from haconsole.operations.maintenance_flow import Check, Do, Evidence, Flow, Stage, Turn
from haconsole.operations.maintenance_seen import addresses_of, is_drained
from haconsole.parse.text import clean

BACK_S: Final = 120.0
"""So long a node that came back may take until every check holds: services start, dumps are read."""
APART_S: Final = 0.5
"""The node's clock may differ by this much (as `Policy.clocks_apart_s`)."""


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
        _same("addresses", flow.addresses, addresses_of(picture, node), node.name, "ip addr"),
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
