"""`haconsole demo`: the console, or any other command, against an embedded cluster.

The demo's nodes stand behind a real SSH server on loopback, in a process of their own; from the
SSH client up everything is what production runs.
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from haconsole.cli import output

if TYPE_CHECKING:
    from haconsole.model.spec import ClusterSpec

START_S: Final = 20.0
END_S: Final = 2.0
"""What the cluster gets to close its doors; then it is ended."""
_FLAGS: Final = {"--read-only": "read_only", "--no-color": "no_color"}
_VALUES: Final = {"--cluster": "cluster", "--config": "config"}
_CHILD: Final = "import sys; sys.path[:] = sys.argv[3:]; from haconsole.demo.child import main; main(*sys.argv[1:3])"
"""Finds this very package, however it was found here."""


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
            output.data(f"{name:<15} {about.doc}")
        return
    name = scenario or ("healthy" if words else DEFAULT)
    if name not in SCENARIOS:
        msg = f"there is no scenario {name!r}; there are: {', '.join(SCENARIOS)}"
        raise click.BadParameter(msg, param_hint="--scenario")
    from haconsole.cli.main import run

    with embedded(name, speed, console=not words) as clusters:
        # As words: the inner call's own flags replace whatever stands in its `obj`.
        flags = [flag for flag, name in _FLAGS.items() if ctx.obj.get(name)]
        flags += [w for flag, name in _VALUES.items() if (value := ctx.obj.get(name)) for w in (flag, str(value))]
        ctx.exit(run([*flags, *words], obj={"clusters": clusters}))


@contextlib.contextmanager
def embedded(scenario: str, speed: float, *, console: bool = False) -> Iterator[tuple[ClusterSpec, ...]]:
    """The demo's clusters, running until the block ends. Raises: click.ClickException.

    console: import meanwhile what the console needs.
    """
    # Standard input is the child's lifeline: only this process holds its other end.
    child = subprocess.Popen(  # noqa: S603 - this interpreter, with a scenario that exists
        [sys.executable, "-c", _CHILD, scenario, repr(speed), *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    specs: tuple[ClusterSpec, ...] = ()
    try:
        if console:
            _import_console()
        specs = _answer(child)
        yield specs
    finally:
        _end(child, specs)


def _import_console() -> None:
    """What `cli.console` will import: the child starts in the meantime."""
    from haconsole.runtime.assemble import production

    production()
    importlib.import_module("haconsole.tui.run")


def _answer(child: subprocess.Popen[bytes]) -> tuple[ClusterSpec, ...]:
    """The specs. Raises: click.ClickException: what the child said instead, or that it said nothing."""
    if child.stdout is None:  # never: it was asked for
        raise AssertionError
    reason: object = "it did not start in time"
    if select.select([child.stdout], [], [], START_S)[0]:
        data = child.stdout.read()
        reason = pickle.loads(data) if data else "its process ended"  # noqa: S301 - our own child wrote it
        if isinstance(reason, tuple):
            return reason
    msg = f"the embedded cluster could not start: {reason}"
    raise click.ClickException(msg)  # exit code 1


def _end(child: subprocess.Popen[bytes], specs: tuple[ClusterSpec, ...]) -> None:
    """Let go of the child; it ends by itself, taking its files along. If it does not, that is done here."""
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.returncode != 0 and specs and (key := specs[0].nodes[0].ssh.identity_file) is not None:
        shutil.rmtree(key.parent, ignore_errors=True)
