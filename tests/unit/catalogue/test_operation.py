"""Requests of an operation, and what its texts promise to those who only read them."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from base64 import b64encode
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.catalogue import change, operation, operation_text, script
from haconsole.catalogue.command import Danger, Root, Verb
from haconsole.catalogue.operation import OperationNames
from haconsole.model.operation import DrainNote, LockRequest, Slot
from haconsole.model.readings import Rights

ALL = (*operation.COMMANDS.values(), *change.COMMANDS.values())
ARMS = [c for c in operation.COMMANDS.values() if c.id.startswith("operation.arm-")]
REQUEST = LockRequest(operation="op-1", owner="me", host="h", name="drain", node="n", started="s")


def text(spec: operation.CommandSpec) -> str:
    return spec.filled(OperationNames(interface="eth1"))[-1]


def test_whatever_disturbs_has_a_revert_and_refuses_unless_just_that_one_is_armed() -> None:
    kinds = {a.id: re.findall(r"k=(\S+); if \[ -f \$d/revert", text(a)) for a in ARMS}
    assert all(len(set(k)) == 1 for k in kinds.values())
    disturbing = [c for c in ALL if c.danger is Danger.DISTURBS]
    assert {c.id for c in disturbing} >= {"link.down", "squid.stop", "keepalived.stop", "drain.on", "drain.stop"}
    for spec in disturbing:
        assert spec.revert in kinds
        gate, _, command = text(spec).partition("|| { echo no revert of this kind is armed >&2; exit 75; };")
        assert f"[ $k. = {kinds[spec.revert][0]}. ]" in gate
        assert "haconsole-revert-a.timer haconsole-revert-b.timer" in gate
        assert command.strip()
        assert not re.search(r"systemctl (stop|restart|reload)|\bdown\b|\.new\b", gate)


def test_what_only_looks_needs_no_root_and_everything_else_does() -> None:
    for spec in ALL:
        alone = spec.danger is Danger.OBSERVES or spec is operation.SAY  # anybody may write into the journal
        assert (spec.root is Root.NO) == alone, spec.id
        assert spec.doc.endswith(".")


@pytest.mark.parametrize("arm", ARMS, ids=lambda a: a.id)
def test_a_revert_can_be_quoted_once_more_and_fits_into_a_line_of_an_old_systemd(arm: operation.CommandSpec) -> None:
    revert = re.findall(r"printf %s '([^']*)' \|", text(arm))
    assert len(revert) == 1
    assert len(b64encode(gzip.compress(revert[0].encode()))) < 1800
    assert revert[0].startswith("{ ") and revert[0].endswith(" }")
    assert not re.search(r"https?:|ssh|curl|wget|/dev/tcp|getent", revert[0]), "it needs no network"
    assert "date" not in revert[0].split() and "date" not in text(arm).split(), "and no wall clock"


def test_no_text_has_a_backslash_and_none_runs_what_it_reads() -> None:
    for spec in ALL:
        assert "\\" not in text(spec)
        assert not re.search(r"\beval\b|(^|[;&|{] )\. |\bsource\b|sh \$|\$d/[a-z]+ [a-z]*;? *sh", text(spec)), spec.id


def test_deadlines_come_from_the_closed_list_and_are_rounded_up() -> None:
    assert [operation.deadline(s) for s in (0.1, 15, 15.1, 61, 28800)] == [15, 15, 30, 120, 28800]
    with pytest.raises(ValueError, match="8 h"):
        operation.deadline(28801)
    for wrong in (0, 16, -15, 28801):
        with pytest.raises(ValueError, match="none of the deadlines"):
            operation.arming("op-1", Slot.A, wrong)


@pytest.mark.parametrize("name", ["", "x", "Op-1", "op 1", "op-1\n", "op;1", "-op1", "o" * 65, "../x"])
def test_an_operation_s_name_is_small_letters_digits_and_dashes(name: str) -> None:
    with pytest.raises(ValueError, match="no name of an operation"):
        operation.renewing(name)


@pytest.mark.parametrize("value", [0, 1, -254, -255, 1000])
def test_a_drain_never_writes_what_keepalived_takes_for_a_fault(value: int) -> None:
    with pytest.raises(ValueError, match=r"-1 to -253"):
        change.drain_value(value)


@given(st.text(max_size=9000) | st.integers(1, 9000).map(lambda n: "😀" * n))
def test_words_of_people_stay_one_line_of_ascii_that_the_node_keeps_whole(words: str) -> None:
    note = DrainNote(by=words, reason=words, method="stop", since="s", until=words)
    lines = operation.noting("op-1", note).split("\n")
    assert len(lines) == 3
    assert lines[2].isascii() and lines[2].isprintable()
    assert len(lines[2]) <= 4000
    told = json.loads(lines[2])
    assert words.startswith(told["reason"])
    assert len(words) > 50 or told["reason"] == words


def test_an_owner_s_words_cannot_become_another_line_of_the_request() -> None:
    lines = operation.taking(LockRequest(**{**_fields(), "owner": "x\nrelease\n"})).split("\n")
    assert lines[:3] == ["take", "op-1", ""]
    assert len(lines) == 4


def test_addresses_that_keepalived_manages_are_one_line() -> None:
    assert operation.saving("op-1", map(ip_address, ("fd00::1", "192.0.2.1", "fd00::1"))) == "op-1\n192.0.2.1 fd00::1"


def test_gratuitous_arp_is_asked_for_ipv4_only() -> None:
    assert change.announcing("eth0", map(ip_address, ("fd00::1", "192.0.2.1"))) == "eth0\n192.0.2.1"


def test_a_request_is_data_behind_sudo_s_words_and_never_among_them() -> None:
    names = OperationNames(data="$(id)\n'x'")
    words = shlex.split(script.line(operation.LOCK, names, Rights.SUDO))
    assert words[:5] == ["feed", "operation.lock", "10", str(operation.LOCK.limit), "$(id)\n'x'"]
    assert words[5:13] == ["sudo", "-n", "--", "timeout", "-k", "1", "8", "/bin/sh"]
    assert "$(id)" not in words[-1]


def test_the_slots_of_model_and_text_are_the_same() -> None:
    assert tuple(s.value for s in Slot) == operation_text.SLOTS
    assert Slot.A.other is Slot.B and Slot.B.other is Slot.A


def test_every_entry_with_data_is_fed() -> None:
    assert all((spec.verb is Verb.FEED) == (spec.argv[0] == "{data}") for spec in ALL)


def _fields() -> dict[str, str]:
    return {f: getattr(REQUEST, f) for f in ("operation", "owner", "host", "name", "node", "started")}
