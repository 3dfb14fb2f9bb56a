"""Pages of squid 5.7's cache manager: `counters`, `info`, `5min`, and an error page."""

from __future__ import annotations

from email.utils import formatdate

from haconsole.model.record import dataclass

HIT_RATIO = 0.23
_KB_IN, _KB_OUT = 0.9, 24.0
"""Kilobytes of a request and of its answer, in the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the pages tell. Times: node's clock, seconds since the epoch."""

    now: float
    start: float
    total: float
    average: float
    """Requests a second, five minutes."""
    clients: int

    @property
    def uptime_s(self) -> float:
        return self.now - self.start


def _date(at: float) -> str:
    return formatdate(at, usegmt=True)


_PROTOCOLS = ("requests", "errors", "kbytes_in", "kbytes_out")
_ICP = (
    "pkts_sent", "pkts_recv", "queries_sent", "replies_sent", "queries_recv", "replies_recv", "query_timeouts",
    "replies_queued", "kbytes_sent", "kbytes_recv", "q_kbytes_sent", "r_kbytes_sent", "q_kbytes_recv", "r_kbytes_recv",
)  # fmt: skip
_DIGEST = ("times_used", "msgs_sent", "msgs_recv", "memory", "local_memory", "kbytes_sent", "kbytes_recv")


def _http(requests: float) -> dict[str, float]:
    """Client and server side of so many requests."""
    misses = requests * (1 - HIT_RATIO)
    server = {"requests": misses, "errors": 0.0, "kbytes_in": misses * _KB_OUT, "kbytes_out": misses * _KB_IN}
    return {
        "client_http.requests": requests,
        "client_http.hits": requests * HIT_RATIO,
        "client_http.errors": requests * 0.001,
        "client_http.kbytes_in": requests * _KB_IN,
        "client_http.kbytes_out": requests * _KB_OUT,
        "client_http.hit_kbytes_out": requests * HIT_RATIO * _KB_OUT,
        **{f"server.all.{k}": v for k, v in server.items()},
        **{f"server.http.{k}": v for k, v in server.items()},
        **{f"server.{p}.{k}": 0.0 for p in ("ftp", "other") for k in _PROTOCOLS},
        **{f"icp.{k}": 0.0 for k in _ICP},
    }


def counters(f: Figures) -> str:
    """`mgr:counters`: totals since squid's start."""
    values = {**_http(f.total), "icp.times_used": 0.0, **{f"cd.{k}": 0.0 for k in _DIGEST}}
    values |= {"unlink.requests": 0.0, "page_faults": 3.0, "select_loops": f.total * 9}
    lines = [f"sample_time = {f.now:.6f} ({_date(f.now)})"]
    lines += [f"{name} = {int(value)}" for name, value in values.items()]
    lines += [f"cpu_time = {f.total * 0.0004 + 0.03:.6f}", f"wall_time = {f.uptime_s:.6f}"]
    lines += [f"{name} = 0" for name in ("swap.outs", "swap.ins", "swap.files_cleaned", "aborted_requests")]
    return "\n".join(lines) + "\n"


def five_minutes(f: Figures) -> str:
    """`mgr:5min`: rates over the last five minutes."""
    begin = f.now - min(300.0, f.uptime_s)
    lines = [f"sample_start_time = {begin:.6f} ({_date(begin)})", f"sample_end_time = {f.now:.6f} ({_date(f.now)})"]
    rates = [f"{name} = {value:.6f}/sec" for name, value in _http(f.average).items()]
    kinds = (("all", 0.0127), ("miss", 0.0163), ("nm", 0.0), ("nh", 0.0), ("hit", 0.0009))
    medians = [f"client_http.{k}_median_svc_time = {v:.6f} seconds" for k, v in kinds]
    lines += [*rates[:6], *medians, *rates[6:], "dns.median_svc_time = 0.004800 seconds"]
    lines += ["unlink.requests = 0.000000/sec", "page_faults = 0.000000/sec"]
    lines += [f"cpu_time = {f.average * 0.12:.6f} seconds", f"wall_time = {f.now - begin:.6f} seconds"]
    return "\n".join([*lines, f"cpu_usage = {f.average * 0.04:.6f}%"]) + "\n"


