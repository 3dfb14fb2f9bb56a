"""haconsole's configuration file for the lab's cluster, as TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .plan import NodePlan, VipPlan

Value = str | int | float | bool | Sequence[str]


def console_config(
    ssh_directory: Path,
    nodes: Sequence[NodePlan],
    *,
    ssh: Mapping[str, Value],
    cluster: Mapping[str, Value | None],
    vips: Sequence[VipPlan],
    extra: str = "",
) -> str:
    """The text of the file; a cluster key that is None is left out; `extra` is appended as it stands."""
    settings: dict[str, Value] = {
        "identity_file": str(ssh_directory / "id_ed25519"),
        "known_hosts": str(ssh_directory / "known_hosts"),
        **ssh,
    }
    lines = ["[ssh]", *_pairs(settings), "", "[[cluster]]", *_pairs(cluster)]
    for node in nodes:
        lines += ["", "[[cluster.node]]"]
        lines += _pairs({"name": node.name, "address": node.lan, "lan_interface": "eth0", "public_interface": "eth1"})
    names = {node.index: node.name for node in nodes}
    for vip in vips:
        lines += ["", "[[cluster.vip]]", *_pairs({"address": vip.address, "preferred": names.get(vip.preferred)})]
    return "\n".join(lines) + "\n" + extra


def _pairs(values: Mapping[str, Value | None]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]


def _toml(value: Value) -> str:
    # JSON's strings, numbers, booleans and lists of strings are TOML's too
    return json.dumps(value if isinstance(value, str | int | float | bool) else list(value), ensure_ascii=False)
