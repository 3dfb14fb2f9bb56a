"""`iptables-save` and `nft list ruleset` -> the chains that packets to and from the node pass.

Only what decides over VRRP is understood: protocol, addresses, interfaces, connection state. A rule that asks
for more is kept as one that may or may not fit; nothing is guessed. Sources: iptables-extensions(8), nft(8).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from haconsole.model.asked import Firewall, FirewallChain, FirewallRule
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

MAX_BYTES: Final = 1 << 20
_VERDICTS: Final = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
_HARMLESS: Final = frozenset({
    "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "NOTRACK", "CT", "TRACE", "AUDIT", "DSCP", "TOS", "CLASSIFY", "TCPMSS",
    "CHECKSUM", "TTL", "HL", "SET", "SECMARK", "CONNSECMARK", "TEE", "RATEEST",
})  # fmt: skip
"""Targets after which the packet goes on to the next rule (iptables-extensions(8))."""
_QUIET_MODULES: Final = frozenset(
    {"comment", "state", "conntrack", "tcp", "udp", "icmp", "icmp6", "ipv6-icmp", "pkttype"}
)
_NUMBERS: Final = {"112": "vrrp", "6": "tcp", "17": "udp", "1": "icmp", "58": "ipv6-icmp", "51": "ah", "0": "all"}
_HOOKS: Final = frozenset({"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"})


def _protocol(word: str) -> str:
    return _NUMBERS.get(word, word.lower())


# --- iptables -----------------------------------------------------------------------------


def parse_iptables(text: str, version: int) -> Firewall:
    """`iptables-save` (4) or `ip6tables-save` (6): chains of `filter`, `raw` and `mangle`. Raises: ParseError."""
    if len(text) > MAX_BYTES:
        raise ParseError("iptables-save told too much")
    table = ""
    policies: dict[tuple[str, str], str] = {}
    rules: dict[tuple[str, str], list[FirewallRule]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            name, policy, *_ = [*line[1:].split(), "-", "-"]
            policies[table, name] = _VERDICTS.get(policy, "accept")
            rules.setdefault((table, name), [])
        elif line.startswith("-A "):
            name, rule = _iptables_rule(line)
            rules.setdefault((table, name), []).append(rule)
        elif line.strip() and not line.startswith(("#", "COMMIT")):
            raise ParseError(f"a line of iptables-save was expected, not: {clean(line[:80])}")
    return Firewall(
        source="iptables",
        chains=tuple(
            FirewallChain(
                name=name,
                hook=name.lower() if name in _HOOKS and table != "nat" else None,
                policy=policies.get((table, name), "accept"),
                rules=tuple(found),
                table=table,
                version=version,
            )
            for (table, name), found in rules.items()
        ),
    )


_OPTIONS: Final = {"-p": "protocols", "-s": "sources", "-d": "destinations", "-i": "interfaces", "-o": "outgoing",
                   "--state": "states", "--ctstate": "states"}  # fmt: skip
_NEGATED: Final = {"-i": "not_interfaces", "-o": "not_outgoing"}


def _iptables_rule(line: str) -> tuple[str, FirewallRule]:
    try:
        words = shlex.split(line)
    except ValueError:
        raise ParseError(f"a rule was expected, not: {clean(line[:80])}") from None
    if len(words) < 2:
        raise ParseError("a rule without a chain")
    fields: dict[str, frozenset[str] | tuple[str, ...]] = {}
    exact, verdict = True, None
    negated = broadcast = False
    for word, value in _options(words[2:]):
        if word in {"-j", "-g"}:
            verdict = _target(word, value)
            break  # what follows are the target's options
        if word == "!":
            negated = True
            continue
        if word in _OPTIONS and not negated:
            fields.update(_asked(_OPTIONS[word], value))
        elif word in _NEGATED:
            fields[_NEGATED[word]] = frozenset({value})
        elif word == "--pkt-type" and value == "broadcast":
            broadcast = broadcast or not negated  # negated: as every advert is
        elif negated or (word != "--comment" and not (word == "-m" and value in _QUIET_MODULES)):
            exact = False  # what it asks for is not noted at all
        negated = False
    rule = FirewallRule(text=clean(line), verdict=verdict, exact=exact, broadcast=broadcast, **fields)  # type: ignore[arg-type]
    return words[1], rule


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option with its value, or "" for one without."""
    at = 0
    while at < len(words):
        word = words[at]
        value = words[at + 1] if at + 1 < len(words) and word != "!" else ""
        takes = bool(value) and (word in _OPTIONS or not value.startswith(("-", "!")))
        yield word, value if takes else ""
        at += 2 if takes else 1


