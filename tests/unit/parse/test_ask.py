"""What nodes answer to the questions of guards: words of sudo 1.9.5 to 1.9.16, ss, systemctl and the journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.readings import LogFactKind
from haconsole.parse import ask
from haconsole.parse.errors import ParseError

COMMAND = "/usr/bin/timeout -k 1 8 /bin/sh -c { exec systemctl start squid.service; }"
ENTRY = f"""\
Sudoers entry: /etc/sudoers.d/ops
    RunAsUsers: root
    Options: !authenticate
    Commands:
\t{COMMAND}
    Matched: {COMMAND}
"""
ENTRY_WITH_PASSWORD = """\
Sudoers entry: /etc/sudoers.d/ops
    RunAsUsers: ALL
    RunAsGroups: ALL
    Commands:
\tALL
    Matched: /usr/bin/timeout -k 1 9 /bin/sh -c { exec systemctl start squid.service; }
"""
HEAD = """\
Matching Defaults entries for ops on vm:
    env_reset, mail_badpass,
    secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/sbin\\:/usr/bin\\:/sbin\\:/bin

User ops may run the following commands on vm:
"""
ALL_WITH_PASSWORD = "    (ALL : ALL) ALL\n"
FREE = """\
    (root) NOPASSWD: /usr/bin/timeout -k 1 8 /bin/sh -c { exec systemctl start
        squid.service; }, /bin/sed -e s/auth_pass.*/x\\,y/ -- /etc/x
"""


def squeezed() -> str:
    return ask.parse_may(f"{COMMAND}\n", "", 0).command


# --- sudo ---------------------------------------------------------------------------------------------


def test_sudo_1_9_16_names_the_rule_and_that_it_wants_no_password() -> None:
    word = ask.parse_may(ENTRY, "", 0)
    assert (word.allowed, word.free) == (True, True)


def test_a_rule_that_wants_a_password_is_no_proof_though_sudo_exits_with_0() -> None:
    word = ask.parse_may(ENTRY_WITH_PASSWORD, "", 0)
    assert (word.allowed, word.free) == (True, None)


def test_older_sudo_tells_the_command_alone() -> None:
    word = ask.parse_may(f"{COMMAND}\n", "", 0)
    assert (word.allowed, word.free) == (True, None)
    assert ask.parse_may(ENTRY, "", 0).command == word.command


@pytest.mark.parametrize("stderr", ["", "sudo: a password is required\n", "sudo: no-such: command not found\n"])
def test_sudo_says_no(stderr: str) -> None:
    word = ask.parse_may("", stderr, 1)
    assert not word.allowed and word.words


def test_sudo_that_is_not_there_is_not_an_answer() -> None:
    for status in (127, 124, 137):
        with pytest.raises(ParseError):
            ask.parse_may("", "sh: 1: sudo: not found", status)
    with pytest.raises(ParseError):
        ask.parse_may("", "", 0)


@pytest.mark.parametrize(
    ("rules", "free"),
    [
        (FREE, True),
        (ALL_WITH_PASSWORD + FREE, True),
        (FREE + ALL_WITH_PASSWORD, None),
        (ALL_WITH_PASSWORD, None),
        ("    (ALL : ALL) NOPASSWD: ALL\n", True),
        (ALL_WITH_PASSWORD + "    (ALL : ALL) NOPASSWD: ALL\n", True),
        ("    (root) SETENV: NOPASSWD: ALL\n", True),
        ("    (root) NOPASSWD: /bin/true, PASSWD: ALL\n", None),
        (ALL_WITH_PASSWORD + "    (root) NOPASSWD: /bin/true\n", None),
        (ALL_WITH_PASSWORD + FREE.replace("-k 1 8", "-k 1 80"), None),
        (ALL_WITH_PASSWORD + "    (postgres) NOPASSWD: ALL\n", None),
        (ALL_WITH_PASSWORD + "    (ops : root) NOPASSWD: ALL\n", None),
        (ALL_WITH_PASSWORD + "    (ALL, !root) NOPASSWD: ALL\n", None),
        (ALL_WITH_PASSWORD + "    (%admins) NOPASSWD: ALL\n", None),
        (ALL_WITH_PASSWORD + "    (postgres, root : adm) NOPASSWD: ALL\n", True),
        (FREE + "    (postgres) ALL\n", True),
        (FREE + "    (%admins) ALL\n", None),
        ("    (postgres) NOPASSWD: ALL\n", None),
    ],
)
def test_the_list_of_rules_tells_whether_the_last_match_wants_a_password(rules: str, free: bool | None) -> None:
    assert ask.parse_password_free(HEAD + rules, squeezed()) is free


def test_a_login_that_never_authenticates_needs_no_password() -> None:
    assert ask.parse_password_free(HEAD.replace("env_reset", "!authenticate") + ALL_WITH_PASSWORD, squeezed()) is True


@pytest.mark.parametrize("text", ["", HEAD, "Sorry, user ops may not run sudo on vm.\n"])
def test_no_list_is_no_answer(text: str) -> None:
    with pytest.raises(ParseError):
        ask.parse_password_free(text, squeezed())


# --- connections, switches, units -----------------------------------------------------------------------


def test_connections_are_counted_by_the_address_that_the_client_used() -> None:
    text = """\
