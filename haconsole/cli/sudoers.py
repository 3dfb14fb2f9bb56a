"""`haconsole sudoers`: the sudoers file that lets a plain user do what this configuration needs."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haconsole.model.spec import ClusterSpec, NodeSpec


@click.command("sudoers", epilog="Example: haconsole sudoers --node proxy-serv01 > haconsole.sudoers")
@click.option("--node", "node", help="Only what this node needs.", metavar="NODE")
@click.option("--user", "user", help="The login (default: the configured one).", metavar="NAME")
@click.option(
    "--interface", "interfaces", multiple=True, help="Another interface that may be taken down.", metavar="NAME"
)
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    node: str | None,
    user: str | None,
    interfaces: tuple[str, ...],
    cluster: str | None,
    config: str | None,
) -> None:
    """Print exact command lines, without a wildcard; check with `visudo -c -f FILE`.

    One file serves all nodes of the configuration. What it leaves out: docs/operations.md.
    Exit code: 0 printed, 2 the configuration has a name that cannot stand in such a file.
    """
    from haconsole.report.sudoers import sudoers_file

    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    found = [(c, n) for c in setup.clusters(ctx) for n in c.nodes if node is None or n.name == node]
    if not found:
        output.talk(f"haconsole: there is no node {node!r}")
        ctx.exit(int(Exit.USAGE))
    try:
        output.data(sudoers_file(found, user or _login(found), interfaces))
    except ValueError as error:
        output.talk(f"haconsole: {error}")
        ctx.exit(int(Exit.USAGE))


def _login(nodes: Sequence[tuple[ClusterSpec, NodeSpec]]) -> str:
    """The one login of all of `nodes`. Raises: ValueError: there are several."""
    users = sorted({node.ssh.user or getpass.getuser() for _, node in nodes})
    if len(users) > 1:
        raise ValueError(f"the nodes have several logins ({', '.join(users)}): choose with --node or --user")
    if users == ["root"]:
        raise ValueError("the login is root, which needs no sudo: name the plain one with --user")
    return users[0]
