"""One table of truths for the demo and the lab: the same fault, the same verdict, holders and findings.

The demo is only worth looking at if it says what real nodes say.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fixtures import healthy_lab, lab
from tests.lab.harness import Lab, faults

__all__ = ["healthy_lab", "lab"]

ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1, VIP2 = "192.168.2.101", "192.168.2.102"


@dataclass(frozen=True)
class Truth:
    """What `status -o json` must say."""

    verdict: str
    holders: dict[str, list[str]]
    states: dict[str, tuple[str | None, str | None]]
    """Node -> (proxy_ip1, proxy_ip2); None where the node tells nothing."""
    findings: frozenset[tuple[str, str | None]]
    """(id, node)."""


HEALTHY = {VIP1: [ONE], VIP2: [TWO]}
ALL_ON_TWO = {VIP1: [TWO], VIP2: [TWO]}

TRUTHS = {
    "healthy": Truth("ok", HEALTHY, {ONE: ("MASTER", "BACKUP"), TWO: ("BACKUP", "MASTER")}, frozenset()),
    "eth1-down": Truth(
        "warning", ALL_ON_TWO, {ONE: ("FAULT", "FAULT"), TWO: ("MASTER", "MASTER")},
        frozenset({("link-down", ONE), ("instance-fault", ONE), ("vip-not-preferred", None), ("no-redundancy", None)}),
    ),
    "squid-down": Truth(
        "warning", ALL_ON_TWO, {ONE: ("FAULT", "FAULT"), TWO: ("MASTER", "MASTER")},
        frozenset({
            ("squid-down", ONE), ("squid-check-failed", ONE), ("squid-not-listening", ONE), ("instance-fault", ONE),
            ("vip-not-preferred", None), ("no-redundancy", None),
        }),
    ),
    "squid-hung": Truth(
        "critical", HEALTHY, {ONE: ("MASTER", "BACKUP"), TWO: ("BACKUP", "MASTER")},
        frozenset({("vip-not-serving", None), ("reading-failed", ONE)}),
    ),
    "node-dead": Truth(
        "warning", ALL_ON_TWO, {ONE: (None, None), TWO: ("MASTER", "MASTER")},
        frozenset({("node-unreachable", ONE), ("vip-not-preferred", None), ("no-redundancy", None)}),
    ),
    "split-brain": Truth(
        "critical", {VIP1: [ONE, TWO], VIP2: [ONE, TWO]}, {ONE: ("MASTER", "MASTER"), TWO: ("MASTER", "MASTER")},
        frozenset({("vip-held-by-several", None), ("two-masters", None)}),
    ),
    "vip-left-behind": Truth(
        "critical", {VIP1: [ONE, TWO], VIP2: [TWO]}, {ONE: (None, None), TWO: ("MASTER", "MASTER")},
        frozenset({
            ("keepalived-down", ONE), ("vip-left-behind", ONE), ("vip-held-by-several", None), ("no-redundancy", None),
        }),
    ),
    "drained": Truth(
        "warning", ALL_ON_TWO, {ONE: ("BACKUP", "BACKUP"), TWO: ("MASTER", "MASTER")},
        frozenset({("drained", ONE), ("vip-not-preferred", None)}),
    ),
}  # fmt: skip


@contextmanager
def drained(lab: Lab) -> Iterator[None]:
    """The cluster that can be drained, with its first node drained."""
    with faults.lossless(lab):
        lab.nodes[ONE].write("/run/haconsole-drain", "-200\n")
        try:
            yield
        finally:
            lab.nodes[ONE].write("/run/haconsole-drain", "0\n")


def fault(lab: Lab, scenario: str) -> AbstractContextManager[object]:
    """The same fault on the lab."""
    one = lab.nodes[ONE]
    made: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "healthy": nullcontext,
        "eth1-down": lambda: faults.link_down(one, "eth1"),
        "squid-down": lambda: faults.unit_stopped(one, "squid"),
        "squid-hung": lambda: faults.squid_frozen(one),
        "node-dead": lambda: faults.blackholed(lab, one),
        "split-brain": lambda: faults.vrrp_dropped(lab),
        "vip-left-behind": lambda: faults.keepalived_killed(one),
        "drained": lambda: drained(lab),
    }
    return made[scenario]()


HISTORY = {"instance-flapping"}
"""Findings about the past: the lab's nodes have been through other faults minutes ago."""


def told(document: dict[str, Any]) -> Truth:
    """The document, as far as the table speaks of it."""
    cluster = document["clusters"][0]
    states = {}
    for node in cluster["nodes"]:
        instances = {i["name"]: i["state"] for i in (node["keepalived"] or {}).get("instances") or []}
        states[node["name"]] = (instances.get("proxy_ip1"), instances.get("proxy_ip2"))
    return Truth(
        verdict=cluster["verdict"],
        holders={v["address"]: v["holders"] for v in cluster["vips"]},
        states=states,
        findings=frozenset((f["id"], f["node"]) for f in cluster["findings"] if f["id"] not in HISTORY),
    )


def status(*words: str, run: Callable[[list[str]], str]) -> Truth:
    return told(json.loads(run([sys.executable, "-m", "haconsole", *words])))


def plain(argv: list[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.mark.parametrize("scenario", TRUTHS)
def test_the_demo_says_what_is_true(scenario: str) -> None:
    assert status("demo", "--scenario", scenario, "--", "status", "-o", "json", run=plain) == TRUTHS[scenario]


@pytest.fixture
def config(healthy_lab: Lab, tmp_path: Path) -> Path:
    return healthy_lab.write_config(tmp_path / "haconsole.toml", user="root")


@pytest.mark.lab
@pytest.mark.parametrize("scenario", TRUTHS)
def test_the_lab_says_the_same(healthy_lab: Lab, config: Path, scenario: str) -> None:
    def run(argv: list[str]) -> str:
        return healthy_lab.operator(argv, check=False).stdout

    with fault(healthy_lab, scenario):
        end = time.monotonic() + 30
        while (found := status("status", "-o", "json", "--config", str(config), run=run)) != TRUTHS[scenario]:
            assert time.monotonic() < end, sorted(found.findings ^ TRUTHS[scenario].findings, key=str) or found