Recv-Q Send-Q         Local Address:Port          Peer Address:PortProcess
0      0              192.168.2.101:3128          192.168.2.10:51234
0      0      [::ffff:192.168.2.101]:3128  [::ffff:192.168.2.11]:40000
0      0            [2001:db8:2::101]:3128    [2001:db8:2::10]:40001
0      0              192.168.2.251:22            192.168.2.10:51300
"""
    assert ask.parse_connections(text, 3128) == {
        ip_address("192.168.2.101"): 2,
        ip_address("2001:db8:2::101"): 1,
    }


def test_a_state_column_and_no_header_make_no_difference() -> None:
    text = "ESTAB 0 0 192.168.2.101:3128 192.168.2.10:51234\n"
    assert ask.parse_connections(text, 3128) == {ip_address("192.168.2.101"): 1}


def test_no_connection_is_none_counted() -> None:
    assert ask.parse_connections("Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n", 3128) == {}


@pytest.mark.parametrize("text", ["ss: bison bellows\n", "0 0 nonsense 1.2.3.4:5\n", "0 0 1.2.3:3128 1.2.3.4:5\n"])
def test_what_is_no_connection_is_not_counted_as_none(text: str) -> None:
    with pytest.raises(ParseError):
        ask.parse_connections(text, 3128)


def test_switches() -> None:
    assert ask.parse_switch("1\n") is True
    assert ask.parse_switch("0\n") is False
    for text in ("", "2\n", "yes\n"):
        with pytest.raises(ParseError):
            ask.parse_switch(text)


def test_timers_with_and_without_a_next_time() -> None:
    text = """\
Tue 2026-11-24 23:30:00 UTC 9min left Tue 2026-11-24 23:20:00 UTC 25s ago puppet-run.timer   puppet-run.service
-                           -         -                           -       squid-watch.timer  squid-watch.service
"""
    assert ask.parse_timers(text) == (
        ("puppet-run.timer", "puppet-run.service"),
        ("squid-watch.timer", "squid-watch.service"),
    )
    assert ask.parse_timers("") == ()
    with pytest.raises(ParseError):
        ask.parse_timers("Failed to list timers: Connection refused\n")


def test_only_units_that_run_are_named() -> None:
    text = """\
Id=monit.service
LoadState=loaded
ActiveState=active

