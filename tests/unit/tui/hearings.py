"""What was heard in the moments that matter: real frames, decoded and freed of secrets as the captures do it."""

from __future__ import annotations

from ipaddress import ip_address

from haconsole.cluster.hearing import Hearing
from haconsole.model.capture import CaptureCounts, CapturePhase, CaptureState, Heard
from haconsole.model.packets import Advert, Checksum, Envelope
from haconsole.model.problems import Problem, ProblemKind
from haconsole.runtime.heard import Intake
from haconsole.wire import frames, pcap, vrrp
from tests.unit.tui.scenes import EVIL, NOW, ONE, TWO

SECRET = b"hunter2!"
SOURCES = {ONE: "192.168.2.251", TWO: "192.168.2.252"}
CARDS = {ONE: "52:54:00:00:02:fb", TWO: "52:54:00:00:02:fc"}
SUDOERS = "ops ALL=(root) NOPASSWD: /usr/bin/tcpdump -i eth0 -p -n -U -w - -s 4400 -Z root vrrp or arp or icmp6"


def advert(
    sender: str,
    vrid: int = 1,
    *,
    priority: int = 255,
    version: int = 2,
    auth: bytes = b"",
    interval: float = 1.0,
    ttl: int = 255,
    addresses: tuple[str, ...] | None = None,
    form: Checksum = Checksum.OK,
) -> bytes:
    """An Ethernet frame with one advert of a node, or of any address."""
    source, group = ip_address(SOURCES.get(sender, sender)), ip_address("224.0.0.18")
    made = Advert(
        envelope=Envelope(source=source, destination=group, hop_limit=ttl),
        version=version,
        vrid=vrid,
        priority=priority,
        interval_s=interval,
        addresses=tuple(map(ip_address, addresses or (f"192.168.2.{100 + vrid}",))),
        auth_type=(1 if auth else 0) if version == 2 else None,
        checksum=form,
    )
    packet = frames.ipv4(vrrp.encode(made, auth=auth, form=form), source, group, ttl=ttl)
    mac = CARDS.get(sender, "02:00:00:00:00:66")
    return frames.ethernet(packet, source_mac=mac, destination_mac="01:00:5e:00:00:12", ethertype=frames.IPV4)


def garp(sender: str, address: str) -> bytes:
    """A gratuitous ARP of a node."""
    body = frames.gratuitous_arp(ip_address(address), CARDS[sender])
    return frames.ethernet(body, source_mac=CARDS[sender], destination_mac="ff:ff:ff:ff:ff:ff", ethertype=frames.ARP)


def heard(place: str, at: float, frame: bytes, length: int | None = None) -> Heard:
    """A frame as a capture at `place` gives it on."""
    (one,) = Intake(place).take([pcap.Record(at, frame, length or len(frame), 1)], error_s=0.002)
    return one


def take(hearing: Hearing, said: list[tuple[float, bytes]], places: tuple[str, ...] = (ONE, TWO)) -> None:
    """Frames that all these places hear, by seconds before now."""
    for ago, frame in sorted(said, key=lambda one: -one[0]):
        for place in places:
            hearing.take([heard(place, NOW - ago, frame)])


def listening(hearing: Hearing, *, since: float = 3600.0, places: tuple[str, ...] = (ONE, TWO)) -> None:
    """These places have been listening for so long."""
    for place in places:
        at = NOW - since
        hearing.news(CaptureState(place=place, at=at, phase=CapturePhase.LISTENING, interface="eth0"))
        hearing.news(CaptureCounts(place=place, at=NOW - 1, heard=4711, dropped=0))


def every_second(frame: bytes, first: float, last: float) -> list[tuple[float, bytes]]:
    """From `first` to `last` seconds ago."""
    return [(first - i, frame) for i in range(int(first - last) + 1)]


def healthy(until: float = 0.4) -> Hearing:
    """Each node master of one, both places hear all."""
    hearing = Hearing([ONE, TWO])
    listening(hearing)
    take(
        hearing,
        every_second(advert(ONE, 1), 60 + until, until) + every_second(advert(TWO, 2), 60.2 + until, 0.2 + until),
    )
    return hearing


