"""`keepalived -v`, `--signum` and `-t` of every version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from haconsole.model.readings import KeepalivedVersion
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_version import MAX_MESSAGE, parse_config_test, parse_signum, parse_version

FIXTURES = Path(__file__).parents[2] / "fixtures" / "keepalived"
VERSIONS = ("1.3.5", "2.0.20", "2.1.5", "2.2.7", "2.4.3")


def version(text: str) -> KeepalivedVersion:
    major, minor, patch = map(int, text.split("."))
    return KeepalivedVersion(major=major, minor=minor, patch=patch)


@pytest.mark.parametrize("folder", VERSIONS)
def test_version_and_features(folder: str) -> None:
    found = parse_version((FIXTURES / folder / "version.txt").read_text())
    assert str(found) == folder
    assert {"VRRP_AUTH", "LVS"} <= found.features
    assert ("JSON" in found.features) is (folder != "1.3.5")
    assert not any(" " in word for word in found.features)


@pytest.mark.parametrize(
    ("text", "triple"),
    [
        ("Keepalived v2.2.8 (04/04,2023), git commit v2.2.7-154-g292b299e+\n", (2, 2, 8)),
        ("sudo: unable to resolve host a\nKeepalived v2.0.10 (11/12,2018)\n", (2, 0, 10)),
        ("Keepalived v2.3\n", (2, 3, 0)),
    ],
)
def test_other_first_lines(text: str, triple: tuple[int, int, int]) -> None:
    assert parse_version(text).triple == triple


@pytest.mark.parametrize(
    "text", ["", "Unable to read build config options file\n", "sh: keepalived: not found", "Keepalived v2", "\x1b[2J"]
)
def test_no_version(text: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse_version(text)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("folder", VERSIONS)
def test_signal_numbers(folder: str) -> None:
    line = re.compile(r"--signum=(\w+): rc=(\d+) stdout='(.*)' stderr=(?:'(.*)'|\"(.*)\")")
    found = {}
    for match in line.finditer((FIXTURES / folder / "signum.txt").read_text()):
        stdout, stderr = match[3].replace("\\n", "\n"), (match[4] or match[5] or "").replace("\\n", "\n")
        found[match[1]] = parse_signum(stdout, stderr, int(match[2]))
    if folder == "1.3.5":  # exits 0 and does nothing
        assert set(found.values()) == {None}
        return
    clear = None if folder == "2.0.20" else 63
    assert found == {
        "STOP": 15, "RELOAD": 1, "DATA": 10, "STATS": 12, "STATS_CLEAR": clear, "JSON": 36, "FOO": None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stdout", "stderr", "status", "number"),
    [
        ("10\n", "sudo: unable to resolve host proxy-serv01\n", 0, 10),
        ("10\n", "", None, None),
        ("10\n", "", 1, None),
        ("0\n", "", 0, None),
        ("65\n", "", 0, None),
        ("١٠\n", "", 0, None),
        ("10 12\n", "", 0, None),
        ("", "", 0, None),
    ],
)
def test_doubtful_signal_numbers(stdout: str, stderr: str, status: int | None, number: int | None) -> None:
    assert parse_signum(stdout, stderr, status) == number


# --- -t ----------------------------------------------------------------------------------

CASE = re.compile(r"--- ([^:\n]+): exit (\S+)\n(.*?)(?=\n--- |\Z)", re.DOTALL)
SOUND = {"ok", "prio255", "script-not-exec", "vip-dup", "label-mismatch", "unicast-peer-no-src", "empty"}
"""No version says anything of these. `empty` is for whoever knows the file."""


@pytest.mark.parametrize("folder", ["2.0.20", "2.1.5", "2.2.7", "2.4.3"])
def test_every_mistake_of_the_fixtures_is_a_mistake_whatever_the_exit_code(folder: str) -> None:
    cases = {m[1]: m for m in CASE.finditer((FIXTURES / folder / "conf-test.txt").read_text()) if m[1][0] != "-"}
    assert {"ok", "missing-brace", "file-missing", "vrid-256"} <= set(cases)
    for name, match in cases.items():
        found = parse_config_test(version(folder), "", match[3], int(match[2]))
        said = {line.strip() for line in match[3].splitlines() if line.strip()}
        assert said <= set(found.messages), name
        assert len(found.messages) == len(set(found.messages)), name
        assert found.why_unknown is None, name
        assert found.ok is (not said and match[2] == "0"), name
        if name in SOUND:
            assert found.ok is True, name


def test_messages_come_once_and_in_order() -> None:
    stderr = "(Line 39) Extra '}' found\n(Line 39) Unknown keyword '}'\n(Line 39) Extra '}' found\n\n"
    found = parse_config_test(version("2.2.7"), "\x1b[2Jnoise\n", stderr, 5)
    assert found.ok is False
    assert found.messages == ("(Line 39) Extra '}' found", "(Line 39) Unknown keyword '}'", "␛[2Jnoise")


def test_a_message_is_cut_before_it_is_searched_for_passwords() -> None:
    (told,) = parse_config_test(version("2.2.7"), "", "Unknown keyword 'auth_pass' S3cret" * 100_000, 5).messages
    assert len(told) <= MAX_MESSAGE + 1
    assert "S3cret" not in told


@pytest.mark.parametrize("text", ["1.3.5", "1.4.5", "2.0.9"])
def test_versions_that_cannot_test_say_nothing_of_the_file(text: str) -> None:
    found = parse_config_test(version(text), "", "keepalived: invalid option -- 't'\n", 0)
    assert found.ok is None
    assert found.why_unknown is not None
    assert text in found.why_unknown


def test_without_a_version_nothing_is_certain() -> None:
    assert parse_config_test(None, "", "", 0).ok is None


@pytest.mark.parametrize(
    ("stderr", "status", "ok"),
    [
        ("", 0, True),
        ("sudo: unable to resolve host proxy-serv01: Name or service not known\n", 0, True),
        ("SECURITY VIOLATION - scripts are being executed but script_security not enabled.\n", 0, False),  # 2.1.5
        ("", 5, False),
        ("", -11, False),  # 2.1.5 crashes on a missing brace, and so does the daemon
        ("", 139, False),
        ("", None, None),
        ("", -9, None),
        ("", 137, None),
        ("", 143, None),
        ("", 124, None),
        ("sudo: keepalived: command not found\n", 127, None),
        ("sudo: a password is required\n", 1, None),
    ],
)
def test_exit_and_output_together_decide(stderr: str, status: int | None, ok: bool | None) -> None:
    found = parse_config_test(version("2.1.5"), "", stderr, status)
    assert found.ok is ok
    assert (found.why_unknown is None) is (ok is not None)


def test_a_password_that_keepalived_repeats_is_hidden_and_its_own_sentence_stays() -> None:
    stderr = "Unmatched quote: 'auth_pass \"S3cret'\n(Line 3) Truncating auth_pass to 8 characters\n"
    found = parse_config_test(version("2.2.7"), "", stderr, 5)
    assert found.messages == ("Unmatched quote: 'auth_pass (secret)", "(Line 3) Truncating auth_pass to 8 characters")
