"""An interface of this machine, listened to through a packet socket (Linux).

The socket is opened first and is all that needs a right; `give_up_rights` takes away every other one
before the first packet is looked at. No promiscuous mode. A kernel filter lets through what concerns
us. Sources: packet(7), socket(7), capabilities(7), linux/if_packet.h.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import shlex
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from haconsole.catalogue.capture import SNAPLEN, by_hand, interface_name
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.wire.pcap import Record

PROGRAM: Final = (
    (40, 0, 0, 12), (21, 0, 5, 2048), (48, 0, 0, 23), (21, 33, 0, 112), (21, 0, 33, 51), (32, 0, 0, 30),
    (21, 30, 31, 3758096402), (21, 0, 8, 34525), (48, 0, 0, 20), (21, 27, 0, 112), (21, 0, 2, 44), (48, 0, 0, 54),
    (21, 24, 0, 112), (21, 0, 24, 58), (48, 0, 0, 54), (21, 21, 22, 136), (21, 20, 0, 2054), (21, 2, 0, 33024),
    (21, 1, 0, 34984), (21, 0, 18, 37120), (40, 0, 0, 16), (21, 0, 5, 2048), (48, 0, 0, 27), (21, 13, 0, 112),
    (21, 0, 13, 51), (32, 0, 0, 34), (21, 10, 11, 3758096402), (21, 0, 8, 34525), (48, 0, 0, 24), (21, 7, 0, 112),
    (21, 0, 2, 44), (48, 0, 0, 58), (21, 4, 0, 112), (21, 0, 4, 58), (48, 0, 0, 58), (21, 1, 2, 136),
    (21, 0, 1, 2054), (6, 0, 0, 262144), (6, 0, 0, 0),
)  # fmt: skip
"""`tcpdump -y EN10MB -ddd` of `catalogue.capture.FILTER`; a test compares them."""

_SO_ATTACH_FILTER: Final = 26
_SO_TIMESTAMPNS: Final = 35
_SOL_PACKET: Final = 263
_ADD_MEMBERSHIP, _STATISTICS, _AUXDATA = 1, 6, 8
_MULTICAST: Final = 0
_OUTGOING: Final = 4
_VLAN_VALID, _VLAN_TPID_VALID = 0x10, 0x40
_EVERY_PROTOCOL: Final = 3
_ETHERNETS: Final = {"1": "Ethernet", "772": "loopback"}
"""ARPHRD_ETHER, ARPHRD_LOOPBACK: frames with an Ethernet header."""
_GROUPS: Final = (bytes.fromhex("01005e000012"), bytes.fromhex("333300000012"))
"""Where 224.0.0.18 and ff02::12 go: a network card drops them unless somebody wants them."""
_AT_ONCE: Final = 256
_INTERFACES: Final = Path("/sys/class/net")


class LocalCapture:
    """Implements `io.ports.Frames`. Made by `open_interface`."""

    def __init__(self, interface: str, opened: socket.socket) -> None:
        self._interface, self._socket = interface, opened
        self._loopback = _kind(interface) == "772"
        self._ready: asyncio.Event | None = None
        self._lost = 0

    async def read(self) -> list[Record]:
        """See `io.ports.Frames.read`."""
        if self._ready is None:
            self._ready = asyncio.Event()
            asyncio.get_running_loop().add_reader(self._socket, self._ready.set)
        while True:
            await self._ready.wait()
            self._ready.clear()
            try:
                if found := self._fetch():
                    return found
            except OSError as error:
                raise self._gone(error) from error

    def lost(self) -> int:
        """See `io.ports.Frames.lost`. The kernel forgets its count when asked: it is added up here."""
        with contextlib.suppress(OSError):
            _, dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))
            self._lost += dropped
        return self._lost

    def close(self) -> None:
        """See `io.ports.Frames.close`."""
        if self._ready is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._ready = None
        self._socket.close()

    def _fetch(self) -> list[Record]:
        found: list[Record] = []
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, flags, sender = self._socket.recvmsg(SNAPLEN, 256, socket.MSG_TRUNC)
            except BlockingIOError:
                return found
            if self._loopback and sender[2] == _OUTGOING:
                continue  # there everything comes twice
            found.append(_record(data, ancillary, cut=bool(flags & socket.MSG_TRUNC)))
        if self._ready is not None:
            self._ready.set()  # there may be more
        return found

    def _gone(self, error: OSError) -> ProblemError:
        if (_INTERFACES / self._interface).exists():
            summary, remedy = f"{self._interface} is down", f"ip link set {self._interface} up"
        else:
            summary, remedy = f"{self._interface} is gone", None
        return ProblemError(
            Problem(kind=ProblemKind.LINK_LOST, summary=summary, remedy=remedy, detail=error.strerror or str(error))
        )


def open_interface(interface: str) -> LocalCapture:
    """Open the socket; packets wait in it until they are read.

    Raises: ProblemError: NOT_PERMITTED, TOOL_MISSING (this system has no packet sockets),
        COMMAND_FAILED (no such interface, or none with Ethernet frames); ValueError: no name at all.
    """
    interface_name(interface)
    if sys.platform != "linux":
        raise ProblemError(
            Problem(
                kind=ProblemKind.TOOL_MISSING,
                summary=f"interfaces are listened to on Linux only, not on {sys.platform}",
                remedy=f"sudo {shlex.join(by_hand(interface))} | haconsole adverts --read -",
            )
        )
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)  # deaf until it is bound
    except PermissionError as error:
        raise ProblemError(_not_permitted(interface, error)) from error
    except OSError as error:
        raise ProblemError(_cannot(interface, error)) from error
    try:
        _set_up(opened, interface)
    except OSError as error:
        opened.close()
        raise ProblemError(_cannot(interface, error)) from error
    return LocalCapture(interface, opened)


def _set_up(opened: socket.socket, interface: str) -> None:
    if (kind := _kind(interface)) not in _ETHERNETS:
        code = errno.ENODEV if kind is None else errno.EPFNOSUPPORT
        raise OSError(code, os.strerror(code))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in PROGRAM))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(PROGRAM), ctypes.addressof(program)))
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    opened.setsockopt(_SOL_PACKET, _AUXDATA, 1)
    with contextlib.suppress(OSError):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    opened.bind((interface, _EVERY_PROTOCOL))
    index = socket.if_nametoindex(interface)
    for group in _GROUPS:
        with contextlib.suppress(OSError):
            opened.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, struct.pack("iHH8s", index, _MULTICAST, 6, group))


def _record(data: bytes, ancillary: list[tuple[int, int, bytes]], *, cut: bool) -> Record:
    at, tag, length = 0.0, b"", len(data)
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanos = struct.unpack_from("ll", value)
            at = seconds + nanos / 1e9
        elif (level, kind) == (_SOL_PACKET, _AUXDATA):
            status, length, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
            if status & _VLAN_VALID or tci:
                # The kernel has taken the tag out of the frame; it belongs behind the addresses.
                tag = struct.pack("!HH", tpid if status & _VLAN_TPID_VALID else 0x8100, tci)
    if tag:
        data, length = data[:12] + tag + data[12:], length + len(tag)
    return Record(at, data, length if cut else len(data), 1)


def _kind(interface: str) -> str | None:
    """ARPHRD_* of the interface as text; None: there is none of that name."""
    try:
        return (_INTERFACES / interface / "type").read_text("ascii").strip()
    except OSError:
        return None


def _not_permitted(interface: str, error: OSError) -> Problem:
    python = Path(sys.executable).resolve()
    return Problem(
        kind=ProblemKind.NOT_PERMITTED,
        summary=f"this user may not listen on {interface} (CAP_NET_RAW is missing)",
        remedy=f"sudo {shlex.join(by_hand(interface))} | haconsole adverts --read -\n"
        f"or: sudo haconsole adverts --interface {interface}   (all other rights are given up at once)\n"
        f"or, for good, for every Python program: sudo setcap cap_net_raw+ep {shlex.quote(str(python))}",
        detail=error.strerror or str(error),
    )


def _cannot(interface: str, error: OSError) -> Problem:
    if error.errno == errno.ENODEV:
        there = ", ".join(sorted(p.name for p in _INTERFACES.iterdir())) if _INTERFACES.is_dir() else "unknown"
        return Problem(
            kind=ProblemKind.COMMAND_FAILED,
            summary=f"there is no interface {interface} here",
            remedy=f"interfaces of this machine: {there}",
        )
    if error.errno == errno.EPFNOSUPPORT:
        return Problem(
            kind=ProblemKind.COMMAND_FAILED,
            summary=f"{interface} carries no Ethernet frames",
            remedy=f"sudo {shlex.join(by_hand(interface))} | haconsole adverts --read -",
        )
    text = error.strerror or str(error)
    return Problem(kind=ProblemKind.COMMAND_FAILED, summary=f"{interface} cannot be listened to: {text}", detail=text)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def give_up_rights(environ: Mapping[str, str] = os.environ) -> None:
    """From root under sudo back to the user who called it; then no capability at all.

    For the rest of the process: call it when the socket is open. Raises: OSError.
    """
    uid, gid, user = (environ.get(name, "") for name in ("SUDO_UID", "SUDO_GID", "SUDO_USER"))
    if os.geteuid() == 0 and uid.isdigit() and gid.isdigit() and user:
        os.initgroups(user, int(gid))
        os.setgid(int(gid))
        os.setuid(int(uid))
    libc: Any = ctypes.CDLL(None, use_errno=True)
    header, nothing = _Header(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.capset(ctypes.byref(header), ctypes.byref(nothing)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
