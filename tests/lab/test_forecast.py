"""What was forecast happens: who holds what after a real fault, and when keepalived took over by its own log.

A measured time may lie `NOISE_S` outside of its range: the fault is put in by a process that must first
be started, and the machine has other work.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_changes import Change, Thing, without
from haconsole.cluster.forecast_tracked import squid_ends
from haconsole.cluster.forecast_values import Forecast
from haconsole.cluster.picture import ClusterPicture
from haconsole.config.load import load
from haconsole.io.clock import SystemClock
from haconsole.operations.actions import Action, Kind, Method, drain_of
from haconsole.runtime.assemble import production
from haconsole.runtime.once import Look
from tests.lab.harness import Lab, faults, until
from tests.lab.harness.configurations import SQUID, SQUID_CONF
from tests.lab.harness.node import Node
from tests.lab.operating import granted

ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP = "192.168.2.101"
CLOCK = SystemClock()
DRAIN_FILE = "/run/haconsole-drain"
NOISE_S = 0.5


async def look(lab: Lab, folder: Path) -> ClusterPicture:
    """One look at the cluster, as `haconsole forecast` takes it."""
    (spec,) = load(lab.write_config(folder / "haconsole.toml"))
    parts = production()
    try:
        return (await Look(spec, parts.connector, parts.probe, parts.clock).run()).picture
    finally:
        await parts.connector.close()


@contextmanager
def squid_stopping(node: Node) -> Iterator[None]:
    """`systemctl stop squid`, not waited for."""
    process = subprocess.Popen(node.argv("systemctl", "stop", "squid"))
    try:
        yield
    finally:
        process.wait(60)
        node.start("squid")


@contextmanager
def drained(node: Node, value: int) -> Iterator[None]:
    try:
        node.sh(f"echo {value} > {DRAIN_FILE}")
        yield
    finally:
        node.sh(f"echo 0 > {DRAIN_FILE}")


@dataclass(frozen=True)
class Fault:
    """A fault on proxy-serv01 and the word that supposes it."""

    word: str
    make: Callable[[Lab, Node], AbstractContextManager[None]]
    isolated: bool = False
    """The node keeps its VIP, where nobody can reach it."""


FAULTS = [
    Fault(f"{ONE}:eth1", lambda _, n: faults.link_down(n, "eth1")),
    Fault(f"{ONE}:eth0", lambda _, n: faults.link_down(n, "eth0")),
    Fault(f"{ONE}:squid", lambda _, n: squid_stopping(n)),
    Fault(f"{ONE}:keepalived", lambda _, n: faults.unit_stopped(n, "keepalived")),
    Fault(ONE, lambda lab, n: faults.blackholed(lab, n), isolated=True),
]


def taken_at(node: Node, since: float) -> float | None:
    """When keepalived's log on `node` said that it became master of the VIP's instance, after `since`."""
    for line in node.journal("-o", "short-unix", "-t", "Keepalived_vrrp", "--since", f"@{int(since)}").splitlines():
        found = re.match(r"(\d+\.\d+) .*\(proxy_ip1\) Entering MASTER STATE", line)
        if found and float(found[1]) > since:
            return float(found[1])
    return None


def compare(lab: Lab, said: Forecast, fault: AbstractContextManager[None], *, isolated: bool = False) -> None:
    """Put the fault in; what was said must happen."""
    vip = said.vip(ip_address(VIP))
    assert (vip.before, vip.after, vip.serves) == (ONE, TWO, True), vip
    assert vip.takeover is not None and vip.takeover.high is not None
    two = lab.nodes[TWO]
    before = CLOCK.now()
    with fault:
        put = CLOCK.now()
        until(lambda: taken_at(two, before) is not None, vip.takeover.high + 30.0, f"{TWO} takes {VIP}")
        at = taken_at(two, before)
        assert at is not None
        print(f"{said.changes[0].text}: forecast {vip.takeover}, taken {at - put:.3f} to {at - before:.3f} s after it")
        assert at - before >= vip.takeover.low - NOISE_S, (at - before, vip.takeover)
        assert at - put <= vip.takeover.high + NOISE_S, (at - put, vip.takeover)
        for each in said.vips:
            wanted = each.after

            def as_said(address: str = str(each.address), name: str | None = wanted) -> bool:
                found = lab.holders(address)
                return [n for n in found if not (isolated and n == ONE)] == [name]

            until(as_said, 10.0, f"{each.address} is on {each.after} and on no other")
        assert lab.fetch(VIP) == 200


CASES = [
    pytest.param(
        fault, lossless, id=f"{fault.word}-{'lossless' if lossless else 'article'}",
        marks=() if not lossless and fault.word.endswith((":eth1", ":squid")) else pytest.mark.soak,
    )
    for fault in FAULTS
    for lossless in (False, True)
]  # fmt: skip


@pytest.mark.usefixtures("in_operator_namespace")
@pytest.mark.parametrize(("fault", "lossless"), CASES)
async def test_a_fault_does_what_was_forecast(healthy_lab: Lab, tmp_path: Path, fault: Fault, lossless: bool) -> None:
    lab = healthy_lab
    with faults.lossless(lab) if lossless else nullcontext():
        lab.wait_converged(stable_s=1.5)
        picture = await look(lab, tmp_path)
        change = without([picture], fault.word)[1]
        compare(lab, forecast(picture, [change]), fault.make(lab, lab.nodes[ONE]), isolated=fault.isolated)
        lab.wait_converged()


@pytest.mark.usefixtures("in_operator_namespace")
async def test_the_lossless_pair_is_drained_by_the_smallest_number_and_comes_back(
    healthy_lab: Lab, tmp_path: Path
) -> None:
    lab = healthy_lab
    with faults.lossless(lab):
        lab.wait_converged(stable_s=1.5)
        picture = await look(lab, tmp_path)
        best = drain_of(picture, picture.node(ONE))
        assert (best.method, best.value) == (Method.TRACK_FILE, -155)
        assert best.value is not None
        action = Action(kind=Kind.DRAIN, node=ONE, drain=best)
        said = forecast(picture, action.changes)
        assert said.vip(ip_address(VIP)).outage == said.vip(ip_address("192.168.2.102")).outage
        compare(lab, said, drained(lab.nodes[ONE], best.value))
        lab.wait_converged()


@pytest.mark.usefixtures("in_operator_namespace")
async def test_the_articles_pair_is_drained_by_stopping_keepalived(healthy_lab: Lab, tmp_path: Path) -> None:
    picture = await look(healthy_lab, tmp_path)
    best = drain_of(picture, picture.node(ONE))
    assert best.method is Method.STOP
    action = Action(kind=Kind.DRAIN, node=ONE, drain=best)
    assert action.changes == (Change(node=ONE, thing=Thing.KEEPALIVED),)
    compare(healthy_lab, forecast(picture, action.changes), faults.unit_stopped(healthy_lab.nodes[ONE], "keepalived"))
    healthy_lab.wait_converged()


@pytest.mark.usefixtures("in_operator_namespace")
@pytest.mark.parametrize("mode", [0o644, 0o640])
async def test_how_long_squid_takes_to_stop_is_read_also_where_only_root_may(
    healthy_lab: Lab, tmp_path: Path, mode: int
) -> None:
    """Debian's mode and RHEL's; as `ops`, with the printed sudoers."""
    text = SQUID + "include /etc/squid/conf.d/*.conf\n"
    with granted(healthy_lab), faults.file_replaced(healthy_lab.nodes[ONE], SQUID_CONF, text, mode):
        squid = (await look(healthy_lab, tmp_path)).node(ONE).squid
    assert squid is not None and squid.shutdown is not None
    assert squid.shutdown.lifetime_s == 1.0, squid.shutdown
    assert "shutdown_lifetime 1 seconds" in squid.shutdown.text


def test_squid_is_gone_one_to_two_seconds_after_its_shutdown_lifetime(healthy_lab: Lab) -> None:
    node = healthy_lab.nodes[ONE]
    before = CLOCK.now()
    with faults.unit_stopped(node, "squid"):
        took = CLOCK.now() - before
    said = squid_ends(1.0)
    print(f"squid: forecast {said}, gone after {took:.3f} s")
    assert said.high is not None
    assert said.low - NOISE_S <= took <= said.high + NOISE_S
    healthy_lab.wait_converged()
