"""Listening sockets from ss of iproute2 4.11 to 6.15."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.model.readings import Listener
from haconsole.parse.errors import ParseError
from haconsole.parse.sockets import parse_listeners

FILES = Path(__file__).parents[2] / "fixtures" / "system" / "ss"


def read(name: str) -> str:
    return (FILES / f"{name}.txt").read_text(encoding="utf-8")


def shown(name: str, port: int | None) -> list[tuple[str | None, str]]:
    return [(str(x.address) if x.address else None, x.text) for x in parse_listeners(read(name), port)]


def test_debians_squid_listens_on_everything() -> None:
    assert parse_listeners(read("ss-squid-6.1"), 3128) == (Listener(address=None, port=3128, text="*:3128"),)


def test_one_address_only() -> None:
    assert shown("ss-6.1", 3129) == [
        ("192.168.2.101", "192.168.2.101:3129"),
        ("fd00::1", "[fd00::1]:3129"),
        ("fe80::99", "[fe80::99]%eth0:3129"),
    ]


def test_any_address_in_each_spelling() -> None:
    assert shown("ss-6.1", 22) == [(None, "0.0.0.0:22"), (None, "[::]:22")]
    assert shown("ss-4.11", 22) == [(None, "*:22"), (None, ":::22")]
    assert shown("ss-4.11", 3128) == [(None, ":::3128")]


def test_the_old_spelling_has_no_brackets() -> None:
    assert shown("ss-4.11", 25) == [("127.0.0.1", "127.0.0.1:25"), ("::1", "::1:25")]
    assert shown("ss-4.11", 3129) == [("192.168.2.101", "192.168.2.101:3129"), ("fd00::1", "fd00::1:3129")]


def test_an_ipv4_address_in_ipv6_form_is_the_ipv4_address() -> None:
    (listener,) = parse_listeners(read("ss-6.1"), 3134)
    assert listener.address == ip_address("192.168.2.101")


def test_header_process_column_and_version_make_no_difference() -> None:
    expected = parse_listeners(read("ss-6.1"), None)
    assert len(expected) == 12
    for name in ("ss-5.9", "ss-6.15", "ss-6.1-noheader", "ss-6.1-p"):
        assert parse_listeners(read(name), None) == expected


def test_nobody_listens() -> None:
    assert parse_listeners(read("ss-6.1"), 8080) == ()
    assert parse_listeners("State Recv-Q Send-Q Local Address:Port Peer Address:Port\n", None) == ()
    assert parse_listeners("", None) == ()


def test_workers_that_share_a_port_count_once() -> None:
    assert len(parse_listeners("LISTEN 0 256 *:3128 *:*\n" * 4, 3128)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "ss: command not found",
        "LISTEN 0 128",
        "LISTEN 0 128 *:http *:*",
        "LISTEN 0 128 *:99999 *:*",
        "LISTEN 0 128 localhost:80 *:*",
        "LISTEN 0 128 1.2.3.4.5:80 *:*",
        "LISTEN 0 128 [fe80::1\x1b]:80 *:*",
        "LISTEN " + "x" * 1_000_000,
    ],
)
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_listeners(text, None)
    assert "\x1b" not in str(caught.value)
