"""Keys, clicks and pastes one at a time: the next is passed on when the one before has had its effect.

Textual passes an input event to the pane that has the focus when it reads it, and `focus()` takes effect later. Keys
that arrive in one read (a slow link, tmux, a paste into a terminal without bracketed paste) would go to the pane that
had the focus before: `/squid` would quit at its `q`. So a marker follows each event on its way through the message
queues, from the widget that got it up to the app, twice: once behind the event, once behind what it set off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from textual import events
from textual.app import App, ReturnType
from textual.dom import DOMNode
from textual.errors import NoWidget
from textual.screen import Screen

ROUNDS: Final = 2
LIMIT_S: Final = 2.0
"""A marker that got lost (its widget went) holds nothing up for longer."""
LOOK_S: Final = 0.005
"""So often it is looked whether a new screen is ready, no longer than `LIMIT_S`."""
_HARMLESS: Final = (
    events.MouseMove,
    events.MouseScrollDown,
    events.MouseScrollUp,
    events.MouseScrollLeft,
    events.MouseScrollRight,
)
"""Never move the focus or change the screen: nothing has to wait for them."""


class InOrder(App[ReturnType]):
    """An app that gets its input in order. The first event of a burst is passed on at once."""

    def __init__(self) -> None:
        super().__init__()
        self._inputs: deque[events.Event] = deque()
        self._turn = 0
        """Counts what was waited for: a marker or timer of an earlier turn means nothing any more."""
        self._timer: asyncio.TimerHandle | None = None
        """Not None: something is waited for."""
        self._input_at = float("-inf")

    def since_input(self) -> float:
        """Seconds since the operator last pressed, clicked or pasted something."""
        return asyncio.get_running_loop().time() - self._input_at

    def takes_input(self, screen: Screen[object]) -> bool:
        """The screen is far enough to know what a key means: there, with a size, and with a focus where it has any."""
        return screen.is_mounted and bool(screen.size) and (screen.focused is not None or not screen.focus_chain)

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.InputEvent | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        if self._inputs and isinstance(event, events.MouseMove) and isinstance(self._inputs[-1], events.MouseMove):
            self._inputs.pop()  # only the last place counts
        self._inputs.append(event)
        if not isinstance(event, _HARMLESS):
            self._input_at = asyncio.get_running_loop().time()
        if self._timer is None:
            await self._go_on(0)

    async def _go_on(self, looked: int) -> None:
        """Pass on what waits, until there is something to wait for; `looked`: so often the screen was not ready."""
        self._turn += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._inputs:
            if looked * LOOK_S < LIMIT_S and not self.takes_input(self.screen):
                self._wait(LOOK_S, looked + 1)
                return
            looked = 0
            event = self._inputs.popleft()
            receiver = self._receiver(event)
            await super().on_event(event)
            if not isinstance(event, _HARMLESS):
                self._wait(LIMIT_S, 0)
                self._round(self._turn, receiver.ancestors_with_self, ROUNDS)
                return

    def _receiver(self, event: events.Event) -> DOMNode:
        """The widget that the event goes to first."""
        if isinstance(event, events.MouseEvent):
            try:
                return self.mouse_captured or self.get_widget_at(event.x, event.y)[0]
            except NoWidget:
                return self.screen
        return self.focused or self.screen

    # --- waiting --------------------------------------------------------------

    def _wait(self, seconds: float, looked: int) -> None:
        turn = self._turn

        async def over() -> None:
            if turn == self._turn:
                await self._go_on(looked)

        self._timer = asyncio.get_running_loop().call_later(seconds, lambda: self.call_later(over))

    def _round(self, turn: int, way: list[DOMNode], rounds: int) -> None:
        """Send a marker along the way; the app is at its end."""

        async def passed(stop: int) -> None:
            if turn != self._turn:
                return
            if stop < len(way):
                forward(stop)
            elif rounds > 1:
                self._round(turn, way, rounds - 1)
            else:
                await self._go_on(0)

        def forward(stop: int) -> None:
            while stop < len(way) and not way[stop].call_later(passed, stop + 1):
                stop += 1  # gone meanwhile

        forward(0)
