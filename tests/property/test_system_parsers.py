"""Whatever a node prints, the system parsers return a value or raise `ParseError`, and what comes out is clean."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.readings import Rights
from haconsole.parse import identity, iproute, journal, sockets, squid, systemd
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode

FILES = Path(__file__).parents[1] / "fixtures" / "system"
SAMPLES = [path.read_bytes() for path in sorted(FILES.glob("*/*"))]
LINES = [line for sample in SAMPLES for line in sample.split(b"\n") if line]

TEXTS: dict[str, Callable[[str], object]] = {
    "links": iproute.parse_links,
    "addresses": iproute.parse_addresses,
    "units": lambda text: systemd.parse_units(text, 1.0, ("keepalived", "squid")),
    "uptime": systemd.parse_uptime,
    "systemd version": systemd.parse_systemd_version,
    "listeners": lambda text: sockets.parse_listeners(text, None),
    "squid version": squid.parse_version,
    "check": lambda text: squid.parse_check(text, text, 1),
    "counters": squid.parse_counters,
    "info": squid.parse_info,
    "5min": squid.parse_5min,
    "boot id": identity.parse_boot_id,
    "kernel": identity.parse_kernel_release,
    "identity": lambda text: identity.parse_identity(
        uid="0", user=text, groups=text, hostname=text, boot_id=text, rights=Rights.PLAIN
    ),
}
ONE_LINE: dict[str, Callable[[str], object]] = {
    "monitor": iproute.parse_monitor_line,
    "journal": journal.parse_journal_line,
    "syslog": lambda line: journal.parse_syslog_line(line, node_now_s=1.8e9, node_utc_offset_s=3600.0),
}
ALL = TEXTS | ONE_LINE
NAMES = st.sampled_from(sorted(ALL))

MEGABYTES = (
    "a", " ", "1", ": ", "[", "\\", "1: ", "LISTEN ", "a=", '{"', "\n", "Nov 24 02:41:40 ", "client_http.requests = 1\n",
)  # fmt: skip
"""Pieces of which a megabyte is made."""

NASTY = st.sampled_from(
    [
        b"\x1b[31m",
        b"\x00",
        b"\xff",
        b"\x9b",
        "\u202e".encode(),
        b"\n",
        b"\\",
        b"@",
        b"%",
        b"9" * 30,
        b" ",
        b"=",
        b":",
        b"/",
    ]
)


@st.composite
def mutated(draw: st.DrawFn, samples: list[bytes]) -> str:
    """A real output, cut, with pieces of another one and nasty bytes put in."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, len(data)))
        end = min(len(data), position + draw(st.integers(0, 30)))
        data[position:end] = draw(st.one_of(NASTY, st.binary(max_size=6), st.sampled_from(LINES)))
    return decode(bytes(data))


def strings(value: object) -> list[str]:
    """All texts in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Enum) or value is None:
        return []
    if isinstance(value, Mapping):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    if isinstance(value, tuple | list | frozenset):
        return [text for part in value for text in strings(part)]
    if dataclasses.is_dataclass(value):
        return [text for field in dataclasses.fields(value) for text in strings(getattr(value, field.name))]
    return [str(value)]


def attempt(parser: Callable[[str], object], text: str) -> None:
    try:
        told = strings(parser(text))
    except ParseError as error:
        told = [str(error)]
    for part in told:
        assert not any(unicodedata.category(c) in ("Cc", "Cs") or c in "\u202e\u2066\u200f\ufeff" for c in part), part


@given(NAMES, st.text())
def test_any_text(name: str, text: str) -> None:
    attempt(ALL[name], text)


@given(NAMES, st.binary(max_size=300))
def test_any_bytes(name: str, data: bytes) -> None:
    attempt(ALL[name], decode(data))


@given(NAMES, mutated(SAMPLES))
def test_mutated_outputs(name: str, text: str) -> None:
    attempt(ALL[name], text)


@given(st.sampled_from(sorted(ONE_LINE)), mutated(LINES))
def test_mutated_lines(name: str, line: str) -> None:
    attempt(ONE_LINE[name], line)


@given(st.binary(max_size=300))
def test_bytes_of_log_lines(line: bytes) -> None:
    attempt(lambda _: journal.parse_journal_line(line), "")
    attempt(lambda _: journal.parse_syslog_line(line, node_now_s=None, node_utc_offset_s=None), "")


FIELDS = st.sampled_from(
    [
        "MESSAGE",
        "SYSLOG_IDENTIFIER",
        "UNIT",
        "_COMM",
        "_UID",
        "_PID",
        "SYSLOG_PID",
        "_SYSTEMD_UNIT",
        "__REALTIME_TIMESTAMP",
        "_SOURCE_REALTIME_TIMESTAMP",
    ]
)
WORDS = st.sampled_from(
    [
        "Keepalived_vrrp",
        "squid",
        "systemd",
        "keepalived",
        "0",
        "1",
        "squid.service",
        "(i) Entering MASTER STATE",
        "17955475375940190",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(FIELDS, VALUES | WORDS))
def test_any_journal_fields(fields: dict[str, object]) -> None:
    attempt(journal.parse_journal_line, json.dumps(fields))


@given(st.dictionaries(FIELDS, VALUES | WORDS))
def test_no_fact_comes_from_a_line_that_journald_does_not_vouch_for(fields: dict[str, object]) -> None:
    try:
        line = journal.parse_journal_line(json.dumps(fields))
    except ParseError:
        return
    if line is not None and (fields.get("_COMM"), fields.get("_UID")) != ("keepalived", "0"):
        assert line.fact is None


@given(
    st.floats() | st.none(),
    st.floats() | st.none(),
    st.from_regex(r"(Jan|Feb|Dec) [ 0-3][0-9] [0-2][0-9]:[0-6][0-9]:[0-6][0-9]", fullmatch=True),
)
def test_a_classic_time_is_never_more_than_a_day_ahead(now: float | None, offset: float | None, stamp: str) -> None:
    line = journal.parse_syslog_line(f"{stamp} h squid[1]: x", node_now_s=now, node_utc_offset_s=offset)
    assert line is not None
    if line.node_time_s is not None:
        assert now is not None
        assert line.node_time_s <= now + 86400.0


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("piece", MEGABYTES)
def test_a_megabyte_of_anything_is_parsed_or_refused(name: str, piece: str) -> None:
    """That its time grows with its length and not faster is `growth` in `make bench`."""
    attempt(ALL[name], piece * (1_000_000 // len(piece)))
