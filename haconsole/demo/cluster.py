"""The demo's clusters, running: specs that production code can use, doors to connect to.

`async with DemoCluster("healthy") as demo:` then `demo.spec` (or `demo.specs`) is what a
configuration file would have given. Loopback only, no root, nothing outlives the block.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import asyncssh

from haconsole.demo.ask import OwnAddress, own_addresses
from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.gate import HOST
from haconsole.demo.plan import ClusterPlan, Happening, NodePlan, Scenario, What
from haconsole.demo.proxy_server import VipDoor
from haconsole.demo.scenarios import SCENARIOS
from haconsole.demo.ssh_server import Keys, SshDoor
from haconsole.io.clock import SystemClock
from haconsole.model.spec import ClusterSpec, NodeSpec, SshSpec, VipSpec

PROBE_URL: Final = "http://203.0.113.80/"


class _StopError(Exception):
    """Ends the demo's task group."""


class Running:
    """One cluster in real time: the simulation, its doors, and what drives them."""

    def __init__(
        self, plan: ClusterPlan, authorized: asyncssh.SSHAuthorizedKeys, tasks: asyncio.TaskGroup, speed: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._start, self._speed = self._loop.time(), speed
        self._wake = asyncio.Event()
        self.sim = ClusterSim(plan, SystemClock().now(), speed)
        self.sim.sim.on_sooner = self._wake.set
        self.keys = {
            n: Keys(host=asyncssh.generate_private_key("ssh-ed25519"), authorized=authorized) for n in self.sim.nodes
        }
        self.ssh = {n: SshDoor(node, self.keys[n], tasks, self.now) for n, node in self.sim.nodes.items()}
        self.vips = {vip: VipDoor(self.sim, vip, tasks, self.now) for vip in plan.vips}
        self.own = {
            address: VipDoor(OwnAddress(node), address, tasks, self.now)
            for node in self.sim.nodes.values()
            for address in own_addresses(node.plan)
        }
        """Each node's squid at the node's own addresses."""
        self._doors: list[SshDoor | VipDoor] = [*self.ssh.values(), *self.vips.values(), *self.own.values()]
        self.sim.on_change += [door.update for door in self._doors]
        tasks.create_task(self._drive())

    def now(self) -> None:
        """Bring the simulation up to the present."""
        self.sim.sim.run_until((self._loop.time() - self._start) * self._speed)

    async def _drive(self) -> None:
        while True:
            self._wake.clear()
            self.now()
            due = self.sim.sim.next_at()
            wait = None if due is None else max(0.0, self._start + due / self._speed - self._loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def close(self) -> None:
        """Shut the doors."""
        for door in self._doors:
            door.close()


class DemoCluster:
    """A scenario, running. `speed`: how much faster than life; clocks and heartbeats stay real."""

    def __init__(self, scenario: str | Scenario = "healthy", speed: float = 1.0) -> None:
        self._scenario = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
        self._speed = speed
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._main_task: asyncio.Future[None] | None = None
        self.specs: tuple[ClusterSpec, ...] = ()
        self.running: tuple[Running, ...] = ()

    @property
    def spec(self) -> ClusterSpec:
        """The first cluster."""
        return self.specs[0]

    @property
    def sim(self) -> ClusterSim:
        """The first cluster's simulation, for tests that make things happen."""
        return self.running[0].sim

    def happen(self, node: str, what: What, arg: str = "") -> None:
        """Let something befall the node called so. Raises: KeyError."""
        running = next((r for r in self.running if node in r.sim.nodes), None)
        if running is None:
            raise KeyError(node)
        running.now()
        running.sim.nodes[node].befall(Happening(at_s=0.0, node=node, what=what, arg=arg))

    async def __aenter__(self) -> Self:
        # A task of its own: a task group has to be entered and left by one task, and pytest's
        # fixtures enter and leave in two.
        self._main_task = asyncio.ensure_future(self._main())
        ready = asyncio.ensure_future(self._ready.wait())
        try:
            await asyncio.wait({self._main_task, ready}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._main_task.cancel()
            raise
        finally:
            ready.cancel()
        if self._main_task.done():
            await self._main_task
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._main_task is not None:
            await self._main_task

    async def _main(self) -> None:
        with tempfile.TemporaryDirectory(prefix="haconsole-demo-") as folder:
            try:
                async with asyncio.TaskGroup() as tasks:
                    await self._run(Path(folder), tasks)
            except* _StopError:
                pass

    async def _run(self, folder: Path, tasks: asyncio.TaskGroup) -> None:
        client = asyncssh.generate_private_key("ssh-ed25519")
        files = _Files(folder, client)
        authorized = asyncssh.import_authorized_keys(client.export_public_key().decode())
        _allow_files(16 * sum(len(plan.nodes) for plan in self._scenario.clusters))
        self.running = tuple(Running(plan, authorized, tasks, self._speed) for plan in self._scenario.clusters)
        try:
            files.trust((r.ssh[name].port, keys.host) for r in self.running for name, keys in r.keys.items())
            self.specs = tuple(_spec(r, files) for r in self.running)
            self._ready.set()
            await self._stop.wait()
            raise _StopError
        finally:
            for running in self.running:
                running.close()


class _Files:
    """What the console's SSH reads, in a private folder."""

    def __init__(self, folder: Path, client: asyncssh.SSHKey) -> None:
        self.identity = folder / "id_ed25519"
        self.known_hosts = folder / "known_hosts"
        self.config = folder / "config"
        self.identity.touch(mode=0o600)
        self.identity.write_bytes(client.export_private_key())
        # The person's own ssh_config and agent play no part.
        self.config.write_text("IdentitiesOnly yes\nIdentityAgent none\n")

    def trust(self, hosts: Iterable[tuple[int, asyncssh.SSHKey]]) -> None:
        """Write the known_hosts file: each port with its key."""
        lines = (f"[{HOST}]:{port} {key.export_public_key().decode().strip()}\n" for port, key in hosts)
        self.known_hosts.write_text("".join(lines))


def _allow_files(wanted: int) -> None:
    """Raise the process's soft limit of open files, where it is small and may be raised (macOS: 256)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    goal = wanted + 256
    if soft != resource.RLIM_INFINITY and soft < goal:
        with contextlib.suppress(OSError, ValueError):
            limit = goal if hard == resource.RLIM_INFINITY else min(goal, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _spec(running: Running, files: _Files) -> ClusterSpec:
    plan = running.sim.plan

    def node(found: NodePlan) -> NodeSpec:
        ssh = SshSpec(
            user=found.user,
            port=running.ssh[found.name].port,
            identity_file=files.identity,
            known_hosts=files.known_hosts,
            config_file=files.config,
            sudo=not found.root,
        )
        return NodeSpec(name=found.name, address=HOST, ssh=ssh, shown_address=found.shown_address)

    doors = {**running.own, **running.vips}
    preferred = {vip: i.master for i in plan.instances for vip in i.addresses}
    return ClusterSpec(
        name=plan.name,
        nodes=tuple(node(n) for n in plan.nodes),
        vips=tuple(VipSpec(address=vip, preferred=preferred[vip]) for vip in plan.vips),
        probe_url=PROBE_URL,
        squid_port=plan.squid_port,
        dial={(str(vip), plan.squid_port): (HOST, door.port) for vip, door in doors.items()},
    )
