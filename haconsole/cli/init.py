"""`haconsole init`: a configuration file from a few questions, or from what the nodes themselves tell."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    from haconsole.config.write import NewConfig
    from haconsole.model.spec import ClusterSpec, NodeSpec
    from haconsole.runtime.configurations import Read


@click.command(
    "init",
    epilog="Examples: haconsole init; haconsole init --from ssh 192.168.2.251 192.168.2.252 --user ops --sudo; "
    "haconsole init --node a=10.0.0.1 --node b=10.0.0.2 --vip 10.0.0.9=a",
)
@click.option(
    "--from", "source", type=click.Choice(["questions", "ssh"]), default="questions",
    help="ssh: read keepalived.conf of the HOSTs and fill in what it tells.",
)  # fmt: skip
@click.option("-o", "target", type=click.Path(path_type=Path, dir_okay=False), help="Default: your config folder's.")
@click.option("--name", "name", help="The cluster's name.", metavar="NAME")
@click.option("--node", "nodes", multiple=True, help="A node.", metavar="NAME=ADDRESS")
@click.option("--vip", "vips", multiple=True, help="A virtual address, with who should hold it.", metavar="IP[=NODE]")
@click.option("--user", "user", help="The login.", metavar="NAME")
@click.option("--port", "port", type=click.IntRange(1, 65535), help="SSH's port.")
@click.option("--identity-file", "identity_file", help="The private key.", metavar="FILE")
@click.option("--known-hosts", "known_hosts", help="The trusted host keys.", metavar="FILE")
@click.option("--sudo/--no-sudo", "sudo", default=None, help="`sudo -n` before privileged commands.")
@click.option("--lan", "lan", help="Interface with the virtual addresses.", metavar="NAME")
@click.option("--public", "public", help="Interface to the internet; '' for none.", metavar="NAME")
@click.option("--squid-port", "squid_port", type=click.IntRange(1, 65535), help="The port that clients use.")
@click.option("--dns-name", "dns_name", help="The name that clients look up.", metavar="NAME")
@click.option("--probe-url", "probe_url", help="A page to fetch through every VIP.", metavar="URL")
@click.argument("hosts", nargs=-1, metavar="[HOST ...]")
@click.pass_context
def command(
    ctx: click.Context, /, *, source: str, target: Path | None, hosts: tuple[str, ...], **flags: object
) -> None:
    """Write the configuration file, with comments. What is there already is never overwritten.

    What no flag says is asked on the terminal; without a terminal the flags must say it. The file is read back
    before it is written, and is yours alone (0600). Exit code: 0 written, 1 a node could not be read or the file
    could not be written, 2 wrong call, something missing, or the file exists; then nothing was written.
    """
    given = {key: value for key, value in flags.items() if value is not None and value != ()}
    path = target or _default()
    if os.path.lexists(path):
        _refuse(ctx, f"{path} exists, and is left as it is: name another file with -o, or move it away")
    if source == "ssh":
        if not hosts and "clusters" not in ctx.obj:
            _refuse(ctx, "name the nodes: haconsole init --from ssh HOST HOST")
        new = _from_nodes(ctx, hosts, given)
    else:
        if hosts:
            _refuse(ctx, f"hosts are read with --from ssh: haconsole init --from ssh {' '.join(hosts)}")
        new = _from_questions(ctx, given)
    _write(ctx, path, new)


def _default() -> Path:
    import platformdirs

    return platformdirs.user_config_path("haconsole", appauthor=False) / "config.toml"


def _refuse(ctx: click.Context, text: str) -> None:
    output.talk(f"haconsole: {text}")
    ctx.exit(int(Exit.USAGE))


def _write(ctx: click.Context, path: Path, new: NewConfig) -> None:
    from haconsole.config import write
    from haconsole.config.errors import ConfigError
    from haconsole.config.load import load

    try:
        made, meant = write.checked(new, path)
    except ConfigError as error:
        # Of a file that is not there no line can be looked at.
        told = "\n".join(f"  {replace(p, file='', line=None)}" for p in error.problems)
        _refuse(ctx, f"nothing was written, the values do not make a configuration:\n{told}")
        return
    try:
        write.create(path, made)
        sound = load(path) == meant
    except FileExistsError:
        _refuse(ctx, f"{path} exists, and is left as it is: name another file with -o, or move it away")
    except (OSError, ConfigError) as error:
        output.talk(f"haconsole: {path}: {getattr(error, 'strerror', None) or error}")
        ctx.exit(int(Exit.FAILED))
    else:
        if not sound:
            output.talk(f"haconsole: {path} does not read back as it was written: look at it before you use it")
            ctx.exit(int(Exit.FAILED))
        output.data(str(path))
        output.talk(f"haconsole: next: haconsole{_named(path)} doctor")


def _named(path: Path) -> str:
    return "" if path == _default() else f" --config {path}"


# --- questions -----------------------------------------------------------------------


def _from_questions(ctx: click.Context, given: Mapping[str, object]) -> NewConfig:
    from haconsole.cli.init_questions import Questions, is_node, is_vip, may_be_empty
    from haconsole.config import values
    from haconsole.config.write import NewConfig, NewNode

    ask = Questions(given)
    name = ask.text("name", "Name of the cluster", "proxy", check=values.check_name)
    user = ask.text("user", "Login on the nodes (empty: as in ~/.ssh/config)", check=values.check_user)
    sudo = ask.yes("sudo", "Prefix privileged commands with `sudo -n`?", default=bool(user) and user != "root")
    nodes = [_node(w) for w in ask.many("nodes", "Node {} as NAME=ADDRESS", 2, is_node)]
    lan = ask.text("lan", "Interface with the virtual addresses", "eth0", check=values.check_interface)
    public = ask.text(
        "public",
        "Interface to the internet ('' for none)",
        "eth1",
        check=lambda w: values.check_interface_or_none(_none(w)),
    )
    vips = ask.many("vips", "Virtual address {} as IP or IP=NODE", 0, is_vip(nodes))
    dns_name = ask.text(
        "dns_name", "Name that clients look up (empty: not checked)", check=may_be_empty(values.check_dns_name)
    )
    probe_url = ask.text(
        "probe_url", "A page to fetch through every VIP, http:// (empty: only squid is asked)",
        check=may_be_empty(values.check_probe_url),
    )  # fmt: skip
    if ask.missing:
        _refuse(ctx, f"there is no terminal to ask on, and these are not given: {', '.join(ask.missing)}")
    return _flagged(
        NewConfig(
            cluster=name, nodes=[NewNode(name=n, address=a, lan=lan, public=_none(public)) for n, a in nodes],
            vips=[_vip(v) for v in vips], user=user, sudo=sudo,
            dns_name=dns_name, probe_url=probe_url, learned_from="made by `haconsole init`",
        ),
        given,
    )  # fmt: skip


def _node(word: str) -> tuple[str, str]:
    name, equals, address = word.partition("=")
    return name, address if equals else name


def _none(word: str) -> str:
    return "" if word in {"''", '""', "-", "none"} else word


def _vip(word: str) -> tuple[str, str | None]:
    address, equals, node = word.partition("=")
    return address, node if equals else None


def _flagged(new: NewConfig, given: Mapping[str, object]) -> NewConfig:
    """What only flags say."""
    changed = {k: given[k] for k in ("port", "identity_file", "known_hosts", "squid_port") if k in given}
    return replace(new, **changed) if changed else new  # type: ignore[arg-type]


# --- from the nodes ------------------------------------------------------------------


def _from_nodes(ctx: click.Context, hosts: Sequence[str], given: Mapping[str, object]) -> NewConfig:
    from haconsole.config.write import NewConfig, NewNode
    from haconsole.report.learned import learn

    runner: Callable[..., dict[str, Read]] = ctx.obj.get("runner", asyncio.run)
    spec = _to_read(ctx, hosts, given)
    found = runner(_read(spec))
    unread = [r for r in found.values() if r.facts.conf is None]
    for each in unread:
        output.talk(f"haconsole: {each.facts.problem or each.node + ': its keepalived.conf was not read'}")
        # To be copied: the line that trusts a key, for one.
        for index, line in enumerate((each.facts.remedy or "").splitlines()):
            output.talk(f"        {line}" if index else f"      → {line}")
    if unread:
        output.talk("haconsole: nothing was written: `haconsole init` without --from asks instead")
        ctx.exit(int(Exit.FAILED))
    names = _names(found)
    learned = learn({names[host]: read.facts for host, read in found.items()})
    for doubt in learned.doubts:
        output.talk(f"haconsole: {doubt}: `haconsole check` says more")
    lan, public = given.get("lan"), given.get("public")
    nodes = [
        NewNode(
            name=names[n.name],
            address=n.known_as,
            lan=str(lan) if lan is not None else learned.nodes[names[n.name]].lan,
            public=_none(str(public)) if public is not None else learned.nodes[names[n.name]].public,
        )
        for n in spec.nodes
    ]
    vips = given.get("vips")
    new = NewConfig(
        cluster=str(given.get("name", spec.name)),
        nodes=nodes,
        vips=[_vip(str(v)) for v in vips] if isinstance(vips, tuple) else [(str(a), p) for a, p in learned.vips],
        user=str(given.get("user", "")),
        sudo=bool(given.get("sudo", False)),
        dns_name=str(given.get("dns_name", "")),
        probe_url=str(given.get("probe_url", "")),
        drain_file=learned.drain_file,
        learned_from=f"learned by `haconsole init` from {', '.join(names.values())}",
    )
    return _flagged(new, given)


def _to_read(ctx: click.Context, hosts: Sequence[str], given: Mapping[str, object]) -> ClusterSpec:
    """The demo's cluster, or one of the named hosts."""
    from haconsole.config.values import check_host
    from haconsole.model.spec import ClusterSpec, NodeSpec, SshSpec

    if "clusters" in ctx.obj and not hosts:
        return setup.clusters(ctx)[0]
    ssh = SshSpec(
        user=str(given["user"]) if "user" in given else None,
        port=int(str(given["port"])) if "port" in given else None,
        identity_file=Path(str(given["identity_file"])).expanduser() if "identity_file" in given else None,
        known_hosts=Path(str(given["known_hosts"])).expanduser() if "known_hosts" in given else None,
        sudo=bool(given.get("sudo", False)),
    )
    nodes: list[NodeSpec] = []
    for host in dict.fromkeys(hosts):
        try:
            nodes.append(NodeSpec(name=host, address=check_host(host), ssh=ssh))
        except ValueError as error:
            _refuse(ctx, f"{host}: {error}")
    if len(nodes) < 2:
        _refuse(ctx, "a cluster has at least two nodes: name them all")
    return ClusterSpec(name="proxy", nodes=tuple(nodes))


def _names(found: Mapping[str, Read]) -> dict[str, str]:
    """Each node by what it calls itself, where that is a usable name of its own; else as it was named."""
    from haconsole.config.values import check_name

    told: dict[str, str] = {}
    for host, read in found.items():
        name = (read.hostname or "").partition(".")[0]
        try:
            told[host] = check_name(name)
        except ValueError:
            told[host] = host.replace(":", "_")
    unique = len(set(told.values())) == len(told)
    return told if unique else {host: host.replace(":", "_") for host in found}


async def _read(spec: ClusterSpec) -> dict[str, Read]:
    from haconsole.runtime.assemble import production
    from haconsole.runtime.configurations import read_cluster

    parts = production(setup.TerminalPrompter())
    progress = output.Progress()
    progress.show("reading the nodes …")
    try:
        return await read_cluster(spec, parts.connector, parts.clock)
    finally:
        progress.clear()
        await parts.connector.close()
