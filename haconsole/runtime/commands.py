"""Which command lines each step of the executor ran: what desks tell, gathered until the step ends."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace

from haconsole.catalogue.script import SUDO
from haconsole.parse.text import clean
from haconsole.runtime.desk import Ran
from haconsole.runtime.executor_told import Told


def shown(ran: Ran) -> str:
    """`proxy-serv01$ sudo -n -- systemctl stop squid  # change.squid-stop`: to be read and to be repeated."""
    text = f"{ran.node}$ {shlex.join((*SUDO, *ran.command) if ran.sudo else ran.command)}  # {ran.entry}"
    return "\n".join(clean(line) for line in text.split("\n"))


class Commands:
    """Of one operation. record: gets every command as well."""

    def __init__(self, record: Callable[[Ran], None]) -> None:
        self._record = record
        self._now: dict[str, None] = {}

    def ran(self, ran: Ran) -> None:
        """One more. What only looks for the guards is left out: what it found is in the guards."""
        self._record(ran)
        if ran.command and not ran.entry.startswith("ask."):
            self._now[shown(ran)] = None

    def of(self, step: Told) -> Told:
        """The step with its command lines, each once; one that has not ended as it is."""
        if step.ended is None:
            return step
        found, self._now = tuple(self._now), {}
        return replace(step, commands=found)
