"""What an operator does on a node, written down: entries of the audit log, and a line in the node's journal."""

from __future__ import annotations

import asyncio
import contextlib
import os
from datetime import UTC, datetime
from typing import Final

from haconsole.catalogue.operation import SAY
from haconsole.io.audit_file import AuditError, AuditFile
from haconsole.io.ports import Clock
from haconsole.model.problems import ProblemError
from haconsole.model.record import dataclass
from haconsole.operations.audit import Entry, What
from haconsole.parse.text import clean
from haconsole.runtime.desk import Desk, Ran
from haconsole.version import __version__

SAY_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One operation as all its entries tell it. action: `squid-stop`; text: `squid-stop on proxy-serv01`."""

    operation: str
    node: str
    action: str
    text: str
    operator: str
    host: str
    reason: str | None = None
    ticket: str | None = None


class Records:
    """The audit log of one cluster's operations. A log that fails in the middle stops nothing."""

    def __init__(self, cluster: str, clock: Clock, audit: AuditFile) -> None:
        self.audit = audit
        self.trouble: str | None = None
        """Why it could not be written, once it could not."""
        self._cluster, self._clock = cluster, clock

    def write(self, deed: Deed, what: What, **more: object) -> str | None:
        """One entry; its hash. None: not written: what was changed has to be put back all the same."""
        fields: dict[str, object] = {
            "time": stamp(self._clock.now()), "what": what.value, "operation": deed.operation,
            "cluster": self._cluster, "node": deed.node, "action": deed.action,
            "operator": f"{deed.operator}@{deed.host}", "from": _origin(), "version": __version__,
            "reason": deed.reason, "ticket": deed.ticket,
        }  # fmt: skip
        try:
            return self.audit.append(Entry.model_validate({**fields, **more}))
        except AuditError as error:
            self.trouble = str(error)
            return None

    def ran(self, deed: Deed, ran: Ran) -> None:
        """A command on a node. Those that only look for the guards are not told: what they found is in the guards."""
        if ran.entry.startswith("ask."):
            return
        self.write(
            deed, What.COMMAND, node=ran.node, text=ran.entry + (f": {ran.words}" if ran.words else ""),
            command=list(ran.command), exit_status=ran.exit_status,
        )  # fmt: skip

    async def say(self, deed: Deed, desk: Desk, what: str, entry: str | None) -> None:
        """A line in the node's journal, which also anchors the audit log. Where it cannot be written nothing waits."""
        known = "" if entry is None else f", audit {entry[:16]}"
        text = f"{deed.operation}: {deed.text} by {deed.operator}@{deed.host}: {what}{known}"
        with contextlib.suppress(ProblemError, TimeoutError):
            async with asyncio.timeout(SAY_S):
                await desk.ask(SAY, clean(text))


def stamp(at: float) -> str:
    """RFC 3339 in UTC, milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _origin() -> str | None:
    """Where this terminal comes from, by sshd's word."""
    words = os.environ.get("SSH_CONNECTION", "").split()
    return clean(words[0]) if words else None
