"""squid.conf, as the node's own shell cuts it down and as it is understood: no secret passes, nothing is guessed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.catalogue import sudo_text
from haconsole.catalogue.squid_conf import FILE, PID_FILE, SQUID_CONF
from haconsole.model.readings import SquidShutdown
from haconsole.parse.errors import ParseError
from haconsole.parse.squid_conf import DEFAULT_S, parse_shutdown


def told(tmp_path: Path, files: dict[str, str], shell: str = "/bin/sh") -> tuple[str, SquidShutdown]:
    """What the entry's text prints of these files, and what it is taken for. `DIR` in them is their folder."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.replace("DIR", str(tmp_path)))
    main = str(tmp_path / "squid.conf")
    script = SQUID_CONF.argv[2].replace(FILE, main).replace(PID_FILE, str(tmp_path / "no.pid"))
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout, parse_shutdown(done.stdout, main)


DEBIAN = "# shutdown_lifetime 9 seconds\nacl lan src 10.0.0.0/8\nhttp_port 3128\ninclude DIR/conf.d/*.conf\n"
CASES: dict[str, tuple[dict[str, str], float | None]] = {
    "set": ({"squid.conf": "shutdown_lifetime 5 seconds\n"}, 5.0),
    "not set": ({"squid.conf": DEBIAN, "conf.d/debian.conf": "logfile_rotate 0\n"}, DEFAULT_S),
    "included": ({"squid.conf": DEBIAN, "conf.d/x.conf": "  shutdown_lifetime 2 Minutes\n"}, 120.0),
    "the last one counts": ({"squid.conf": "shutdown_lifetime 1 hour\nshutdown_lifetime 3 seconds # x\n"}, 3.0),
    "an include stands where it stands": (
        {"squid.conf": 'shutdown_lifetime 1 second\ninclude "DIR/a"\n', "a": "shutdown_lifetime 7 seconds\n"}, 7.0
    ),
    "what comes after it wins": (
        {"squid.conf": "include DIR/a\nshutdown_lifetime 1 second\n", "a": "shutdown_lifetime 7 seconds\n"}, 1.0
    ),
    "in several lines": ({"squid.conf": "shutdown_lifetime \\\n# no end\n   4 \\\n seconds\n"}, 4.0),
    "a part of another line": ({"squid.conf": "acl x src \\\nshutdown_lifetime 9 hours\n"}, DEFAULT_S),
    "Windows line ends": ({"squid.conf": "shutdown_lifetime 6 seconds\r\n"}, 6.0),
    "none": ({"squid.conf": "shutdown_lifetime 0\n"}, 0.0),
    "in an if": ({"squid.conf": "if ${process_number} = 1\nshutdown_lifetime 9 seconds\nendif\n"}, None),
    "in a file that an if includes": (
        {"squid.conf": "if true\ninclude DIR/a\nendif\n", "a": "shutdown_lifetime 9 seconds\n"}, None
    ),
    "beside an if": ({"squid.conf": "if true\nacl a src x\nendif\nshutdown_lifetime 9 seconds\n"}, 9.0),
    "an include that is not there": ({"squid.conf": "shutdown_lifetime 1 second\ninclude DIR/no\n"}, None),
    "a loop": ({"squid.conf": "shutdown_lifetime 1 second\ninclude DIR/squid.conf\n"}, None),
    "a program": ({"squid.conf": "include |DIR/x\n"}, None),
    "a macro": ({"squid.conf": "shutdown_lifetime ${service_name} seconds\n"}, None),
    "another unit": ({"squid.conf": "shutdown_lifetime 5 moments\n"}, None),
}  # fmt: skip


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
@pytest.mark.parametrize("case", CASES)
def test_the_value_is_squids_own_or_not_known(tmp_path: Path, case: str, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    files, expected = CASES[case]
    _, found = told(tmp_path, files, shell)
    assert found.lifetime_s == expected, found
    assert found.text


def test_no_other_line_leaves_the_node(tmp_path: Path) -> None:
    secret = (
        "cache_peer p parent 3128 0 \\\n  login=joe:s3cret\ncachemgr_passwd s3cret all\nshutdown_lifetime 5 seconds\n"
    )
    text, found = told(tmp_path, {"squid.conf": secret})
    assert "s3cret" not in text
    assert found.lifetime_s == 5.0
    assert sudo_text.is_group(SQUID_CONF.argv), "one shell group: sudoers can grant it exactly"


def test_a_squid_with_another_file_is_not_judged_by_this_one() -> None:
    lines = f"file {FILE}\nline shutdown_lifetime 5 seconds\n"
    assert parse_shutdown(f"args /usr/sbin/squid --foreground -f {FILE} -sYC\n{lines}", FILE).lifetime_s == 5.0
    other = parse_shutdown(f"args /usr/sbin/squid -f/srv/\x1b[2Jx.conf\n{lines}", FILE)
    assert other.lifetime_s is None
    assert "/srv/" in other.text and "\x1b" not in other.text


def test_the_arguments_are_those_of_the_process_in_squids_pid_file(tmp_path: Path) -> None:
    squid = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "-f", "/srv/other.conf"])
    try:
        (tmp_path / "no.pid").write_text(f"{squid.pid}\n")
        text, found = told(tmp_path, {"squid.conf": "shutdown_lifetime 5 seconds\n"})
    finally:
        squid.kill()
        squid.wait()
    assert text.startswith("args ") and found.lifetime_s is None
    assert found.text == "squid was started with another file: /srv/other.conf"


@given(st.text() | st.lists(st.sampled_from([
    f"file {FILE}", "line include /etc/squid/*", "line if", "line endif", "more 5", "line shutdown_lifetime 5 s",
    "line shutdown_lifetime 1e99 seconds", "file /etc/squid/a", "line shutdown_lifetime", "unread x", "args -f", "line ",
]), max_size=30).map("\n".join))  # fmt: skip
def test_whatever_is_printed_it_is_a_value_or_a_reason(text: str) -> None:
    try:
        found = parse_shutdown(text, FILE)
    except ParseError:
        return
    assert found.text or found.lifetime_s is not None
    assert found.lifetime_s is None or found.lifetime_s >= 0
