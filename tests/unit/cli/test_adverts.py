"""`haconsole adverts`: what it prints, what it keeps to itself, and with which code it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from haconsole.cli.adverts_live import gives_up, told
from haconsole.cli.adverts_print import CHUNKS, Outlet, Printer
from haconsole.model.capture import CaptureCounts, Heard
from haconsole.model.packets import Advert
from haconsole.model.problems import Problem, ProblemKind
from haconsole.wire import frames, pcap
from tests.support.wait import until, wait
from tests.unit.io.test_capture import Mouth, needs_right
from tests.unit.runtime.wires import advert_frame, garp_frame

ROOT = Path(__file__).parents[3]
REAL = ROOT / "tests" / "fixtures" / "pcaps" / "tcpdump_vrrp.pcap"
EXAMPLE = ROOT / "config.example.toml"
VRID = 212


def run(*words: str, stdin: bytes = b"", prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "haconsole", "adverts", *words],
        capture_output=True, input=stdin, cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip


def capture(*packets: bytes) -> bytes:
    return pcap.header() + b"".join(pcap.record(1000.0 + n, data) for n, data in enumerate(packets))


def heard(data: bytes, *, place: str | None = "n1", link_type: int = 1) -> Heard:
    packet = frames.decode(data)
    assert packet is not None
    return Heard(place=place, at=1.0, error_s=None, packet=packet, frame=data, length=len(data), link_type=link_type)


# --- a file --------------------------------------------------------------------------------------


def test_a_file_as_json_is_the_contract_s_lines_and_says_that_nobody_is_known_to_have_heard_it() -> None:
    done = run("--read", "-", "-o", "json", stdin=capture(advert_frame("10.0.0.1"), garp_frame("10.0.0.9")))
    advert, garp = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (0, b"")
    assert advert["schema"] == "haconsole.advert/1"
    assert (advert["source"], advert["vrid"], advert["time"]) == ("10.0.0.1", 1, "1970-01-01T00:16:40.000000Z")
    assert garp["schema"] == "haconsole.garp/1"
    assert advert["heard_by"] is garp["heard_by"] is None


def test_what_claims_to_be_vrrp_and_cannot_be_read_has_its_line_in_its_place() -> None:
    """Its sender is known, what it does not tell is null."""
    whole = advert_frame("10.0.0.1")
    fragment = whole[:20] + b"\x20\x01" + whole[22:]
    short = frames.ethernet(
        frames.ipv4(b"\x21\x07\x64", IPv4Address("10.0.0.2"), IPv4Address("224.0.0.18")),
        source_mac="02:00:00:00:00:02", destination_mac="01:00:5e:00:00:12", ethertype=frames.IPV4,
    )  # fmt: skip
    strange = whole[:34] + b"\x51" + whole[35:]
    data = capture(short, whole, fragment, strange, b"\0" * 60)
    done = run("--read", "-", "-o", "json", stdin=data)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [x["problems"] for x in lines] == [["length"], [], ["fragment"], ["version"]]
    assert [x["source"] for x in lines] == ["10.0.0.2", *["10.0.0.1"] * 3]
    assert {lines[0][k] for k in ("version", "vrid", "priority", "addresses", "checksum_ok")} == {None}
    assert lines[0].keys() == lines[1].keys()
    assert done.returncode == 0
    assert b"3 packets claim to be VRRP" in done.stderr
    told = run("--read", "-", stdin=data).stdout.decode().splitlines()
    assert len(told) == 4 and "cannot be read: a VRRP header has 8 octets, here are 3" in told[0]
    assert len(run("--read", "-", "-o", "json", "--count", "1", stdin=data).stdout.splitlines()) == 1


def test_a_file_as_text_has_a_line_for_each_packet_and_can_be_cut() -> None:
    assert run("--read", str(REAL)).stdout.count(b"\n") == 165
    assert run("--read", str(REAL), "--count", "7").stdout.count(b"\n") == 7


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_a_pcap_of_it_is_read_by_others() -> None:
    done = run("--read", str(REAL), "-o", "pcap")
    seen = subprocess.run(["tshark", "-r", "-"], input=done.stdout, capture_output=True, check=False)
    assert seen.stdout.count(b"\n") == 165


def test_no_password_is_in_anything_that_leaves() -> None:
    whole = capture(advert_frame("10.0.0.1", auth=b"s3cret!!"))
    for form in ("text", "json", "pcap"):
        done = run("--read", "-", "-o", form, stdin=whole)
        assert done.returncode == 0
        assert b"s3cret" not in done.stdout + done.stderr
    record = next(pcap.Reader().feed(run("--read", "-", "-o", "pcap", stdin=whole).stdout))
    packet = frames.decode(record.data)
    assert isinstance(packet, Advert)
    assert packet.checksum.ok


def test_a_capture_without_adverts_gives_an_empty_one() -> None:
    done = run("--read", "-", "-o", "pcap", stdin=capture())
    assert (done.returncode, done.stdout) == (0, pcap.header())


@pytest.mark.parametrize(
    ("data", "code", "lines", "words"),
    [
        (b"", 1, 0, b"not a capture"),
        (b"hello world, this is no capture", 1, 0, b"not a capture"),
        (capture(advert_frame("10.0.0.1"), advert_frame("10.0.0.1"))[:-7], 0, 1, b"cut short"),
        (capture(advert_frame("10.0.0.1"), advert_frame("10.0.0.1")[:20]), 0, 1, b"1 packets claim to be VRRP"),
    ],
    ids=["nothing", "text", "cut short", "a bad packet"],
)
def test_a_broken_file_gives_what_came_before_and_says_so(data: bytes, code: int, lines: int, words: bytes) -> None:
    done = run("--read", "-", stdin=data)
    assert (done.returncode, done.stdout.count(b"\n")) == (code, lines)
    assert words in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_file_that_is_not_there() -> None:
    done = run("--read", "/nowhere.pcap")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"/nowhere.pcap" in done.stderr


# --- a wrong call --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["--read", "x", "--interface", "lo"],
        ["--node", "proxy-serv01", "--interface", "lo"],
        ["--node", "proxy-serv01", "--read", "-"],
        ["--read", "-", "--for", "3s"],
        ["--for", "soon"],
        ["--for", "0"],
        ["--for", "-3s"],
        ["--count", "0"],
        ["-o", "yaml"],
        ["--interface", "eth0; reboot"],
        ["--interface", "-w"],
        ["--config", str(EXAMPLE), "--node", "nobody"],
        ["--config", str(EXAMPLE), "--node", "proxy-serv01:eth0 -w /etc/passwd"],
        ["--config", str(EXAMPLE), "--cluster", "nowhere"],
        ["--config", "/nowhere.toml"],
    ],
)
def test_a_wrong_call_is_2_and_says_why(words: list[str]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.strip()
    assert b"Traceback" not in done.stderr


def test_an_unknown_node_is_told_with_those_there_are() -> None:
    done = run("--config", str(EXAMPLE), "--node", "proxy-serv1")
    assert b"proxy-serv01, proxy-serv02" in done.stderr


# --- nodes ---------------------------------------------------------------------------------------


def test_nodes_that_cannot_be_reached_are_each_told_and_the_code_is_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening: refused
        port = taken.getsockname()[1]
        config = tmp_path / "c.toml"
        nodes = "".join(
            f'[[cluster.node]]\nname = "n{n}"\naddress = "127.0.0.1"\nssh = {{ port = {port}, user = "u{n}" }}\n'
            for n in (1, 2)
        ).replace('n2"\naddress = "127.0.0.1"', 'n2"\naddress = "127.0.0.2"')
        config.write_text(f'[[cluster]]\nname = "c"\n{nodes}')
        done = run("--config", str(config), "--for", "30s")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"n1: " in done.stderr
    assert b"n2: " in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("kind", "listened", "final"),
    [
        (ProblemKind.UNREACHABLE, False, True),
        (ProblemKind.LINK_LOST, True, False),
        (ProblemKind.COMMAND_FAILED, True, False),
        (ProblemKind.NOT_PERMITTED, True, True),
        (ProblemKind.TOOL_MISSING, True, True),
        (ProblemKind.HOST_KEY_CHANGED, True, True),
    ],
)
def test_what_was_heard_once_is_waited_for_unless_a_person_must_act(
    kind: ProblemKind, listened: bool, final: bool
) -> None:
    assert gives_up(Problem(kind=kind, summary="x"), listened) is final


def test_counts_in_words() -> None:
    assert told(CaptureCounts(place="n1", at=0.0, heard=3)) == "3 packets heard"
    full = CaptureCounts(place="n1", at=0.0, heard=3, unreadable=1, flooded=2, dropped=0)
    assert told(full) == (
        "3 packets heard, 0 dropped by the kernel, 2 of a flood left out, 1 claim to be VRRP and cannot be read"
    )


# --- an interface of this machine ----------------------------------------------------------------


class Listening:
    """A running `haconsole adverts --interface lo` and somebody who speaks there."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.out = folder / "out"
        self.err = folder / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "haconsole", "adverts", "--interface", "lo", *words],
                stdout=out, stderr=err, cwd=ROOT,
            )  # fmt: skip
        wait(lambda: b"listening on lo" in self.err.read_bytes() or self.process.poll() is not None, 30)

    def ours(self) -> list[dict[str, object]]:
        lines = self.out.read_bytes().split(b"\n")[:-1]
        return [d for d in map(json.loads, lines) if d.get("vrid") == VRID]


