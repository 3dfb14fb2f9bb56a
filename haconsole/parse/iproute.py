"""`ip -o link`, `ip -o addr` and `ip -o monitor link address` -> links, addresses, changes.

Sources: ip-link(8), ip-address(8), ip-monitor(8); run on iproute2 5.9, 6.1 and 6.15; the layout
of 4.11 (CentOS 7) is the same. The one-line form is read since `ip -j` does not exist in 4.11.

An interface's name may hold anything but `/`, `:` and blanks, even `@`. In link lines ` @PARENT`
follows without a blank, so the last `@` parts them: a name with `@` and no parent loses its tail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_interface
from typing import Final

from haconsole.model.readings import (
    Address,
    AddressAdded,
    AddressRemoved,
    IpInterface,
    KernelChange,
    Link,
    LinkChanged,
    LinkRemoved,
)
from haconsole.model.record import dataclass
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_LINK_HEAD: Final = 4096
"""Characters of a link line that are read: an alias or a list of virtual functions may follow."""
_ADDRESS_LINE: Final = 4096
MAX_ENTRIES: Final = 20_000
"""Links or addresses of one node; of more nothing is believed."""

_LINK: Final = re.compile(r"([0-9]{1,10}): ([^ \t:/]{1,255}): <([A-Z0-9_,-]*)>")
_STATE: Final = re.compile(r" state ([A-Z]{1,20})(?: |\\|$)")
_ADDRESS: Final = re.compile(r"([0-9]{1,10}): ([^ \t:/]{1,255}) +(inet6?) ")
_MAC: Final = re.compile(r" link/([a-z0-9_/-]{1,32}) ([0-9a-f]{2}(?::[0-9a-f]{2}){5,31})(?: |\\|$)")
_LABELLED: Final = re.compile(r"\[[A-Za-z0-9 ]{1,32}\]")
"""What `ip monitor label` (or `all`) puts in front: `[LINK]`, `[ADDR]`, `[nsid 0]`."""
_IP: Final = re.compile(r"[0-9A-Fa-f.:]{2,64}(?:/[0-9]{1,3})?")
"""Stricter than `ipaddress`, which would let any character through in a scope (`fe80::1%...`)."""
_LIFETIME: Final = "\\       valid_lft "
_DELETED: Final = "Deleted "


@dataclass(frozen=True, slots=True, kw_only=True)
class _LinkLine:
    link: Link
    whole: bool
    """False: the bridge's view of its port, which has no queue."""


def parse_links(text: str) -> Mapping[str, Link]:
    """Return all links by name, from the whole output of `ip -o link`.

    Raises: ParseError if a line is no link: half a list would make interfaces vanish.
    """
    links: dict[str, Link] = {}
    in_alias = False
    for line in text.split("\n"):
        read = _link(line)
        if read is not None:
            links[read.link.name] = read.link
            if len(links) > MAX_ENTRIES:
                raise ParseError(f"more than {MAX_ENTRIES} interfaces")
            in_alias = "\\    alias " in line
        elif line.strip() and not in_alias:  # an alias may hold line ends, and iproute2 prints them
            raise ParseError(f"a line of `ip -o link` was expected, not: {clean(line[:80])}")
    if not links:  # every system has `lo`
        raise ParseError("`ip -o link` told no interface")
    return links


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Return all addresses of all interfaces, in order, from the whole output of `ip -o addr`.

    None at all is a valid answer. Link lines, which very old versions mix in, are passed over.
    Raises: ParseError if a line is neither.
    """
    found: dict[Address, None] = {}  # a dump that the kernel had to restart repeats entries
    for line in text.split("\n"):
        address = _address(line)
        if address is not None:
            found[address] = None
            if len(found) > MAX_ENTRIES:
                raise ParseError(f"more than {MAX_ENTRIES} addresses")
        elif line.strip() and _LINK.match(line) is None:
            raise ParseError(f"a line of `ip -o addr` was expected, not: {clean(line[:80])}")
    return tuple(found)


def parse_monitor_line(line: str) -> KernelChange | None:
    """Return what one line of `ip -o monitor link address` tells; None: a line of another kind.

    The same address comes again whenever its flags or lifetimes change (IPv6: after duplicate
    address detection, without `tentative`). After an interface was renamed, ip keeps the old name
    in address lines until it ends; in link lines the new one stands at once (same `index`).
    Raises: ParseError for an address line that holds no address.
    """
    while (label := _LABELLED.match(line)) is not None:
        line = line[label.end() :]
    deleted = line.startswith(_DELETED)
    if deleted:
        line = line[len(_DELETED) :]
    read = _link(line)
    if read is not None:
        if not deleted:
            return LinkChanged(link=read.link)
        # A port that leaves its bridge is `Deleted` too, but only for the bridge.
        return LinkRemoved(name=read.link.name) if read.whole else None
    address = _address(line)
    if address is None:
        return None
    return AddressRemoved(address=address) if deleted else AddressAdded(address=address)


def _link(line: str) -> _LinkLine | None:
    head = line[:_LINK_HEAD]
    found = _LINK.match(head)
    if found is None:
        return None
    flags = found[3].split(",")
    name, at, _parent = found[2].rpartition("@")
    link = Link(
        name=clean(name if at and name else found[2]),
        up="UP" in flags,
        carrier="LOWER_UP" in flags,
        mac=_mac(head),
        index=int(found[1]),
        state=None if (state := _STATE.search(head)) is None else state[1],
    )
    return _LinkLine(link=link, whole=" qdisc " in head)


def _mac(head: str) -> str | None:
    found = _MAC.search(head)
    # loopback shows zeros, tunnels an IP address: neither is a hardware address
    return None if found is None or found[1] == "loopback" else found[2]


def _address(line: str) -> Address | None:
    found = _ADDRESS.match(line)
    if found is None:
        return None
    if len(line) > _ADDRESS_LINE:
        raise ParseError("a line of `ip -o addr` is longer than any address")
    name, family = found[2], found[3]
    body = _without_lifetime(line[found.end() :])
    words = body.split(" ")
    return Address(
        interface=clean(name),
        address=_interface_address(words),
        label=_label(body, words, name) if family == "inet" else None,
        scope=clean(_after(words, "scope") or "global"),
        tentative=family == "inet6" and "tentative" in words,
        dad_failed=family == "inet6" and "dadfailed" in words,
    )


def _without_lifetime(rest: str) -> str:
    # From the right: a label is free text and may hold a backslash.
    body, cut, _ = rest.rpartition(_LIFETIME)
    return body if cut else rest.partition("\\")[0]


def _interface_address(words: list[str]) -> IpInterface:
    text = words[0]
    peer = _after(words[:3], "peer")
    if peer is not None and "/" not in text:
        text += "/" + peer.rpartition("/")[2]  # the prefix is printed once, behind the peer
    if _IP.fullmatch(text) is None:
        raise ParseError(f"no IP address: {clean(text[:80])}")
    try:
        return ip_interface(text)
    except ValueError as error:
        raise ParseError(f"no IP address: {clean(text[:80])}") from error


def _after(words: list[str], key: str) -> str | None:
    """Return the word behind the first `key`."""
    try:
        return words[words.index(key) + 1] or None
    except (ValueError, IndexError):
        return None


def _label(body: str, words: list[str], interface: str) -> str | None:
    # Every other word has a blank behind it, the label has none: without one there is no label.
    if not body or body.endswith(" ") or words[-1] == interface:
        return None
    return clean(words[-1])
