"""`haconsole demo`: the console, or any other command, against an embedded cluster.

The demo's nodes stand behind a real SSH server on loopback, in a thread of their own; from the
SSH client up everything is what production runs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from haconsole.cli import output

if TYPE_CHECKING:
    from haconsole.model.spec import ClusterSpec

START_S = 20.0


@click.command(
    "demo",
    context_settings={"ignore_unknown_options": False},
    epilog="Examples: haconsole demo; haconsole demo --scenario eth1-down; haconsole demo -- status -o json",
)
@click.option("--scenario", default=None, help="What is wrong there; `--scenario list` tells the names.")
@click.option("--speed", default=1.0, type=click.FloatRange(0.1, 100.0), help="How fast its time runs.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND ...]")
@click.pass_context
def command(ctx: click.Context, scenario: str | None, speed: float, words: tuple[str, ...]) -> None:
    """The console on an embedded cluster: nothing to install, no root.

    With `-- COMMAND` any other command runs against it instead, with that command's exit code.
    """
    from haconsole.demo.scenarios import DEFAULT, SCENARIOS

    if scenario == "list":
        for name, about in SCENARIOS.items():
            output.data(f"{name:<14} {about.doc}")
        return
    name = scenario or ("healthy" if words else DEFAULT)
    if name not in SCENARIOS:
        msg = f"there is no scenario {name!r}; there are: {', '.join(SCENARIOS)}"
        raise click.BadParameter(msg, param_hint="--scenario")
    from haconsole.cli.main import run

    with embedded(name, speed) as clusters:
        obj = {"clusters": clusters, "no_color": ctx.obj.get("no_color"), "read_only": ctx.obj.get("read_only")}
        ctx.exit(run(list(words), obj=obj))


@contextmanager
def embedded(scenario: str, speed: float) -> Iterator[tuple[ClusterSpec, ...]]:
    """The demo's clusters, running until the block ends. Raises: click.ClickException."""
    ready = threading.Event()
    specs: list[ClusterSpec] = []
    failure: list[Exception] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        from haconsole.demo.cluster import DemoCluster

        async with DemoCluster(scenario, speed=speed) as demo:
            specs.extend(demo.specs)
            ready.set()
            await stop.wait()

    def main() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(serve())
        except Exception as error:  # noqa: BLE001 - told to the main thread, whatever it is
            failure.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=main, name="demo", daemon=True)
    thread.start()
    ready.wait(START_S)
    try:
        if failure or not specs:
            reason = failure[0] if failure else "it did not start in time"
            msg = f"the embedded cluster could not start: {reason}"
            raise click.ClickException(msg)  # exit code 1
        yield tuple(specs)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(5.0)
