"""Whole drills on the demo's cluster, at its real speed: its timers are the daemons', and what clients lose is measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from haconsole.cli.drill import code
from haconsole.demo.cluster import DemoCluster
from haconsole.demo.scenarios import ONE, TWO
from haconsole.io.audit_file import AuditFile
from haconsole.io.drill_file import DrillFileError, DrillFolder, Journal
from haconsole.model.drill import Claim, DrillRecord, Phase, Verdict
from haconsole.operations.drills.parts import CATALOGUE
from haconsole.operations.job import Result
from haconsole.operations.take_over import Way
from haconsole.runtime.assemble import production
from haconsole.runtime.drill import DrillRun
from haconsole.runtime.drill_live import Wish
from haconsole.runtime.executor import Report
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.runtime.operate import Operate
from haconsole.runtime.take_over import TakeOver, TakeWords

SOAK = pytest.mark.soak
CASES = [("healthy", "public-link-down", TWO)]
MORE = [
    ("healthy", "lan-link-down", ONE), ("healthy", "squid-stop", ONE), ("healthy", "keepalived-stop", TWO),
    ("healthy", "drain", ONE), ("drainable", "drain", TWO), ("healthy", "revert-only", ONE),
    ("three-nodes", "public-link-down", ONE),
]  # fmt: skip


@asynccontextmanager
async def drill(demo: DemoCluster, folder: Path, name: str, node: str, hold_s: float = 1.0) -> AsyncIterator[DrillRun]:
    parts = production()
    monitor = Monitor(demo.spec, parts.connector, parts.probe, parts.clock)
    operate = Operate(monitor, parts.connector, parts.clock, AuditFile(folder / "audit.jsonl"))
    running = asyncio.ensure_future(run_all([monitor], parts.connector))
    try:
        await operate.ready()
        wish = Wish(drill=CATALOGUE[name], node=node, operator="anna", host="desk", hold_s=hold_s, ticket="CHG-7")
        yield DrillRun(operate, monitor, parts.clock, DrillFolder(folder / "drills"), wish)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def timeless(record: DrillRecord) -> list[Claim]:
    """Claims that a slow machine cannot break, and that are not true."""
    found = (*record.hypothesis.before, *record.hypothesis.during, *record.hypothesis.after)
    return [
        c for c in found if c.ok is not True and not any(w in c.text for w in ("within", " lose ", "while it is held"))
    ]


@pytest.mark.parametrize(("scenario", "name", "node"), [*CASES, *(pytest.param(*c, marks=SOAK) for c in MORE)])
async def test_a_drill_in_the_demo_is_what_its_prediction_says(
    tmp_path: Path, scenario: str, name: str, node: str
) -> None:
    async with DemoCluster(scenario) as demo, drill(demo, tmp_path, name, node) as run:
        prepared = await run.prepare()
        assert not prepared.plan.refused, prepared.plan.question
        phases: list[Phase] = []

        def looked() -> None:
            live = run.live()
            if live is not None and live.seen.phase not in phases:
                phases.append(live.seen.phase)
            assert live is None or not [c for c in timeless_now(live.hypothesis.during) if c.ok is False]

        record = await run.carry_out(looked=looked)
    assert not timeless(record), record.text
    assert record.result in {Verdict.PASSED, Verdict.DEVIATED}, record.text
    slow = ("lose", "within", "was not measured")
    assert record.result is Verdict.PASSED or any(w in record.text for w in slow), record.text
    moved = set(record.predicted.takeover_s)
    assert (moved == set()) == (name == "revert-only")
    assert all(record.measured.takeover_s[v] is not None for v in moved)
    assert phases == sorted(phases, key=list(Phase).index)
    (kept,) = DrillFolder(tmp_path / "drills").runs()
    assert kept.record() == record and kept.pcap()
    assert {m.source.value for m in record.timeline} >= {"console", "wire"}


def timeless_now(claims: tuple[Claim, ...]) -> list[Claim]:
    return [c for c in claims if not any(w in c.text for w in ("within", " lose ", "while it is held"))]


@pytest.mark.parametrize("how", ["by its own console", "by another"])
async def test_it_is_aborted_and_everything_is_put_back(tmp_path: Path, how: str) -> None:
    folder = DrillFolder(tmp_path / "drills")
    end: dict[str, Callable[[DrillRun], None]] = {
        "by its own console": lambda run: run.abort(),
        "by another": lambda run: folder.runs()[0].ask_to_abort(),
    }
    async with DemoCluster("healthy") as demo, drill(demo, tmp_path, "keepalived-stop", ONE, 30.0) as run:
        await run.prepare()

        def looked() -> None:
            live = run.live()
            if live is not None and live.seen.phase is Phase.HOLD and not live.aborting:
                end[how](run)

        record = await run.carry_out(looked=looked)
    assert (record.result, record.look_at) == (Verdict.ABORTED, ()), record.text
    after = record.hypothesis.after
    assert record.predicted.failback_outage_s
    for vip, span in record.predicted.failback_outage_s.items():
        (claim,) = [c for c in after if c.text.startswith(f"clients of {vip} lose")]
        lost = record.measured.failback_outage_s[vip]
        assert lost is not None and claim.ok is not None, claim
        assert claim.evidence.startswith(f"{lost:.3f} s"), claim
        assert claim.ok or (span.high is not None and lost > span.high), (
            "no loss but a longer one than predicted, as this machine measured it"
        )
    assert not [c for c in after if c.ok is False and " lose " not in c.text], after


async def test_a_living_console_is_told_by_the_lock_that_its_drill_is_aborted_from_elsewhere(tmp_path: Path) -> None:
    """What `drill abort --node` does from another machine: one more console with the same name of the operation."""
    async with (
        DemoCluster("healthy") as demo,
        drill(demo, tmp_path, "keepalived-stop", ONE, 60.0) as run,
        drill(demo, tmp_path / "elsewhere", "keepalived-stop", ONE) as other,
    ):
        await run.prepare()
        aborting: list[asyncio.Future[Report]] = []

        async def abort() -> Report:
            words = TakeWords(way=Way.ABORT, node=ONE, operator="bea", host="laptop", named=run.id)
            take_over = TakeOver(other._operate)
            return await take_over.carry_out(await take_over.prepare(words), lambda _: None, lambda _: None)

        def looked() -> None:
            live = run.live()
            if live is not None and live.seen.phase is Phase.HOLD and not aborting:
                aborting.append(asyncio.ensure_future(abort()))

        record = await run.carry_out(looked=looked)
        theirs = await aborting[0]
    assert (theirs.result, record.look_at) == (Result.DONE, ()), (theirs.text, record.text)
    assert record.result is Verdict.ABORTED and code(record) == 4
    whose = ("bea on laptop has aborted", "another console took over")  # where that was through before our heartbeat
    assert any(words in record.text for words in whose) and record.text.endswith("everything was put back")


async def test_a_record_that_cannot_be_kept_is_no_drill_that_was_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DrillFileError("record.json cannot be written: No space left on device")

    monkeypatch.setattr(Journal, "end", full)
    async with DemoCluster("healthy") as demo, drill(demo, tmp_path, "revert-only", ONE) as run:
        await run.prepare()
        record = await run.carry_out()
    assert run.record is record and record.result is not None
    assert run.unkept is not None and "No space left" in run.unkept


async def test_what_a_guard_refuses_is_recorded_and_touches_nothing(tmp_path: Path) -> None:
    async with DemoCluster("eth1-down") as demo, drill(demo, tmp_path, "squid-stop", TWO) as run:
        prepared = await run.prepare()
        assert prepared.plan.refused
        record = run.refused()
    assert record.result is Verdict.REFUSED
    assert "peer-public-link" in record.text and record.steps == ()
    (kept,) = DrillFolder(tmp_path / "drills").runs()
    assert kept.record() == record
