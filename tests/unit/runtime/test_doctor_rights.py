"""What `doctor` makes of sudo's words: only a rule without a password is a right."""

from __future__ import annotations

import pytest

from haconsole.catalogue.script import Output
from haconsole.catalogue.sudoers import Grant, grants
from haconsole.report.doctor_rights import For
from haconsole.runtime.doctor_rights import permit, purpose_of
from tests.unit.cluster.builders import spec

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
