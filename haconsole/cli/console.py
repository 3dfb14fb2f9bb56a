"""`haconsole`: the full-screen console on the clusters of this call."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    import click

    from haconsole.cli.console_operations import ConsoleOperations
    from haconsole.model.spec import ClusterSpec
    from haconsole.runtime.assemble import Parts
    from haconsole.runtime.closer import Closer
    from haconsole.runtime.monitor import Monitor
    from haconsole.runtime.operate import Operate
    from haconsole.tui.app import ConsoleApp
    from haconsole.tui.drilling import Drills
    from haconsole.tui.maintaining import Maintenance

LOAD_AHEAD_S: Final = 2.0
Made = TypeVar("Made")


def open_console(ctx: click.Context) -> int:
    """Run the console until the operator quits; returns the exit code."""
    # Textual draws on stderr: `haconsole 2>file` would be an empty screen.
    on_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if not on_terminal or os.environ.get("TERM", "dumb") == "dumb":
        output.talk("haconsole: the console wants a terminal; without one use `haconsole status` (see --help)")
        return int(Exit.USAGE)
    clusters = setup.clusters(ctx)
    from haconsole.runtime.assemble import production
    from haconsole.runtime.monitor import Monitor, listen_where_open, run_all
    from haconsole.tui.run import run_console

    if ctx.obj.get("no_color"):
        os.environ["NO_COLOR"] = "1"
    asking = AskOnScreen()
    parts = production(asking)
    monitors = [Monitor(c, parts.connector, parts.probe, parts.clock) for c in clusters]

    closers = Closers(clusters, parts)

    operates = _operates(monitors, parts)

    async def run_sources() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(listen_where_open(monitors, asking.cluster))
                tasks.create_task(run_all(monitors, parts.connector))
                tasks.create_task(_load_ahead(operates))
        finally:
            await closers.close()

    return run_console(
        monitors,
        clock=parts.clock.now,
        operator=setup.operator(),
        run_sources=run_sources,
        operations=_operations(operates, parts),
        drills=_drills(ctx, monitors, operates, parts),
        maintenance=_maintenance(ctx, monitors, operates, parts),
        lookers=closers,
        read_only=all(c.read_only for c in clusters),
        made=asking.use,
    )


async def _load_ahead(operates: Mapping[str, Operate]) -> None:
    """What acting needs is loaded soon after the first picture, beside the screen: no key has to wait for it."""
    if operates:
        await asyncio.sleep(LOAD_AHEAD_S)
        for name in ("console_operations", "console_maintenance", "console_drills"):
            with contextlib.suppress(Exception):  # whoever acts meets it again, and tells; looking goes on
                await asyncio.to_thread(importlib.import_module, f"haconsole.cli.{name}")


def _operates(monitors: Sequence[Monitor], parts: Parts) -> Mapping[str, Operate]:
    """By cluster, of all that are not read-only: for the others nothing is made that could change a node.

    Made, and its modules loaded, when somebody first wants to act: nothing of it is needed to look.
    """

    def make(monitor: Monitor) -> Operate:
        from haconsole.runtime.operate import Operate

        return Operate(monitor, parts.connector, parts.clock, setup.audit_file())

    return Lazily({m.spec.name: partial(make, m) for m in monitors if not m.spec.read_only})


def _operations(operates: Mapping[str, Operate], parts: Parts) -> Mapping[str, ConsoleOperations]:
    def make(name: str) -> ConsoleOperations:
        from haconsole.cli.console_operations import ConsoleOperations

        return ConsoleOperations(operates[name], parts.clock, setup.operator())

    return Lazily({name: partial(make, name) for name in operates})


def _drills(
    ctx: click.Context, monitors: Sequence[Monitor], operates: Mapping[str, Operate], parts: Parts
) -> Mapping[str, Drills]:
    """By cluster; made, and their modules loaded, when somebody first wants to drill."""

    def make(monitor: Monitor) -> Drills:
        import platformdirs

        from haconsole.cli.console_drills import ConsoleDrills
        from haconsole.cli.drill_shared import drill_folder

        own = platformdirs.user_config_path("haconsole") / "drills.toml"
        operate, folder = operates[monitor.spec.name], drill_folder(ctx, monitor.spec)
        return ConsoleDrills(operate, monitor, parts.clock, folder, operator=setup.operator(), own=own)

    return Lazily({m.spec.name: partial(make, m) for m in monitors if m.spec.name in operates})


def _maintenance(
    ctx: click.Context, monitors: Sequence[Monitor], operates: Mapping[str, Operate], parts: Parts
) -> Mapping[str, Maintenance]:
    """By cluster; made, and their modules loaded, when it is first looked whether one is under way."""
    demo = ctx.obj.get("clusters") is not None

    def make(monitor: Monitor) -> Maintenance:
        from haconsole.cli.console_maintenance import ConsoleMaintenance, Doors
        from haconsole.cli.maintain_shared import flow_file

        doors = Doors(
            monitor=monitor, operate=operates[monitor.spec.name], parts=parts, file=flow_file(ctx, monitor.spec)
        )
        return ConsoleMaintenance(doors, setup.operator(), demo=demo)

    return Lazily({m.spec.name: partial(make, m) for m in monitors if m.spec.name in operates})


class Lazily(Mapping[str, Made]):
    """Each is made when it is first asked for; whether it is there can be asked without that."""

    def __init__(self, make: Mapping[str, Callable[[], Made]]) -> None:
        self._make = make
        self._made: dict[str, Made] = {}

    def __getitem__(self, name: str) -> Made:
        if name not in self._made:
            self._made[name] = self._make[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._make  # Mapping's own would make it

    def __iter__(self) -> Iterator[str]:
        return iter(self._make)

    def __len__(self) -> int:
        return len(self._make)


class Closers(Mapping[str, "Closer"]):
    """Who looks closer, by cluster; made, and its modules loaded, when somebody first wants to."""

    def __init__(self, clusters: Sequence[ClusterSpec], parts: Parts) -> None:
        self._clusters = {c.name: c for c in clusters}
        self._parts = parts
        self._made: dict[str, Closer] = {}

    def __getitem__(self, name: str) -> Closer:
        if name not in self._made:
            from haconsole.runtime.closer import Closer

            parts = self._parts
            self._made[name] = Closer(self._clusters[name], parts.connector, parts.probe, parts.clock)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._clusters

    def __iter__(self) -> Iterator[str]:
        return iter(self._clusters)

    def __len__(self) -> int:
        return len(self._clusters)

    async def close(self) -> None:
        """Drop the connections of those that were made."""
        for each in self._made.values():
            await each.close()


class AskOnScreen:
    """Passwords and codes are asked for on the console's own screen, once it is there."""

    def __init__(self) -> None:
        self._app: ConsoleApp | None = None

    def use(self, app: ConsoleApp) -> None:
        """This one asks from now on."""
        self._app = app

    def cluster(self) -> str | None:
        """The cluster on the screen; None: none is."""
        return None if self._app is None else self._app.cluster

    async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
        """None: there is nobody to ask."""
        return None if self._app is None else await self._app.ask(node, prompt, echo=echo)
