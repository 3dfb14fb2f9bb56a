"""What passes the simulated LAN, octet for octet and in its order, in simulated time."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.plan import Happening, What
from haconsole.demo.scenarios import ONE, SCENARIOS, TWO
from haconsole.model.packets import Advert, Announcement, Packet
from haconsole.model.spec import IpAddress
from haconsole.wire import frames

logging.getLogger("scapy").setLevel(logging.ERROR)
ZERO = 1_795_000_000.0
MACS = {ONE: "52:54:00:00:01:00", TWO: "52:54:00:00:02:00"}
A, B = ip_address("192.168.2.251"), ip_address("192.168.2.252")
VIP1, VIP2 = ip_address("192.168.2.101"), ip_address("192.168.2.102")


@dataclass
class Ear:
    """Taps an interface of one node from now on."""

    cluster: ClusterSim
    node: str = TWO
    interface: str = "eth0"
    raw: list[tuple[float, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        kernel = self.cluster.nodes[self.node].kernel
        self.end: Callable[[], None] = kernel.tap(self.interface, self._heard)

    def _heard(self, frame: bytes) -> None:
        self.raw.append((self.cluster.sim.now, frame))

    @property
    def heard(self) -> list[tuple[float, Packet]]:
        found = [(at, frames.decode(frame)) for at, frame in self.raw]
        return [(at, packet) for at, packet in found if packet is not None]

    def adverts(self, vrid: int) -> list[tuple[float, Advert]]:
        return [(at, p) for at, p in self.heard if isinstance(p, Advert) and p.vrid == vrid]

    def announced(self, address: IpAddress) -> list[tuple[float, str]]:
        return [(at, p.mac) for at, p in self.heard if isinstance(p, Announcement) and p.address == address]


def cluster(scenario: str = "healthy") -> ClusterSim:
    return ClusterSim(SCENARIOS[scenario].clusters[0], ZERO)


def do(found: ClusterSim, what: What, node: str = ONE, arg: str = "") -> None:
    found.nodes[node].befall(Happening(at_s=0, node=node, what=what, arg=arg))


def run(found: ClusterSim, seconds: float) -> None:
    found.sim.run_until(found.sim.now + seconds)


def test_masters_advertise_once_a_second_on_both_nodes() -> None:
    found = cluster()
    ears = {node: Ear(found, node) for node in (ONE, TWO)}
    run(found, 10.0)
    for node, ear in ears.items():
        for vrid, source, owner in ((1, A, ONE), (2, B, TWO)):
            adverts = ear.adverts(vrid)
            assert len(adverts) == 10
            assert all(b[0] - a[0] == pytest.approx(1.0, abs=1e-4) for a, b in itertools.pairwise(adverts))
            envelope = adverts[0][1].envelope
            assert (envelope.source, str(envelope.destination)) == (source, "224.0.0.18")
            assert (envelope.hop_limit, envelope.source_mac) == (255, MACS[owner])
            assert {(a.priority, a.checksum.ok, a.problems) for _, a in adverts} == {(255, True, ())}
        lengths = {frames.decode(f).envelope.source: len(f) for _, f in ear.raw}  # type: ignore[union-attr]
        assert lengths == ({A: 54, B: 60} if node == ONE else {A: 60, B: 54}), "padded by the sender's card"


def test_an_advert_octet_for_octet() -> None:
    found = cluster()
    ear = Ear(found, ONE)
    run(found, 2.0)
    frame = next(f for _, f in ear.raw if f[6:12].hex(":") == MACS[ONE])
    number = int.from_bytes(frame[18:20], "big")
    assert frame[:18].hex() == "01005e000012" + "525400000100" + "0800" + "45c00028"
    assert frame[20:24].hex() == "0000" + "ff70"
    assert frame[26:].hex() == "c0a802fb" + "e0000012" + "2101ff01" + "00011cee" + "c0a80265" + "00" * 8
    later = [f for _, f in ear.raw if f[6:12].hex(":") == MACS[ONE]][1]
    assert int.from_bytes(later[18:20], "big") == number + 1, "keepalived counts its packets"


def test_scapy_reads_the_same() -> None:
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import ICMPv6ND_NA, IPv6, in6_chksum
    from scapy.layers.l2 import ARP, Ether
    from scapy.layers.vrrp import VRRP, VRRPv3

    for scenario in ("healthy", "ipv6"):
        found = cluster(scenario)
        ear = Ear(found)
        do(found, What.LINK_DOWN, arg="eth1")
        run(found, 8.0)
        kinds = set()
        for _, frame in ear.raw:
            packet, ours = Ether(frame), frames.decode(frame)
            if isinstance(ours, Advert):
                if IP in packet:
                    layer = packet[VRRPv3 if ours.version == 3 else VRRP]
                    assert (layer.vrid, layer.priority) == (ours.vrid, ours.priority)
                    assert layer.addrlist == [str(a) for a in ours.addresses]
                    again, length = Ether(frame), 14 + packet[IP].len
                    del again[IP].chksum, again[type(layer)].chksum
                    assert bytes(again)[:length] == frame[:length]
                else:
                    payload = frame[54 : 54 + packet[IPv6].plen]
                    assert in6_chksum(112, packet[IPv6], payload) == 0
                    assert (packet[IPv6].dst, packet.dst) == ("ff02::12", "33:33:00:00:00:12")
            else:
                assert isinstance(ours, Announcement)
                target = packet[ARP].psrc if ARP in packet else packet[ICMPv6ND_NA].tgt
                assert (target, packet.src) == (str(ours.address), ours.mac)
                if IPv6 in packet:
                    again = Ether(frame)
                    del again[ICMPv6ND_NA].cksum
                    assert bytes(again) == frame
            kinds.add((type(ours).__name__, 6 if IPv6 in packet else 4))
        families = {4} if scenario == "healthy" else {4, 6}
        assert kinds == {(kind, family) for kind in ("Advert", "Announcement") for family in families}


def test_a_fault_gives_priority_0_then_the_other_takes_over_and_announces() -> None:
    found = cluster()
    ear = Ear(found)
    run(found, 2.5)
    at = found.sim.now
    do(found, What.LINK_DOWN, arg="eth1")
    run(found, 12.0)
    adverts = [(t - at, a.priority, a.envelope.source) for t, a in ear.adverts(1) if t >= at]
    assert adverts[0] == (pytest.approx(0.0002, abs=1e-6), 0, A)
    assert [(p, s) for _, p, s in adverts[1:4]] == [(100, B)] * 3
    took = adverts[1][0]
    assert took == pytest.approx(0.609, abs=0.002), "the skew of priority 100"
    garps = [(t - at, mac) for t, mac in ear.announced(VIP1)]
    assert {mac for _, mac in garps} == {MACS[TWO]}
    assert [t - took for t, _ in garps] == pytest.approx([0.0] * 5 + [5.0] * 5, abs=0.001)
    assert all(took < t for t, _ in garps), "the advert comes first"
    assert not ear.announced(VIP2)


def test_ipv6_takeover_says_so_by_neighbour_advertisements() -> None:
    found = cluster("ipv6")
    ear = Ear(found)
    do(found, What.KEEPALIVED_STOP)
    run(found, 7.0)
    vip = ip_address("2001:db8:2::101")
    first, second = ear.adverts(11)[0][1], ear.adverts(11)[1][1]
    assert (first.priority, str(first.envelope.source)) == (0, "fe80::5054:ff:fe00:100")
    assert (second.priority, str(second.envelope.source)) == (100, "fe80::5054:ff:fe00:200")
    assert (second.version, second.checksum.ok, second.addresses) == (3, True, (ip_address("fe80::101"), vip))
    assert [mac for _, mac in ear.announced(vip)] == [MACS[TWO]] * 10
    assert {a.version for _, a in ear.adverts(1)} == {3}


def test_who_was_master_only_for_a_moment_announces_no_second_time() -> None:
    found = cluster()
    ear = Ear(found)
    do(found, What.LINK_DOWN, arg="eth1")
    run(found, 1.0)
    assert len(ear.announced(VIP1)) == 5
    do(found, What.LINK_DOWN, node=TWO, arg="eth1")
    run(found, 10.0)
    assert len(ear.announced(VIP1)) == 5


def test_a_master_that_hears_a_lower_one_announces_again() -> None:
    found = cluster("split-brain")
    ear = Ear(found, TWO)
    run(found, 3.0)
    assert {a.envelope.source for _, a in ear.adverts(1)} == {B}, "the firewall drops what proxy-serv01 sends"
    do(found, What.ADVERTS_FREE)
    run(found, 3.0)
    assert {mac for _, mac in ear.announced(VIP1)} == {MACS[ONE]}
    assert {a.envelope.source for _, a in ear.adverts(1)[-2:]} == {A}


def test_what_a_firewall_drops_is_still_captured() -> None:
    found = cluster("split-brain")
    ear = Ear(found, ONE)
    run(found, 3.0)
    assert {a.envelope.source for _, a in ear.adverts(1)} == {B}
    assert found.nodes[ONE].kernel.has(VIP1)


def test_a_drained_master_advertises_what_is_left_of_its_priority() -> None:
    found = cluster("drainable")
    ear = Ear(found)
    run(found, 2.0)
    do(found, What.DRAIN, arg="-200")
    run(found, 2.0)
    assert [a.priority for _, a in ear.adverts(1)][-1] == 54


def test_nothing_is_heard_while_the_own_link_is_down_nor_on_eth1() -> None:
    found = cluster()
    ear, public = Ear(found, TWO), Ear(found, TWO, "eth1")
    do(found, What.CARRIER_LOST, node=TWO, arg="eth0")
    run(found, 5.0)
    assert ear.raw == []
    do(found, What.CARRIER_BACK, node=TWO, arg="eth0")
    run(found, 5.0)
    assert ear.raw
    assert public.raw == []
    do(found, What.POWER_OFF, node=TWO)
    before = len(ear.raw)
    run(found, 5.0)
    assert len(ear.raw) == before


def test_a_card_that_is_off_sends_nothing() -> None:
    found = cluster()
    ear = Ear(found, TWO)
    do(found, What.LINK_DOWN, arg="eth0")
    run(found, 3.0)
    assert ear.adverts(1) == []


def test_without_anybody_who_listens_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    real = frames.ethernet

    def counting(*args: object, **kwargs: object) -> bytes:
        built.append(args)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("haconsole.wire.frames.ethernet", counting)
    found = cluster()
    ear = Ear(found)
    run(found, 3.0)
    assert len(built) == len(ear.raw) == 6
    ear.end()
    ear.end()
    do(found, What.LINK_DOWN, arg="eth1")
    run(found, 10.0)
    assert len(built) == 6
