"""What iproute2 prints on a node with any number of interfaces."""

from __future__ import annotations

_FOREVER = "\\       valid_lft forever preferred_lft forever"


def links(amount: int) -> str:
    """`ip -o link`."""
    return "".join(
        f"{n}: eth{n}@if{n}: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP\\    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff\n"
        for n in range(1, amount + 1)
    )


def addresses(amount: int) -> str:
    """`ip -o address`; one IPv4 address on each. amount: at most 65,535."""
    return "".join(
        f"{n}: eth{n}    inet 10.{n >> 8}.{n & 255}.1/24 scope global eth{n}:1{_FOREVER}\n"
        for n in range(1, amount + 1)
    )
