"""`python -m tests.lab`: the lab for people - check, build, up, down."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from .harness import (
    Lab,
    LabError,
    end_on_sigterm,
    ensure_image,
    missing_prerequisites,
    remove_leftovers,
    stop_live_runs,
    suites_from_environment,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(argv)
    if options.command == "check":
        return _check()
    if missing_prerequisites():
        return _check()
    try:
        return int(options.run(options))
    except LabError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description="Two real nodes with keepalived and squid, in containers on this machine.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring up a pair, and run COMMAND at the operator's place or wait")
    up.add_argument("--keep", action="store_true", help="leave the lab running; `down` removes it")
    up.add_argument("--nodes", type=int, default=2, choices=(2, 3))
    up.add_argument("--suite", default="", help="Debian suite of the nodes, or one each: bullseye,trixie")
    up.add_argument("--user", default="ops", help="the user haconsole signs in as (ops, plain or root)")
    up.add_argument("argv", nargs="*", metavar="COMMAND")
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="remove kept labs, and what dead ones left")
    down.add_argument("--all", action="store_true", help="also end labs whose owner still lives")
    down.set_defaults(run=_down)
    build = commands.add_parser("build", help="only make the root images")
    build.add_argument("--suite", default="", help="Debian suites, comma-separated")
    build.set_defaults(run=_build)
    commands.add_parser("check", help="say what this machine lacks")
    return parser


def _check() -> int:
    missing = missing_prerequisites()
    for line in missing:
        print(line)
    if not missing:
        print("this machine can run the lab")
    return 1 if missing else 0


def _suites(options: argparse.Namespace, nodes: int) -> tuple[str, ...]:
    return tuple(options.suite.split(",")) if options.suite else suites_from_environment(nodes)


def _build(options: argparse.Namespace) -> int:
    for suite in dict.fromkeys(_suites(options, 1)):
        start = time.monotonic()
        print(f"{suite}: {ensure_image(suite)} ({time.monotonic() - start:.1f} s)")
    return 0


def _down(options: argparse.Namespace) -> int:
    removed = (stop_live_runs() if options.all else []) + remove_leftovers(kept=True)
    print(f"removed: {', '.join(removed)}" if removed else "nothing to remove")
    return 0


def _up(options: argparse.Namespace) -> int:
    end_on_sigterm()
    start = time.monotonic()
    with Lab(options.nodes, _suites(options, options.nodes), keep=options.keep) as lab:
        config = lab.write_config(lab.directory / "haconsole.toml", user=options.user)
        print(f"the pair is up after {time.monotonic() - start:.1f} s", file=sys.stderr)
        environment = {"HACONSOLE_CONFIG": str(config)}
        if options.argv:
            ends = "`python -m tests.lab down` removes it" if lab.keep else "it goes when the command ends"
            _explain(lab, environment, ends, to=sys.stderr)
            process = lab.operator_popen(options.argv, env=environment, start_new_session=False)
            return _wait(process)
        _explain(lab, environment, "`python -m tests.lab down` removes it" if lab.keep else "Ctrl-C removes it")
        if not options.keep:
            signal.pause()
    return 0


def _wait(process: subprocess.Popen[bytes]) -> int:
    # Ctrl-C reaches the command itself, which is in the foreground; the lab goes when the command has ended
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _explain(lab: Lab, environment: dict[str, str], ends: str, *, to: TextIO | None = None) -> None:
    """From a second terminal: how to be at the operator's place, and on the nodes. `to`: None is stdout."""
    setting = " ".join(f"{key}={shlex.quote(value)}" for key, value in environment.items())
    place = shlex.join(lab.operator_argv([]))
    haconsole = shlex.join((sys.executable, "-m", "haconsole"))
    print(f"haconsole on this pair:  {place} env {setting} {haconsole} status", file=to)
    print(f"a shell at the operator's place:  {place} env {setting} {os.environ.get('SHELL', '/bin/sh')}", file=to)
    for node in lab.nodes.values():
        print(f"a root shell in {node.name} ({node.suite}):  {shlex.join(node.argv('bash'))}", file=to)
    print(ends, file=to, flush=True)


if __name__ == "__main__":
    sys.exit(main())
