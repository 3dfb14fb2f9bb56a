"""Every guard, which actions it is for, and the verdict: all must hold, and not known refuses like no. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_values import Assumed
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.record import dataclass
from haconsole.operations import guards_cluster as cluster
from haconsole.operations import guards_may as may
from haconsole.operations import guards_peer as peer
from haconsole.operations.actions import Action, Kind, Method
from haconsole.operations.guards_context import Asked, Case, Guard, Override

Applies = Callable[[Action], bool]


def _always(_: Action) -> bool:
    return True


def _disturbs(action: Action) -> bool:
    return action.kind.disturbs


def _stops(action: Action) -> bool:
    """A unit is stopped, if only for a moment."""
    if action.kind is Kind.DRAIN:
        return action.method is Method.STOP
    return action.kind in {Kind.KEEPALIVED_STOP, Kind.KEEPALIVED_RESTART, Kind.SQUID_STOP, Kind.SQUID_RESTART}


def _reads_config(action: Action) -> bool:
    """keepalived reads its file anew, now or when the revert starts it."""
    stops = action.kind is Kind.DRAIN and action.method is Method.STOP
    return stops or action.kind in {Kind.KEEPALIVED_STOP, Kind.KEEPALIVED_RESTART, Kind.KEEPALIVED_RELOAD}


def _by_file(action: Action) -> bool:
    return action.kind is Kind.DRAIN and action.method is not Method.STOP


@dataclass(frozen=True, slots=True)
class Entry:
    """One guard of the registry."""

    judge: Callable[[Case], Guard]
    applies: Applies


REGISTRY: Final[Mapping[str, Entry]] = {
    "not-read-only": Entry(may.not_read_only, _always),
    "host-keys-known": Entry(cluster.host_keys_known, _always),
    "node-read": Entry(cluster.node_read, _always),
    "no-other-operation": Entry(cluster.no_other_operation, _always),
    "rights-present": Entry(may.rights_present, _always),
    "vip-is-no-real-address": Entry(cluster.vip_is_no_real_address, _disturbs),
    "state-fresh": Entry(cluster.state_fresh, _disturbs),
    "witnesses-agree": Entry(cluster.witnesses_agree, _disturbs),
    "clients-served": Entry(peer.clients_served, _disturbs),
    "not-last-healthy": Entry(peer.not_last_healthy, _disturbs),
    "peer-serves": Entry(peer.peer_serves, _disturbs),
    "peer-fit": Entry(peer.peer_fit, _disturbs),
    "peer-wins": Entry(peer.peer_wins, _disturbs),
    "peer-can-bind": Entry(peer.peer_can_bind, _disturbs),
    "peer-public-link": Entry(peer.peer_public_link, _disturbs),
    "nobody-drained": Entry(cluster.nobody_drained, _disturbs),
    "not-flapping": Entry(cluster.not_flapping, _disturbs),
    "in-window": Entry(may.in_window, _disturbs),
    "enabled-at-boot": Entry(cluster.enabled_at_boot, _stops),
    "config-passes": Entry(may.config_passes, _reads_config),
    "drain-possible": Entry(may.drain_possible, _by_file),
    "nobody-fights-back": Entry(cluster.nobody_fights_back, _stops),
}
"""By id, in the order in which they are shown."""


def judge(picture: ClusterPicture, action: Action, asked: Asked, assumed: Assumed | None = None) -> tuple[Guard, ...]:
    """Every guard that is for this action, overrides applied. Raises: KeyError: no such node."""
    case = Case(picture, action, asked, forecast(picture, action.worst, assumed))
    return tuple(_overridden(e.judge(case), action, asked) for e in REGISTRY.values() if e.applies(action))


def refusals(found: tuple[Guard, ...]) -> tuple[Guard, ...]:
    """Those that stand in the way; empty: the action may begin."""
    return tuple(g for g in found if not g.passes)


def _overridden(guard: Guard, action: Action, asked: Asked) -> Guard:
    """With the operator's reason, where one was given that counts for this guard."""
    if guard.ok is True or guard.override is Override.NEVER:
        return guard
    reason = asked.outside_window if guard.override is Override.WINDOW else asked.overrides.get(guard.id)
    if guard.override is Override.PHRASE and asked.phrase != peer.last_healthy_phrase(action.node):
        return guard
    return replace(guard, overridden=reason) if reason is not None and reason.strip() else guard
