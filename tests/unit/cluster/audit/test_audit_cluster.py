"""What only running nodes can tell: each trouble named by its own id, and what could not be asked said to be unknown."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from haconsole.cluster.audit import AuditFinding
from haconsole.cluster.audit.cluster import Known, audit_cluster
from haconsole.cluster.audit.live_files import wanted
from haconsole.cluster.audit.values import ConfFile
from haconsole.cluster.audit.view import View
from haconsole.model.asked import DnsAnswer, FileStat, Firewall, NodeAsked
from haconsole.model.events import Subject
from haconsole.model.findings import Severity
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import ConfigTest, KeepalivedVersion, VersionsReading
from haconsole.model.spec import ClusterSpec
from haconsole.parse.firewall import parse_iptables, parse_nft
from tests.unit.cluster.builders import ONE, T0, TWO, V1, V2, Play, config, kernel, problem, spec, squid, unit, units

from .pairs import changed, healthy

A, B = healthy(True), healthy(False)
SQUID = "/usr/sbin/squid"
FINE = FileStat(mode=0o100755, uid=0, gid=0, modified_node_s=T0 - 90_000)
FOLDER = replace(FINE, mode=0o040755)


def hashes(text: str) -> dict[int, str]:
    """What a node tells of the passwords of this text."""
    return {n: "same" for n, line in enumerate(text.split("\n"), 1) if "auth_pass" in line}


def asked(**changes: object) -> NodeAsked:
    made = NodeAsked(
        files={"/etc/keepalived/keepalived.conf": replace(FINE, mode=0o100644), SQUID: FINE, "/usr/sbin": FOLDER},
        secrets=hashes(A),
        nonlocal_bind={4: False},
        firewalls=(),
        at=T0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class Checked:
    """The healthy pair on its nodes; `one` and `two`: what they told, `play`: what the console read."""

    def __init__(self, a: str = A, b: str = B, cluster: ClusterSpec | None = None) -> None:
        self.play = Play(cluster or spec()).connect()
        self.play.read(ONE, config(ONE, a)).read(TWO, config(TWO, b)).served(V1, V2)
        self.one, self.two = asked(secrets=hashes(a)), asked(secrets=hashes(b))
        self.dns: DnsAnswer | None = None

    def findings(self) -> tuple[AuditFinding, ...]:
        known = Known(snapshot=self.play.snapshot(), asked={ONE: self.one, TWO: self.two}, dns=self.dns)
        return audit_cluster(known).findings

    def ids(self) -> list[tuple[str, str | None, str]]:
        return [(f.id, f.node, "unknown" if f.unknown else f.severity.word) for f in self.findings()]


def test_the_healthy_pair_on_healthy_nodes_gets_no_finding() -> None:
    assert Checked().ids() == []


def test_what_is_asked_for_is_the_configuration_the_script_and_the_folders_above_it() -> None:
    view = View(file=ConfFile(conf=config(ONE, A).conf))
    assert wanted(view) == ("/etc/keepalived/keepalived.conf", SQUID, "/usr/sbin", "/usr", "/")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({SQUID: None}, "is not there"),
        ({SQUID: replace(FINE, mode=0o100644)}, "not executable"),
        ({SQUID: FOLDER}, "is a folder"),
        ({SQUID: replace(FINE, uid=1000)}, "enable_script_security refuses"),
        ({SQUID: replace(FINE, mode=0o100775, gid=50)}, "enable_script_security refuses"),
        ({SQUID: FINE, "/usr/sbin": replace(FOLDER, mode=0o040777)}, "lies in /usr/sbin"),
    ],
)
def test_a_check_that_keepalived_cannot_run(files: dict[str, FileStat | None], words: str) -> None:
    """keepalived 2.x passes it in `-t` without a word."""
    checked = Checked()
    checked.one = asked(files=files)
    assert checked.ids() == [("script-not-runnable", ONE, "critical")]
    assert words in checked.findings()[0].summary


def test_group_root_and_sticky_folders_are_well() -> None:
    checked = Checked()
    sticky = replace(FOLDER, mode=0o041777)
    checked.one = asked(files={SQUID: replace(FINE, mode=0o100775), "/usr/sbin": sticky})
    assert checked.ids() == []


def test_a_file_that_is_newer_than_the_daemon_until_a_reload() -> None:
    checked = Checked()
    newer = replace(FINE, modified_node_s=T0 - 60)
    checked.one = asked(files={"/etc/keepalived/keepalived.conf": newer, SQUID: FINE})
    (finding,) = checked.findings()
    assert (finding.id, finding.node) == ("changed-since-start", ONE)
    checked.play.log(ONE, "Reloading ...", T0 - 30, backlog=True)
    assert checked.ids() == []


def test_a_watched_interface_that_the_node_does_not_have() -> None:
    checked = Checked()
    checked.play.read(TWO, kernel(TWO, str(V2), without=["eth1"]))
    assert {i for i in checked.ids() if i[0] == "tracked-link-missing"} == {("tracked-link-missing", TWO, "critical")}


def test_the_public_link_is_watched() -> None:
    bare = ("  track_interface {\n    eth1\n  }\n", "")
    checked = Checked(changed(A, bare, bare), changed(B, bare, bare))
    assert {i[0] for i in checked.ids()} == {"public-link-not-watched"}


def test_a_vip_that_is_where_one_logs_in() -> None:
    edit = ("192.168.2.101", "192.168.2.252")
    plain = [("  unicast_peer {\n    192.168.2.252\n  }\n", ""), ("  unicast_peer {\n    192.168.2.252\n  }\n", "")]
    checked = Checked(changed(A, edit, *plain))
    assert ("vip-is-real-address", ONE, "critical") in checked.ids()


def test_the_configured_preference_against_the_priorities() -> None:
    checked = Checked(cluster=spec(vips=[str(V1)], preferred=TWO))
    assert checked.ids() == [("preferred-against-priority", ONE, "warning")]


def test_on_2_1_the_articles_priority_is_critical() -> None:
    checked = Checked(changed(A, ("priority 254", "priority 255")))
    checked.play.read(ONE, VersionsReading(keepalived=KeepalivedVersion(major=2, minor=1, patch=5)))
    assert checked.ids() == [("priority-owner", ONE, "critical"), ("weight-ignored", ONE, "warning")]


def test_what_the_console_says_too_keeps_its_id() -> None:
    checked = Checked()
    checked.play.read(ONE, units(unit("keepalived", enabled=False), at=T0))
    checked.play.read(TWO, ConfigTest(ok=False, messages=("(Line 3) Unknown keyword 'x'",)))
    assert checked.ids() == [("keepalived-not-enabled", ONE, "warning"), ("config-test-failed", TWO, "warning")]


def test_squid_on_vips_alone_needs_nonlocal_bind_or_a_notify_script() -> None:
    only_own = squid(f"{V1}:3128")
    checked = Checked()
    checked.play.read(ONE, only_own)
    assert checked.ids() == [("squid-needs-notify", ONE, "critical")]
    checked.one = asked(nonlocal_bind={})
    assert checked.ids() == [("squid-not-listening", ONE, "warning")]
    told = [("  advert_int 1\n", '  notify_master "/usr/local/sbin/squid-vip"\n')]
    second = A.index("vrrp_instance proxy_ip2")
    checked = Checked(A[:second] + changed(A[second:], *told))
    checked.play.read(ONE, only_own)
    assert checked.ids() == []


# --- passwords, firewall, DNS ---------------------------------------------------------------


def test_passwords_are_compared_by_the_nodes_hashes() -> None:
    checked = Checked()
    checked.two = asked(secrets={**hashes(B), min(hashes(B)): "another"})
    assert checked.ids() == [("auth-differs", TWO, "critical")]
    checked.two = asked(secrets={})
    assert checked.ids() == [("auth-not-compared", TWO, "unknown")] * 2


NFT = """\
table inet filter {{
\tset banned {{
\t\ttype ipv4_addr
\t\telements = {{ 203.0.113.5,
\t\t\t     203.0.113.6 }}
\t}}
\tchain input {{
\t\ttype filter hook input priority filter; policy {policy};
\t\tct state vmap {{ established : accept, related : accept, invalid : drop }}
\t\tiifname "lo" accept
\t\ttcp dport {{ 22, 3128 }} accept
\t\t{rule}
\t}}
}}
"""
NFT_OUT = """\
table inet filter {{
\tchain output {{
\t\ttype filter hook output priority filter; policy {policy};
\t\t{rule}
\t}}
}}
"""
KEEPALIVED_OWN = """\
table ip keepalived {{
\tset vips {{
\t\ttype ipv4_addr
\t\telements = {{ 192.168.2.101 }}
\t}}
\tchain in {{
\t\ttype filter hook input priority filter; policy {policy};
\t\tip daddr @vips drop{rule}
\t}}
\tchain out {{
\t\ttype filter hook output priority filter; policy {policy};
\t\tip saddr @vips drop
\t}}
}}
"""
IPTABLES = """\
# Generated by iptables-save
*filter
:INPUT {policy} [0:0]
:OUTPUT ACCEPT [0:0]
:vrrp - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "ssh in" -j ACCEPT
{rule}
COMMIT
"""

FIREWALLD = """\
table inet firewalld {{
\tchain mangle_PREROUTING {{
\t\ttype filter hook prerouting priority mangle + 10; policy accept;
\t\tmeta nfproto ipv6 fib saddr . mark . iif oif missing drop
\t}}
\tchain filter_INPUT {{
\t\ttype filter hook input priority filter + 10; policy {policy};
\t\tct state {{ established, related }} accept
\t\tct status dnat accept
\t\tiifname "lo" accept
\t\tct state invalid drop
\t\tjump filter_INPUT_ZONES
\t\treject with icmpx admin-prohibited
\t}}
\tchain filter_INPUT_ZONES {{
\t\tiifname "eth0" goto filter_IN_public
\t\tgoto filter_IN_public
\t}}
\tchain filter_IN_public {{
\t\tjump filter_IN_public_allow
\t\tmeta l4proto {{ icmp, ipv6-icmp }} accept
\t\treject with icmpx admin-prohibited
\t}}
\tchain filter_IN_public_allow {{
\t\ttcp dport 22 accept
\t\tip6 daddr fe80::/64 udp dport 546 accept
\t\t{rule}
\t}}
}}
"""

FIREWALLS = [
    # what the table of rules says, and whether adverts of the other node come in and the node's own go out
    (NFT, "accept", "", True),
    (NFT, "drop", "", False),
    (NFT, "drop", "ip protocol vrrp accept", True),
    (NFT, "drop", "meta l4proto 112 counter packets 3 bytes 120 accept", True),
    (NFT, "drop", "ip saddr 192.168.2.0/24 accept", True),
    (NFT, "drop", "ip saddr 192.168.3.0/24 accept", False),
    (NFT, "accept", "ip protocol vrrp drop", False),
    (NFT, "accept", 'iifname "eth0" ip protocol { vrrp, icmp } log prefix "x" reject with icmp type port-unreachable', False),
    (NFT, "drop", "ip saddr != 192.168.3.0/24 accept", None),
    (NFT, "drop", "ip saddr @friends accept", None),
    (NFT, "drop", "meta mark 0x1 accept", None),
    (FIREWALLD, "accept", "", False),
    (FIREWALLD, "accept", "meta l4proto vrrp accept", True),
    (IPTABLES, "ACCEPT", "", True),
    (IPTABLES, "DROP", "", False),
    (IPTABLES, "DROP", "-A INPUT -p 112 -j ACCEPT", True),
    (IPTABLES, "DROP", "-A INPUT -i eth0 -j vrrp\n-A vrrp -s 192.168.2.252/32 -p vrrp -j ACCEPT", True),
    (IPTABLES, "DROP", "-A INPUT -i eth1 -p vrrp -j ACCEPT", False),
    (IPTABLES, "ACCEPT", "-A INPUT -j vrrp\n-A vrrp -p vrrp -j RETURN\n-A vrrp -j DROP", True),
    (IPTABLES, "ACCEPT", "-A INPUT -j REJECT --reject-with icmp-host-prohibited", False),
    (IPTABLES, "DROP", "-A INPUT -m recent --name x --rcheck -j ACCEPT", None),
    (IPTABLES, "ACCEPT", "-A INPUT -m set --match-set keepalived dst -j DROP", True),
    (IPTABLES, "DROP", "-A INPUT -m set --match-set keepalived src -j ACCEPT", None),
    (IPTABLES, "ACCEPT", "-A INPUT -m set --match-set banned src -j DROP", None),
    (IPTABLES, "ACCEPT", "-A OUTPUT -p vrrp -j DROP", False),
    (IPTABLES, "ACCEPT", "-A OUTPUT -o eth0 -d 224.0.0.18/32 -j REJECT", False),
    (IPTABLES, "ACCEPT", "-A OUTPUT -o eth1 -p vrrp -j DROP", True),
    (IPTABLES, "ACCEPT", "-A OUTPUT -i eth0 -j DROP", True),
    (IPTABLES, "ACCEPT", "-A OUTPUT -j vrrp\n-A vrrp -s 192.168.2.252/32 -j DROP", True),
    (IPTABLES, "ACCEPT", "-A OUTPUT -m owner --uid-owner 0 -j DROP", None),
    (IPTABLES, "ACCEPT", "-A OUTPUT -o eth0 -j DSCP --set-dscp 0x30\n-A OUTPUT -j TCPMSS --clamp-mss-to-pmtu", True),
    (IPTABLES, "DROP", "-A INPUT ! -i lo -p 112 -j ACCEPT", True),
    (IPTABLES, "DROP", "-A INPUT ! -i eth+ -p 112 -j ACCEPT", False),
    (IPTABLES, "ACCEPT", "-A OUTPUT ! -o eth0 -j DROP", True),
    (IPTABLES, "ACCEPT", "-A OUTPUT ! -o lo -p 112 -j DROP", False),
    (IPTABLES, "ACCEPT", "-A OUTPUT ! -i eth1 -j DROP", False),
    (IPTABLES, "ACCEPT", "-A INPUT -m pkttype --pkt-type broadcast -j DROP", True),
    (IPTABLES, "DROP", "-A INPUT -p 112 -m pkttype ! --pkt-type broadcast -j ACCEPT", True),
    (IPTABLES, "ACCEPT", "-A INPUT -m pkttype --pkt-type multicast -j DROP", None),
    (NFT_OUT, "accept", 'oifname "eth0" ip protocol vrrp drop', False),
    (NFT_OUT, "accept", 'oif "eth1" ip protocol vrrp drop', True),
    (NFT_OUT, "drop", "", False),
    (NFT_OUT, "drop", 'oifname { "eth0", "lo" } ip protocol vrrp accept', True),
    (NFT_OUT, "accept", "meta skuid 0 drop", None),
    (KEEPALIVED_OWN, "accept", "", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "policy", "rule", "passes"), FIREWALLS)
def test_does_the_firewall_let_vrrp_in_and_out(text: str, policy: str, rule: str, passes: bool | None) -> None:
    lines = text.format(policy=policy, rule=rule)
    multicast = ("  unicast_peer {\n    192.168.2.252\n  }\n", "")
    checked = Checked(changed(A, multicast, multicast))
    firewall: Firewall = parse_iptables(lines, 4) if text is IPTABLES else parse_nft(lines)
    checked.one = asked(firewalls=(firewall,))
    found = [i for i in checked.ids() if i[0] in {"firewall-blocks-vrrp", "not-checked"}]
    expected = {
        True: [],
        False: [("firewall-blocks-vrrp", ONE, "critical")],
        None: [("not-checked", ONE, "unknown")],
    }
    assert found == expected[passes]


def test_the_dns_name_resolves_to_exactly_the_vips() -> None:
    checked = Checked()
    both = frozenset({V1, V2})
    checked.dns = DnsAnswer(name="proxy-serv", addresses=both, ttl_s=300)
    assert checked.ids() == []
    checked.dns = DnsAnswer(name="proxy-serv", addresses=both - {V2} | {ip_address("192.168.2.9")}, ttl_s=86_400)
    assert checked.ids() == [("dns-differs", None, "critical"), ("dns-ttl-long", None, "warning")]
    summary = checked.findings()[0].summary
    assert "lacks 192.168.2.102" in summary
    assert "has 192.168.2.9" in summary
    checked.dns = DnsAnswer(name="proxy-serv", addresses=None, error="timed out")
    assert checked.ids() == [("not-checked", None, "unknown")]
    checked.dns = DnsAnswer(name="proxy-serv", addresses=None, error="there is no such name", missing=True)
    assert checked.ids() == [("dns-differs", None, "critical")]


# --- unknown --------------------------------------------------------------------------------


def test_what_could_not_be_asked_is_unknown_and_not_well() -> None:
    checked = Checked()
    checked.one = asked(firewalls=None, why_not={"firewall": "Operation not permitted"})
    (finding,) = checked.findings()
    assert (finding.id, finding.unknown, finding.severity) == ("not-checked", True, Severity.WARNING)
    assert "firewall" in finding.summary
    assert "Operation not permitted" in finding.evidence[0].text


def test_a_node_that_was_not_read_is_unknown_and_the_other_is_judged() -> None:
    checked = Checked()
    checked.play.failed(TWO, Subject.CONFIG, problem(ProblemKind.NOT_PERMITTED, "may not read it"))
    found = checked.findings()
    assert [(f.id, f.node) for f in found if f.unknown] == [("conf-not-read", TWO)]
    assert "may not read it" in next(f for f in found if f.unknown).summary


def test_before_2_0_there_is_no_config_test_and_nothing_to_do_about_it() -> None:
    checked = Checked()
    checked.play.read(
        ONE, VersionsReading(keepalived=KeepalivedVersion(major=1, minor=3, patch=5)), ConfigTest(ok=None)
    )
    assert checked.ids() == []
