"""Answers of an operation's node, as printed by systemd 247, 252 and 257 and by the texts of the catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.operation import DisarmOutcome, LockOutcome, Slot, StepOutcome
from haconsole.operations import read_back
from haconsole.parse import operation as parse
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

BOOT = "72b058ce-b182-4770-840b-cf90b91cfeff"
STATE = f"uptime 100.50\nboot {BOOT}\n"
LOCK = f'lock/expires op-1a {BOOT} 110\nlock/owner {{"operation": "op-1a", "owner": "Zo\\u00eb", "host": "h", "name": "drain", "node": "n1", "started": "s"}}\n'
TIMERS = """\
NextElapseUSecMonotonic=4h 23min 12.622011s
Result=success
Id=haconsole-revert-a.timer
LoadState=loaded
ActiveState=active
SubState=waiting

Result=success
ExecMainStartTimestampMonotonic=0
ExecMainStatus=0
Id=haconsole-revert-a.service
LoadState=loaded
ActiveState=inactive
SubState=dead

NextElapseUSecMonotonic=infinity
Result=success
Id=haconsole-revert-b.timer
LoadState=not-found
ActiveState=inactive
SubState=dead

Result=exit-code
ExecMainStartTimestampMonotonic=15459616298
ExecMainStatus=2
Id=haconsole-revert-b.service
LoadState=loaded
ActiveState=failed
SubState=failed

