"""Which clusters listen: all of a few; of many the one on the screen, and those that just were."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.runtime import monitor
from haconsole.runtime.monitor import LISTENING, Monitor, listen_where_open
from tests.support.wait import until
from tests.unit.runtime.fakes import FakeClock, FakeConnector


class Told(Monitor):
    """Keeps what it was told about being looked at."""

    attended = True

    def attend(self, *, attended: bool) -> None:
        self.attended = attended
        super().attend(attended=attended)


def clusters(count: int) -> list[Told]:
    def refuse(_node: NodeSpec) -> object:
        raise AssertionError("nobody connects here")

    specs = (ClusterSpec(name=f"c{n}", nodes=(NodeSpec(name="a", address="192.0.2.1"),)) for n in range(count))
    return [Told(s, FakeConnector(refuse), None, FakeClock()) for s in specs]  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def choosing(monitors: list[Told], opened: Callable[[], str | None]) -> AsyncIterator[asyncio.Future[None]]:
    running = asyncio.ensure_future(listen_where_open(monitors, opened))
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_few_clusters_all_listen() -> None:
    monitors = clusters(LISTENING)
    async with choosing(monitors, lambda: None) as running:
        await running
    assert all(m.attended for m in monitors)


async def test_of_many_only_the_open_one_listens_and_one_that_was_left_goes_on_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitor, "LINGER_S", 1.0)
    monitors, where = clusters(LISTENING + 1), [None, "c3", "c5"]
    at = [0]
    async with choosing(monitors, lambda: where[at[0]]):
        await until(lambda: not any(m.attended for m in monitors))
        at[0] = 1
        await until(lambda: [m.spec.name for m in monitors if m.attended] == ["c3"])
        at[0] = 2
        await until(lambda: [m.spec.name for m in monitors if m.attended] == ["c3", "c5"])
        await until(lambda: [m.spec.name for m in monitors if m.attended] == ["c5"])


async def test_without_listening_there_is_nothing_to_hear() -> None:
    (spec,) = (m.spec for m in clusters(1))
    quiet = Monitor(spec, None, None, FakeClock(), listen=False)  # type: ignore[arg-type]
    quiet.attend(attended=False)
    assert quiet.hearing is None
