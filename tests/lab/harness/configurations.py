"""The texts of the nodes' configuration files: the article's keepalived.conf and its variants, squid, sshd, sudo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .plan import DRAIN_FILE, DUAL_VIPS, IPV6_VIP, SQUID_PORT, THREE_VIPS, VIPS, NodePlan, VipPlan

KEEPALIVED_CONF = "/etc/keepalived/keepalived.conf"
SQUID_CONF = "/etc/squid/squid.conf"
SSHD_CONF = "/etc/ssh/sshd_config.d/lab.conf"
SUDOERS = "/etc/sudoers.d/ops"
AUTHORIZED_KEYS = "/etc/ssh/lab-authorized-keys"


@dataclass(frozen=True)
class Variant:
    """How a pair's keepalived.conf departs from the article's; the default is the article's own."""

    high_priority: int = 255
    low_priority: int = 100
    unicast: bool = False
    ipv6: bool = False
    """A third instance: fd00:2::101, VRRPv3, VRID 6, with priority on proxy-serv01."""
    drain_file: str | None = None
    """A track file, watched by every instance with weight 1."""
    auth_pass: str | None = None
    nopreempt: bool = False
    vips: tuple[VipPlan, ...] = VIPS
    version: int = 2
    """The VRRP version of IPv4 instances; an IPv6 one is always version 3."""


ARTICLE = Variant()
LOSSLESS = Variant(high_priority=254, drain_file=DRAIN_FILE)
"""What haconsole recommends: 254 and a track file, which can be drained without a lost request."""
THREE = replace(LOSSLESS, vips=THREE_VIPS)
"""For three nodes: each prefers to hold another VIP."""
DUAL = replace(LOSSLESS, vips=DUAL_VIPS, version=3)
"""VRRPv3, two VIPs of each family."""


def keepalived_conf(node: NodePlan, nodes: Sequence[NodePlan], variant: Variant = ARTICLE) -> str:
    """The keepalived.conf of one node."""
    version = "" if variant.version == 2 else f"  vrrp_version {variant.version}\n"
    parts = [f"global_defs {{\n{version}  enable_script_security\n  script_user root\n}}\n"]
    if variant.drain_file:
        parts.append(f'track_file haconsole_drain {{\n  file "{variant.drain_file}"\n  weight 1\n  init_file 0\n}}\n')
    parts.append('vrrp_script chk_squid_service {\n  script "/usr/sbin/squid -k check"\n  interval 3\n}\n')
    parts += [_instance(vip, node, nodes, variant) for vip in variant.vips]
    if variant.ipv6:
        parts.append(_instance(VipPlan("proxy_ip6", 6, IPV6_VIP, "", 1), node, nodes, variant))
    return "\n".join(parts)


def _instance(vip: VipPlan, node: NodePlan, nodes: Sequence[NodePlan], variant: Variant) -> str:
    v6 = ":" in vip.address
    preferred = node.index == vip.preferred
    # those that do not prefer it stand by in turn: of two nodes the other has the article's 100
    behind = (node.index - vip.preferred) % len(nodes)
    priority = variant.high_priority if preferred else variant.low_priority + 50 * (len(nodes) - 1 - behind)
    state = "MASTER" if preferred and not variant.nopreempt else "BACKUP"
    lines = [f"state {state}", "interface eth0", f"virtual_router_id {vip.vrid}", f"priority {priority}"]
    if v6:
        lines.append("version 3")
    if variant.nopreempt:
        lines.append("nopreempt")
    if variant.auth_pass and not v6:
        lines += ["authentication {", "  auth_type PASS", f"  auth_pass {variant.auth_pass}", "}"]
    if variant.unicast:
        peers = [other for other in nodes if other.index != node.index]
        lines.append(f"unicast_src_ip {node.lan6 if v6 else node.lan}")
        lines += ["unicast_peer {", *(f"  {peer.lan6 if v6 else peer.lan}" for peer in peers), "}"]
    if v6:
        # the first address of an IPv6 advert must be link-local (RFC 5798, 5.2.9)
        local = f"fe80::{vip.address.rpartition(':')[2]}"
        lines += ["virtual_ipaddress {", f"  {local}/64 dev eth0", f"  {vip.address}/64 dev eth0", "}"]
    else:
        lines += ["virtual_ipaddress {", f"  {vip.address}/24 dev eth0 label {vip.label}", "}"]
    lines += ["track_interface {", "  eth1", "}", "track_script {", "  chk_squid_service", "}"]
    if variant.drain_file:
        lines += ["track_file {", "  haconsole_drain", "}"]
    return f"vrrp_instance {vip.instance} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


SQUID = f"""\
http_port 0.0.0.0:{SQUID_PORT}
visible_hostname lab-proxy
acl lan src 192.168.2.0/24 fd00:2::/64
http_access allow localhost manager
http_access deny manager
http_access allow lan
http_access allow localhost
http_access deny all
cache deny all
cache_mem 8 MB
memory_pools off
pinger_enable off
max_filedescriptors 4096
connect_timeout 5 seconds
shutdown_lifetime 1 seconds
coredump_dir /var/spool/squid
"""
SQUID_DUAL = SQUID.replace("http_port 0.0.0.0:", "http_port ").replace("acl lan src", "acl lan src 2001:db8:2::/64")
"""Listens on IPv6 too, and lets clients of the dual-stack variant in."""

SSHD = f"""\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PubkeyAuthentication yes
AuthorizedKeysFile .ssh/authorized_keys {AUTHORIZED_KEYS}
PasswordAuthentication yes
KbdInteractiveAuthentication yes
UseDNS no
MaxStartups 100
MaxSessions 50
"""
# OpenSSH 9.8 and later shut out an address for some time after a wrong password; older ones refuse the keyword
_SUITES_WITHOUT_PENALTIES = ("bullseye", "bookworm")


def sshd(suite: str) -> str:
    """The lab's part of sshd_config."""
    return SSHD if suite in _SUITES_WITHOUT_PENALTIES else SSHD + "PerSourcePenalties no\n"


RESOLV = "# no name server in the lab\n"

OPS_SUDOERS = "ops ALL=(ALL:ALL) NOPASSWD: ALL\n"


def hosts(nodes: Sequence[NodePlan]) -> str:
    """/etc/hosts of the nodes."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    return "\n".join(lines + [f"{node.lan} {node.name}" for node in nodes]) + "\n"
