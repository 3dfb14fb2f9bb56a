"""What `doctor` makes of sudo's words: only a rule without a password is a right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from haconsole.catalogue.script import Line, Output
from haconsole.catalogue.sudoers import Grant, grants
from haconsole.model.problems import ProblemError, ProblemKind
from haconsole.model.readings import Rights
from haconsole.model.spec import NodeSpec
from haconsole.report.doctor_rights import For, Permit
from haconsole.runtime.doctor_rights import ask_permits, permit, purpose_of
from tests.unit.cluster.builders import ONE, healthy, identity, problem, spec
from tests.unit.runtime.fakes import FakeConnection, FakeConnector

LINE = "/usr/bin/systemctl stop squid"
GRANT = Grant(entry="change.squid-stop", argv=tuple(LINE.split()), doc="")


def output(text: str = "", status: int = 0, stderr: str = "") -> Output:
    return Output(status=status, stdout=text.encode(), stderr=stderr, truncated=False, files={})


def rules(*lines: str) -> Output:
    return output("User ops may run the following commands on n1:\n" + "".join(f"    {line}\n" for line in lines))


@pytest.mark.parametrize(
    ("listed", "ok"),
    [
        (rules(f"(root) NOPASSWD: {LINE}"), True),
        (rules("(ALL : ALL) NOPASSWD: ALL"), True),
        (rules("(root) NOPASSWD: /usr/bin/true", "(ALL : ALL) ALL"), None),
        (rules(f"(root) NOPASSWD: {LINE}", "(ALL : ALL) PASSWD: ALL"), None),
        (None, None),
    ],
)
def test_a_rule_that_may_want_a_password_is_no_right(listed: Output | None, ok: bool | None) -> None:
    assert permit(GRANT, output(LINE + "\n"), listed).ok is ok


def test_what_sudo_refuses_and_what_it_does_not_answer() -> None:
    refused = permit(GRANT, output(status=1, stderr="sudo: a password is required\n"), None)
    assert (refused.ok, refused.words) == (False, "sudo: a password is required")
    assert permit(GRANT, None, None).ok is None
    assert permit(GRANT, output(status=127, stderr="sudo: not found"), None).ok is None


def test_each_line_of_the_sudoers_file_has_its_purpose() -> None:
    cluster = spec()
    found = {purpose_of(g.entry) for g in grants(cluster, cluster.nodes[0], "ops")}
    assert found == set(For)


# --- asking a node --------------------------------------------------------------------------------------

FREE = b"User ops may run the following commands on n1:\n    (root) NOPASSWD: ALL\n"


def asked(answer: Callable[[Line], tuple[bytes, str, int]]) -> tuple[list[Permit], list[Line]]:
    """What one node's sudo told of each grant, and what it was asked."""
    picture = healthy().read(ONE, identity("ops", Rights.SUDO)).picture()
    made: list[FakeConnection] = []

    def make(node: NodeSpec) -> FakeConnection:
        made.append(FakeConnection(answer))
        return made[-1]

    found = asyncio.run(ask_permits(picture, FakeConnector(make)))  # type: ignore[arg-type]
    assert all(c.aborted for c in made)
    return list(found[ONE]), [line for c in made for line in c.lines]


def test_a_node_that_stops_answering_keeps_what_it_told() -> None:
    def answer(line: Line) -> tuple[bytes, str, int]:
        if line.id == "ask.sudo-list":
            return FREE, "", 0
        if line.id == "doctor.may-25":
            raise ProblemError(problem(ProblemKind.COMMAND_TIMED_OUT, "too slow"))
        return " ".join(line.argv[5:]).encode(), "", 0

    told, lines = asked(answer)
    assert [p.ok for p in told] == [True] * 20 + [None] * (len(told) - 20)
    assert {p.words for p in told[20:]} == {"no answer"}
    assert lines[0].id == "ask.sudo-list"


def test_a_login_without_any_rule_is_asked_once() -> None:
    told, lines = asked(lambda line: (b"", "sudo: a password is required\n", 1))
    assert {(p.ok, p.words) for p in told} == {(False, "sudo: a password is required")}
    assert [line.id for line in lines] == ["ask.sudo-list"]


def test_the_dump_of_the_other_keepalived_is_not_asked_for() -> None:
    told, lines = asked(lambda line: (FREE, "", 0))
    assert [p.entry for p in told].count("keepalived.dump") == 1
    assert not any("[ 'old' = old ]" in " ".join(line.argv) for line in lines)
