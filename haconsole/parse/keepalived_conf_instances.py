"""What each `vrrp_instance` of a configuration amounts to, with keepalived's defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from haconsole.model.keepalived_conf import ConfAddress, ConfInstance, KeepalivedConf, Statement
from haconsole.model.readings import IpInterface
from haconsole.model.spec import IpAddress
from haconsole.parse.keepalived_words import address, decimal, integer, interface_address

MAX_ADDRESSES = 10_000
KEPT = 64
"""Configurations whose instances are remembered, by identity."""

_kept: dict[int, tuple[KeepalivedConf, tuple[ConfInstance, ...]]] = {}

_Weights = tuple[tuple[str, int], ...]


def vrrp_instances(conf: KeepalivedConf) -> tuple[ConfInstance, ...]:
    """Return the instances in order; of two with one name only the first, as keepalived does.

    Lines whose condition is undecided make a value None and add no address, peer or tracker. Never raises.
    A configuration is a value and every picture asks anew: the last answers are kept.
    """
    kept = _kept.get(id(conf))
    if kept is not None and kept[0] is conf:
        return kept[1]
    found = _instances_of(conf)
    while len(_kept) >= KEPT:
        _kept.pop(next(iter(_kept)), None)
    _kept[id(conf)] = (conf, found)
    return found


def _instances_of(conf: KeepalivedConf) -> tuple[ConfInstance, ...]:
    scripts = _weights_of(conf, "vrrp_script", 0)
    tracked = {**_weights_of(conf, "vrrp_track_file", 1), **_weights_of(conf, "track_file", 1)}
    version = _global_version(conf)
    found: dict[str, ConfInstance] = {}
    for statement in conf.blocks("vrrp_instance"):
        if statement.args and statement.args[0] not in found:
            found[statement.args[0]] = _instance(statement, scripts, tracked, version)
    return tuple(found.values())


def _instance(
    statement: Statement, scripts: Mapping[str, int], files: Mapping[str, int], version: int | None
) -> ConfInstance:
    addresses = tuple(
        each
        for keyword, excluded in (("virtual_ipaddress", False), ("virtual_ipaddress_excluded", True))
        for each in _addresses(statement, keyword, excluded=excluded)
    )[:MAX_ADDRESSES]
    vips = tuple(a.address for a in addresses if not a.excluded)
    peers = tuple(p for p in (address(e.keyword) for e in _entries(statement, "unicast_peer")) if p is not None)
    return ConfInstance(
        name=statement.args[0],
        vrid=integer(_word(statement, "virtual_router_id") or "", 1, 255),
        interface=_word(statement, "interface"),
        state=_word(statement, "state"),
        priority=integer(_word(statement, "priority", "100") or "", 1, 255),
        advert_interval_s=decimal(_word(statement, "advert_int", "1") or ""),
        version=_version(statement, vips, version),
        preempt=_preempt(statement),
        vips=vips,
        addresses=addresses,
        unicast=bool(peers),
        unicast_peers=peers,
        source_address=_source(statement),
        tracked_interfaces=_tracked(statement, "track_interface", {}, 0),
        tracked_scripts=_tracked(statement, "track_script", scripts, 0),
        tracked_files=_tracked(statement, "track_file", files, 1),
        place=statement.place,
    )


def _word(block: Statement, keyword: str, default: str | None = None) -> str | None:
    """The word behind the last such keyword; None: the last word is missing or not decided."""
    found = list(block.children(keyword))
    if not found:
        return default
    if any(s.condition is not None for s in found):
        return None
    return found[-1].args[0] if found[-1].args else None


def _entries(block: Statement, keyword: str) -> Iterator[Statement]:
    """Lines of the blocks with this keyword that surely count."""
    for inner in block.children(keyword):
        if inner.condition is None:
            yield from (s for s in inner.block or () if s.condition is None and s.words)


def _addresses(block: Statement, keyword: str, *, excluded: bool) -> Iterator[ConfAddress]:
    for entry in _entries(block, keyword):
        found = interface_address(entry.keyword)
        if found is not None:
            options = dict(zip(entry.args, entry.args[1:], strict=False))
            yield ConfAddress(
                address=found,
                interface=options.get("dev"),
                label=options.get("label"),
                excluded=excluded,
                place=entry.place,
            )


def _source(block: Statement) -> IpAddress | None:
    return address(_word(block, "unicast_src_ip") or _word(block, "mcast_src_ip") or "")


def _preempt(block: Statement) -> bool | None:
    """The later of `preempt` and `nopreempt`; keepalived preempts by default."""
    found = [s for s in block.block or () if s.keyword in {"preempt", "nopreempt"}]
    if any(s.condition is not None for s in found):
        return None
    return found[-1].keyword == "preempt" if found else True


def _global_version(conf: KeepalivedConf) -> int | None:
    """`vrrp_version` in global_defs; 2 is the default, 0 stands for undecided."""
    found = [s for g in conf.blocks("global_defs") for s in g.children("vrrp_version")]
    if any(s.condition is not None for s in found):
        return None
    return integer(found[-1].args[0], 2, 3) if found and found[-1].args else 2


def _version(block: Statement, vips: tuple[IpInterface, ...], default: int | None) -> int | None:
    """IPv6 is always version 3 (docs/keepalived-versions.md)."""
    if any(v.version == 6 for v in vips[:1]) or any(True for _ in block.children("native_ipv6")):
        return 3
    if any(True for _ in block.children("version")):
        return integer(_word(block, "version") or "", 2, 3)
    return default


def _tracked(block: Statement, keyword: str, weights: Mapping[str, int], default: int) -> _Weights:
    """Names with their weights: the line's own, else that of the script's or file's block."""
    return tuple(
        (entry.keyword, _weight(entry.args, weights.get(entry.keyword, default))) for entry in _entries(block, keyword)
    )


def _weight(args: tuple[str, ...], default: int) -> int:
    if len(args) < 2 or args[0] != "weight":
        return default
    found = integer(args[1], -(2**31), 2**31 - 1)
    return default if found is None else found


def _weights_of(conf: KeepalivedConf, keyword: str, default: int) -> dict[str, int]:
    """`weight` of each block of this kind, by name."""
    return {s.args[0]: _weight(("weight", _word(s, "weight") or ""), default) for s in conf.blocks(keyword) if s.args}
