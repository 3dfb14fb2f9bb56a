"""One table of truths for the demo and the lab: the same fault, the same verdict, holders and findings.

The demo is only worth looking at if it says what real nodes say.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from haconsole.demo.scenarios import SCENARIOS
from tests.lab.fixtures import healthy_lab, lab, require_lab
from tests.lab.harness import ARTICLE, DUAL, THREE, Lab, faults

__all__ = ["healthy_lab", "lab"]

ONE, TWO, OTHER = "proxy-serv01", "proxy-serv02", "proxy-serv03"
VIP1, VIP2, VIP3 = "192.168.2.101", "192.168.2.102", "192.168.2.103"
VIP1_6, VIP2_6 = "2001:db8:2::101", "2001:db8:2::102"


@dataclass(frozen=True)
class Truth:
    """What `status -o json` must say."""

    verdict: str
    holders: dict[str, list[str]]
    states: dict[str, tuple[str | None, ...]]
    """Node -> the states of `instances`; None where the node tells nothing."""
    findings: frozenset[tuple[str, str | None]]
    """(id, node)."""
    instances: tuple[str, ...] = ("proxy_ip1", "proxy_ip2")


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
        frozenset({("vip-not-serving", None), ("no-redundancy", None), ("squid-not-answering", ONE)}),
    ),
    "node-dead": Truth(
        "warning", ALL_ON_TWO, {ONE: (None, None), TWO: ("MASTER", "MASTER")},
        frozenset({("node-unreachable", ONE), ("vip-not-preferred", None), ("no-redundancy", None)}),
    ),
    "split-brain": Truth(
        "critical", {VIP1: [ONE, TWO], VIP2: [ONE, TWO]}, {ONE: ("MASTER", "MASTER"), TWO: ("MASTER", "MASTER")},
        frozenset({("vip-held-by-several", None), ("two-masters", None), ("adverts-blocked", ONE)}),
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
    "drainable": Truth("ok", HEALTHY, {ONE: ("MASTER", "BACKUP"), TWO: ("BACKUP", "MASTER")}, frozenset()),
    "vip-nowhere": Truth(
        "critical", {VIP1: [], VIP2: []}, {ONE: ("FAULT", "FAULT"), TWO: ("FAULT", "FAULT")},
        frozenset({
            ("link-down", ONE), ("link-down", TWO), ("instance-fault", ONE), ("instance-fault", TWO),
            ("vip-held-by-none", None), ("vip-not-serving", None),
        }),
    ),
    "few-rights": Truth(
        "warning", HEALTHY, {ONE: ("MASTER", None), TWO: (None, "MASTER")},
        frozenset({
            ("rights-missing", ONE), ("rights-missing", TWO), ("state-source-weak", ONE), ("state-source-weak", TWO),
        }),
    ),
    "flapping": Truth(
        "warning", HEALTHY, {ONE: ("MASTER", "BACKUP"), TWO: ("BACKUP", "MASTER")},
        frozenset({("link-flapping", ONE)}),
    ),
    "ipv6": Truth(
        "ok", {**HEALTHY, VIP1_6: [ONE], VIP2_6: [TWO]},
        {ONE: ("MASTER", "BACKUP") * 2, TWO: ("BACKUP", "MASTER") * 2},
        frozenset(), ("proxy_ip1", "proxy_ip2", "proxy6_ip1", "proxy6_ip2"),
    ),
    "three-nodes": Truth(
        "ok", {**HEALTHY, VIP3: [OTHER]},
        {ONE: ("MASTER", "BACKUP", "BACKUP"), TWO: ("BACKUP", "MASTER", "BACKUP"), OTHER: ("BACKUP", "BACKUP", "MASTER")},
        frozenset(), ("proxy_ip1", "proxy_ip2", "proxy_ip3"),
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


@contextmanager
def flapping(lab: Lab) -> Iterator[None]:
    """The first node's public link has come and gone, and is there now."""
    faults.flap(lab, lab.nodes[ONE], "eth1", 3)
    yield


@contextmanager
def public_links_down(lab: Lab) -> Iterator[None]:
    """No node has its public link."""
    with faults.link_down(lab.nodes[ONE], "eth1"), faults.link_down(lab.nodes[TWO], "eth1"):
        yield


def fault(lab: Lab, scenario: str) -> AbstractContextManager[object]:
    """The same fault on the lab."""
    one = lab.nodes[ONE]
    made: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "healthy": nullcontext,
        "eth1-down": lambda: faults.link_down(one, "eth1"),
        "squid-down": lambda: faults.unit_stopped(one, "squid"),
        "squid-hung": lambda: faults.squid_frozen(one),
        "node-dead": lambda: faults.blackholed(lab, one),
        "split-brain": lambda: faults.vrrp_blocked(one),
        "vip-left-behind": lambda: faults.keepalived_killed(one),
        "drained": lambda: drained(lab),
        "drainable": lambda: faults.lossless(lab),
        "vip-nowhere": lambda: public_links_down(lab),
        "few-rights": nullcontext,
        "flapping": lambda: flapping(lab),
        "ipv6": lambda: faults.dual_stack(lab),
        "three-nodes": lambda: faults.variant(lab, THREE),
    }
    return made[scenario]()


VIPS = {"ipv6": DUAL.vips, "three-nodes": THREE.vips}
"""Of the scenarios that have others than the article's."""
LOGINS = {"few-rights": "plain"}
"""Of the scenarios where the console signs in as somebody whom sudo permits nothing."""


