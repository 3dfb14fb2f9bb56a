"""Actions: what each does, what takes it back, for how long; and which drain a node can have."""

from __future__ import annotations

import pytest

from haconsole.catalogue import change
from haconsole.catalogue.command import Danger
from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_times import NOTHING
from haconsole.model.events import Phase
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import KeepalivedVersion, TrackedFile, TrackedScript, VersionsReading
from haconsole.operations.actions import Action, Kind, Lasting, Method, deadline, drain_of, duration
from tests.unit.cluster.builders import (
    BACKUP,
    CONF,
    MASTER,
    ONE,
    THREE,
    TWO,
    V1,
    config,
    daemon,
    healthy,
    instance,
    problem,
    spec,
)  # fmt: skip
from tests.unit.operations.cases import FILE, TRACK_FILE, action, best_drain, lossless

CONTRACT = {
    "drain", "undrain", "keepalived-stop", "keepalived-start", "keepalived-restart", "keepalived-reload", "squid-stop",
    "squid-start", "squid-restart", "link-down", "link-up", "garp",
}  # fmt: skip


ACTIONS = [k for k in Kind if k is not Kind.REVERT_ONLY]
"""Of `haconsole node`; the other one is a drill's, which changes nothing."""


def test_the_words_are_the_contracts() -> None:
    assert {k.value for k in ACTIONS} == CONTRACT


@pytest.mark.parametrize("kind", ACTIONS)
def test_each_action_is_an_entry_of_its_own_danger_and_what_disturbs_has_a_revert(kind: Kind) -> None:
    found = action(kind)
    entry = change.COMMANDS[found.change_id]
    assert entry.danger is (Danger.DISTURBS if kind.disturbs else Danger.RESTORES)
    assert (found.arm_id is not None) == kind.disturbs == (found.deadline is not None)
    if kind.disturbs:
        assert found.back_id is not None
        assert change.COMMANDS[found.back_id].danger is Danger.RESTORES


@pytest.mark.parametrize(
    ("wanted", "seconds", "said"),
    [
        (15, 15, None), (16, 30, "16 s is rounded up to 30 s"), (90, 120, "90 s is rounded up to 2 min"),
        (28800, 28800, None), (7201, 14400, "2 h 1 s is rounded up to 4 h"),
    ],
)  # fmt: skip
def test_deadlines_come_from_the_closed_list_and_rounding_is_said(
    wanted: float, seconds: int, said: str | None
) -> None:
    found = deadline(wanted)
    assert found.seconds == seconds
    assert (found.said is None) if said is None else (found.said or "").startswith(said)


@pytest.mark.parametrize("wanted", [0.0, -1.0, 28801.0, float("nan")])
def test_no_deadline_is_longer_than_eight_hours_or_in_the_past(wanted: float) -> None:
    with pytest.raises(ValueError):
        deadline(wanted)


def test_how_long_each_lasts() -> None:
    assert action(Kind.LINK_DOWN).lasting is Lasting.HELD
    assert action(Kind.KEEPALIVED_RELOAD).lasting is Lasting.PASSES
    assert action(Kind.SQUID_START).lasting is Lasting.STAYS
    quiet = best_drain(lossless().picture())
    assert (quiet.lasting, quiet.method) == (Lasting.STAYS, Method.TRACK_FILE)
    until = Action(kind=Kind.DRAIN, node=ONE, drain=quiet.drain, wanted_s=600.0)
    assert (until.lasting, until.deadline and until.deadline.seconds) == (Lasting.HELD, 600)
    stop = action(Kind.DRAIN)
    assert (stop.lasting, stop.deadline and stop.deadline.seconds) == (Lasting.HELD, 1800)


def test_cutting_the_consoles_own_way_is_done_by_the_node_and_takes_15_s_more() -> None:
    found = action(Kind.LINK_DOWN, interface="eth0", own_path=True, wanted_s=60.0)
    assert found.change_id == "link.down-detached"
    assert found.deadline is not None and found.deadline.seconds == 120
    assert str(found.deadline.said).startswith(
        "1 min and 15 s, for it cuts this console's own way, is rounded up to 2 min"
    )


def test_an_action_lacks_nothing_that_it_needs() -> None:
    with pytest.raises(ValueError, match="interface"):
        Action(kind=Kind.LINK_DOWN, node=ONE)
    with pytest.raises(ValueError, match="interface"):
        Action(kind=Kind.GARP, node=ONE, interface="eth0")
    with pytest.raises(ValueError, match="method"):
        Action(kind=Kind.DRAIN, node=ONE)


def test_durations_are_said_in_the_largest_whole_unit() -> None:
    assert [duration(s) for s in (15, 90, 120, 7200)] == ["15 s", "90 s", "2 min", "2 h"]


# --- the best drain -------------------------------------------------------------------------------------------


def test_a_track_file_gets_the_smallest_number_that_is_enough_and_it_is_lossless() -> None:
    picture = lossless().picture()
    found = drain_of(picture, picture.node(ONE))
    assert (found.method, found.value, found.better) == (Method.TRACK_FILE, -155, None)
    vip = forecast(picture, best_drain(picture).changes).vip(V1)
    assert (vip.after, vip.outage) == (TWO, NOTHING)