@contextmanager
def listening(folder: Path, *words: str) -> Iterator[Listening]:
    found = Listening(folder, *words)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait()


@needs_right
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order_with_the_counts(tmp_path: Path, number: signal.Signals) -> None:
    with listening(tmp_path, "-o", "json") as found, Mouth() as mouth:
        mouth.say(advert_frame("10.0.0.1", vrid=VRID))
        wait(lambda: found.ours())
        found.process.send_signal(number)
        assert found.process.wait(timeout=20) == 0
        assert found.ours()[0]["heard_by"] == "lo"
        assert b"lo: 1 packets heard, 0 dropped by the kernel" in found.err.read_bytes()
        assert b"Traceback" not in found.err.read_bytes()


@needs_right
def test_enough_packets_end_it(tmp_path: Path) -> None:
    with listening(tmp_path, "-o", "json", "--count", "2") as found, Mouth() as mouth:
        for _ in range(3):
            mouth.say(advert_frame("10.0.0.1", vrid=VRID))
        assert found.process.wait(timeout=20) == 0
        assert len(found.out.read_bytes().splitlines()) == 2


@needs_right
@pytest.mark.parametrize(
    ("words", "code"), [(["--for", "300ms"], 0), (["--for", "300ms", "--count", "1000000"], 1)], ids=["time", "too few"]
)
def test_the_time_ends_it(tmp_path: Path, words: list[str], code: int) -> None:
    with listening(tmp_path, *words) as found:
        assert found.process.wait(timeout=20) == code


