"""The executor's order and its ways out, against a node that keeps its own books and answers as it is told to.

The node's rules are those of `catalogue.operation`: a change without an armed revert is refused, a revert
that is asked for runs, a lock is one operation's. The real node is in tests/lab/test_executor.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from haconsole.catalogue import change
from haconsole.catalogue import operation as op
from haconsole.catalogue.command import CommandSpec
from haconsole.catalogue.script import Output
from haconsole.cluster.picture import ClusterPicture
from haconsole.io.clock import SystemClock
from haconsole.model.operation import (
    DisarmAnswer,
    DisarmOutcome,
    DrainNote,
    LockAnswer,
    LockOutcome,
    LockRequest,
    NodeOperation,
    OperationLock,
    ReadBack,
    RevertTimer,
    RevertTimers,
    SaveAnswer,
    Saved,
    Slot,
    StepAnswer,
    StepOutcome,
)
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import IpAddress
from haconsole.operations.job import Check, Ending, Entry, Expectation, Job, Result, Revert
from haconsole.runtime import executor as module
from haconsole.runtime.desk import Desk
from haconsole.runtime.executor import Executor, Report, Told
from haconsole.runtime.records import stamp
from tests.unit.cluster.builders import healthy

ONE, TWO = "proxy-serv01", "proxy-serv02"
PICTURE = healthy().picture()


def lost() -> ProblemError:
    return ProblemError(Problem(kind=ProblemKind.LINK_LOST, summary="no answer"))


@dataclass
class World:
    """Two nodes, what was asked of them in order, and which calls lose their answer."""

    calls: list[str] = field(default_factory=list)
    locks: dict[str, str] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    saved: bool = False
    armed: set[Slot] = field(default_factory=set)
    noted: bool = False
    until: str | None = None
    """The end that the note tells."""
    changed: bool = False
    changes: int = 0
    reverted: int = 0
    lose: set[int] = field(default_factory=set)
    """Numbers of calls that are carried out, and whose answer is lost."""
    drop: set[int] = field(default_factory=set)
    """Numbers of calls that never arrive."""
    arms: bool = True
    takes_effect: bool = True
    status: int = 0
    incomplete: bool = False
    disarms: DisarmOutcome | None = None
    keeps: Saved = field(default_factory=lambda: Saved(units=(), drain_value=None))
    there: list[ReadBack | None] = field(default_factory=list)
    """What the interface has, look by look; the last one stays. None: no answer."""

    def call(self, words: str, work: Callable[[], None] = lambda: None) -> None:
        number = len(self.calls)
        self.calls.append(words)
        if number in self.drop:
            raise lost()
        work()
        if number in self.lose:
            raise lost()

    def change(self) -> int:
        if not self.armed:
            return change.NOT_ARMED
        self.changes += 1
        if self.status == 0:
            self.changed = self.takes_effect
        return self.status

    def revert(self, slot: Slot | None = None) -> None:
        """slot: by its own timer's service, which is gone when that timer was disarmed."""
        if not self.armed or (slot is not None and slot not in self.armed):
            raise lost()
        self.reverted += 1
        self.changed = False
        self.saved = self.incomplete

    def state(self, name: str) -> NodeOperation:
        lock = None
        if name in self.locks:
            lock = OperationLock(
                operation=self.locks[name], boot_id="b", expires_uptime_s=99, owner="bea", host="other"
            )
        return NodeOperation(
            uptime_s=10.0, boot_id="b", lock=lock, saved="op-1" if self.saved else None,
            incomplete=self.incomplete and self.reverted > 0,
        )  # fmt: skip


