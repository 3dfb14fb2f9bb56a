"""Asks every node's sudo which of the command lines of `haconsole sudoers` it would run; nothing of them is run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.catalogue import ask as entries
from haconsole.catalogue import capture, change, operation, read
from haconsole.catalogue.command import CommandSpec, Names, Root
from haconsole.catalogue.script import Output, under_sudo
from haconsole.catalogue.sudoers import Grant, grants
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.io.ports import Connection, Connector
from haconsole.model.events import Subject
from haconsole.model.problems import ProblemError
from haconsole.model.readings import Rights
from haconsole.model.spec import ClusterSpec
from haconsole.parse import ask as parse
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode
from haconsole.report.doctor_rights import For, Permit
from haconsole.runtime.batches import Batches

NODE_S: Final = 20.0
"""One node, all of its questions."""
AT_ONCE: Final = 10
"""Questions of one batch: what a node answers within its time counts, batch by batch."""
_REFUSED: Final = 1
"""Exit status of `sudo -n -l` for a login that no rule is for, or none without a password."""
_NEW: Final = 2
"""keepalived's major version from which on a dump is made as `dump_age` "new" says."""


async def ask_permits(picture: ClusterPicture, connector: Connector) -> Mapping[str, tuple[Permit, ...]]:
    """By node: sudo's word on each line. Nodes that cannot be read, that log in as root or without sudo, and those
    that no connection could be made to are left out."""
    asked = [n for n in picture.nodes if n.readable and n.identity is not None and n.identity.rights is Rights.SUDO]
    answers = await asyncio.gather(*(_of_node(picture, n, connector) for n in asked))
    return {node.name: found for node, found in zip(asked, answers, strict=True) if found}


async def _of_node(picture: ClusterPicture, node: NodePicture, connector: Connector) -> tuple[Permit, ...]:
    if node.identity is None:  # never: the caller has looked
        return ()
    try:
        wanted = _needed(picture.spec, node, node.identity.user)
    except ValueError:  # a name that no sudoers file can have: `haconsole sudoers` says which
        return ()
    outputs: dict[str, Output] | None = None
    try:
        async with asyncio.timeout(NODE_S):
            connection = await connector.connect(node.spec)
            outputs = {}
            try:
                await _ask(connection, [_may(number, grant) for number, grant in enumerate(wanted)], outputs)
            finally:
                connection.abort()
    except (ProblemError, TimeoutError):
        if outputs is None:
            return ()
    rules = outputs.get(entries.SUDO_LIST.id)
    if rules is not None and rules.status == _REFUSED:
        return tuple(permit(g, rules, rules) for g in wanted)
    return tuple(permit(g, outputs.get(_may(number, g).id), rules) for number, g in enumerate(wanted))


async def _ask(connection: Connection, questions: Sequence[CommandSpec], outputs: dict[str, Output]) -> None:
    """Fills `outputs` as answers come, so that what a slow node has told stays. A login that no rule is for is asked
    one thing: each refusal is a line in the node's log. Raises: ProblemError."""
    batches = Batches(connection, lambda: Rights.PLAIN)
    outputs.update(await batches.run([entries.SUDO_LIST], _NAMES))
    rules = outputs.get(entries.SUDO_LIST.id)
    if rules is not None and rules.status == _REFUSED:
        return
    for start in range(0, len(questions), AT_ONCE):
        outputs.update(await batches.run(questions[start : start + AT_ONCE], _NAMES))


def _needed(cluster: ClusterSpec, node: NodePicture, user: str) -> tuple[Grant, ...]:
    """Without the line for a keepalived of the other age, where this one's is known. Raises: ValueError."""
    found = grants(cluster, node.spec, user)
    version = node.versions.keepalived if node.versions is not None else None
    if version is None:
        return found
    names = Names(
        keepalived_unit=cluster.keepalived_service,
        squid_unit=cluster.squid_service,
        config_file=cluster.keepalived_config,
        dump_age="new" if version.major < _NEW else "old",
    )
    other = under_sudo(read.KEEPALIVED_DUMP, names) or ()
    return tuple(g for g in found if g.argv[1:] != other[1:])


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
