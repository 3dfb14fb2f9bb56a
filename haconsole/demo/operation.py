"""The node's side of operations, simulated: what the texts of `catalogue.operation` and `change` do on a node.

A login's line is known by its text alone, which must be the catalogue's, word for word. Time is the
node's uptime, as there: reverts are due when its own clock says so, whatever the demo's speed.
Not simulated: routes (the simulated kernel has none), and how long systemctl waits for a stop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from haconsole.catalogue import change, operation
from haconsole.catalogue.command import CommandSpec, Danger, Root, Verb
from haconsole.catalogue.operation import OperationNames
from haconsole.catalogue.operation_text import CHANGE_UNIT, DEADLINES_S, LEASE_S, LOCK_MARGIN_S, REVERT_UNIT, SLOTS
from haconsole.demo.kernel import Kernel, SimAddress
from haconsole.demo.plan import DRAIN_FILE
from haconsole.model.spec import IpAddress

CARRIER_S: Final = 60.0
"""A revert waits so long for a carrier."""
_SETTLE_S: Final = 2.0
"""Until a healed link was found whole thrice."""
_LINGER: Final = 30
"""Seconds that a revert waits for the lock of a dead console."""

_ID: Final = re.compile(r"[0-9a-z-]+")
_VALUE: Final = re.compile(r"-([1-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-3])")


class Host(Protocol):
    """The node, as far as operations touch it."""

    kernel: Kernel
    boot_id: str

    def uptime(self) -> float:
        """Seconds since boot."""

    def after(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Run `action` when the node's clock shows so many seconds more; returns what cancels it."""

    def active(self, unit: str) -> str:
        """ActiveState of keepalived or squid."""

    def control(self, verb: str, unit: str) -> None:
        """`systemctl VERB UNIT`."""

    def read_file(self, path: str) -> str | None:
        """A file's text."""

    def write_file(self, path: str, text: str) -> None:
        """Write a file."""

    def announce(self, vips: Sequence[IpAddress], times: int) -> None:
        """Gratuitous ARP."""

    def log(self, text: str) -> None:
        """`logger -t haconsole`."""


