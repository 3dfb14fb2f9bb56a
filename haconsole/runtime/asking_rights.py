"""May the login run, as root and without a password, what an action runs: by sudo's own word, asked just now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from haconsole.catalogue import ask as entries
from haconsole.catalogue import change
from haconsole.catalogue import operation as keeping
from haconsole.catalogue.command import CommandSpec, Root
from haconsole.catalogue.operation import OperationNames
from haconsole.catalogue.script import Output
from haconsole.model.record import dataclass
from haconsole.operations.actions import Action, Kind, Method
from haconsole.operations.guards_context import Answer
from haconsole.parse import ask as parse
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The login on one node. output: the whole output of an entry; None: none came. tell: takes the answers."""

    uid: int
    sudo: bool
    """sudo is configured for this node."""
    names: OperationNames
    output: Callable[[CommandSpec], Awaitable[Output | None]]
    tell: Callable[[Iterable[CommandSpec], Answer], None]

    async def asked(self, wanted: Sequence[CommandSpec]) -> None:
        """Tells of each of `wanted` whether it may be run; of what does not come nothing is told."""
        if self.uid == 0:
            self.tell(wanted, Answer(ok=True, text="the login is root"))
            return
        if not self.sudo:
            text = "the login is not root, and sudo is not configured for this node"
            self.tell([s for s in wanted if s.root is Root.NEEDED], Answer(ok=False, text=text))
            self.tell([s for s in wanted if s.root is not Root.NEEDED], Answer(ok=True, text="needs no root"))
            return
        listed = _Once(lambda: self.output(entries.SUDO_LIST))
        async with asyncio.TaskGroup() as tasks:
            for each in wanted:
                tasks.create_task(self._by_sudo(each, listed))

    async def _by_sudo(self, spec: CommandSpec, listed: _Once) -> None:
        asked = entries.may(spec, self.names)
        if asked is None:
            self.tell([spec], Answer(ok=True, text="needs no root"))
            return
        output = await self.output(asked)
        if output is None:
            return
        try:
            word = parse.parse_may(decode(output.stdout), output.stderr, output.status)
            free = word.free
            if word.allowed and free is None and (rules := await listed.get()) is not None and rules.status == 0:
                free = parse.parse_password_free(decode(rules.stdout), word.command)
        except ParseError as error:
            self.tell([spec], Answer(ok=None, text=f"sudo told nothing that can be read: {error}"))
            return
        if not word.allowed:
            text = f"{word.words}; `haconsole sudoers` prints the line for `{spec.id}`"
            self.tell([spec], Answer(ok=False, text=text))
        elif free:
            self.tell([spec], Answer(ok=True, text="sudo permits it, without a password"))
        else:
            text = (
                f"sudo permits it, but may want a password: no NOPASSWD rule for `{spec.id}` is the last that matches"
            )
            self.tell([spec], Answer(ok=None, text=text))


class _Once:
    """The list of all rules: asked for when the first needs it, and once."""

    def __init__(self, make: Callable[[], Awaitable[Output | None]]) -> None:
        self._make, self._lock = make, asyncio.Lock()
        self._told: tuple[Output | None] | None = None

    async def get(self) -> Output | None:
        async with self._lock:
            if self._told is None:
                self._told = (await self._make(),)
            return self._told[0]


def wanted_rights(action: Action) -> tuple[CommandSpec, ...]:
    """Every entry that the action runs, or that takes it back, as root."""
    commands = {**keeping.COMMANDS, **change.COMMANDS}
    ids = [keeping.LOCK.id, action.save_id, action.arm_id, action.change_id, action.back_id]
    if action.arm_id is not None:
        ids += [keeping.DISARM.id, keeping.CLEAR.id, *(s.id for s in keeping.REVERT_NOW.values())]
    if action.kind in {Kind.DRAIN, Kind.UNDRAIN}:
        ids.append(keeping.NOTE.id)
    if action.kind is Kind.DRAIN and action.method is Method.STOP:
        ids.append(change.KEEPALIVED_START.id)
    return tuple(commands[i] for i in dict.fromkeys(ids) if i is not None)
