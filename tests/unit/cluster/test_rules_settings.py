"""Rules about settings without effect: a weight that moves nothing, a track file unwatched, VRIDs that differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.model.findings import Severity
from haconsole.model.readings import DaemonReading, TrackedFile, TrackedInterface, TrackedScript
from tests.unit.cluster.builders import (
    BACKUP,
    CONF,
    MASTER,
    ONE,
    TWO,
    V1,
    Play,
    config,
    daemon,
    healthy,
    instance,
    pair_daemon,
)

FAILS = (TrackedScript(name="chk_squid_service", ok=False, weight=-20),)


def weighted(effective: int, standby: int = 100, **more: object) -> Play:
    """proxy-serv01 is master of proxy_ip1 with a check that fails and costs 20."""
    first = instance("proxy_ip1", MASTER, 254, effective_priority=effective, **({"tracked_scripts": FAILS} | more))
    second = instance("proxy_ip1", BACKUP, standby, effective_priority=standby)
    rest = instance("proxy_ip2", BACKUP, 100), instance("proxy_ip2", MASTER, 255)
    return healthy().read(ONE, daemon(first, rest[0])).read(TWO, daemon(second, rest[1]))


def test_a_weight_that_is_too_small_leaves_the_vip_where_the_check_fails() -> None:
    play = weighted(234)
    found = play.one("weight-does-not-move")
    assert (found.severity, found.node, found.instance) == (Severity.WARNING, ONE, "proxy_ip1")
    assert found.summary == (
        "proxy-serv01 stays master of proxy_ip1 although chk_squid_service fails: its priority 234 is still above "
        "proxy-serv02's 100"
    )
    assert "weight -155 or lower for chk_squid_service" in (found.remedy or "")
    assert found.follows_from == f"check-failing/{ONE}//"


def test_a_link_s_weight_counts_like_a_check_s() -> None:
    link = (TrackedInterface(name="eth1", up=False, weight=-20),)
    play = weighted(234, tracked_scripts=(), tracked_interfaces=link).link(ONE, "eth1", carrier=False)
    assert "although eth1 fails" in play.one("weight-does-not-move").summary


@pytest.mark.parametrize(("effective", "standby"), [(80, 100), (100, 100)])
def test_a_priority_that_fell_far_enough_moves_it(effective: int, standby: int) -> None:
    assert "weight-does-not-move" not in weighted(effective, standby).ids()


def test_a_check_that_is_well_or_a_standby_that_is_not_known_are_no_proof() -> None:
    well = (TrackedScript(name="chk_squid_service", ok=True, weight=-20),)
    assert "weight-does-not-move" not in weighted(254, tracked_scripts=well).ids()
    assert "weight-does-not-move" not in weighted(234).read(TWO, pair_daemon(TWO, one=MASTER)).ids()


# --- track files -------------------------------------------------------------------------------

WATCHED = CONF.replace("  track_script", "  track_file {{\n    drain\n  }}\n  track_script").format(one=254, two=100)
DRAIN = 'track_file drain {\n file "/run/gone/drain"\n weight 1\n}\n' + WATCHED


def test_a_track_file_that_the_daemon_does_not_watch() -> None:
    found = healthy().read(ONE, config(ONE, DRAIN)).one("track-file-ignored")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert "does not watch the track file drain" in found.summary
    assert "directory" in (found.remedy or "")


def test_one_that_it_watches_or_that_is_not_configured_is_quiet() -> None:
    files = (TrackedFile(name="drain", value=0),)
    play = healthy().read(ONE, config(ONE, DRAIN), pair_daemon(ONE, tracked_files=files))
    assert "track-file-ignored" not in play.ids()
    assert "track-file-ignored" not in healthy().ids()


# --- VRIDs -------------------------------------------------------------------------------------


def other_vrid() -> DaemonReading:
    return daemon(*(replace(i, vrid=i.vrid + 10) if i.vrid == 1 else i for i in pair_daemon(TWO, one=MASTER).instances))


def test_one_vip_in_two_virtual_routers_is_why_both_nodes_have_it() -> None:
    play = healthy().read(TWO, other_vrid()).added(TWO, f"{V1}/24").later(3.0)
    found = play.one("vrid-mismatch")
    assert (found.severity, found.vip) == (Severity.WARNING, V1)
    assert found.summary == f"{V1} has VRID 1 on {ONE} and VRID 11 on {TWO}: each becomes master of its own"
    assert {f.follows_from for f in (play.one("vip-held-by-several"), play.one("two-masters"))} == {found.key}


def test_the_same_vrid_is_quiet() -> None:
    assert "vrid-mismatch" not in healthy().ids()
