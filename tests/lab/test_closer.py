"""A closer look at real nodes: the check as keepalived runs it, ARP, squid at every address; and what it proves."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from haconsole.cluster.conclude import Snapshot
from haconsole.config.load import load
from haconsole.operations.closer import Look as What
from haconsole.operations.closer_proof import Seen
from haconsole.runtime.assemble import production
from haconsole.runtime.closer import Closer
from haconsole.runtime.once import Look
from tests.lab.harness import Lab, faults

pytestmark = pytest.mark.usefixtures("in_operator_namespace")
ONE, TWO = "proxy-serv01", "proxy-serv02"
STRANGER = "52:54:00:99:99:99"


class Looking:
    def __init__(self, lab: Lab, folder: Path, user: str) -> None:
        (self.spec,) = load(lab.write_config(folder / "config.toml", user=user, sudo=user != "root"))
        self.parts = production()
        self.closer = Closer(self.spec, self.parts.connector, self.parts.probe, self.parts.clock)

    async def snapshot(self) -> Snapshot:
        return await Look(self.spec, self.parts.connector, self.parts.probe, self.parts.clock).run()

    async def look(self, what: What, node: str | None = None) -> list[Seen]:
        """Every look of the kind; node: only at that one."""
        shown = await self.snapshot()
        offers = [o for o in self.closer.offers(shown) if o.look is what and node in {None, o.node}]
        assert offers
        assert [o.refused for o in offers] == [None] * len(offers)
        return [await self.closer.look(o, shown) for o in offers]


@contextlib.asynccontextmanager
async def looking(lab: Lab, folder: Path, user: str = "root") -> AsyncIterator[Looking]:
    made = Looking(lab, folder, user)
    try:
        yield made
    finally:
        await made.closer.close()
        await made.parts.connector.close()


async def test_a_healthy_pair_is_as_it_should_be_for_root(lab: Lab, tmp_path: Path) -> None:
    async with looking(lab, tmp_path) as at:
        checks = await at.look(What.SCRIPT)
        assert [s.proof.ok for s in checks] == [True, True], checks
        assert all(r.seconds is not None and 0 < r.seconds < 3 for s in checks for r in s.ran if "check" in r.text)
        arp = await at.look(What.ARP)
        assert [s.proof.ok for s in arp] == [True, True], arp
        (squid,) = await at.look(What.SQUID)
        assert squid.proof.ok is True, squid


async def test_each_trouble_shows_where_it_is_and_nowhere_else(lab: Lab, tmp_path: Path) -> None:
    one, two = lab.nodes[ONE], lab.nodes[TWO]
    async with looking(lab, tmp_path) as at:
        vip = next(v for v in (await at.snapshot()).picture.vips if v.holders == (ONE,)).address
        # permanent: a stale one would be mended by the announcement that keepalived repeats after five seconds
        two.exec("ip", "neigh", "replace", str(vip), "lladdr", STRANGER, "dev", "eth0", "nud", "permanent")
        try:
            wrong = {s.key: s for s in await at.look(What.ARP)}[f"arp/{vip}"]
            assert wrong.proof.ok is False
            assert STRANGER in wrong.proof.text
            assert "none of our nodes" in wrong.proof.text
        finally:
            two.exec("ip", "neigh", "del", str(vip), "dev", "eth0")
        with faults.squid_frozen(one):
            (check,) = await at.look(What.SCRIPT, ONE)
            assert check.proof.ok is True, check  # `squid -k check` does not see it
            (squid,) = await at.look(What.SQUID)
            assert squid.proof.ok is False
            assert f"squid on {ONE}, which holds it, does not serve at its own address either" in squid.proof.text
