"""Drives catalogue entries of operations on a lab node over SSH, one session an entry, as the executor does."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from haconsole.catalogue import operation as entries
from haconsole.catalogue import script
from haconsole.catalogue.command import CommandSpec
from haconsole.catalogue.operation import OperationNames
from haconsole.model.operation import LockAnswer, LockRequest, NodeOperation, RevertTimers, SaveAnswer, Slot, StepAnswer
from haconsole.model.readings import Rights
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec, SshSpec
from haconsole.parse import operation as parse
from haconsole.report.sudoers import sudoers_file
from tests.lab.harness import Lab
from tests.lab.harness.configurations import SUDOERS
from tests.lab.harness.node import Node

MARK = "5eed"
KEPT = "/run/haconsole"


def cluster_spec(lab: Lab) -> ClusterSpec:
    """The lab as its configuration file describes it, for the login `ops`."""
    ssh = SshSpec(user="ops", sudo=True)
    return ClusterSpec(name="proxy", nodes=tuple(NodeSpec(name=p.name, address=str(p.lan), ssh=ssh) for p in lab.plans))


@contextlib.contextmanager
def granted(lab: Lab) -> Iterator[None]:
    """`ops` may do on every node what `haconsole sudoers` prints, and nothing else."""
    spec = cluster_spec(lab)
    text = sudoers_file([(spec, n) for n in spec.nodes], "ops")
    before = {node.name: node.read(SUDOERS) for node in lab.nodes.values()}
    for node in lab.nodes.values():
        node.write(SUDOERS, text, 0o440)
    try:
        yield
    finally:
        for node in lab.nodes.values():
            node.write(SUDOERS, before[node.name], 0o440)


@contextlib.contextmanager
def bash_as_sh(node: Node) -> Iterator[None]:
    """/bin/sh is bash, as on RHEL and its kin."""
    shell = node.sh("readlink -e /bin/sh").strip()
    node.exec("mount", "--bind", "/bin/bash", shell)
    try:
        yield
    finally:
        node.exec("umount", "--lazy", shell)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One console's work on one node."""

    lab: Lab
    node: Node
    operation: str = "op-one"
    interface: str = "eth1"
    owner: str = "Zoë"
    user: str = "ops"
    names: OperationNames = field(default_factory=OperationNames)

    def argv(self, spec: CommandSpec, data: str = "") -> list[str]:
        """The ssh client that runs one entry; its standard input wants the mark."""
        names = replace(self.names, data=data, interface=self.interface)
        rights = Rights.ROOT if self.user == "root" else Rights.SUDO
        folder = self.lab.ssh_dir
        options = ["-F", "none", "-i", f"{folder}/id_ed25519", "-o", f"UserKnownHostsFile={folder}/known_hosts"]
        quiet = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR"]
        return ["ssh", *options, *quiet, f"{self.user}@{self.node.address}", script.batch([spec], names, rights)]

    def run(self, spec: CommandSpec, data: str = "") -> script.Output:
        """One entry. Raises: AssertionError: no answer."""
        done = self.lab.operator(self.argv(spec, data), stdin=f"{MARK}\n", check=False)
        found = script.outputs(MARK, done.stdout.encode(), [spec]).get(spec.id)
        assert found is not None, f"no answer to {spec.id}: {done.stdout}{done.stderr}"
        return found

    def killed(self, spec: CommandSpec, data: str = "") -> None:
        """One entry whose ssh client is killed as soon as the node begins to answer."""
        process: subprocess.Popen[Any] = self.lab.operator_popen(
            self.argv(spec, data), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{MARK}\n".encode())
        process.stdin.flush()
        process.stdout.read(1)
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def told(self, spec: CommandSpec, data: str = "") -> str:
        """Standard output of an entry that ended well."""
        found = self.run(spec, data)
        assert found.status == 0, f"{spec.id}: {found.status} {found.stdout.decode()} {found.stderr}"
        return found.stdout.decode()

    # --- the steps --------------------------------------------------------------------------------

    def request(self) -> LockRequest:
        return LockRequest(
            operation=self.operation, owner=self.owner, host="desk", name="link-down", node=self.node.name,
            started="2026-01-01T00:00:00Z",
        )  # fmt: skip

    def lock(self, instead_of: str = "") -> LockAnswer:
        return parse.parse_lock(self.told(entries.LOCK, entries.taking(self.request(), instead_of)))

    def renew(self) -> LockAnswer:
        return parse.parse_lock(self.told(entries.LOCK, entries.renewing(self.operation)))

    def release(self) -> LockAnswer:
        return parse.parse_lock(self.told(entries.LOCK, entries.releasing(self.operation)))

    def save(self, spec: CommandSpec = entries.SAVE_LINK, keepalived: tuple[IpAddress, ...] = ()) -> SaveAnswer:
        return parse.parse_saved(self.told(spec, entries.saving(self.operation, keepalived)))

    def arm(self, spec: CommandSpec, slot: Slot = Slot.A, deadline_s: int = 15) -> StepAnswer:
        return parse.parse_step(self.told(spec, entries.arming(self.operation, slot, deadline_s)))

    def disarm(self, slot: Slot = Slot.A) -> Any:
        return parse.parse_disarm(self.told(entries.DISARM, entries.disarming(self.operation, slot)))

    def clear(self) -> StepAnswer:
        return parse.parse_step(self.told(entries.CLEAR, entries.clearing(self.operation)))

    def state(self) -> NodeOperation:
        return parse.parse_state(self.told(entries.STATE))

    def timers(self) -> RevertTimers:
        return parse.parse_timers(self.told(entries.TIMERS))

    # --- what is left, seen from the machine ------------------------------------------------------

    def kept(self) -> list[str]:
        """Files below /run/haconsole."""
        return self.node.sh(f"find {KEPT} -mindepth 1 2>/dev/null || true").split()

    def uptime(self) -> float:
        return float(self.node.read("/proc/uptime").split()[0])