@dataclass(slots=True)
class Done:
    """What a line gave."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


@dataclass(slots=True)
class _Lock:
    operation: str
    boot: str
    expires: int
    owner: str


@dataclass(slots=True)
class _Revert:
    """A timer and its service."""

    due_uptime: float | None = None
    cancel: Callable[[], None] = lambda: None
    started_uptime: float = 0.0
    running: bool = False
    heal: Callable[[], None] = lambda: None


@dataclass(slots=True)
class _Saved:
    operation: str
    interface: str | None = None
    kind: str = ""
    deadlines: dict[str, int] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)
    addresses: list[SimAddress] = field(default_factory=list)
    incomplete: bool = False


class Operations:
    """Everything below /run/haconsole, and the units that haconsole makes. Gone at reboot: `reset`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._texts: dict[tuple[str, ...], tuple[CommandSpec, Callable[[Sequence[str]], Done]]] = {}
        self.reset()

    def reset(self) -> None:
        """As after a boot."""
        for revert in getattr(self, "_reverts", {}).values():
            revert.cancel()
        self._lock: _Lock | None = None
        self._note: str | None = None
        self._saved: _Saved | None = None
        self._reverts = {slot: _Revert() for slot in SLOTS}

    def run(self, argv: Sequence[str], data: str, *, rooted: bool) -> Done | None:
        """A line without sudo and time limit; None: it is none of an operation's."""
        if not self._texts:
            self._learn()
        found = self._texts.get(tuple(argv))
        if found is None:
            return None
        spec, action = found
        if spec.root is Root.NEEDED and not rooted:
            return _refused(spec)
        return action(data.split("\n"))

    # --- which text does what ------------------------------------------------------------------

    def _learn(self) -> None:
        def put(spec: CommandSpec, action: Callable[[Sequence[str]], Done], interface: str = "lo") -> None:
            argv = spec.filled(OperationNames(interface=interface, drain_file=DRAIN_FILE))
            self._texts[argv[1:] if spec.verb is Verb.FEED else argv] = (spec, action)

        put(operation.STATE, lambda _: self._tell("state"))
        put(operation.LOCK, self._locking)
        put(operation.SAVE, partial(self._saving, None))
        put(operation.ARM_SQUID, partial(self._arming, "squid", partial(self._heal_unit, "squid", "squid started")))
        up = partial(self._heal_unit, "keepalived", "keepalived started")
        put(operation.ARM_KEEPALIVED, partial(self._arming, "keepalived", up))
        put(operation.ARM_DRAIN, partial(self._arming, "drain", self._heal_drain))
        put(operation.ARM_DRAIN_STOP, partial(self._arming, "drain-stop", self._heal_drain_stop))
        put(operation.DISARM, self._disarming)
        put(operation.CLEAR, self._clearing)
        put(operation.NOTE, self._noting)
        put(operation.SAY, self._saying)
        for slot, spec in operation.REVERT_NOW.items():
            put(spec, partial(self._now, slot.value))
        put(change.DRAIN_ON, self._drain_on)
        put(change.DRAIN_OFF, lambda _: self._write_drain("0"))
        put(change.DRAIN_STOP, partial(self._disturb, "drain-stop", "stop", "keepalived"))
        for spec, verb in (
            (change.KEEPALIVED_STOP, "stop"),
            (change.KEEPALIVED_RESTART, "restart"),
            (change.KEEPALIVED_RELOAD, "reload"),
        ):
            put(spec, partial(self._disturb, "keepalived", verb, "keepalived"))
        put(change.SQUID_STOP, partial(self._disturb, "squid", "stop", "squid"))
        put(change.SQUID_RESTART, partial(self._disturb, "squid", "restart", "squid"))
        put(change.KEEPALIVED_START, partial(self._control, "start", "keepalived"))
        put(change.SQUID_START, partial(self._control, "start", "squid"))
        put(change.GARP, self._garp)
        for name in self._host.kernel.links:
            put(operation.SAVE_LINK, partial(self._saving, name), name)
            put(operation.READ_BACK, partial(self._reading_back, name), name)
            put(operation.ARM_LINK, partial(self._arming, f"link-{name}", partial(self._heal_link, name)), name)
            put(change.LINK_DOWN, partial(self._link_down, name), name)
            put(change.LINK_DOWN_DETACHED, partial(self._link_down, name, 0.5), name)
            put(change.LINK_UP, partial(self._link_up, name), name)

    # --- the lock ---------------------------------------------------------------------------------

    def _locking(self, words: Sequence[str]) -> Done:
        verb, mine, other, owner = (*words, "", "", "", "")[:4]
        if verb not in {"take", "renew", "release"} or not _ID.fullmatch(mine):
            return Done("bad\n", status=64)
        word = self._whose(mine, other)
        match verb, word:
            case ("renew", "own"):
                self._keep(mine)
                word = "taken"
            case ("take", "own" | "free" | "named"):
                if word != "own" and self._saved is not None and any(r.running for r in self._reverts.values()):
                    word = "reverting"
                else:
                    self._lock = _Lock(mine, self._host.boot_id, 0, owner)
                    self._keep(mine)
                    word = "taken"
            case ("release", "own" | "free"):
                self._lock, word = None, "released"
            case ("renew", _):
                word = "lost"
        return self._tell(word)

    def _whose(self, mine: str, other: str) -> str:
        lock = self._lock
        if lock is None:
            return "free"
        if lock.operation in {mine, other}:
            return "own" if lock.operation == mine else "named"
        return "stale" if lock.boot != self._host.boot_id or self._host.uptime() > lock.expires else "held"

    def _keep(self, mine: str) -> None:
        if self._lock is not None:
            deadlines = self._saved.deadlines.values() if self._saved else ()
            latest = max((d + LOCK_MARGIN_S for d in deadlines), default=0)
            self._lock.operation, self._lock.boot = mine, self._host.boot_id
            self._lock.expires = max(int(self._host.uptime()) + LEASE_S, latest)

    def _ours(self, mine: str) -> bool:
        return self._lock is not None and self._lock.operation == mine

    def _tell(self, word: str, *more: str) -> Done:
        lines = [word, f"uptime {self._host.uptime():.2f}", f"boot {self._host.boot_id}"]
        if self._lock is not None:
            lines.append(f"lock/expires {self._lock.operation} {self._lock.boot} {self._lock.expires}")
            lines.append(f"lock/owner {self._lock.owner}")
        if self._note is not None:
            lines.append(f"drain {self._note}")
        if self._saved is not None:
            lines.append(f"operation/id {self._saved.operation}")
            lines += [f"operation/revert {self._saved.kind}"] if self._saved.kind else []
            lines += [f"operation/deadline-{s} {d}" for s, d in sorted(self._saved.deadlines.items())]
            lines += ["operation/outcome incomplete"] if self._saved.incomplete else []
            lines += [f"decided-{s} {w}" for s, w in sorted(self._saved.decided.items())]
        return Done("\n".join((*lines, *more)) + "\n")

    # --- save, arm, disarm, clear, note -----------------------------------------------------------

    def _armed(self) -> bool:
        return any(r.due_uptime is not None for r in self._reverts.values())

    def _running(self) -> bool:
        return any(r.running for r in self._reverts.values())

    def _saving(self, interface: str | None, words: Sequence[str]) -> Done:
        mine, vips = (*words, "")[:2]
        if not self._ours(mine):
            return self._tell("lost")
        if self._armed() or self._running():
            return self._tell("armed")
        saved = _Saved(mine, interface)
        more = [f"unit {u} {self._host.active(u)}" for u in ("keepalived", "squid")]
        drain = self._host.read_file(DRAIN_FILE)
        more += [f"drain-file {drain.split()[0]}"] if drain and drain.split() else []
        if interface is not None:
            managed = set(vips.split())
            saved.addresses = [a for a in self._global6(interface) if str(a.address.ip) not in managed]
            more += [f"addr6 {a.address}" for a in saved.addresses] + [f"interface {interface}"]
        self._saved = saved
        return self._tell("saved", *more)

    def _global6(self, interface: str) -> list[SimAddress]:
        return [
            a
            for a in self._host.kernel.addresses
            if a.interface == interface
            and a.address.version == 6
            and not a.address.ip.is_link_local
            and not a.address.ip.is_loopback
        ]

    def _reading_back(self, interface: str, _: Sequence[str]) -> Done:
        lines = [*(f"addr6 {a.address}" for a in self._global6(interface)), f"interface {interface}"]
        return Done("\n".join(("there", *lines)) + "\n")

    def _arming(self, kind: str, heal: Callable[[str], None], words: Sequence[str]) -> Done:
        mine, slot, seconds = (*words, "", "")[:3]
        if slot not in SLOTS or seconds not in set(map(str, DEADLINES_S)):
            return Done("bad\n", status=64)
        if not self._ours(mine):
            return self._tell("lost")
        saved, revert = self._saved, self._reverts[slot]
        if saved is None or saved.operation != mine or (kind.startswith("link-") and kind != f"link-{saved.interface}"):
            return self._tell("unsaved")
        if saved.kind not in {"", kind}:
            return self._tell("other")
        if revert.due_uptime is not None or revert.running:
            return self._tell("armed")
        now = self._host.uptime()
        saved.kind = kind
        saved.decided.pop(slot, None)
        saved.deadlines[slot] = int(now) + int(seconds) + 1
        self._keep(mine)
        self._reverts[slot] = _Revert(
            due_uptime=now + int(seconds),
            cancel=self._host.after(float(seconds), partial(self._fire, slot)),
            heal=partial(heal, slot),
        )
        return self._tell("done")

    def _disarming(self, words: Sequence[str]) -> Done:
        mine, slot = (*words, "")[:2]
        if slot not in SLOTS:
            return Done("bad\n", status=64)
        if not self._ours(mine):
            return self._tell("lost")
        revert, saved = self._reverts[slot], self._saved
        revert.cancel()
        revert.due_uptime = None
        if saved is None:
            return self._tell("gone")
        word = saved.decided.setdefault(slot, "disarmed")
        if word == "disarmed":
            saved.deadlines.pop(slot, None)
            self._keep(mine)
        return self._tell(word, f"ExecMainStartTimestampMonotonic={round(revert.started_uptime * 1e6)}")

    def _clearing(self, words: Sequence[str]) -> Done:
        if not self._ours(words[0]):
            return self._tell("lost")
        if self._armed():
            return self._tell("armed")
        if self._running() and self._saved is not None:
            return self._tell("reverting")
        self._saved = None
        return self._tell("done")

    def _saying(self, lines: Sequence[str]) -> Done:
        self._host.log(lines[0])
        return Done()

    def _noting(self, words: Sequence[str]) -> Done:
        mine, verb, note = (*words, "", "")[:3]
        if not self._ours(mine):
            return self._tell("lost")
        if verb not in {"write", "remove"}:
            return Done("bad\n", status=64)
        self._note = note if verb == "write" else None
        return self._tell("done")

    # --- reverts ------------------------------------------------------------------------------------

    def _now(self, slot: str, _words: Sequence[str]) -> Done:
        if self._reverts[slot].due_uptime is None and not self._reverts[slot].running:
            text = f"Failed to start {REVERT_UNIT}{slot}.service: Unit {REVERT_UNIT}{slot}.service not found.\n"
            return Done(stderr=text, status=5)
        if not self._reverts[slot].running:
            self._start(slot)
        return Done()

    def _fire(self, slot: str) -> None:
        self._reverts[slot].due_uptime = None
        if not self._reverts[slot].running:
            self._start(slot)

    def _start(self, slot: str) -> None:
        revert = self._reverts[slot]
        revert.started_uptime = self._host.uptime()
        if self._saved is not None and self._saved.decided.setdefault(slot, "fired") == "disarmed":
            return
        revert.running = True
        revert.heal()

    def _healed(self, slot: str, words: str, *, whole: bool = True) -> None:
        self._host.log(f"{'reverted' if whole else 'incomplete'}: {words}")
        if whole:
            self._saved = None
        elif self._saved is not None:
            self._saved.incomplete = True
        self._linger(slot, self._lock.operation if self._lock else None, _LINGER)

    def _linger(self, slot: str, dead: str | None, left: int) -> None:
        lock = self._lock
        if lock is not None and lock.operation == dead and self._host.uptime() > lock.expires:
            self._lock = lock = None
        if lock is None or lock.operation != dead or left == 0:
            self._reverts[slot].running = False
        else:
            self._host.after(1.0, partial(self._linger, slot, dead, left - 1))

    def _heal_link(self, name: str, slot: str, waited: float = 0.0) -> None:
        self._host.kernel.set_up(name, up=True)
        words = f"{name} up, routes and addresses"
        if not self._host.kernel.running(name):
            if waited >= CARRIER_S:
                self._healed(slot, words, whole=False)
            else:
                self._host.after(0.5, partial(self._heal_link, name, slot, waited + 0.5))
            return
        for address in self._saved.addresses if self._saved else ():
            if address not in self._host.kernel.addresses:
                self._host.kernel.add(address)
        self._host.after(_SETTLE_S, partial(self._healed, slot, words))

    def _heal_unit(self, unit: str, words: str, slot: str, tries: int = 0) -> None:
        self._host.control("start", unit)
        if self._host.active(unit) == "active" or tries >= 10:
            self._healed(slot, words, whole=tries < 10)
        else:
            self._host.after(2.0, partial(self._heal_unit, unit, words, slot, tries + 1))

    def _heal_drain(self, slot: str) -> None:
        self._write_drain("0")
        self._note = None
        self._healed(slot, f"drain ended, 0 in {DRAIN_FILE}")

    def _heal_drain_stop(self, slot: str) -> None:
        self._note = None
        self._heal_unit("keepalived", "drain ended, keepalived started", slot)

    # --- changes ------------------------------------------------------------------------------------

    def _unarmed(self, kind: str) -> Done | None:
        if self._saved is not None and self._saved.kind == kind and self._armed():
            return None
        return Done(stderr="no revert of this kind is armed\n", status=change.NOT_ARMED)

    def _disturb(self, kind: str, verb: str, unit: str, _words: Sequence[str]) -> Done:
        return self._unarmed(kind) or self._control(verb, unit, _words)

    def _control(self, verb: str, unit: str, _words: Sequence[str]) -> Done:
        self._host.control(verb, unit)
        return Done()

    def _drain_on(self, words: Sequence[str]) -> Done:
        if (refused := self._unarmed("drain")) is not None:
            return refused
        return self._write_drain(words[0]) if _VALUE.fullmatch(words[0]) else Done(status=64)

    def _write_drain(self, value: str) -> Done:
        self._host.write_file(DRAIN_FILE, f"{value}\n")
        return Done()

    def _link_down(self, name: str, *more: float | Sequence[str]) -> Done:
        if (refused := self._unarmed(f"link-{name}")) is not None:
            return refused
        down = partial(self._host.kernel.set_up, name, up=False)
        if isinstance(more[0], float):
            self._host.after(more[0], down)
        else:
            down()
        return Done()

    def _link_up(self, name: str, _words: Sequence[str]) -> Done:
        self._host.kernel.set_up(name, up=True)
        return Done()

    def _garp(self, words: Sequence[str]) -> Done:
        name, asked = (*words, "")[:2]
        held = {str(a.address.ip): a.address.ip for a in self._host.kernel.addresses if a.interface == name}
        lines = [f"announced {w} 0" if w in held else f"not-held {w}" for w in asked.split()]
        self._host.announce([held[w] for w in asked.split() if w in held], 2)
        return Done("".join(f"{line}\n" for line in lines))

    # --- systemctl show -------------------------------------------------------------------------------

    def show(self, names: Iterable[str], wanted: set[str]) -> list[str] | None:
        """Blocks of `systemctl show` for haconsole's units; None: there is another among them."""
        blocks = []
        for name in names:
            stem, _, kind = name.rpartition(".")
            if stem == CHANGE_UNIT:
                values = _service(name, None)
            elif stem.removeprefix(REVERT_UNIT) in SLOTS and stem.startswith(REVERT_UNIT):
                revert = self._reverts[stem.removeprefix(REVERT_UNIT)]
                values = _timer(name, revert) if kind == "timer" else _service(name, revert)
            else:
                return None
            blocks.append("".join(f"{k}={v}\n" for k, v in values.items() if k in wanted))
        return blocks