def _target(word: str, value: str) -> str | None:
    if value in _HARMLESS:
        return None
    return _VERDICTS.get(value) or f"{'jump' if word == '-j' else 'goto'} {value}"


def _asked(field: str, value: str) -> dict[str, frozenset[str] | tuple[str, ...]]:
    if field == "protocols":
        return {} if _protocol(value) == "all" else {field: frozenset({_protocol(value)})}
    if field in {"sources", "destinations"}:
        return {field: (value,)}
    return {field: frozenset(value.lower().split(",")) if field == "states" else frozenset({value})}


# --- nft ----------------------------------------------------------------------------------

_TABLE = re.compile(r"table (ip|ip6|inet|arp|bridge|netdev) (\S+) \{")
_CHAIN = re.compile(r"chain (\S+) \{")
_HOOK = re.compile(r"type (\S+) hook (\S+)(?: device \S+)? priority [^;]+;(?: policy (\S+);)?")
_COUNTER = re.compile(
    r'counter(?: packets \d+ bytes \d+)?|comment "[^"]*"|log(?: (?:prefix "[^"]*"|level \S+|flags \S+|group \d+))*'
)
_NFT_VERDICT = re.compile(r"(accept|drop|return|continue|(?:jump|goto) \S+)\s*$|(reject)(?: with .*)?$")
_FAMILIES: Final = {"ip": 4, "ip6": 6, "inet": None}


_MANAGED = re.compile(r"# Warning: table (\S+) (\S+) is managed by iptables-nft")


def parse_nft(text: str, *, managed: bool = True) -> Firewall:
    """`nft list ruleset`. managed False: without the tables of iptables-nft, which `iptables-save` tells better.

    Raises: ParseError.
    """
    if len(text) > MAX_BYTES:
        raise ParseError("nft told too much")
    reader = _NftReader()
    told = frozenset[str]() if managed else frozenset(f"{m[1]} {m[2]}" for m in _MANAGED.finditer(text))
    for raw in text.splitlines():
        line = raw.strip()
        if line and not line.startswith("#"):
            reader.line(line)
    if reader.depth:
        raise ParseError("nft's output has no end")
    return Firewall(source="nft", chains=tuple(c for c in reader.chains if c.table not in told))


class _NftReader:
    """Tables, in them chains and what else there is, in chains rules."""

    def __init__(self) -> None:
        self.chains: list[FirewallChain] = []
        self.depth = 0
        self._family, self._table = "", ""
        self._name, self._policy = "", "accept"
        self._hook: str | None = None
        self._rules: list[FirewallRule] = []

    def line(self, line: str) -> None:
        """One line. Raises: ParseError."""
        if self.depth == 0:
            found = _TABLE.fullmatch(line)
            if found is None:
                raise ParseError(f"a table of nft was expected, not: {clean(line[:80])}")
            self._family, self._table, self.depth = found[1], found[2], 1
        elif line == "}":
            self._close()
        elif self._name:
            self._in_chain(line)
        elif chain := _CHAIN.fullmatch(line) if self.depth == 1 else None:
            self._name, self._hook, self._policy, self._rules, self.depth = chain[1], None, "accept", [], 2
        elif line.endswith("{"):
            self.depth += 1  # a set, a map, a flow table: not looked into

    def _close(self) -> None:
        self.depth -= 1
        if self._name and self._family in _FAMILIES:
            self.chains.append(
                FirewallChain(
                    name=self._name, hook=self._hook, policy=self._policy, rules=tuple(self._rules),
                    table=f"{self._family} {self._table}", version=_FAMILIES[self._family],
                )
            )  # fmt: skip
        self._name = ""

    def _in_chain(self, line: str) -> None:
        if base := _HOOK.match(line):
            self._hook = base[2] if base[2].upper() in _HOOKS and base[1] != "nat" else None
            self._policy = base[3] or "accept"
        else:
            self._rules.append(_nft_rule(line))


