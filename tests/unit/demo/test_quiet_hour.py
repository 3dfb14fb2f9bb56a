"""An hour of a healthy cluster, in simulated time: nothing above info is told, at no moment."""

from __future__ import annotations

from haconsole.cluster.conclude import Snapshot
from haconsole.demo.plan import Happening, What
from haconsole.demo.scenarios import ONE, SCENARIOS
from haconsole.model.findings import Severity
from tests.support.simulated import Simulated

HOUR_S = 3600.0
SETTLED_S = 12.0
"""Until everything was read once and the wire was listened to for a master-down time."""


def test_a_healthy_hour_has_no_finding_above_info() -> None:
    console = Simulated(SCENARIOS["healthy"].clusters[0])
    console.run(SETTLED_S)
    told: set[str] = set()
    steps = 0

    def each(snapshot: Snapshot) -> None:
        nonlocal steps
        steps += 1
        told.update(f.summary for f in snapshot.findings if f.severity > Severity.INFO or f.unknown)
        assert snapshot.verdict.word == "ok", told

    console.run(HOUR_S, each)
    assert told == set()
    assert steps == HOUR_S
    picture = console.look().picture
    assert len(picture.wire.places) == 2 and all(v.advertisers == v.holders for v in picture.vips), "it did listen"
    assert all(n.host is not None and n.host.default_routes for n in picture.nodes), "and read"

    console.sim.nodes[ONE].befall(Happening(at_s=0, node=ONE, what=What.SQUID_HANG))
    console.run(10.0)
    assert [f.id for f in console.look().findings][:2] == ["squid-not-answering", "vip-not-serving"], (
        "it can see trouble"
    )
