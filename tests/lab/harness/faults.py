"""Faults to put into the lab: each is a context manager that takes the fault away again, whatever happens inside.

None of them waits for the pair to recover: `lab.heal()` or `lab.wait_converged()` does. All of them act from the
machine, not over the network, so that a node cut off can still be mended.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from .configurations import (
    ARTICLE,
    DUAL,
    KEEPALIVED_CONF,
    LOSSLESS,
    SQUID_CONF,
    SQUID_DUAL,
    SUDOERS,
    Variant,
    keepalived_conf,
)
from .heal import mend_network
from .lab import Lab
from .node import Node
from .plan import IPV6_VIP, OPERATOR_DUAL, VIPS
from .processes import send, status_field
from .shell import LabError, until

_VRRP = ("-p", "112")


# -- links and cables ----------------------------------------------------------------------------------------------


def set_link(node: Node, interface: str, *, up: bool) -> None:
    """Set an interface up or down inside the node. Up again, it lacks its routes and IPv6 addresses, as anywhere."""
    node.exec("ip", "link", "set", interface, "up" if up else "down")


@contextlib.contextmanager
def link_down(node: Node, interface: str) -> Iterator[None]:
    """`ip link set … down` inside the node; afterwards up again, with the routes and addresses it had."""
    set_link(node, interface, up=False)
    try:
        yield
    finally:
        mend_network(node)


def flap(lab: Lab, node: Node, interface: str, times: int) -> None:
    """The interface goes and comes; each time the VIPs that the node prefers leave it and come back."""
    own = [vip.address for vip in VIPS if vip.preferred == node.plan.index]
    for _ in range(times):
        with link_down(node, interface):
            until(lambda: all(node.name not in lab.holders(a) for a in own), 15.0, f"{own} leave {node.name}")
            until(lambda: all(lab.holders(a) for a in own), 15.0, f"{own} are held again")
        until(lambda: all(lab.holders(a) == [node.name] for a in own), 15.0, f"{own} are back on {node.name}")


@contextlib.contextmanager
def cable_cut(lab: Lab, node: Node, interface: str) -> Iterator[None]:
    """The switch's side goes down: the node sees no carrier, its interface stays up."""
    lab.network.plug(node.plan.short, interface, plugged=False)
    try:
        yield
    finally:
        lab.network.plug(node.plan.short, interface, plugged=True)


@contextlib.contextmanager
def blackholed(lab: Lab, node: Node, interface: str = "eth0") -> Iterator[None]:
    """The switch forwards nothing to or from the node; the node sees its carrier and notices nothing."""
    lab.network.join(node.plan.short, interface, joined=False)
    try:
        yield
    finally:
        lab.network.join(node.plan.short, interface, joined=True)


@contextlib.contextmanager
def multicast_lost(lab: Lab, node: Node, interface: str = "eth0") -> Iterator[None]:
    """The switch gives the node no multicast, as with IGMP snooping gone wrong; what the node sends arrives."""
    lab.network.flood(node.plan.short, interface, multicast=False)
    try:
        yield
    finally:
        lab.network.flood(node.plan.short, interface, multicast=True)


@contextlib.contextmanager
def default_route_lost(node: Node) -> Iterator[None]:
    """The node has no way to the origin's side any more than its own network."""
    node.exec("ip", "route", "del", "default")
    try:
        yield
    finally:
        mend_network(node)


@contextlib.contextmanager
def address_added(node: Node, address: str, interface: str = "eth0") -> Iterator[None]:
    """An address by hand, with its prefix: a VIP that keepalived knows nothing of."""
    node.exec("ip", "addr", "add", address, "dev", interface)
    try:
        yield
    finally:
        node.exec("ip", "addr", "del", address, "dev", interface, check=False)


def remove_address(node: Node, address: str, interface: str = "eth0") -> None:
    """Take an address away by hand; keepalived 2 notices and puts its VIP back."""
    node.exec("ip", "addr", "del", address, "dev", interface)


