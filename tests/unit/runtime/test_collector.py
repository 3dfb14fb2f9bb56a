"""The collector: lines to events, beats, silence, floods."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.events import Event, Heartbeat, KernelEvent, LogHeard, ReadFailed
from haconsole.model.problems import ProblemError, ProblemKind
from haconsole.runtime import collector
from haconsole.runtime.collector import LINE_LIMIT, Collector, Lines, Rate, Source
from tests.support.wait import until
from tests.unit.runtime.fakes import FakeClock, FakeStream


@given(st.binary(max_size=300), st.integers(1, 20))
def test_blocks_of_any_size_give_the_same_lines(data: bytes, size: int) -> None:
    lines = Lines()
    got = [line for i in range(0, len(data), size) for line in lines.feed(data[i : i + size])]
    assert got == data.split(b"\n")[:-1]


def test_a_line_without_end_is_cut_and_the_next_one_is_whole() -> None:
    lines = Lines()
    got = [*lines.feed(b"x" * (LINE_LIMIT + 1)), *lines.feed(b"y" * 100_000), *lines.feed(b"\nnext\n")]
    assert got == [b"x" * LINE_LIMIT, b"next"]


def test_a_flood_is_cut_to_the_rate() -> None:
    rate = Rate(per_s=10, burst=5)
    assert [rate.take(0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert rate.take(0.1)
    assert not rate.take(0.1)


class Bench:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.stream = FakeStream()
        self.collector = Collector(Source(node="n1"), self.stream, FakeClock(), self.events.append)

    def of(self, kind: type) -> list[Event]:
        return [e for e in self.events if isinstance(e, kind)]


def journal(message: str, *, at: float, comm: str = "keepalived") -> bytes:
    fields = {
        "MESSAGE": message, "_COMM": comm, "_UID": "0", "SYSLOG_IDENTIFIER": "Keepalived_vrrp",
        "__REALTIME_TIMESTAMP": str(int(at * 1e6)),
    }  # fmt: skip
    return b"L " + json.dumps(fields).encode() + b"\n"


async def test_lines_of_every_stream_become_events() -> None:
    bench = Bench()
    running = asyncio.ensure_future(bench.collector.run())
    bench.stream.on_write = lambda data: bench.stream.blocks.put_nowait(b"T 1795000000.5\n") if data == b"." else None
    now = FakeClock().now()
    bench.stream.blocks.put_nowait(
        b"K 3: eth1    inet 203.0.113.11/24 scope global eth1\\       valid_lft forever preferred_lft forever\n"
        + journal("(proxy_ip1) Entering MASTER STATE", at=now - 100)
        + journal("(proxy_ip1) Entering FAULT STATE", at=now + 5)
        + b"garbage\nE L\n\xff\xfe\n"
    )
    await until(lambda: bench.of(Heartbeat) and len(bench.of(LogHeard)) == 2 and bench.of(ReadFailed))
    running.cancel()
    assert len(bench.of(KernelEvent)) == 1
    assert [e.backlog for e in bench.of(LogHeard)] == [True, False]
    assert bench.collector.unreadable == 2
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_no_answer_to_beats_is_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "BEAT_S", 0.01)
    monkeypatch.setattr(collector, "SILENT_S", 0.05)
    with pytest.raises(ProblemError) as error:
        await Bench().collector.run()
    assert error.value.problem.kind is ProblemKind.LINK_LOST
    assert "no answer" in error.value.problem.summary


async def test_the_end_of_the_stream_is_a_lost_link() -> None:
    bench = Bench()
    bench.stream.blocks.put_nowait(b"")
    with pytest.raises(ProblemError, match="collector ended"):
        await bench.collector.run()


async def test_a_log_flood_is_counted_and_no_state_line_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "BEAT_S", 0.02)
    bench = Bench()
    running = asyncio.ensure_future(bench.collector.run())
    now = FakeClock().now()
    flood = b"".join(journal(f"chatter {i}", at=now) for i in range(5000))
    bench.stream.blocks.put_nowait(flood + journal("(proxy_ip1) Entering FAULT STATE", at=now))
    await until(lambda: any("not shown" in e.line.text for e in bench.of(LogHeard)))  # type: ignore[attr-defined]
    running.cancel()
    heard = [e.line.text for e in bench.of(LogHeard)]  # type: ignore[attr-defined]
    assert len(heard) < 2500
    assert "(proxy_ip1) Entering FAULT STATE" in heard
    with pytest.raises(asyncio.CancelledError):
        await running
