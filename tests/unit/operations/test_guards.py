"""Each guard refuses alone, not known refuses like no, and nothing that restores service waits for redundancy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.events import Phase
from haconsole.model.operation import DrainNote, NodeOperation, OperationLock, Slot
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import ConfigTest
from haconsole.model.spec import MaintenanceWindow
from haconsole.operations.actions import Drain, Kind, Method
from haconsole.operations.guards import REGISTRY, judge, refusals
from haconsole.operations.guards_context import Answer, Guard, MasterChange, Override
from haconsole.operations.guards_may import contains
from haconsole.operations.guards_peer import last_healthy_phrase
from tests.unit.cluster.builders import (
    FAULT,
    ONE,
    T0,
    TWO,
    V1,
    Play,
    healthy,
    kernel,
    no_answer,
    pair_daemon,
    problem,
    spec,
    squid,
    unit,
    units,
)  # fmt: skip
from tests.unit.operations.cases import action, asked, best_drain, lossless

DISTURBING = [k for k in Kind if k.disturbs]
RESTORING = [k for k in Kind if not k.disturbs]


def found(play: Play, kind: Kind = Kind.LINK_DOWN, **more: object) -> dict[str, Guard]:
    return {g.id: g for g in judge(play.picture(), action(kind), asked(**more))}


def refused(play: Play, kind: Kind = Kind.LINK_DOWN, **more: object) -> set[str]:
    return {g.id for g in refusals(judge(play.picture(), action(kind), asked(**more)))}


def lock(name: str = "op-other", *, expires: int = 1100, boot: str = "b") -> NodeOperation:
    held = OperationLock(operation=name, boot_id=boot, expires_uptime_s=expires, owner="zoe", host="desk", name="drain")
    return NodeOperation(uptime_s=1000.0, boot_id="b", lock=held)


FREE = NodeOperation(uptime_s=1000.0, boot_id="b")


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.DRAIN])
def test_a_healthy_pair_lets_every_action_pass(kind: Kind) -> None:
    assert refused(healthy(), kind) == set()


def test_and_the_lossless_drain() -> None:
    picture = lossless().picture()
    assert refusals(judge(picture, best_drain(picture), asked())) == ()


def test_every_guard_is_named_as_it_is_registered_and_has_words_and_evidence() -> None:
    seen: set[str] = set()
    picture = lossless().picture()
    for each in (*(action(k) for k in Kind), best_drain(picture)):
        for guard in judge(picture, each, asked()):
            seen.add(guard.id)
            assert guard.text and guard.evidence
    assert seen == set(REGISTRY)


@dataclass(frozen=True)
class Broken:
    """One thing that is wrong or not known. `only`: the guards that refuse for it."""

    guard: str
    play: Callable[[], Play]
    ok: bool | None
    more: dict[str, object]
    kind: Kind = Kind.LINK_DOWN
    also: frozenset[str] = frozenset()


def broken(
    guard: str, ok: bool | None, play: Callable[[], Play] = healthy, kind: Kind = Kind.LINK_DOWN,
    also: tuple[str, ...] = (), **more: object,
) -> Broken:  # fmt: skip
    return Broken(guard, play, ok, more, kind, frozenset(also))


def far() -> Play:
    """Outside: T0 is a Friday morning in UTC."""
    window = MaintenanceWindow(days=("sat",), start_min=60, end_min=120, timezone="UTC")
    return healthy(spec(windows=(window,)))


PEER_LOST = {"host-keys-known", "state-fresh", "witnesses-agree", "not-last-healthy", "peer-fit", "peer-wins"}

ALONE = [
    broken("not-read-only", False, read_only=True),
    broken("not-read-only", False, lambda: healthy(spec(read_only=True))),
    broken("no-other-operation", False, operations={ONE: FREE, TWO: lock()}),
    broken("no-other-operation", False, operations={ONE: FREE, TWO: lock(expires=900)}),
    broken("no-other-operation", None, operations={ONE: FREE}, also=("nobody-drained",)),
    broken("rights-present", None, rights={}),
    broken("rights-present", False, rights={
        (ONE, "link.down"): Answer(ok=True, text=""), (ONE, "link.up"): Answer(ok=False, text="sudo: not allowed"),
        (ONE, "operation.arm-link"): Answer(ok=True, text=""),
    }),
    broken("peer-serves", False, requests={TWO: Answer(ok=False, text="timed out")}),
    broken("peer-serves", None, requests={}),
    broken("peer-public-link", False, lambda: healthy().link(TWO, "eth1", carrier=False).read(TWO, pair_daemon(TWO)),
           also=("not-last-healthy", "peer-wins")),
    broken("peer-fit", False, lambda: healthy().read(TWO, pair_daemon(TWO, one=FAULT)),
           also=("not-last-healthy", "peer-wins")),
    broken("peer-can-bind", None, lambda: healthy().read(TWO, squid("192.168.2.101:3128", "192.168.2.102:3128"))),
    broken("peer-can-bind", False, lambda: healthy().read(TWO, squid("192.168.2.102:3128")),
           also=("not-last-healthy", "peer-wins")),
    broken("clients-served", False, lambda: healthy().probe(V1, no_answer())),
    broken("clients-served", None, lambda: healthy().wait(9.0).beat()),
    broken("nobody-drained", False, operations={
        ONE: FREE, TWO: NodeOperation(uptime_s=1.0, boot_id="b", drain=DrainNote(
            by="zoe", reason="patches", method="track_file", since=None, until=None)),
    }),
    broken("not-flapping", False,
           master_changes=tuple(MasterChange(vip=V1, at=T0 - 10 * i, explained=False) for i in range(4))),
    broken("not-flapping", None, master_changes=None),
    broken("in-window", False, far),
    broken("vip-is-no-real-address", False, lambda: healthy(spec(vips=["192.168.2.251"])),
           also=("witnesses-agree", "clients-served", "peer-wins", "not-last-healthy", "peer-fit")),
    broken("enabled-at-boot", False, lambda: healthy().read(ONE, units(unit("squid", enabled=False))), Kind.SQUID_STOP),
    broken("enabled-at-boot", None, lambda: healthy().read(ONE, units(unit("squid", enabled=None))), Kind.SQUID_STOP),
    broken("config-passes", False, kind=Kind.KEEPALIVED_RELOAD, config_test=ConfigTest(ok=False, messages=("bad",))),
    broken("config-passes", False, kind=Kind.KEEPALIVED_RELOAD, config_test=ConfigTest(ok=True, messages=("a word",))),
    broken("config-passes", None, kind=Kind.KEEPALIVED_STOP, config_test=None),
    broken("config-passes", None, kind=Kind.KEEPALIVED_RELOAD, config_test=ConfigTest(ok=None, why_unknown="no -t")),
    broken("witnesses-agree", None, lambda: healthy().moved("192.168.2.101/24", ONE, TWO), also=("peer-wins",)),
    broken("state-fresh", None, lambda: healthy().wait(95.0).beat().read(ONE, units(at=T0 + 95)),
           also=("witnesses-agree", "clients-served", "peer-wins", "not-last-healthy", "peer-fit", "peer-can-bind",
                 "peer-public-link", "node-read")),
    broken("host-keys-known", False,
           lambda: healthy().phase(TWO, Phase.WAITING, problem(ProblemKind.HOST_KEY_CHANGED)),
           also=("state-fresh", "witnesses-agree", "not-last-healthy", "peer-fit", "peer-wins", "peer-can-bind",
                 "peer-public-link")),
]  # fmt: skip


@pytest.mark.parametrize("case", ALONE, ids=lambda c: f"{c.guard}-{c.ok}")
def test_each_guard_refuses_alone(case: Broken) -> None:
    guards = found(case.play(), case.kind, **case.more)
    assert guards[case.guard].ok is case.ok
    stopped = refused(case.play(), case.kind, **case.more)
    assert case.guard in stopped
    assert stopped - {case.guard} <= case.also


def test_the_last_node_needs_a_phrase_of_its_own() -> None:
    def lonely() -> Play:
        return healthy().read(TWO, units(unit("keepalived", active=False)), kernel(TWO))

    assert found(lonely())["not-last-healthy"].ok is False
    reason = {"not-last-healthy": "both are broken"}
    assert found(lonely(), overrides=reason)["not-last-healthy"].overridden is None
    wrong = found(lonely(), overrides=reason, phrase="yes")["not-last-healthy"]
    assert not wrong.passes
    right = found(lonely(), overrides=reason, phrase=last_healthy_phrase(ONE))["not-last-healthy"]
    assert right.passes and right.overridden == "both are broken"


def test_a_drain_by_a_number_needs_the_number() -> None:
    nothing = Drain(method=Method.TRACK_FILE, value=None, cost="")
    guards = {g.id: g for g in judge(lossless().picture(), action(Kind.DRAIN, drain=nothing), asked())}
    assert guards["drain-possible"].ok is False
    assert not guards["drain-possible"].overridable


def test_a_drain_that_would_move_nothing_is_refused() -> None:
    little = Drain(method=Method.TRACK_FILE, value=-10, cost="")
    guards = {g.id: g for g in judge(lossless().picture(), action(Kind.DRAIN, drain=little), asked())}
    assert guards["peer-wins"].ok is False


def test_what_fights_back_is_said_and_refuses_nothing() -> None:
    play = healthy().read(ONE, units(unit("squid", restart="always")))
    guard = found(play, Kind.SQUID_STOP)["nobody-fights-back"]
    assert (guard.ok, guard.warns, guard.passes) == (False, True, True)
    assert "Restart=always" in guard.evidence


def test_a_vip_bound_squid_passes_with_ip_nonlocal_bind() -> None:
    play = healthy().read(TWO, squid("192.168.2.101:3128", "192.168.2.102:3128"))
    assert "peer-can-bind" in refused(play)
    assert "peer-can-bind" not in refused(play, nonlocal_bind={TWO: True})


def test_our_own_lock_is_no_other_operation_and_a_stale_one_is_broken_by_name_only() -> None:
    ours = {ONE: lock("op-mine"), TWO: lock("op-mine")}
    assert refused(healthy(), operations=ours, operation="op-mine") == set()
    stale = {ONE: FREE, TWO: lock(expires=900)}
    assert refused(healthy(), operations=stale, instead_of="op-wrong") == {"no-other-operation"}
    assert refused(healthy(), operations=stale, instead_of="op-other") == set()
    living = {ONE: FREE, TWO: lock()}
    assert refused(healthy(), operations=living, instead_of="op-other") == {"no-other-operation"}
    assert refused(healthy(), operations={ONE: FREE, TWO: lock(boot="before")}, instead_of="op-other") == set()


@pytest.mark.parametrize(
    ("other", "named", "kind", "passes"),
    [
        (lock(expires=999), "op-other", Kind.SQUID_START, True),
        (lock(expires=1015), "op-other", Kind.SQUID_START, False),
        (FREE, "op-other", Kind.SQUID_START, False),
        (None, "op-other", Kind.SQUID_START, False),
        (lock("op-third", expires=999), "op-other", Kind.SQUID_START, False),
        (lock(expires=999), None, Kind.SQUID_START, False),
        (lock(expires=999), "op-other", Kind.SQUID_STOP, False),
    ],
)
def test_what_restores_takes_over_from_a_console_that_renews_no_lock_elsewhere(
    other: NodeOperation | None, named: str | None, kind: Kind, passes: bool
) -> None:
    """Its lock on the touched node lasts to the revert's deadline, alive or dead; those on other nodes tell which."""
    picture = healthy().picture()
    one, two = picture.nodes
    picture = replace(picture, nodes=(one, replace(two, operation=other, operation_at=picture.at)))
    locked = asked(operations={ONE: lock(expires=1300), TWO: FREE}, instead_of=named)
    judged = {g.id: g for g in judge(picture, action(kind), locked)}
    assert judged["no-other-operation"].passes is passes


