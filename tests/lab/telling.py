"""A console that runs beside the test, in a thread of its own: faults are made while it watches, as in life."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from haconsole.cluster.conclude import Snapshot, conclude
from haconsole.config.load import load
from haconsole.io.clock import SystemClock
from haconsole.model.findings import Finding, Severity
from haconsole.model.spec import ClusterSpec
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, run_all
from tests.lab.harness import Lab

STEP_S = 0.05


class Console:
    """A monitor that runs and listens, and what it says now. The state is immutable: any thread may look at it."""

    def __init__(self, lab: Lab, spec: ClusterSpec) -> None:
        self._lab, self._spec = lab, spec
        self._clock = SystemClock()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._monitor: Monitor | None = None
        self.seen: dict[str, tuple[float, float]] = {}
        """Key of every finding above info that `step` saw -> when first and last, monotonic."""
        self.roots: set[str] = set()
        """Keys of those that stood alone at some moment."""

    def _run(self) -> None:
        with self._lab.enter_operator():
            asyncio.run(self._watch())

    async def _watch(self) -> None:
        parts = production()
        self._monitor = Monitor(self._spec, parts.connector, parts.probe, parts.clock)
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._ready.set()
        with contextlib.suppress(asyncio.CancelledError):
            await run_all([self._monitor], parts.connector)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None and self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def look(self) -> Snapshot:
        """What it says at this moment."""
        assert self._monitor is not None
        return conclude(self._spec, self._monitor.state, self._clock.now())

    def step(self) -> tuple[Finding, ...]:
        """A little later: what is above info, or unknown. Remembers all of it."""
        time.sleep(STEP_S)
        findings = tuple(f for f in self.look().findings if f.severity > Severity.INFO or f.unknown)
        now, keys = time.monotonic(), {f.key for f in findings}
        for finding in findings:
            first, _ = self.seen.get(finding.key, (now, now))
            self.seen[finding.key] = (first, now)
            if finding.follows_from not in keys:
                self.roots.add(finding.key)
        return findings

    def well(self) -> bool:
        """Every node is heard on the wire, every VIP is where it should be and served, nothing is wrong."""
        picture = self.look().picture
        heard = len(picture.wire.places) == len(picture.nodes)
        agree = picture.vips and all(
            v.holders is not None and v.holders == v.advertisers and v.client is not None and v.client.result.ok
            for v in picture.vips
        )
        known = all(n.host is not None and n.squid is not None and n.dump_at is not None for n in picture.nodes)
        return bool(heard and agree and known and not self.step())

    def forget(self) -> None:
        """What was seen so far does not count."""
        self.seen, self.roots = {}, set()


@contextlib.contextmanager
def console(lab: Lab, folder: Path, user: str = "root") -> Iterator[Console]:
    """One that has seen the pair in peace."""
    (spec,) = load(lab.write_config(folder / f"{user}.toml", user=user))
    with Console(lab, spec) as watching:
        end = time.monotonic() + 40
        while not watching.well():
            assert time.monotonic() < end, [f.summary for f in watching.look().findings]
        watching.forget()
        yield watching
