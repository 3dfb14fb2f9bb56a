"""Faults of what lies between clients and the VIP: switches of hypervisors and clouds, a firewall on the holder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.lab.fault_making import VIP1, one
from tests.lab.harness import ARTICLE, Lab, faults, keepalived_conf, until
from tests.lab.harness.node import Node
from tests.lab.harness.shell import command

VIRTUAL_MAC = "00:00:5e:00:01:01"
_CONF = "/proc/sys/net/ipv4/conf"


@contextlib.contextmanager
def virtual_macs(lab: Lab) -> Iterator[None]:
    """Every virtual router has a MAC address and an interface of its own (`use_vmac`), on both nodes."""
    with contextlib.ExitStack() as stack:
        for node in lab.nodes.values():
            text = keepalived_conf(node.plan, lab.plans, ARTICLE)
            for vip in ARTICLE.vips:
                text = text.replace(f" dev eth0 label {vip.label}", "")
            text = text.replace("  interface eth0\n", "  interface eth0\n  use_vmac\n")
            assert text.count("use_vmac") == len(ARTICLE.vips)
            stack.enter_context(_settings_kept(node))
            stack.enter_context(faults.keepalived_configured(node, text))
        lab.wait_converged()
        yield
    lab.wait_converged()


@contextlib.contextmanager
def _settings_kept(node: Node) -> Iterator[None]:
    """keepalived sets arp_ignore and more of the link for a virtual MAC address, and leaves them so."""
    before = node.sh(f"cd {_CONF}; grep . */arp_ignore */arp_filter */rp_filter").splitlines()
    try:
        yield
    finally:
        back = (line.partition(":") for line in before)
        node.sh(f"cd {_CONF}; " + "; ".join(f"[ ! -e {f} ] || echo {value} > {f}" for f, _, value in back))


@contextlib.contextmanager
def switch_drops(lab: Lab, *matches: str) -> Iterator[None]:
    """The switch of the LAN drops what matches (nft, family bridge)."""
    rules = "".join(f"add rule bridge ways forward {m} drop\n" for m in matches)
    _nft(lab, "add table bridge ways\nadd chain bridge ways forward { type filter hook forward priority 0; }\n" + rules)
    try:
        yield
    finally:
        _nft(lab, "delete table bridge ways\n")


def _nft(lab: Lab, text: str) -> None:
    command(["ip", "netns", "exec", lab.network.namespace("sw"), "nft", "-f", "-"], stdin=text)


def virtual_mac_refused(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """The switch passes on no frame for the first virtual router's MAC address, as a hypervisor's does at first."""
    return switch_drops(lab, f"ether daddr {VIRTUAL_MAC}")


@contextlib.contextmanager
def vip_not_known_to_the_cloud(lab: Lab) -> Iterator[None]:
    """The network knows the first VIP at no port: nobody may announce it, and packets to it are dropped.

    A restart of the first node's keepalived has it announced anew."""
    with switch_drops(lab, f"arp saddr ip {VIP1}", f"ip daddr {VIP1}", f"ip saddr {VIP1}"):
        node = one(lab)
        node.restart("keepalived")
        until(lambda: node.holds(VIP1), 15.0, f"{node.name} has {VIP1} again")
        yield


def clients_dropped(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """proxy-serv01's own firewall drops what clients send to the first VIP."""
    return faults.packets_dropped([one(lab)], "-d", VIP1, "-p", "tcp", "--dport", "3128", programs=("iptables",))
