"""Reverts on a simulated node: when one is due it puts back what was changed, and says so in the log."""

from __future__ import annotations

from functools import partial
from typing import Final

from haconsole.catalogue.operation_text import REVERT_UNIT
from haconsole.demo.operation_state import Done, Kept
from haconsole.demo.plan import DRAIN_FILE

CARRIER_S: Final = 60.0
"""A revert waits so long for a carrier."""
_SETTLE_S: Final = 2.0
"""Until a healed link was found whole thrice."""
_LINGER: Final = 30
"""Seconds that a revert waits for the lock of a dead console."""


class Reverts:
    """Starts them and lets them heal."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def now(self, slot: str) -> Done:
        """`systemctl start` of the revert of `slot`."""
        if self._kept.reverts[slot].due_uptime is None and not self._kept.reverts[slot].running:
            text = f"Failed to start {REVERT_UNIT}{slot}.service: Unit {REVERT_UNIT}{slot}.service not found.\n"
            return Done(stderr=text, status=5)
        if not self._kept.reverts[slot].running:
            self._start(slot)
        return Done()

    def fire(self, slot: str) -> None:
        """Its time is over."""
        self._kept.reverts[slot].due_uptime = None
        if not self._kept.reverts[slot].running:
            self._start(slot)

    def _start(self, slot: str) -> None:
        revert = self._kept.reverts[slot]
        revert.started_uptime = self._kept.host.uptime()
        if self._kept.saved is not None and self._kept.saved.decided.setdefault(slot, "fired") == "disarmed":
            return
        revert.running = True
        revert.heal()

    def _healed(self, slot: str, words: str, *, whole: bool = True) -> None:
        self._kept.host.log(f"{'reverted' if whole else 'incomplete'}: {words}")
        if whole:
            self._kept.saved = None
        elif self._kept.saved is not None:
            self._kept.saved.incomplete = True
        self._linger(slot, self._kept.lock.operation if self._kept.lock else None, _LINGER)

    def _linger(self, slot: str, dead: str | None, left: int) -> None:
        lock = self._kept.lock
        if lock is not None and lock.operation == dead and self._kept.host.uptime() > lock.expires:
            self._kept.lock = lock = None
        if lock is None or lock.operation != dead or left == 0:
            self._kept.reverts[slot].running = False
        else:
            self._kept.host.after(1.0, partial(self._linger, slot, dead, left - 1))

    def heal_link(self, name: str, slot: str, waited: float = 0.0) -> None:
        """Link up; its IPv6 addresses as soon as it has a carrier."""
        self._kept.host.kernel.set_up(name, up=True)
        words = f"{name} up, routes and addresses"
        if not self._kept.host.kernel.running(name):
            if waited >= CARRIER_S:
                self._healed(slot, words, whole=False)
            else:
                self._kept.host.after(0.5, partial(self.heal_link, name, slot, waited + 0.5))
            return
        for address in self._kept.saved.addresses if self._kept.saved else ():
            if address not in self._kept.host.kernel.addresses:
                self._kept.host.kernel.add(address)
        self._kept.host.after(_SETTLE_S, partial(self._healed, slot, words))

    def heal_unit(self, unit: str, words: str, slot: str, tries: int = 0) -> None:
        """Start the unit until it is active, ten times at most."""
        self._kept.host.control("start", unit)
        if self._kept.host.active(unit) == "active" or tries >= 10:
            self._healed(slot, words, whole=tries < 10)
        else:
            self._kept.host.after(2.0, partial(self.heal_unit, unit, words, slot, tries + 1))

    def heal_drain(self, slot: str) -> None:
        """0 in the track file, and no note."""
        self._kept.write_drain("0")
        self._kept.note = None
        self._healed(slot, f"drain ended, 0 in {DRAIN_FILE}")

    def heal_drain_stop(self, slot: str) -> None:
        """keepalived started, and no note."""
        self._kept.note = None
        self.heal_unit("keepalived", "drain ended, keepalived started", slot)
