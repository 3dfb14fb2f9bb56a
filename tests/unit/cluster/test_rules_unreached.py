"""Rules about packets that squid never sees: each fires on its proof alone. Real ones: the lab (`make soak`)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.model.findings import Severity
from haconsole.model.host import HostReading
from haconsole.model.packets import Announcement
from haconsole.model.readings import KernelReading, Link
from tests.unit.cluster.builders import ONE, V1, V2, Play, address, healthy, kernel, no_answer, squid
from tests.unit.cluster.ears import A, B, Ears, advert, listening

MAC = "00:00:5e:00:01:01"
LOST = "timed out connecting"
PLAIN = HostReading(path_dropped=3, strict_path=frozenset())


def counted(frames: int | None) -> HostReading:
    return replace(PLAIN, virtual_frames=None if frames is None else {"vrrp.1": frames})


def with_virtual_mac(mac: str = MAC) -> KernelReading:
    """The VIP of the first node is on an interface of its own, as `use_vmac` makes it."""
    own = kernel(ONE)
    links = {**own.links, "vrrp.1": Link(name="vrrp.1", up=True, carrier=True, mac=mac)}
    return KernelReading(links=links, addresses=(*own.addresses, address(f"{V1}/24", "vrrp.1")))


def dialled(before: HostReading, after: HostReading, *, error: str = LOST, mac: str | None = MAC) -> Play:
    """Clients of the first VIP get no answer for eight seconds; the node is read twice meanwhile."""
    play = healthy()
    if mac is not None:
        play.read(ONE, with_virtual_mac(mac))
    play.wait(1.0).probe(V1, no_answer(error)).served(V2).read(ONE, before).later(2.0).probe(V1, no_answer(error))
    play.later(3.0).read(ONE, after).served(V2).probe(V1, no_answer(error))
    return play.later(1.0).served(V2).probe(V1, no_answer(error))


def test_frames_for_a_virtual_mac_address_that_never_come_in() -> None:
    play = dialled(counted(7), counted(7))
    found = play.one("virtual-mac-unreached")
    assert (found.severity, found.unknown, found.node, found.vip) == (Severity.WARNING, False, ONE, V1)
    assert found.evidence[0].text == f"vrrp.1: no frame for {MAC} came in within 5.0 s"
    assert play.one("vip-not-serving").follows_from == found.key
    assert "vip-unreached" not in play.ids()


def test_without_a_count_of_frames_it_is_unknown_and_says_what_is_missing() -> None:
    found = dialled(counted(None), counted(None)).one("virtual-mac-unreached")
    assert found.unknown and found.evidence[0].text == f"frames that come in for {MAC}: not told"


@pytest.mark.parametrize(
    "play",
    [
        dialled(counted(7), counted(8)),
        dialled(counted(7), counted(2)),
        dialled(counted(7), counted(7), error="connection refused"),
        dialled(counted(7), counted(7), mac="02:00:00:00:00:01"),
        dialled(counted(7), counted(7), mac=None),
        healthy().read(ONE, with_virtual_mac(), counted(7)).later(5.0).read(ONE, counted(7)).served(V1, V2),
    ],
    ids=["frames come in", "counted anew", "refused", "the card's own address", "no such interface", "served"],
)
def test_it_takes_the_address_the_count_and_the_client(play: Play) -> None:
    assert "virtual-mac-unreached" not in play.ids()


def test_a_count_in_which_nobody_dialled_proves_nothing() -> None:
    play = healthy().read(ONE, with_virtual_mac()).wait(1.0).probe(V1, no_answer(LOST)).served(V2)
    play.read(ONE, counted(7)).wait(0.5).read(ONE, counted(7))
    assert "virtual-mac-unreached" not in play.ids()


# --- where, nobody sees ---------------------------------------------------------------------


def test_packets_that_are_lost_before_a_squid_that_is_well() -> None:
    play = dialled(PLAIN, PLAIN, mac=None)
    found = play.one("vip-unreached")
    assert (found.unknown, found.node, found.vip) == (True, ONE, V1)
    assert f"tcpdump -c 5 -nni eth0 'host {V1} and tcp port 3128'" in (found.remedy or "")
    assert play.one("vip-not-serving").follows_from == found.key
    frames = dialled(counted(7), counted(8)).one("vip-unreached")
    assert frames.node == ONE, "frames come in, and squid does not answer: what drops them?"


@pytest.mark.parametrize(
    "play",
    [
        dialled(PLAIN, replace(PLAIN, path_dropped=9), mac=None),
        dialled(PLAIN, PLAIN, error="connection refused", mac=None),
        dialled(PLAIN, PLAIN, mac=None).read(ONE, squid("192.168.2.251:3128")),
        dialled(PLAIN, PLAIN, mac=None).read(ONE, squid("")),
        healthy().probe(V1, no_answer(LOST)).served(V2),
        dialled(PLAIN, PLAIN, mac=None).removed(ONE, f"{V1}/24").wait(3.0),
    ],
    ids=["path filter", "refused", "squid on another address", "squid's port closed", "just now", "nobody has it"],
)
def test_what_may_be_told_by_another_finding_is_not_told_by_this(play: Play) -> None:
    assert "vip-unreached" not in play.ids()


# --- announcements --------------------------------------------------------------------------


def announced(heard_at: tuple[str, ...], **more: object) -> Ears:
    """The first node announces its VIP; `heard_at` hear it. Adverts are heard by both nodes."""
    play = healthy()
    own = kernel(ONE, str(V1))
    links = {**own.links, "eth0": Link(name="eth0", up=True, carrier=True, mac="02:00:00:00:00:01")}
    ears = listening(play.read(ONE, KernelReading(links=links, addresses=own.addresses)), **more)
    return (
        ears.second(20)
        .steady(advert(A, 1), 0.1, 20)
        .hear(5.0, Announcement(address=V1, mac=links["eth0"].mac or ""), heard_at)
    )


def test_an_announcement_that_leaves_and_does_not_arrive() -> None:
    play = announced((ONE,)).tell(12)
    assert play.one("wire-announcement-lost").severity is Severity.INFO, "clients are served all the same"
    play.probe(V1, no_answer(LOST))
    found = play.one("wire-announcement-lost")
    assert (found.severity, found.node, found.vip) == (Severity.WARNING, ONE, V1)
    assert [e.source for e in found.evidence][:2] == [f"wire at {ONE}", "wire at proxy-serv02"]
    assert play.one("vip-not-serving").follows_from == found.key


@pytest.mark.parametrize(
    "ears",
    [announced((ONE, "proxy-serv02")), announced(("proxy-serv02",)), announced((ONE,), places=(ONE,))],
    ids=["it arrives", "not seen to leave", "nobody else listens"],
)
def test_an_announcement_that_is_not_proven_to_be_lost_is_quiet(ears: Ears) -> None:
    assert "wire-announcement-lost" not in ears.tell(12).ids()


def test_where_not_even_adverts_arrive_it_is_the_way_and_not_the_announcement() -> None:
    ears = listening(healthy()).second(20)
    ears.steady(advert(A, 1), 0.1, 20, places=(ONE,)).announced(5.0, source=B)
    assert "wire-announcement-lost" not in ears.tell(12).ids()
