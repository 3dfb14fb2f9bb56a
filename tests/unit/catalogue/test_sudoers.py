"""What `haconsole sudoers` grants: exact lines, and no other way to cut one into arguments does anything."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from haconsole.catalogue import capture, change, operation, read, squid_conf, sudo_text, support
from haconsole.catalogue.command import Root
from haconsole.catalogue.sudoers import Grant, grants
from haconsole.model.spec import ClusterSpec, NodeSpec, SshSpec
from haconsole.report.sudoers import sudoers_file

NODE = NodeSpec(name="n1", address="192.0.2.1", ssh=SshSpec(user="ops", sudo=True))
CLUSTER = ClusterSpec(name="proxy", nodes=(NODE, dataclasses.replace(NODE, name="n2")))
GRANTS = grants(CLUSTER, NODE, "ops")
SHELLS = [s for s in ("dash", "bash") if shutil.which(s)]


def text_of(grant: Grant) -> str:
    return grant.argv[-1]


def as_sudo_reads(pattern: str) -> re.Pattern[str]:
    """The arguments' pattern as the lexer and then fnmatch(3) take it: only escapes are literal."""
    lexed = re.sub(r"\\([:\\,= \t#])", r"\1", pattern)
    found, i = "", 0
    while i < len(lexed):
        c = lexed[i]
        if c == "\\":
            found, i = found + re.escape(lexed[i + 1]), i + 2
            continue
        assert c not in "*?[]", f"a wildcard at {i} of {lexed}"
        found, i = found + re.escape(c), i + 1
    return re.compile(found)


@pytest.mark.parametrize("grant", GRANTS, ids=lambda g: g.entry)
def test_a_line_is_one_absolute_command_without_a_wildcard_and_means_just_that(grant: Grant) -> None:
    first, _, rest = grant.text.partition(" ")
    assert first in {"/usr/bin/timeout", "/bin/sh", "/bin/sed"}
    assert as_sudo_reads(rest).fullmatch(" ".join(grant.argv[1:]))
    assert "  " not in grant.text and grant.text.isprintable()


@pytest.mark.parametrize("grant", GRANTS, ids=lambda g: g.entry)
def test_what_runs_is_one_group_of_a_shell_behind_words_that_fit_nothing_else(grant: Grant) -> None:
    """The words in front: `timeout -k 1 SECONDS /bin/sh -c`. Two of them joined are no time, no
    option and no program: `1 8`, `-c {`, `/bin/sh -c`."""
    if grant.entry == "keepalived.conf":
        assert grant.argv == ("/bin/sed", "-e", "s/auth_pass.*/auth_pass (secret)/", "--", CLUSTER.keepalived_config)
        return
    before = grant.argv[:-3]
    assert before == () or (before[:3] == ("/usr/bin/timeout", "-k", "1") and before[3].isdigit() and len(before) == 4)
    assert sudo_text.is_group(grant.argv[-3:])


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("grant", [g for g in GRANTS if g.argv[-2] == "-c"], ids=lambda g: g.entry)
def test_a_part_of_a_text_is_a_syntax_error_of_which_nothing_runs(grant: Grant, shell: str, tmp_path: Path) -> None:
    """Cut at every blank, the rest given as arguments: the shell must refuse before it does anything."""
    words = text_of(grant).split(" ")
    assert subprocess.run([shell, "-n", "-c", text_of(grant)], capture_output=True).returncode == 0
    # One process for all cuts: each part is parsed, not run, by `-n`; the group never closes early.
    parts = [" ".join(words[:n]) for n in range(1, len(words))]
    files = []
    for number, part in enumerate(parts):
        file = tmp_path / f"{number}"
        file.write_text(part)
        files.append(str(file))
    script = 'for f; do if "$0" -n "$f" 2>/dev/null; then echo "$f"; fi; done'
    done = subprocess.run(["sh", "-c", script, shell, *files], capture_output=True, text=True)
    assert [parts[int(Path(f).name)] for f in done.stdout.split()] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_runs_nothing_of_a_group_that_does_not_close(shell: str, tmp_path: Path) -> None:
    done = subprocess.run([shell, "-c", "{ touch ran; true;", "touch", "ran"], cwd=tmp_path, capture_output=True)
    assert done.returncode != 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shell", SHELLS)
