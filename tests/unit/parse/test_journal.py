"""Log lines from the journal (systemd 219 to 257) and from syslog files."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from haconsole.model.readings import LogFactKind, LogLine, VrrpState
from haconsole.parse.errors import ParseError
from haconsole.parse.journal import MAX_LINE, MAX_TEXT, TOO_LARGE, parse_journal_line, parse_syslog_line

FILES = Path(__file__).parents[2] / "fixtures" / "system" / "journal"
JOURNALS = ["219", "247", "252", "257"]
FAULT = "(proxy_ip1) Entering FAULT STATE"
KEEPALIVED: dict[str, Any] = {
    "MESSAGE": FAULT, "SYSLOG_IDENTIFIER": "Keepalived_vrrp", "_COMM": "keepalived", "_UID": "0", "_PID": "54",
    "__REALTIME_TIMESTAMP": "1795547537594019",
}  # fmt: skip
SQUID: dict[str, Any] = {
    "MESSAGE": "x",
    "SYSLOG_IDENTIFIER": "squid",
    "_COMM": "squid",
    "_UID": "13",
    "_SYSTEMD_UNIT": "squid.service",
}


def at(*when: int) -> float:
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


NOW = at(2026, 11, 24, 20)


def journal(base: dict[str, Any], **fields: Any) -> LogLine:
    line = parse_journal_line(json.dumps(base | fields))
    assert line is not None
    return line


def lines(version: str) -> list[LogLine]:
    raw = (FILES / f"journal-{version}.jsonl").read_bytes().splitlines()
    return [line for text in raw if (line := parse_journal_line(text)) is not None]


def syslog(line: str, now: float | None = NOW, offset: float | None = 0.0) -> LogLine | None:
    return parse_syslog_line(line, node_now_s=now, node_utc_offset_s=offset)


def time_of(stamp: str, now: float | None = NOW, offset: float | None = 0.0) -> float | None:
    line = syslog(f"{stamp} serv01 Keepalived_vrrp[7]: {FAULT}", now, offset)
    assert line is not None
    return line.node_time_s


# --- journal: real lines ------------------------------------------------------


@pytest.mark.parametrize("version", JOURNALS)
def test_a_real_state_line_is_trusted_and_means_something(version: str) -> None:
    master = [line for line in lines(version) if line.fact and line.fact.state is VrrpState.MASTER]
    assert master
    assert all(line.trusted and line.program == "keepalived" and line.pid for line in master)
    assert {line.fact.instance for line in master if line.fact} == {"proxy_ip1"}


@pytest.mark.parametrize("version", JOURNALS[1:])
def test_all_three_programs_are_told_apart(version: str) -> None:
    assert set(Counter(line.program for line in lines(version))) == {"keepalived", "squid", "systemd"}


@pytest.mark.parametrize("version", JOURNALS)
def test_systemd_speaks_about_our_units_only(version: str) -> None:
    told = [line for line in lines(version) if line.program == "systemd"]
    assert told
    assert all(line.trusted and line.ident == "systemd" and line.pid == 1 for line in told)
    assert not any("OpenSSH" in line.text for line in told)


@pytest.mark.parametrize("version", JOURNALS[1:])
def test_forged_lines_are_shown_and_change_nothing(version: str) -> None:
    forged = [line for line in lines(version) if "forged" in line.text or "␛[31mred" in line.text]
    assert any("Entering MASTER STATE" in line.text for line in forged)
    assert all(not line.trusted and line.fact is None for line in forged)


@pytest.mark.parametrize("version", JOURNALS[1:])
def test_a_message_given_as_numbers_is_text_without_its_escape_character(version: str) -> None:
    assert "esc ␛[31mred (proxy_ip1) Entering MASTER STATE" in [line.text for line in lines(version)]


@pytest.mark.parametrize("version", JOURNALS[1:])
def test_a_message_that_is_too_large_says_so(version: str) -> None:
    facts = [line.fact for line in lines(version) if line.text == TOO_LARGE]
    assert facts
    assert not any(facts)


# --- journal: fields ----------------------------------------------------------


def test_the_time_at_which_the_line_was_sent_counts_before_that_of_its_arrival() -> None:
    assert journal(KEEPALIVED).node_time_s == 1795547537.594019
    assert journal(KEEPALIVED, _SOURCE_REALTIME_TIMESTAMP="1795547537000001").node_time_s == 1795547537.000001


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1" * 400, None, 5, []])
def test_a_time_that_is_none_is_none(stamp: object) -> None:
    assert journal(KEEPALIVED, __REALTIME_TIMESTAMP=stamp).node_time_s is None


@pytest.mark.parametrize(
    "lie",
    [
        {"_COMM": "logger"}, {"_UID": "1001"}, {"_COMM": None}, {"_UID": None}, {"_COMM": ["keepalived", "logger"]},
        {"_UID": ["0"]}, {"_UID": 0}, {"_COMM": "keepalived2"},
    ],
)  # fmt: skip
def test_only_journalds_own_word_makes_keepalived(lie: dict[str, Any]) -> None:
    line = journal(KEEPALIVED, **lie)
    assert (line.program, line.trusted, line.fact) == ("keepalived", False, None)


def test_a_sender_cannot_hide_behind_a_second_identifier() -> None:
    line = journal(KEEPALIVED, SYSLOG_IDENTIFIER=["Keepalived_vrrp", "squid"], _COMM="logger")
    assert (line.program, line.ident, line.trusted) == ("keepalived", "Keepalived_vrrp", False)


@pytest.mark.parametrize(
    ("fields", "trusted"),
    [
        ({}, True),
        ({"SYSLOG_IDENTIFIER": "(squid-1)"}, True),
        ({"_SYSTEMD_UNIT": "keepalived.service", "_UID": "0"}, True),  # the check script's `squid -k check`
        ({"_SYSTEMD_UNIT": "session-3.scope", "_UID": "1001"}, False),
        ({"_SYSTEMD_UNIT": "session-3.scope", "_UID": "0", "_COMM": "logger"}, False),
    ],
)
def test_squid_is_trusted_from_its_unit_or_from_roots_squid(fields: dict[str, Any], trusted: bool) -> None:
    line = journal(SQUID, **fields)
    assert (line.program, line.trusted, line.fact) == ("squid", trusted, None)


def test_systemd_is_process_one() -> None:
    fields = {"SYSLOG_IDENTIFIER": "systemd", "UNIT": "squid.service", "MESSAGE": "Stopped", "_UID": "0"}
    assert journal(fields, _PID="1").trusted
    assert not journal(fields, _PID="4711").trusted


def test_units_may_have_other_names() -> None:
    line = json.dumps(
        {"SYSLOG_IDENTIFIER": "systemd", "UNIT": "squid3.service", "MESSAGE": "x", "_UID": "0", "_PID": "1"}
    )
    assert parse_journal_line(line) is None
    for name in ("squid3", "squid3.service"):
        told = parse_journal_line(line, squid_unit=name)
        assert told is not None
        assert told.program == "systemd"


def test_other_programs_and_lines_without_a_message_are_none() -> None:
    assert parse_journal_line('{"SYSLOG_IDENTIFIER": "sshd", "MESSAGE": "x"}') is None
    assert parse_journal_line('{"SYSLOG_IDENTIFIER": "keepalived", "MESSAGE": "x"}') is None  # -l: the same line again
    assert parse_journal_line('{"SYSLOG_IDENTIFIER": "Keepalived"}') is None
    assert parse_journal_line("{}") is None


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("a\tb\n", "a    b"),
        ("two\nlines", "two␊lines"),
        ([104, 105, 255], "hi�"),
        ([], ""),
        ([[27, 104], "second"], "␛h"),
        (["first", "second"], "first"),
        ([None], TOO_LARGE),
        ("\ud800\u202e", "��"),
    ],
)
def test_messages(message: object, text: str) -> None:
    assert journal(SQUID, MESSAGE=message).text == text


def test_long_messages_are_cut() -> None:
    assert len(journal(SQUID, MESSAGE="x" * 100_000).text) == MAX_TEXT + 1
    assert journal(KEEPALIVED, MESSAGE=FAULT + " " * 5000 + "x").fact is None


@pytest.mark.parametrize(
    "line",
    [
        "", "-- Logs begin at", "[]", "null", '"x"', "{", "[" * 100_000, '{"a":' * 50_000, b"\xff\xfe", "x" * (MAX_LINE + 1),
        '{"SYSLOG_IDENTIFIER": "squid", "MESSAGE": 5}', '{"SYSLOG_IDENTIFIER": "squid", "MESSAGE": [256]}',
        '{"SYSLOG_IDENTIFIER": "squid", "MESSAGE": [1, "a"]}', '{"SYSLOG_IDENTIFIER": "squid", "MESSAGE": {}}',
        '{"SYSLOG_IDENTIFIER": "squid", "MESSAGE": ' + "9" * 5000 + "}",
    ],
)  # fmt: skip
def test_anything_else_is_an_error(line: bytes | str) -> None:
    with pytest.raises(ParseError):
        parse_journal_line(line)


# --- syslog -------------------------------------------------------------------


def file(name: str) -> list[LogLine]:
    raw = (FILES / f"{name}.txt").read_bytes().splitlines()
    return [
        line for text in raw if (line := parse_syslog_line(text, node_now_s=NOW, node_utc_offset_s=0.0)) is not None
    ]


def test_classic_lines_of_centos_7() -> None:
    told = file("messages-centos7")
    states = [
        (line.fact.instance, line.fact.state) for line in told if line.fact and line.fact.kind is LogFactKind.STATE
    ]
    assert states[:3] == [
        ("proxy_ip2", VrrpState.BACKUP),
        ("proxy_ip1", VrrpState.MASTER),
        ("proxy_ip2", VrrpState.MASTER),
    ]
    assert {(line.program, line.ident) for line in told} == {
        ("systemd", "systemd"), ("keepalived", "Keepalived"), ("keepalived", "Keepalived_vrrp"), ("squid", "squid"), ("squid", "(squid-1)"),
    }  # fmt: skip
    assert told[0].node_time_s == at(2026, 11, 24, 2, 44, 49)
    assert told[0].time_precision_s == 1.0


def test_iso_lines_of_debian_12() -> None:
    told = file("syslog-iso-debian12")
    assert {line.program for line in told} == {"keepalived", "squid", "systemd"}
    assert told[0].node_time_s == pytest.approx(at(2026, 11, 24, 19, 12, 17) + 0.542009, abs=1e-6)
    assert told[0].time_precision_s == 1e-6


@pytest.mark.parametrize("name", ["messages-centos7", "syslog-iso-debian12", "syslog-classic-debian11"])
def test_a_file_vouches_for_nobody_but_its_facts_are_kept(name: str) -> None:
    told = file(name)
    assert not any(line.trusted for line in told)
    assert any(line.fact and line.fact.state is VrrpState.MASTER for line in told)
    assert not any("failing" in line.text or "sshd" in line.ident for line in told)


def test_rsyslogs_escapes_stay_as_they_are() -> None:
    assert "esc #033[31mred (proxy_ip1) Entering MASTER STATE" in [line.text for line in file("syslog-iso-debian12")]


def test_a_line_in_parts() -> None:
    line = syslog(f"Nov 24 02:41:40 serv01 Keepalived_vrrp[4242]: {FAULT}")
    assert line is not None
    assert (line.program, line.ident, line.pid, line.text) == ("keepalived", "Keepalived_vrrp", 4242, FAULT)
    assert line.fact
    assert (line.fact.instance, line.fact.state) == ("proxy_ip1", VrrpState.FAULT)


def test_the_year_is_the_latest_that_is_not_ahead_of_the_node() -> None:
    assert time_of("Nov 24 02:41:40") == at(2026, 11, 24, 2, 41, 40)
    assert time_of("Dec  1 00:00:00") == at(2025, 12, 1)
    assert time_of("Nov  4 02:41:40") == at(2026, 11, 4, 2, 41, 40)


def test_around_new_year() -> None:
    assert time_of("Dec 31 23:59:59", now=at(2027, 1, 1)) == at(2026, 12, 31, 23, 59, 59)
    assert time_of("Jan  1 00:00:02", now=at(2026, 12, 31, 23, 59, 59)) == at(
        2027, 1, 1, 0, 0, 2
    )  # clock stepped back a little


def test_a_leap_day_is_looked_for_in_a_leap_year() -> None:
    assert time_of("Feb 29 12:00:00", now=at(2027, 3, 1)) == at(2024, 2, 29, 12)
    assert time_of("Feb 29 12:00:00", now=at(2028, 3, 1)) == at(2028, 2, 29, 12)
    assert time_of("Feb 29 12:00:00", now=at(2103, 3, 1)) == at(2096, 2, 29, 12)


def test_local_time_becomes_real_time_by_the_offset() -> None:
    assert time_of("Nov 24 02:41:40", offset=3600.0) == at(2026, 11, 24, 1, 41, 40)
    assert time_of("Jan  1 00:30:00", now=at(2026, 12, 31, 23, 40), offset=3600.0) == at(2026, 12, 31, 23, 30)
    assert time_of("Dec 31 20:00:00", now=at(2027, 1, 1, 2), offset=-5 * 3600.0) == at(2027, 1, 1, 1)


@pytest.mark.parametrize(
    "hints",
    [(None, 0.0), (NOW, None), (float("nan"), 0.0), (float("inf"), 0.0), (1e18, 0.0), (NOW, 1e18), (NOW, float("nan"))],
)
def test_without_usable_hints_a_classic_line_has_no_time(hints: tuple[float | None, float | None]) -> None:
    assert time_of("Nov 24 02:41:40", *hints) is None
    assert time_of("2026-11-24T02:41:40+00:00", *hints) == at(2026, 11, 24, 2, 41, 40)


def test_stamps_that_are_no_date_have_no_time() -> None:
    for stamp in (
        "Nov 31 00:00:00",
        "Nov 24 25:00:00",
        "Xyz 24 00:00:00",
        "2026-13-24T02:41:40Z",
        "0000-01-01T00:00:00Z",
    ):
        assert time_of(stamp) is None


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-11-24T02:41:40.250000+00:00", 0.25),
        ("2026-11-24T03:41:40.25+01:00", 0.25),
        ("2026-11-24T02:41:40Z", 0.0),
        ("2026-11-23T21:41:40.250000-0500", 0.25),
        ("2026-11-24T02:41:40.123456789+00:00", 0.123456),
    ],
)
def test_iso_stamps(stamp: str, seconds: float) -> None:
    assert time_of(stamp) == pytest.approx(at(2026, 11, 24, 2, 41, 40) + seconds, abs=1e-6)


@pytest.mark.parametrize(
    "line",
    [
        "", "==> /var/log/messages <==", "Nov 24 02:41:40", "Nov 24 02:41:40 serv01 last message repeated 2 times",
        "Nov 24 02:41:40 serv01 sshd[9]: Keepalived_vrrp[7]: (i) Entering FAULT STATE",
        "Nov 24 02:41:40 serv01 systemd[1]: Started OpenSSH server daemon.",
        "Nov 24 02:41:40 serv01 keepalived-check[9]: x", "Nov 24 02:41:40 serv01 squidguard[9]: x",
        f"Tue Nov 24 02:41:40 2026: {FAULT}", "x" * MAX_LINE,
    ],
)  # fmt: skip
def test_other_lines_are_none(line: str) -> None:
    assert syslog(line) is None


def test_bytes_that_are_no_text_do_no_harm() -> None:
    line = parse_syslog_line(b"Nov 24 02:41:40 h squid[9]: \xe9t\x1b[m\r\n", node_now_s=NOW, node_utc_offset_s=0.0)
    assert line is not None
    assert line.text == "�t␛[m"


def test_a_line_of_a_megabyte_is_an_error() -> None:
    with pytest.raises(ParseError):
        syslog("Nov 24 02:41:40 h squid[9]: " + "x" * 1_000_000)


def test_a_password_in_a_script_s_command_line_is_not_kept() -> None:
    said = "Unable to run script `curl -u admin:s3cret http://127.0.0.1/`"
    hidden = "Unable to run script `curl -u (secret) http://127.0.0.1/`"
    assert journal(KEEPALIVED, MESSAGE=said).text == hidden
    line = syslog(f"Nov 24 19:00:00 n1 Keepalived_vrrp[54]: {said}")
    assert line is not None
    assert line.text == hidden
