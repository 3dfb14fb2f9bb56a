"""Capturing on a node: what is let through, what may be named, and the script under a real shell."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.catalogue import capture, script
from haconsole.catalogue.capture import CaptureNames
from haconsole.catalogue.command import StreamSpec
from haconsole.io.capture import PROGRAM
from haconsole.model.readings import Rights
from haconsole.wire import frames, pcap
from tests.support.processes import members
from tests.support.wait import wait

TCPDUMP = shutil.which("tcpdump", path="/usr/sbin:/usr/bin:/sbin:/bin")
needs_tcpdump = pytest.mark.skipif(TCPDUMP is None, reason="tcpdump is not installed")
needs_shell = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("stdbuf") or not shutil.which("ps"),
    reason="the node's side wants GNU coreutils and ps on Linux",
)
SHELLS = [s for s in ("dash", "bash", "zsh") if shutil.which(s)]
MARK = "5eed"


# --- what is let through -----------------------------------------------------------------------


def ipv4(protocol: int, destination: str = "224.0.0.18", payload: bytes = b"\x21" + bytes(19)) -> bytes:
    head = bytearray(20)
    head[0], head[2:4], head[8], head[9] = 0x45, (20 + len(payload)).to_bytes(2, "big"), 255, protocol
    head[12:16], head[16:20] = IPv4Address("10.0.0.1").packed, IPv4Address(destination).packed
    return bytes(head) + payload


def ipv6(following: int, payload: bytes = bytes(24)) -> bytes:
    head = bytes([0x60, 0, 0, 0]) + len(payload).to_bytes(2, "big") + bytes([following, 255])
    return head + IPv6Address("fe80::1").packed + IPv6Address("ff02::12").packed + payload


def frame(packet: bytes, ethertype: int, vlan: int | None = None) -> bytes:
    macs = {"source_mac": "02:00:00:00:00:01", "destination_mac": "01:00:5e:00:00:12"}
    return frames.ethernet(packet, ethertype=ethertype, vlan=vlan, **macs)


PASS = {
    "vrrp": (ipv4(112), 0x0800),
    "vrrp6": (ipv6(112), 0x86DD),
    "vrrp in ah": (ipv4(51), 0x0800),
    "arp": (bytes(28), 0x0806),
    "neighbour advertisement": (ipv6(58, b"\x88" + bytes(23)), 0x86DD),
}
STOP = {
    "tcp": (ipv4(6), 0x0800),
    "ipsec of others": (ipv4(51, "10.0.0.2"), 0x0800),
    "neighbour solicitation": (ipv6(58, b"\x87" + bytes(23)), 0x86DD),
    "udp6": (ipv6(17), 0x86DD),
    "lldp": (bytes(40), 0x88CC),
}


@needs_tcpdump
@pytest.mark.parametrize("vlan", [None, 7], ids=["untagged", "tagged"])
def test_the_filter_lets_through_what_concerns_us_and_nothing_else(vlan: int | None) -> None:
    everything = {**PASS, **STOP}
    given_ = pcap.header() + b"".join(pcap.record(1.0, frame(p, e, vlan)) for p, e in everything.values())
    done = subprocess.run([TCPDUMP, "-r", "-", "-w", "-", capture.FILTER], input=given_, capture_output=True)
    assert done.returncode == 0, done.stderr
    passed = [r.data for r in pcap.Reader().feed(done.stdout)]
    assert passed == [frame(p, e, vlan) for p, e in PASS.values()]


@needs_tcpdump
def test_the_kernel_filter_of_this_machine_is_the_same_filter() -> None:
    done = subprocess.run(
        [TCPDUMP, "-y", "EN10MB", "-ddd", capture.FILTER], capture_output=True, text=True, check=True
    )  # fmt: skip
    count, *lines = done.stdout.split("\n")
    assert int(count) == len(PROGRAM)
    assert [tuple(map(int, line.split())) for line in lines if line] == list(PROGRAM)


def test_the_longest_advert_fits_into_what_is_kept_of_a_packet() -> None:
    assert capture.SNAPLEN >= 14 + 4 + 40 + 24 + 8 + 255 * 16 + 28


# --- what may be named -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["eth0", "bond0.100", "enp3s0f1", "wg-vpn", "a" * 15, "_x"])
def test_interfaces_as_they_are_called(name: str) -> None:
    assert CaptureNames(interface=name).interface == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "-i", "-w", "eth0;reboot", "eth0 -w /etc/passwd", "a b", "$(id)", "`id`", "../../etc", "eth0\n", "a" * 16, "eth0'", "any*", "é"],
)  # fmt: skip
def test_a_hostile_interface_name_is_impossible(name: str) -> None:
    with pytest.raises(ValueError, match="interface"):
        CaptureNames(interface=name)


@given(st.text(max_size=20))
def test_whatever_is_accepted_is_one_word_of_harmless_characters(name: str) -> None:
    try:
        names = CaptureNames(interface=name)
    except ValueError:
        return
    assert re.fullmatch(r"[\w.-]{1,15}", name, re.ASCII)
    assert not name.startswith("-")
    assert capture.CAPTURE.filled(names)[2] == name


@pytest.mark.parametrize("user", ["", "-Z", "a b", "root;id", "$(id)", "x\n", "%wheel", "#0"])
def test_a_hostile_user_name_is_impossible(user: str) -> None:
    with pytest.raises(ValueError, match="user"):
        CaptureNames(interface="eth0", user=user)


def test_each_rights_has_its_entry_and_every_entry_says_what_it_is_for() -> None:
    assert capture.stream_for(Rights.SUDO) is capture.CAPTURE_BY_SUDO
    assert capture.stream_for(Rights.ROOT) is capture.stream_for(Rights.PLAIN) is capture.CAPTURE
    assert all(s.doc and s.argv[0] == "tcpdump" and "-p" in s.argv for s in capture.STREAMS.values())
    assert all(c.doc and c.danger.value == "observes" for c in capture.COMMANDS.values())


def test_what_is_sent_is_what_the_catalogue_says() -> None:
    names = CaptureNames(interface="eth0.7", user="ops")
    plain = script.read_capture(script.capture(capture.CAPTURE, names, Rights.PLAIN))
    assert plain == capture.CAPTURE.filled(names) == tuple(capture.by_hand("eth0.7"))
    rooted = script.read_capture(script.capture(capture.CAPTURE_BY_SUDO, names, Rights.SUDO))
    assert rooted == ("sudo", "-n", "--", *capture.CAPTURE_BY_SUDO.filled(names))
    assert rooted[4:6] == ("-Z", "ops")


@pytest.mark.parametrize("command", ["tcpdump -i eth0", "exec sh -c 'capture tcpdump'", "exec sh -c '", ""])
def test_other_commands_are_no_capture(command: str) -> None:
    assert script.read_capture(command) is None


# --- the permission ----------------------------------------------------------------------------


def test_the_permission_is_one_exact_line() -> None:
    line = capture.sudoers_line(CaptureNames(interface="eth0", user="ops"))
    assert line.startswith("ops ALL=(root) NOPASSWD: /bin/sh -c { exec tcpdump -Z ops -i eth0 -p ")
    assert "\n" not in line
    assert not re.search(r"(?<!\\)[*?\[\]]", line), "a pattern permits more than was meant"


def test_the_name_of_a_directory_s_user_is_escaped() -> None:
    line = capture.sudoers_line(CaptureNames(interface="eth0", user="CORP\\ops"))
    assert line.startswith("CORP\\\\ops ALL=(root)")
    assert " -Z 'CORP\\\\\\\\ops' " in line


@pytest.mark.skipif(shutil.which("visudo") is None, reason="sudo is not installed")
def test_sudo_takes_the_line(tmp_path: Path) -> None:
    file = tmp_path / "sudoers"
    file.write_text(capture.sudoers_line(CaptureNames(interface="eth0", user="ops")) + "\n")
    file.chmod(0o440)
    done = subprocess.run(["visudo", "-c", "-f", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# --- the script, under a real shell ------------------------------------------------------------

FAKE = r"""#!/bin/sh
echo "tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 4400 bytes" >&2
trap 'echo "tcpdump: 3 packets captured, 4 packets received by filter, 1 packet dropped by kernel" >&2' USR1
trap 'echo "5 packets dropped by kernel" >&2; exit 0' TERM
printf 'packets\0\377'
echo $$ > DIR/pid
while :; do sleep 0.05; done
"""


class Running:
    """A capture under a real shell."""

    def __init__(self, folder: Path, *, shell: str = "sh", rights: Rights = Rights.PLAIN) -> None:
        names = CaptureNames(interface="eth0", user="ops")
        spec: StreamSpec = capture.stream_for(rights)
        command = script.capture(spec, names, rights).replace("PATH=", f"PATH={folder}:", 1)
        self.process = subprocess.Popen(
            [shell, "-c", command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.say(f"{MARK}\n".encode())
        self.out = self.err = b""
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)

    def say(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def look(self) -> Running:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out += self.process.stdout.read() or b""
        self.err += self.process.stderr.read() or b""
        return self

    def until(self, word: bytes, seconds: float = 20.0) -> None:
        wait(lambda: word in self.look().err + self.out, seconds, f"{word!r} in {self.out!r} {self.err!r}")

    def gone(self, seconds: float = 20.0) -> None:
        """Nothing of its session is left, nor the tcpdump that started one of its own."""
        self.process.wait(timeout=seconds)
        wait(lambda: not members(self.process.pid), seconds, "the session is empty")

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self.process.wait()


def tool(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text.replace("DIR", str(folder)))
    (folder / name).chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    tool(tmp_path, "tcpdump", FAKE)
    yield tmp_path
    with contextlib.suppress(OSError):  # only where a test failed
        pid = int((tmp_path / "pid").read_text())
        if str(tmp_path).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def started() -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for each in running:
        each.close()


@needs_shell
@pytest.mark.parametrize("shell", SHELLS)
def test_packets_words_time_counts_and_status_each_come_on_their_way(
    folder: Path, started: list[Running], shell: str
) -> None:
    running = Running(folder, shell=shell)
    started.append(running)
    running.until(b"W tcpdump: listening on eth0")
    running.say(b".c")
    running.until(b"W tcpdump: 3 packets captured, 4 packets received by filter, 1 packet dropped by kernel\n")
    running.say(b"-q")
    running.until(b"E 0\n")
    running.gone()
    running.look()
    assert running.out == script.capture_mark(MARK) + b"packets\0\xff"
    assert re.search(rb"^T 1\d{9}\.\d+\n", running.err, re.MULTILINE)
    assert b"W 5 packets dropped by kernel\n" in running.err


@needs_shell
@pytest.mark.parametrize("how", ["end of input", "silence", "term"])
@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_is_left_when_the_console_is_gone(folder: Path, started: list[Running], shell: str, how: str) -> None:
    running = Running(folder, shell=shell)
    started.append(running)
    running.until(b"listening")
    assert len(members(running.process.pid)) >= 3
    if how == "end of input":
        assert running.process.stdin is not None
        running.process.stdin.close()
    elif how == "term":
        os.killpg(running.process.pid, signal.SIGTERM)
    running.gone()
    assert b"dropped by kernel" in running.look().err, "the last counts were told"


@needs_shell
@pytest.mark.parametrize("how", ["end of input", "term"])
def test_a_tcpdump_that_sudo_put_into_a_session_of_its_own_is_ended_too(
    folder: Path, started: list[Running], how: str
) -> None:
    # Like root's own process it takes no signal of the login.
    tool(folder, "sudo", '#!/bin/sh\ntrap : TERM\nshift 2\nsetsid -w "$@"\n')
    running = Running(folder, rights=Rights.SUDO)
    started.append(running)
    running.until(b"listening")
    wait(lambda: (folder / "pid").exists())
    pid = int((folder / "pid").read_text())
    assert pid not in members(running.process.pid)
    if how == "term":
        os.killpg(running.process.pid, signal.SIGTERM)
    else:
        assert running.process.stdin is not None
        running.process.stdin.close()
    wait(lambda: not Path(f"/proc/{pid}").exists(), 20, "tcpdump stayed behind")
    running.gone()


@needs_shell
def test_a_tcpdump_that_takes_no_signal_is_killed(folder: Path, started: list[Running]) -> None:
    tool(folder, "tcpdump", "#!/bin/sh\ntrap '' TERM\necho listening >&2\nwhile :; do sleep 0.05; done\n")
    running = Running(folder)
    started.append(running)
    running.until(b"listening")
    running.say(b"q")
    running.gone()


@needs_shell
def test_a_reader_that_stands_still_keeps_nobody_alive(folder: Path, started: list[Running]) -> None:
    """tcpdump is blocked in its writing, and the console dies: everything ends all the same."""
    tool(folder, "tcpdump", "#!/bin/sh\necho listening >&2\nexec cat /dev/zero\n")
    running = Running(folder)
    started.append(running)
    assert running.process.stderr is not None
    seen = b""

    def words() -> bytes:
        nonlocal seen
        assert running.process.stderr is not None
        seen += running.process.stderr.read() or b""
        return seen

    wait(lambda: b"listening" in words(), 20)
    assert running.process.stdin is not None
    running.process.stdin.close()
    running.gone()


@needs_shell
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\necho 'tcpdump: eth0: No such device exists' >&2\nexit 1\n", b"W tcpdump: eth0: No such device"),
        ("#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x >&2\necho >&2\nexit 1\n", b"W " + b"x" * 400 + b"\n"),
    ],
    ids=["a refusal", "a flood of words"],
)
def test_why_it_could_not_start_is_told(folder: Path, started: list[Running], text: str, words: bytes) -> None:
    tool(folder, "tcpdump", text)
    running = Running(folder)
    started.append(running)
    running.gone()
    running.look()
    assert words in running.err
    assert b"E 1\n" in running.err


@needs_shell
def test_no_tcpdump_at_all_is_status_127(folder: Path, started: list[Running]) -> None:
    tool(folder, "sudo", "#!/bin/sh\necho 'sudo: tcpdump: command not found' >&2\nexit 127\n")
    running = Running(folder, rights=Rights.SUDO)
    started.append(running)
    running.gone()
    assert b"E 127\n" in running.look().err


@needs_shell
def test_the_check_says_where_tcpdump_is_and_which_interfaces_there_are(folder: Path) -> None:
    from haconsole.parse.tcpdump import parse_check

    def check(interface: str, path: str = "") -> object:
        names = CaptureNames(interface=interface)
        command = script.batch([capture.CHECK], names, Rights.PLAIN).replace("PATH=", f"PATH={path}", 1)
        done = subprocess.run(["sh", "-c", command], input=f"{MARK}\n".encode(), capture_output=True, check=False)
        return parse_check(script.outputs(MARK, done.stdout, [capture.CHECK])["capture.check"].stdout.decode())

    found = check("lo", f"{folder}:")
    assert found.tcpdump == f"{folder}/tcpdump"  # type: ignore[attr-defined]
    assert found.up is not None  # type: ignore[attr-defined]
    assert "lo" in found.interfaces  # type: ignore[attr-defined]
    assert check("nosuch0").up is None  # type: ignore[attr-defined]
