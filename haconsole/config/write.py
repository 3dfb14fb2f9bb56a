"""A configuration file with comments, made by tomlkit from plain values; read back before anybody gets it.

`values` says what a key may hold, `load` whether the whole is sound; nothing is checked twice here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haconsole.config.load import parse
from haconsole.model.record import dataclass

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import Item, Table

    from haconsole.model.spec import ClusterSpec

MODE: Final = 0o600
"""It holds no password, but logins, hosts and where keys lie: nobody else needs it, and whoever could write it
could run programs as the operator (ssh_config's ProxyCommand). For /etc a `chmod 644` is all right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNode:
    """`[[cluster.node]]`. `public` empty: it has only one interface."""

    name: str
    address: str
    lan: str = "eth0"
    public: str = "eth1"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConfig:
    """What goes into a new file: one cluster. `vips`: (address, preferred node or None)."""

    cluster: str
    nodes: Sequence[NewNode]
    vips: Sequence[tuple[str, str | None]] = ()
    user: str = ""
    port: int | None = None
    identity_file: str = ""
    known_hosts: str = ""
    sudo: bool = False
    dns_name: str = ""
    probe_url: str = ""
    squid_port: int = 3128
    drain_file: str = ""
    learned_from: str = ""
    """In words: where the values come from."""


def text(new: NewConfig) -> str:
    """The file's text. Not checked yet: see `checked`."""
    import tomlkit

    document = tomlkit.document()
    _say(document, "haconsole configuration" + (f", {new.learned_from}" if new.learned_from else "") + ".")
    _say(document, "Every key, with its default: config.example.toml. Unknown keys are refused.")
    document.add(tomlkit.nl())
    ssh = tomlkit.table()
    _put(ssh, "user", new.user, "the login; without this line what ~/.ssh/config says, else your own")
    _put(ssh, "port", new.port, "")
    _put(ssh, "identity_file", new.identity_file, "the private key")
    _put(ssh, "known_hosts", new.known_hosts, "trusted host keys; they are always checked")
    _put(ssh, "sudo", new.sudo, "`sudo -n` before privileged commands; `haconsole sudoers` prints the rights")
    document.add("ssh", ssh)

    cluster = tomlkit.table()
    _put(cluster, "name", new.cluster, "what `--cluster NAME` means")
    _put(cluster, "dns_name", new.dns_name, "must resolve to exactly the virtual addresses")
    _put(cluster, "probe_url", new.probe_url, "fetched through every virtual address, as a client would")
    squid = tomlkit.table()
    _put(squid, "port", new.squid_port, "")
    cluster.add("squid", squid)
    if new.drain_file:
        keepalived = tomlkit.table()
        _put(keepalived, "drain_file", new.drain_file, "watched by keepalived's track_file")
        cluster.add("keepalived", keepalived)
    cluster.add("node", _tables([_node(n) for n in new.nodes]))
    if new.vips:
        cluster.add("vip", _tables([_vip(address, preferred) for address, preferred in new.vips]))
    document.add("cluster", _tables([cluster]))
    return tomlkit.dumps(document)


def _node(new: NewNode) -> Table:
    import tomlkit

    table = tomlkit.table()
    _put(table, "name", new.name, "what you type")
    _put(table, "address", new.address, "where SSH goes: its own address, never a virtual one")
    _put(table, "lan_interface", new.lan, "has the virtual addresses")
    public = tomlkit.item(new.public)
    public.comment("to the internet" if new.public else "only one interface")
    table.add("public_interface", public)
    return table


def _vip(address: str, preferred: str | None) -> Table:
    import tomlkit

    table = tomlkit.table()
    table.add("address", address)
    _put(table, "preferred", preferred, "who should hold it in normal times")
    return table


def _tables(tables: Sequence[Table]) -> Item:
    import tomlkit

    array = tomlkit.aot()
    for table in tables:
        array.append(table)
    return array


def _put(table: Table, key: str, value: str | float | bool | None, comment: str) -> None:
    import tomlkit

    if value is None or value == "":
        return
    item = tomlkit.item(value)
    if comment:
        item.comment(comment)
    table.add(key, item)


def _say(document: TOMLDocument, words: str) -> None:
    import tomlkit

    document.add(tomlkit.comment(words))


def checked(new: NewConfig, path: Path) -> tuple[str, tuple[ClusterSpec, ...]]:
    """(the text, what it means when it is read back). Raises: ConfigError with all that is wrong."""
    made = text(new)
    return made, parse(made, path)


def create(path: Path, made: str) -> None:
    """Write a new file, `MODE`; its folder is made too. Raises: FileExistsError, whatever is there; OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w", encoding="utf-8") as stream:
        stream.write(made)
        stream.flush()
        os.fsync(stream.fileno())
