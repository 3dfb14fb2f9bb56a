"""The node's side of operations, simulated: what the texts of `catalogue.operation` and `change` do on a node.

A login's line is known by its text alone, which must be the catalogue's, word for word. Time is the
node's uptime, as there: reverts are due when its own clock says so, whatever the demo's speed.
Not simulated: routes (the simulated kernel has none), and how long systemctl waits for a stop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from haconsole.catalogue import change, operation
from haconsole.catalogue.command import CommandSpec, Danger, Root, Verb
from haconsole.catalogue.operation import OperationNames
from haconsole.catalogue.operation_text import DEADLINES_S, SLOTS
from haconsole.demo.operation_reverts import Reverts
from haconsole.demo.operation_state import Done, Host, Kept, Lock, Revert, Saved
from haconsole.demo.plan import DRAIN_FILE

_ID: Final = re.compile(r"[0-9a-z-]+")
_VALUE: Final = re.compile(r"-([1-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-3])")


class Operations:
    """Everything below /run/haconsole, and the units that haconsole makes. Gone at reboot: `reset`."""

    def __init__(self, host: Host) -> None:
        self._host, self._kept = host, Kept(host)
        self._reverts = Reverts(self._kept)
        self._texts: dict[tuple[str, ...], tuple[CommandSpec, Callable[[Sequence[str]], Done]]] = {}

    def reset(self) -> None:
        """As after a boot."""
        self._kept.reset()

    def show(self, names: Iterable[str], wanted: set[str]) -> list[str] | None:
        """Blocks of `systemctl show` for haconsole's units; None: there is another among them."""
        return self._kept.show(names, wanted)

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

        put(operation.STATE, lambda _: self._kept.tell("state"))
        put(operation.LOCK, self._locking)
        put(operation.SAVE, partial(self._saving, None))
        put(
            operation.ARM_SQUID,
            partial(self._arming, "squid", partial(self._reverts.heal_unit, "squid", "squid started")),
        )
        up = partial(self._reverts.heal_unit, "keepalived", "keepalived started")
        put(operation.ARM_KEEPALIVED, partial(self._arming, "keepalived", up))
        put(operation.ARM_DRAIN, partial(self._arming, "drain", self._reverts.heal_drain))
        put(operation.ARM_DRAIN_STOP, partial(self._arming, "drain-stop", self._reverts.heal_drain_stop))
        put(operation.DISARM, self._disarming)
        put(operation.CLEAR, self._clearing)
        put(operation.NOTE, self._noting)
        put(operation.SAY, self._saying)
        for slot, spec in operation.REVERT_NOW.items():
            put(spec, partial(self._reverting, slot.value))
        put(change.DRAIN_ON, self._drain_on)
        put(change.DRAIN_OFF, lambda _: self._kept.write_drain("0"))
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
            put(operation.ARM_LINK, partial(self._arming, f"link-{name}", partial(self._reverts.heal_link, name)), name)
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
                self._kept.keep(mine)
                word = "taken"
            case ("take", "own" | "free" | "named"):
                if word != "own" and self._kept.saved is not None and self._kept.running():
                    word = "reverting"
                else:
                    self._kept.lock = Lock(mine, self._host.boot_id, 0, owner)
                    self._kept.keep(mine)
                    word = "taken"
            case ("release", "own" | "free"):
                self._kept.lock, word = None, "released"
            case ("renew", _):
                word = "lost"
        return self._kept.tell(word)

    def _whose(self, mine: str, other: str) -> str:
        lock = self._kept.lock
        if lock is None:
            return "free"
        if lock.operation in {mine, other}:
            return "own" if lock.operation == mine else "named"
        return "stale" if lock.boot != self._host.boot_id or self._host.uptime() > lock.expires else "held"

    # --- save, arm, disarm, clear, note -----------------------------------------------------------

    def _saving(self, interface: str | None, words: Sequence[str]) -> Done:
        mine, vips = (*words, "")[:2]
        if not self._kept.ours(mine):
            return self._kept.tell("lost")
        if self._kept.armed() or self._kept.running():
            return self._kept.tell("armed")
        saved = Saved(mine, interface)
        more = [f"unit {u} {self._host.active(u)}" for u in ("keepalived", "squid")]
        drain = self._host.read_file(DRAIN_FILE)
        more += [f"drain-file {drain.split()[0]}"] if drain and drain.split() else []
        if interface is not None:
            managed = set(vips.split())
            saved.addresses = [a for a in self._kept.global6(interface) if str(a.address.ip) not in managed]
            more += [f"addr6 {a.address}" for a in saved.addresses] + [f"interface {interface}"]
        self._kept.saved = saved
        return self._kept.tell("saved", *more)

    def _reading_back(self, interface: str, _: Sequence[str]) -> Done:
        lines = [*(f"addr6 {a.address}" for a in self._kept.global6(interface)), f"interface {interface}"]
        return Done("\n".join(("there", *lines)) + "\n")

    def _arming(self, kind: str, heal: Callable[[str], None], words: Sequence[str]) -> Done:
        mine, slot, seconds = (*words, "", "")[:3]
        if slot not in SLOTS or seconds not in set(map(str, DEADLINES_S)):
            return Done("bad\n", status=64)
        if not self._kept.ours(mine):
            return self._kept.tell("lost")
        saved, revert = self._kept.saved, self._kept.reverts[slot]
        if saved is None or saved.operation != mine or (kind.startswith("link-") and kind != f"link-{saved.interface}"):
            return self._kept.tell("unsaved")
        if saved.kind not in {"", kind}:
            return self._kept.tell("other")
        if revert.due_uptime is not None or revert.running:
            return self._kept.tell("armed")
        now = self._host.uptime()
        saved.kind = kind
        saved.decided.pop(slot, None)
        saved.deadlines[slot] = int(now) + int(seconds) + 1
        self._kept.keep(mine)
        self._kept.reverts[slot] = Revert(
            due_uptime=now + int(seconds),
            cancel=self._host.after(float(seconds), partial(self._reverts.fire, slot)),
            heal=partial(heal, slot),
        )
        return self._kept.tell("done")

    def _disarming(self, words: Sequence[str]) -> Done:
        mine, slot = (*words, "")[:2]
        if slot not in SLOTS:
            return Done("bad\n", status=64)
        if not self._kept.ours(mine):
            return self._kept.tell("lost")
        revert, saved = self._kept.reverts[slot], self._kept.saved
        revert.cancel()
        revert.due_uptime = None
        if saved is None:
            return self._kept.tell("gone")
        word = saved.decided.setdefault(slot, "disarmed")
        if word == "disarmed":
            saved.deadlines.pop(slot, None)
            self._kept.keep(mine)
        return self._kept.tell(word, f"ExecMainStartTimestampMonotonic={round(revert.started_uptime * 1e6)}")

    def _clearing(self, words: Sequence[str]) -> Done:
        if not self._kept.ours(words[0]):
            return self._kept.tell("lost")
        if self._kept.armed():
            return self._kept.tell("armed")
        if self._kept.running() and self._kept.saved is not None:
            return self._kept.tell("reverting")
        self._kept.saved = None
        return self._kept.tell("done")

    def _reverting(self, slot: str, words: Sequence[str]) -> Done:
        if not _ID.fullmatch(words[0]):
            return Done("bad\n", status=64)
        if self._kept.saved is None or self._kept.saved.operation != words[0]:
            return Done(stderr="nothing of this operation is saved here\n", status=change.NOT_ARMED)
        return self._reverts.now(slot)

    def _saying(self, lines: Sequence[str]) -> Done:
        self._host.log(lines[0])
        return Done()

    def _noting(self, words: Sequence[str]) -> Done:
        mine, verb, note = (*words, "", "")[:3]
        if not self._kept.ours(mine):
            return self._kept.tell("lost")
        if verb not in {"write", "remove"}:
            return Done("bad\n", status=64)
        self._kept.note = note if verb == "write" else None
        return self._kept.tell("done")

    # --- changes ------------------------------------------------------------------------------------

    def _unarmed(self, kind: str) -> Done | None:
        if self._kept.saved is not None and self._kept.saved.kind == kind and self._kept.armed():
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
        return self._kept.write_drain(words[0]) if _VALUE.fullmatch(words[0]) else Done(status=64)

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


def _refused(spec: CommandSpec) -> Done:
    if spec.danger is Danger.RESTORES and spec.argv[0] == "systemctl":
        return Done(stderr=f"Failed to start {spec.argv[-1]}: Interactive authentication required.\n", status=1)
    if spec.argv[0] == "ip":
        return Done(stderr="RTNETLINK answers: Operation not permitted\n", status=2)
    return Done(stderr="mkdir: cannot create directory '/run/haconsole': Permission denied\n", status=2)
