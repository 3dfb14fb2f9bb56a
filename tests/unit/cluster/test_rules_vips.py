"""Rules about VIPs: each with what makes it fire and what keeps it quiet."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from haconsole.model.events import Phase, Subject
from haconsole.model.findings import Severity
from haconsole.model.problems import ProblemKind
from tests.unit.cluster.builders import (
    BACKUP,
    BOOT,
    MASTER,
    ONE,
    TWO,
    V1,
    V2,
    Play,
    answer,
    daemon,
    drained_daemon,
    eth1_down,
    healthy,
    instance,
    kernel,
    moved_to_two,
    no_answer,
    pair_daemon,
    problem,
    spec,
    squid,
    unit,
    units,
)

LOST = problem(ProblemKind.LINK_LOST, "proxy-serv01: lost")
VIP1 = f"{V1}/24"


def test_a_healthy_pair_has_no_finding() -> None:
    assert healthy().ids() == []
    assert healthy().later(120.0).served().ids() == []


# --- vips-unknown ---------------------------------------------------------------------


def test_no_vip_known() -> None:
    play = Play().phase(ONE, Phase.WAITING, LOST).phase(TWO, Phase.WAITING, LOST)
    found = play.one("vips-unknown")
    assert found.unknown and found.follows_from == f"node-unreachable/{ONE}//"
    assert play.verdict == "unknown"


def test_before_the_first_node_has_told_of_vips_it_is_connecting() -> None:
    found = Play().phase(ONE, Phase.CONNECTING).one("vips-unknown")
    assert found.summary == f"connecting … to {ONE} and {TWO}: no VIP is known yet"
    assert (found.severity, found.unknown) == (Severity.INFO, True)


def test_configured_vips_are_known_vips() -> None:
    assert "vips-unknown" not in Play(spec(vips=[str(V1)])).ids()


# --- vip-held-by-none -------------------------------------------------------------------


def on_none(play: Play) -> Play:
    return play.removed(ONE, VIP1).wait(2.0).beat()


def test_held_by_none() -> None:
    play = on_none(healthy()).probe(V1, no_answer("no route to the address")).served(V2)
    found = play.one("vip-held-by-none")
    assert (found.severity, found.vip) == (Severity.CRITICAL, V1)
    assert found.summary == "192.168.2.101 is on no node"
    assert [e.source for e in found.evidence][:2] == [f"kernel on {ONE}", f"kernel on {TWO}"]
    following = play.one("vip-not-serving")
    assert following.follows_from == found.key
    assert "find who" not in (following.remedy or ""), "the cause says that nobody has it"


def test_held_by_none_and_yet_somebody_answers() -> None:
    found = on_none(healthy()).served().one("vip-held-by-none")
    assert "a host that is no node of this cluster" in found.summary
    assert found.remedy is not None and "arping" in found.remedy


def test_held_by_none_is_not_told_while_it_settles_or_while_a_node_is_unread() -> None:
    play = healthy().removed(ONE, VIP1).wait(0.5).served()
    assert "vip-held-by-none" not in play.ids()
    play = on_none(healthy()).failed(TWO, Subject.KERNEL, problem(ProblemKind.COMMAND_TIMED_OUT)).served()
    assert "vip-held-by-none" not in play.ids()


# --- vip-held-by-several -----------------------------------------------------------------


def test_held_by_several() -> None:
    play = healthy().added(TWO, VIP1).wait(2.0).beat().served()
    found = play.one("vip-held-by-several")
    assert (found.severity, found.vip) == (Severity.CRITICAL, V1)
    assert f"{ONE} and {TWO}" in found.summary
    assert found.remedy is not None and f"{TWO} is dead" in found.remedy and "192.168.2.101/24 dev eth0" in found.remedy


def test_a_hand_over_is_no_split() -> None:
    play = healthy().added(TWO, VIP1).wait(0.02).removed(ONE, VIP1).served()
    assert "vip-held-by-several" not in play.ids()
    assert "vip-held-by-several" not in play.wait(5.0).beat().served().ids()


def test_a_split_while_a_third_cannot_be_read_is_a_split_all_the_same() -> None:
    play = healthy(spec(nodes=3)).added(TWO, VIP1).wait(2.0).beat().served()
    play.phase("proxy-serv03", Phase.WAITING, LOST)
    assert play.one("vip-held-by-several").severity is Severity.CRITICAL


# --- vip-moving ----------------------------------------------------------------------------


def test_moving() -> None:
    play = healthy().removed(ONE, VIP1).wait(0.5).served()
    found = play.one("vip-moving")
    assert (found.severity, play.verdict) == (Severity.WARNING, "warning")
    assert "on no node" in found.summary
    play = healthy().added(TWO, VIP1).wait(0.5).served()
    assert f"on {ONE} and {TWO}" in play.one("vip-moving").summary


def test_moving_ends_when_one_has_it() -> None:
    assert "vip-moving" not in healthy().moved(VIP1, ONE, TWO).served().ids()


# --- vip-holders-unknown ------------------------------------------------------------------


def test_on_no_readable_node_and_served_is_presumed() -> None:
    play = healthy().wait(3.0).phase(ONE, Phase.WAITING, LOST).served()
    found = play.one("vip-holders-unknown")
    assert "presumably on proxy-serv01" in found.summary
    assert (found.severity, found.unknown, found.vip) == (Severity.WARNING, False, V1)
    assert found.follows_from == f"node-unreachable/{ONE}//"


def test_a_vip_that_another_node_is_seen_to_hold_is_known() -> None:
    play = healthy().moved(VIP1, ONE, TWO).wait(3.0).phase(ONE, Phase.WAITING, LOST).beat(TWO).served()
    assert "vip-holders-unknown" not in play.ids()


def test_on_no_readable_node_and_not_tried_is_unknown() -> None:
    play = healthy().wait(9.0).beat(TWO).phase(ONE, Phase.WAITING, LOST).served(V2)
    assert play.one("vip-holders-unknown").unknown


def test_on_no_readable_node_and_failing_is_critical_by_the_client() -> None:
    play = healthy().wait(1.0).phase(ONE, Phase.WAITING, LOST).probe(V1, no_answer())
    failing = play.one("vip-not-serving")
    assert failing.severity is Severity.CRITICAL
    assert failing.follows_from == play.one("vip-holders-unknown").key


def test_while_the_first_try_goes_on_it_is_connecting_and_stays_unknown() -> None:
    play = Play(spec(vips=[str(V1)])).phase(ONE, Phase.CONNECTING).probe(V1)
    found = play.one("vip-holders-unknown")
    assert found.summary == f"connecting … to {ONE} and {TWO}: who holds 192.168.2.101 is not known yet"
    assert (found.severity, found.unknown, play.verdict) == (Severity.INFO, True, "unknown")
    play.connect(TWO).phase(ONE, Phase.CONNECTED).beat(ONE).probe(V1)
    assert "connecting" in play.one("vip-holders-unknown").summary, "connected, and not read yet"


def test_when_the_first_try_has_failed_it_is_connecting_no_more() -> None:
    play = Play(spec(vips=[str(V1)])).phase(ONE, Phase.WAITING, LOST).phase(ONE, Phase.CONNECTING).connect(TWO)
    found = next(f for f in play.all("vip-holders-unknown") if f.vip == V1)
    assert (found.severity, found.unknown) == (Severity.WARNING, True)
    assert "cannot be told" in found.summary


def test_no_kernel_readable_is_unknown_even_when_served() -> None:
    play = healthy()
    for node in (ONE, TWO):
        play.failed(node, Subject.KERNEL, problem(ProblemKind.COMMAND_TIMED_OUT, f"{node}: no answer from ip"))
    found = play.served().all("vip-holders-unknown")
    assert [f.unknown for f in found] == [True, True]
    assert found[0].follows_from == f"reading-failed/{ONE}//"


def test_one_readable_holder_is_enough() -> None:
    play = healthy().wait(1.0).phase(ONE, Phase.WAITING, LOST).served()
    assert [f.vip for f in play.all("vip-holders-unknown")] == [V1]


# --- vip-not-serving ------------------------------------------------------------------------


def test_not_serving() -> None:
    play = healthy().wait(2.0).probe(V1, no_answer("connection refused")).served(V2)
    found = play.one("vip-not-serving")
    assert (found.severity, found.vip) == (Severity.CRITICAL, V1)
    assert found.summary == "192.168.2.101 on proxy-serv01 does not serve clients: connection refused"
    assert found.remedy is not None and "curl -sv -o /dev/null -x http://192.168.2.251:3128" in found.remedy
    play.wait(12.0).beat().probe(V1, no_answer("connection refused"))
    assert "for 12 s" in play.one("vip-not-serving").summary


@pytest.mark.parametrize("status", [403, 407, 404])
def test_a_refusal_is_a_warning_when_nobody_else_is_served(status: int) -> None:
    play = healthy()
    for vip in (V1, V2):
        play.probe(vip, no_answer("refused", status))
    assert {f.severity for f in play.all("vip-not-serving")} == {Severity.WARNING}
    assert play.verdict == "warning"
    assert str(status) in play.all("vip-not-serving")[0].summary


def test_a_refusal_while_another_vip_serves_the_same_is_critical() -> None:
    found = healthy().probe(V1, no_answer("refused", 403)).one("vip-not-serving")
    assert found.severity is Severity.CRITICAL
    assert "another VIP serves the same request" in found.summary


def test_an_error_of_every_vip_points_at_the_origin() -> None:
    play = healthy()
    for vip in (V1, V2):
        play.probe(vip, no_answer("error", 503))
    found = play.all("vip-not-serving")
    assert {f.severity for f in found} == {Severity.CRITICAL}
    assert "the origin or the way to it" in found[0].summary


def test_a_served_client_keeps_it_quiet() -> None:
    play = healthy().probe(V1, no_answer()).wait(2.0).probe(V1)
    assert "vip-not-serving" not in play.ids()


def test_not_serving_follows_from_squid_of_the_holder() -> None:
    play = healthy().read(ONE, units(unit("squid", active=False)), squid("")).probe(V1, no_answer())
    assert play.one("vip-not-serving").follows_from == f"squid-down/{ONE}//"


def test_not_serving_follows_from_a_public_link_that_nobody_watches() -> None:
    bare = daemon(instance("proxy_ip1", MASTER, 255, tracked_interfaces=()), instance("proxy_ip2", BACKUP))
    play = healthy().read(ONE, bare).link(ONE, "eth1", carrier=False).probe(V1, no_answer("error", 503))
    assert play.one("vip-not-serving").follows_from == f"link-down/{ONE}//"


def test_remedies_write_ipv6_addresses_in_brackets() -> None:
    vip = ip_address("fd00::101")
    play = healthy(spec(vips=[str(vip)])).wait(9.0).beat().served(V1, V2)
    remedy = play.one("vip-client-unknown").remedy
    assert remedy is not None and "http://[fd00::101]:3128" in remedy


# --- vip-client-unknown ----------------------------------------------------------------------


def test_client_not_tried_yet_and_not_tried_lately() -> None:
    play = Play().connect()
    found = play.all("vip-client-unknown")
    assert len(found) == 2 and all(f.unknown for f in found)
    assert "no request was made yet" in found[0].summary and found[0].severity is Severity.INFO
    play = healthy().wait(9.0).beat()
    lately = play.all("vip-client-unknown")[0]
    assert "older than 8 s" in lately.summary and lately.severity is Severity.WARNING
    assert play.verdict == "unknown"


def test_a_fresh_answer_good_or_bad_is_known() -> None:
    assert "vip-client-unknown" not in healthy().probe(V1, no_answer()).ids()


# --- two-masters -------------------------------------------------------------------------------


def split(play: Play) -> Play:
    """A firewall drops adverts: proxy-serv02 becomes master of proxy_ip1 too."""
    play.wait(1.0).added(TWO, VIP1).log(TWO, "(proxy_ip1) Entering MASTER STATE")
    return play.wait(2.0).beat().served()


def test_two_masters_are_the_cause_of_two_holders() -> None:
    play = split(healthy()).wait(2.0).beat().served()
    found = play.one("two-masters")
    assert (found.severity, found.vip, found.instance) == (Severity.WARNING, V1, "proxy_ip1")
    assert found.remedy is not None and "tcpdump" in found.remedy
    several = play.one("vip-held-by-several")
    assert several.follows_from == found.key
    assert play.ids().index("two-masters") < play.ids().index("vip-held-by-several")


def test_a_split_is_as_old_as_its_second_master_and_no_older() -> None:
    play = split(healthy()).wait(2.0).beat().served()
    first, second = (play.one(i) for i in ("two-masters", "vip-held-by-several"))
    assert first.since is not None
    assert second.since is not None
    assert play.now - first.since < 10
    assert play.now - second.since < 10


def test_two_masters_are_not_told_in_the_first_seconds() -> None:
    assert "two-masters" not in split(healthy()).ids()


def test_an_old_dump_of_the_former_master_is_no_second_master() -> None:
    play = healthy()
    for node in (ONE, TWO):
        play.failed(node, Subject.LOG, problem(ProblemKind.NOT_PERMITTED))
    play.wait(10.0).beat().moved(VIP1, ONE, TWO).wait(1.0)
    play.read(TWO, pair_daemon(TWO, one=MASTER)).wait(9.0).beat().served()
    assert "two-masters" not in play.ids()


# --- vip-not-preferred ------------------------------------------------------------------------


def test_not_on_its_preferred_node() -> None:
    play = eth1_down(healthy())
    found = play.one("vip-not-preferred")
    assert (found.severity, found.vip) == (Severity.WARNING, V1)
    assert found.summary == "192.168.2.101 is on proxy-serv02, not on its preferred node proxy-serv01"
    assert found.follows_from == f"instance-fault/{ONE}//"


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (lambda p: p.phase(ONE, Phase.WAITING, LOST), "node-unreachable"),
        (lambda p: p.read(ONE, units(unit("keepalived", active=False))), "keepalived-down"),
        (lambda p: p.read(ONE, drained_daemon()), "drained"),
    ],
    ids=["unreachable", "keepalived stopped", "drained"],
)
def test_what_it_follows_from(cause: object, expected: str) -> None:
    play = moved_to_two(healthy())
    cause(play)  # type: ignore[operator]
    assert play.one("vip-not-preferred").follows_from == f"{expected}/{ONE}//"


def test_what_is_held_back_on_purpose_needs_no_mending() -> None:
    play = moved_to_two(healthy()).read(ONE, drained_daemon())
    assert (play.one("vip-not-preferred").remedy or "").startswith(f"end the drain of {ONE};")
    assert (eth1_down(healthy()).one("vip-not-preferred").remedy or "").startswith(f"mend {ONE};")


def test_nopreempt_is_told() -> None:
    play = moved_to_two(healthy())
    play.read(ONE, daemon(instance("proxy_ip1", BACKUP, 200, preempt=False), instance("proxy_ip2", BACKUP)))
    assert "nopreempt" in play.one("vip-not-preferred").summary


def test_preference_is_quiet_when_unknown_or_met() -> None:
    equal = daemon(instance("proxy_ip1", MASTER, 100), instance("proxy_ip2", BACKUP, 100))
    play = healthy().read(ONE, equal).read(TWO, daemon(instance("proxy_ip1", BACKUP), instance("proxy_ip2", MASTER)))
    assert "vip-not-preferred" not in play.ids()


# --- vip-only-tcp-checked -----------------------------------------------------------------------


def test_only_the_port_is_tried() -> None:
    play = healthy(spec(probe_url=None))
    for vip in (V1, V2):
        play.probe(vip, answer(checked="tcp", status=None))
    found = play.one("vip-only-tcp-checked")
    assert found.severity is Severity.INFO
    assert f"{V1} and {V2}" in found.summary
    assert play.verdict == "ok"


def test_a_request_is_more_than_a_port() -> None:
    assert "vip-only-tcp-checked" not in healthy().ids()


# --- IPv6 -----------------------------------------------------------------------------------------


def test_an_ipv6_vip_held_by_two() -> None:
    vip = ip_address("fd00:2::101")
    play = healthy(spec(vips=[str(vip)])).read(ONE, kernel(ONE, "fd00:2::101/64", str(V1)))
    play.read(TWO, kernel(TWO, "fd00:2::101/64", str(V2))).wait(2.0).beat().served()
    found = play.one("vip-held-by-several")
    assert (found.vip, found.key) == (vip, "vip-held-by-several///fd00:2::101")
    assert found.remedy is not None and "fd00:2::101/64 dev eth0" in found.remedy


def test_since_is_the_boot_for_what_never_moved() -> None:
    play = healthy().added(TWO, VIP1).wait(2.0).beat().served()
    said = [e for e in play.one("vip-held-by-several").evidence if e.source == f"kernel on {ONE}"]
    assert said[0].at == play.now - 2.0 > BOOT


def test_a_dump_alone_does_not_make_a_master() -> None:
    """The dump of proxy-serv02 says MASTER, its kernel lacks the address: no split."""
    play = healthy().wait(5.0).beat().read(TWO, pair_daemon(TWO, one=MASTER)).served()
    assert "vip-held-by-several" not in play.ids()
    assert "two-masters" in play.ids()
