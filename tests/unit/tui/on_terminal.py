"""Run the console on this process's terminal, as the command line does; for `test_leaving`.

The monitors behave as the first argument says: `well`, `hang` (they ignore being cancelled), `die`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from haconsole.tui.run import run_console
from tests.unit.tui import scenes


async def monitors() -> None:
    if sys.argv[1] == "die":
        raise RuntimeError("boom")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if sys.argv[1] != "hang":
                raise


if __name__ == "__main__":
    sys.exit(
        run_console(
            [scenes.FixedSource(scenes.healthy())],
            clock=lambda: scenes.NOW,
            operator=scenes.OPERATOR,
            run_sources=monitors,
            zone=scenes.ZONE,
            remember=Path(sys.argv[2]) / "console.json",
            user_themes=Path(sys.argv[2]),
        )
    )
