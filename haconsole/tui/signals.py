"""Signals, and the way to the shell: ended or stopped from outside, the console leaves the terminal as it found it.

Textual alone leaves it broken at a signal, and at Ctrl-Z would stop itself and not those it was started by.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from textual.app import SuspendNotSupported

from haconsole.tui import safe
from haconsole.tui.acts import ActingApp
from haconsole.tui.view import times

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
HEARD_S: Final = 0.2
"""Who was stopped has heard of it by then."""


class SignalledApp(ActingApp):
    """Obeys signals. Subclasses say how it comes back from the shell."""

    _own_stop = False
    """The SIGCONT that comes next ends a stop of our own."""

    def obey_signals(self) -> None:
        """From now on, until the screen goes."""
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            _on(loop, number, partial(self._obey, number))
        _on(loop, signal.SIGTSTP, self._asked_to_stop)
        _on(loop, signal.SIGCONT, self._continued)

    def _obey(self, number: signal.Signals) -> None:
        if self.without_screen:
            return
        if number is signal.SIGHUP:
            self.leave_without_screen(128 + number)
        else:
            self.exit(128 + number, return_code=128 + number)

    def hung_up(self) -> None:
        """The terminal is gone, whoever tells it first: as SIGHUP does."""
        if self.is_running:
            self._obey(signal.SIGHUP)

    def on_unmount(self) -> None:
        if self.under_way is not None:
            return  # `run` goes on with what has to be put back; no signal may end that
        loop = asyncio.get_running_loop()
        for number in (*_ENDING, signal.SIGTSTP, signal.SIGCONT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(number)

    # --- to the shell and back --------------------------------------------------------------------------------

    def _asked_to_stop(self) -> None:
        if self.is_running and not self.without_screen:
            self.action_suspend_process()

    def action_suspend_process(self) -> None:
        """To the shell; its `fg` comes back. Not while something is under way: who stands still sends no heartbeats,
        and counts as dead."""
        acting = self.under_way
        if acting is not None:
            told = f"not to the shell while {acting.title} is under way: a console that stands still counts as dead"
            safe.notify(self, told, severity="warning")
            return
        left_at = self._acting_clock()
        try:
            with self.suspend():
                self._own_stop = stopped = stand_still()
        except SuspendNotSupported:
            safe.notify(self, "there is no way to the shell from this terminal", severity="warning")
            return
        self.come_back()
        if stopped:
            safe.notify(self, f"stood still for {times.span(max(0.0, self._acting_clock() - left_at))}")
        else:
            safe.notify(self, "there is no shell behind this console", severity="warning")

    def _continued(self) -> None:
        """Somebody stopped it (SIGSTOP, which nobody can refuse) and the shell may have had the terminal since: take it
        anew. Textual would begin once more beside what it began before, and leave the terminal as it found it then."""
        own, self._own_stop = self._own_stop, False
        if not own and self.is_running and not self.without_screen:
            with contextlib.suppress(SuspendNotSupported), self.suspend():
                pass
            self.come_back()

    def come_back(self) -> None:
        """Time has passed, and nothing was heard meanwhile: before the screen is drawn again, bring it up to date."""
        raise NotImplementedError


def stand_still() -> bool:
    """Stop this process and those that stand before it (make, uv), as Ctrl-Z does, until a shell lets them go on.

    SIGTSTP, not SIGSTOP: where no shell could continue us the system leaves us running. False: it did so.
    """
    continued: list[int] = []
    stop = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    go_on = signal.signal(signal.SIGCONT, lambda number, _frame: continued.append(number))
    try:
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        until = time.monotonic() + HEARD_S
        while not continued and time.monotonic() < until:
            time.sleep(HEARD_S / 20)  # another thread may have got it, and Python hears of it a moment later
    finally:
        signal.signal(signal.SIGCONT, go_on)
        signal.signal(signal.SIGTSTP, stop)
    return bool(continued)


def _on(loop: asyncio.AbstractEventLoop, number: signal.Signals, call: Callable[[], None]) -> None:
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(number, call)