def test_explained_changes_of_master_are_no_flapping() -> None:
    many = tuple(MasterChange(vip=V1, at=T0 - i, explained=True) for i in range(10))
    old = tuple(MasterChange(vip=V1, at=T0 - 301 - i, explained=False) for i in range(10))
    three = tuple(MasterChange(vip=V1, at=T0 - i, explained=False) for i in range(3))
    assert refused(healthy(), master_changes=(*many, *old, *three)) == set()


# --- overrides ------------------------------------------------------------------------------------------------


def test_an_override_takes_a_reason_and_counts_for_its_own_guard_only() -> None:
    more = {"requests": {}, "master_changes": None}
    assert refused(healthy(), **more) == {"peer-serves", "not-flapping"}
    assert refused(healthy(), **more, overrides={"peer-serves": "tried by hand"}) == {"not-flapping"}
    assert refused(healthy(), **more, overrides={"peer-serves": "  "}) == {"peer-serves", "not-flapping"}


@pytest.mark.parametrize(
    "guard", ["not-read-only", "host-keys-known", "no-other-operation", "rights-present", "config-passes"]
)
def test_some_guards_cannot_be_overridden(guard: str) -> None:
    more: dict[str, object] = {"read_only": True, "rights": {}, "operations": {}, "config_test": None}
    play = healthy().phase(TWO, Phase.WAITING, problem(ProblemKind.HOST_KEY_CHANGED))
    reasons = dict.fromkeys(REGISTRY, "because")
    assert guard in refused(play, Kind.KEEPALIVED_RELOAD, **more, overrides=reasons, outside_window="because")


