"""Capturing adverts on a node: its own tcpdump, what stands in its way, and the line that permits it.

tcpdump runs without promiscuous mode: nothing about the interface changes, and it shows what the
node's own daemon can hear. Under sudo it is told to give up root (`-Z`) as soon as the capture is
open: the login can then end it with a plain signal, and the right to be granted is one exact line.
Sources: tcpdump(8) 4.9 (CentOS 7) to 4.99, pcap-filter(7), sudoers(5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.catalogue import sudo_text
from haconsole.catalogue.command import CommandSpec, Names, Root, StreamSpec
from haconsole.model.events import Subject
from haconsole.model.readings import Rights
from haconsole.model.record import dataclass

_INTERFACE: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,14}")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,255}\$?")

_OURS: Final = (
    "ip proto 112 or ip6 proto 112 or arp or (icmp6 and ip6[40] == 136) or (ip proto 51 and ip dst 224.0.0.18)"
)
FILTER: Final = f"{_OURS} or (vlan and ({_OURS}))"
"""VRRP, ARP, neighbour advertisements, VRRP in an IPsec AH (v2 authentication type 2); with a VLAN
tag too: `vlan` shifts the offsets of everything behind it, so it stands last."""

SNAPLEN: Final = 4400
"""The longest advert: 255 IPv6 addresses (4088 octets) with all headers and tags, and a trailer."""

_OPTIONS: Final = (
    "-i", "{interface}", "-p", "-n", "-U", "--immediate-mode", "-B", "8192", "-s", str(SNAPLEN), "-w", "-", FILTER,
)  # fmt: skip
"""`-U --immediate-mode`: each packet at once, not when a buffer is full. `-B`: 8 MiB of the kernel's
memory while it runs; with the usual 2 a storm of 20,000 packets/s loses some (measured)."""


def interface_name(text: str) -> str:
    """Return `text`, the name of a network interface. Raises: ValueError: it cannot be one."""
    if not _INTERFACE.fullmatch(text) or text in {".", ".."}:
        raise ValueError(f"{text!r} is no interface name: 1 to 15 letters, digits, '.', '_' or '-', such as eth0")
    return text


def user_name(text: str) -> str:
    """Return `text`, the name of a login. Raises: ValueError: it cannot be one."""
    if not _USER.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a user")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureNames(Names):
    """What the placeholders below stand for. Raises: ValueError: names that cannot be such."""

    interface: str
    user: str = "root"

    def __post_init__(self) -> None:
        interface_name(self.interface)
        user_name(self.user)


CAPTURE = StreamSpec(
    id="capture.adverts",
    tag="P",
    argv=("tcpdump", *_OPTIONS),
    subject=Subject.KERNEL,
    root=Root.NO,
    doc="Adverts and gratuitous ARP as they pass the interface: as root, or where tcpdump has the capability itself.",
)
CAPTURE_BY_SUDO = StreamSpec(
    id="capture.adverts-by-sudo",
    tag="P",
    argv=("tcpdump", "-Z", "{user}", *_OPTIONS),
    subject=Subject.KERNEL,
    root=Root.NEEDED,
    doc="The same under sudo; tcpdump becomes the login again once the capture is open.",
)
CHECK = CommandSpec(
    id="capture.check",
    argv=(
        "sh",
        "-c",
        'command -v tcpdump || echo -; cat "/sys/class/net/$1/flags" 2>/dev/null || echo -; ls /sys/class/net',
        "sh",
        "{interface}",
    ),
    subject=Subject.KERNEL,
    limit=64 * 1024,
    doc="Why nothing can be captured: where tcpdump is, whether the interface is there and up, which others there are.",
)

STREAMS: Final[Mapping[str, StreamSpec]] = {s.id: s for s in (CAPTURE, CAPTURE_BY_SUDO)}
COMMANDS: Final[Mapping[str, CommandSpec]] = {CHECK.id: CHECK}


def stream_for(rights: Rights) -> StreamSpec:
    """The entry for a login with these rights; PLAIN works where tcpdump itself has the capability."""
    return CAPTURE_BY_SUDO if rights is Rights.SUDO else CAPTURE


def sudoers_line(names: CaptureNames) -> str:
    """The line of a sudoers file that permits this one capture, and nothing else, to `names.user`."""
    words = sudo_text.command(sudo_text.grouped(CAPTURE_BY_SUDO.filled(names)))
    return f"{sudo_text.login(names.user)} ALL=(root) NOPASSWD: {words}"


def by_hand(interface: str) -> Sequence[str]:
    """The argv of the same capture for an operator's own terminal, as root on this machine."""
    return CAPTURE.filled(CaptureNames(interface=interface))