def test_a_weight_of_two_needs_half_the_number() -> None:
    picture = lossless(weight=2).picture()
    assert drain_of(picture, picture.node(ONE)).value == -78


def test_the_number_never_means_fault() -> None:
    picture = lossless(low=1).picture()  # nothing is below 1
    found = drain_of(picture, picture.node(ONE))
    assert (found.method, found.value) == (Method.STOP, None)
    assert "no number above -254" in " ".join(found.why_not)


def test_the_articles_255_is_drained_by_stopping_and_it_is_said_how_to_get_better() -> None:
    picture = healthy().picture()
    found = drain_of(picture, picture.node(ONE))
    assert found.method is Method.STOP
    assert any("priority 255" in w for w in found.why_not)
    assert found.better is not None and FILE in found.better
    assert "nothing serves" in found.cost


def test_every_instance_must_track_the_file_by_the_dump_whatever_the_configuration_says() -> None:
    play = lossless()
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    play.read(ONE, daemon(instance("proxy_ip1", MASTER, 254, tracked_files=files), instance("proxy_ip2", BACKUP, 100)))
    picture = play.picture()
    found = drain_of(picture, picture.node(ONE))
    assert found.method is Method.STOP
    assert any("proxy_ip2 does not track" in w for w in found.why_not)


def test_a_track_file_of_another_path_is_not_the_drain_file() -> None:
    play = lossless()
    text = ('track_file haconsole_drain {{ file "/run/other"\n}}\n' + CONF).format(one=254, two=100)
    picture = play.read(ONE, config(ONE, text)).picture()
    assert drain_of(picture, picture.node(ONE)).method is Method.STOP


def test_without_a_readable_peer_no_number_is_found() -> None:
    picture = lossless().phase(TWO, Phase.WAITING, problem(ProblemKind.TIMED_OUT)).picture()
    found = drain_of(picture, picture.node(ONE))
    assert (found.method, found.value) == (Method.STOP, None)


def test_a_weighted_script_on_the_file_is_second_best() -> None:
    play = healthy()
    script = f'vrrp_script drain {{{{ script "/bin/grep -qx 0 {FILE}"\n interval 1\n weight -200\n}}}}\n'
    scripts = (TrackedScript(name="drain", ok=True, weight=-200),)
    states = {ONE: ((MASTER, 254), (BACKUP, 100)), TWO: ((BACKUP, 100), (MASTER, 254))}
    for node, of in states.items():
        read = (instance(f"proxy_ip{i}", s, p, tracked_scripts=scripts) for i, (s, p) in enumerate(of, 1))
        play.read(node, daemon(*read), config(node, (script + CONF).format(one=of[0][1], two=of[1][1])))
    picture = play.picture()
    found = drain_of(picture, picture.node(ONE))
    assert (found.method, found.value) == (Method.SCRIPT, -1)
    assert found.better is not None
    vip = forecast(picture, best_drain(picture).changes).vip(V1)
    assert (vip.after, vip.outage) == (TWO, NOTHING)


def test_keepalived_1_is_never_said_to_be_lossless() -> None:
    play = lossless()
    play.read(ONE, VersionsReading(keepalived=KeepalivedVersion(major=1, minor=3, patch=5)))
    picture = play.picture()
    assert "gap" in drain_of(picture, picture.node(ONE)).cost


def test_of_three_nodes_it_falls_below_the_lowest() -> None:
    play = healthy(spec(nodes=3))
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    states = {
        ONE: ((MASTER, 254), (BACKUP, 100)),
        TWO: ((BACKUP, 100), (MASTER, 254)),
        THREE: ((BACKUP, 50), (BACKUP, 50)),
    }
    for node, of in states.items():
        read = (instance(f"proxy_ip{i}", s, p, tracked_files=files) for i, (s, p) in enumerate(of, 1))
        play.read(node, daemon(*read), config(node, (TRACK_FILE + CONF).format(one=of[0][1], two=of[1][1])))
    picture = play.picture()
    assert drain_of(picture, picture.node(ONE)).value == -205
    assert forecast(picture, best_drain(picture).changes).vip(V1).after == TWO


def test_a_node_that_has_no_part_in_a_vip_is_no_peer_of_it() -> None:
    """Three nodes of which the third shares only the second VIP."""
    play = healthy(spec(nodes=3))
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    for node, of in {ONE: ((MASTER, 254), (BACKUP, 100)), TWO: ((BACKUP, 100), (MASTER, 254))}.items():
        read = (instance(f"proxy_ip{i}", s, p, tracked_files=files) for i, (s, p) in enumerate(of, 1))
        play.read(node, daemon(*read), config(node, (TRACK_FILE + CONF).format(one=of[0][1], two=of[1][1])))
    second = CONF.format(one=50, two=50).partition("vrrp_instance proxy_ip1")[2].partition("vrrp_instance")[2]
    head = CONF.format(one=50, two=50).partition("vrrp_instance")[0]
    third = daemon(instance("proxy_ip2", BACKUP, 50, tracked_files=files))
    play.read(THREE, third, config(THREE, TRACK_FILE.format() + head + "vrrp_instance" + second))
    picture = play.picture()
    assert [i.name for i in picture.node(THREE).instances or ()] == ["proxy_ip2"]
    found = drain_of(picture, picture.node(ONE))
    assert (found.method, found.value) == (Method.TRACK_FILE, -155), found.why_not