def test_where_keepalived_has_no_check_the_operator_answers_for_the_file() -> None:
    none = ConfigTest(ok=None, why_unknown="1.3.5 has no -t")
    reason = {"config-passes": "read by two people"}
    assert refused(healthy(), Kind.KEEPALIVED_RELOAD, config_test=none) == {"config-passes"}
    assert refused(healthy(), Kind.KEEPALIVED_RELOAD, config_test=none, overrides=reason) == set()
    bad = ConfigTest(ok=False, messages=("missing '}'",))
    assert refused(healthy(), Kind.KEEPALIVED_RELOAD, config_test=bad, overrides=reason) == {"config-passes"}
    assert refused(healthy(), Kind.KEEPALIVED_RELOAD, config_test=None, overrides=reason) == {"config-passes"}


def test_outside_the_window_goes_by_its_own_reason_only() -> None:
    assert refused(far(), overrides={"in-window": "urgent"}) == {"in-window"}
    assert refused(far(), outside_window="urgent") == set()
    assert found(far(), outside_window="urgent")["in-window"].overridden == "urgent"


# --- windows --------------------------------------------------------------------------------------------------

NIGHT = MaintenanceWindow(days=("sat", "sun"), start_min=22 * 60, end_min=4 * 60, timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("utc", "inside"),
    [
        ("2026-01-03T20:59", False), ("2026-01-03T21:00", True),  # Saturday 22:00 in Berlin
        ("2026-01-04T02:59", True), ("2026-01-04T03:00", False),
        ("2026-01-05T02:59", True), ("2026-01-05T03:01", False),  # Monday 03:59 belongs to Sunday's window
        ("2026-01-03T02:00", False),  # Saturday 03:00 would be Friday's
        ("2026-07-04T20:00", True), ("2026-07-04T19:59", False),  # summer time
    ],
)  # fmt: skip
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts(utc: str, inside: bool) -> None:
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()
    assert contains(NIGHT, at) is inside