def info(f: Figures) -> str:
    """`mgr:info`: the overview. Clients are addresses seen, so a few more than now."""
    hits = f"{100 * HIT_RATIO:.1f}%"
    return (
        "Squid Object Cache: Version 5.7\nBuild Info: Debian linux\nService Name: squid\n"
        f"Start Time:\t{_date(f.start)}\nCurrent Time:\t{_date(f.now)}\n"
        "Connection information for squid:\n"
        f"\tNumber of clients accessing cache:\t{f.clients}\n"
        f"\tNumber of HTTP requests received:\t{int(f.total)}\n"
        "\tNumber of ICP messages received:\t0\n\tNumber of ICP messages sent:\t0\n"
        "\tNumber of queued ICP replies:\t0\n\tNumber of HTCP messages received:\t0\n"
        "\tNumber of HTCP messages sent:\t0\n\tRequest failure ratio:\t 0.00\n"
        f"\tAverage HTTP requests per minute since start:\t{60 * f.total / max(f.uptime_s, 1.0):.1f}\n"
        "\tAverage ICP messages per minute since start:\t0.0\n"
        f"\tSelect loop called: {int(f.total * 9)} times, 2.431 ms avg\n"
        "Cache information for squid:\n"
        f"\tHits as % of all requests:\t5min: {hits}, 60min: {hits}\n"
        "\tHits as % of bytes sent:\t5min: 11.4%, 60min: 11.9%\n"
        "\tMemory hits as % of hit requests:\t5min: 61.0%, 60min: 58.2%\n"
        "\tDisk hits as % of hit requests:\t5min: 0.0%, 60min: 0.0%\n"
        "\tStorage Swap size:\t0 KB\n\tStorage Swap capacity:\t 0.0% used,  0.0% free\n"
        "\tStorage Mem size:\t201344 KB\n\tStorage Mem capacity:\t76.8% used, 23.2% free\n"
        "Median Service Times (seconds)  5 min    60 min:\n"
        "\tHTTP Requests (All):   0.01270  0.01309\n\tCache Misses:          0.01628  0.01648\n"
        "\tCache Hits:            0.00091  0.00091\n\tDNS Lookups:           0.00480  0.00464\n"
        "Resource usage for squid:\n"
        f"\tUP Time:\t{f.uptime_s:.3f} seconds\n\tCPU Time:\t{f.total * 0.0004 + 0.03:.3f} seconds\n"
        f"\tCPU Usage:\t{f.average * 0.04:.2f}%\n\tMaximum Resident Size: 309200 KB\n"
        "File descriptor usage for squid:\n\tMaximum number of file descriptors:   65536\n"
        f"\tNumber of file desc currently in use:   {9 + f.clients}\n"
    )


PAGES = {"counters": counters, "info": info, "5min": five_minutes}


def response(status: str, body: str, now: float, host: str, *, chunked: bool = False, error: str = "") -> bytes:
    """A whole HTTP/1.1 answer that ends its connection. `error`: squid's name for what went wrong."""
    data = body.encode()
    kind = "text/html" if error or (status.startswith("2") and body.startswith("<")) else "text/plain"
    head = [
        f"HTTP/1.1 {status}",
        "Server: squid/5.7",
        "Mime-Version: 1.0",
        f"Date: {_date(now)}",
        f"Content-Type: {kind};charset=utf-8",
        *([f"X-Squid-Error: {error}"] if error else []),
        f"X-Cache: MISS from {host}",
        f"X-Cache-Lookup: MISS from {host}:3128",
        "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(data)}",
        f"Via: 1.1 {host} (squid/5.7)",
        "Connection: close",
    ]
    if chunked:
        data = b"%X\r\n%b\r\n0\r\n\r\n" % (len(data), data)
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data
