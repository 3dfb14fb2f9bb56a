"""tcpdump's and sudo's words. Texts as printed by tcpdump 4.9.2 and 4.99.3, sudo 1.8 and 1.9."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.parse.errors import ParseError
from haconsole.parse.tcpdump import Readiness, Refusal, Told, is_listening, parse_check, parse_counts, why_ended

LISTENING = "tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 4400 bytes"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "tcpdump: 12 packets captured, 14 packets received by filter, 3 packets dropped by kernel",
            Told(received=14, dropped=3),
        ),
        ("1 packet dropped by kernel", Told(dropped=1)),
        ("7 packets received by filter", Told(received=7)),
        ("2 packets dropped by interface", Told(dropped_by_interface=2)),
        (
            "tcpdump: 1 packet captured, 1 packet received by filter, 0 packets dropped by kernel, 5 packets dropped by interface",
            Told(received=1, dropped=0, dropped_by_interface=5),
        ),
    ],
)
def test_counts_in_one_line_or_in_one_each(line: str, told: Told) -> None:
    assert parse_counts(line) == told


@pytest.mark.parametrize(
    "line", ["", LISTENING, "12 packets captured", "dropped by kernel", "x packets dropped by kernel"]
)
def test_other_lines_tell_no_counts(line: str) -> None:
    assert parse_counts(line) is None


@pytest.mark.parametrize("line", [LISTENING, "listening on eth0, link-type EN10MB (Ethernet), capture size 4400 bytes"])
def test_the_capture_is_open(line: str) -> None:
    assert is_listening(line)


def test_what_only_looks_like_it_is_not_listening() -> None:
    assert not is_listening("tcpdump: eth0: not listening on anything")


@pytest.mark.parametrize(
    ("status", "words", "why"),
    [
        (127, ["sh: 1: tcpdump: not found"], Refusal.MISSING),
        (127, ["sh: tcpdump: command not found"], Refusal.MISSING),
        (1, ["sudo: tcpdump: command not found"], Refusal.MISSING),
        (127, [], Refusal.MISSING),
        (127, ["sh: 1: sudo: not found"], Refusal.SUDO),
        (127, ["sh: line 12: sudo: command not found"], Refusal.SUDO),
        (1, ["sudo: a password is required"], Refusal.SUDO),
        (1, ["sudo: unable to resolve host n1: Name or service not known", "sudo: a password is required"], Refusal.SUDO),
        (1, ["Sorry, user ops is not allowed to execute '/usr/bin/tcpdump -Z ops -i eth0' as root on n1."], Refusal.SUDO),
        (1, ["ops is not in the sudoers file.  This incident will be reported."], Refusal.SUDO),
        (1, ["sudo: sorry, you must have a tty to run sudo"], Refusal.SUDO),
        (
            1,
            [
                "tcpdump: eth0: You don't have permission to perform this capture on that device",
                "(socket: Operation not permitted)",
            ],
            Refusal.RIGHTS,
        ),
        (1, ["tcpdump: eth0: You don't have permission to capture on that device", "(socket: Operation not permitted)"], Refusal.RIGHTS),
        (126, ["sh: 1: tcpdump: Permission denied"], Refusal.RIGHTS),
        (1, ["tcpdump: eth9: No such device exists", "(SIOCGIFHWADDR: No such device)"], Refusal.NO_INTERFACE),
        (1, ["tcpdump: eth9: SIOCETHTOOL(ETHTOOL_GET_TS_INFO) ioctl failed: No such device"], Refusal.NO_INTERFACE),
        (1, [LISTENING, "tcpdump: pcap_loop: The interface disappeared"], Refusal.NO_INTERFACE),
        (1, ["tcpdump: eth0: That device is not up"], Refusal.INTERFACE_DOWN),
        (1, [LISTENING, "tcpdump: pcap_loop: The interface went down"], Refusal.INTERFACE_DOWN),
        (1, ["tcpdump: unrecognized option '--immediate-mode'"], Refusal.OTHER),
        (0, [LISTENING, "tcpdump: 1 packet captured, 1 packet received by filter, 0 packets dropped by kernel"], Refusal.OTHER),
        (None, [], Refusal.OTHER),
    ],
)  # fmt: skip
def test_why_it_ended(status: int | None, words: list[str], why: Refusal) -> None:
    assert why_ended(status, words)[0] is why


def test_the_line_that_says_so_is_told_and_cleaned() -> None:
    assert why_ended(1, [LISTENING, "tcpdump: \x1b[31mbad"])[1] == "tcpdump: ␛[31mbad"
    assert why_ended(0, [LISTENING])[1] == ""


def test_sudo_that_grumbles_and_works_is_no_refusal() -> None:
    words = ["sudo: unable to resolve host n1: Name or service not known", "tcpdump: eth0: That device is not up"]
    assert why_ended(1, words)[0] is Refusal.INTERFACE_DOWN


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/usr/sbin/tcpdump\n0x1003\neth0\neth1\nlo\n", Readiness(tcpdump="/usr/sbin/tcpdump", up=True, interfaces=("eth0", "eth1", "lo"))),
        ("-\n0x1002\neth0\n", Readiness(tcpdump=None, up=False, interfaces=("eth0",))),
        ("/usr/bin/tcpdump\n-\nlo\n", Readiness(tcpdump="/usr/bin/tcpdump", up=None, interfaces=("lo",))),
    ],
)  # fmt: skip
def test_the_check(text: str, found: Readiness) -> None:
    assert parse_check(text) == found


@pytest.mark.parametrize(
    "text", ["", "tcpdump", "/usr/bin/tcpdump\nup\n", "/usr/bin/tcpdump\n", "sh: 1: Syntax error\n"]
)
def test_something_else_is_not_taken_for_it(text: str) -> None:
    with pytest.raises(ParseError):
        parse_check(text)


@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    parse_counts(text)
    is_listening(text)
    refusal, line = why_ended(1, text.splitlines())
    assert isinstance(refusal, Refusal)
    assert not any(ord(c) < 32 for c in line)
    with contextlib.suppress(ParseError):
        parse_check(text)
