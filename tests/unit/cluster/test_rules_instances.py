"""Rules about VRRP instances: FAULT and its reasons, drains, failing checks, keepalived against its kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.model.events import Subject
from haconsole.model.findings import Severity
from haconsole.model.operation import DrainNote, NodeOperation
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import TrackedFile, TrackedInterface, TrackedScript
from tests.unit.cluster.builders import (
    BACKUP,
    CONF,
    FAULT,
    INIT,
    MASTER,
    ONE,
    TWO,
    V1,
    Play,
    config,
    daemon,
    drained_daemon,
    eth1_down,
    faulty,
    healthy,
    instance,
    kernel,
    moved_to_two,
    pair_daemon,
    problem,
    squid,
    unit,
    units,
)

VIP1 = f"{V1}/24"


# --- instance-fault --------------------------------------------------------------------


def test_fault_by_a_tracked_link() -> None:
    play = eth1_down(healthy())
    found = play.one("instance-fault")
    assert found.summary == "proxy-serv01 cannot be a master: public link eth1 is down (no carrier)"
    assert (found.severity, found.node, found.instance) == (Severity.WARNING, ONE, None)
    assert found.follows_from == f"link-down/{ONE}//"
    assert {e.source for e in found.evidence} == {f"keepalived on {ONE}", f"kernel on {ONE}"}


def test_fault_by_its_own_link() -> None:
    play = healthy().link(ONE, "eth0", up=False).read(ONE, pair_daemon(ONE, FAULT, FAULT))
    assert "LAN link eth0 is down (switched off)" in play.one("instance-fault").summary


def test_fault_by_a_check_follows_from_squid() -> None:
    play = moved_to_two(healthy()).read(ONE, faulty({"chk_squid_service": False}))
    play.read(ONE, units(unit("squid", active=False)), squid("", check_ok=False))
    found = play.one("instance-fault")
    assert "the check chk_squid_service fails" in found.summary
    assert found.remedy is not None and "/usr/sbin/squid -k check; echo $?" in found.remedy
    assert found.follows_from == f"squid-down/{ONE}//"
    assert play.ids()[0] == "squid-down"


def test_fault_by_a_check_whose_command_only_is_squid_s() -> None:
    text = CONF.format(one=255, two=100).replace("chk_squid_service", "chk")
    play = moved_to_two(healthy()).read(ONE, config(ONE, text), faulty({"chk": False}), squid(check_ok=False))
    assert play.one("instance-fault").follows_from == f"squid-check-failed/{ONE}//"


def test_fault_by_a_foreign_check_follows_from_nothing() -> None:
    play = moved_to_two(healthy()).read(ONE, faulty({"chk_disk": False}), squid(check_ok=False))
    assert play.one("instance-fault").follows_from is None


def test_fault_by_a_track_file_at_priority_255() -> None:
    files = (TrackedFile(name="haconsole_drain", value=-200),)
    play = moved_to_two(healthy()).read(ONE, pair_daemon(ONE, FAULT, BACKUP, tracked_files=files))
    found = play.one("instance-fault")
    assert (found.instance, found.follows_from) == ("proxy_ip1", f"drained/{ONE}//")
    assert "the track file haconsole_drain holds -200" in found.summary


def test_fault_without_a_visible_reason_says_so() -> None:
    play = moved_to_two(healthy()).read(ONE, pair_daemon(ONE, FAULT, BACKUP))
    found = play.one("instance-fault")
    assert found.summary == "proxy-serv01 cannot be master of proxy_ip1: keepalived says FAULT, its reason was not told"
    assert found.remedy is not None and "journalctl" in found.remedy


def test_instances_with_different_reasons_are_different_findings() -> None:
    bad = (TrackedScript(name="chk", ok=False),)
    both = daemon(instance("proxy_ip1", FAULT, 255, tracked_scripts=bad), instance("proxy_ip2", FAULT))
    found = moved_to_two(healthy()).read(ONE, both).all("instance-fault")
    assert {f.instance for f in found} == {"proxy_ip1", "proxy_ip2"}
    assert len({f.key for f in found}) == 2


def test_a_link_down_by_the_dump_alone_counts_when_the_kernel_cannot_be_read() -> None:
    play = moved_to_two(healthy()).read(ONE, faulty(link_up=False))
    play.failed(ONE, Subject.KERNEL, problem(ProblemKind.COMMAND_TIMED_OUT))
    assert "public link eth1 is down" in play.one("instance-fault").summary


@pytest.mark.parametrize("state", [MASTER, BACKUP, INIT, None])
def test_other_states_are_no_fault(state: object) -> None:
    play = healthy().read(ONE, daemon(instance("proxy_ip1", state)))  # type: ignore[arg-type]
    assert "instance-fault" not in play.ids()


def test_a_weighted_link_is_no_reason_for_fault() -> None:
    weighted = (TrackedInterface(name="eth1", up=False, weight=-60),)
    play = moved_to_two(healthy()).read(ONE, pair_daemon(ONE, FAULT, FAULT, tracked_interfaces=weighted))
    play.link(ONE, "eth1", carrier=False)
    assert "its reason was not told" in play.one("instance-fault").summary


# --- check-failing ------------------------------------------------------------------------


def test_a_weighted_check_that_fails_costs_priority() -> None:
    weighted = (TrackedScript(name="chk_squid_service", ok=False, weight=-60),)
    play = healthy().read(ONE, pair_daemon(ONE, tracked_scripts=weighted), units(unit("squid", active=False)))
    found = play.one("check-failing")
    assert found.summary == "proxy-serv01: the check chk_squid_service fails (weight -60)"
    assert found.follows_from == f"squid-down/{ONE}//"


def test_a_weighted_link_that_is_down_costs_priority() -> None:
    weighted = (TrackedInterface(name="eth1", up=True, weight=-60),)
    play = healthy().read(ONE, pair_daemon(ONE, tracked_interfaces=weighted)).link(ONE, "eth1", carrier=False)
    found = play.one("check-failing")
    assert "public link eth1 is down (weight -60)" in found.summary
    assert found.follows_from == f"link-down/{ONE}//"


def test_checks_that_work_or_are_not_known_are_quiet() -> None:
    for ok in (True, None):
        scripts = (TrackedScript(name="chk", ok=ok, weight=-60),)
        assert "check-failing" not in healthy().read(ONE, pair_daemon(ONE, tracked_scripts=scripts)).ids()


def test_in_fault_the_check_is_told_once() -> None:
    play = moved_to_two(healthy()).read(ONE, faulty({"chk_squid_service": False}))
    assert "check-failing" not in play.ids()


# --- drained -------------------------------------------------------------------------------


def test_drained() -> None:
    play = moved_to_two(healthy()).read(ONE, drained_daemon())
    found = play.one("drained")
    assert found.summary == "proxy-serv01 is drained: the track file haconsole_drain holds -200"
    assert found.remedy == (
        "when the work is done: haconsole node undrain proxy-serv01 (or on proxy-serv01: echo 0 > /run/haconsole-drain)"
    )
    assert play.one("vip-not-preferred").follows_from == found.key
    assert "no-redundancy" not in play.ids()


def test_one_drain_that_should_have_ended_is_one_trouble() -> None:
    play = moved_to_two(healthy()).read(ONE, drained_daemon())
    note = DrainNote(by="anna", reason=None, method="track_file", since=None, until="1970-01-01T00:00:00Z")
    for method, cause in (("track_file", f"drain-overdue/{ONE}//"), ("stop", None)):
        late = replace(note, method=method)
        play.read(ONE, NodeOperation(uptime_s=1000.0, boot_id="1f" * 16, drain=late))
        assert (play.one("drain-overdue").follows_from, play.one("drained").follows_from) == (None, cause)


def test_the_path_of_the_track_file_comes_from_its_configuration() -> None:
    block = "track_file haconsole_drain {\n  file /run/other-drain\n  weight 1\n}\n"
    play = moved_to_two(healthy()).read(ONE, drained_daemon(), config(ONE, block + CONF.format(one=254, two=100)))
    remedy = play.one("drained").remedy
    assert remedy is not None and remedy.endswith("echo 0 > /run/other-drain)")


@pytest.mark.parametrize("value", [0, 10])
def test_a_track_file_that_holds_nothing_back_is_quiet(value: int) -> None:
    assert "drained" not in healthy().read(ONE, drained_daemon(value)).ids()


# --- tracking-ignored ------------------------------------------------------------------------


def owner_of_2_1(second_ok: bool) -> Play:
    """keepalived 2.1.5 drops what the owner of 255 tracks; the other instance keeps it (docs/keepalived-versions.md)."""
    scripts = (TrackedScript(name="chk_squid_service", ok=second_ok),)
    state = BACKUP if second_ok else FAULT
    return healthy().read(
        ONE,
        daemon(
            instance("proxy_ip1", MASTER, 255, tracked_scripts=(), tracked_interfaces=()),
            instance("proxy_ip2", state, 100, tracked_scripts=scripts),
        ),
    )


def test_tracking_that_keepalived_ignores_is_worth_knowing() -> None:
    play = owner_of_2_1(second_ok=True)
    found = play.one("tracking-ignored")
    assert (found.severity, found.instance) == (Severity.INFO, "proxy_ip1")
    assert "does not watch chk_squid_service, /etc" in found.summary  # the link it does watch
    assert play.verdict == "ok"


def test_tracking_that_keepalived_ignores_while_it_fails_is_trouble() -> None:
    play = owner_of_2_1(second_ok=False).read(ONE, units(unit("squid", active=False)))
    found = play.one("tracking-ignored")
    assert (found.severity, found.follows_from) == (Severity.WARNING, f"squid-down/{ONE}//")
    assert found.summary.endswith("; chk_squid_service fails now")


def test_tracking_is_quiet_where_it_is_as_configured_or_not_known() -> None:
    assert "tracking-ignored" not in healthy().ids()
    play = owner_of_2_1(second_ok=True).failed(ONE, Subject.CONFIG, problem(ProblemKind.NOT_PERMITTED))
    assert "tracking-ignored" not in play.ids()


# --- vip-left-behind ---------------------------------------------------------------------------


def killed(play: Play, since: float = 10.0) -> Play:
    """kill -9 of all of keepalived's processes on proxy-serv01; proxy-serv02 took over."""
    play.added(TWO, VIP1).log(TWO, "(proxy_ip1) Entering MASTER STATE").wait(since).beat()
    stopped = unit("keepalived", active=False, active_state="failed", since=play.now - since)
    play.read(ONE, units(stopped, at=play.now)).read(TWO, pair_daemon(TWO, one=MASTER))
    return play.failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_RUNNING)).served()


