"""The web origin behind the proxies: a program of its own, run inside the lab's web namespace (standard library only).

`/` answers 200 at once, `/status/NNN` answers that status, `/slow/MS` answers 200 after so many milliseconds,
`/bytes/N` answers N bytes.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Origin(BaseHTTPRequestHandler):
    """One request to the origin."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answer as the path says."""
        status, body = 200, b"haconsole lab origin\n"
        word, _, number = self.path.strip("/").partition("/")
        if number.isdigit():
            if word == "status":
                status = int(number)
            elif word == "slow":
                time.sleep(int(number) / 1000)
            elif word == "bytes":
                body = b"x" * int(number)
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, *_args: object) -> None:
        """Say nothing: the harness reads no log of the origin."""


class Server(ThreadingHTTPServer):
    """Many clients at once, none of which outlives the server."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Origin).serve_forever()
