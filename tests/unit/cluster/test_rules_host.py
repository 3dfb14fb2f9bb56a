"""Rules about what a node needs besides its services: a default route, room on disks, room for connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.model.events import Subject
from haconsole.model.findings import Severity
from haconsole.model.host import FileSystem, HostReading
from haconsole.model.problems import ProblemKind
from tests.unit.cluster.builders import ONE, TWO, V1, V2, Play, healthy, no_answer, problem, squid

GIB = 1 << 30
DISK = FileSystem(path="/", size_bytes=20 * GIB, free_bytes=5 * GIB, inodes=1_000_000, free_inodes=900_000)
WELL = HostReading(
    default_routes=("via 203.0.113.1 dev eth1",), file_systems=(DISK,), connections=800, connections_limit=262_144
)
LOST = replace(WELL, default_routes=())


def hosts(one: HostReading = WELL, two: HostReading = WELL, play: Play | None = None) -> Play:
    return (play or healthy()).read(ONE, one).read(TWO, two)


def test_nodes_that_have_all_they_need_are_quiet() -> None:
    play = hosts()
    assert play.verdict == "ok" and play.ids() == []


# --- the default route ----------------------------------------------------------------------


def test_a_default_route_that_only_one_node_lacks_is_missing_there() -> None:
    play = hosts(LOST)
    found = play.one("default-route-missing")
    assert (found.severity, found.node, found.follows_from) == (Severity.WARNING, ONE, None)
    assert found.summary == "proxy-serv01 has no default route: its squid reaches no origin"
    assert [e.source for e in found.evidence] == [f"kernel on {ONE}", f"kernel on {TWO}"]
    assert "as on proxy-serv02 (via 203.0.113.1 dev eth1)" in (found.remedy or "")
    assert play.one("no-redundancy").follows_from == found.key


def test_one_that_was_there_before_is_missed_though_no_node_has_one_any_more() -> None:
    play = hosts().later(5.0)
    assert len(hosts(LOST, LOST, play).all("default-route-missing")) == 2


@pytest.mark.parametrize("told", [LOST, HostReading(), replace(WELL, default_routes=None)])
def test_a_cluster_that_never_had_one_and_what_could_not_be_told_are_quiet(told: HostReading) -> None:
    assert "default-route-missing" not in hosts(told, told).ids()


def test_clients_suffer_from_it_and_a_link_that_is_down_takes_it_along() -> None:
    play = hosts(LOST).wait(1.0).probe(V1, no_answer("no answer within 2 s")).served(V2)
    assert play.one("vip-not-serving").follows_from == f"default-route-missing/{ONE}//"
    assert play.one("origin-not-answering").follows_from == f"default-route-missing/{ONE}//"
    down = hosts(LOST, play=healthy().link(ONE, "eth1", up=False))
    down.spec = replace(
        down.spec, nodes=tuple(replace(n, lan_interface="eth0", public_interface="eth1") for n in down.spec.nodes)
    )
    assert "link-down" in down.ids() and "default-route-missing" not in down.ids()
    assert "default-route-missing" in down.link(ONE, "eth1").ids(), "it does not come back by itself"


# --- disks, connections -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disk", "words"),
    [
        (replace(DISK, free_bytes=10 << 20), "10 MiB of 20480 MiB are free"),
        (FileSystem(path="/run", size_bytes=1 << 20, free_bytes=0, inodes=0, free_inodes=0), "0 MiB of 1 MiB are free"),
        (replace(DISK, free_inodes=12), "12 of 1000000 inodes are free"),
    ],
)
def test_a_file_system_without_room(disk: FileSystem, words: str) -> None:
    found = hosts(replace(WELL, file_systems=(DISK, replace(disk, path="/var/log")))).one("disk-full")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert found.summary == f"proxy-serv01: no room is left on /var/log ({words})"
    assert found.evidence[0].text == f"/var/log: {words}"


@pytest.mark.parametrize(
    "disk",
    [
        replace(DISK, size_bytes=4096 * GIB, free_bytes=10 * GIB),
        FileSystem(path="/run", size_bytes=50 << 20, free_bytes=40 << 20, inodes=0, free_inodes=0),
        replace(DISK, inodes=0, free_inodes=0),
    ],
)
def test_a_large_disk_with_little_and_a_small_one_with_much_are_not_full(disk: FileSystem) -> None:
    assert "disk-full" not in hosts(replace(WELL, file_systems=(disk,))).ids()


@pytest.mark.parametrize(
    ("connections", "limit", "fires"),
    [(262_000, 262_144, True), (240_000, 262_144, False), (None, None, False), (5, 0, False)],
)
def test_tracked_connections(connections: int | None, limit: int | None, fires: bool) -> None:
    play = hosts(replace(WELL, connections=connections, connections_limit=limit))
    assert ("connections-full" in play.ids()) is fires
    if fires:
        assert "262000 of at most 262144" in play.one("connections-full").summary


def test_a_full_disk_explains_a_squid_that_does_not_answer() -> None:
    full = replace(WELL, file_systems=(replace(DISK, free_bytes=0),))
    play = hosts(full).read(ONE, squid()).wait(2.0).failed(ONE, Subject.SQUID_COUNTERS, problem(ProblemKind.TIMED_OUT))
    assert play.one("squid-not-answering").follows_from == f"disk-full/{ONE}//"