def test_left_behind() -> None:
    play = killed(healthy())
    found = play.one("vip-left-behind")
    assert (found.severity, found.node, found.vip) == (Severity.WARNING, ONE, V1)
    assert found.remedy == (
        "proxy-serv02 is master: on proxy-serv01: ip addr del 192.168.2.101/24 dev eth0; then: systemctl start keepalived"
    )
    assert found.follows_from == f"keepalived-down/{ONE}//"
    assert play.one("vip-held-by-several").follows_from == found.key
    assert play.verdict == "critical"


def test_left_behind_alone_is_a_warning() -> None:
    play = healthy().wait(10.0).beat()
    play.read(ONE, units(unit("keepalived", active=False, since=play.now - 9.0), at=play.now)).served()
    assert play.one("vip-left-behind").severity is Severity.WARNING
    assert play.verdict == "warning"


def test_left_behind_waits_for_a_stop_to_end() -> None:
    assert "vip-left-behind" not in killed(healthy(), since=1.0).ids()


def test_left_behind_is_quiet_while_keepalived_runs_or_is_unknown_to_systemd() -> None:
    assert "vip-left-behind" not in healthy().ids()
    play = healthy().read(ONE, units(unit("keepalived", active=False, loaded=False)))
    assert "vip-left-behind" not in play.ids()


