"""Rolling maintenance without nodes: real plans and guards of a picture, carried out in appearance only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from haconsole.model.operation import DrainNote, NodeOperation, Slot
from haconsole.operations import maintenance
from haconsole.operations.actions import Action, Kind, drain_of
from haconsole.operations.maintenance import Do, Ended, Stage, Turn
from haconsole.operations.plan import plan
from haconsole.runtime.executor import Told
from haconsole.tui.maintaining import Found
from haconsole.tui.source import CannotError
from tests.unit.tui import scenes
from tests.unit.tui.driving import console
from tests.unit.tui.operating import BEFORE, Made, asked, whole

REBOOT = "ssh -F none -i /tmp/demo/key -o UserKnownHostsFile=/tmp/demo/known -p 40022 ops@127.0.0.1 sudo -n -- reboot"
HOSTILE = "● squid: \x1b[31mactive[/] \u202edelbane"


class FakeFlow:
    """Goes on when the test, or the operator, lets it. kept: where it was left."""

    def __init__(self, owner, flow, plans=(), words=None):
        self.owner, self.flow, self.plans, self.words = owner, flow, plans, words
        self.rebooted, self.worked, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.extended = 0

    async def carry_out(self, talk):
        self.owner.carried.append(self)
        self.owner.kept = self.flow
        while self.flow.at < len(self.flow.nodes):
            ended = await self._node(talk)
            if ended is not None:
                self.owner.kept = self.flow
                return ended
        self.owner.kept = None
        return Ended(result="done", text=f"maintenance of {', '.join(self.flow.nodes)} is done")

    def _turn(self, talk, turn):
        self.flow = turn.flow
        for line in turn.said:
            talk.say(line)

    async def _node(self, talk):
        now, node = scenes.NOW - 65, self.flow.node
        if self.flow.stage is Stage.DRAIN:
            prepared = self.owner.made(node, self.words)
            if prepared.plan.refused:
                talk.refused(prepared)
                return Ended(result="refused", text=f"refused by peer-serves: {node} was not touched")
            if not await talk.confirm(prepared):
                return Ended(result="not-confirmed", text=f"not confirmed: {node} was not touched")
            picture = self.owner.shown.picture
            self.flow = maintenance.draining(self.flow, picture, (), prepared.plan.action.method, now)
            talk.begins(prepared)
            at = now
            for name, text in BEFORE:
                talk.step(Told(step=name, text=text, started=at, ended=at + 0.4, ok=True, left_s=None))
                at += 0.6
            if self.owner.stuck:
                talk.step(Told(step="verify", text="192.168.2.101 goes over", started=at, left_s=27.0))
                await self.left.wait()
                self.flow = maintenance.not_drained(self.flow, now)
                return Ended(result="reverted", text="put back: stopped by the operator")
            self._turn(talk, maintenance.drained(self.flow, now))
        talk.wait(f"{node} is drained for 65 s: patch and reboot it, or press Enter when the work is done")
        waits = [asyncio.ensure_future(e.wait()) for e in (self.rebooted, self.worked, self.left)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self.left.is_set():
            return Ended(result="left", text="left where it stands")
        said = (f"{node} is back after a reboot; its drain ended with it", "● reachable: it answers, rebooted", HOSTILE)
        self._turn(talk, Turn(flow=replace(self.flow, stage=Stage.PLACES), do=Do.WAIT, said=said))
        self.rebooted.clear()
        self.worked.clear()
        after = replace(self.flow, at=self.flow.at + 1, stage=Stage.DRAIN)
        self._turn(talk, Turn(flow=after, do=Do.WAIT, said=(f"{node} is done: every VIP serves in its place",)))
        return None

    def done(self):
        self.worked.set()

    def leave(self):
        self.left.set()

    async def extend(self):
        self.extended += 1
        if self.owner.stuck_timer:
            raise CannotError("it lasts longer already: 7000 s")
        return f"drain goes on: {self.flow.node} ends it by itself in 3600 s"

    def reboot(self, node):
        return REBOOT if self.owner.demo else None


class FakeMaintenance:
    """Judges by real guards. kept: the flow that the file has; driven: by another process. stuck: its drain waits."""

    def __init__(self, shown, *, kept=None, driven=False, trouble=None, demo=False, answers=None):
        self.shown, self.kept, self.driven, self.trouble, self.demo = shown, kept, driven, trouble, demo
        self.answers = answers or {}
        self.stuck = self.stuck_timer = False
        self.carried, self.words = [], []

    def found(self):
        return Found(flow=self.kept, driven=self.driven, trouble=self.trouble)

    def made(self, node, words=None):
        picture = self.shown.picture
        action = Action(kind=Kind.DRAIN, node=node, drain=drain_of(picture, picture.node(node)))
        overrides = {} if words is None else words.overrides
        told = asked(overrides=overrides, **self.answers)
        return Made(plan(picture, action, told, operation=f"drain-{node}"))

    async def plan(self, words):
        self.words.append(words)
        try:
            flow = maintenance.begin(
                self.shown.picture, words.nodes.replace(",", " ").split(), scenes.NOW - 70, operator=scenes.OPERATOR,
                reason=words.reason, ticket=words.ticket,
            )  # fmt: skip
        except ValueError as error:
            raise CannotError(str(error)) from None
        return FakeFlow(self, flow, [self.made(n, words) for n in flow.nodes], words)

    async def resume(self, words):
        self.words.append(words)
        return FakeFlow(self, maintenance.resumed(self.kept, scenes.NOW), words=words)

    def forget(self):
        self.kept = None


def left_flow(stage=Stage.WAITING):
    """Begun by a console that is gone."""
    flow = maintenance.begin(
        whole().picture, (scenes.ONE, scenes.TWO), scenes.NOW - 500, operator="berta@jump", reason="kernel update"
    )
    return replace(flow, stage=stage, method="track_file")


def drained_whole():
    """The pair as its nodes tell it once one was drained for 30 minutes."""
    note = DrainNote(by=scenes.OPERATOR, reason="kernel", method="stop", since=None, until=None)
    told = NodeOperation(
        uptime_s=1000.0, boot_id="b", drain=note, revert="drain-stop", deadlines_uptime_s=((Slot.A, 2600),)
    )
    return whole(told)


def maintained(shown=None, **options):
    """A console with maintenance on one cluster: (app, maintenance)."""
    shown = whole() if shown is None else shown
    given = {k: options.pop(k) for k in ("kept", "driven", "trouble", "demo", "answers") if k in options}
    made = FakeMaintenance(shown, **given)
    return console(shown, maintenance={shown.picture.spec.name: made}, **options), made
