"""What keepalived watches on a node, read for forecasts: which script watches squid, how soon it tells,
which track file is the drain file. From the node's own configuration; what it does not tell is None. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from haconsole.cluster.picture import NodePicture
from haconsole.model.keepalived_conf import KeepalivedConf, Statement
from haconsole.model.record import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptWatch:
    """One `vrrp_script`, with keepalived's defaults (keepalived.conf(5): interval 1, fall 1, rise 1)."""

    name: str
    command: str
    interval_s: float = 1.0
    fall: int = 1
    rise: int = 1
    timeout_s: float | None = None
    """None: its interval."""


def scripts(node: NodePicture) -> dict[str, ScriptWatch] | None:
    """The node's scripts by name; None: its configuration was not read."""
    if node.config is None:
        return None
    found: dict[str, ScriptWatch] = {}
    for block in node.config.conf.blocks("vrrp_script"):
        if block.condition is None and block.args and (watch := _script(block)) is not None:
            found[watch.name] = watch
    return found


def _script(block: Statement) -> ScriptWatch | None:
    """None: a line of it depends on a condition, or is no number: then nothing is known of it."""
    if any(s.condition is not None for s in block.block or ()):
        return None
    command = block.first("script")
    try:
        return ScriptWatch(
            name=block.args[0],
            command=" ".join(command.args) if command is not None else "",
            interval_s=_number(block, "interval", 1.0),
            fall=int(_number(block, "fall", 1)),
            rise=int(_number(block, "rise", 1)),
            timeout_s=_number(block, "timeout", 0.0) or None,
        )
    except ValueError:
        return None


def _number(block: Statement, keyword: str, default: float) -> float:
    statement = block.first(keyword)
    if statement is None:
        return default
    value = float(statement.args[0]) if statement.args else 0.0
    if not 0 < value < 1e6:
        raise ValueError(keyword)
    return value


def watches_squid(watch: ScriptWatch, service: str) -> bool | None:
    """Does its command look at squid. False only for `true` and `test`, which cannot; else None: not told."""
    words = re.split(r"[^A-Za-z0-9_.-]+", watch.command)
    if service in words or any("squid" in w for w in words):
        return True
    return False if watch.command.strip("'\"").split(" ")[0].rpartition("/")[2] in {"true", "test", "["} else None


def drain_files(conf: KeepalivedConf, path: str) -> frozenset[str]:
    """Names under which the configuration tracks the file at `path`."""
    return frozenset(
        b.args[0]
        for keyword in ("track_file", "vrrp_track_file")
        for b in conf.blocks(keyword)
        if b.args and any(path in s.args for s in b.children("file"))
    )


def drain_scripts(node: NodePicture, path: str) -> Iterator[ScriptWatch]:
    """Scripts that read the drain file. `test ! -e` is left out: the file is written, never deleted."""
    for watch in (scripts(node) or {}).values():
        if path in watch.command and "-e" not in watch.command.split():
            yield watch
