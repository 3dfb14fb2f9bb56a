"""Whatever a node prints, the parsers of `haconsole check` give a value or ParseError, and the firewall's walk ends."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.cluster.audit.firewall import Advert, passage
from haconsole.parse.check import parse_hashes, parse_stat
from haconsole.parse.errors import ParseError
from haconsole.parse.firewall import parse_iptables, parse_nft
from haconsole.parse.text import clean

ADVERT = Advert(source=ip_address("192.168.2.252"), destination=ip_address("224.0.0.18"), interface="eth0")

NFT = st.sampled_from(
    ["table inet x {", "chain a {", "chain b {", "type filter hook input priority 0; policy drop;", "}", "jump a",
     "goto b", "jump b", "ip protocol vrrp accept", "return", "ct state vmap { new : drop }", "set s {", "drop",
     "ip saddr 1.2.3.4-5.6.7.8 accept", "meta l4proto != 112 accept", "counter", "ip saddr nonsense drop"]
)  # fmt: skip
IPTABLES = st.sampled_from(
    ["*filter", ":INPUT DROP [0:0]", ":A - [0:0]", "-A INPUT -j A", "-A A -j A", "-A A -j INPUT", "-A A -g A", "COMMIT",
     "-A INPUT -p 112 -j ACCEPT", "-A A ! -s x -j DROP", "-A A -s x -j RETURN", "-A", "-A A -m x", "-A A -j"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(NFT | st.text(max_size=20), max_size=40), st.lists(IPTABLES | st.text(max_size=20), max_size=40))
def test_any_rules(nft: list[str], iptables: list[str]) -> None:
    found = []
    with contextlib.suppress(ParseError):
        found.append(parse_nft("\n".join(nft)))
    with contextlib.suppress(ParseError):
        found.append(parse_iptables("\n".join(iptables), 4))
    for advert in (ADVERT, replace(ADVERT, outgoing=True)):
        told = passage(found, advert)
        assert told.by == clean(told.by)
    for firewall in found:
        assert all(r.text == clean(r.text) for c in firewall.chains for r in c.rules)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_words(stdout: str, stderr: str) -> None:
    with contextlib.suppress(ParseError):
        assert set(parse_stat(stdout, stderr, ["/a"])) <= {"/a"}
    with contextlib.suppress(ParseError):
        parse_hashes(stdout)


def test_many_rules_that_cannot_be_judged_end_as_unknown() -> None:
    rules = "".join(f"-A INPUT -m recent --name r{n} -j ACCEPT\n" for n in range(5000))
    firewall = parse_iptables(f"*filter\n:INPUT DROP [0:0]\n{rules}COMMIT\n", 4)
    assert passage([firewall], ADVERT).accepted is None