# --- what restores --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RESTORING)
def test_what_restores_service_needs_no_window_no_peer_and_only_the_touched_nodes_lock(kind: Kind) -> None:
    play = far().phase(TWO, Phase.WAITING, problem(ProblemKind.TIMED_OUT)).probe(V1, no_answer())
    more: dict[str, object] = {"requests": {}, "master_changes": None, "operations": {ONE: FREE, TWO: lock()}}
    assert refused(play, kind, **more) == set()
    assert refused(play, kind, **{**more, "operations": {ONE: lock()}}) == {"no-other-operation"}
    assert "not-read-only" in refused(play, kind, **more, read_only=True)


def test_undrain_goes_on_while_the_drains_own_revert_is_armed() -> None:
    armed = NodeOperation(
        uptime_s=1000.0, boot_id="b", saved="op-drain", revert="drain-stop", deadlines_uptime_s=((Slot.A, 2000),)
    )
    assert refused(healthy(), Kind.UNDRAIN, operations={ONE: armed, TWO: FREE}) == set()
    assert "no-other-operation" in refused(healthy(), Kind.SQUID_START, operations={ONE: armed, TWO: FREE})


@pytest.mark.parametrize(
    ("kind", "revert", "passes"),
    [
        (Kind.SQUID_START, "squid", True), (Kind.KEEPALIVED_START, "keepalived", True),
        (Kind.SQUID_START, "keepalived", False), (Kind.LINK_UP, "link-eth1", False), (Kind.SQUID_STOP, "squid", False),
    ],
)  # fmt: skip
def test_a_start_goes_on_where_its_own_revert_was_left_and_what_is_refused_names_the_next_step(
    kind: Kind, revert: str, passes: bool
) -> None:
    """A link's revert brings routes back, which link-up does not: it is run, not disarmed."""
    left = replace(FREE, saved="op-other", revert=revert, deadlines_uptime_s=((Slot.A, 2000),))
    guard = found(healthy(), kind, operations={ONE: left, TWO: FREE})["no-other-operation"]
    assert guard.passes is passes
    assert passes or f"haconsole node abort {ONE}" in guard.evidence


