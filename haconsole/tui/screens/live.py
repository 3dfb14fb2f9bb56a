"""The base of screens on which something that is carried out is seen: leaving them changes nothing."""

from __future__ import annotations

from typing import ClassVar, Protocol

from haconsole.cluster.conclude import Snapshot
from haconsole.operations.actions import duration
from haconsole.tui import safe
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.under_way import UnderWay
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class LiveScreen(OverScreen):
    """It goes on behind other screens, every header says so, and `a` comes back."""

    GOES_ON: ClassVar[str] = "it goes on; a shows it, q puts everything back and leaves"

    def __init__(self, acting: UnderWay) -> None:
        super().__init__()
        self.acting = acting
        self.cluster = acting.cluster

    @property
    def inside(self) -> int:
        """Cells for text in a pane as wide as the screen."""
        return self.size.width - (3 if self.has_class("-flat") else 5)

    @property
    def frame(self) -> int:
        """Lines that a pane takes besides its rows."""
        return 1 if self.has_class("-flat") else 2

    def see(self, now: float) -> Snapshot:
        """What every look begins with: the newest picture, the head, a result that is seen now."""
        console, acting = self.console, self.acting
        snapshot = console.snapshot(self.cluster)
        acting.look(snapshot.picture)
        if not acting.runs and acting is console.acting:
            console.result_seen = True
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        return snapshot

    def on_unmount(self) -> None:
        """It goes on behind the other screens."""
        if self.acting.runs and self.console.is_running and not self.acting.stopping:
            safe.notify(self.console, self.GOES_ON)


class Held(UnderWay, Protocol):
    """An action or a drill: it is held, and put back."""

    @property
    def holds(self) -> bool: ...

    @property
    def armed(self) -> bool:
        """The node's timer can be moved."""

    def end_hold(self) -> bool: ...

    async def extend(self) -> int | None: ...


class HeldScreen(LiveScreen):
    """Keys of what is held: extend, end the hold, abort. Subclasses bind them."""

    COPIES: ClassVar[Hint]
    """The key that copies the result."""

    acting: Held

    def __init__(self, acting: Held) -> None:
        super().__init__(acting)
        self.acting = acting

    def hints(self) -> tuple[Hint, ...]:
        back = Hint("esc", "back", "app.step_back", rank=1)
        if not self.acting.runs:
            return (self.COPIES, back, Hint("q", "quit", "app.quit"))
        found: list[Hint] = []
        if self.acting.armed:
            found.append(Hint("e", "extend", "screen.extend"))
        if self.acting.holds:
            found.append(Hint("n", "end the hold now", "screen.end_hold"))
        if not self.acting.stopping:
            found.append(Hint("X", "abort and put everything back", "screen.abort"))
        return (*found, back)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what does something now."""
        match action:
            case "extend":
                return self.acting.armed
            case "end_hold":
                return self.acting.holds
            case "abort":
                return self.acting.runs and not self.acting.stopping
            case "copy_result":
                return not self.acting.runs
            case _:
                return super().check_action(action, parameters)

    def action_extend(self) -> None:
        """Wind the node's timer up again."""
        # Of the console, not of the screen: who leaves the screen does not stop half-way.
        self.console.run_worker(self._extend(), name="extend", group="extend", exclusive=False)

    async def _extend(self) -> None:
        seconds = await self.acting.extend()
        if seconds is None:
            safe.notify(self.console, "not extended: the node's timer is as it was", severity="warning")
        else:
            safe.notify(self.console, f"extended: the node heals itself in {duration(seconds)}")
        if self.is_attached:
            self.tick(self.console.now())

    def action_end_hold(self) -> None:
        """Put back now, as planned."""
        if self.acting.end_hold():
            safe.notify(self.console, "the hold ends now: it is put back, and verified")

    def action_abort(self) -> None:
        """Put everything back; asks nothing, for it is always safe."""
        if self.acting.abort():
            waits = "; its way is cut: that must wait for the node" if self.acting.own_path else ""
            safe.notify(self.console, f"aborted: everything is put back{waits}", severity="warning")
            self.tick(self.console.now())


def set_height(pane: LinePane, height: int) -> None:
    """Only where it is another one: a layout costs."""
    if pane.styles.height is None or pane.styles.height.value != height:
        pane.styles.height = height
