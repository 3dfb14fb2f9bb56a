"""The sudoers file that `haconsole sudoers` prints: grants, each with what it is for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.catalogue.capture import user_name
from haconsole.catalogue.sudo_text import login
from haconsole.catalogue.sudoers import SECURE_PATH, Grant, grants
from haconsole.model.spec import ClusterSpec, NodeSpec


def sudoers_file(nodes: Sequence[tuple[ClusterSpec, NodeSpec]], user: str, interfaces: Sequence[str] = ()) -> str:
    """One file that serves all of `nodes`, for the login `user`.

    Raises: ValueError: a name of the configuration, or the login's, that cannot stand in such a file.
    """
    found: dict[tuple[str, ...], Grant] = {}
    for cluster, node in nodes:
        found |= {grant.argv: grant for grant in grants(cluster, node, user, interfaces)}
    who = login(user_name(user))
    where = ", ".join(dict.fromkeys(_comment(node.name) for _, node in nodes))
    lines = [
        f"# What haconsole may do as root when it logs in as {_comment(user)}: these command lines, exactly.",
        f"# For: {where}. Printed by `haconsole sudoers`; print it anew after haconsole or its configuration changed.",
        "# Put it into /etc/sudoers.d/haconsole (0440, root), after `visudo -c -f FILE`.",
        "# Programs that are named without a path are looked for here only:",
        f'Defaults:{who} env_reset, !setenv, !requiretty, secure_path="{SECURE_PATH}"',
    ]
    for grant in found.values():
        lines += ["", f"# {_comment(grant.entry)}: {_comment(grant.doc)}"]
        lines.append(f"{who} ALL=(root) NOPASSWD: {grant.text}")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    # A comment that ends in a backslash would go on in the next line.
    return "".join(c if c.isprintable() and c != "\\" else "?" for c in text)