Id=haconsole-change.service
LoadState=not-found
ActiveState=inactive
SubState=dead
"""


def test_what_an_interface_has_is_told_in_the_form_of_what_was_saved_and_whole_or_not_at_all() -> None:
    routes = "route4 boot default via 203.0.113.80 \nroute6 static 2001:db8:9::/48 via fe80::80 metric 50 pref medium\n"
    told = f"{routes}addr6 2001:db8::11/64\n"
    saved = parse.parse_saved(f"saved\n{STATE}unit squid active\n{told}interface eth1\n").saved
    there = parse.parse_read_back(f"there\n{told}interface eth1\n")
    assert saved is not None and (saved.routes, saved.addresses6) == (there.routes, there.addresses6)
    assert read_back.missing(saved, there) == read_back.new(saved, there) == ()
    twice = dataclasses.replace(saved, routes=(*saved.routes, saved.routes[0]))
    assert read_back.missing(twice, there) == ("IPv4 route default via 203.0.113.80 proto boot",)
    for text in (f"there\n{told}", "there\nwhy no such interface\n", f"saved\n{told}interface eth1\n"):
        with pytest.raises(ParseError):
            parse.parse_read_back(text)


def test_a_lock_says_whose_it_is_and_how_long_it_still_holds() -> None:
    answer = parse.parse_lock("held\n" + STATE + LOCK)
    assert answer.outcome is LockOutcome.HELD
    lock = answer.state.lock
    assert lock is not None
    assert (lock.operation, lock.owner, lock.host, lock.name) == ("op-1a", "Zoë", "h", "drain")
    assert answer.state.lock_left_s == 9.5


def test_a_lock_of_another_boot_holds_no_more() -> None:
    state = parse.parse_state("state\n" + STATE + LOCK.replace(BOOT, BOOT[::-1]))
    assert state.lock_left_s == 0.0


def test_no_lock_and_no_note_are_told_as_none() -> None:
    state = parse.parse_state("state\n" + STATE)
    assert (state.lock, state.drain, state.saved, state.revert, state.lock_left_s) == (None,) * 5


@pytest.mark.parametrize(
    "owner", ["", "{", "[1]", '{"operation": "op-other", "owner": "me"}', '{"owner": 7}', "[" * 9999]
)
def test_an_owner_that_cannot_be_read_is_a_lock_all_the_same(owner: str) -> None:
    state = parse.parse_state(f"state\n{STATE}lock/expires op-1a {BOOT} 110\nlock/owner {owner}\n")
    assert state.lock is not None
    assert (state.lock.operation, state.lock.owner) == ("op-1a", None)


def test_a_lock_that_does_not_say_until_when_is_an_error_and_not_no_lock() -> None:
    with pytest.raises(ParseError):
        parse.parse_state(f"state\n{STATE}lock/expires op-1a\n")


def test_escape_sequences_in_notes_are_made_visible() -> None:
    state = parse.parse_state(f'state\n{STATE}drain {{"by": "\\u001b[2J", "reason": null, "until": "x"}}\n')
    assert state.drain is not None
    assert (state.drain.by, state.drain.reason, state.drain.until) == ("␛[2J", None, "x")


def test_a_drain_note_that_cannot_be_read_is_a_note_without_words() -> None:
    state = parse.parse_state(f"state\n{STATE}drain nonsense\n")
    assert state.drain is not None
    assert state.drain.by is None


def test_what_was_saved_is_told() -> None:
    answer = parse.parse_saved(
        f"saved\n{STATE}operation/id op-1a\nunit keepalived active\nunit squid inactive\ndrain-file -200\n"
        "route4 boot default via 203.0.113.80\nroute6 static default via fe80::1 metric 50\n"
        "addr6 2001:db8::1/64 noprefixroute\ninterface eth1\n"
    )
    assert answer.saved is not None
    assert answer.saved.units == (("keepalived", "active"), ("squid", "inactive"))
    assert answer.saved.drain_value == -200
    assert answer.saved.routes == (
        (4, "boot", "default via 203.0.113.80"),
        (6, "static", "default via fe80::1 metric 50"),
    )
    assert answer.saved.addresses6 == ("2001:db8::1/64",)


def test_what_could_not_be_saved_says_why() -> None:
    answer = parse.parse_saved(f"failed\n{STATE}why routes not saved\n")
    assert (answer.outcome, answer.saved, answer.why) == (StepOutcome.FAILED, None, "routes not saved")


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("disarmed", DisarmOutcome.DISARMED), ("fired", DisarmOutcome.FIRED), ("gone", DisarmOutcome.FIRED),
        ("still", DisarmOutcome.STILL_ARMED), ("unknown", DisarmOutcome.UNKNOWN), ("lost", DisarmOutcome.LOST),
    ],
)  # fmt: skip
def test_every_end_of_disarming_has_its_name(word: str, outcome: DisarmOutcome) -> None:
    answer = parse.parse_disarm(f"{word}\n{STATE}ExecMainStartTimestampMonotonic=90500000\n")
    assert (answer.outcome, answer.ran_at_uptime_s) == (outcome, 90.5)


def test_timers_tell_what_is_armed_and_how_long() -> None:
    found = parse.parse_timers(TIMERS)
    a, b = found.timer(Slot.A), found.timer(Slot.B)
    assert a.next_uptime_s == pytest.approx(4 * 3600 + 23 * 60 + 12.622011)
    assert a.left_s(15782.0) == pytest.approx(10.622011)
    assert a.left_s(20000.0) is None
    assert (b.waiting, b.left_s(0.0), b.failed, b.started_uptime_s) == (False, None, True, 15459.616298)
    assert not found.change_running and not found.change_failed


def test_a_unit_that_is_missing_in_the_answer_is_an_error() -> None:
    with pytest.raises(ParseError, match=r"haconsole-revert-b\.timer"):
        parse.parse_timers(TIMERS.replace("Id=haconsole-revert-b.timer\n", ""))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("infinity", None), ("", None), ("0", None), ("1.5s", 1.5), ("1month 1w 1d 1h", 2629800 + 604800 + 86400 + 3600),
     ("2y 3us", 63115200.000003), ("999ms", 0.999), ("5h x", None)],
)  # fmt: skip
def test_spans(text: str, seconds: float | None) -> None:
    assert parse.parse_span(text) == (None if seconds is None else pytest.approx(seconds))


LINES = st.lists(
    st.sampled_from(
        [
            *STATE.splitlines(),
            *LOCK.splitlines(),
            *TIMERS.splitlines(),
            "state",
            "saved",
            "",
            "drain {",
            "unit a b",
            "there",
            "interface eth1",
            "route4 a",
        ]
    )
    | st.text(max_size=60),
    max_size=30,
)


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [x for v in value.values() for x in strings(v)]
    return [x for v in value for x in strings(v)] if isinstance(value, list | tuple) else []


PARSERS = (
    parse.parse_state, parse.parse_lock, parse.parse_step, parse.parse_saved, parse.parse_disarm, parse.parse_timers,
    parse.parse_read_back,
)  # fmt: skip


@pytest.mark.parametrize("parser", PARSERS, ids=lambda p: p.__name__)
@given(lines=LINES)
def test_any_text_is_a_value_without_control_characters_or_a_parse_error(
    parser: Callable[[str], Any], lines: list[str]
) -> None:
    try:
        told = strings(dataclasses.asdict(parser("\n".join(lines))))
    except ParseError as error:
        told = [str(error)]
    assert [t for t in told if clean(t) != t] == []
