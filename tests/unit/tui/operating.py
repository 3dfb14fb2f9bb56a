"""Guarded actions without nodes: real plans and guards of a picture, carried out in appearance only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from textual.app import App

from haconsole.catalogue import change
from haconsole.catalogue import operation as entries
from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.left import left_on, told_in
from haconsole.model.findings import Verdict
from haconsole.model.operation import NodeOperation, OperationLock, Slot
from haconsole.model.readings import ConfigTest
from haconsole.model.state import Known
from haconsole.operations.actions import Action, Kind, drain_of
from haconsole.operations.guards_context import Answer, Asked
from haconsole.operations.job import Result
from haconsole.operations.plan import Plan, plan
from haconsole.operations.take_over import Taking, Way, plan_of
from haconsole.runtime.executor import Report, Told
from haconsole.tui.source import CannotError
from tests.unit.cluster.builders import config
from tests.unit.tui import scenes

OPERATION = "squid-stop-1f2e3d4c"
FREE = NodeOperation(uptime_s=1000.0, boot_id="b")
BEFORE = [
    ("lock", "locked: proxy-serv01, proxy-serv02"),
    ("guards", "all 19 guards hold"),
    ("save", "saved: keepalived active, squid active"),
    ("arm", "armed on proxy-serv01"),
    ("see-armed", "armed: proxy-serv01 heals itself in 120 s"),
    ("change", "done"),
    ("verify", "seen: 192.168.2.101 is on proxy-serv02"),
]
TAKEN = [
    ("lock", f"{OPERATION} on proxy-serv01 is this console's now"),
    ("locks", "locked"),
    ("see-armed", "armed: proxy-serv01 heals itself in 41 s"),
]
AFTER = [
    ("put-back", "put back"),
    ("restored", "seen: 192.168.2.101 is on proxy-serv01, squid is active on proxy-serv01"),
    ("disarm", "no timer waits any more"),
    ("unlock", "unlocked"),
]


def whole(told: NodeOperation = FREE, peer: NodeOperation | None = None) -> Snapshot:
    """A healthy pair whose configuration was read, too: forecasts are known. told: what /run/haconsole holds on both,
    or on proxy-serv01 only; then peer: on proxy-serv02."""
    nodes = [make() for make in scenes.BOTH_WELL]
    nodes = [
        replace(
            n,
            config=Known(config(n.name), scenes.NOW - 20, "config"),
            operation=Known(told if peer is None or n.name == scenes.ONE else peer, scenes.NOW - 2, "operation"),
        )
        for n in nodes
    ]
    vips = [scenes.probes(scenes.VIP1, scenes.QUICK), scenes.probes(scenes.VIP2, scenes.SLOWER)]
    return scenes.snapshot(scenes.state(nodes, vips, scenes.STARTED), [], Verdict.OK)


def asked(**more) -> Asked:
    """All was asked, and all is well."""
    names = (scenes.ONE, scenes.TWO)
    every = (*entries.COMMANDS, *change.COMMANDS)
    made = Asked(
        now=scenes.NOW,
        operator="anna",
        operations=dict.fromkeys(names, FREE),
        requests={n: Answer(ok=True, text="200 in 3 ms") for n in names},
        rights={(n, i): Answer(ok=True, text="allowed") for n in names for i in every},
        config_test=ConfigTest(ok=True),
        master_changes=(),
        fighters=(),
        connections={scenes.VIP1: 118, scenes.VIP2: 97},
    )
    return replace(made, **more)


@dataclass
class Made:
    """What `prepare` gives."""

    plan: Plan


def left_behind(*, revert: str = "squid", peer_left_s: int = -20, **more) -> Snapshot:
    """bea's console began squid-stop on proxy-serv01, 41 s before its deadline. peer_left_s: until her lock expires
    where nothing is armed; below 0: her console is gone."""
    lock = OperationLock(
        operation=OPERATION, boot_id="b", expires_uptime_s=1048, owner="bea", host="other", name="squid-stop",
        node=scenes.ONE, started="2025-11-24T13:01:10.000Z",
    )  # fmt: skip
    fields = {"saved": OPERATION, "revert": revert, "deadlines_uptime_s": ((Slot.A, 1043),), **more}
    told = replace(FREE, **{"lock": lock, **fields})
    return whole(told, replace(FREE, lock=replace(lock, expires_uptime_s=1000 + peer_left_s)))


@dataclass
class MadeLeft:
    """What `prepare_left` gives."""

    taking: Taking
    plan: Plan


@dataclass
class Handle:
    """What an executor offers."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    hold_over: asyncio.Event = field(default_factory=asyncio.Event)
    extended: list[int] = field(default_factory=list)
    extends: bool = True

    async def extend(self, seconds: int) -> bool:
        self.extended.append(seconds)
        return self.extends


