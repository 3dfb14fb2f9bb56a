"""A client of its own, to compare haconsole's measurements with: a thread a request, http.client, one VIP.

A program: `independent_client.py PROXY PORT URL`; measures until its standard input ends, then prints its outages by
the contract's words, a JSON list of [began, ended, failed] in seconds of CLOCK_MONOTONIC. Nothing of haconsole is used.
"""

import http.client
import json
import sys
import threading
import time

CADENCE_S = 0.020
FAILED_AFTER_S = 0.5


def ask(proxy: str, port: int, url: str, results: list[tuple[float, float, bool]]) -> None:
    """One request; (started, ended, answered with 2xx in time)."""
    started, status = time.monotonic(), 0
    connection = http.client.HTTPConnection(proxy, port, timeout=FAILED_AFTER_S)
    try:
        connection.request("GET", url, headers={"Connection": "close", "Cache-Control": "no-cache"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        pass
    ended = time.monotonic()
    connection.close()
    results.append((started, ended, 200 <= status < 300 and ended - started <= FAILED_AFTER_S))


def outages(results: list[tuple[float, float, bool]]) -> list[tuple[float | None, float | None, int]]:
    """Runs of failures in the order of their beginnings; good ones in between that ended late part nothing."""
    results = sorted(results)
    found: list[tuple[float | None, float | None, int]] = []
    for index, (started, _, ok) in enumerate(results):
        if ok:
            continue
        before = [s for s, _, good in results[:index] if good]
        after = [e for _, e, good in results[index + 1 :] if good]
        began, ended = max(before, default=None), min(after, default=None)
        last = found[-1] if found else None
        if last is not None and (last[1] is None or last[1] > started):
            found[-1] = (last[0], ended, last[2] + 1)
        else:
            found.append((began, ended, 1))
    return found


def main() -> None:
    """Measure until nobody listens."""
    proxy, port, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    results: list[tuple[float, float, bool]] = []
    threads: list[threading.Thread] = []
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    due = time.monotonic()
    while not over.is_set():
        threads = [t for t in threads if t.is_alive()]
        threads.append(threading.Thread(target=ask, args=(proxy, port, url, results)))
        threads[-1].start()
        due = max(due + CADENCE_S, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
    for thread in threads:
        thread.join()
    print(json.dumps({"requests": len(results), "outages": outages(results)}), flush=True)


if __name__ == "__main__":
    main()
