"""A simulated squid 5.7: its process, its port, its answers. Pure but for the queue it is given.

squid closes its port at once when told to stop, while its process (and so `squid -k check`) lives
on for shutdown_lifetime and a little (squid 5.7, measured).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from ipaddress import ip_address

import h11

from haconsole.catalogue import squid_conf
from haconsole.demo import squid_pages
from haconsole.demo.sim import Due, Sim
from haconsole.demo.traffic import Traffic

STARTING_S = 0.3
"""From the start until it listens."""
LINGER_S = 1.7
"""How much longer than shutdown_lifetime it lives (5.7, seen)."""


class Squid:
    """One squid. `say(text)` logs a line; `changed()` is called when it begins or ceases to serve."""

    class Phase(Enum):
        """Of the process."""

        STOPPED = "stopped"
        STARTING = "starting"
        RUNNING = "running"
        STOPPING = "stopping"

    def __init__(
        self,
        sim: Sim,
        *,
        wall: Callable[[], float],
        host: str,
        shutdown_s: float,
        address: str,
        port: int,
        say: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self._sim, self._wall, self._host, self._shutdown_s = sim, wall, host, shutdown_s
        self._say, self._changed = say, changed
        self._due: Due | None = None
        self.address, self.port = address, port
        """Where it listens, as it writes it: `0.0.0.0` or `[::]`."""
        self.phase = Squid.Phase.STOPPED
        self.hung = False
        self.clients = 0
        self.on_stopped: Callable[[], None] = lambda: None
        self.traffic = Traffic(wall())

    @property
    def process(self) -> bool:
        """There is a process: what `squid -k check` looks for."""
        return self.phase is not Squid.Phase.STOPPED

    @property
    def listening(self) -> bool:
        """Its port is open."""
        return self.phase is Squid.Phase.RUNNING

    def conf(self) -> str:
        """The lines of its squid.conf that `catalogue.squid_conf` tells, as the node's shell prints them."""
        args = "args /usr/sbin/squid --foreground -sYC\n" if self.process else ""
        return f"{args}file {squid_conf.FILE}\nline shutdown_lifetime {self._shutdown_s:g} seconds\n"

    def start(self) -> None:
        """The process starts, and listens a moment later."""
        self.phase, self.hung = Squid.Phase.STARTING, False
        self.traffic = Traffic(self._wall())
        self._say("Squid Parent: will start 1 kids")
        self._say("Squid Parent: (squid-1) process 812 started")
        self._then(STARTING_S, self._listen)

    def _listen(self) -> None:
        self.phase = Squid.Phase.RUNNING
        self._say(
            f"Accepting HTTP Socket connections at conn3 local={self.address}:{self.port} remote=[::] FD 11 flags=9"
        )
        self._changed()

    def stop(self) -> None:
        """Told to end: the port closes at once, the process goes later."""
        self._say(f"Preparing for shutdown after {int(self.traffic.total(self._wall()))} requests")
        self._say(f"Waiting {self._shutdown_s:.0f} seconds for active connections to finish")
        self._say(f"Closing HTTP(S) port {self.address}:{self.port}")
        self.phase = Squid.Phase.STOPPING
        self._changed()
        self._then(self._shutdown_s + LINGER_S, self._gone)

    def _gone(self) -> None:
        self._say("Squid Cache (Version 5.7): Exiting normally.")
        self.phase = Squid.Phase.STOPPED
        self.on_stopped()

    def kill(self) -> None:
        """Gone without a word (power)."""
        self.phase = Squid.Phase.STOPPED
        self._then(0.0, lambda: None)
        self._changed()

    def _then(self, delay_s: float, action: Callable[[], None]) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = self._sim.later(delay_s, action)

    def carry(self, rate: float, clients: int) -> None:
        """From now on so many requests a second come from so many clients."""
        self.clients = clients
        self.traffic.set_rate(self._wall(), rate if self.listening else 0.0)

    def check(self) -> tuple[int, str]:
        """`squid -k check`: (exit status, stderr)."""
        if self.process:
            return 0, ""
        stamp = datetime.fromtimestamp(self._wall(), UTC).strftime("%Y/%m/%d %H:%M:%S")
        return 1, (
            f"{stamp}| FATAL: failed to open /run/squid.pid: (2) No such file or directory\n"
            "    exception location: File.cc(190) open\n"
        )

    def answer(self, data: bytes, *, via: str, origin: bool) -> bytes | None:
        """The answer to a whole request, None as long as it is not whole.

        via: the address that the client connected to. origin: can the node reach the internet.
        """
        server = h11.Connection(h11.SERVER)
        server.receive_data(data)
        try:
            request = server.next_event()
        except h11.RemoteProtocolError:
            return self._respond("400 Bad Request", error="ERR_INVALID_REQ 0")
        if not isinstance(request, h11.Request):
            return None
        self.traffic.count(self._wall())
        target = request.target.decode("ascii", "replace")
        if target.startswith("/squid-internal-mgr/"):
            return self._manager(target.rpartition("/")[2], via, chunked=request.http_version == b"1.1")
        if not target.startswith("http://"):
            return self._respond("400 Bad Request", error="ERR_INVALID_URL 0")
        if not origin:
            return self._respond("503 Service Unavailable", error="ERR_CONNECT_FAIL 101")
        return self._respond("200 OK", "<html><body>origin</body></html>\n")

    def _manager(self, page: str, via: str, *, chunked: bool) -> bytes:
        if not ip_address(via).is_loopback:  # http_access allow localhost manager
            return self._respond("403 Forbidden", error="ERR_ACCESS_DENIED 0")
        make = squid_pages.PAGES.get(page)
        if make is None:
            return self._respond("404 Not Found", error="ERR_INVALID_URL 0")
        now = self._wall()
        figures = squid_pages.Figures(
            now=now,
            start=self.traffic.start,
            total=self.traffic.total(now),
            average=self.traffic.average(now),
            clients=self.clients,
        )
        return squid_pages.response("200 OK", make(figures), now, self._host, chunked=chunked)

    def _respond(self, status: str, body: str = "", error: str = "") -> bytes:
        text = body or f"<html><head><title>ERROR: {status}</title></head><body>{error}</body></html>\n"
        return squid_pages.response(status, text, self._wall(), self._host, error=error)
