"""What `catalogue.read.HOST` prints -> default routes, routes that give a source, frames for virtual MACs, room on file
systems, tracked connections, path filters.

Parts, each begun by a line with its name; `routes`, `sources` and `virtual` are missing where ip(8) failed, `sources`
also where there are more routes than can be looked through.
Sources: ip-route(8), ip-rule(8), stat(1) of GNU coreutils, nf_conntrack-sysctl and ip-sysctl of the kernel; run on
Debian 11 to 13.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from typing import Final

from haconsole.model.host import FileSystem, HostReading, SourceRoute
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_LIMIT: Final = 64 << 10
_ROUTES: Final = 16
"""So many default routes are told, and so many of the others."""
_WORD: Final = 80
_DISK: Final = re.compile(
    r"([0-9a-f]{1,32}) ([0-9]{1,12}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) (/\S{0,200})"
)
_PARTS: Final = frozenset({"routes", "sources", "virtual", "disks", "connections", "paths"})
_RULE: Final = re.compile(r"[0-9]{1,10}:\s(from all (?:[^\n]{0,400} )?lookup (\S{1,64})(?: [^\n]{0,200})?)")
_IIF: Final = re.compile(r"\biif (?!lo\b)")
"""A rule for packets that are forwarded: they have their source."""
_SOURCE: Final = re.compile(
    r"((?:default|[0-9.]{7,15}(?:/[0-9]{1,2})?) .{0,400}?\btable (\S{1,64}) .{0,200}?\bsrc ([0-9.]{7,15}))\b"
)
_VIRTUAL: Final = re.compile(
    r"[0-9]{1,10}: ([^ \t:/@]{1,64})(?:@[^ \t:/]{1,64})?: [^\\]{0,400}\\ +link/ether 00:00:5e:00:0[12]:[0-9a-f]{2} "
    r"[^\\]{0,200}\\ +RX: [^\\]{0,80}\\ +[0-9]{1,20} +([0-9]{1,20})(?: +[0-9]{1,20}){3} +([0-9]{1,20}) "
)
"""`ip -s -o link`: bytes, packets, errors, dropped, missed (overrun), those of them that were no unicast."""
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_SETTING: Final = re.compile(r"([^/\s]{1,64})/(rp_filter|arp_ignore|arp_filter) ([0-9])")
_DROPPED: Final = re.compile(r"dropped ([0-9]{1,20})")


def parse_host_state(text: str) -> HostReading:
    """The node's state. Raises: ParseError where the text has none of the parts."""
    parts: dict[str, list[str]] = {}
    for line in text[:_LIMIT].splitlines():
        if line in _PARTS and line not in parts:
            parts[line] = []
        elif parts:
            parts[next(reversed(parts))].append(line)
    if "disks" not in parts or "connections" not in parts:
        raise ParseError(f"routes, disks and connections were expected, not: {clean(text[:80])}")
    settings = [s for x in parts.get("paths", ()) if (s := _SETTING.fullmatch(x))]
    dropped = [int(d[1]) for x in parts.get("paths", ()) if (d := _DROPPED.fullmatch(x))]
    answering = _interfaces(settings, "arp_ignore", {0})
    filtered = _interfaces(settings, "arp_filter", {1}) or frozenset()  # by the route back; nodes read before: not told
    numbers = [int(x) for x in parts["connections"] if _NUMBER.fullmatch(x)]
    return HostReading(
        default_routes=_routes(parts["routes"]) if "routes" in parts else None,
        file_systems=_file_systems(parts["disks"]) or None,
        connections=numbers[0] if len(numbers) == 2 else None,
        connections_limit=numbers[1] if len(numbers) == 2 else None,
        strict_path=_interfaces(settings, "rp_filter", {1}),
        answers_for_others=None if answering is None else answering - filtered,
        path_dropped=dropped[0] if dropped else None,
        source_routes=_source_routes(parts["sources"]) if "sources" in parts else None,
        virtual_frames=_virtual_frames(parts["virtual"]) if "virtual" in parts else None,
    )


def _virtual_frames(lines: Iterable[str]) -> Mapping[str, int]:
    found = [t for line in lines if (t := _VIRTUAL.match(line)) is not None and int(t[2]) >= int(t[3])]
    return {clean(t[1]): int(t[2]) - int(t[3]) for t in found}


def _interfaces(settings: Iterable[re.Match[str]], name: str, wanted: set[int]) -> frozenset[str] | None:
    """Those whose setting is one of `wanted`: the greater of its own and that of `all` counts. None: not told."""
    values = {clean(s[1]): int(s[3]) for s in settings if s[2] == name}
    every = values.get("all")
    if every is None:
        return None
    return frozenset(i for i, v in values.items() if i not in {"all", "default"} and max(v, every) in wanted)


def _routes(lines: Iterable[str]) -> tuple[str, ...]:
    """`default via 192.0.2.1 dev eth1 proto static`; `unreachable default` is no way out."""
    found: list[str] = []
    for line in lines:
        words = line[:4096].replace("\\", " ").split()
        if words[:1] != ["default"]:
            continue
        told = [f"{k} {words[n + 1]}" for n, k in enumerate(words[:-1]) if k in {"via", "dev"}]
        found.append(clean(" ".join(told)[:_WORD]) or "default")
    return tuple(found[:_ROUTES])


def _source_routes(lines: Iterable[str]) -> tuple[SourceRoute, ...]:
    """Rules come first. A table that is only looked up for packets which have a source already gives them none."""
    rules: dict[str, str] = {}
    found: list[SourceRoute] = []
    for line in lines:
        rule, route = _RULE.fullmatch(line.strip()), _SOURCE.match(line)
        if rule is not None and _IIF.search(rule[1]) is None:
            rules.setdefault(rule[2], clean(rule[1].strip()))
        elif route is not None and route[2] in rules:
            try:
                source = IPv4Address(route[3])
            except ValueError:
                continue
            found.append(SourceRoute(route=clean(route[1]), source=source, rule=rules[route[2]]))
    return tuple(found[:_ROUTES])


def _file_systems(lines: Iterable[str]) -> tuple[FileSystem, ...]:
    """Each file system once, by the first path on it; those without blocks (proc) are left out."""
    found: dict[str, FileSystem] = {}
    for line in lines:
        told = _DISK.fullmatch(line)
        if told is None or told[1] in found or int(told[3]) == 0:
            continue
        block = int(told[2])
        found[told[1]] = FileSystem(
            path=clean(told[7]),
            size_bytes=block * int(told[3]),
            free_bytes=block * int(told[4]),
            inodes=int(told[5]),
            free_inodes=int(told[6]),
        )
    return tuple(found.values())
