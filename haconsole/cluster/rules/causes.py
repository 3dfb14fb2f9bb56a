"""What follows from what: one table for all findings. Pure.

For each id, keys of findings that would explain it, most likely first. The first that is really
among the findings becomes `follows_from`. Causes point from symptoms to roots, never back:
`causes_rank.RANK` holds that, so no circle can arise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.cluster.rules import causes_node, causes_vip, causes_wire
from haconsole.cluster.rules.causes_rank import RANK
from haconsole.model.findings import Finding

Candidates = Callable[[ClusterPicture, Finding], Iterator[str]]


_ON_PURPOSE: Final = ("operation-under-way", "operation-left", "drain-noted", "drain-overdue")
"""Somebody did it: what follows is not to be mended by hand."""


def linked(picture: ClusterPicture, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, each with the key of the one it follows from, if that is there."""
    found = tuple(findings)
    keys = {f.key for f in found}

    def cause(finding: Finding) -> str | None:
        candidates = _CAUSES.get(finding.id)
        if candidates is None:
            return None
        return next((k for k in candidates(picture, finding) if k in keys and _earlier(k, finding.id)), None)

    return tuple(_under(f, cause(f)) for f in found)


def _under(finding: Finding, cause: str | None) -> Finding:
    """What was done on purpose is ended there, not here: a service started by hand would undo it half."""
    if cause is not None and cause.partition("/")[0] in _ON_PURPOSE and finding.id != "drained" and finding.remedy:
        told = f"probably done on purpose ({cause.partition('/')[0]}): end it there first; if it is still so then: "
        return replace(finding, follows_from=cause, remedy=told + finding.remedy)
    return replace(finding, follows_from=cause)


def _earlier(cause: str, id_: str) -> bool:
    return RANK.index(cause.partition("/")[0]) < RANK.index(id_)


_CAUSES: Final[Mapping[str, Candidates]] = {
    "keepalived-down": causes_node.daemon,
    "squid-down": causes_node.squid,
    "link-down": causes_node.link,
    "check-cannot-run": causes_node.refused,
    "check-timed-out": causes_node.timed_out,
    "weight-does-not-move": causes_node.weight,
    "adverts-blocked": causes_wire.send_error,
    "adverts-discarded": causes_wire.discarded,
    "wire-unheard": causes_wire.unheard,
    "drained": causes_node.drained,
    "instance-fault": causes_node.fault,
    "instance-flapping": causes_node.flapping,
    "wire-flapping": causes_node.flapping,
    "link-flapping": causes_node.link_flapping,
    "check-flapping": causes_node.check_flapping,
    "check-failing": causes_node.check,
    "squid-check-failed": causes_node.of_squid,
    "squid-not-listening": causes_node.of_squid,
    "squid-not-answering": causes_node.of_links,
    "origin-not-answering": causes_node.origin,
    "vip-left-behind": causes_node.left_behind,
    "tracking-ignored": causes_node.ignored,
    "two-masters": causes_wire.two_masters,
    "wire-master-mute": causes_wire.mute,
    "wire-checksum": causes_wire.of_stranger,
    "wire-ttl": causes_wire.of_stranger,
    "wire-jitter": causes_wire.jitter,
    "wire-own-advert": causes_wire.caught_up,
    "wire-two-masters": causes_wire.wire_two_masters,
    "wire-no-master": causes_vip.wire_no_master,
    "vip-held-by-none": causes_vip.none,
    "vip-held-by-several": causes_wire.several,
    "vip-holders-unknown": causes_vip.holders_unknown,
    "vip-unreached": causes_vip.unreached,
    "vip-not-serving": causes_vip.not_serving,
    "vip-not-preferred": causes_vip.not_preferred,
    "vip-moving": causes_vip.moving,
    "no-redundancy": causes_vip.no_redundancy,
    "state-source-weak": causes_node.weak,
    "vips-unknown": causes_vip.vips_unknown,
}