def test_option_and_text_in_one_argument_are_refused(shell: str, tmp_path: Path) -> None:
    done = subprocess.run([shell, "-c { touch ran; }"], cwd=tmp_path, capture_output=True)
    assert done.returncode != 0
    assert not list(tmp_path.iterdir())


def test_every_entry_that_wants_root_is_granted_but_what_the_document_leaves_out() -> None:
    entries = {
        *(
            s.id
            for m in (
                read.COMMANDS,
                squid_conf.COMMANDS,
                support.COMMANDS,
                capture.COMMANDS,
                operation.COMMANDS,
                change.COMMANDS,
            )
            for s in m.values()
            if s.root is not Root.NO
        ),
        *(s.id for m in (read.STREAMS, capture.STREAMS) for s in m.values() if s.root is not Root.NO),
    }
    assert {g.entry for g in GRANTS} == entries - {"keepalived.include"}


def test_no_process_id_is_in_a_line() -> None:
    assert not [g for g in GRANTS if re.search(r"/proc/\d|kill .*-p|--pid", g.text)]


def test_a_read_only_cluster_is_granted_nothing_that_changes() -> None:
    looking = grants(dataclasses.replace(CLUSTER, read_only=True), NODE, "ops")
    assert {g.entry for g in looking} <= {
        *read.COMMANDS,
        *squid_conf.COMMANDS,
        *support.COMMANDS,
        *read.STREAMS,
        *capture.STREAMS,
    }


def test_interfaces_are_the_node_s_and_those_asked_for() -> None:
    node = dataclasses.replace(NODE, lan_interface="ens3", public_interface=None)
    downs = [g for g in grants(CLUSTER, node, "ops", ["bond0"]) if g.entry == "link.down"]
    assert [re.findall(r"dev (\S+) down", g.text) for g in downs] == [["ens3"], ["bond0"]]


@pytest.mark.parametrize(
    "change_",
    [
        {"drain_file": "/run/x y"}, {"drain_file": "/run/$(id)"}, {"drain_file": "/run/../etc/x"},
        {"keepalived_service": "a;b"}, {"squid_service": "$(id)"}, {"keepalived_service": "x\\x2dy"},
    ],
)  # fmt: skip
def test_a_name_that_could_be_shell_text_is_refused(change_: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="haconsole"):
        grants(dataclasses.replace(CLUSTER, **change_), NODE, "ops")


@pytest.mark.parametrize("interface", ["-x", "a b", "$(id)", "../x", "", "x" * 16])
def test_an_interface_that_could_be_shell_text_is_refused(interface: str) -> None:
    with pytest.raises(ValueError, match="interface"):
        grants(CLUSTER, NODE, "ops", [interface])


def test_the_file_is_for_one_login_and_names_every_line() -> None:
    file = sudoers_file([(CLUSTER, n) for n in CLUSTER.nodes], "ops")
    lines = [line for line in file.splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("Defaults:ops env_reset, !setenv")
    assert 'secure_path="' in lines[0]
    assert all(line.startswith("ops ALL=(root) NOPASSWD: /") for line in lines[1:])
    assert len(lines) == len(GRANTS) + 1  # both nodes have the same interfaces


@pytest.mark.parametrize("user", ["ADMIN", "a b", "x\ny", "%wheel"])
def test_a_login_that_sudoers_would_misread_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match=r"user|alias"):
        sudoers_file([(CLUSTER, NODE)], user)


@pytest.mark.skipif(shutil.which("visudo") is None, reason="sudo is not installed")
@pytest.mark.parametrize("user", ["ops", "CORP\\ops", "ops@corp"])
def test_visudo_takes_the_file(tmp_path: Path, user: str) -> None:
    path = tmp_path / "sudoers"
    path.write_text(sudoers_file([(CLUSTER, NODE)], user))
    path.chmod(0o440)
    done = subprocess.run(["visudo", "-c", "-f", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
