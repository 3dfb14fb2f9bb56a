"""A node's interfaces and addresses, and iproute2's words for them (as iproute2 6.1 prints with -o)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Interface, ip_interface
from typing import Final

from haconsole.demo.plan import link_local
from haconsole.model.readings import IpInterface
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

LINK_LOCAL_S = 1.8
"""Until a link that came up has its link-local address: duplicate address detection."""
_RULES: Final = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"
"""`ip -o rule` of a host without policy routing."""


@dataclass(slots=True)
class SimLink:
    """One interface."""

    index: int
    name: str
    mac: str
    up: bool = True
    carrier: bool = True

    @property
    def running(self) -> bool:
        """Usable: up and with a carrier."""
        return self.up and self.carrier

    def text(self, *, monitor: bool = False) -> str:
        """Its line in `ip -o link`, or in `ip -o monitor link`, which leaves out mode and qlen."""
        tail = "group default " if monitor else "mode DEFAULT group default qlen 1000"
        if self.name == "lo":
            flags, rest = "LOOPBACK,UP,LOWER_UP", f"mtu 65536 qdisc noqueue state UNKNOWN {tail}"
            kind = "loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00"
        else:
            names = ["NO-CARRIER"] if self.up and not self.carrier else []
            names += ["BROADCAST", "MULTICAST"] + (["UP"] if self.up else []) + (["LOWER_UP"] if self.running else [])
            flags = ",".join(names)
            rest = f"mtu 1500 qdisc fq_codel state {'UP' if self.running else 'DOWN'} {tail}"
            kind = f"ether {self.mac} brd ff:ff:ff:ff:ff:ff"
        return f"{self.index}: {self.name}: <{flags}> {rest}\\    link/{kind}"


@dataclass(frozen=True, slots=True)
class SimAddress:
    """One address. `label`: IPv4 only; `own`: not put there by keepalived."""

    interface: str
    address: IpInterface
    label: str | None = None
    own: bool = True

    def text(self, index: int) -> str:
        """Its line in `ip -o addr`, also what `ip -o monitor` says of it."""
        address = self.address
        scope = "host" if address.ip.is_loopback else "link" if address.ip.is_link_local else "global"
        if isinstance(address, IPv4Interface):
            broadcast = f"brd {address.network.broadcast_address} " if self.own and scope != "host" else ""
            secondary = "" if self.own or address.network.prefixlen == 32 else "secondary "
            label = self.label or self.interface
            return (
                f"{index}: {self.interface}    inet {address} {broadcast}scope {scope} {secondary}{label}"
                "\\       valid_lft forever preferred_lft forever"
            )
        # keepalived lets no /128 be a source address: it is deprecated from the start.
        deprecated = not self.own and address.network.prefixlen == 128
        flags = ("" if self.own else "nodad ") + ("deprecated " if deprecated else "")
        preferred = "0sec" if deprecated else "forever"
        return (
            f"{index}: {self.interface}    inet6 {address} scope {scope} {flags}"
            f"\\       valid_lft forever preferred_lft {preferred}"
        )


class Kernel:
    """Interfaces and addresses. `later(delay_s, action)` runs something after a while.

    `on_link` hears of every interface that became usable or unusable, `on_lost` of every address
    that somebody removed, `listeners` get the monitor's lines.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._later = later
        self.links: dict[str, SimLink] = {}
        self.addresses: list[SimAddress] = []
        self._configured: list[SimAddress] = []
        self.listeners: list[Callable[[str], None]] = []
        self._taps: dict[str, list[Callable[[bytes], None]]] = {}
        self.on_link: Callable[[str, bool], None] = lambda name, running: None
        self.on_lost: Callable[[IpAddress], None] = lambda address: None

    def add_link(self, name: str, mac: str, addresses: Iterable[str]) -> None:
        """A new interface that is up, with its own addresses and an IPv6 link-local one."""
        self.links[name] = SimLink(len(self.links) + 1, name, mac)
        for text in addresses:
            self._configured.append(SimAddress(name, ip_interface(text)))
        if name != "lo":
            self._configured.append(SimAddress(name, link_local(mac)))
        self.addresses = list(self._configured)

    def boot(self) -> None:
        """As after power on: every interface up, only its own addresses."""
        self.addresses = list(self._configured)
        for link in self.links.values():
            link.up = True

    def tap(self, name: str, heard: Callable[[bytes], None]) -> Callable[[], None]:
        """Let `heard` have every frame of an interface; returns what ends that, safe at any time."""
        taps = self._taps.setdefault(name, [])
        taps.append(heard)

        def untap() -> None:
            if heard in taps:
                taps.remove(heard)

        return untap

    def tapped(self, name: str) -> bool:
        """Does anybody capture on the interface."""
        return bool(self._taps.get(name))

    def frame(self, name: str, data: bytes) -> None:
        """A frame passes the interface, in or out, if it is usable: firewalls stand behind what taps it."""
        if self.running(name):
            for heard in tuple(self._taps.get(name, ())):
                heard(data)

    def running(self, name: str) -> bool:
        """Is the interface usable; False: also when there is none of that name."""
        return name in self.links and self.links[name].running

    def set_up(self, name: str, *, up: bool) -> None:
        """`ip link set NAME up|down`: a bounce keeps IPv4 addresses and loses the IPv6 ones."""
        link = self.links[name]
        if link.up == up:
            return
        link.up = up
        self._link_changed(link)
        if not up:
            for address in [a for a in self.addresses if a.interface == name and a.address.version == 6]:
                self._drop(address)

    def set_carrier(self, name: str, *, carrier: bool) -> None:
        """The cable goes out or in."""
        link = self.links[name]
        if link.carrier != carrier:
            link.carrier = carrier
            self._link_changed(link)

    def _link_changed(self, link: SimLink) -> None:
        self._say(link.text(monitor=True))
        self.on_link(link.name, link.running)
        if link.running:
            self._later(LINK_LOCAL_S, lambda: self._link_local(link))

    def _link_local(self, link: SimLink) -> None:
        address = SimAddress(link.name, link_local(link.mac))
        if link.running and address not in self.addresses:
            self.add(address)

    def has(self, address: IpAddress) -> bool:
        """Is the address on any interface."""
        return any(a.address.ip == address for a in self.addresses)

    def add(self, address: SimAddress) -> None:
        """Put an address on its interface; one that is there is announced again."""
        if address not in self.addresses:
            self.addresses.append(address)
        self._say(address.text(self.links[address.interface].index))

    def remove(self, address: IpAddress) -> None:
        """Take an address off; nothing when it is not there."""
        for found in [a for a in self.addresses if a.address.ip == address]:
            self._drop(found)

    def _drop(self, address: SimAddress) -> None:
        self.addresses.remove(address)
        self._say("Deleted " + address.text(self.links[address.interface].index))
        self.on_lost(address.address.ip)

    def _say(self, line: str) -> None:
        for listener in tuple(self.listeners):
            listener(line)

    def flags(self, name: str) -> str:
        """`cat /sys/class/net/NAME/flags`; `-`: there is no such interface."""
        link = self.links.get(name)
        if link is None:
            return "-"
        return hex((0x8 if name == "lo" else 0x1002) | int(link.up))  # loopback, or broadcast and multicast; up

    def ip_link(self) -> str:
        """`ip -o link`"""
        return "".join(f"{link.text()}\n" for link in self.links.values())

    def host_state(self) -> str:
        """What `catalogue.read.HOST` prints: a default route by the public interface, room everywhere."""
        public = list(self.links)[-1]
        gateway = next((a.address.network[1] for a in self._configured if a.interface == public), None)
        up = self.links[public].up and gateway is not None
        route = f"default via {gateway} dev {public} proto static \n" if up else "\n"
        disk = "9c1b3a5f 4096 5120710 3911042 1310720 1204551 /\n17 4096 101293 100211 405172 404310 /run\n"
        names = ("all", "default", *self.links)
        settings = "".join(f"{n}/{s} 0\n" for s in ("rp_filter", "arp_ignore", "arp_filter") for n in names)
        told = f"connections\n{40 * len(self.links)}\n262144\npaths\n{settings}dropped 0\n"
        return f"routes\n{route}sources\n{_RULES}disks\n{disk}{told}"

    def ip_addr(self) -> str:
        """`ip -o addr`: by interface, IPv4 first, newest IPv6 first as the kernel lists them."""
        lines = []
        for link in self.links.values():
            own = [a for a in self.addresses if a.interface == link.name]
            lines += [a.text(link.index) for a in own if a.address.version == 4]
            lines += [a.text(link.index) for a in own if a.address.version == 6]
        return "".join(f"{line}\n" for line in lines)
