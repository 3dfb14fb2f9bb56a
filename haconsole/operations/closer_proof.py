"""What a closer look found, and what follows from it. Pure: outputs in, a verdict in words out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.cluster.picture import ClusterPicture, VipPicture
from haconsole.cluster.rules.common import listed
from haconsole.model.events import ClientResult
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.operations.closer import CheckRun, Own
from haconsole.parse.neighbours import Neighbour

TIMED_OUT: Final = frozenset({124, 137})
"""Exit statuses of timeout(1)."""
_NEARLY: Final = 0.5
"""A script that takes this part of its time is told of: a loaded node doubles it."""
_SAYS: Final = {
    True: "keepalived says it passes",
    False: "keepalived says it fails",
    None: "keepalived has no result",
}
_FAILURE: Final = re.compile(r"fatal|error|fail|refused|denied|cannot|timed? ?out", re.IGNORECASE)
_CANNOT_RUN: Final = {126: "may not be executed", 127: "was not found"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One command that was run. `status` None: no answer came, `problem` says why."""

    where: str
    text: str
    status: int | None = None
    seconds: float | None = None
    """What it took, on the clock of where it ran."""
    output: str = ""
    """Cleaned; both streams."""
    problem: str | None = None
    good: bool | None = None
    """Is this answer as it should be; None: that cannot be told of one alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What follows. `ok` None: it cannot be told."""

    ok: bool | None
    text: str
    remedy: str | None = None
    doubtful: bool = False
    """Well, but only just: slow, or others say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A closer look that is over. `at`: console clock, when it was."""

    key: str
    """Of the offer."""
    at: float
    proof: Proof
    ran: tuple[Ran, ...] = ()


# --- a check script -------------------------------------------------------------------------------------------


def of_script(check: CheckRun, user: str, status: int | None, seconds: float | None, said: str) -> Proof:
    """said: its last words. status None: it was not run, or no answer came."""
    where = f"{check.name} on {check.node}"
    if status is None:
        by_hand = f"on {check.node}, as {user}: {shlex.join(check.argv)}; echo $?"
        return Proof(ok=None, text=f"{where} could not be run: {said or 'no answer'}", remedy=by_hand)
    took = "" if seconds is None else f" after {seconds:.2f} s"
    if status != 0:
        return _failing(check, user, status, took, said)
    if check.says is False:
        return Proof(
            ok=None,
            text=f"{where} passes here as {user}{took}, and {_SAYS[False]}",
            remedy="look again in a few seconds (`rise`); else compare SELinux, PATH and the user of keepalived's unit",
        )
    slow = seconds is not None and seconds > check.timeout_s * _NEARLY
    much = f", of {check.timeout_s:g} s: a busy node takes longer" if slow else f", of {check.timeout_s:g} s"
    return Proof(ok=True, text=f"{where} passes as {user}{took}{much}; {_SAYS[check.says]}", doubtful=slow)


def _failing(check: CheckRun, user: str, status: int, took: str, said: str) -> Proof:
    where, says = f"{check.name} on {check.node}", _SAYS[check.says]
    if status in TIMED_OUT:
        return Proof(
            ok=False,
            text=f"{where} did not end within {check.timeout_s:g} s: keepalived counts that as failed; {says}",
            remedy=f"find what it waits for (a name to look up, a loaded disk): on {check.node}, as {user}: "
            f"time {shlex.join(check.argv)}",
        )
    if status in _CANNOT_RUN:
        text = f"{where}: {check.argv[0]} {_CANNOT_RUN[status]} (exit {status}); {says}"
        return Proof(ok=False, text=text, remedy=f"on {check.node}: ls -l {check.argv[0]}; it runs as {user}")
    told = _telling(said)
    text = f"{where} fails as {user} with exit {status}{took}; {says}"
    if not check.says:
        by_hand = f"on {check.node}, as {user}: {shlex.join(check.argv)}"
        text = f"{text}; it says: {told}" if told else f"{text}; it says nothing"
        return Proof(ok=False, text=text, remedy=f"mend what it says, and try again by hand: {by_hand}")
    return Proof(
        ok=False,
        text=f"{text}: within `fall` runs it will say so too, or it runs in other surroundings than here",
        remedy="look again in a few seconds; then compare SELinux, PATH and PrivateTmp of keepalived's unit",
    )


