"""More ways to make faults: of kernels, of the wire, of units. Each goes away by itself at its end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.vrrp import VRRP

from tests.lab.fault_making import VIP1, one, reloaded, two
from tests.lab.harness import ARTICLE, Lab, Node, faults, keepalived_conf, until
from tests.lab.harness.configurations import KEEPALIVED_CONF, LOSSLESS
from tests.lab.harness.plan import OPERATOR_ADDRESS, OPERATOR_ADDRESS6, ORIGIN_ADDRESS
from tests.lab.stranger import ADDRESS, MAC

_GROUP = "01:00:5e:00:00:12"


# -- units ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def restarted_by_systemd(node: Node, unit: str) -> Iterator[None]:
    """The unit is one that systemd starts again when it dies."""
    folder = f"/etc/systemd/system/{unit}.service.d"
    node.exec("mkdir", "-p", folder)
    node.write(f"{folder}/again.conf", "[Service]\nRestart=always\nRestartSec=200ms\n")
    node.systemctl("daemon-reload")
    try:
        yield
    finally:
        node.exec("rm", "-rf", folder)
        node.systemctl("daemon-reload")


@contextlib.contextmanager
def crash(node: Node, unit: str, *names: str) -> Iterator[None]:
    """Every process of the unit dies at once, and systemd starts it again."""
    faults.kill_all(node, *names)
    until(lambda: node.is_active(unit), 10.0, f"{unit} runs again on {node.name}")
    yield


@contextlib.contextmanager
def squid_not_at_boot(lab: Lab) -> Iterator[None]:
    two(lab).systemctl("disable", "squid")
    try:
        yield
    finally:
        two(lab).systemctl("enable", "squid")


@contextlib.contextmanager
def network_is_late(lab: Lab) -> Iterator[None]:
    """keepalived of proxy-serv02 starts, and the switch gives the node no multicast until it made itself master."""
    node = two(lab)
    with faults.multicast_lost(lab, node):
        node.restart("keepalived")
        until(lambda: node.holds(VIP1), 15.0, f"{node.name} made itself master")
    until(lambda: not node.holds(VIP1), 10.0, f"{node.name} hears the master and yields")
    yield


# -- what the file says and the daemon does not do ------------------------------------------------------------------


@contextlib.contextmanager
def drain_file_nowhere(lab: Lab) -> Iterator[None]:
    """The drain file lies in a folder that is not there when keepalived starts."""
    node = one(lab)
    text = keepalived_conf(node.plan, lab.plans, LOSSLESS)
    assert "/run/haconsole-drain" in text
    with faults.file_replaced(node, KEEPALIVED_CONF, text.replace("/run/haconsole-drain", "/run/gone/drain")):
        node.restart("keepalived")
        yield
    node.restart("keepalived")


@contextlib.contextmanager
def public_link_not_watched(lab: Lab) -> Iterator[None]:
    """proxy-serv01's keepalived watches no link, and its file, which was mended and not loaded, says it should."""
    node = one(lab)
    good = keepalived_conf(node.plan, lab.plans, ARTICLE)
    watching = "  track_interface {\n    eth1\n  }\n"
    assert good.count(watching) == 2
    with reloaded(node, good.replace(watching, "")):
        node.write(KEEPALIVED_CONF, good)
        yield


# -- kernels -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def parameter(node: Node, name: str, value: str) -> Iterator[None]:
    """Another value of one of the kernel's parameters."""
    before = node.exec("sysctl", "-n", name).stdout.strip()
    node.exec("sysctl", "-qw", f"{name}={value}")
    try:
        yield
    finally:
        node.exec("sysctl", "-qw", f"{name}={before}")


@contextlib.contextmanager
def asymmetric_vip(lab: Lab) -> Iterator[None]:
    """Answers of the VIP would leave by the public link (a rule of policy routing), and the path filter is strict."""
    node = one(lab)
    node.exec("ip", "route", "add", "default", "via", ORIGIN_ADDRESS, "dev", "eth1", "table", "77")
    node.exec("ip", "rule", "add", "from", VIP1, "to", OPERATOR_ADDRESS, "lookup", "77")
    try:
        with parameter(node, "net.ipv4.conf.eth0.rp_filter", "1"):
            yield
    finally:
        node.exec("ip", "rule", "del", "from", VIP1, "to", OPERATOR_ADDRESS, "lookup", "77")
        node.exec("ip", "route", "flush", "table", "77", check=False)


