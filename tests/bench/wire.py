"""A million adverts from a capture: decoded and tracked, on one core, against scapy and tshark."""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import capture_file
from tests.bench.measure import Row

ADVERTS = 1_000_000
SAMPLE = 20_000
"""scapy gets so many; its time is extrapolated."""


def adverts(runs: int) -> list[Row]:
    """CPU time for each advert, medians of `runs` in turn."""
    times: dict[str, list[float]] = {"ours": [], "scapy": [], "tshark": []}
    grown: list[float] = []
    peak = 0.0
    with tempfile.TemporaryDirectory() as folder:
        whole, sample = Path(folder) / "adverts.pcap", Path(folder) / "sample.pcap"
        capture_file.write(whole, ADVERTS)
        capture_file.write(sample, SAMPLE)
        for _ in range(runs):
            told = _told([sys.executable, "-m", "tests.bench.decode_track", str(whole)], ADVERTS)
            times["ours"].append(told["cpu_s"] / ADVERTS)
            grown.append(told["grown_mib"])
            peak = max(peak, told["peak_mib"])
            told = _told([sys.executable, "-m", "tests.bench.by_scapy", str(sample)], SAMPLE)
            times["scapy"].append(told["cpu_s"] / SAMPLE)
            if shutil.which("tshark"):
                times["tshark"].append(_tshark(whole) / ADVERTS)
    ours = statistics.median(times["ours"])
    rows = []
    for name, bound, how in (
        ("scapy", 40.0, f"scapy on a sample of {SAMPLE:,}, extrapolated"),
        ("tshark", 4.0, "tshark -T fields on the same file, its start included"),
    ):
        if times[name]:
            other = statistics.median(times[name])
            rows.append(
                Row(
                    name=f"1,000,000 adverts decoded and tracked: {name}", figure=other / ours, unit="×", bound=bound,
                    at_least=True, how=f"CPU time; {how}; medians of {runs}",
                    parts={"ours µs/advert": ours * 1e6, "theirs": other * 1e6},
                )
            )  # fmt: skip
    rows.append(
        Row(
            name="memory from the first 100,000 adverts to the last", figure=max(grown), unit="MiB", bound=1.0,
            how=f"growth of the peak; most of {runs}", parts={"peak": peak},
        )
    )  # fmt: skip
    return rows


def _told(argv: Sequence[str], count: int) -> dict[str, float]:
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    if told["adverts"] != count:
        raise RuntimeError(f"{argv[2]} found {told['adverts']} of {count} adverts")
    return told


def _tshark(path: Path) -> float:
    fields = ("frame.time_epoch", "ip.src", "vrrp.virt_rtr_id", "vrrp.prio")
    argv = ["tshark", "-n", "-r", str(path), "-T", "fields", *(word for f in fields for word in ("-e", f))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
