"""The app's part in actions, drills and maintenance: one at a time, on every screen, put back before it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from haconsole.cluster.picture import ClusterPicture
from haconsole.tui import safe
from haconsole.tui.in_order import InOrder
from haconsole.tui.printable import printable
from haconsole.tui.screens.base import ConsoleScreen, OverScreen
from haconsole.tui.source import Clock, Operations, Prepared
from haconsole.tui.view.text import Level, Line, Tone, join, say, sign

if TYPE_CHECKING:  # loaded with the first action: a console that only looks starts without them
    from haconsole.tui.drilling import Drills, Run
    from haconsole.tui.maintaining import FlowRun, Found, Maintenance
    from haconsole.tui.under_way import UnderWay


FOUND_S = 5.0
"""So often it is looked whether a maintenance is kept on this machine."""


class ActingApp(InOrder[int]):
    """Carries out one action, one row of drills, or one maintenance at a time. Without operations, it has no way to
    change a node."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("M", "maintenance", "Maintenance, node after node", id="app.maintenance")
    ]

    def __init__(
        self, operations: Mapping[str, Operations], clock: Clock, drills: Mapping[str, Drills] | None = None,
        maintenance: Mapping[str, Maintenance] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.acting: UnderWay | None = None
        """The one that runs, or the last one."""
        self.result_seen = True
        """Its result was on the screen."""
        self._operations, self._acting_clock = operations, clock
        self._drills: Mapping[str, Drills] = drills or {}
        self._maintenance: Mapping[str, Maintenance] = maintenance or {}
        self._found: dict[str, tuple[float, Found]] = {}
        self._own: dict[str, float] = {}
        """Operation -> when it was last seen to run here: what nodes told before that of its lock is over."""
        self._leaving = False
        self.without_screen = False
        """The terminal is gone, and the app is on its way."""

    def operations(self, cluster: str | None) -> Operations | None:
        """None: no action exists there."""
        return self._operations[cluster] if cluster is not None and self.may_act(cluster) else None

    def may_act(self, cluster: str | None) -> bool:
        """There are actions on it. Loads nothing."""
        return cluster is not None and cluster in self._operations

    def has_drills(self, cluster: str | None) -> bool:
        """There may be drills on it. Loads nothing."""
        return cluster is not None and cluster in self._drills

    def drills(self, cluster: str) -> Drills | None:
        """None: no drill exists there."""
        return self._drills[cluster] if self.has_drills(cluster) else None

    def maintenance(self, cluster: str | None) -> Maintenance | None:
        """None: there is none."""
        return self._maintenance[cluster] if cluster is not None and cluster in self._maintenance else None

    def has_maintenance(self, cluster: str | None) -> bool:
        """Nodes can be taken out one after the other. Loads nothing."""
        return cluster is not None and cluster in self._maintenance

    def found(self, cluster: str) -> Found | None:
        """The maintenance that is kept on this machine, as last looked; None: not looked yet, or there can be none."""
        if not self.has_maintenance(cluster):
            return None
        at, found = self._found.get(cluster, (float("-inf"), None))
        if not 0 <= self._acting_clock() - at < FOUND_S:
            self.call_later(self.find, cluster)
        return found

    def on_mount(self) -> None:
        """Of several clusters only one is on the screen: what was left on the others is told once."""
        if len(self._maintenance) > 1:
            self.call_later(self._tell_left)

    def _tell_left(self) -> None:
        for cluster in self._maintenance:
            flow = self.find(cluster).flow
            if flow is not None:
                told = f"{cluster}: a maintenance was begun, it stands at {flow.node}; M there tells more"
                safe.notify(self, told, severity="warning")

    def find(self, cluster: str) -> Found:
        """Look now. Raises: KeyError."""
        found = self._maintenance[cluster].found()
        self._found[cluster] = (self._acting_clock(), found)
        return found

    @property
    def under_way(self) -> UnderWay | None:
        """What runs now."""
        acting = self.acting
        return acting if acting is not None and acting.runs else None

    @property
    def busy(self) -> str | None:
        """Why no other action may begin."""
        acting = self.under_way
        return None if acting is None else f"{acting.title} is under way"

    def begin(self, cluster: str, prepared: Prepared) -> None:
        """Carry it out and show it. Only called when the node's name was typed."""
        from haconsole.tui.acting import Acting

        operations = self.operations(cluster)
        if operations is None or self.busy is not None or prepared.plan.refused or self._leaving:
            safe.notify(self, f"not begun: {self.busy or 'it may not be'}", severity="warning")
            return
        self._begin(Acting(cluster, operations, prepared, self._acting_clock))

    def begin_drills(self, cluster: str, runs: Sequence[Run]) -> None:
        """Carry drills out, one after the other. Only called when the nodes' names were typed."""
        from haconsole.tui.drilling import Drilling

        refused = any(run.plan.refused for run in runs)
        if not self.has_drills(cluster) or self.busy is not None or refused or not runs or self._leaving:
            safe.notify(self, f"not begun: {self.busy or 'it may not be'}", severity="warning")
            return
        self._begin(Drilling(cluster, runs, self._acting_clock))

    def begin_maintenance(self, cluster: str, run: FlowRun, confirmed: Prepared | None = None) -> None:
        """Drive a maintenance. confirmed: the first node's drain, when its name was typed; others are asked for."""
        from haconsole.tui.maintaining import Maintaining

        if not self.has_maintenance(cluster) or self.busy is not None or self._leaving:
            safe.notify(self, f"not begun: {self.busy or 'it may not be'}", severity="warning")
            return
        self._begin(Maintaining(cluster, run, self._acting_clock, confirmed))

    def action_maintenance(self) -> None:
        """The maintenance that runs, the one that was left, or a new one."""
        cluster = getattr(self, "cluster", None)
        if not self.has_maintenance(cluster) or cluster is None:
            return
        if self.under_way is not None:
            self.show_acting()
            return
        from haconsole.tui.screens.maintenance import first_screen

        self.close_pages()
        self.push_screen(first_screen(cluster, self.find(cluster)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key for what may not be."""
        if action == "maintenance":
            here = isinstance(self.screen, ConsoleScreen) and not self.screen.ASKS
            return here and self.has_maintenance(getattr(self, "cluster", None))
        return super().check_action(action, parameters)

    def close_pages(self) -> None:
        """Back to the screen that stands under pages, help and what stands over it."""
        raise NotImplementedError

    def _begin(self, acting: UnderWay) -> None:
        self.acting, self.result_seen = acting, False
        acting.begin(self._over)
        self.show_acting()

    def show_acting(self) -> None:
        """Show what runs, or how the last one ended."""
        if self.acting is not None and not self._is_shown(self.acting):
            self.close_over()
            self.push_screen(_screen_of(self.acting))

    def _is_shown(self, acting: UnderWay) -> bool:
        return getattr(self.screen, "acting", None) is acting

    def close_over(self) -> None:
        """Back to the screen that stands under all others of the cluster."""
        while isinstance(self.screen, OverScreen):
            self.pop_screen()

    def _over(self) -> None:
        """It ended."""
        acting = self.acting
        ended = None if acting is None else acting.ended
        if acting is None or ended is None:
            return
        self._own[acting.operation] = self._acting_clock()
        self._found.pop(acting.cluster, None)  # a maintenance may have been kept, or ended
        if self._leaving or not self.is_running:
            self._leave_now()
        elif self._is_shown(acting) and isinstance(self.screen, OverScreen):
            self.screen.tick(self._acting_clock())
        else:
            told = f"{acting.title}: {ended.word}; a shows it"
            safe.notify(self, told, severity="information" if ended.well else "warning")

    # --- what headers say -------------------------------------------------------------------------------------

    def mark(self, picture: ClusterPicture | None, now: float) -> Line:
        """Operations that are under way: our own, wherever it is, and what the nodes of this cluster tell."""
        own: Line = ()
        acting = self.acting
        if acting is not None and acting.runs:
            from haconsole.tui.view.action_mark import own_mark

            own = own_mark(acting.mark, acting.node, acting.left_s(now), stopping=acting.stopping)
        elif acting is not None and (ended := acting.ended) is not None and not self.result_seen:
            level = Level.OK if ended.well else Level.WARNING
            own = (sign(level), say(f" {acting.mark} {ended.word}: a", Tone.STRONG, "app.actions"))
        elif (
            picture is not None
            and not all(n.starting for n in picture.nodes)  # what is kept here is looked for after the first picture
            and (found := self.found(picture.spec.name)) is not None
        ):
            from haconsole.tui.view.maintenance import found_mark

            own = found_mark(found)
        nodes = () if picture is None else picture.nodes
        told = {n.name: n.operation for n in nodes if n.operation is not None}
        ours = acting.operation if acting is not None and acting.runs else None
        if ours:
            self._own[ours] = now
        if not told:
            return own
        from haconsole.tui.view.action_mark import told_mark, told_since

        read = {n.name: n.operation_at for n in nodes if n.operation_at is not None}
        told = told_since(told, read, {k: at for k, at in self._own.items() if k != ours})
        ages = {n.name: now - n.operation_at for n in nodes if n.operation_at is not None}
        return join([own, told_mark(told, ours, ages)], 2)

    # --- leaving ----------------------------------------------------------------------------------------------

    def put_back(self) -> UnderWay | None:
        """The console leaves: have what is under way put back. That; None: there is none."""
        acting = self.under_way
        if acting is not None:
            self._leaving = True
            acting.abort()
        return acting

    def exit(self, result: int | None = None, return_code: int = 0, message: object = None) -> None:
        """Leave; what is under way is put back first, and seen to be. Asking again changes nothing."""
        again = self._leaving
        acting = self.put_back()
        if acting is None:
            super().exit(result, return_code, message)  # type: ignore[arg-type]
            return
        self.show_acting()
        if not again:
            safe.notify(self, acting.parting, severity="warning")

    def leave_without_screen(self, code: int) -> None:
        """The terminal is gone: go on without it. `run` waits until all was put back."""
        self.put_back()
        self.without_screen = True
        super().exit(code, code)

    def _leave_now(self) -> None:
        ended = None if self.acting is None else self.acting.ended
        if not self._leaving or ended is None or not self.is_running:
            return
        places = "".join(f"\n  look at: {printable(p)}" for p in ended.look_at)
        said = Text(f"haconsole: {printable(ended.word)}: {printable(ended.text)}{places}")
        super().exit(ended.code, ended.code, said)

    @property
    def left_with(self) -> int | None:
        """The exit code of a console that was left while something ran; None: nothing did, or it still does."""
        ended = None if self.acting is None else self.acting.ended
        return ended.code if self._leaving and ended is not None else None


def _screen_of(acting: UnderWay) -> OverScreen:
    """Where it is seen."""
    from haconsole.tui.acting import Acting

    if isinstance(acting, Acting):
        from haconsole.tui.screens.running import RunningScreen

        return RunningScreen(acting)
    from haconsole.tui.drilling import Drilling

    if isinstance(acting, Drilling):
        from haconsole.tui.screens.drill_live import DrillScreen

        return DrillScreen(acting)
    from haconsole.tui.maintaining import Maintaining
    from haconsole.tui.screens.maintenance_live import MaintenanceScreen

    if not isinstance(acting, Maintaining):
        raise TypeError
    return MaintenanceScreen(acting)
