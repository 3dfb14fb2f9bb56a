"""A simulated node's tcpdump: 4.99.3 with libpcap 1.10.3, as Debian 12 has it; its words are theirs.

It knows the options and the one filter of `catalogue.capture`. What it holds back for a slow reader
is bounded, and what does not fit is counted, as the kernel does it.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from haconsole.catalogue.capture import FILTER
from haconsole.demo.node import SimNode
from haconsole.demo.node_shell import Reply
from haconsole.model.record import dataclass
from haconsole.wire import pcap

RING: Final = 1 << 20
"""Octets that wait for a reader."""
_FLAGS: Final = frozenset({"-p", "-n", "-U", "--immediate-mode"})
_VALUES: Final = frozenset({"-i", "-s", "-w", "-B", "-Z"})


@dataclass(frozen=True, slots=True)
class Opened:
    """A capture that may begin."""

    interface: str
    snaplen: int

    @property
    def listening(self) -> str:
        """What it says then."""
        kind = "link-type EN10MB (Ethernet)"
        return f"tcpdump: listening on {self.interface}, {kind}, snapshot length {self.snaplen} bytes"


def open_capture(node: SimNode, args: Sequence[str], *, rooted: bool) -> Opened | Reply:
    """`tcpdump args`, with root's rights or without: what was opened, or why nothing was."""
    given: dict[str, str] = {}
    rest = list(args)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in _VALUES and rest:
            given[option] = rest.pop(0)
        elif option not in _FLAGS:
            return _refused(f"invalid option -- '{option.lstrip('-')}'")
    name = given.get("-i", "eth0")
    why = _closed(node, name, rooted=rooted)
    if why is not None:
        return _refused(f"{name}: {why}")
    if given.get("-w") != "-" or rest != [FILTER]:
        return _refused("this node is simulated: it knows one filter, and writes to standard output")
    if given.get("-Z", node.plan.user) != node.plan.user:
        return _refused(f"Couldn't find user '{given['-Z']}'")
    return Opened(name, int(given["-s"]) if given.get("-s", "").isdecimal() else pcap.SNAPLEN)


def _closed(node: SimNode, name: str, *, rooted: bool) -> str | None:
    """Why libpcap does not open an interface: rights come first, as it begins with the socket."""
    if not rooted:
        return "You don't have permission to perform this capture on that device\n(socket: Operation not permitted)"
    link = node.kernel.links.get(name)
    if link is None:
        return "No such device exists\n(No such device exists)"
    return None if link.up else "That device is not up"


def _refused(why: str) -> Reply:
    return Reply(stderr=f"tcpdump: {why}\n", status=1)


class Tcpdump:
    """A running one. `write` takes its standard output."""

    def __init__(self, node: SimNode, opened: Opened, write: Callable[[bytes], None]) -> None:
        self._node, self._snaplen, self._write = node, opened.snaplen, write
        self._ring: deque[bytes] = deque()
        self._waiting = 0
        self._held = False
        self._captured = self._dropped = 0
        head = pcap.header()
        write(head[:16] + struct.pack("<I", opened.snaplen) + head[20:])
        self._untap = node.kernel.tap(opened.interface, self._heard)

    def hold(self, *, held: bool) -> None:
        """Keep back what is captured, or no longer."""
        self._held = held
        while self._ring and not self._held:  # a write may fill the channel again
            record = self._ring.popleft()
            self._waiting -= len(record)
            self._put(record)

    def _heard(self, frame: bytes) -> None:
        record = pcap.record(self._node.wall(), frame[: self._snaplen], len(frame))
        if not self._held:
            self._put(record)
        elif self._waiting + len(record) > RING:
            self._dropped += 1
        else:
            self._ring.append(record)
            self._waiting += len(record)

    def _put(self, record: bytes) -> None:
        self._captured += 1
        self._write(record)

    @property
    def counts(self) -> tuple[str, str, str]:
        """Its three numbers, in its words."""
        received = self._captured + len(self._ring) + self._dropped
        return (
            f"{_packets(self._captured)} captured",
            f"{_packets(received)} received by filter",
            f"{_packets(self._dropped)} dropped by kernel",
        )

    def end(self) -> None:
        """It listens no more. Safe at any time."""
        self._untap()
        self._ring.clear()
        self._waiting = 0


def _packets(number: int) -> str:
    return f"{number} packet{'' if number == 1 else 's'}"
