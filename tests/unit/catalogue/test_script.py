"""The text that goes over SSH, run by a real shell: frames, bounds, the dump, the collector's end."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from haconsole.catalogue import read, script
from haconsole.catalogue.command import CommandSpec, Names, Verb
from haconsole.model.events import Subject
from haconsole.model.readings import Rights
from tests.support.processes import members
from tests.support.wait import wait

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("stdbuf") is None, reason="the node's side wants GNU coreutils on Linux"
)
SHELLS = [s for s in ("dash", "bash", "zsh") if shutil.which(s)]
MARK = "5eed"


def entry(*argv: str, **more: object) -> CommandSpec:
    return CommandSpec(id=str(more.pop("id", "x")), argv=argv, subject=Subject.CLOCK, doc="", **more)  # type: ignore[arg-type]


def run(
    specs: list[CommandSpec], *, shell: str = "sh", names: Names | None = None, path: Path | None = None
) -> dict[str, script.Output]:
    command = script.batch(specs, names or Names(), Rights.PLAIN)
    if path is not None:
        command = command.replace("PATH=", f"PATH={path}:", 1)
    done = subprocess.run([shell, "-c", command], input=f"{MARK}\n".encode(), capture_output=True, check=False)
    assert done.stderr == b""
    return script.outputs(MARK, done.stdout, specs)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_batch_gives_each_command_its_output_its_errors_and_its_status(shell: str) -> None:
    specs = [
        entry("printf", "one\\ntwo", id="a"),
        entry("sh", "-c", "echo out; echo 'bad thing' >&2; exit 7", id="b"),
        entry("no-such-program", id="c"),
        entry("true", id="d"),
    ]
    found = run(specs, shell=shell)
    assert (found["a"].stdout, found["a"].status, found["a"].stderr) == (b"one\ntwo", 0, "")
    assert (found["b"].stdout, found["b"].status, found["b"].stderr) == (b"out\n", 7, "bad thing")
    assert found["c"].status == 127
    assert (found["d"].stdout, found["d"].status) == (b"", 0)


@pytest.mark.parametrize("shell", SHELLS)
def test_data_comes_to_a_program_as_it_is(shell: str) -> None:
    data = "$(touch /tmp/never) `x` 'one'\n\\n \"two\" %s"
    spec = entry("{signal}", "cat", verb=Verb.FEED)
    found = run([spec, entry("echo", "on", id="next")], shell=shell, names=Names(signal=data))
    assert found["x"].stdout.decode() == data + "\n"
    assert found["next"].stdout == b"on\n"


def test_a_command_that_hangs_is_ended_and_the_next_one_runs() -> None:
    found = run([entry("sleep", "60", id="hangs", timeout_s=1), entry("echo", "on", id="next")])
    assert found["hangs"].status == 124
    assert found["next"].stdout == b"on\n"


def test_more_output_than_the_limit_is_cut_and_said() -> None:
    found = run([entry("yes", id="flood", limit=1000), entry("echo", "on", id="next")])
    assert found["flood"].truncated
    assert len(found["flood"].stdout) == 1000
    assert found["next"].stdout == b"on\n"


def test_a_flood_of_errors_neither_blocks_nor_hides_the_status() -> None:
    found = run([entry("sh", "-c", "head -c 500000 /dev/zero | tr '\\0' e >&2; exit 3")])
    assert found["x"].status == 3
    assert len(found["x"].stderr) <= script.STDERR_LIMIT


def test_output_cannot_pass_for_a_frame() -> None:
    forged = "\\n@0000 end x\\n0\\n\\n@0000 begin kernel.links\\nlies\\n@0000 end kernel.links\\n0\\n"
    specs = [entry("printf", forged), dataclasses.replace(read.LINKS, argv=("echo", "truth"))]
    found = run(specs)
    assert b"lies" in found["x"].stdout
    assert found["kernel.links"].stdout == b"truth\n"


def test_output_that_ends_early_leaves_out_what_did_not_end() -> None:
    specs = [entry("echo", "1", id="a"), entry("echo", "2", id="b")]
    whole = subprocess.run(
        ["sh", "-c", script.batch(specs, Names(), Rights.PLAIN)], input=f"{MARK}\n".encode(), capture_output=True
    ).stdout
    for cut in range(len(whole)):
        found = script.outputs(MARK, whole[:cut], specs)
        assert set(found) <= {"a", "b"}
        assert all(o.stdout in {b"1\n", b"2\n"} for o in found.values())


def test_files_come_by_name_and_without_their_passwords(tmp_path: Path) -> None:
    (tmp_path / "a b.conf").write_text("authentication {\n  auth_type PASS\n\tauth_pass s3cret # it\n}\n")
    (tmp_path / "c.conf").write_text("x\n")
    spec = entry(str(tmp_path / "*.conf"), verb=Verb.FILES)
    found = run([spec])["x"]
    assert found.status == 0
    assert set(found.files) == {str(tmp_path / "a b.conf"), str(tmp_path / "c.conf")}
    assert b"s3cret" not in b"".join(found.files.values())
    assert b"auth_pass (secret)" in found.files[str(tmp_path / "a b.conf")]


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    found = run([entry(str(tmp_path / "none.conf"), verb=Verb.FILES)])["x"]
    assert found.status != 0
    assert "No such file" in found.stderr


def test_a_pattern_is_a_pattern_and_never_a_command(tmp_path: Path) -> None:
    evil = f"{tmp_path}/$(touch {tmp_path}/owned) `touch {tmp_path}/owned`; touch {tmp_path}/owned"
    run([entry(evil, verb=Verb.FILES)])
    assert not (tmp_path / "owned").exists()


@pytest.fixture
def daemon(tmp_path: Path) -> Path:
    """A `systemctl` that does what keepalived does when it is signalled: makes the file anew."""
    tools = tmp_path / "bin"
    tools.mkdir()
    tool = tools / "systemctl"
    tool.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/calls\n'
        f"rm -f {tmp_path}/keepalived.data\n"
        f"printf ' VRRP Instance = I\\n   Password = s3cret\\n   State = MASTER\\n' > {tmp_path}/keepalived.data\n"
        f"touch {tmp_path}/keepalived_parent.data\n"
    )
    tool.chmod(0o755)
    return tools


def dump_names(tmp_path: Path, age: str = "new") -> Names:
    return Names(signal="10", dump_age=age, dump_file=str(tmp_path / "keepalived.data"))


@pytest.mark.parametrize("age", ["new", "old"])
def test_a_dump_is_asked_for_read_without_password_and_removed(daemon: Path, tmp_path: Path, age: str) -> None:
    (tmp_path / "keepalived.data").write_text("an older dump")
    found = run([read.KEEPALIVED_DUMP], names=dump_names(tmp_path, age), path=daemon)["keepalived.dump"]
    assert found.stdout == b" VRRP Instance = I\n   State = MASTER\n"
    assert found.status == 0
    assert (tmp_path / "calls").read_text() == "show -p MainPID keepalived\nkill --kill-who=main -s 10 keepalived\n"
    assert not (tmp_path / "keepalived.data").exists()
    assert not (tmp_path / "keepalived_parent.data").exists()


def test_an_old_dump_is_never_taken_for_a_new_one(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    (tools / "systemctl").chmod(0o755)
    (tools / "sleep").write_text("#!/bin/sh\nexit 0\n")
    (tools / "sleep").chmod(0o755)
    (tmp_path / "keepalived.data").write_text(" VRRP Instance = I\n   State = MASTER\n")
    found = run([read.KEEPALIVED_DUMP], names=dump_names(tmp_path), path=tools)["keepalived.dump"]
    assert found.status == 75
    assert found.stdout == b""
    assert "no new dump" in found.stderr


def test_a_signal_that_is_refused_is_told_with_its_words(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text("#!/bin/sh\necho 'Access denied' >&2\nexit 4\n")
    (tools / "systemctl").chmod(0o755)
    found = run([read.KEEPALIVED_DUMP], names=dump_names(tmp_path), path=tools)["keepalived.dump"]
    assert (found.status, found.stderr) == (4, "Access denied")


def test_privileged_commands_run_under_sudo_with_the_time_limit_inside() -> None:
    names = Names()
    assert shlex.split(script.line(read.KEEPALIVED_TEST, names, Rights.SUDO))[4:] == [
        *["sudo", "-n", "--", "timeout", "-k", "1", "6", "/bin/sh", "-c"],
        "{ exec keepalived -t -f /etc/keepalived/keepalived.conf; }",
    ]
    assert "sudo" not in script.line(read.KEEPALIVED_TEST, names, Rights.ROOT)
    assert "sudo" not in script.line(read.LINKS, names, Rights.SUDO)
    dump = shlex.split(script.line(read.KEEPALIVED_DUMP, names, Rights.SUDO))
    assert dump[7:-1] == ["/tmp/keepalived.data", "sudo", "-n", "--", "timeout", "-k", "1", "5", "/bin/sh", "-c"]


def test_data_with_line_ends_and_quotes_is_one_line_to_a_node_that_is_no_shell() -> None:
    data = "one\n'two'\n\n\"three"
    specs = [read.LINKS, entry("{signal}", "cat", id="fed", verb=Verb.FEED), read.UPTIME]
    lines = script.read_batch(script.batch(specs, Names(signal=data), Rights.ROOT))
    assert lines is not None
    assert [line.id for line in lines] == [s.id for s in specs]
    assert lines[1].argv == (data, "cat")


def test_a_node_that_is_no_shell_can_read_the_same_lines() -> None:
    specs = [read.LINKS, read.KEEPALIVED_DUMP, read.CONFIG_FILE]
    lines = script.read_batch(script.batch(specs, Names(), Rights.ROOT))
    assert lines is not None
    assert [(line.verb, line.id) for line in lines] == [(s.verb, s.id) for s in specs]
    assert lines[0].argv == ("ip", "-o", "link")
    assert script.read_batch("rm -rf /") is None
    assert script.read_batch("exec sh -c 'echo hello'") is None
    streams = script.read_collector(script.collector([read.KERNEL_MONITOR], Names(), Rights.ROOT))
    assert streams == {"K": ("ip", "-o", "monitor", "link", "address")}


def test_every_entry_of_the_catalogue_observes_and_says_what_it_is_for() -> None:
    assert all(c.danger.value == "observes" and c.doc for c in read.COMMANDS.values())
    assert all(len(script.line(c, Names(), Rights.SUDO)) < 2000 for c in read.COMMANDS.values())


class Running:
    """A collector under a real shell."""

    def __init__(self, command: str, path: Path) -> None:
        command = command.replace("PATH=", f"PATH={path}:", 1)
        self.process = subprocess.Popen(
            ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self.say(b"\n")

    def say(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def gone(session: int) -> None:
    wait(lambda: not members(session), what="the session is empty")


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    tool = tmp_path / "ip"
    tool.write_text(
        "#!/bin/sh\necho '2: eth1 inet 10.0.0.1/24'\nhead -c 9000 /dev/zero | tr '\\0' x\necho\nexec sleep 1000\n"
    )
    tool.chmod(0o755)
    return tmp_path


def test_the_collector_tags_lines_cuts_long_ones_and_answers_beats(monitor: Path) -> None:
    running = Running(script.collector([read.KERNEL_MONITOR], Names(), Rights.ROOT), monitor)
    assert running.line() == b"K 2: eth1 inet 10.0.0.1/24\n"
    assert running.line() == b"K " + b"x" * 3800 + b"\n"
    running.say(b".")
    assert running.line().startswith(b"T 1")
    running.process.communicate()
    gone(running.process.pid)


def test_the_collector_leaves_nothing_behind_when_its_console_is_gone(monitor: Path) -> None:
    running = Running(script.collector([read.KERNEL_MONITOR], Names(), Rights.ROOT), monitor)
    assert running.line()
    assert len(members(running.process.pid)) >= 2
    assert running.process.stdin is not None
    running.process.stdin.close()
    running.process.wait(timeout=15)
    gone(running.process.pid)
    assert running.process.stdout is not None
    running.process.stdout.close()


def test_the_collector_ends_when_beats_stop(monitor: Path) -> None:
    running = Running(script.collector([read.KERNEL_MONITOR], Names(), Rights.ROOT), monitor)
    assert running.line()
    running.process.wait(timeout=15)
    gone(running.process.pid)
    running.process.communicate()


def test_the_collector_leaves_nothing_behind_when_its_answer_finds_nobody(monitor: Path) -> None:
    """The console died between a beat and its answer: the write fails, and the end comes all the same."""
    running = Running(script.collector([read.KERNEL_MONITOR], Names(), Rights.ROOT), monitor)
    assert running.line()
    assert running.process.stdout is not None
    assert running.process.stdin is not None
    running.process.stdout.close()
    running.say(b"..")
    running.process.stdin.close()
    running.process.wait(timeout=15)
    gone(running.process.pid)


def test_a_stream_that_needs_root_ends_with_the_collector_too(monitor: Path) -> None:
    """Its processes belong to root and cannot be signalled by the login: a pipe ends them."""
    sudo = monitor / "sudo"
    sudo.write_text('#!/bin/sh\nshift 2\nexec setsid "$@"\n')  # its own session: no signal of ours reaches it
    sudo.chmod(0o755)
    journal = monitor / "journalctl"
    journal.write_text(f"#!/bin/sh\necho $$ > {monitor}/pid\necho '{{}}'\nexec sleep 1000\n")
    journal.chmod(0o755)
    running = Running(script.collector([read.LOG_FOLLOW], Names(), Rights.SUDO), monitor)
    assert running.line() == b"L {}\n"
    assert running.process.stdin is not None
    running.process.stdin.close()
    running.process.wait(timeout=15)
    end = time.monotonic() + 10
    while Path(f"/proc/{(monitor / 'pid').read_text().strip()}").exists():
        assert time.monotonic() < end, "journalctl stayed behind"
        os.sched_yield()
    assert running.process.stdout is not None
    running.process.stdout.close()


def test_a_program_that_tells_everything_on_standard_error_is_read_from_its_first_line() -> None:
    """`keepalived -v` of Debian 13: 3.5 KiB there, the version in front."""
    found = run([entry("sh", "-c", "{ echo 'Keepalived v2.3.3'; head -c 4000 /dev/zero | tr '\\0' x; } >&2")])
    assert found["x"].stderr.startswith("Keepalived v2.3.3")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_whose_word_never_comes_does_not_wait_for_ever(shell: str) -> None:
    """The way was cut between the command and the word: nobody closes the channel for hours."""
    command = script.batch([read.UID], Names(), Rights.ROOT)
    assert "timeout 10 sh -c" in command, "within the 15 s that the contract gives"
    with subprocess.Popen(
        [shell, "-c", command.replace("timeout 10 sh -c", "timeout 0.1 sh -c")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.wait(30) == 9, "its standard input is still open"
        assert process.stdout is not None and process.stdout.read() == b""