# -- processes -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def frozen(node: Node) -> Iterator[None]:
    """Every process of the node stands still; its kernel still answers ping and accepts connections."""
    stopped: list[int] = []
    try:
        # twice: what was being started while the first round went through
        for _ in range(2):
            fresh = [pid for pid in node.pids if pid not in stopped]
            stopped += fresh
            send(fresh, signal.SIGSTOP)
        yield
    finally:
        send(node.pids, signal.SIGCONT)


@contextlib.contextmanager
def processes_frozen(node: Node, *names: str) -> Iterator[None]:
    """The processes with these names stand still."""
    pids = node.pids_named(*names)
    if not pids:
        raise LabError(f"no process named {names} in {node.name}")
    send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        send([pid for pid in pids if status_field(pid, "State").startswith("T")], signal.SIGCONT)


def sshd_frozen(node: Node) -> contextlib.AbstractContextManager[None]:
    """SSH accepts connections and says nothing; open ones hang."""
    return processes_frozen(node, "sshd", "sshd-session", "sshd-auth")


def squid_frozen(node: Node) -> contextlib.AbstractContextManager[None]:
    """A squid that hangs: it accepts connections and answers nothing, and `squid -k check` still passes."""
    return processes_frozen(node, "squid")


@contextlib.contextmanager
def unit_stopped(node: Node, unit: str) -> Iterator[None]:
    """A unit is stopped as an operator would."""
    node.systemctl("stop", unit)
    try:
        yield
    finally:
        node.start(unit)


def kill_all(node: Node, *names: str) -> None:
    """`kill -9` of every process with these names, none of which sees the others die."""
    pids = node.pids_named(*names)
    if not pids:
        raise LabError(f"no process named {names} in {node.name}")
    send(pids, signal.SIGSTOP)
    # children first: with their parent dead the kernel would wake them up, and keepalived would clean up after itself
    offspring = [pid for pid in pids if int(status_field(pid, "PPid") or 0) in pids]
    send(offspring, signal.SIGKILL)
    send([pid for pid in pids if pid not in offspring], signal.SIGKILL)
    until(lambda: not set(pids) & set(node.pids_named(*names)), 5.0, f"{names} are dead on {node.name}")


@contextlib.contextmanager
def keepalived_killed(node: Node) -> Iterator[None]:
    """`kill -9` of all of keepalived: the VIP it held stays behind on the node."""
    kill_all(node, "keepalived")
    try:
        yield
    finally:
        node.start("keepalived")


# -- packets and sign-in -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def packets_dropped(
    nodes: Iterable[Node],
    *match: str,
    programs: Sequence[str] = ("iptables", "ip6tables"),
    chains: Sequence[str] = ("INPUT",),
) -> Iterator[None]:
    """A rule in these chains of these nodes that drops what matches, as in `packets_dropped([n], "-p", "tcp")`."""
    with contextlib.ExitStack() as stack:
        for node in nodes:
            for program, chain in product(programs, chains):
                node.exec(program, "-w", "-I", chain, *match, "-j", "DROP")
                stack.callback(node.exec, program, "-w", "-D", chain, *match, "-j", "DROP", check=False)
        yield


def vrrp_dropped(lab: Lab, *only: Node) -> contextlib.AbstractContextManager[None]:
    """No node (or none of these) hears VRRP: with both deaf, both become MASTER."""
    return packets_dropped(only or lab.nodes.values(), *_VRRP)


def vrrp_blocked(node: Node) -> contextlib.AbstractContextManager[None]:
    """The node's own firewall lets VRRP neither in nor out: it and its peer become MASTER."""
    return packets_dropped([node], *_VRRP, chains=("INPUT", "OUTPUT"))


def ssh_blackholed(node: Node) -> contextlib.AbstractContextManager[None]:
    """Packets to the SSH port vanish: a connection attempt gets no answer at all."""
    return packets_dropped([node], "-p", "tcp", "--dport", "22")


def ssh_refused(node: Node) -> contextlib.AbstractContextManager[None]:
    """No SSH server: new connections are refused; open ones live on, as on any Debian."""
    return unit_stopped(node, "ssh")


@contextlib.contextmanager
def sudo_broken(node: Node) -> Iterator[None]:
    """`ops` may not use sudo any more."""
    with file_replaced(node, SUDOERS, "# nothing is allowed\n", 0o440):
        yield


