"""The lab itself: a running cluster, from bringing it up to leaving nothing behind."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Self, TypeVar

from . import heal, netns, probes
from .console_config import console_config
from .container import Container
from .image import DEFAULT_SUITE, ensure_image
from .network import Network
from .node import Node
from .plan import MAX_NODES, ORIGIN_ADDRESS, ORIGIN_URL, VIPS, node_plans
from .prerequisites import missing_prerequisites
from .processes import make_cgroup, run_cgroups
from .runs import Run, remove_leftovers
from .shell import LabError, command, until
from .staging import make_client_key, stage_node

BOOT_DEADLINE_S = 60.0
_PATIENCE_S = 3.0
_STABLE_S = 0.4
_log = logging.getLogger("lab")
T = TypeVar("T")


class Lab:
    """Two or three booted nodes, an operator's place and a web origin; use it as a context manager.

    `suites` names the Debian suite of each node (default: $SUITE, comma-separated, or bookworm). With `keep` the lab
    stays when the block ends, until `python -m tests.lab down`.
    """

    def __init__(self, nodes: int = 2, suites: Sequence[str] | None = None, *, keep: bool = False) -> None:
        chosen = tuple(suites) if suites else suites_from_environment(nodes)
        if len(chosen) == 1:
            chosen *= nodes
        if not 2 <= nodes <= MAX_NODES or len(chosen) != nodes:
            raise LabError(f"a lab has 2 or {MAX_NODES} nodes and one suite for each; got {nodes} and {chosen}")
        self.plans = node_plans(chosen)
        self.keep = keep
        self.nodes: dict[str, Node] = {}
        self.origin_url = ORIGIN_URL
        self._run: Run | None = None
        self._owner = os.getpid()
        self._origin: subprocess.Popen[bytes] | None = None
        self._popens: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        """Bring the lab up and wait until every VIP is where it belongs."""
        self.up()
        try:
            self.wait_converged(BOOT_DEADLINE_S)
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind, or everything when told to keep it."""
        if self.keep and error is None:
            self.release()
        else:
            self.down()

    # -- coming up and going down ----------------------------------------------------------------------------------

    def up(self) -> None:
        """Make images, network and nodes, and start booting; nothing is left when this fails."""
        missing = missing_prerequisites()
        if missing:
            raise LabError("the lab cannot run here: " + "; ".join(missing))
        remove_leftovers()
        for suite in {plan.suite for plan in self.plans}:
            ensure_image(suite)
        end_on_sigterm()
        self._run = Run.create()
        atexit.register(self.down)
        try:
            self.network = Network(self._run.id, self.plans)
            self.network.up()
            self._stage()
            self._start_origin()
            self._boot()
        except BaseException:
            self.down()
            raise

    def _stage(self) -> None:
        public_key = make_client_key(self.ssh_dir)
        known_hosts = ""
        for plan in self.plans:
            directory = self.directory / plan.short
            directory.mkdir()
            known_hosts += stage_node(plan, self.plans, directory / "stage", public_key)
        (self.ssh_dir / "known_hosts").write_text(known_hosts, "ascii")

    def _start_origin(self) -> None:
        program = Path(__file__).with_name("origin.py")
        inside = ["ip", "netns", "exec", self.network.namespace("web")]
        with (self.directory / "origin.log").open("wb") as log:
            self._origin = subprocess.Popen(
                [*inside, sys.executable, "-I", str(program), ORIGIN_ADDRESS, "80"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _boot(self) -> None:
        for group in run_cgroups(self.run.id):
            make_cgroup(group)
        containers = [
            Container(self.run.id, plan, self.directory / plan.short, self.network.namespace(plan.short))
            for plan in self.plans
        ]
        for container in containers:
            container.start()
            self.nodes[container.plan.name] = Node(container)
        for container in containers:
            container.wait_started()

    def down(self) -> None:
        """End and remove everything of this lab. Harmless when there is nothing."""
        run, self._run = self._run, None
        if run is None or self._owner != os.getpid():
            return
        with _signals_held():
            run.remove()
            for node in self.nodes.values():
                node.container.reap()
            for process in (*self._popens, *([self._origin] if self._origin else [])):
                _close(process)
            self.nodes.clear()
        atexit.unregister(self.down)

    def release(self) -> None:
        """Let the lab stay when this process ends; `python -m tests.lab down` removes it."""
        run, self._run = self._run, None
        if run is not None:
            run.keep({plan.name: plan.suite for plan in self.plans})
            for process in (*self._popens, *([self._origin] if self._origin else [])):
                process.returncode = 0  # no longer ours to wait for
            for node in self.nodes.values():
                node.container.disown()
            atexit.unregister(self.down)

    # -- places ----------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Run:
        """The running lab's identity."""
        if self._run is None:
            raise LabError("the lab is not up")
        return self._run

    @property
    def directory(self) -> Path:
        """The lab's state folder; gone when the lab is."""
        return self.run.directory

    @property
    def ssh_dir(self) -> Path:
        """The folder with `id_ed25519` and `known_hosts`."""
        return self.directory / "ssh"

    @property
    def operator_namespace(self) -> str:
        """The name of the operator's network namespace."""
        return self.network.namespace("op")

    # -- the operator ----------------------------------------------------------------------------------------------

    def operator(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float = 60.0,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program at the operator's place; `env` is added to this process's environment."""
        return command(
            self.operator_argv(argv),
            check=check,
            timeout=timeout,
            stdin=stdin,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )

    def operator_argv(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs a program at the operator's place."""
        return ["ip", "netns", "exec", self.operator_namespace, *argv]

    def operator_popen(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[Any]:
        """Start a program at the operator's place; options are Popen's. It is ended with the lab at the latest."""
        options.setdefault("start_new_session", True)
        process: subprocess.Popen[Any] = subprocess.Popen(
            self.operator_argv(argv), env={**os.environ, **(env or {})}, **options
        )
        self._popens.append(process)
        return process

    @contextlib.contextmanager
    def enter_operator(self) -> Iterator[None]:
        """Move the calling thread to the operator's place and back: in-process code reaches the nodes."""
        with netns.inside(self.operator_namespace):
            yield

    def ssh(self, node: Node, *argv: str, user: str = "root", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program on a node over SSH from the operator's place."""
        options = [
            *("-F", "none", "-i", str(self.ssh_dir / "id_ed25519")),
            *("-o", f"UserKnownHostsFile={self.ssh_dir / 'known_hosts'}", "-o", "GlobalKnownHostsFile=/dev/null"),
            *("-o", "BatchMode=yes", "-o", "ConnectTimeout=5"),
        ]
        return self.operator(["ssh", *options, f"{user}@{node.address}", "--", *argv], check=check, timeout=30)

    def write_config(self, path: str | Path, user: str = "root", *, sudo: bool | None = None, **overrides: Any) -> Path:
        """Write haconsole's configuration for this lab; returns its path.

        Overrides are keys of the cluster's table (None: left out). Four are not: `ssh`, a mapping of keys of the ssh
        table; `with_vips=False`, so that the VIPs must be learned; `vips`, those of a variant; `extra`, TOML appended
        as it stands.
        """
        settings = {"user": user, "sudo": user != "root" if sudo is None else sudo, **overrides.pop("ssh", {})}
        extra, with_vips = str(overrides.pop("extra", "")), bool(overrides.pop("with_vips", True))
        vips = overrides.pop("vips", VIPS) if with_vips else ()
        cluster = {"name": "proxy", "probe_url": self.origin_url, **overrides}
        target = Path(path)
        target.write_text(
            console_config(self.ssh_dir, self.plans, ssh=settings, cluster=cluster, vips=vips, extra=extra),
            "utf-8",
        )
        return target

    def origin_pids(self) -> list[int]:
        """The process of the web origin."""
        return [self._origin.pid] if self._origin is not None else []

    # -- state -----------------------------------------------------------------------------------------------------

    def node_of(self, vip: str) -> Node:
        """The node that should hold a VIP."""
        index = next(known.preferred for known in VIPS if known.address == vip)
        return next(node for node in self.nodes.values() if node.plan.index == index)

    def holders(self, address: str) -> list[str]:
        """Names of the nodes whose kernel has this address."""
        return [name for name, node in self.nodes.items() if node.holds(address)]

    def fetch(self, proxy: str, timeout: float = 2.0, url: str = ORIGIN_URL) -> int | None:
        """The status of a GET through a proxy address, from the operator's place; None: no answer."""
        return probes.fetch(self.operator_namespace, proxy, url, timeout)

    def unconverged(self) -> list[str]:
        """What is not as it should be, in words; empty: every VIP is on its preferred node and serves, SSH answers."""
        problems = []
        addresses = dict(zip(self.nodes, self.each_node(lambda node: set(node.addresses())), strict=True))
        for vip in VIPS:
            holders = [name for name, known in addresses.items() if f"{vip.address}/24" in known]
            wanted = self.node_of(vip.address).name
            if holders != [wanted]:
                problems.append(f"{vip.address} is on {holders or 'no node'}, not on {wanted}")
            elif self.fetch(vip.address) != 200:
                problems.append(f"{vip.address} does not serve")
        problems += [
            f"{node.name} does not answer on SSH"
            for node in self.nodes.values()
            if not probes.ssh_answers(self.operator_namespace, node.address)
        ]
        return problems

    def wait_converged(self, timeout: float = 30.0, *, stable_s: float = 0.0) -> float:
        """Wait until every VIP is on its preferred node and serves, and stays so; returns the seconds it took."""
        last: list[str] = []
        good_since: list[float] = []

        def converged() -> bool:
            last[:] = self.unconverged()
            if last:
                good_since.clear()
                return False
            good_since.append(time.monotonic())
            return good_since[-1] - good_since[0] >= stable_s

        try:
            return until(converged, timeout, "the pair converges", every_s=0.1)
        except LabError as late:
            raise LabError(f"{late}: {'; '.join(last)}") from None

    def each_node(self, function: Callable[[Node], T]) -> list[T]:
        """Call a function for every node at the same time; the results are in the order of the nodes."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            return list(pool.map(function, self.nodes.values()))

    def heal(self, timeout: float = 30.0) -> list[str]:
        """Bring everything back to the article's healthy pair, mending only what differs; says what was mended."""
        # after a second master the operator may still know the wrong hardware address
        self.network.ip(self.operator_namespace, "neigh flush dev eth0")
        mended = [f"{plug}: cable plugged in" for plug in heal.plug_in(self.network)]
        for repairs in self.each_node(lambda node: heal.heal_node(node, self.network.nodes)):
            mended += repairs
        moved = any(self.each_node(heal.has_history))
        try:
            if not moved:
                self.wait_converged(min(timeout, _PATIENCE_S), stable_s=_STABLE_S if mended else 0.0)
                moved = any(self.each_node(heal.has_history))
            why = "VIPs had moved about" if moved else ""
        except LabError as late:
            why = str(late)
        if why:
            mended.append(f"keepalived started afresh on every node: {why}")
            self.each_node(heal.start_afresh)
            self.wait_converged(timeout, stable_s=_STABLE_S)
        for mend in mended:
            _log.info("%s", mend)
        return mended


def suites_from_environment(nodes: int) -> tuple[str, ...]:
    """The suites named by $SUITE, comma-separated, taken in turn: one name is meant for every node."""
    names = [name.strip() for name in os.environ.get("SUITE", "").split(",") if name.strip()] or [DEFAULT_SUITE]
    return tuple(names[index % len(names)] for index in range(nodes))


def end_on_sigterm() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, so that the lab is taken down on the way out."""
    if threading.current_thread() is not threading.main_thread():
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, stop)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """An impatient second Ctrl-C waits until the lab is gone."""
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _close(process: subprocess.Popen[Any]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    streams: list[IO[Any] | None] = [process.stdin, process.stdout, process.stderr]
    for stream in streams:
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
