"""What every command that touches a node begins and ends with: a cluster that is followed, and words that cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from haconsole.model.spec import ClusterSpec
    from haconsole.runtime.operate import Operate


async def operated(spec: ClusterSpec, node: str, confirm: str | None, act: Callable[[Operate], Awaitable[int]]) -> int:
    """`act` with the cluster followed. Returns the exit code: its own; 2: `--confirm` says another name, or what was
    asked for cannot be; 1: a node did not tell what is needed."""
    if confirm is not None and confirm != node:
        output.talk(f"haconsole: --confirm says {clean(confirm)}, the node is {node}: nothing was touched")
        return int(Exit.USAGE)
    from haconsole.runtime.assemble import production
    from haconsole.runtime.monitor import Monitor, run_all
    from haconsole.runtime.operate import Operate, UnreadError, WordsError

    parts = production(setup.TerminalPrompter())
    monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
    operate = Operate(monitor, parts.connector, parts.clock, setup.audit_file())
    following = asyncio.ensure_future(run_all([monitor], parts.connector))
    try:
        return await act(operate)
    except WordsError as error:
        output.talk(f"haconsole: {error}")
        return int(Exit.FAILED if isinstance(error, UnreadError) else Exit.USAGE)
    finally:
        if operate.audit_trouble is not None:
            output.talk(f"haconsole: {operate.audit_trouble}")
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