@contextlib.contextmanager
def source_route_left(lab: Lab) -> Iterator[None]:
    """proxy-serv02 had the first VIP for a moment, and a route of another table still says to send from it."""
    node, far = two(lab), "198.18.0.0/15"
    node.sh(
        f"ip addr add {VIP1}/32 dev lo && ip rule add to {far} lookup 78 && "
        f"ip route add {far} via {ORIGIN_ADDRESS} dev eth1 src {VIP1} table 78; ip addr del {VIP1}/32 dev lo"
    )
    try:
        yield
    finally:
        node.exec("ip", "rule", "del", "to", far, "lookup", "78", check=False)
        node.exec("ip", "route", "flush", "table", "78", check=False)


@contextlib.contextmanager
def second_link_in_the_lan(lab: Lab) -> Iterator[None]:
    """A second interface with an address in the LAN."""
    node = one(lab)
    node.sh(
        "ip link add link eth0 name eth2 type macvlan mode bridge && ip addr add 192.168.2.249/24 dev eth2 && "
        "ip link set eth2 up"
    )
    try:
        yield
    finally:
        node.exec("ip", "link", "del", "eth2", check=False)


@contextlib.contextmanager
def link_local_lost(lab: Lab) -> Iterator[None]:
    """eth0 of proxy-serv01 loses its link-local address."""
    node = one(lab)
    (own,) = [a for a in node.addresses("eth0") if a.startswith("fe80:") and "ff:fe" in a]
    node.exec("ip", "-6", "addr", "del", own, "dev", "eth0")
    try:
        yield
    finally:
        node.exec("ip", "-6", "addr", "add", own, "dev", "eth0", "nodad")


@contextlib.contextmanager
def address_of_another(lab: Lab) -> Iterator[None]:
    """proxy-serv01 wants an IPv6 address that the operator's host has."""
    node, taken = one(lab), f"{OPERATOR_ADDRESS6}/64"
    with parameter(node, "net.ipv6.conf.eth0.accept_dad", "1"):
        node.exec("ip", "-6", "addr", "add", taken, "dev", "eth0")
        try:
            yield
        finally:
            node.exec("ip", "-6", "addr", "del", taken, "dev", "eth0", check=False)


# -- the wire ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def ttl_lowered(lab: Lab) -> Iterator[None]:
    """Adverts of proxy-serv01 leave with TTL 254, as if a router had passed them on."""
    rule = ("OUTPUT", "-p", "112", "-j", "TTL", "--ttl-set", "254")
    one(lab).exec("iptables", "-w", "-t", "mangle", "-A", *rule)
    try:
        yield
    finally:
        one(lab).exec("iptables", "-w", "-t", "mangle", "-D", *rule, check=False)


def _speak(lab: Lab, frames: Callable[[socket.socket], bytes | None]) -> contextlib.AbstractContextManager[None]:
    """Somebody at the operator's place sends what `frames` gives, each as soon as it has one."""

    @contextlib.contextmanager
    def speaking() -> Iterator[None]:
        ended = threading.Event()

        def speak() -> None:
            with lab.enter_operator(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3)) as mouth:
                mouth.bind(("eth0", 0))
                mouth.settimeout(0.2)
                while not ended.is_set():
                    frame = frames(mouth)
                    if frame is not None:
                        mouth.send(frame)

        thread = threading.Thread(target=speak, name="speaker")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(5)

    return speaking()


def echo(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """A second host uses proxy-serv01's address: its adverts come back to it from another MAC address."""
    own = socket.inet_aton(one(lab).address)

    def again(ear: socket.socket) -> bytes | None:
        try:
            frame = ear.recv(2048)
        except TimeoutError:
            return None
        if frame[12:14] == b"\x08\x00" and frame[23] == 112 and frame[26:30] == own:
            return frame[:6] + bytes.fromhex(MAC.replace(":", "")) + frame[12:]
        return None

    return _speak(lab, again)


def bad_checksum(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """A host advertises our virtual router with a checksum that is wrong."""
    advert = VRRP(version=2, vrid=1, priority=50, addrlist=[VIP1], adv=1, chksum=0x1234)
    frame = bytes(Ether(src=MAC, dst=_GROUP) / IP(src=ADDRESS, dst="224.0.0.18", ttl=255) / advert)

    def each_second(ear: socket.socket) -> bytes:
        threading.Event().wait(1.0)
        return frame

    return _speak(lab, each_second)
