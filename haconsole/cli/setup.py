"""What commands share: finding the clusters, and the parts that reach them."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haconsole.cli import output
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    from haconsole.io.audit_file import AuditFile
    from haconsole.model.spec import ClusterSpec


def clusters(ctx: click.Context, *, usage_exit: int = Exit.USAGE) -> tuple[ClusterSpec, ...]:
    """The clusters that this call is about: the demo's, or the configured ones.

    Raises: click.exceptions.Exit with `usage_exit` after telling what is wrong.
    """
    found = ctx.obj.get("clusters")
    if found is None:
        found = _configured(ctx.obj.get("config"), usage_exit)
    elif ctx.obj.get("config"):
        output.talk("haconsole: the embedded cluster has a configuration of its own: leave out --config")
        raise click.exceptions.Exit(usage_exit)
    wanted = ctx.obj.get("cluster")
    if wanted is not None:
        chosen = tuple(c for c in found if c.name == wanted)
        if not chosen:
            names = ", ".join(c.name for c in found)
            output.talk(f"haconsole: there is no cluster {wanted!r}; configured: {names}")
            raise click.exceptions.Exit(usage_exit)
        found = chosen
    if ctx.obj.get("read_only"):
        found = tuple(replace(c, read_only=True) for c in found)
    return tuple(found)


def _configured(explicit: str | None, usage_exit: int) -> tuple[ClusterSpec, ...]:
    from haconsole.config.errors import ConfigError
    from haconsole.config.load import find, load

    try:
        path = find(Path(explicit) if explicit else None, os.environ, Path.cwd())
        return load(path)
    except ConfigError as error:
        output.talk(str(error))
        raise click.exceptions.Exit(usage_exit) from None


class TerminalPrompter:
    """Asks for secrets on the terminal, one question at a time; silent where there is none."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
        """None when there is no terminal to ask on, or the operator gives up."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        async with self._one:
            try:
                return await asyncio.to_thread(_ask, f"{node}: {prompt.strip()} ", echo)
            except (EOFError, KeyboardInterrupt):
                return None


def _ask(prompt: str, echo: bool) -> str:
    if echo:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass(prompt, stream=sys.stderr)


def audit_file() -> AuditFile:
    """The log of what this call does.

    Of a demo beside its key, which goes with it: its cluster's name may be a real one's, and nothing of it happened.
    """
    from haconsole.io.audit_file import AuditFile, default_path

    demo = click.get_current_context().obj.get("clusters")
    key = None if demo is None else demo[0].nodes[0].ssh.identity_file
    return AuditFile(default_path() if key is None else key.parent / "audit.jsonl")


def operator() -> str:
    """Who sits here: user@host."""
    return f"{getpass.getuser()}@{os.uname().nodename}"
