"""What makes one node different from its root image: keys, names, keepalived.conf; laid over the root before boot."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from .configurations import AUTHORIZED_KEYS, KEEPALIVED_CONF, hosts, keepalived_conf
from .plan import NodePlan
from .shell import command

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


def make_client_key(directory: Path) -> str:
    """Make the operator's key pair; returns the public line."""
    directory.mkdir(mode=0o700)
    _keygen(directory / "id_ed25519", "haconsole lab operator")
    return (directory / "id_ed25519.pub").read_text("ascii")


def stage_node(plan: NodePlan, nodes: Sequence[NodePlan], stage: Path, public_key: str) -> str:
    """Write the files of one node; returns its line for known_hosts."""
    (stage / "etc/ssh").mkdir(parents=True)
    for path in (stage, stage / "etc", stage / "etc/ssh"):
        path.chmod(0o755)
    key = stage / HOST_KEY.lstrip("/")
    _keygen(key, plan.name)
    _put(stage, KEEPALIVED_CONF, keepalived_conf(plan, nodes))
    _put(stage, AUTHORIZED_KEYS, public_key)
    _put(stage, "/etc/hostname", plan.name + "\n")
    _put(stage, "/etc/hosts", hosts(nodes))
    # an empty one would make systemd treat this as a first boot and apply presets
    _put(stage, "/etc/machine-id", secrets.token_hex(16) + "\n", 0o444)
    public = " ".join(key.with_name(key.name + ".pub").read_text("ascii").split()[:2])
    return f"{plan.name},{plan.lan},{plan.lan6} {public}\n"


def _put(stage: Path, path: str, text: str, mode: int = 0o644) -> None:
    target = stage / path.lstrip("/")
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True)
        target.parent.chmod(0o755)
    target.write_text(text, "utf-8")
    target.chmod(mode)


def _keygen(path: Path, comment: str) -> None:
    command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