# -- files and configurations --------------------------------------------------------------------------------------


@contextlib.contextmanager
def file_replaced(node: Node, path: str, text: str, mode: int = 0o644) -> Iterator[None]:
    """Another text in a file, and its own one afterwards; nothing is reloaded."""
    before = node.read(path)
    before_mode = int(node.exec("stat", "-c", "%a", path).stdout, 8)
    node.write(path, text, mode)
    try:
        yield
    finally:
        node.write(path, before, before_mode)


@contextlib.contextmanager
def squid_configured(node: Node, text: str) -> Iterator[None]:
    """Another squid.conf, in force; the lab's own afterwards."""
    with contextlib.ExitStack() as stack:
        stack.callback(node.restart, "squid")
        stack.enter_context(file_replaced(node, SQUID_CONF, text))
        node.restart("squid")
        yield


@contextlib.contextmanager
def keepalived_configured(node: Node, text: str) -> Iterator[None]:
    """Another keepalived.conf on one node, in force by a restart; its own afterwards."""
    with contextlib.ExitStack() as stack:
        stack.callback(node.restart, "keepalived")
        stack.enter_context(file_replaced(node, KEEPALIVED_CONF, text))
        node.restart("keepalived")
        yield


def configure(lab: Lab, variant: Variant) -> None:
    """Give every node its keepalived.conf of this variant, restart, and wait until the VIPs are where they belong."""

    def one(node: Node) -> None:
        node.write(KEEPALIVED_CONF, keepalived_conf(node.plan, lab.plans, variant))
        node.restart("keepalived")

    lab.each_node(one)
    lab.wait_converged()
    names = {node.index: node.name for node in lab.plans}
    places = {vip.address: [names[vip.preferred]] for vip in variant.vips}
    until(lambda: {vip: lab.holders(vip) for vip in places} == places, 15.0, f"the VIPs are as in {places}")
    if variant.ipv6:
        first = next(iter(lab.nodes))
        until(lambda: lab.holders(IPV6_VIP) == [first], 15.0, f"{IPV6_VIP} is on {first}")


@contextlib.contextmanager
def variant(lab: Lab, wanted: Variant) -> Iterator[None]:
    """The whole cluster on a variant of the article's configuration; the article's own afterwards."""
    try:
        configure(lab, wanted)
        yield
    finally:
        configure(lab, ARTICLE)


def unicast(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """Adverts go to the peers' addresses instead of the multicast group."""
    return variant(lab, replace(ARTICLE, unicast=True))


def ipv6_vip(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """A third instance with the VIP fd00:2::101 (VRRPv3, VRID 6), preferred on proxy-serv01."""
    return variant(lab, replace(ARTICLE, ipv6=True))


def lossless(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """Priority 254 and a track file: the cluster that can be drained without a lost request."""
    return variant(lab, LOSSLESS)


@contextlib.contextmanager
def dual_stack(lab: Lab) -> Iterator[None]:
    """VRRPv3 with two VIPs of each family, as `DUAL` says; squid serves both, the operator has an address there."""
    with contextlib.ExitStack() as stack:
        lab.network.ip(lab.operator_namespace, f"addr add {OPERATOR_DUAL} dev eth0 nodad")
        stack.callback(lab.network.ip, lab.operator_namespace, f"addr del {OPERATOR_DUAL} dev eth0")
        for node in lab.nodes.values():
            stack.enter_context(squid_configured(node, SQUID_DUAL))
        stack.enter_context(variant(lab, DUAL))
        yield


# -- the other side ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def origin_silent(lab: Lab) -> Iterator[None]:
    """The web origin accepts connections and answers nothing."""
    pids = lab.origin_pids()
    send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        send(pids, signal.SIGCONT)


@contextlib.contextmanager
def origin_unreachable(lab: Lab) -> Iterator[None]:
    """The web origin's cable is cut: the nodes find no way to it."""
    lab.network.plug("web", "eth0", plugged=False)
    try:
        yield
    finally:
        lab.network.plug("web", "eth0", plugged=True)
