"""Drills without nodes: real plans, guards and predictions of a picture, carried out in appearance only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from haconsole.model.drill import Claim, Holding, Hypothesis, Measured, Phase
from haconsole.model.readings import LogFact, LogFactKind, VrrpState
from haconsole.operations.actions import Action, Kind, drain_of
from haconsole.operations.drills.expect import expected
from haconsole.operations.drills.parts import CATALOGUE
from haconsole.operations.drills.seen import Line, Seen
from haconsole.operations.plan import plan
from haconsole.runtime.drill_live import Live
from haconsole.runtime.executor import Told
from haconsole.runtime.traffic import Bucket, Load, TrafficSnapshot
from haconsole.tui.drilling import Outcome, Shelf
from tests.support import drill_sample
from tests.unit.tui import scenes
from tests.unit.tui.driving import console
from tests.unit.tui.operating import asked, whole

SINCE = scenes.NOW - 9.0
INJECTED = SINCE + 4.2
TAKEN = INJECTED + 0.612
ONE, TWO, VIP1, VIP2 = scenes.ONE, scenes.TWO, str(scenes.VIP1), str(scenes.VIP2)
HOSTILE = "(proxy_ip1) \x1b[31m[red]Entering[/] \u202eSTATE\x07 [@click=app.quit]q[/]"
STEPS = [
    ("lock", "locked: proxy-serv01, proxy-serv02"), ("guards", "all 19 guards hold"), ("save", "saved"),
    ("arm", "armed on proxy-serv01"), ("see-armed", "armed: heals itself in 45 s"), ("change", "done"),
    ("verify", "seen: 192.168.2.101 is on proxy-serv02"),
]  # fmt: skip
BACK = [("put-back", "put back"), ("restored", "seen"), ("disarm", "no timer waits"), ("unlock", "unlocked")]


def seen(shown, hostile=False) -> Seen:
    """proxy-serv01 lost its public link: FAULT, .101 goes over."""
    made = Seen(shown.picture.spec, SINCE, (VIP1, VIP2))
    made.lanes += [
        Holding(vip=VIP1, since=SINCE, holders=(ONE,)), Holding(vip=VIP2, since=SINCE, holders=(TWO,)),
        Holding(vip=VIP1, since=INJECTED, holders=()), Holding(vip=VIP1, since=TAKEN, holders=(TWO,)),
    ]  # fmt: skip
    made.told(Told(step="change", text="done", started=INJECTED, ended=INJECTED + 0.05, ok=True), INJECTED)
    made.phase = Phase.HOLD
    fault = LogFact(kind=LogFactKind.STATE, instance="proxy_ip1", state=VrrpState.FAULT)
    told = [
        (ONE, 0.001, "Netlink reports eth1 down", None), (ONE, 0.002, "(proxy_ip1) Entering FAULT STATE", fault),
        (ONE, 0.002, "(proxy_ip1) sent 0 priority", None), (ONE, 0.003, "(proxy_ip2) Entering FAULT STATE", fault),
        (TWO, 0.011, "(proxy_ip1) Backup received priority 0 advertisement", None),
        (TWO, 0.612, HOSTILE if hostile else "(proxy_ip1) Entering MASTER STATE", fault),
    ]  # fmt: skip
    made.lines += [
        Line(node=n, at=INJECTED + at, error_s=0.001, program="keepalived", text=text, fact=fact)
        for n, at, text, fact in told
    ]
    return made


def traffic(seconds=10.0) -> TrafficSnapshot:
    """Five requests in a tenth of a second; 0.6 s of .101's are lost."""
    count = round(seconds / 0.1)
    first = int(scenes.NOW // 0.1) + 1 - count

    def strip(vip):
        for slot in range(first, first + count):
            at = slot * 0.1
            lost = vip == VIP1 and INJECTED <= at + 0.05 < TAKEN
            yield Bucket(ok=0 if lost or at < SINCE else 5, failed=5 if lost else 0)

    return TrafficSnapshot(
        now=scenes.NOW, measuring=True, problem=None, checked="http", cadence_s=0.02, interval_ms=20.1, counts=(),
        load=Load(cpu_percent=2.0, requests_per_s=100.0), bucket_s=0.1,
        strips={v: tuple(strip(v)) for v in (VIP1, VIP2)},
    )  # fmt: skip


class FakeRun:
    """Tells its steps and holds until the test, or the operator, ends that."""

    def __init__(self, drills, drill, node, words):
        self.drills, self.drill, self.node, self.words = drills, drill, node, words
        self.over, self.stopped, self.extended = asyncio.Event(), False, []
        self.begun = False

    async def settled(self):
        self.drills.settled.append(self.node)

    async def prepare(self):
        picture = self.drills.shown.picture
        interface = {"lan": "eth0", "public": "eth1"}.get(self.drill.interface)
        drain = drain_of(picture, picture.node(self.node)) if self.drill.kind is Kind.DRAIN else None
        action = Action(kind=self.drill.kind, node=self.node, interface=interface, drain=drain, wanted_s=30.0)
        told = asked(**self.drills.answers)
        self.plan = plan(picture, action, told, operation=f"drill-{self.drill.name}-1f2e3d4c", hold_s=10.0)
        self.expected = expected(picture, action)

    async def refused(self):
        self.drills.refusals.append(self)
        return Outcome(record=None, healthy=False, code=3)

    async def carry_out(self, observe):
        self.begun = True
        self.drills.carried.append(self)
        at = INJECTED - 2.0
        for name, text in STEPS:
            observe(Told(step=name, text=text, started=at, ended=at + 0.2, ok=True))
            at += 0.3
        observe(Told(step="hold", text="hold, 7 s more", started=at, left_s=41.0))
        await self.over.wait()
        observe(Told(step="hold", text="over", started=at, ended=at + 1, ok=not self.stopped))
        for name, text in BACK:
            observe(Told(step=name, text=text, started=at, ended=at + 0.2, ok=True))
        record = self.drills.record
        if self.stopped:
            from haconsole.model.drill import Verdict

            record = replace(record, result=Verdict.ABORTED, text="stopped by the operator; everything was put back")
            return Outcome(record=record, healthy=False, code=4, files=("/drills/1/report/report.html",))
        return Outcome(record=record, healthy=self.drills.healthy, code=0, files=("/drills/1/report/report.html",))

    def live(self):
        if not self.begun:
            return None
        during = (
            Claim(text="proxy_ip1 is FAULT on proxy-serv01", ok=True, evidence="FAULT, by its log"),
            Claim(text=f"{VIP1} is on proxy-serv02", ok=True, evidence="by the kernels: proxy-serv02"),
            Claim(text=f"proxy-serv02 announces {VIP1} on the wire", ok=None, evidence="not heard"),
            Claim(text=f"clients of {VIP2}, which stays, lose nothing", ok=False, evidence="1 of 450 requests failed"),
        )
        measured = Measured(takeover_s={VIP1: 0.612}, outage_s={VIP1: 0.634, VIP2: 0.041}, requests=900, failed=31)
        return Live(
            id="1", drill=self.drill, expected=self.expected, seen=seen(self.drills.shown, self.drills.hostile),
            measured=measured, hypothesis=Hypothesis(during=during, after=during[:2]), traffic=traffic(),
            unserved_s={VIP1: 0.0, VIP2: 0.0}, left_s=41.0, aborting=self.stopped,
        )  # fmt: skip

    def abort(self):
        self.stopped = True
        self.over.set()

    def end_hold(self):
        self.over.set()

    async def extend(self, seconds):
        self.extended.append(seconds)
        return True


class FakeDrills:
    """Judges by real guards. hostile: a node writes hostile lines. healthy: how each drill leaves the cluster."""

    def __init__(self, shown, *, hostile=False, past=(), **answers):
        self.shown, self.answers, self.hostile, self.past = shown, answers, hostile, tuple(past)
        self.runs, self.carried, self.refusals, self.settled = [], [], [], []
        self.record, self.healthy = drill_sample.passed(), True

    async def shelf(self):
        return Shelf(drills=CATALOGUE, past=self.past)

    def run(self, drill, node, words):
        made = FakeRun(self, drill, node, words)
        self.runs.append(made)
        return made


def drilling(shown=None, **options):
    """A console with drills on one cluster: (app, drills)."""
    shown = whole() if shown is None else shown
    given = {k: options.pop(k) for k in ("hostile", "past") if k in options}
    drills = FakeDrills(shown, **given, **options.pop("answers", {}))
    return console(shown, drills={shown.picture.spec.name: drills}, **options), drills