_FIELDS: Final = {
    "ip protocol": "protocols", "ip6 nexthdr": "protocols", "meta l4proto": "protocols", "ip saddr": "sources",
    "ip6 saddr": "sources", "ip daddr": "destinations", "ip6 daddr": "destinations", "iifname": "interfaces",
    "iif": "interfaces", "oifname": "outgoing", "oif": "outgoing", "ct state": "states",
    "ct status": "states", "meta nfproto": "version",
}  # fmt: skip
_TRANSPORTS: Final = frozenset({"tcp", "udp", "icmp", "icmpv6", "sctp", "dccp"})
_STATE_MAP: Final = re.compile(r"^ct state vmap \{([^}]*)\}$")


def _nft_rule(line: str) -> FirewallRule:
    text = _COUNTER.sub(" ", line).strip()
    if found := _STATE_MAP.match(text):
        states = frozenset(e.partition(":")[0].strip() for e in found[1].split(","))
        return FirewallRule(text=clean(line), verdict="jump ?", states=states)  # an advert is in none, or not known
    verdict: str | None = "jump ?" if "vmap" in text else None
    if found := _NFT_VERDICT.search(text):
        verdict = "drop" if found[2] else found[1]
        verdict = None if verdict == "continue" else verdict
        text = text[: found.start()].strip()
    fields: dict[str, frozenset[str] | tuple[str, ...]] = {}
    exact, version = True, None
    for key, values in _nft_matches(text):
        name = "protocols" if key.split(" ")[0] in _TRANSPORTS else _FIELDS.get(key)
        if name is None or any(v.startswith(("@", "!=")) or ("-" in v and "addr" in key) for v in values):
            exact = False
        elif key.split(" ")[0] in _TRANSPORTS:
            fields[name] = frozenset({key.split(" ")[0]})
        elif name == "version":
            version = 6 if values == ("ipv6",) else 4
        elif name in {"sources", "destinations"}:
            fields[name] = tuple(values)
        else:
            words = (v.strip('"') for v in values)
            fields[name] = frozenset(_protocol(w) for w in words) if name == "protocols" else frozenset(words)
    return FirewallRule(text=clean(line), verdict=verdict, exact=exact, version=version, **fields)  # type: ignore[arg-type]


_NFT_KEY = re.compile(
    r"(ip protocol|ip6 nexthdr|meta l4proto|ip6? [sd]addr|[io]ifname|[io]if|ct state|ct status|meta nfproto"
    r"|(?:tcp|udp|icmp|icmpv6|sctp|dccp) \S+)"
    r"\s+((?:!= )?(?:\{[^}]*\}|\S+))"
)


def _nft_matches(text: str) -> Iterator[tuple[str, Sequence[str]]]:
    """What a rule asks for; a part that is not understood comes as one of its own."""
    at = 0
    while at < len(text):
        found = _NFT_KEY.match(text, at)
        if found is None:
            yield text[at:], ()
            return
        value = found[2]
        if value.startswith("!="):
            yield found[1], (value,)
        else:
            yield found[1], tuple(v.strip() for v in value.strip("{} ").split(",") if v.strip())
        at = found.end()
        at += len(text[at:]) - len(text[at:].lstrip())
