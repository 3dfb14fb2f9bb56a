"""What differs between the nodes, who does not belong, and a way that loses adverts: seen on the wire of real
keepalived, with the packets as evidence, and gone once it is mended."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.vrrp import VRRP

from haconsole.model.findings import Finding, Severity
from tests.lab.harness import ARTICLE, Lab, faults, keepalived_conf
from tests.lab.harness.configurations import KEEPALIVED_CONF
from tests.lab.harness.plan import VIPS, VipPlan
from tests.lab.test_wire_findings import ONE, TWO, VIP1, VIP2, A, B, Watch, watching
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("in_operator_namespace")
INTERVAL, VIP_LIST, AUTH, PRIORITY = (VipPlan(f"t{n}", n, f"192.168.2.1{n}", f"eth0:{n}", 1) for n in range(11, 15))
VARIANT = replace(ARTICLE, high_priority=200, vips=(*VIPS, INTERVAL, VIP_LIST, AUTH, PRIORITY))
STRANGER = "192.168.2.77"


def found(watch: Watch, id_: str, instance: str | None = None) -> Finding | None:
    """The one finding with this id, of this instance."""
    matching = [f for f in watch.snapshot.findings if f.id == id_ and instance in {None, f.instance}]
    assert len(matching) < 2, matching
    return matching[0] if matching else None


def packets(finding: Finding) -> list[str]:
    """What it brings as evidence from the wire."""
    return [f"{e.source}: {e.text}" for e in finding.evidence if e.source.startswith("wire at ")]


async def test_a_way_that_loses_adverts_is_named_with_its_direction(healthy_lab: Lab, tmp_path: Path) -> None:
    async with watching(healthy_lab, tmp_path) as watch:
        with faults.multicast_lost(healthy_lab, healthy_lab.nodes[TWO]):
            await until(lambda: found(watch, "wire-one-way"), 20, "adverts are lost on the way")
            await until(lambda: "the other way" in _summary(watch, "wire-one-way"), 20, "the deaf node speaks too")
            lost = found(watch, "wire-one-way")
            assert lost is not None and lost.node == TWO
            assert lost.summary.startswith(f"adverts of {ONE} ({A}) leave it and do not reach {TWO} (VRID 1)")
            assert lost.summary.endswith("; the other way they arrive")
            left, heard = packets(lost)
            assert left.startswith(f"wire at {ONE}: advert from {ONE} ({A}), VRID 1") and left.endswith("as it left")
            assert heard.startswith(f"wire at {TWO}: listening on eth0: none of them in ")
        await until(lambda: watch.advertisers() == {VIP1: (ONE,), VIP2: (TWO,)}, 30, "one master each again")
        await until(lambda: not watch.wire_ids(), 15, f"it clears: {watch.wire_ids()}")

        async with stranger(vrid=1, priority=50):
            await until(lambda: found(watch, "wire-foreign-router"), 20, "somebody else on our VRID")
            foreign = found(watch, "wire-foreign-router")
            assert (
                foreign is not None and f"{STRANGER}, no node of this cluster, advertises our VRID 1" in foreign.summary
            )
            assert any(f"advert from {STRANGER}, VRID 1, priority 50" in p for p in packets(foreign))
            assert "02:00:00:00:02:0a" in foreign.remedy
        await until(lambda: not watch.wire_ids(), 15, f"it clears: {watch.wire_ids()}")


def _summary(watch: Watch, id_: str) -> str:
    finding = found(watch, id_)
    return "" if finding is None else finding.summary


@contextlib.asynccontextmanager
async def stranger(*, vrid: int, priority: int) -> AsyncIterator[None]:
    """Somebody at the operator's place who advertises a virtual router each second."""
    advert = VRRP(version=2, vrid=vrid, priority=priority, addrlist=[str(VIP1)], adv=1)
    frame = bytes(Ether(src="02:00:00:00:02:0a", dst="01:00:5e:00:00:12") / IP(src=STRANGER, dst="224.0.0.18", ttl=255) / advert)  # fmt: skip

    async def speak() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth:
            mouth.bind(("eth0", 0))
            while True:
                mouth.send(frame)
                await asyncio.sleep(1.0)

    speaking = asyncio.ensure_future(speak())
    try:
        yield
    finally:
        speaking.cancel()
        await asyncio.wait({speaking})


def odd(text: str) -> str:
    """The second node's keepalived.conf with one setting of each test instance unlike the first one's."""

    def changed(vip: VipPlan, old: str, new: str) -> None:
        nonlocal text
        before, start, block = text.partition(f"vrrp_instance {vip.instance} {{\n")
        assert old in block.partition("\n}\n")[0]
        text = before + start + block.replace(old, new, 1)

    changed(INTERVAL, "  state", "  advert_int 3\n  state")
    changed(VIP_LIST, "  virtual_ipaddress {\n", "  virtual_ipaddress {\n    192.168.2.119/24 dev eth0\n")
    changed(AUTH, "  state", "  authentication {\n    auth_type PASS\n    auth_pass s3cret\n  }\n  state")
    changed(PRIORITY, "priority 100", "priority 200")
    return text


async def test_settings_that_differ_are_told_from_the_wire_and_clear(healthy_lab: Lab, tmp_path: Path) -> None:
    """An instance for each: all of them differ at once, and are mended at once."""
    plans = healthy_lab.plans
    second = healthy_lab.nodes[TWO]
    async with watching(healthy_lab, tmp_path) as watch:
        with contextlib.ExitStack() as stack:
            one = healthy_lab.nodes[ONE]
            stack.enter_context(faults.keepalived_configured(one, keepalived_conf(one.plan, plans, VARIANT)))
            well = keepalived_conf(second.plan, plans, VARIANT)
            stack.enter_context(faults.keepalived_configured(second, odd(well)))
            wanted = {
                "wire-interval-mismatch": (INTERVAL, f"{ONE} ({A}) advertises VRID 11 every 1 s, {TWO} is set to 3 s"),
                "wire-vip-list-mismatch": (VIP_LIST, f"only there none; only on {TWO} 192.168.2.119"),
                "wire-auth-mismatch": (AUTH, f"{ONE} ({A}) and {TWO} ({B}) advertise VRID 13 with different types"),
                "wire-equal-priorities": (PRIORITY, "VRID 14 with priority 200, which proxy-serv0"),
            }
            told: dict[str, Finding] = {}

            def all_told() -> bool:
                for finding in watch.snapshot.findings:
                    vip, words = wanted.get(finding.id, (None, ""))
                    if vip is not None and finding.instance == vip.instance and words in finding.summary:
                        told[finding.id] = finding
                return told.keys() == wanted.keys()

            await until(all_told, 40, f"every difference is told: {wanted.keys()}")
            for id_, finding in told.items():
                assert finding.severity is Severity.WARNING
                assert any(f"VRID {wanted[id_][0].vrid}," in p for p in packets(finding)), finding
            assert "s3cret" not in repr(watch.snapshot)
            second.write(KEEPALIVED_CONF, well)
            second.restart("keepalived")
            await until(lambda: _one_interval(watch) and not wanted.keys() & watch.wire_ids(), 30, "they clear")


def _one_interval(watch: Watch) -> bool:
    """Both nodes listen, and the settings that both were read to have are the same."""
    picture = watch.snapshot.picture
    read = [i.advert_interval_s for _, i in picture.instances() if i.name == INTERVAL.instance]
    return read == [1.0, 1.0] and len(picture.wire.places) == 2 and watch.speaks(A, INTERVAL.vrid)
