"""Packets heard -> bytes for standard output; and a way out that never holds up the listening."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import select
import threading
from collections.abc import Callable, Sequence
from typing import Final

from haconsole.model.capture import Heard, Unread
from haconsole.model.record import dataclass
from haconsole.report.adverts import packet_document, packet_line, unread_document, unread_line
from haconsole.wire import pcap

CHUNKS: Final = 8
"""Pieces of output that may wait; then the source waits, and loses packets with a count."""


@dataclass(frozen=True, slots=True)
class Enough:
    """What to print, and when it is enough. None: no limit."""

    form: str
    count: int | None
    seconds: float | None


class Printer:
    """Makes text, JSON lines or a pcap file of what is heard; stops at `count` packets."""

    def __init__(self, form: str, count: int | None, places: Sequence[str] = ()) -> None:
        """`places`: who may have heard; empty: nobody is named."""
        self._form, self._count = form, count
        self._width = max(map(len, places), default=0)
        self._link_type: int | None = None
        self.shown = 0
        self.misfits = 0
        """Packets of another link type than the pcap file was begun with."""

    @property
    def full(self) -> bool:
        """`count` packets were printed."""
        return self._count is not None and self.shown >= self._count

    @property
    def wants_more(self) -> bool:
        """`count` was given and is not reached."""
        return self._count is not None and self.shown < self._count

    def lines(self, heard: Sequence[Heard]) -> bytes:
        """What to write for these packets; empty: nothing."""
        parts: list[bytes] = []
        for packet in heard:
            if self.full:
                break
            part = self._pcap(packet) if self._form == "pcap" else self._line(packet)
            if part:
                parts.append(part)
                self.shown += 1
        return b"".join(parts)

    def unread(self, found: Sequence[Unread]) -> bytes:
        """What to write for packets that cannot be read; in a pcap they are not."""
        parts: list[bytes] = []
        for one in found:
            if self.full or self._form == "pcap":
                break
            self.shown += 1
            if self._form == "text":
                name = None if one.place is None else one.place.ljust(self._width)
                line = unread_line(one.at, one.envelope, one.why, heard_by=name)
            else:
                document = unread_document(one.at, one.envelope, one.problem, one.place)
                line = json.dumps(document, ensure_ascii=False, allow_nan=False)
            parts.append(line.encode() + b"\n")
        return b"".join(parts)

    def last(self) -> bytes:
        """What to write at the end: a pcap file without packets is one too."""
        empty = self._form == "pcap" and self._link_type is None
        return pcap.header() if empty else b""

    def _line(self, heard: Heard) -> bytes:
        if self._form == "text":
            name = None if heard.place is None else heard.place.ljust(self._width)
            return packet_line(heard.at, heard.packet, heard_by=name).encode() + b"\n"
        document = packet_document(heard.at, heard.packet, heard.place)
        if document is None:
            return b""
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    def _pcap(self, heard: Heard) -> bytes:
        head = b""
        if self._link_type is None:
            self._link_type = heard.link_type
            head = pcap.header(heard.link_type)
        if heard.link_type != self._link_type:
            self.misfits += 1
            return b""
        return head + pcap.record(heard.at, heard.frame, heard.length)


class Outlet:
    """Writes in a thread of its own: a reader that stands still must not stop the beats to the nodes.

    Past Python's own buffers, so that the process can end while a write still hangs.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(CHUNKS)
        self._done = asyncio.Event()
        self.broken = asyncio.Event()
        """Nothing more can be written; `error` says why."""
        self.error: OSError | None = None
        threading.Thread(target=self._work, name="stdout", daemon=True).start()

    async def put(self, data: bytes) -> None:
        """Hand over `data`; waits while too much is waiting."""
        await self._room.acquire()
        self._queue.put(data)

    async def finish(self, seconds: float) -> None:
        """Wait until everything is written, at most so long."""
        self._queue.put(None)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._done.wait(), seconds)

    def _work(self) -> None:
        while (data := self._queue.get()) is not None:
            if self.error is None:
                try:
                    _write(self._descriptor, data)
                except OSError as error:
                    self.error = error
                    self._say(self.broken.set)
            self._say(self._room.release)
        self._say(self._done.set)

    def _say(self, what: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(what)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # somebody made our standard output non-blocking
            select.select([], [descriptor], [])
