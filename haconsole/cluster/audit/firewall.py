"""Does a node's firewall let the other nodes' adverts in, and its own out (article, rule 5). Pure.

Every chain that the packet passes is gone through as the kernel does. A rule of which it cannot be told whether
it fits splits the way; where both ways end alike that is the answer, else it is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

from haconsole.model.asked import Firewall, FirewallChain, FirewallRule
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.parse.text import clean

MAX_STEPS: Final = 20_000
MAX_FORKS: Final = 200
"""Rules of which it cannot be told whether they fit."""
_VRRP: Final = "vrrp"
_HOOKS: Final = {False: frozenset({"prerouting", "input"}), True: frozenset({"output", "postrouting"})}
"""What packets pass on their way in, and (True) out."""
OWN_TABLES: Final = frozenset({"ip keepalived", "ip6 keepalived"})
"""keepalived's own, of `vrrp_strict`, `no_accept` and virtual MACs: about what clients send to VIPs, never about
its adverts."""
_OWN_SET: Final = "--match-set keepalived"
"""The same where keepalived makes its rules with iptables and ipset (`vrrp_ipsets`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """One packet as it comes in, or (`outgoing`) as it goes out."""

    source: IpAddress
    destination: IpAddress
    interface: str
    outgoing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """`accepted` None: cannot be told. `by`: the rule or policy that decided."""

    accepted: bool | None
    by: str


def passage(firewalls: Sequence[Firewall], advert: Advert) -> Passage:
    """What becomes of the packet: every base chain must accept it."""
    unknown: Passage | None = None
    for firewall in firewalls:
        for chain in firewall.chains:
            if chain.hook not in _HOOKS[advert.outgoing] or chain.version not in {None, advert.source.version}:
                continue
            if chain.table in OWN_TABLES:
                continue
            found = _Walk(firewall, chain, advert).run()
            if found.accepted is False:
                return found
            if found.accepted is None:
                unknown = unknown or found
    return unknown or Passage(accepted=True, by="no rule drops it")


class _Walk:
    """One packet through one base chain."""

    def __init__(self, firewall: Firewall, base: FirewallChain, advert: Advert) -> None:
        self._chains = {c.name: c for c in firewall.chains if c.table == base.table}
        self._base, self._advert, self._steps = base, advert, 0
        self._name = clean(f"{firewall.source} {base.table} {base.name}")
        self._forks = 0

    def run(self) -> Passage:
        found = self._through(self._base, 0, 0)
        if found is None:
            return self._end(self._base.policy, f"policy {self._base.policy}")
        return found

    def _end(self, verdict: str, text: str) -> Passage:
        return Passage(accepted=verdict == "accept", by=f"{self._name}: {text}")

    def _through(self, chain: FirewallChain, start: int, depth: int) -> Passage | None:
        """None: it comes out at the end, or by `return`."""
        for number in range(start, len(chain.rules)):
            rule = chain.rules[number]
            self._steps += 1
            if self._steps > MAX_STEPS or depth > 32:
                return Passage(accepted=None, by=f"{self._name}: too many rules")
            fits = fit(rule, self._advert)
            if fits is False or rule.verdict is None:
                continue
            taken, returned = self._taken(rule, depth)
            if fits is True:
                if returned and rule.verdict.startswith("jump "):
                    continue
                return taken
            if returned and rule.verdict.startswith("jump "):
                continue  # the same, whether it fits or not
            self._forks += 1
            if self._forks > MAX_FORKS:
                return Passage(accepted=None, by=f"{self._name}: {rule.text}")
            other = self._through(chain, number + 1, depth)
            if other is None and depth == 0:
                other = self._end(chain.policy, f"policy {chain.policy}")
            same = taken is not None and other is not None and taken.accepted is other.accepted
            return other if same else Passage(accepted=None, by=f"{self._name}: {rule.text}")
        return None

    def _taken(self, rule: FirewallRule, depth: int) -> tuple[Passage | None, bool]:
        """What the rule does with a packet that fits; True: it comes back from there."""
        verdict = rule.verdict or ""
        if verdict in {"accept", "drop"}:
            return self._end(verdict, rule.text), False
        if verdict == "return":
            return (None, True) if depth else (self._end(self._base.policy, f"policy {self._base.policy}"), False)
        target = self._chains.get(verdict.partition(" ")[2])
        if target is None:
            return Passage(accepted=None, by=f"{self._name}: {rule.text}"), False
        found = self._through(target, 0, depth + 1)
        return found, found is None


def fit(rule: FirewallRule, advert: Advert) -> bool | None:
    """Does the rule fit the packet; None: cannot be told. An advert is a new connection, or an established one."""
    if rule.verdict == "drop" and _OWN_SET in rule.text:
        return False
    incoming, outgoing = (None, advert.interface) if advert.outgoing else (advert.interface, None)
    asked = [
        not rule.broadcast,  # adverts are multicast or unicast
        rule.version in {None, advert.source.version},
        rule.protocols is None or _VRRP in rule.protocols,
        _within(rule.sources, advert.source),
        _within(rule.destinations, advert.destination),
        _interface(rule.interfaces, incoming),
        _interface(rule.outgoing, outgoing),
        rule.not_interfaces is None or not _interface(rule.not_interfaces, incoming),
        rule.not_outgoing is None or not _interface(rule.not_outgoing, outgoing),
        _state(rule.states, advert),
    ]
    if False in asked:
        return False
    return None if None in asked or not rule.exact else True


def _within(networks: tuple[str, ...] | None, address: IpAddress) -> bool | None:
    if networks is None:
        return True
    try:
        return any(address in ip_network(n, strict=False) for n in networks)
    except ValueError:
        return None


def _interface(names: frozenset[str] | None, name: str | None) -> bool:
    """name None: the packet has none in that direction."""
    if names is None or name in names or names & {"+", "*"}:
        return True
    return name is not None and any(n[-1:] in {"+", "*"} and name.startswith(n[:-1]) for n in names)


def _state(states: frozenset[str] | None, advert: Advert) -> bool | None:
    if states is None or {"new", "untracked"} <= states:
        return True
    if states <= {"invalid", "related", "dnat", "snat"}:
        return False
    if "new" in states:
        return True
    return False if advert.destination.is_multicast else None  # unicast both ways may be one connection
