"""`haconsole check` on real nodes: the article's pair, a healthy one, and faults made for real."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from haconsole.config.load import load
from haconsole.report.check import Checked
from haconsole.runtime.assemble import production
from haconsole.runtime.check import check
from tests.lab.harness import Lab, faults
from tests.lab.harness.configurations import KEEPALIVED_CONF, SQUID
from tests.lab.harness.plan import VIPS
from tests.unit.cluster.audit.pairs import article, changed, healthy

pytestmark = pytest.mark.usefixtures("in_operator_namespace")
ONE, TWO = "proxy-serv01", "proxy-serv02"
FOUND = set[tuple[str, str | None, str]]


async def found(lab: Lab, folder: Path, user: str = "root", *, sudo: bool = False, **options: object) -> FOUND:
    """Id, node, severity of every finding. options: of haconsole's configuration."""
    (spec,) = load(lab.write_config(folder / "config.toml", user=user, sudo=sudo, **options))
    parts = production()
    try:
        checked: Checked = await check(spec, parts)
    finally:
        await parts.connector.close()
    findings = checked.audit.findings
    return {(f.id, f.node, "unknown" if f.unknown else f.severity.word) for f in findings}


@contextlib.contextmanager
def pair(lab: Lab, one: str, two: str) -> Iterator[None]:
    """Both nodes run these texts; the lab's own afterwards."""
    with contextlib.ExitStack() as stack:
        for name, text in ((ONE, one), (TWO, two)):
            stack.enter_context(faults.keepalived_configured(lab.nodes[name], text))
        lab.wait_converged()
        yield
    lab.wait_converged()


async def test_the_articles_pair_and_what_keepalived_itself_says_of_it(lab: Lab, tmp_path: Path) -> None:
    with pair(lab, article(True), article(False)):
        assert await found(lab, tmp_path) == {
            *(("priority-owner", n, "warning") for n in (ONE, TWO)),
            *(("check-without-fall", n, "warning") for n in (ONE, TWO)),
            *(("script-security-off", n, "warning") for n in (ONE, TWO)),
            *(("config-test-failed", n, "warning") for n in (ONE, TWO)),  # SECURITY VIOLATION
        }


async def test_the_healthy_pair_gets_none_and_each_fault_its_own(lab: Lab, tmp_path: Path) -> None:
    one, two = lab.nodes[ONE], lab.nodes[TWO]
    with pair(lab, healthy(True), healthy(False)):
        assert await found(lab, tmp_path) == set()
        # a plain login with the printed rights reads the passwords' hashes itself; what it may not ask it says
        assert {i for i, _, kind in await found(lab, tmp_path, "ops", sudo=True) if kind != "unknown"} == set()
        with faults.vrrp_dropped(lab, two):
            assert ("firewall-blocks-vrrp", TWO, "critical") in await found(lab, tmp_path)
        with faults.packets_dropped([one], "-p", "112", chains=("OUTPUT",)):
            assert ("firewall-blocks-vrrp", ONE, "critical") in await found(lab, tmp_path)
        with faults.file_replaced(two, KEEPALIVED_CONF, changed(healthy(False), ("s3cret", "0ther1"))):
            assert await found(lab, tmp_path) == {
                ("auth-differs", TWO, "critical"), ("changed-since-start", TWO, "warning")
            }  # fmt: skip
        missing = changed(healthy(True), ("/usr/sbin/squid -k check", "/usr/local/sbin/none"))
        with faults.file_replaced(one, KEEPALIVED_CONF, missing):
            assert {("script-not-runnable", ONE, "critical"), ("changed-since-start", ONE, "warning")} <= await found(
                lab, tmp_path
            )
        one.exec("systemctl", "disable", "keepalived")
        try:
            assert ("keepalived-not-enabled", ONE, "warning") in await found(lab, tmp_path)
        finally:
            one.exec("systemctl", "enable", "keepalived")


async def test_what_only_nodes_can_tell_is_told_by_its_own_id(lab: Lab, tmp_path: Path) -> None:
    one, two = lab.nodes[ONE], lab.nodes[TWO]
    unwatched = ("  track_interface {\n    eth1\n  }\n", "")
    with pair(lab, changed(healthy(True), unwatched, unwatched), changed(healthy(False), unwatched, unwatched)):
        assert await found(lab, tmp_path) == {("public-link-not-watched", n, "warning") for n in (ONE, TWO)}
    with pair(lab, healthy(True), healthy(False)):
        swapped = tuple(replace(v, preferred=3 - v.preferred) for v in VIPS)
        assert {i for i, _, _ in await found(lab, tmp_path, vips=swapped)} == {"preferred-against-priority"}
        bound = SQUID.replace("http_port 0.0.0.0:", f"http_port {VIPS[1].address}:")
        with faults.squid_configured(two, bound):
            assert ("squid-needs-notify", TWO, "critical") in await found(lab, tmp_path)
        eth7 = changed(healthy(True), ("    eth1\n", "    eth7\n"), ("    eth1\n", "    eth7\n"))
        with faults.file_replaced(one, KEEPALIVED_CONF, eth7):
            told = await found(lab, tmp_path)
            assert {("tracked-link-missing", ONE, "critical"), ("config-test-failed", ONE, "warning")} <= told
        with contextlib.ExitStack() as stack:
            for node in (one, two):
                stack.enter_context(faults.file_replaced(node, KEEPALIVED_CONF, node.read(KEEPALIVED_CONF), 0o600))
            told = await found(lab, tmp_path, "plain")
            assert told == {("conf-not-read", n, "unknown") for n in (ONE, TWO)}
            told = await found(lab, tmp_path, "ops", sudo=True)
            assert ("auth-not-compared", TWO, "unknown") in told, "the two are compared as one"
        told = await found(lab, tmp_path, "plain")
        assert {("not-checked", n, "unknown") for n in (ONE, TWO)} <= told, "the firewall is root's to see"
