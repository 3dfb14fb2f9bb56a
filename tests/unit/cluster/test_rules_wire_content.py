"""What adverts say, against what the other node is set to: each rule fires on its proof, and only on it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from haconsole.model.packets import Checksum
from haconsole.model.readings import DaemonReading
from tests.unit.cluster.builders import CONF, ONE, TWO, V1, V2, Play, config, healthy, pair_daemon
from tests.unit.cluster.ears import A, B, Ears, advert, listening, wire_ids


def heard(play: Play | None = None, end: float = 20.0, **more: object) -> Ears:
    """The article's pair; the first virtual router's adverts changed in `more`."""
    return listening(play).steady(advert(A, 1, **more), 0.1, end).second(end)  # type: ignore[arg-type]


def also(ears: Ears, end: float = 20.0, **more: object) -> Ears:
    """The second node is a master of the first virtual router too."""
    return ears.steady(advert(B, 1, 100, **more), 5.4, end)  # type: ignore[arg-type]


def second(**changes: object) -> Play:
    """proxy-serv02's first instance has other settings."""
    made = pair_daemon(TWO)
    first = replace(made.instances[0], **changes)  # type: ignore[arg-type]
    return healthy().read(TWO, DaemonReading(kind="DATA", instances=(first, made.instances[1])))


# --- settings that differ -----------------------------------------------------------------------


def test_another_interval() -> None:
    found = heard(second(advert_interval_s=3.0)).tell(20).one("wire-interval-mismatch")
    assert (found.node, found.instance) == (TWO, "proxy_ip1")
    assert "every 1 s" in found.summary and "3 s" in found.summary and "discards" in found.summary
    assert [e.source for e in found.evidence] == [f"wire at {ONE}", f"keepalived on {TWO}"]


def test_version_3_adopts_the_interval_so_only_the_file_tells() -> None:
    play = second(advert_interval_s=3.0, version=3)
    assert "wire-interval-mismatch" not in heard(play, version=3, auth_type=None).tell(20).ids()
    text = CONF.format(one=100, two=255).replace("priority 100", "priority 100\n  advert_int 3")
    play = second(version=3).read(TWO, config(TWO, text))
    found = heard(play, version=3, auth_type=None).tell(20).one("wire-interval-mismatch")
    assert "discards" not in found.summary


def test_another_version() -> None:
    found = heard(second(version=3)).tell(20).one("wire-version-mismatch")
    assert found.node == TWO and "version 2" in found.summary and "version 3" in found.summary


def test_a_version_that_nobody_told_is_no_mismatch() -> None:
    assert wire_ids(heard(second(version=None, advert_interval_s=None)).tell(20)) == []


def test_other_types_of_authentication() -> None:
    play = also(heard(auth_type=1)).tell(20)
    found = play.one("wire-auth-mismatch")
    assert "(1 and 0)" in found.summary
    assert play.one("wire-two-masters").follows_from == found.key


def test_the_same_type_is_no_mismatch() -> None:
    assert wire_ids(also(heard(auth_type=1), auth_type=1).tell(20)) == ["wire-unheard", "wire-two-masters"]


def test_other_addresses() -> None:
    more = (ip_interface("192.168.2.101/24"), ip_interface("192.168.2.103/24"))
    found = heard(second(vips=more)).tell(20).one("wire-vip-list-mismatch")
    assert found.node == TWO and f"only on {TWO} 192.168.2.103" in found.summary


def test_the_order_of_addresses_and_link_local_ones_do_not_matter() -> None:
    lists = (ip_interface("192.168.2.103/24"), ip_interface("192.168.2.101/24"), ip_interface("fe80::1/64"))
    said = (V1, ip_address("192.168.2.103"))
    assert wire_ids(heard(second(vips=lists), addresses=said).tell(20)) == []


def test_unicast_meets_multicast() -> None:
    play = also(heard(), to=A).tell(20)
    found = play.one("wire-unicast-mixed")
    assert "multicast" in found.summary
    assert play.one("wire-two-masters").follows_from == found.key


def test_unicast_on_the_wire_against_a_file_without_peers() -> None:
    assert heard(to=B).tell(20).one("wire-unicast-mixed").evidence[1].source == f"keepalived.conf on {TWO}"


def test_unicast_on_both_sides_is_well() -> None:
    peers = "  unicast_peer {\n 192.168.2.251\n }\n  priority 100\n"
    text = CONF.format(one=100, two=255).replace("  priority 100\n", peers)
    assert wire_ids(heard(healthy().read(TWO, config(TWO, text)), to=B).tell(20)) == []