# --- daemon-kernel-disagree ----------------------------------------------------------------------


def test_a_master_without_its_vip() -> None:
    """1.3.5: an address removed by hand is not put back."""
    play = healthy().wait(5.0).beat().removed(ONE, VIP1).wait(5.0).refresh().served()
    found = play.one("daemon-kernel-disagree")
    assert (found.node, found.instance, found.vip) == (ONE, "proxy_ip1", V1)
    assert found.summary == "proxy-serv01 is master of proxy_ip1 and does not have 192.168.2.101"
    assert play.one("vip-held-by-none").follows_from == found.key


def test_a_vip_without_a_master() -> None:
    play = healthy().added(TWO, VIP1).wait(5.0).refresh().served()
    found = play.one("daemon-kernel-disagree")
    assert (found.node, found.severity) == (TWO, Severity.WARNING)
    assert found.remedy is not None and "ip addr del 192.168.2.101/24 dev eth0" in found.remedy
    assert play.one("vip-held-by-several").follows_from == found.key


def test_a_dump_older_than_the_change_is_no_disagreement() -> None:
    """After a transition without a readable log, the dump is up to 30 s behind the kernel."""
    play = healthy()
    for node in (ONE, TWO):
        play.failed(node, Subject.LOG, problem(ProblemKind.NOT_PERMITTED))
    play.wait(5.0).moved(VIP1, ONE, TWO).wait(10.0).beat().served()
    assert "daemon-kernel-disagree" not in play.ids()


def test_a_followed_log_vouches_for_an_older_dump() -> None:
    """Nothing was logged since: keepalived still means what it said."""
    play = healthy().wait(5.0).removed(ONE, VIP1).wait(10.0).beat().served()
    assert play.one("daemon-kernel-disagree").node == ONE


def test_witnesses_asked_in_the_middle_of_a_change_do_not_disagree() -> None:
    """One look: addresses first, then a dump that already knows of the take-over."""
    play = healthy()
    play.read(TWO, pair_daemon(TWO, one=MASTER, last_transition_node_s=play.now - 0.3))
    assert "daemon-kernel-disagree" not in play.ids()


def test_guesses_from_addresses_never_disagree() -> None:
    play = healthy().failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_PERMITTED)).read(ONE, kernel(ONE))
    assert "daemon-kernel-disagree" not in play.wait(5.0).refresh().served().ids()


def test_the_log_alone_can_disagree_too() -> None:
    play = healthy().failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_PERMITTED))
    play.log(ONE, "(proxy_ip1) Entering MASTER STATE").wait(5.0).beat().removed(ONE, VIP1).wait(5.0).beat().served()
    assert play.one("daemon-kernel-disagree").node == ONE
