"""The app's part in guarded actions: one at a time, shown on every screen, and put back before the console leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.text import Text

from haconsole.cluster.picture import ClusterPicture
from haconsole.tui import safe
from haconsole.tui.in_order import InOrder
from haconsole.tui.printable import printable
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.source import Clock, Operations, Prepared
from haconsole.tui.view.text import Level, Line, Tone, join, say, sign

if TYPE_CHECKING:  # loaded with the first action: a console that only looks starts without them
    from haconsole.tui.acting import Acting

_CODES: Final = {"done": 0, "failed": 1, "refused": 3, "reverted": 4, "unverified": 5}
"""Exit codes of a console that was left while an action ran, as those of `haconsole node`."""


class ActingApp(InOrder[int]):
    """Carries out one action at a time. Without operations, it has no way to change a node."""

    def __init__(self, operations: Mapping[str, Operations], clock: Clock) -> None:
        super().__init__()
        self.acting: Acting | None = None
        """The one that runs, or the last one."""
        self.result_seen = True
        """Its result was on the screen."""
        self._operations, self._acting_clock = dict(operations), clock
        self._leaving = False
        self.without_screen = False
        """The terminal is gone, and the app is on its way."""

    def operations(self, cluster: str | None) -> Operations | None:
        """None: no action exists there."""
        return None if cluster is None else self._operations.get(cluster)

    @property
    def under_way(self) -> Acting | None:
        """The action that runs now."""
        acting = self.acting
        return acting if acting is not None and acting.runs else None

    @property
    def busy(self) -> str | None:
        """Why no other action may begin."""
        acting = self.under_way
        return None if acting is None else f"{acting.plan.action.text} is under way"

    def begin(self, cluster: str, prepared: Prepared) -> None:
        """Carry it out and show it. Only called when the node's name was typed."""
        from haconsole.tui.acting import Acting

        operations = self.operations(cluster)
        if operations is None or self.busy is not None or prepared.plan.refused or self._leaving:
            safe.notify(self, f"not begun: {self.busy or 'it may not be'}", severity="warning")
            return
        self.acting, self.result_seen = Acting(cluster, operations, prepared, self._acting_clock), False
        self.acting.begin(self._over)
        self.show_acting()

    def show_acting(self) -> None:
        """Show the action that runs, or how the last one ended."""
        from haconsole.tui.screens.running import RunningScreen

        if self.acting is not None and not (
            isinstance(self.screen, RunningScreen) and self.screen.acting is self.acting
        ):
            self.close_over()
            self.push_screen(RunningScreen(self.acting))

    def close_over(self) -> None:
        """Back to the screen that stands under all others of the cluster."""
        while isinstance(self.screen, OverScreen):
            self.pop_screen()

    def _over(self) -> None:
        """The action ended."""
        from haconsole.tui.screens.running import RunningScreen

        acting = self.acting
        if acting is None or acting.report is None:
            return
        if self._leaving:
            self._leave_now()
        elif isinstance(self.screen, RunningScreen):
            self.screen.tick(self._acting_clock())
        else:
            told = f"{acting.plan.action.text}: {acting.report.result.value}; a shows it"
            safe.notify(self, told, severity="information" if acting.report.result.value == "done" else "warning")

    # --- what headers say -------------------------------------------------------------------------------------

    def mark(self, picture: ClusterPicture | None, now: float) -> Line:
        """Operations that are under way: our own, wherever it is, and what the nodes of this cluster tell."""
        own: Line = ()
        acting = self.acting
        if acting is not None and acting.runs:
            from haconsole.tui.view.action_mark import own_mark

            action = acting.plan.action
            own = own_mark(action.kind.value, action.node, acting.left_s(now), stopping=acting.stopping)
        elif acting is not None and acting.report is not None and not self.result_seen:
            action, result = acting.plan.action, acting.report.result.value
            level = Level.OK if result == "done" else Level.WARNING
            own = (sign(level), say(f" {action.kind.value} {result}: a", Tone.STRONG, "app.actions"))
        told = {} if picture is None else {n.name: n.operation for n in picture.nodes if n.operation is not None}
        ours = acting.plan.operation if acting is not None and acting.runs else None
        if not told:
            return own
        from haconsole.tui.view.action_mark import told_mark

        return join([own, told_mark(told, ours)], 2)

    # --- leaving ----------------------------------------------------------------------------------------------

    def put_back(self) -> Acting | None:
        """The console leaves: have what is under way put back. That action; None: there is none."""
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
            waits = " once the node has done so by its own timer" if acting.plan.action.own_path else ""
            safe.notify(self, f"everything is put back first, then the console leaves{waits}", severity="warning")

    def leave_without_screen(self, code: int) -> None:
        """The terminal is gone: go on without it. `run` waits until all was put back."""
        self.put_back()
        self.without_screen = True
        super().exit(code, code)

    def _leave_now(self) -> None:
        code, acting = self.left_with, self.acting
        if code is None or acting is None or acting.report is None or not self.is_running:
            return
        places = "".join(f"\n  look at: {printable(p)}" for p in acting.report.look_at)
        said = Text(f"haconsole: {printable(acting.report.result.value)}: {printable(acting.report.text)}{places}")
        super().exit(code, code, said)

    @property
    def left_with(self) -> int | None:
        """The exit code of a console that was left while an action ran; None: none did, or it still does."""
        acting = self.acting
        if not self._leaving or acting is None or acting.report is None:
            return None
        return _CODES[acting.report.result.value]