def told(document: dict[str, Any], asked: tuple[str, ...]) -> Truth:
    """The document, as far as the table speaks of it. `asked`: instances."""
    cluster = document["clusters"][0]
    states = {}
    for node in cluster["nodes"]:
        instances = {i["name"]: i["state"] for i in (node["keepalived"] or {}).get("instances") or []}
        states[node["name"]] = tuple(instances.get(name) for name in asked)
    return Truth(
        verdict=cluster["verdict"],
        holders={v["address"]: v["holders"] for v in cluster["vips"]},
        states=states,
        findings=frozenset((f["id"], f["node"]) for f in cluster["findings"]),
        instances=asked,
    )


def words(document: dict[str, Any]) -> dict[tuple[str | None, ...], tuple[str, str]]:
    """What each finding says and advises, without counts and ages."""
    return {
        (f["id"], f["node"], f["instance"], f["vip"]): (_plain(f["summary"]), _plain(f["remedy"] or ""))
        for f in document["clusters"][0]["findings"]
    }


def _plain(text: str) -> str:
    return _LOGIN.sub("LOGIN", _AMOUNT.sub("N", text))


_LOGIN = re.compile(r"\b(?:viewer|plain)\b")
"""What the login without rights is called in the demo and in the lab."""
_AMOUNT = re.compile(r"\b\d+ (?:ms|s|min|h|d|times)\b")
OTHER_WORDS = {"node-dead"}
"""The demo's dead node refuses SSH; the lab's does not answer."""


def status(*argv: str, run: Callable[[list[str]], str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run([sys.executable, "-m", "haconsole", *argv, "status", "-o", "json"]))
    return document


def demo(scenario: str) -> dict[str, Any]:
    """As the scenario begins: its time runs so slowly that nothing more happens, however slow the machine is."""
    return status("demo", "--scenario", scenario, "--speed", "0.1", "--", run=plain)


def plain(argv: list[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout


def test_the_table_has_every_scenario_that_stands_still() -> None:
    """`tour` goes through several of them, and `fifty` has a test of its own."""
    assert set(TRUTHS) == set(SCENARIOS) - {"tour", "fifty"}


@pytest.mark.parametrize("scenario", TRUTHS)
def test_the_demo_says_what_is_true(scenario: str) -> None:
    assert told(demo(scenario), TRUTHS[scenario].instances) == TRUTHS[scenario]


def says_the_same(lab: Lab, scenario: str, folder: Path) -> None:
    """Put the fault into the lab, and wait until it is told as it should be, in the demo's words."""
    vips, user = VIPS.get(scenario, ARTICLE.vips), LOGINS.get(scenario, "root")
    config = lab.write_config(folder / "haconsole.toml", user=user, vips=vips)
    truth = TRUTHS[scenario]

    def run(argv: list[str]) -> str:
        return lab.operator(argv, check=False).stdout

    with fault(lab, scenario):
        end = time.monotonic() + 30
        while (found := told(real := status("--config", str(config), run=run), truth.instances)) != truth:
            assert time.monotonic() < end, sorted(found.findings ^ truth.findings, key=str) or found
    if scenario not in OTHER_WORDS:
        assert words(real) == words(demo(scenario))


@pytest.mark.lab
@pytest.mark.parametrize("scenario", [name for name in TRUTHS if name != "three-nodes"])
def test_the_lab_says_the_same(healthy_lab: Lab, tmp_path: Path, scenario: str) -> None:
    says_the_same(healthy_lab, scenario, tmp_path)


@pytest.mark.lab
def test_three_real_nodes_say_the_same(tmp_path: Path) -> None:
    require_lab()
    with Lab(nodes=3) as three:
        says_the_same(three, "three-nodes", tmp_path)


FIFTY: dict[str, tuple[str, set[tuple[str, str | None]]]] = {
    "site-07": ("warning", {("link-down", "site-07-proxy1"), ("instance-fault", "site-07-proxy1")}),
    "site-13": ("warning", {("squid-down", "site-13-proxy2"), ("squid-check-failed", "site-13-proxy2")}),
    "site-21": ("warning", {("node-unreachable", "site-21-proxy1"), ("no-redundancy", None)}),
    "site-34": ("warning", {("drained", "site-34-proxy1"), ("vip-not-preferred", None)}),
    "site-42": ("critical", {("two-masters", None), ("vip-held-by-several", None)}),
}
"""Cluster -> its verdict, and findings that must be there; all others are well at first."""


def wrong_about_fifty(document: dict[str, Any]) -> list[str]:
    """Clusters of which it does not say what is so."""
    found = {c["name"]: c for c in document["clusters"]}
    wrong = []
    for number in range(1, 51):
        name = f"site-{number:02}"
        verdict, findings = FIFTY.get(name, ("ok", set()))
        said = {(f["id"], f["node"]) for f in found[name]["findings"]}
        served = all(v["holders"] and v["client"] and v["client"]["ok"] for v in found[name]["vips"])
        if found[name]["verdict"] != verdict or not findings <= said or (said and not findings) or not served:
            wrong.append(name)
    return wrong


def test_fifty_clusters_are_told_apart() -> None:
    argv = [sys.executable, "-m", "haconsole", "demo", "--scenario", "fifty", "--speed", "0.1"]
    with subprocess.Popen([*argv, "--", "status", "--watch", "-o", "json"], stdout=subprocess.PIPE) as watching:
        try:
            assert watching.stdout is not None
            end = time.monotonic() + 120
            for line in watching.stdout:
                if not (wrong := wrong_about_fifty(json.loads(line))):
                    break
                assert time.monotonic() < end, wrong
            else:
                pytest.fail("it ended by itself")
        finally:
            watching.terminate()