@pytest.mark.parametrize(("more", "where"), [({}, TWO), ({"saved": "op-dead", "revert": "squid"}, ONE)])
def test_a_stale_lock_refuses_with_the_node_on_which_it_is_ended(more: dict[str, str], where: str) -> None:
    """On the peer, where the node itself has healed and nothing is left of it there."""
    dead = OperationLock(operation="op-dead", boot_id="b", expires_uptime_s=900, owner="zoe", node=ONE)
    told = {ONE: replace(FREE, **more), TWO: replace(FREE, lock=dead)}  # type: ignore[arg-type]
    guard = found(healthy(), Kind.SQUID_STOP, operations=told)["no-other-operation"]
    assert not guard.passes
    assert f"haconsole node abort {where}, or go on against it with --break-lock op-dead" in guard.evidence


def test_link_up_does_not_end_the_revert_of_a_dead_console_either() -> None:
    ours = replace(lock("op-mine"), saved="op-other", revert="link-eth1", deadlines_uptime_s=((Slot.A, 2000),))
    assert refused(healthy(), Kind.LINK_UP, operations={ONE: ours, TWO: FREE}, operation="op-mine") == {
        "no-other-operation"
    }


@pytest.mark.parametrize("told", [None, lock(), lock(expires=900)])
def test_another_operation_is_never_named_without_the_next_step(told: NodeOperation | None) -> None:
    operations = {ONE: FREE} if told is None else {ONE: FREE, TWO: told}
    assert "haconsole " in found(healthy(), operations=operations)["no-other-operation"].evidence


# --- together -------------------------------------------------------------------------------------------------


def test_several_refuse_together() -> None:
    stopped = refused(far(), Kind.SQUID_STOP, read_only=True, requests={}, rights={})
    assert {"in-window", "not-read-only", "peer-serves", "rights-present"} <= stopped


def test_nothing_asked_refuses_everything_that_disturbs() -> None:
    from haconsole.operations.guards_context import Asked

    for kind in DISTURBING:
        assert refusals(judge(healthy().picture(), action(kind), Asked(now=T0, operator="ops")))


PHASES = st.sampled_from([Phase.WAITING, Phase.CONNECTING])
KINDS = st.sampled_from(list(ProblemKind))


@given(st.sampled_from(DISTURBING), PHASES, KINDS, st.sampled_from([healthy, lossless]), st.booleans())
def test_with_an_unreadable_peer_nothing_that_disturbs_passes(
    kind: Kind, phase: Phase, why: ProblemKind, make: Callable[[], Play], silent: bool
) -> None:
    play = make().wait(8.0).beat(ONE) if silent else make().phase(TWO, phase, problem(why))
    picture = play.picture()
    each = best_drain(picture) if kind is Kind.DRAIN else action(kind)
    assert not picture.node(TWO).readable
    stopped = {g.id: g.ok for g in refusals(judge(picture, each, asked()))}
    assert stopped.get("state-fresh", True) is None


def test_override_words_are_closed() -> None:
    assert {o.value for o in Override} == {"never", "reason", "outside-window", "phrase"}


def test_every_guard_is_documented_with_its_override() -> None:
    text = (Path(__file__).parents[3] / "docs" / "guards.md").read_text("utf-8")
    rows = {m[1]: m[2].strip() for m in re.finditer(r"^\| `([a-z-]+)` \|.*\| ([^|]+) \|$", text, re.MULTILINE)}
    assert set(rows) == set(REGISTRY)
    picture = lossless().picture()
    for each in (*(action(k) for k in Kind), best_drain(picture)):
        for guard in judge(picture, each, asked()):
            word = {Override.WINDOW: "`--outside-window`", Override.PHRASE: "reason and the phrase"}.get(
                guard.override, guard.override.value
            )
            wanted = "it only warns" if guard.warns else "never" if guard.id == "config-passes" else word
            assert rows[guard.id].startswith(wanted), guard.id