class FakeOperations:
    """Judges by real guards; `carry_out` tells the steps and holds until it is asked to stop or to end the hold.

    answers: what was asked of the nodes. back: set when the node has put back; a test may keep it from doing so.
    """

    def __init__(self, shown: Snapshot, **answers) -> None:
        self.shown, self.answers = shown, answers
        self.wishes, self.refusals, self.carried = [], [], []
        self.handle: Handle | None = None
        self.back = asyncio.Event()
        self.back.set()
        self.ready = asyncio.Event()
        self.ready.set()
        self.problem: str | None = None
        self.own_path = False

    async def prepare(self, wish):
        self.wishes.append(wish)
        await self.ready.wait()
        if self.problem is not None:
            raise CannotError(self.problem)
        picture = self.shown.picture
        interface = {"lan": "eth0", "public": "eth1"}.get(wish.interface, wish.interface)
        drain = drain_of(picture, picture.node(wish.node)) if wish.kind is Kind.DRAIN else None
        action = Action(
            kind=wish.kind, node=wish.node, interface=interface, drain=drain, own_path=self.own_path,
            reason=wish.reason, ticket=wish.ticket,
        )  # fmt: skip
        told = asked(overrides=wish.overrides, phrase=wish.phrase, outside_window=wish.outside_window, **self.answers)
        return Made(plan(picture, action, told, operation=OPERATION))

    async def prepare_left(self, wish):
        self.wishes.append(wish)
        if self.problem is not None:
            raise CannotError(self.problem)
        picture = self.shown.picture
        left = left_on(told_in(picture), [n.name for n in picture.nodes], wish.node, picture.at)
        seconds = None if wish.revert_after is None else 3600
        taking = Taking(left=left, way=wish.way, seconds=seconds, leave=wish.leave)
        return MadeLeft(taking, plan_of(picture, taking))

    def by_name(self, prepared):
        taking = replace(prepared.taking, named=prepared.taking.left.lock_name)
        return MadeLeft(taking, plan_of(self.shown.picture, taking))

    def refused(self, prepared) -> None:
        self.refusals.append(prepared)

    async def carry_out(self, prepared, observe, started):
        self.carried.append(prepared)
        self.handle = Handle()
        steps, at = [], scenes.NOW - 20

        def tell(name, text, *, left=None, ok=True):
            nonlocal at
            steps.append(Told(step=name, text=text, started=at, ended=at + 0.4, ok=ok, left_s=left))
            at += 0.6
            observe(steps[-1])

        started(self.handle)
        left = isinstance(prepared, MadeLeft)
        for name, text in TAKEN if left else BEFORE:
            observe(Told(step=name, text=f"{name} …", started=at))
            tell(name, text)
        observe(Told(step="hold", text="hold, 101 s more", started=at, left_s=41.0 if left else 101.0))
        if left and prepared.taking.way is Way.ABORT:
            self.handle.hold_over.set()
        waits = [asyncio.ensure_future(e.wait()) for e in (self.handle.stop, self.handle.hold_over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        stopped = self.handle.stop.is_set()
        tell("hold", "stopped by the operator" if stopped else "over", ok=not stopped)
        observe(Told(step="put-back", text="proxy-serv01 puts back", started=at, left_s=100.0))
        await self.back.wait()
        for name, text in AFTER:
            tell(name, text)
        before = {"vips": {"192.168.2.101": {"holders": ["proxy-serv01"]}}}
        return Report(
            result=Result.REVERTED if stopped else Result.DONE,
            text="put back: stopped by the operator" if stopped else "squid-stop on proxy-serv01 is over, all is as before",
            guards=prepared.plan.guards, steps=steps, before=before, after=before,
        )  # fmt: skip


def pictured(app):
    """The same console, but one that leaves when the picture was taken, whatever is under way."""
    app.exit = lambda *words, **more: App.exit(app, *words, **more)
    return app


def offering(shown: Snapshot | None = None, **options):
    """A console on one cluster, with fake operations: (app, operations)."""
    from tests.unit.tui.driving import console

    shown = whole() if shown is None else shown
    operations = FakeOperations(shown, **options.pop("answers", {}))
    app = console(shown, operations={shown.picture.spec.name: operations}, **options)
    return app, operations
