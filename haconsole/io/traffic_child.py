"""The measuring process: begins a request through every VIP at a fixed cadence and says how each one ended.

A program of its own, run by its path (`python -I -S traffic_child.py`) with the standard library alone: the
console's event loop and garbage collector must not bend what it measures. POSIX sockets and one selector; about
0.3 ms of CPU a request. Times are CLOCK_MONOTONIC, which all processes of a machine share.

Standard input: one line of JSON (`Order`), then `b` (the console lives) or `s` (begin no more, and end). Its end
is the console's end, however that came about: this process is gone at once. So is it after BEAT_S without a word.

Standard output, a line each, times in microseconds:
- `v TIME`: it begins
- `r LANE STARTED ENDED OK STATUS ERROR...`: a request ended; OK 1 or 0, STATUS 0 where none came
- `k TIME CPU` and for each lane BEGUN OK FAILED UNJUDGED HELD LATE MISSED: every half second, and at the end
- `e TIME`: it ended as asked; all that was begun up to TIME has been told
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import re
import selectors
import signal
import socket
import struct
import sys
from collections import deque
from time import monotonic, process_time  # noqa: TID251 - its own CPU time is data
from typing import Final, TypedDict

LATE_S: Final = 0.005
STOOD_S: Final = 0.1
"""A request that timed out while this process stood still for so long says nothing about the VIP."""
BEAT_S: Final = 10.0
FLUSH_S: Final = 0.1
"""Lines are held back this long: the console is woken ten times a second, not a hundred."""
TALLY_S: Final = 0.5
UNREAD_LIMIT: Final = 4 * 1024 * 1024
HEAD_LIMIT: Final = 16 * 1024
BODY_LIMIT: Final = 64 * 1024
"""The answer is read to its end, as a client does (the proxy logs no abort), but not for ever."""
_IN, _OUT = 0, 1
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: close with RST. The proxy has closed already, or is given up: no TIME_WAIT piles up on either side."""
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[0-9] ([1-5][0-9]{2})(?: [^\r\n]*)?\r?\n")
_HEAD_END: Final = re.compile(rb"\n\r?\n")
_OURS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
"""This machine has no socket left: nothing is known of the VIP."""
_WORDS: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "closed without an answer",
    errno.EPIPE: "closed without an answer",
    errno.EHOSTUNREACH: "no route to the address",
    errno.ENETUNREACH: "no route to the address",
}


class Order(TypedDict):
    """What is to be done."""

    targets: list[tuple[str, int]]
    """Numeric host and port; a lane each."""
    request: str | None
    """Sent as it is; None: a connection is all that is asked for."""
    cadence_s: float
    failed_after_s: float
    most_open: int
    """Requests under way in one lane."""


def status_of(data: bytes) -> int | None:
    """The status of the final response whose head is whole in `data` (RFC 9112 4), None: more must come.

    Interim responses (1xx but 101) are passed over. Raises: ValueError: this is not HTTP/1.
    """
    while True:
        if not data.startswith(b"HTTP/1."[: len(data)]) or len(data) > HEAD_LIMIT:
            raise ValueError
        if b"\n" not in data:
            return None
        line = _STATUS_LINE.match(data)
        if line is None:
            raise ValueError
        end = _HEAD_END.search(data, line.end() - 1)
        if end is None:
            return None
        status = int(line[1])
        if status >= 200 or status == 101:
            return status
        data = data[end.end() :]


class _Lane:
    """One VIP's ticks. `under_way` in the order of their beginnings, the ended ones leave it late."""

    def __init__(self, number: int, host: str, port: int, due: float) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
        self.number, self.family, self.address, self.due = number, found[0], found[4], due
        self.under_way: deque[_Attempt] = deque()
        self.open = 0
        self.waiting = False
        self.begun = self.ok = self.failed = self.unjudged = self.held = self.late = self.missed = 0

    def counts(self) -> str:
        numbers = (self.begun, self.ok, self.failed, self.unjudged, self.held, self.late, self.missed)
        return " ".join(map(str, numbers))


