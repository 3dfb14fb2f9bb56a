"""The console on a pseudo-terminal: from a change or a key to bytes on the screen, and what it costs meanwhile."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Row, spread
from tests.bench.terminal import Terminal
from tests.lab.harness import Lab

CONSOLE = [sys.executable, "-m", "haconsole"]
HELP = b"Keys on this screen"
HEADING = b"preferred"
"""Never changes: drawn only when everything is."""
ADVERTS_HEADING = b"jitter"
"""The same on the adverts screen."""
VIP = b"192.168.2.101"


def first_frame(runs: int) -> Row:
    """From the start of the process to the first VIP on the screen, embedded cluster included."""
    times = []
    for _ in range(runs):
        with Terminal([*CONSOLE, "demo", "--scenario", "healthy"]) as terminal:
            times.append(terminal.until(VIP, 30.0) - terminal.started)
            terminal.drain(0.5)
    found = spread(times)
    return Row(
        name="demo: start → first frame with its VIPs", figure=found["median"], unit="s", bound=0.6,
        how=f"median of {runs} starts on a pty of 120×40", parts={"least": min(times), "most": max(times)},
    )  # fmt: skip


def fifty(seconds: float) -> Row:
    """CPU of the console's own process while it watches the 50 embedded clusters."""
    with Terminal([*CONSOLE, "demo", "--scenario", "fifty"]) as terminal:
        terminal.drain(30.0)
        share = _share(terminal, seconds)
    return Row(
        name="50 demo clusters: console process, of one core", figure=share, unit="%", bound=30.0,
        how=f"over {seconds:.0f} s, after 30 s",
    )  # fmt: skip


def idle(lab: Lab, seconds: float) -> Row:
    """CPU of the console on two lab nodes in which nothing happens."""
    with tempfile.TemporaryDirectory() as folder:
        config = lab.write_config(Path(folder) / "haconsole.toml", user="root")
        with Terminal(lab.operator_argv([*CONSOLE, "--config", str(config)])) as terminal:
            terminal.until(b"MASTER", 20.0)
            terminal.drain(10.0)
            share = _share(terminal, seconds)
    return Row(
        name="idle on two lab nodes, of one core", figure=share, unit="%", bound=3.0,
        how=f"over {seconds:.0f} s, after 10 s",
    )  # fmt: skip


def _share(terminal: Terminal, seconds: float) -> float:
    started, before = time.perf_counter(), terminal.cpu_s()
    terminal.drain(seconds)
    return (terminal.cpu_s() - before) / (time.perf_counter() - started) * 100


def kernel_change(lab: Lab, runs: int) -> Row:
    """From `ip addr add` on a node to the address on the screen: ip's own start included."""
    times = []
    node = next(iter(lab.nodes.values()))
    inside = ["ip", "netns", "exec", lab.network.namespace(node.plan.short), "sh"]
    with tempfile.TemporaryDirectory() as folder:
        config = lab.write_config(Path(folder) / "haconsole.toml", user="root")
        with (
            Terminal(lab.operator_argv([*CONSOLE, "--config", str(config)]), size=(160, 60)) as terminal,
            subprocess.Popen(inside, stdin=subprocess.PIPE, text=True) as shell,
        ):
            assert shell.stdin is not None
            terminal.until(b"MASTER", 20.0)
            terminal.drain(5.0)
            for number in range(runs):
                address = f"192.168.2.{130 + number}"
                terminal.send(b"")
                at = time.perf_counter()
                shell.stdin.write(f"ip address add {address}/32 dev eth0\n")
                shell.stdin.flush()
                times.append((terminal.until(address.encode(), 10.0) - at) * 1e3)
                shell.stdin.write(f"ip address del {address}/32 dev eth0\n")
                shell.stdin.flush()
                terminal.drain(0.7 + 0.037 * (number % 8))  # not in step with the screen's ticks
            shell.stdin.close()
    found = spread(times)
    return Row(
        name="kernel: ip addr add → on the screen", figure=found["median"], unit="ms", bound=100.0,
        how=f"median of {runs} on a lab node", parts={k: found[k] for k in ("p95", "most")},
    )  # fmt: skip


def keys_in_flood(runs: int) -> Row:
    """From a key to its effect on the screen while 200 events/s arrive; the same without them tells the machine's part."""
    flooded, quiet = _keys(runs, "flood"), _keys(runs // 2, "flood", "--quiet")
    return _row("key → screen, p99, at 200 events/s", flooded, quiet)


def keys_in_storm(runs: int) -> Row:
    """From a key to its effect on the adverts screen while a node hears 20,000 adverts/s."""
    stormy, quiet = _keys(runs, "storm"), _keys(runs // 2, "storm", "--quiet")
    return _row("key → adverts screen, p99, at 20,000 adverts/s", stormy, quiet)


@dataclass(frozen=True, slots=True)
class _Pressed:
    """Milliseconds by kind of key, and the console's peak of memory."""

    keys: dict[str, list[float]]
    peak_mib: float


def _row(name: str, flooded: _Pressed, quiet: _Pressed) -> Row:
    everything = [t for times in flooded.keys.values() for t in times]
    found = spread(everything)
    parts = {k: found[k] for k in ("median", "p95", "most")}
    parts |= {f"{kind} p99": spread(times)["p99"] for kind, times in flooded.keys.items()}
    parts["p99 without events"] = spread([t for times in quiet.keys.values() for t in times])["p99"]
    parts |= {"peak MiB": flooded.peak_mib, "peak MiB without events": quiet.peak_mib}
    return Row(
        name=name, figure=found["p99"], unit="ms", bound=50.0,
        how=f"p99 of {len(everything)} keys: help, back, typing", parts=parts,
    )  # fmt: skip


def _keys(runs: int, program: str, *words: str) -> _Pressed:
    """Milliseconds by kind: open the help, close it, type into the filter; in `storm` on the adverts screen."""
    heading = ADVERTS_HEADING if program == "storm" else HEADING
    by_kind: dict[str, list[float]] = {"help": [], "back": [], "typed": []}

    def press(kind: str, key: bytes, wanted: bytes) -> None:
        at = terminal.send(key)
        by_kind[kind].append((terminal.until(wanted, 10.0) - at) * 1e3)
        terminal.drain(0.05 + 0.013 * (len(by_kind[kind]) % 11))

    with Terminal([sys.executable, "-m", f"tests.bench.{program}", *words]) as terminal:
        terminal.until(b"MASTER", 20.0)
        if program == "storm":
            terminal.send(b"2")
            terminal.until(heading, 10.0)
        terminal.drain(4.0)
        for _ in range(runs):
            press("help", b"?", HELP)
            press("back", b"?", heading)  # Escape would wait 100 ms for the rest of a sequence
        for _ in range(runs // 8):
            terminal.send(b"/")
            terminal.drain(0.2)
            for end in range(1, 9):
                press("typed", b"zchatter"[end - 1 : end], b"zchatter"[:end])
            for _ in range(2):
                terminal.send(b"\x1b")
                terminal.drain(0.2)
        peak_mib = terminal.peak_mib()
    return _Pressed(by_kind, peak_mib)
