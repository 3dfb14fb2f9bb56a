"""Rules across values: names and addresses that must differ, names that must exist.

They look at the document as it was read, not at the models, so that they also speak when some
other key is wrong: the operator sees all problems at once. Whatever has the wrong shape is passed
over here; `schema` reports it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

from haconsole.config.errors import key_path, nearest, shown
from haconsole.config.schema import Keepalived, Node
from haconsole.config.values import as_address
from haconsole.model.record import dataclass

Loc = tuple[int | str, ...]
"""A place in the document: `("cluster", 0, "node", 1, "name")`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule."""

    loc: Loc
    text: str
    suggestion: str | None = None


def check(data: Mapping[str, object]) -> Iterator[Finding]:
    """Yield every broken rule of a whole document (as tomllib returns it). Never raises."""
    if data.get("cluster") == []:
        yield Finding(("cluster",), "is empty: one [[cluster]] at least is needed")
    clusters = list(_tables(data, (), "cluster"))
    yield from _unique(clusters, "name", lambda table: table.get("name"))
    for loc, cluster in clusters:
        nodes = list(_tables(cluster, loc, "node"))
        yield from _node_count(loc, cluster)
        yield from _unique(nodes, "name", lambda table: table.get("name"))
        yield from _unique(nodes, "address", _where(data, cluster))
        yield from _interfaces(nodes)
        yield from _vips(list(_tables(cluster, loc, "vip")), nodes)
        yield from _windows(list(_tables(cluster, loc, "maintenance_window")))
        yield from _files(loc, cluster)


_Located = tuple[Loc, Mapping[str, object]]


def _tables(parent: Mapping[str, object], loc: Loc, key: str) -> Iterator[_Located]:
    found = parent.get(key)
    for index, table in enumerate(found if isinstance(found, list) else []):
        if isinstance(table, dict):
            yield (*loc, key, index), table


def _unique(tables: list[_Located], key: str, value: Callable[[Mapping[str, object]], object]) -> Iterator[Finding]:
    """Every table whose `value` one before it has too. None and what cannot be compared is passed over."""
    first: dict[Hashable, Loc] = {}
    for loc, table in tables:
        found = value(table)
        if found is None or not isinstance(found, str | tuple):
            continue
        other = first.setdefault(found, loc)
        if other != loc:
            yield Finding((*loc, key), f"{shown(table[key])} is already the {key} of {key_path(other)}")


def _node_count(loc: Loc, cluster: Mapping[str, object]) -> Iterator[Finding]:
    nodes = cluster.get("node")
    if isinstance(nodes, list) and len(nodes) < 2:
        yield Finding((*loc, "node"), f"a cluster has two nodes or more, this one has {len(nodes)}")


def _where(data: Mapping[str, object], cluster: Mapping[str, object]) -> Callable[[Mapping[str, object]], object]:
    """Where a login to a node ends: behind another port or another jump host it is another node."""

    def where(node: Mapping[str, object]) -> object:
        address = _identity(node.get("address"))
        if address is None:
            return None
        levels = [table for owner in (data, cluster, node) if isinstance(table := owner.get("ssh"), dict)]
        ssh = {key: value for table in levels for key, value in table.items()}
        return address, str(shown(ssh.get("port", 22))), str(shown(ssh.get("jump", "")))

    return where


def _identity(address: object) -> str | None:
    """One spelling of each address: `FD00::1` and `fd00:0::1` are the same."""
    if not isinstance(address, str):
        return None
    return str(as_address(address) or address.lower().removesuffix("."))


def _interfaces(nodes: list[_Located]) -> Iterator[Finding]:
    for loc, node in nodes:
        lan = node.get("lan_interface", Node.model_fields["lan_interface"].default)
        public = node.get("public_interface", Node.model_fields["public_interface"].default)
        if lan == public and isinstance(lan, str):
            yield Finding(
                (*loc, "public_interface"),
                f'{shown(lan)} is the LAN interface already; a node with only one has public_interface = ""',
            )


def _vips(vips: list[_Located], nodes: list[_Located]) -> Iterator[Finding]:
    own = {identity: loc for loc, node in nodes if (identity := _identity(node.get("address"))) is not None}
    names = [name for _, node in nodes if isinstance(name := node.get("name"), str)]
    yield from _unique(vips, "address", lambda vip: _identity(vip.get("address")))
    for loc, vip in vips:
        if (node_loc := own.get(_identity(vip.get("address")) or "")) is not None:
            yield Finding(
                (*loc, "address"),
                f"{shown(vip['address'])} is the own address of {key_path(node_loc)}:"
                " a failover and failback would cut that node off the network",
            )
        preferred = vip.get("preferred")
        if isinstance(preferred, str) and preferred not in names:
            yield Finding(
                (*loc, "preferred"), f"{shown(preferred)} is no node of this cluster", nearest(preferred, names)
            )


def _windows(windows: list[_Located]) -> Iterator[Finding]:
    for loc, window in windows:
        if isinstance(window.get("start"), str) and window.get("start") == window.get("end"):
            yield Finding((*loc, "end"), 'is the same as start: a whole day is "00:00" to "24:00"')


def _files(loc: Loc, cluster: Mapping[str, object]) -> Iterator[Finding]:
    table = cluster.get("keepalived")
    if not isinstance(table, dict):
        return
    drain = table.get("drain_file", Keepalived.model_fields["drain_file"].default)
    if drain == table.get("config_file", Keepalived.model_fields["config_file"].default):
        yield Finding((*loc, "keepalived", "drain_file"), "is keepalived's configuration: a drain would overwrite it")
