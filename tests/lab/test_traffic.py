"""The measuring client on real nodes, against a client of its own: what one says was lost, the other says too."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.config.load import load
from haconsole.io.clock import SystemClock
from haconsole.operations.drills.outages import find
from haconsole.runtime.traffic import Recording, Traffic
from tests.lab import independent_client
from tests.lab.harness import Lab, faults
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("in_operator_namespace")
ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP, OTHER = "192.168.2.101", "192.168.2.102"
AGREE_S = 0.060
"""Three cadences of 20 ms."""
CLOCK = SystemClock()


@dataclass
class Both:
    """haconsole's client and the other one, side by side; filled in when the block ends."""

    traffic: Traffic
    recording: Recording | None = None
    others: list[tuple[float, float, int]] = field(default_factory=list)

    def good(self, vip: str) -> int:
        return sum(r.ok for r in self.traffic.requests if r.vip == vip)


@asynccontextmanager
async def both(lab: Lab, folder: Path) -> AsyncIterator[Both]:
    (spec,) = load(lab.write_config(folder / "haconsole.toml"))
    assert spec.probe_url is not None
    argv = [sys.executable, independent_client.__file__, VIP, str(spec.squid_port), spec.probe_url]
    other = lab.operator_popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    found = Both(Traffic(CLOCK))
    try:
        await found.traffic.start(spec, [ip_address(VIP), ip_address(OTHER)])
        await until(lambda: found.good(VIP) >= 25 and found.good(OTHER) >= 25, 10)
        yield found
        found.recording = await found.traffic.stop()
        said = json.loads(other.communicate(timeout=20)[0])
        offset = CLOCK.now() - time.monotonic()
        found.others = [(b + offset, e + offset, n) for b, e, n in said["outages"]]
    finally:
        await found.traffic.stop()
        other.kill()
        other.communicate()


async def link_down_and_up(lab: Lab, folder: Path) -> Both:
    """eth1 of the master goes down and up; VIP .101 leaves it and comes back."""
    async with both(lab, folder) as found:
        with faults.link_down(lab.nodes[ONE], "eth1"):
            await until(lambda: lab.holders(VIP) == [TWO], 15)
            have = found.good(VIP)
            await until(lambda: found.good(VIP) >= have + 50, 15, "the VIP serves at its new place")
        await until(lambda: lab.holders(VIP) == [ONE], 20)
        have = found.good(VIP)
        await until(lambda: found.good(VIP) >= have + 50, 15, "the VIP serves at home")
    lab.wait_converged()
    return found


def compare(found: Both) -> None:
    """The takeover's outage, and every other one that is longer than three cadences, is the same for both."""
    recording = found.recording
    assert recording is not None and recording.problem is None
    ours = find(recording.requests, VIP)
    print(f"interval {recording.interval_ms:.2f} ms, {recording.load}, {recording.counts}")
    for outage in ours:
        print(f"haconsole: {outage.lasted_s}, {len(outage.failed)} failed, {outage.failed[0].error}")
    print("the other:", [(round(e - b, 3), n) for b, e, n in found.others])
    longest = max(ours, key=lambda o: o.lasted_s or 0.0)
    began, ended, _ = max(found.others, key=lambda o: o[1] - o[0])
    assert longest.lasted_s is not None and longest.began is not None
    assert longest.lasted_s > 0.1, "the takeover was felt"
    assert abs(longest.began - began) <= AGREE_S
    assert abs(longest.lasted_s - (ended - began)) <= AGREE_S
    for outage in ours:
        assert outage.lasted_s is not None and outage.began is not None
        if outage.lasted_s > 2 * AGREE_S:
            assert any(b < (outage.ended or 0) and outage.began < e for b, e, _ in found.others)
    assert find(recording.requests, OTHER) == (), "the VIP of the other node was not touched"


async def test_a_takeover_costs_what_another_client_measures(healthy_lab: Lab, tmp_path: Path) -> None:
    compare(await link_down_and_up(healthy_lab, tmp_path))


@pytest.mark.soak
@pytest.mark.parametrize("run", range(10))
async def test_ten_takeovers_cost_what_another_client_measures(healthy_lab: Lab, tmp_path: Path, run: int) -> None:
    compare(await link_down_and_up(healthy_lab, tmp_path))