@dataclass
class FakeDesk:
    world: World
    name: str

    def about(self, interface: str) -> None: ...

    async def close(self) -> None: ...

    async def take(self, request: LockRequest, instead_of: str = "") -> LockAnswer:
        world, outcome = self.world, LockOutcome.TAKEN
        held = world.locks.get(self.name)
        if held not in {None, request.operation} and held != instead_of:
            outcome = LockOutcome.STALE if self.name in world.stale else LockOutcome.HELD

        def work() -> None:
            if outcome is LockOutcome.TAKEN:
                world.locks[self.name] = request.operation

        world.call(f"take {self.name}", work)
        return LockAnswer(outcome=outcome, state=world.state(self.name))

    async def renew(self, operation: str, patience_s: float = 0.0) -> LockAnswer:
        mine = self.world.locks.get(self.name) == operation
        return LockAnswer(outcome=LockOutcome.TAKEN if mine else LockOutcome.LOST, state=self.world.state(self.name))

    async def release(self, operation: str, patience_s: float) -> LockAnswer:
        def work() -> None:
            if self.world.locks.get(self.name) == operation:
                del self.world.locks[self.name]

        self.world.call(f"release {self.name}", work)
        return LockAnswer(outcome=LockOutcome.RELEASED, state=self.world.state(self.name))

    async def save(self, spec: CommandSpec, operation: str, managed: frozenset[IpAddress]) -> SaveAnswer:
        self.world.call("save", lambda: setattr(self.world, "saved", True))
        return SaveAnswer(outcome=StepOutcome.DONE, state=self.world.state(self.name), saved=self.world.keeps)

    async def read_back(self, patience_s: float = 3.0) -> ReadBack:
        self.world.call("read back")
        found = self.world.there.pop(0) if len(self.world.there) > 1 else self.world.there[0]
        if found is None:
            raise lost()
        return found

    async def arm(self, spec: CommandSpec, operation: str, slot: Slot, deadline_s: int) -> StepAnswer:
        self.world.call("arm", lambda: self.world.armed.add(slot) if self.world.arms else None)
        return StepAnswer(outcome=StepOutcome.DONE, state=self.world.state(self.name))

    async def state(self, patience_s: float = 3.0) -> NodeOperation:
        self.world.call("state")
        return self.world.state(self.name)

    async def timers(self, patience_s: float = 3.0) -> RevertTimers:
        self.world.call("timers")

        def timer(slot: Slot) -> RevertTimer:
            waits = slot in self.world.armed
            return RevertTimer(
                slot=slot, waiting=waits, next_uptime_s=70.0 if waits else None, running=False, started_uptime_s=None,
                failed=False,
            )  # fmt: skip

        return RevertTimers(timers=(timer(Slot.A), timer(Slot.B)), change_running=False, change_failed=False)

    async def disarm(self, operation: str, slot: Slot, patience_s: float) -> DisarmAnswer:
        outcome = self.world.disarms or (DisarmOutcome.FIRED if self.world.reverted else DisarmOutcome.DISARMED)
        self.world.call(f"disarm {slot.value}", lambda: self.world.armed.discard(slot))
        return DisarmAnswer(outcome=outcome, state=self.world.state(self.name))

    async def clear(self, operation: str, patience_s: float) -> StepAnswer:
        self.world.call("clear", lambda: setattr(self.world, "saved", False))
        return StepAnswer(outcome=StepOutcome.DONE, state=self.world.state(self.name))

    async def note(self, operation: str, note: DrainNote | None, patience_s: float) -> StepAnswer:
        def write() -> None:
            self.world.noted, self.world.until = note is not None, None if note is None else note.until

        self.world.call("note" if note else "forget note", write)
        return StepAnswer(outcome=StepOutcome.DONE, state=self.world.state(self.name))

    async def revert_now(self, operation: str, slot: Slot, patience_s: float) -> None:
        self.world.call("revert now", lambda: self.world.revert(slot))

    async def ask(self, spec: CommandSpec, data: str = "", *, interface: str = "lo", patience_s: float = 0.0) -> Output:
        status: list[int] = []
        restores = spec.id.endswith(".start")
        self.world.call(spec.id, lambda: status.append(0 if restores else self.world.change()))
        return Output(stdout=b"", stderr="it said no" if status[0] else "", status=status[0], truncated=False, files={})


class FakeEyes:
    """All that it sees is new."""

    def picture(self) -> ClusterPicture:
        node = replace(PICTURE.nodes[0], kernel_at=9e9, units_at=9e9, dump_at=9e9)
        return replace(PICTURE, nodes=(node, replace(node, spec=PICTURE.nodes[1].spec)))

    def read_anew(self) -> None: ...

    async def changed(self) -> None:
        await asyncio.sleep(0.01)


@dataclass
class Guard:
    id: str = "well"
    passes: bool = True
    text: str = "all is well"