def _timer(name: str, revert: _Revert) -> dict[str, str]:
    armed = revert.due_uptime is not None
    return {
        "NextElapseUSecMonotonic": f"{revert.due_uptime:.6f}s" if armed else "infinity",
        "Result": "success",
        "Id": name,
        "LoadState": "loaded" if armed else "not-found",
        "ActiveState": "active" if armed else "inactive",
        "SubState": "waiting" if armed else "dead",
    }


def _service(name: str, revert: _Revert | None) -> dict[str, str]:
    running = revert is not None and revert.running
    known = revert is not None and (running or revert.due_uptime is not None)
    return {
        "Result": "success",
        "ExecMainStartTimestampMonotonic": str(round(revert.started_uptime * 1e6)) if revert and known else "0",
        "ExecMainStatus": "0",
        "Id": name,
        "LoadState": "loaded" if known else "not-found",
        "ActiveState": "active" if running else "inactive",
        "SubState": "running" if running else "dead",
    }


def _refused(spec: CommandSpec) -> Done:
    if spec.danger is Danger.RESTORES and spec.argv[0] == "systemctl":
        return Done(stderr=f"Failed to start {spec.argv[-1]}: Interactive authentication required.\n", status=1)
    if spec.argv[0] == "ip":
        return Done(stderr="RTNETLINK answers: Operation not permitted\n", status=2)
    return Done(stderr="mkdir: cannot create directory '/run/haconsole': Permission denied\n", status=2)
