"""`doctor`: what was read is told as read, what failed with its remedy, and what nobody read as not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from haconsole.model.events import Subject
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import ConfigTest, Rights
from haconsole.report.doctor import all_well, checks
from haconsole.report.doctor_check import Check
from haconsole.report.doctor_rights import For, Permit
from tests.unit.cluster.builders import ONE, Play, healthy, identity, problem, squid


def told(play: Play, permits: Sequence[Permit] | None = None, *, read_only: bool = False) -> dict[str, Check]:
    picture = play.picture()
    picture = replace(picture, spec=replace(picture.spec, read_only=read_only))
    return {c.id: c for c in checks(picture, {} if permits is None else {ONE: permits}) if c.node == ONE}


def permit(purpose: For, ok: bool | None, entry: str = "keepalived.dump") -> Permit:
    words = {True: "", False: "sudo: a password is required", None: "it may want a password"}[ok]
    return Permit(entry=entry, purpose=purpose, ok=ok, words=words)


def test_a_healthy_node_is_read_whole() -> None:
    found = told(healthy())
    subjects = ("keepalived-state", "configuration", "configuration-test", "kernel", "units", "squid-check", "sockets")
    assert {i: found[i].ok for i in (*subjects, "squid-counters")} == dict.fromkeys((*subjects, "squid-counters"), True)


def test_what_failed_says_why_and_what_mends_it() -> None:
    found = told(healthy().failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_PERMITTED, "may not", "permit it")))
    check = found["keepalived-state"]
    assert (check.ok, check.text, check.remedy) == (False, "may not", "permit it")


def test_what_was_neither_read_nor_refused_is_not_known() -> None:
    """keepalived 1.x has no -t, and is never asked for it."""
    play = healthy()
    play.state = replace(
        play.state, nodes={**play.state.nodes, ONE: replace(play.state.nodes[ONE], config_test=None, daemon=None)}
    )
    found = told(play)
    assert (found["configuration-test"].ok, found["keepalived-state"].ok) == (None, None)
    assert "not read" in found["configuration-test"].text


def test_a_test_without_a_verdict_is_not_known_and_says_why() -> None:
    play = healthy().read(ONE, ConfigTest(ok=None, why_unknown="it did not end in time"), squid(check_ok=None))
    found = told(play)
    assert (found["configuration-test"].ok, found["squid-check"].ok) == (None, None)
    assert "it did not end in time" in found["configuration-test"].text


# --- rights ---------------------------------------------------------------------------------------------

RIGHTS = {"rights": For.READING, "changing-rights": For.CHANGING, "capture-rights": For.CAPTURING}


def by_sudo() -> Play:
    """A login that is not root, where sudo is configured."""
    return healthy().read(ONE, identity("ops", Rights.SUDO))


@pytest.mark.parametrize(("id_", "purpose"), RIGHTS.items())
@pytest.mark.parametrize("ok", [True, False, None])
def test_sudo_s_own_word_decides_and_not_that_sudo_is_configured(id_: str, purpose: For, ok: bool | None) -> None:
    every = [permit(p, True) for p in RIGHTS.values()]
    check = told(by_sudo(), [*every, permit(purpose, ok, "operation.lock")])[id_]
    by_itself = purpose is For.CAPTURING and ok is False  # tcpdump may have a right of its own, and is tried
    assert check.ok is (None if by_itself else ok)
    assert ("a tcpdump with a right of its own" in check.text) is by_itself
    if ok is not True:
        assert "1 of 2 commands: operation.lock" in check.text
        assert check.remedy is not None and f"haconsole sudoers --node {ONE}" in check.remedy
    others = [c for i, c in told(by_sudo(), every).items() if i in RIGHTS]
    assert all_well(others)


def test_where_sudo_was_not_asked_refusals_decide_and_without_them_nothing_is_green() -> None:
    refused = by_sudo().failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_PERMITTED, "may not"))
    assert told(refused)["rights"].ok is False
    assert {told(by_sudo())[i].ok for i in ("changing-rights", "capture-rights")} == {None}


def test_without_sudo_nothing_can_be_changed_and_in_a_read_only_cluster_nothing_has_to_be() -> None:
    plain = healthy().read(ONE, identity("ops", Rights.PLAIN))
    assert [told(plain)[i].ok for i in RIGHTS] == [False, False, None]
    assert "changing-rights" not in told(plain, read_only=True)
