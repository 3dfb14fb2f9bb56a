"""Run the console on this process's terminal, as the command line does; for `test_leaving`.

The monitors behave as the first argument says: `well`, `hang` (they ignore being cancelled), `die`. `acting`: there are
actions; one that was begun puts back when the folder has a file `back`, and tells of it in `told`. `clock`: nothing more
is heard, and a minute has passed when the folder has a file `later`. The process's number is in `pid`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from haconsole.cluster.conclude import conclude
from haconsole.tui.run import run_console
from tests.unit.tui import scenes
from tests.unit.tui.operating import FakeOperations, whole


async def monitors() -> None:
    if sys.argv[1] == "die":
        raise RuntimeError("boom")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if sys.argv[1] != "hang":
                raise


async def until(condition) -> None:
    """Return when it holds; whoever waits for this process has a deadline."""
    while not condition():  # noqa: ASYNC110 - a file tells nobody that it is there
        await asyncio.sleep(0.01)


class Slow(FakeOperations):
    """The node puts back when it is allowed to."""

    async def carry_out(self, prepared, observe, started):
        folder = Path(sys.argv[2])
        self.back.clear()
        running = asyncio.ensure_future(super().carry_out(prepared, observe, started))
        await until(lambda: self.handle is not None and self.handle.stop.is_set())
        (folder / "told").write_text("stopping", encoding="utf-8")
        await until((folder / "back").exists)
        self.back.set()
        report = await running
        (folder / "told").write_text(report.result.value, encoding="utf-8")
        return report


class Unheard(scenes.FixedSource):
    """What may be said is concluded at each look; nothing is heard any more."""

    state = scenes.state(
        [make() for make in scenes.BOTH_WELL],
        [scenes.probes(vip, scenes.QUICK) for vip in (scenes.VIP1, scenes.VIP2)],
        scenes.STARTED,
    )

    def snapshot(self, now):
        return conclude(self.spec, self.state, now)


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    (folder / "pid").write_text(str(os.getpid()), encoding="utf-8")
    acting = sys.argv[1] == "acting"
    shown = whole() if acting else scenes.healthy()
    source = Unheard(shown) if sys.argv[1] == "clock" else scenes.FixedSource(shown)
    sys.exit(
        run_console(
            [source],
            clock=lambda: scenes.NOW + 60 * (folder / "later").exists(),
            operator=scenes.OPERATOR,
            run_sources=monitors,
            operations={"proxy": Slow(shown)} if acting else None,
            zone=scenes.ZONE,
            remember=folder / "console.json",
            user_themes=folder,
        )
    )