class _Attempt:
    """One request. `told`: its outcome is out, only the rest of the answer is read."""

    __slots__ = ("closed", "data", "lane", "reading", "rest", "sock", "started", "stood", "told")

    def __init__(self, lane: _Lane, sock: socket.socket, started: float, stood: float, request: bytes) -> None:
        self.lane, self.sock, self.started, self.stood, self.rest = lane, sock, started, stood, request
        self.data = b""
        self.reading = self.told = self.closed = False


class Client:
    """The loop. `run` returns when it was asked to stop and all is told."""

    def __init__(self, order: Order) -> None:
        self._request = None if order["request"] is None else order["request"].encode("ascii")
        self._cadence, self._patience, self._most = order["cadence_s"], order["failed_after_s"], order["most_open"]
        now = monotonic()
        count = len(order["targets"])
        self._lanes = [
            _Lane(i, host, port, now + i * self._cadence / count) for i, (host, port) in enumerate(order["targets"])
        ]
        """The lanes' ticks are spread over the cadence: the load is even."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(_IN, selectors.EVENT_READ)
        os.set_blocking(_OUT, False)
        self._out = bytearray(b"v %d\n" % _us(now))
        self._flush_at, self._tally_at, self._beat_at = now, now + TALLY_S, now + BEAT_S
        self._stood = 0.0
        self._stopping = False
        self._stopped_at = now

    def run(self) -> None:
        """Measure until asked to stop."""
        while not (self._stopping and not any(lane.open for lane in self._lanes)):
            due = self._next()
            events = self._selector.select(max(0.0, due - monotonic()))
            overrun = monotonic() - due
            if overrun > LATE_S:
                self._stood += overrun
            for key, _ in events:
                if key.data is None:
                    self._listen()
                else:
                    self._go_on(key.data)
            for lane in self._lanes:
                self._expire(lane, monotonic())
                if not self._stopping:
                    self._tick(lane, monotonic())
            self._tell(monotonic())
        self._tally(monotonic())
        self._out += b"e %d\n" % _us(self._stopped_at)
        os.set_blocking(_OUT, True)
        while self._out:
            self._write()

    def _next(self) -> float:
        """When there is something to do at the latest."""
        due = self._flush_at
        for lane in self._lanes:
            if not self._stopping:
                due = min(due, lane.due + self._cadence if lane.waiting else lane.due)
            if lane.under_way:
                due = min(due, lane.under_way[0].started + self._patience)
        return due

    def _listen(self) -> None:
        words = os.read(_IN, 4096)
        if not words:
            os._exit(0)  # the console is gone: nobody is left to be told anything
        self._beat_at = monotonic() + BEAT_S
        if b"s" in words and not self._stopping:
            self._stopping, self._stopped_at = True, monotonic()

    # --- one request ----------------------------------------------------------------------------------

    def _tick(self, lane: _Lane, now: float) -> None:
        if now < lane.due:
            return
        behind = int((now - lane.due) / self._cadence)
        if behind:
            lane.held += lane.waiting
            lane.missed += behind - lane.waiting
            lane.due += behind * self._cadence
            lane.waiting = False
        if lane.open >= self._most:
            lane.waiting = True  # for the place that is free next, up to the next tick
            return
        lane.late += now - lane.due > LATE_S
        lane.waiting = False
        lane.due += self._cadence
        self._begin(lane)

    def _begin(self, lane: _Lane) -> None:
        started = monotonic()
        try:
            sock = socket.socket(lane.family, socket.SOCK_STREAM)
        except OSError:
            lane.held += 1
            return
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        error = sock.connect_ex(lane.address)
        if error in _OURS:
            sock.close()
            lane.held += 1
            return
        attempt = _Attempt(lane, sock, started, self._stood, self._request or b"")
        lane.begun += 1
        lane.open += 1
        lane.under_way.append(attempt)
        self._selector.register(sock, selectors.EVENT_WRITE, attempt)
        if error not in {0, errno.EINPROGRESS}:
            self._failed(attempt, _words(error))

    def _go_on(self, attempt: _Attempt) -> None:
        if attempt.closed:  # by an earlier event of the same round
            return
        try:
            if attempt.reading:
                self._receive(attempt)
            else:
                self._send(attempt)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(attempt, _words(error.errno or 0))

    def _send(self, attempt: _Attempt) -> None:
        error = attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._failed(attempt, _words(error))
        elif self._request is None:
            self._answered(attempt, 0, ok=True)
            self._close(attempt)
        else:
            attempt.rest = attempt.rest[attempt.sock.send(attempt.rest) :]
            if not attempt.rest:
                attempt.reading = True
                self._selector.modify(attempt.sock, selectors.EVENT_READ, attempt)

    def _receive(self, attempt: _Attempt) -> None:
        block = attempt.sock.recv(HEAD_LIMIT)
        attempt.data += block
        if not attempt.told:
            if not block:
                self._failed(attempt, f"closed {'in the middle of its' if attempt.data else 'without an'} answer")
                return
            try:
                status = status_of(attempt.data)
            except ValueError:
                self._failed(attempt, "the answer is not HTTP")
                return
            if status is not None:
                self._answered(attempt, status, ok=200 <= status < 300)
        if not block or len(attempt.data) > BODY_LIMIT:
            self._close(attempt)

    def _expire(self, lane: _Lane, now: float) -> None:
        while lane.under_way and (lane.under_way[0].closed or lane.under_way[0].started + self._patience <= now):
            attempt = lane.under_way.popleft()
            if attempt.closed:
                continue
            if not attempt.told:
                what = "connected, but no answer" if attempt.reading else "no connection"
                self._too_late(attempt, now, f"{what} within {self._patience:g} s")
            self._close(attempt)

    def _answered(self, attempt: _Attempt, status: int, *, ok: bool) -> None:
        now = monotonic()
        if ok and now - attempt.started > self._patience:
            self._too_late(attempt, now, f"no answer within {self._patience:g} s")
            return
        self._done(attempt, now, status, "" if ok else f"the proxy answered {status}")

    def _failed(self, attempt: _Attempt, words: str) -> None:
        if not attempt.told:
            self._done(attempt, monotonic(), 0, words)
        self._close(attempt)

    def _too_late(self, attempt: _Attempt, now: float, words: str) -> None:
        if self._stood - attempt.stood < STOOD_S:
            self._done(attempt, now, 0, words)
            return
        attempt.told = True
        attempt.lane.unjudged += 1

    def _done(self, attempt: _Attempt, now: float, status: int, error: str) -> None:
        lane, attempt.told = attempt.lane, True
        lane.failed += bool(error)
        lane.ok += not error
        line = f"r {lane.number} {_us(attempt.started)} {_us(now)} {int(not error)} {status} {error}\n"
        self._out += line.encode("ascii", "replace")

    def _close(self, attempt: _Attempt) -> None:
        if not attempt.closed:
            attempt.closed = True
            attempt.lane.open -= 1
            self._selector.unregister(attempt.sock)
            attempt.sock.close()

    # --- telling --------------------------------------------------------------------------------------

    def _tell(self, now: float) -> None:
        if now > self._beat_at:
            os._exit(0)
        if now >= self._tally_at:
            self._tally_at = now + TALLY_S
            self._tally(now)
        if now >= self._flush_at:
            self._flush_at = now + FLUSH_S
            with contextlib.suppress(BlockingIOError):
                self._write()
            if len(self._out) > UNREAD_LIMIT:
                os._exit(1)

    def _tally(self, now: float) -> None:
        counts = " ".join(lane.counts() for lane in self._lanes)
        self._out += f"k {_us(now)} {int(process_time() * 1e6)} {counts}\n".encode()

    def _write(self) -> None:
        if self._out:
            del self._out[: os.write(_OUT, self._out)]


def _us(seconds: float) -> int:
    return round(seconds * 1e6)


def _words(number: int) -> str:
    return _WORDS.get(number) or os.strerror(number)


def main() -> None:
    """Read the order, measure."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole terminal; the console decides
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(_IN, 1)
        if not byte:
            sys.exit(1)
        line += byte
    client = Client(json.loads(line))
    gc.collect()
    gc.freeze()
    gc.disable()  # nothing here makes cycles; a collection would be a late tick
    client.run()


if __name__ == "__main__":
    main()