def test_equal_priorities() -> None:
    made = pair_daemon(ONE).instances
    both = second(priority=200).read(
        ONE, DaemonReading(kind="DATA", instances=(replace(made[0], priority=200), made[1]))
    )
    found = heard(both, priority=200).tell(20).one("wire-equal-priorities")
    assert "200" in found.summary and TWO in found.summary


def test_a_priority_that_is_equal_only_by_a_drain_is_well() -> None:
    assert "wire-equal-priorities" not in heard(priority=100).tell(20).ids()


def test_two_owners() -> None:
    found = heard().steady(advert(B, 1, 255), 5.4, 20).tell(20).one("wire-two-owners")
    assert ONE in found.summary and TWO in found.summary


def test_an_owner_that_stands_by_is_told_by_its_daemon() -> None:
    found = heard(second(priority=255)).tell(20).one("wire-two-owners")
    assert found.summary.startswith(f"{ONE} (192.168.2.251) and {TWO} have priority 255 for VRID 1")
    assert [e.source for e in found.evidence] == [f"wire at {ONE}", f"keepalived on {TWO}"]


def test_each_the_owner_of_its_own_is_well() -> None:
    assert wire_ids(heard().tell(20)) == []


# --- packets that are discarded ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "severity"), [(Checksum.BAD, "warning"), (Checksum.OK_MESSAGE_ONLY, "info")], ids=lambda v: str(v)
)
def test_a_checksum_that_receivers_refuse(verdict: Checksum, severity: str) -> None:
    found = heard(checksum=verdict).tell(20).one("wire-checksum")
    assert (found.severity.word, found.node) == (severity, ONE)


def test_a_checksum_that_could_not_be_seen_proves_nothing() -> None:
    assert wire_ids(heard(checksum=Checksum.UNKNOWN).tell(20)) == []


def test_a_ttl_below_255() -> None:
    found = heard(ttl=254).tell(20).one("wire-ttl")
    assert "254" in found.summary and found.node == ONE


def test_unicast_may_be_routed() -> None:
    assert "wire-ttl" not in heard(ttl=64, to=B).tell(20).ids()


def test_own_adverts_that_come_back() -> None:
    ears = heard(end=40).steady(advert(A, 1), 0.1002, 40)
    found = ears.tell(40).one("wire-own-advert")
    assert found.node == ONE and "reflects" in found.summary


def test_a_second_host_with_the_node_s_address() -> None:
    ears = heard(end=40).steady(advert(A, 1, mac="02:00:00:00:00:99"), 0.6, 40)
    found = ears.tell(40).one("wire-own-advert")
    assert "second host" in found.summary and "02:00:00:00:00:99" in found.summary


def test_adverts_that_answer_another_s_are_no_reflection() -> None:
    """A master answers each lower one at once: twice as many adverts, and rightly."""
    ears = also(heard(end=40), end=40).steady(advert(A, 1), 5.4002, 40)
    assert "wire-own-advert" not in ears.tell(40).ids()


def late(*gaps: float, places: tuple[str, ...] = (ONE, TWO)) -> Ears:
    """Sixty adverts of the first master, of which some come late."""
    ears, at = listening().second(80), 0.1
    for n in range(60):
        at += gaps[n - 30] if 30 <= n < 30 + len(gaps) else 1.0
        ears.hear(at, advert(A, 1), places if 30 <= n < 30 + len(gaps) else (ONE, TWO))
    return ears


def test_adverts_that_come_late() -> None:
    found = late(1.6, 1.7, 2.6).tell(63.5).one("wire-jitter")
    assert "3 of the last 59" in found.summary and "2.6 s" in found.summary
    assert late(2.7).tell(61.5).one("wire-jitter")


def test_one_that_is_a_little_late_is_nothing() -> None:
    assert wire_ids(late(1.6).tell(60.5)) == []


def test_what_only_one_place_missed_is_no_jitter() -> None:
    ears = listening().second(60)
    for n in range(60):
        ears.hear(0.1 + n, advert(A, 1), (ONE,) if n in {31, 35, 39} else (ONE, TWO))
    assert wire_ids(ears.tell(59.5)) == []


def test_nothing_of_the_second_virtual_router_was_touched() -> None:
    play = heard(ttl=1, checksum=Checksum.BAD).tell(20)
    assert {f.instance for f in play.findings()} == {"proxy_ip1"}
    assert {v.address for v in play.picture().vips} == {V1, V2}