Id=puppet.service
LoadState=not-found
ActiveState=inactive
"""
    assert ask.parse_active(text) == ("monit.service",)
    for bad in ("", "Failed to connect to bus\n", "Id=monit.service\n"):
        with pytest.raises(ParseError):
            ask.parse_active(bad)


# --- the journal ------------------------------------------------------------------------------------------


def entry(ident: str, message: str, **fields: str) -> str:
    return json.dumps({"SYSLOG_IDENTIFIER": ident, "MESSAGE": message, "_UID": "0", **fields})


def log(*lines: str) -> tuple[list[tuple[str, str]], int]:
    found, count = ask.parse_log("\n".join(lines), keepalived_unit="keepalived", squid_unit="squid")
    return [(line.program, line.text) for line in found], count


def test_keepalived_systemd_and_haconsole_are_heard_each_by_its_own_proof() -> None:
    stamp = "1795562528874858"
    found, count = ask.parse_log(
        "\n".join(
            (
                entry("Keepalived_vrrp", "(proxy_ip1) Entering MASTER STATE", _COMM="keepalived"),
                entry("systemd", "Started keepalived.service - x.", _PID="1", UNIT="keepalived.service"),
                entry("haconsole", "reverted: squid started", _SOURCE_REALTIME_TIMESTAMP=stamp),
            )
        ),
        keepalived_unit="keepalived",
        squid_unit="squid",
    )
    assert count == 3
    assert [line.program for line in found] == ["keepalived", "systemd", "haconsole"]
    assert found[0].fact is not None and found[0].fact.kind is LogFactKind.STATE
    assert found[2].node_time_s == pytest.approx(1795562528.874858)


def test_a_forged_line_is_counted_and_not_heard() -> None:
    forged = (
        entry("Keepalived_vrrp", "(proxy_ip1) Entering MASTER STATE", _COMM="logger", _UID="1000"),
        entry("haconsole", "reverted: nothing", _UID="1000"),
        "{torn",
    )
    assert log(*forged) == ([], 3)


def test_haconsoles_lines_of_the_login_itself_count_too() -> None:
    said = entry("haconsole", "drain begins", _UID="1000")
    found, _ = ask.parse_log(said, keepalived_unit="keepalived", squid_unit="squid", uid=1000)
    assert [line.program for line in found] == ["haconsole"]
    assert log(said) == ([], 1)


def test_the_number_of_a_login() -> None:
    assert ask.parse_uid("1000\n") == 1000
    for text in ("", "ops\n", "-1\n", "²\n"):
        with pytest.raises(ParseError):
            ask.parse_uid(text)


def test_escape_sequences_do_not_come_through() -> None:
    ((_, text),), _ = log(entry("haconsole", "reverted: \x1b[2J"))
    assert "\x1b" not in text


# --- whatever a node prints -----------------------------------------------------------------------------

PARSERS: dict[str, Callable[[str], object]] = {
    "switch": ask.parse_switch,
    "connections": lambda text: ask.parse_connections(text, 3128),
    "timers": ask.parse_timers,
    "active": ask.parse_active,
    "may": lambda text: ask.parse_may(text, text, 0),
    "may not": lambda text: ask.parse_may(text, text, 1),
    "password": lambda text: ask.parse_password_free(HEAD + text, "x"),
    "log": lambda text: ask.parse_log(text, keepalived_unit="keepalived", squid_unit="squid"),
}
PIECES = st.sampled_from(
    ["0 0 1.2.3.4:3128 5.6.7.8:9\n", "ESTAB ", "a.timer b.service\n", "Id=x\nActiveState=active\n\n", "    (root) NOPASSWD: ",
     "\n        ", "Options: !authenticate", "Matched:", '{"SYSLOG_IDENTIFIER":"haconsole","_UID":"0"}\n', "\x1b[2J", "²",
     "[::1]:3128", ":", "\x00"]
)  # fmt: skip


@pytest.mark.parametrize("name", PARSERS)
@given(text=st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=12).map("".join))
def test_any_text_is_a_value_or_a_parse_error(name: str, text: str) -> None:
    try:
        value = PARSERS[name](text)
    except ParseError as error:
        value = error
    shown = str(value) if isinstance(value, ParseError) else repr(value)
    assert "\x1b" not in shown
