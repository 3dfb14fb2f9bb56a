"""What tests of drills share: how one is called, what is wrong with its record, what it must leave, a client of one's own."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.lab.commanding import ONE, Done, difference, standings
from tests.lab.harness import ORIGIN_URL, Lab, LabError, until

ARTICLES = ("lan-link-down", "public-link-down", "squid-stop")
AGREE_S = 0.06
"""This client and the drill's own measure the same."""
log = logging.getLogger("lab.drills")


@contextlib.contextmanager
def left_as_found(lab: Lab) -> Iterator[None]:
    """Read from the machine, not over the console's way: routes of both families, addresses, links, units of both
    nodes. Raises: LabError: something is gone or new; on its way back it may be for a while."""
    before = standings(lab)
    assert all(any(x.startswith("route4 default") for x in lines) for lines in before.values()), before
    yield
    now = before
    with contextlib.suppress(LabError):
        until(lambda: not difference(before, standings(lab)), 60, "as before")
    now = standings(lab)
    assert not difference(before, now), difference(before, now)


def words(*names: str, node: str = ONE, hold: str = "3s", more: tuple[str, ...] = ()) -> list[str]:
    return ["drill", "run", *names, "--node", node, "--confirm", node, "--hold", hold, "-o", "json", *more]


def documents(done: Done) -> list[dict[str, Any]]:
    assert "Unknown child process" not in done.err, done.err
    return [dict(json.loads(line)) for line in done.out.splitlines()]


def wrong(document: dict[str, Any], *, times: bool) -> list[str]:
    """Claims that are not true; times False: but those on how long it took, on a machine that does other things too."""
    return [
        f"{c['text']}: {c['evidence']}"
        for claims in document["hypothesis"].values()
        for c in claims
        if c["ok"] is not True and (times or not any(w in c["text"] for w in ("within", " lose ", "while it is held")))
    ]


CLIENT = """
import http.client, json, sys, threading, time
vip, url = sys.argv[1:3]
found, over = [], threading.Event()
def one(began):
    ok = False
    connection = http.client.HTTPConnection(vip, 3128, timeout=0.5)
    try:
        connection.request("GET", url, headers={"Connection": "close"})
        ok = 200 <= connection.getresponse().status < 300 and time.monotonic() - began < 0.5
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    found.append((began, time.monotonic(), ok))
def loop():
    due = time.monotonic()
    while not over.is_set():
        threading.Thread(target=one, args=(time.monotonic(),), daemon=True).start()
        due = max(due + 0.02, time.monotonic() - 0.02)
        over.wait(max(0.0, due - time.monotonic()))
thread = threading.Thread(target=loop)
thread.start()
sys.stdin.read()
over.set()
thread.join()
time.sleep(0.7)
outages, good, out = [], None, None
for began, ended, ok in sorted(found):
    if ok and out is not None and began > out[1]:
        outages.append(min(e for b, e, k in found if k and b > out[1]) - out[0]); out = None
    if ok:
        good = began
    elif good is not None:
        out = (good if out is None else out[0], began)
print(json.dumps(sorted(outages, reverse=True)))
"""


@contextlib.contextmanager
def independent(lab: Lab, vip: str) -> Iterator[list[float]]:
    """A client of its own: the outages that it saw, the longest first, once the block is left."""
    process = lab.operator_popen(
        [sys.executable, "-c", CLIENT, vip, ORIGIN_URL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    found: list[float] = []
    try:
        yield found
        out, _ = process.communicate("", 20)
        found.extend(json.loads(out))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