@needs_right
@pytest.mark.parametrize("words", [["--for", "1h"], ["--count", "1000000"]])
def test_a_signal_before_what_was_asked_for_is_no_success(tmp_path: Path, words: list[str]) -> None:
    with listening(tmp_path, *words) as found:
        found.process.send_signal(signal.SIGINT)
        assert found.process.wait(timeout=20) == 130


@needs_right
def test_a_pcap_can_be_read_while_it_grows(tmp_path: Path) -> None:
    with listening(tmp_path, "-o", "pcap") as found, Mouth() as mouth:
        for count in (1, 2):
            mouth.say(advert_frame("10.0.0.1", vrid=VRID))
            wait(lambda n=count: len(list(pcap.Reader().feed(found.out.read_bytes()))) >= n)


@needs_right
def test_a_reader_that_leaves_ends_it_without_a_word_about_it() -> None:
    script = f"{sys.executable} -m haconsole adverts --interface lo -o json | head -n 1"
    with subprocess.Popen(script, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stderr is not None
        assert b"listening" in process.stderr.readline()
        with Mouth() as mouth:
            while process.poll() is None:
                mouth.say(advert_frame("10.0.0.1", vrid=VRID))
                os.sched_yield()
        assert b"Traceback" not in process.stderr.read()


@needs_right
@pytest.mark.skipif(shutil.which("setpriv") is None or os.geteuid() != 0, reason="needs root and setpriv")
def test_without_the_right_it_says_what_to_permit() -> None:
    without = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
    done = run("--interface", "lo", prefix=without)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"CAP_NET_RAW" in done.stderr
    assert b"sudo tcpdump -i lo" in done.stderr
    assert b"setcap" in done.stderr


@needs_right
def test_an_interface_that_is_not_there_is_1() -> None:
    done = run("--interface", "nosuch0")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no interface nosuch0" in done.stderr


# --- printing ------------------------------------------------------------------------------------


def test_each_line_says_who_heard_it_and_the_columns_stand() -> None:
    printer = Printer("text", None, ["n1", "long-name"])
    lines = printer.lines([heard(advert_frame("10.0.0.1")), heard(garp_frame("10.0.0.9"), place="long-name")])
    first, second = lines.decode().splitlines()
    assert first[14:25] == "n1         "
    assert second[14:25] == "long-name  "


def test_a_frame_of_another_link_type_is_not_forced_into_the_pcap() -> None:
    printer = Printer("pcap", None)
    printer.lines([heard(advert_frame("10.0.0.1"))])
    assert printer.lines([heard(advert_frame("10.0.0.1"), link_type=276)]) == b""
    assert (printer.shown, printer.misfits) == (1, 1)


async def test_a_reader_that_stands_still_stops_nobody_and_nothing_grows() -> None:
    reading, writing = os.pipe()
    try:
        outlet = Outlet(writing)
        putting = asyncio.ensure_future(put_all(outlet, 3 * CHUNKS))
        await until(lambda: outlet._room.locked())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not putting.done(), "what is not taken is not handed over"
        got = await asyncio.to_thread(os.read, reading, 1 << 20)
        while len(got) < 3 * CHUNKS * 100_000:
            got += await asyncio.to_thread(os.read, reading, 1 << 20)
        await putting
        await outlet.finish(10)
    finally:
        os.close(reading)
        os.close(writing)


async def put_all(outlet: Outlet, count: int) -> None:
    for _ in range(count):
        await outlet.put(b"x" * 100_000)


async def test_a_reader_that_left_is_noticed_and_hurts_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    outlet = Outlet(writing)
    await put_all(outlet, 3 * CHUNKS)
    await until(lambda: outlet.broken.is_set())
    assert isinstance(outlet.error, BrokenPipeError)
    await outlet.finish(10)
    os.close(writing)
