"""The client's view, kept fresh: one request through every VIP every two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from haconsole.io.ports import ClientProbe, Clock
from haconsole.model.events import ClientProbed, Event
from haconsole.model.spec import ClusterSpec, IpAddress

CADENCE_S: Final = 2.0
AT_ONCE: Final = 128
"""Connections of one cluster's probes at the same time."""


async def probe_once(
    cluster: ClusterSpec, vips: Iterable[IpAddress], probe: ClientProbe, clock: Clock, emit: Callable[[Event], None]
) -> None:
    """One request through each VIP, many at once; an event as each is answered or given up."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(vip: IpAddress) -> None:
        async with places:
            result = await probe.probe(cluster, vip)
        emit(ClientProbed(vip=vip, at=clock.now(), result=result))

    async with asyncio.TaskGroup() as tasks:
        for vip in vips:
            tasks.create_task(one(vip))


async def keep_probing(
    cluster: ClusterSpec,
    vips: Callable[[], Iterable[IpAddress]],
    probe: ClientProbe,
    clock: Clock,
    emit: Callable[[Event], None],
) -> None:
    """For ever, at a steady cadence; `vips` is asked each time, since nodes may teach us more."""
    due = clock.now()
    while True:
        await probe_once(cluster, tuple(vips()), probe, clock, emit)
        due = max(due + CADENCE_S, clock.now())
        await asyncio.sleep(max(0.0, due - clock.now()))
