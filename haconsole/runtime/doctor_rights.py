"""Asks every node's sudo which of the command lines of `haconsole sudoers` it would run; nothing of them is run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from haconsole.catalogue import ask as entries
from haconsole.catalogue import capture, change, operation, read
from haconsole.catalogue.command import CommandSpec, Names, Root
from haconsole.catalogue.script import Output
from haconsole.catalogue.sudoers import Grant, grants
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.io.ports import Connector
from haconsole.model.events import Subject
from haconsole.model.problems import ProblemError
from haconsole.model.readings import Rights
from haconsole.parse import ask as parse
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode
from haconsole.report.doctor_rights import For, Permit
from haconsole.runtime.batches import Batches

NODE_S: Final = 20.0
"""One node, all of its questions."""


async def ask_permits(picture: ClusterPicture, connector: Connector) -> Mapping[str, tuple[Permit, ...]]:
    """By node: sudo's word on each line. Nodes that cannot be read, that log in as root or without sudo, and those
    that do not answer are left out."""
    asked = [n for n in picture.nodes if n.readable and n.identity is not None and n.identity.rights is Rights.SUDO]
    answers = await asyncio.gather(*(_of_node(picture, n, connector) for n in asked))
    return {node.name: found for node, found in zip(asked, answers, strict=True) if found}


async def _of_node(picture: ClusterPicture, node: NodePicture, connector: Connector) -> tuple[Permit, ...]:
    if node.identity is None:  # never: the caller has looked
        return ()
    try:
        wanted = grants(picture.spec, node.spec, node.identity.user)
    except ValueError:  # a name that no sudoers file can have: `haconsole sudoers` says which
        return ()
    specs = [_may(number, grant) for number, grant in enumerate(wanted)]
    try:
        async with asyncio.timeout(NODE_S):
            connection = await connector.connect(node.spec)
            try:
                outputs = await Batches(connection, lambda: Rights.PLAIN).run([*specs, entries.SUDO_LIST], _NAMES)
            finally:
                connection.abort()
    except (ProblemError, TimeoutError):
        return ()
    rules = outputs.get(entries.SUDO_LIST.id)
    return tuple(permit(g, outputs.get(s.id), rules) for g, s in zip(wanted, specs, strict=True))


_NAMES: Final = Names(keepalived_unit="keepalived", squid_unit="squid", config_file="/etc/keepalived/keepalived.conf")
"""No question has a placeholder."""


def _may(number: int, grant: Grant) -> CommandSpec:
    return CommandSpec(
        id=f"doctor.may-{number}",
        argv=("sudo", "-n", "-l", "-l", "--", *grant.argv),
        subject=Subject.IDENTITY,
        timeout_s=4,
        limit=64 * 1024,
        doc=f"Would sudo run {grant.entry}.",
    )


def permit(grant: Grant, output: Output | None, rules: Output | None) -> Permit:
    """sudo's word on one line. output: of `sudo -n -l -l -- LINE`, rules: of `sudo -n -l`; None: no answer.

    Exit 0 alone proves nothing: a rule that wants a password is listed too (`parse.ask`)."""
    purpose = purpose_of(grant.entry)
    if output is None or output.truncated or output.status in {124, 137}:
        return Permit(entry=grant.entry, purpose=purpose, ok=None, words="no answer")
    try:
        word = parse.parse_may(decode(output.stdout), output.stderr, output.status)
        free = word.free
        if word.allowed and free is None and rules is not None and rules.status == 0 and not rules.truncated:
            free = parse.parse_password_free(decode(rules.stdout), word.command)
    except ParseError as error:
        return Permit(entry=grant.entry, purpose=purpose, ok=None, words=str(error))
    if not word.allowed:
        return Permit(entry=grant.entry, purpose=purpose, ok=False, words=word.words)
    words = "" if free else "it may want a password: no NOPASSWD rule is the last that matches"
    return Permit(entry=grant.entry, purpose=purpose, ok=True if free else None, words=words)


def purpose_of(entry: str) -> For:
    """What a grant is needed for, by its entry's id."""
    if entry in operation.COMMANDS or entry in change.COMMANDS:
        return For.CHANGING
    if entry in capture.STREAMS:
        return For.CAPTURING
    spec = read.COMMANDS.get(entry)
    return For.READING if spec is not None and spec.root is Root.NEEDED else For.TELLING_MORE
