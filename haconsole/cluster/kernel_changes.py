"""A node's links and addresses after one line of `ip monitor`, and that line in words. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, assert_never

from haconsole.model.readings import (
    Address,
    AddressAdded,
    AddressRemoved,
    KernelChange,
    KernelReading,
    Link,
    LinkChanged,
    LinkRemoved,
)

ADDRESSES: Final = 10_000
"""Addresses and links of a node that are followed between two readings."""


def changed_kernel(reading: KernelReading, change: KernelChange) -> KernelReading:
    """`reading` after one line of `ip monitor`. The same value when nothing is new."""
    match change:
        case AddressAdded(address=address):
            if address in reading.addresses or len(reading.addresses) >= ADDRESSES:
                return reading
            kept = tuple(a for a in reading.addresses if not _same_address(a, address))
            return replace(reading, addresses=(*kept, address))
        case AddressRemoved(address=address):
            return replace(reading, addresses=tuple(a for a in reading.addresses if not _same_address(a, address)))
        case LinkChanged(link=link):
            if link.name not in reading.links and len(reading.links) >= ADDRESSES:
                return reading
            return replace(reading, links={**reading.links, link.name: link})
        case LinkRemoved(name=name):
            kept = tuple(a for a in reading.addresses if a.interface != name)
            return replace(reading, links={k: v for k, v in reading.links.items() if k != name}, addresses=kept)
        case _:
            assert_never(change)


def _same_address(one: Address, other: Address) -> bool:
    return one.interface == other.interface and one.address == other.address


def change_text(before: KernelReading, change: KernelChange) -> str:
    """For the log: `192.0.2.1/24 added to eth0`."""
    match change:
        case AddressAdded(address=a):
            return f"{a.address} added to {a.interface}"
        case AddressRemoved(address=a):
            return f"{a.address} removed from {a.interface}"
        case LinkChanged(link=link):
            return f"{link.name} {_link_word(link)}" + ("" if link.name in before.links else " (new)")
        case LinkRemoved(name=name):
            return f"{name} is gone"
        case _:
            assert_never(change)


def _link_word(link: Link) -> str:
    if not link.up:
        return "down"
    return "up" if link.carrier else "up, no carrier"