def _telling(said: str) -> str:
    """The line that says most: the first that names a failure, else the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if _FAILURE.search(line)), lines[-1] if lines else "")


# --- ARP ------------------------------------------------------------------------------------------------------


def holder_macs(picture: ClusterPicture, vip: VipPicture) -> dict[str, str]:
    """MAC of the link that has the VIP -> the node."""
    found = {}
    for node in picture.nodes:
        for each in node.kernel.addresses if node.kernel is not None else ():
            link = node.kernel.links.get(each.interface) if node.kernel is not None else None
            if each.address.ip == vip.address and link is not None and link.mac is not None:
                found[link.mac] = node.name
    return found


def whose(picture: ClusterPicture, mac: str) -> str | None:
    """The node that has a link with this MAC; None: none of ours."""
    for node in picture.nodes:
        if node.kernel is not None and any(link.mac == mac for link in node.kernel.links.values()):
            return node.name
    return None


def of_arp(picture: ClusterPicture, vip: VipPicture, entries: Mapping[str, Sequence[Neighbour] | None]) -> Proof:
    """entries: by node that was asked; None: it gave no answer."""
    holders = holder_macs(picture, vip)
    told = [(n, e) for n, found in entries.items() for e in found or () if e.mac is not None]
    wrong = [(n, e) for n, e in told if e.mac not in holders]
    if wrong:
        return _misled(picture, vip, wrong, holders)
    silent = [n for n, found in entries.items() if found is not None and not any(e.mac for e in found)]
    if silent:
        held = f"held by {listed(holders.values())}" if holders else "held by nobody"
        return Proof(
            ok=False if holders else None,
            text=f"nobody answers {listed(silent)} for {vip.address} by ARP, though it is {held}"
            if holders
            else f"nobody answers for {vip.address}, and it is {held}",
            remedy=f"on {listed(holders.values())}: ip neigh; arp_ignore, a firewall (arptables, nft arp), the switch",
        )
    if not told:
        return Proof(ok=None, text=f"no node could tell whom {vip.address} leads to")
    leads = {holders[e.mac] for _, e in told if e.mac is not None}
    if len(holders) > 1:
        return Proof(
            ok=False,
            text=f"{vip.address} is on {listed(holders.values())}; {listed(n for n, _ in told)} "
            f"{'sends' if len(told) == 1 else 'send'} to {listed(sorted(leads))}: clients are split likewise",
            remedy="see the finding about the two holders first",
        )
    return Proof(
        ok=True, text=f"{vip.address} leads to {listed(leads)}, which holds it, seen from {listed(n for n, _ in told)}"
    )


def _misled(
    picture: ClusterPicture, vip: VipPicture, wrong: Sequence[tuple[str, Neighbour]], holders: Mapping[str, str]
) -> Proof:
    node, entry = wrong[0]
    mac = entry.mac or "?"
    other = whose(picture, mac)
    to = f"{mac}, which is {other}" if other is not None else f"{mac}, which is none of our nodes"
    held = (
        f"{listed(holders.values())} holds it ({listed(holders)})" if holders else "no node that can be read holds it"
    )
    unread = f"; {listed(vip.unread)} could not be read" if vip.unread else ""
    if not holders:
        return Proof(ok=None, text=f"{node} sends to {to} for {vip.address}; {held}{unread}")
    remedy = (
        f"haconsole node garp {listed(holders.values())} (announces the VIP anew); a third machine that has "
        f"{vip.address} shows as an unknown MAC: find it in the switch's table"
    )
    return Proof(ok=False, text=f"{node} sends to {to} for {vip.address}, but {held}{unread}", remedy=remedy)


# --- squid ----------------------------------------------------------------------------------------------------


def of_squid(picture: ClusterPicture, own: Own, answers: Mapping[IpAddress, ClientResult]) -> Proof:
    """answers: at VIPs, and at nodes' own addresses."""
    by_node: dict[str, ClientResult] = {}
    for (name, _), address in own.items():
        result = answers.get(address)
        if result is not None and (name not in by_node or by_node[name].ok):
            by_node[name] = result
    bad = [text for v in picture.vips if (text := _vip(picture, v, answers.get(v.address), by_node)) is not None]
    failed = sorted(n for n, r in by_node.items() if not r.ok)
    holding = {n for v in picture.vips for n in v.holders or ()}
    idle = [n for n in failed if n not in holding]
    if bad:
        return Proof(ok=False, text="; ".join(bad), remedy=_next(picture, failed))
    if failed:
        where = listed(failed)
        why = "the next failover brings a VIP to it" if idle == failed else "its VIPs are served all the same"
        text = f"no VIP fails, but squid on {where} does not at its own address: {why}"
        return Proof(ok=False, text=text, remedy=_next(picture, failed))
    unasked = [v.address for v in picture.vips if not v.address.is_link_local and v.address not in answers]
    if unasked:
        return Proof(ok=None, text=f"{listed(unasked)} could not be asked")
    missing = [n.name for n in picture.nodes if n.name not in by_node]
    if missing:
        return Proof(
            ok=None, text=f"every VIP serves; of {listed(missing)} no own address is known where squid listens"
        )
    return Proof(ok=True, text="squid serves at every VIP and at every node's own address")


def _vip(
    picture: ClusterPicture, vip: VipPicture, result: ClientResult | None, by_node: Mapping[str, ClientResult]
) -> str | None:
    if result is None or result.ok:
        return None
    said = f"{vip.address} does not serve ({result.error or result.status or 'no answer'})"
    holders = vip.holders
    if holders is None or len(holders) != 1:
        who = "who holds it is not known" if holders is None else "no node that can be read holds it"
        return f"{said}; {f'{listed(holders)} hold it at the same time' if holders else who}"
    (holder,) = holders
    own = by_node.get(holder)
    if own is None:
        return f"{said}; {holder} holds it, and no own address of it could be asked"
    if own.ok:
        return f"{said}, though squid on {holder}, which holds it, serves at its own address: it is the way to the VIP"
    return f"{said}, and squid on {holder}, which holds it, does not serve at its own address either: it is squid"


def _next(picture: ClusterPicture, failed: Sequence[str]) -> str:
    unit = picture.spec.squid_service
    if failed:
        return f"on {listed(failed)}: systemctl status {unit}; squid -k check; journalctl -u {unit} -n 50"
    return (
        "look at the VIP's ARP entry (below), the firewall on its holder, and whether http_port names other addresses"
    )