def takeover() -> Hearing:
    """The first node fell silent 33.6 s ago; the second took over its VIP after 3.6 s, and announced it."""
    hearing = Hearing([ONE, TWO])
    listening(hearing)
    said = every_second(advert(ONE, 1), 63.6, 33.6) + every_second(advert(TWO, 1, priority=100), 30.0, 0.0)
    said += every_second(advert(TWO, 2), 60.2, 0.2)
    said += [(29.99, garp(TWO, "192.168.2.101"))]
    take(hearing, said)
    return hearing


def hand_over() -> Hearing:
    """The first node said priority 0 five seconds ago."""
    hearing = Hearing([ONE, TWO])
    listening(hearing)
    said = [*every_second(advert(ONE, 1), 15.6, 6.6), (5.6, advert(ONE, 1, priority=0))]
    take(hearing, said + every_second(advert(TWO, 1, priority=100), 5.0, 0.0))
    return hearing


def split_brain() -> Hearing:
    """Each place hears its own node only."""
    hearing = Hearing([ONE, TWO])
    listening(hearing)
    take(hearing, every_second(advert(ONE, 1), 60.3, 0.3), (ONE,))
    take(hearing, every_second(advert(TWO, 1, priority=100), 40.1, 0.1), (TWO,))
    return hearing


def silent() -> Hearing:
    """The only master was last heard eight seconds ago."""
    hearing = Hearing([ONE, TWO])
    listening(hearing)
    take(hearing, every_second(advert(ONE, 1), 38.0, 8.0))
    return hearing


NOT_PERMITTED = Problem(
    kind=ProblemKind.NOT_PERMITTED,
    summary=f"{TWO}: ops may not capture on eth0",
    remedy=f"as root on {TWO}: visudo -f /etc/sudoers.d/haconsole-capture, and put in\n{SUDOERS}",
    detail="sudo: a password is required",
)


def not_permitted() -> Hearing:
    """The first node listens, with losses; the second may not."""
    hearing = Hearing([ONE, TWO])
    listening(hearing, places=(ONE,))
    hearing.news(CaptureCounts(place=ONE, at=NOW, heard=1234567, unreadable=2, flooded=815, dropped=3))
    waiting = CaptureState(
        place=TWO,
        at=NOW - 12,
        phase=CapturePhase.WAITING,
        interface="eth0",
        problem=NOT_PERMITTED,
        retry_at=NOW + 18,
    )
    hearing.news(waiting)
    take(hearing, every_second(advert(ONE, 1), 20.4, 0.4), (ONE,))
    return hearing


def strange() -> Hearing:
    """A stranger on the segment, wrong packets, many addresses, version 3, a password."""
    hearing = Hearing([ONE, TWO])
    listening(hearing)
    many = tuple(f"192.168.2.{i}" for i in range(101, 121))
    said = every_second(advert("192.168.2.77", 9, priority=150, auth=SECRET), 20.4, 0.4)
    said += every_second(advert(ONE, 1, version=3, interval=0.5, form=Checksum.OK_MESSAGE_ONLY), 20.3, 0.3)
    said += [(4.0, advert(ONE, 3, ttl=64, form=Checksum.BAD)), (3.0, advert(TWO, 4, addresses=many))]
    take(hearing, said)
    return hearing


def hostile() -> Hearing:
    """Names and words that try to obey a terminal."""
    hearing = Hearing([EVIL, ONE])
    problem = Problem(kind=ProblemKind.COMMAND_FAILED, summary=EVIL, remedy=f"{EVIL}\n{EVIL}", detail=EVIL)
    state = CaptureState(place=EVIL, at=NOW, phase=CapturePhase.WAITING, interface=EVIL, problem=problem, retry_at=NOW)
    hearing.news(state)
    hearing.news(CaptureState(place=ONE, at=NOW - 100, phase=CapturePhase.LISTENING, interface=EVIL))
    take(hearing, every_second(advert("192.168.2.66", 1), 20.0, 0.0), (EVIL, ONE))
    return hearing