def held(world: World, **more: object) -> Job:
    gone = Expectation(text="it is stopped", holds=lambda _: world.changed)
    back = Expectation(text="it runs", holds=lambda _: not world.changed)
    fields: dict[str, object] = {
        "operation": "op-1", "action": "squid-stop", "node": ONE, "changes": (Entry(spec=change.SQUID_STOP),),
        "revert": Revert(save=op.SAVE, arm=op.ARM_SQUID, deadline_s=60), "ending": Ending.HOLD, "hold_s": 0.0,
        "expect": (Check(name="verify", expectations=(gone,), within_s=0.2),),
        "restored": (Check(name="restored", expectations=(back,), within_s=0.2),),
    }  # fmt: skip
    return Job(**{**fields, **more})  # type: ignore[arg-type]


def start(world: World) -> Job:
    return Job(
        operation="op-1", action="squid-start", node=ONE, changes=(Entry(spec=change.SQUID_START),),
        ends=frozenset({"squid"}),
    )  # fmt: skip


def executor(
    world: World, job: Job, guards: list[Guard] | None = None, observe: Callable[[Told], None] = lambda _: None
) -> Executor:
    async def judge(_: Mapping[str, NodeOperation]) -> list[Guard]:
        world.calls.append("guards")
        return [Guard()] if guards is None else guards

    desks: dict[str, Desk] = {n: FakeDesk(world, n) for n in (ONE, TWO)}  # type: ignore[misc]
    request = LockRequest(operation=job.operation, owner="anna", host="desk", name=job.action, node=ONE, started="now")
    return Executor(
        job, desks, eyes=FakeEyes(), guards=judge, clock=SystemClock(), request=request, observe=observe,
        facts=lambda _: {},
    )  # fmt: skip


