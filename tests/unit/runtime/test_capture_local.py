"""Listening on an interface of this machine, the socket played by hand."""

from __future__ import annotations

import asyncio

import pytest

from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.runtime import capture_local
from haconsole.runtime.capture_local import LocalListener
from haconsole.wire.pcap import Record
from tests.support.wait import until
from tests.unit.runtime.fakes import FakeClock
from tests.unit.runtime.wires import Ears, advert_frame

DOWN = ProblemError(Problem(kind=ProblemKind.LINK_LOST, summary="eth0 is down"))


class Frames:
    def __init__(self) -> None:
        self.coming: asyncio.Queue[Record | ProblemError] = asyncio.Queue()
        self.dropped = 0
        self.closed = False

    async def read(self) -> list[Record]:
        found = await self.coming.get()
        if isinstance(found, ProblemError):
            raise found
        return [found]

    def lost(self) -> int:
        return self.dropped

    def close(self) -> None:
        self.closed = True


def record(vrid: int = 1) -> Record:
    data = advert_frame("192.168.2.251", vrid=vrid)
    return Record(1000.0, data, len(data), 1)


async def test_it_hears_counts_waits_for_the_interface_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_local, "COUNTS_S", 0.01)
    monkeypatch.setattr(capture_local, "AGAIN_S", 0.0)
    frames, ears = Frames(), Ears()
    listener = LocalListener(frames, "eth0", FakeClock(), ears)
    running = asyncio.ensure_future(listener.run())
    for coming in (record(), DOWN, DOWN, record()):
        frames.coming.put_nowait(coming)
    frames.dropped = 3
    await until(lambda: len(ears.heard) == 2)
    await until(lambda: ears.counts.dropped == 3)
    listener.end()
    await asyncio.wait_for(running, 10)
    assert ears.phases == ["listening", "waiting", "listening"]
    assert ears.problems == ["eth0 is down"]
    assert [(h.place, h.at, h.error_s) for h in ears.heard] == [("eth0", 1000.0, 0.0)] * 2
    assert frames.closed


async def test_a_flood_is_thinned_out_and_counted() -> None:
    frames, ears = Frames(), Ears()
    listener = LocalListener(frames, "eth0", FakeClock(), ears)
    running = asyncio.ensure_future(listener.run())
    for _ in range(5000):
        frames.coming.put_nowait(record(vrid=77))
    await until(lambda: frames.coming.empty())
    listener.end()
    await asyncio.wait_for(running, 10)
    assert ears.counts.heard < 1000
    assert ears.counts.heard + ears.counts.flooded >= 4999
