"""The one place where the parts are put together: the doors of `io` behind the runtime's ports.

asyncssh is imported here, when a connection is really wanted, and nowhere earlier.
"""

from __future__ import annotations

from dataclasses import dataclass

from haconsole.io.ports import ClientProbe, Clock, Connector, Prompter


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that touches the outside."""

    connector: Connector
    probe: ClientProbe
    clock: Clock


def production(prompter: Prompter | None = None) -> Parts:
    """The real doors: SSH by asyncssh, HTTP over TCP, the system's clock."""
    from haconsole.io.clock import SystemClock
    from haconsole.io.probe import HttpProbe
    from haconsole.io.ssh import SshConnector

    return Parts(connector=SshConnector(prompter), probe=HttpProbe(), clock=SystemClock())
