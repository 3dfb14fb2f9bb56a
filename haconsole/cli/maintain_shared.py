"""What `haconsole maintain` and the console's maintenance share: where the flow is kept, and who may go on with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from haconsole.io.maintenance_file import FlowFile, default_folder
from haconsole.operations.maintenance import Flow, FlowError, resumed

if TYPE_CHECKING:
    import click

    from haconsole.model.spec import ClusterSpec


def flow_file(ctx: click.Context, spec: ClusterSpec) -> FlowFile:
    """Of a demo's cluster beside its key, which goes with it: its name may be a real cluster's."""
    key = spec.nodes[0].ssh.identity_file
    folder: Path = key.parent if ctx.obj.get("clusters") is not None and key is not None else default_folder()
    return FlowFile(spec.name, folder)


def demo_reboots(spec: ClusterSpec) -> dict[str, str]:
    """How each of the demo's nodes is rebooted, from another terminal."""
    found = {}
    for node in spec.nodes:
        ssh = node.ssh
        how = f"ssh -F none -i {ssh.identity_file} -o UserKnownHostsFile={ssh.known_hosts} -p {ssh.port}"
        found[node.name] = f"{how} {ssh.user}@{node.address} sudo -n -- reboot"
    return found


def gone_on(kept: Flow, spec: ClusterSpec, now: float) -> Flow:
    """A kept flow, to be driven from now on. Raises: FlowError: a node of it is not configured any more."""
    known = {n.name for n in spec.nodes}
    if strange := [n for n in kept.nodes if n not in known]:
        raise FlowError(f"the maintenance is of {strange[0]}, which is not configured any more")
    return resumed(kept, now)