def done(run: Awaitable[Report]) -> Awaitable[Report]:
    return asyncio.wait_for(run, 20.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that never answers again is given up at once."""
    monkeypatch.setattr(module, "LATE_S", -59.9)
    monkeypatch.setattr(module, "REVERT_S", 0.3)


async def test_everything_in_its_order() -> None:
    world = World()
    report = await done(executor(world, held(world)).run())
    assert (report.result, world.changed, world.armed, world.locks) == (Result.DONE, False, set(), {})
    assert world.calls == [
        f"take {ONE}", f"take {TWO}", "guards", "save", "arm", "timers", "state", "squid.stop", "revert now", "state",
        "disarm a", f"release {TWO}", f"release {ONE}",
    ]  # fmt: skip
    assert [s.step for s in report.steps] == [
        "lock", "guards", "save", "arm", "see-armed", "change", "verify", "hold", "put-back", "restored", "disarm",
        "unlock",
    ]  # fmt: skip


DEFAULT = (4, "boot", "default via 203.0.113.1")
LINK = Saved(
    units=(), drain_value=None, interface="eth1", addresses6=("2001:db8::1/64",),
    routes=(DEFAULT, (6, "static", "2001:db8:9::/48 via fe80::1 metric 1024 expires 500sec pref medium")),
)  # fmt: skip
WHOLE = ReadBack(
    interface="eth1", addresses6=("2001:db8::1/64", "2001:db8::101/64"),
    routes=((6, "static", "2001:db8:9::/48 via fe80::1 metric 1024 expires 490sec pref medium"), DEFAULT),
)  # fmt: skip


async def test_routes_are_compared_with_what_was_saved_and_only_then_claimed() -> None:
    """They may come late; one that is new is told. Without an interface nothing is read and nothing claimed."""
    late = replace(WHOLE, routes=WHOLE.routes[:1])
    more = replace(WHOLE, routes=(*WHOLE.routes, (4, "static", "198.51.100.0/24 via 203.0.113.1")))
    world = World(keeps=LINK, there=[late, more])
    report = await done(executor(world, held(world)).run())
    assert report.result is Result.DONE
    assert "routes of eth1" in report.text
    (told,) = [s.text for s in report.steps if s.step == "routes"]
    assert told == (
        "eth1: 2 routes and 1 IPv6 addresses as saved; new: IPv4 route 198.51.100.0/24 via 203.0.113.1 proto static"
    )
    assert world.calls.count("read back") == 2
    without = World()
    assert "routes" not in (await done(executor(without, held(without)).run())).text
    assert "read back" not in without.calls


@pytest.mark.parametrize(("there", "words"), [
    (replace(WHOLE, routes=WHOLE.routes[:1]), "missing what was saved: IPv4 route default via 203.0.113.1 proto boot"),
    (replace(WHOLE, addresses6=()), "missing what was saved: address 2001:db8::1/64"),
    (None, "routes of eth1 were not read again"),
])  # fmt: skip
async def test_what_was_saved_and_is_not_seen_again_is_never_told_as_put_back(
    monkeypatch: pytest.MonkeyPatch, there: ReadBack | None, words: str
) -> None:
    monkeypatch.setattr(module, "ROUTES_S", 0.2)
    world = World(keeps=LINK, there=[there])
    report = await done(executor(world, held(world, interface="eth1")).run())
    assert report.result is Result.UNVERIFIED
    assert words in report.text
    assert any("ip route show table all dev eth1" in place for place in report.look_at)
    assert world.reverted == 1


async def test_what_is_not_seen_armed_is_not_changed() -> None:
    world = World(arms=False)
    report = await done(executor(world, held(world)).run())
    assert report.result is Result.REFUSED
    assert world.changes == 0
    assert "squid.stop" not in world.calls
    assert (world.locks, world.saved) == ({}, False)


async def test_a_guard_that_fails_under_the_lock_refuses() -> None:
    world = World()
    report = await done(executor(world, held(world), [Guard("peer-serves", False, "squid does not answer")]).run())
    assert report.result is Result.REFUSED
    assert "peer-serves: squid does not answer" in report.text
    assert world.calls == [f"take {ONE}", f"take {TWO}", "guards", f"release {TWO}", f"release {ONE}"]


async def test_of_two_locks_the_first_is_given_back_when_the_second_is_held() -> None:
    world = World(locks={TWO: "op-other"})
    report = await done(executor(world, held(world)).run())
    assert report.result is Result.REFUSED
    assert "bea on other" in report.text
    assert world.locks == {TWO: "op-other"}
    assert world.calls[-1] == f"release {ONE}"


async def test_a_change_that_the_node_refuses_was_none() -> None:
    world = World()
    job = held(world)
    run = executor(world, job)
    run._look_armed = lambda: asyncio.sleep(0, 60.0)  # type: ignore[method-assign,assignment]
    world.arms = False  # disarmed behind our back, between seeing and changing
    report = await done(run.run())
    assert report.result is Result.REFUSED
    assert (world.changes, world.reverted) == (0, 0)


@pytest.mark.parametrize("status", [1, 5, 124])
async def test_a_change_that_fails_is_put_back(status: int) -> None:
    world = World(status=status)
    report = await done(executor(world, held(world)).run())
    assert report.result is Result.REVERTED
    assert f"ended with {status}: it said no" in report.text
    assert world.reverted == 1


async def test_what_does_not_do_what_was_expected_is_put_back() -> None:
    world = World(takes_effect=False)
    report = await done(executor(world, held(world)).run())
    assert report.result is Result.REVERTED
    assert "it is stopped: not so" in report.text
    assert world.reverted == 1


async def test_what_was_seen_before_the_change_verifies_nothing() -> None:
    world = World()
    run = executor(world, held(world))
    old = replace(FakeEyes().picture(), nodes=tuple(replace(n, kernel_at=1.0) for n in FakeEyes().picture().nodes))
    eyes = FakeEyes()
    seen = iter([True])  # the guards' look is new, all later ones are not
    eyes.picture = lambda: FakeEyes().picture() if "squid.stop" not in world.calls or next(seen, False) else old  # type: ignore[method-assign]
    run._eyes = eyes
    report = await done(run.run())
    assert report.result is Result.UNVERIFIED
    assert "not read since" in report.text
    assert world.reverted == 1


async def test_a_stop_in_the_hold_puts_back_and_a_second_one_changes_nothing() -> None:
    world = World()
    holding = asyncio.Event()
    run = executor(world, held(world, hold_s=30.0), observe=lambda t: holding.set() if t.step == "hold" else None)
    running = asyncio.ensure_future(run.run())
    await asyncio.wait_for(holding.wait(), 30.0)
    run.stop.set()
    run.stop.set()
    report = await done(running)
    assert (report.result, world.reverted, world.changed) == (Result.REVERTED, 1, False)
    assert "stopped by the operator" in report.text


@pytest.mark.parametrize("operator_first", [False, True])
async def test_a_stop_condition_is_told_by_its_own_words_and_not_as_the_operators(operator_first: bool) -> None:
    world = World()
    holding = asyncio.Event()
    run = executor(world, held(world, hold_s=30.0), observe=lambda t: holding.set() if t.step == "hold" else None)
    running = asyncio.ensure_future(run.run())
    await asyncio.wait_for(holding.wait(), 30.0)
    if operator_first:
        run.stop.set()
    run.halt("stop condition: 192.0.2.1 has not served its clients for 9.0 s")
    report = await done(running)
    assert (report.result, world.reverted) == (Result.REVERTED, 1)
    words = "stopped by the operator" if operator_first else "stop condition: 192.0.2.1 has not served"
    assert any(s.step == "hold" and s.text.startswith(words) for s in report.steps)
    assert report.text.startswith(f"put back: {words}")


@pytest.mark.parametrize(
    ("watched", "since_s", "trips"), [(True, 20.0, True), (True, 1.0, False), (False, 20.0, False)]
)
async def test_a_vip_that_does_not_serve_for_longer_than_predicted_ends_the_hold_at_once(
    *, watched: bool, since_s: float, trips: bool
) -> None:
    world = World()
    first = PICTURE.vips[0]
    allowed = frozenset({first.address}) if watched else frozenset()
    run = executor(world, held(world, hold_s=0.3 if not trips else 30.0, watched=allowed, outage_allowed_s=5.0))
    eyes, held_on = FakeEyes(), run._step
    broken: list[float] = []
    assert first.client is not None
    well = replace(first, client=replace(first.client, at=9e9))

    def picture() -> ClusterPicture:
        seen = replace(well, failed_since=broken[0]) if broken and world.changed else well
        return replace(FakeEyes().picture(), vips=(seen, *PICTURE.vips[1:]))

    def step(name: str, text: str) -> object:
        if name == "hold":
            broken.append(SystemClock().now() - since_s)
        return held_on(name, text)

    eyes.picture = picture  # type: ignore[method-assign]
    run._eyes, run._step = eyes, step  # type: ignore[method-assign, assignment]
    report = await done(run.run())
    assert (world.reverted, world.changed) == (1, False)
    if trips:
        words = f"put back: stop condition: {first.address} has not served its clients for 2"
        assert report.result is Result.REVERTED and report.text.startswith(words), report.text
        assert "5.0 s at most were to be expected" in report.text
    else:
        assert report.result is Result.DONE, report.text


async def test_a_stop_before_the_change_touches_nothing() -> None:
    world = World()
    run = executor(world, held(world))
    run.stop.set()
    report = await done(run.run())
    assert (report.result, world.changes, world.locks) == (Result.REFUSED, 0, {})


async def test_a_hold_can_be_ended_early() -> None:
    world = World()
    run = executor(world, held(world, hold_s=600.0))
    run.hold_over.set()
    assert (await done(run.run())).result is Result.DONE


async def test_an_extended_hold_is_armed_anew_before_the_old_timer_is_disarmed() -> None:
    world = World()
    holding = asyncio.Event()
    run = executor(world, held(world, hold_s=600.0), observe=lambda t: holding.set() if t.step == "hold" else None)
    running = asyncio.ensure_future(run.run())
    await asyncio.wait_for(holding.wait(), 30.0)
    at = len(world.calls)
    assert await run.extend(120)
    assert world.calls[at:] == ["arm", "timers", "state", "disarm a"]
    assert world.armed == {Slot.B}
    assert run._hold_left(0.0) > 50, "the hold lasts as long as the node's own time now"
    run.hold_over.set()
    assert (await done(running)).result is Result.DONE


async def test_a_revert_that_is_incomplete_is_not_called_good() -> None:
    world = World(incomplete=True)
    report = await done(executor(world, held(world)).run())
    assert report.result is Result.UNVERIFIED
    assert "incomplete" in report.text
    assert report.look_at


STAYS = {"ending": Ending.STAYS, "restored": ()}


async def test_what_stays_is_disarmed_and_its_note_is_there() -> None:
    world = World()
    note = DrainNote(by="anna", reason=None, method="track_file", since=None, until=None)
    report = await done(executor(world, held(world, note=note, **STAYS)).run())
    assert (report.result, world.changed, world.noted, world.armed, world.saved) == (
        Result.DONE,
        True,
        True,
        set(),
        False,
    )
    assert world.calls.index("note") < world.calls.index("squid.stop")


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (DisarmOutcome.FIRED, Result.REVERTED),
        (DisarmOutcome.STILL_ARMED, Result.UNVERIFIED),
        (DisarmOutcome.UNKNOWN, Result.UNVERIFIED),
    ],
)
async def test_what_cannot_be_disarmed_is_said(outcome: DisarmOutcome, result: Result) -> None:
    world = World(disarms=outcome)
    report = await done(executor(world, held(world, **STAYS)).run())
    assert report.result is result


async def test_what_ends_by_itself_stays_armed_and_is_unlocked() -> None:
    world = World()
    report = await done(executor(world, held(world, ending=Ending.UNTIL)).run())
    assert (report.result, world.changed, world.armed, world.locks) == (Result.DONE, True, {Slot.A}, {})


async def test_the_note_tells_the_end_as_it_was_armed_and_not_as_it_was_wished() -> None:
    world = World()
    note = DrainNote(by="anna", reason=None, method="stop", since=None, until="2026-01-01T00:00:00Z")
    run = executor(world, held(world, ending=Ending.UNTIL, note=note))
    report = await done(run.run())
    assert report.result is Result.DONE
    assert run._deadline is not None
    assert world.until == stamp(run._deadline)


async def test_restoring_locks_its_node_alone_and_takes_over_from_a_dead_console() -> None:
    world = World(locks={ONE: "op-dead", TWO: "op-dead"}, stale={ONE, TWO}, armed={Slot.A})
    report = await done(executor(world, start(world)).run())
    assert report.result is Result.DONE
    assert world.calls == [
        f"take {ONE}", f"take {ONE}", "guards", "squid.start", "state", "timers", "disarm a", f"release {ONE}",
        "state", "state",
    ]  # fmt: skip
    assert (world.locks, world.armed) == ({TWO: "op-dead"}, set())


async def test_disturbing_does_not_take_a_stale_lock_by_itself() -> None:
    world = World(locks={ONE: "op-dead"}, stale={ONE})
    report = await done(executor(world, held(world)).run())
    assert report.result is Result.REFUSED
    assert "--break-lock op-dead" in report.text


async def test_connections_are_waited_for_and_the_guards_asked_again() -> None:
    world, counts = World(), [7, 3, 0]
    run = executor(world, held(world, wait_idle_s=60.0))

    async def count() -> int:
        return counts.pop(0)

    run._count = count
    report = await done(run.run())
    assert report.result is Result.DONE
    assert counts == []
    assert world.calls.count("guards") == 2


async def test_a_screen_that_is_gone_holds_nothing_up() -> None:
    def broken(_: Told) -> None:
        raise OSError(5, "Input/output error")

    world = World()
    assert (await done(executor(world, held(world), observe=broken).run())).result is Result.DONE


CALLS = 13
"""Of the undisturbed run: `test_everything_in_its_order`."""


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("arrives", [True, False], ids=["answer lost", "never arrived"])
@pytest.mark.parametrize("number", range(CALLS))
async def test_whichever_answer_is_lost_nothing_stays_changed_and_nothing_is_guessed(
    number: int, arrives: bool
) -> None:
    world = World()
    (world.lose if arrives else world.drop).add(number)
    report = await done(executor(world, held(world)).run())
    assert not world.changed, "put back"
    if world.changes:
        assert world.reverted
    else:
        assert report.result in {Result.REFUSED, Result.FAILED, Result.UNVERIFIED, Result.REVERTED}
    if "squid.stop" in world.calls:
        assert world.calls.index("arm") < world.calls.index("state") < world.calls.index("squid.stop")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", range(CALLS))
async def test_a_node_that_is_gone_for_good_is_never_called_well(number: int) -> None:
    world = World(drop=set(range(number, 4000)))
    report = await done(executor(world, held(world)).run())
    if world.changed:
        assert report.result is Result.UNVERIFIED
        assert report.look_at
    if report.result is Result.DONE:
        assert not world.changed
