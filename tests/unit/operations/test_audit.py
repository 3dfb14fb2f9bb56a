"""The audit log: a chain that shows every change, drop and insertion; and one that survives a dying console."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.cli import main
from haconsole.io.audit_file import AuditError, AuditFile
from haconsole.operations import audit
from haconsole.operations.audit import NOTHING, Entry, Link, What


def entry(text: str = "drain asked for", **more: object) -> Entry:
    return Entry.model_validate(
        {
            "time": "2026-11-24T22:00:00.000Z", "what": What.ASKED.value, "operator": "anna@bastion", "version": "0.1",
            "text": text, **more,
        }
    )  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> AuditFile:
    return AuditFile(tmp_path / "state" / "audit.jsonl")


def filled(log: AuditFile, count: int) -> AuditFile:
    for number in range(count):
        log.append(entry(f"entry {number}"))
    return log


def lines(log: AuditFile) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def test_no_file_is_an_empty_whole_log(log: AuditFile) -> None:
    assert log.read() == audit.Chain(entries=(), breaks=())
    assert log.read().head == NOTHING


def test_entries_come_back_in_order_and_the_chain_holds(log: AuditFile) -> None:
    hashes = [log.append(entry(f"entry {n}", command=["ip", "link"], exit_status=0)) for n in range(3)]
    chain = log.read()
    assert [e.entry.text for e in chain.entries] == ["entry 0", "entry 1", "entry 2"]
    assert [e.hash for e in chain.entries] == hashes
    assert (chain.breaks, chain.head) == ((), hashes[-1])
    assert chain.holds(hashes[1][:8])
    assert not chain.holds("ffffffffffff")


@pytest.mark.parametrize("more", [
    {"before": {"nodes": {"proxy-serv01": {"addresses": ["eth0 192.0.2.1/24"] * 20_000}}}, "after": {"vips": {}}},
    {"text": "\u202e" * 100_000}, {"reason": "x" * 300_000, "ticket": "y" * 300_000},
    {"command": ["/bin/sh", "-c", "x" * 300_000], "exit_status": 0},
])  # fmt: skip
def test_what_is_too_long_for_a_line_is_cut_and_the_log_goes_on(log: AuditFile, more: dict[str, object]) -> None:
    """A node may tell of very many addresses: no action may end the log, and with it all further actions."""
    log.append(entry("first", operation="op-1", **more) if "text" not in more else entry(operation="op-1", **more))
    log.check_writable()
    log.append(entry("second"))
    chain = log.read()
    assert (chain.breaks, len(chain.entries)) == ((), 2)
    kept = chain.entries[0].entry
    assert (kept.operation, kept.operator) == ("op-1", "anna@bastion")
    assert "left out" in kept.model_dump_json()


def test_only_the_operator_may_read_it(log: AuditFile) -> None:
    filled(log, 1)
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


def _changed(old: list[bytes]) -> list[bytes]:
    return [old[0], old[1].replace(b"entry 1", b"entry 9"), *old[2:]]


def _spaced(old: list[bytes]) -> list[bytes]:
    return [old[0], json.dumps(json.loads(old[1])).encode() + b"\n", *old[2:]]


@pytest.mark.parametrize(
    ("tamper", "line", "says"),
    [
        (_changed, 2, "not what was written"),
        (_spaced, 2, "not what was written"),
        (lambda old: [old[0], *old[2:]], 2, "does not follow"),
        (lambda old: [old[1], old[0], *old[2:]], 1, "does not follow"),
        (lambda old: [*old[:2], old[1], *old[2:]], 3, "does not follow"),
        (lambda old: [old[0], b"anything\n", *old[1:]], 2, "not an entry"),
        (lambda old: [*old[:3], old[3][:-20]], 4, "not an entry"),
        (lambda old: old[1:], 1, "does not follow"),
    ],
    ids=["changed", "spaced", "dropped", "swapped", "doubled", "put in", "cut short", "beginning cut off"],
)
def test_tampering_shows_at_its_line(
    log: AuditFile, tamper: Callable[[list[bytes]], list[bytes]], line: int, says: str
) -> None:
    filled(log, 4)
    log.path.write_bytes(b"".join(tamper(lines(log))))
    first = log.read().breaks[0]
    assert first.line == line
    assert says in first.why


def test_a_cut_off_end_shows_by_a_hash_noted_elsewhere(log: AuditFile) -> None:
    filled(log, 4)
    noted = log.read().head
    log.path.write_bytes(b"".join(lines(log)[:2]))
    chain = log.read()
    assert chain.breaks == ()
    assert not chain.holds(noted)


@pytest.mark.parametrize("written", [1, 30, 200])
@pytest.mark.parametrize("before", [0, 3])
def test_the_next_entry_vouches_for_a_line_that_a_dying_console_left(log: AuditFile, written: int, before: int) -> None:
    filled(log, before + 1)
    whole = lines(log)
    log.path.write_bytes(b"".join(whole[:-1]) + whole[-1][:written])
    assert log.read().breaks
    filled(log, 2)
    chain = log.read()
    assert chain.breaks == ()
    assert chain.cut == (before + 1,)
    assert len(chain.entries) == before + 2


def test_a_whole_last_line_without_its_newline_is_kept(log: AuditFile) -> None:
    filled(log, 2)
    log.path.write_bytes(log.path.read_bytes()[:-1])
    filled(log, 1)
    chain = log.read()
    assert (len(chain.entries), chain.breaks, chain.cut) == (3, (), ())


def test_nobody_vouches_for_a_line_that_is_not_there(log: AuditFile) -> None:
    text, _ = audit.line(entry(), Link(number=1, previous=NOTHING, cut="0" * 64))
    log.path.parent.mkdir()
    log.path.write_bytes(text)
    assert "vouches" in log.read().breaks[0].why


def test_a_log_that_is_none_is_not_continued(log: AuditFile) -> None:
    log.path.parent.mkdir()
    log.path.write_bytes(b"my notes\n")
    with pytest.raises(AuditError, match="cannot be continued"):
        log.append(entry())
    assert log.path.read_bytes() == b"my notes\n"


def test_a_full_or_forbidden_disk_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = AuditFile(tmp_path / "file" / "audit.jsonl")
    with pytest.raises(AuditError, match="HACONSOLE_AUDIT"):
        log.append(entry())
    with pytest.raises(AuditError, match="cannot be written"):
        log.check_writable()
    with pytest.raises(AuditError, match="cannot be written"):
        AuditFile(Path("/dev/full")).append(entry())


def test_a_link_is_not_followed(log: AuditFile, tmp_path: Path) -> None:
    log.path.parent.mkdir()
    log.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditError):
        log.append(entry())
    assert not (tmp_path / "elsewhere").exists()


def test_consoles_side_by_side_keep_one_chain(log: AuditFile) -> None:
    def write(number: int) -> None:
        AuditFile(log.path).append(entry(f"of {number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    chain = log.read()
    assert (len(chain.entries), chain.breaks) == (40, ())


@given(st.binary(max_size=300))
def test_any_line_is_an_entry_or_the_one_error(text: bytes) -> None:
    try:
        audit.parse_line(text)
    except audit.NotAnEntryError:
        return
    pytest.fail("random octets make no entry")


@given(st.text(max_size=80), st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=9), max_size=4))
def test_any_words_come_back(text: str, before: dict[str, object]) -> None:
    made, digest = audit.line(entry(text, before=before), Link(number=1, previous=NOTHING))
    assert made.endswith(b"\n")
    assert made.count(b"\n") == 1
    read, _, claimed = audit.parse_line(made.rstrip(b"\n"))
    assert (read.text, read.before, claimed) == (text, before, digest)


def test_the_command_shows_and_verifies(log: AuditFile, capsys: pytest.CaptureFixture[str]) -> None:
    log.append(entry("asked", node="proxy-serv01", action="drain", operation="7f"))
    noted = log.append(entry("\x1b]0;evil\x07words", node="proxy-serv02"))
    assert main.run(["audit", "verify", str(log.path), "--holds", noted[:10]]) == 0
    assert capsys.readouterr().out.startswith("whole: 2 entries")
    assert main.run(["audit", "show", str(log.path)]) == 0
    shown = capsys.readouterr().out
    assert "anna@bastion" in shown
    assert "\x1b" not in shown
    assert main.run(["audit", "show", str(log.path), "-o", "json", "--node", "proxy-serv01"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(d["schema"], d["action"], d["number"]) for d in documents] == [("haconsole.audit/1", "drain", 1)]
    log.path.write_bytes(log.path.read_bytes().replace(b"asked", b"asled", 1))
    assert main.run(["audit", "verify", str(log.path)]) == 1
    assert "NOT WHOLE" in capsys.readouterr().out
    assert main.run(["audit", "verify", str(log.path) + ".none"]) == 1


def test_an_entry_is_one_line_with_its_whole_local_time_and_the_text_last(
    log: AuditFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        where = {"node": "proxy-serv01", "action": "squid-stop"}
        long = "squid was seen stopped " * 12
        log.append(entry("asked", time="2026-11-28T22:59:59.120Z", **where))
        log.append(entry(long, time="2026-11-28T23:00:01.120Z", command=["systemctl", "stop"], exit_status=0, **where))
        log.append(entry("over", time="no time", **where))
        assert main.run(["audit", "show", str(log.path)]) == 0
        told = capsys.readouterr().out.splitlines()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert told[0] == "2026-11-28 CET  anna@bastion"
    assert told[1].split() == ["23:59:59", "proxy-serv01", "squid-stop", "asked", "asked"]
    assert told[2] == "2026-11-29 CET  anna@bastion"
    assert told[3].startswith("00:00:01  proxy-serv01  squid-stop") and told[3].endswith("systemctl stop  exit 0")
    assert "no time" in told[5]
    assert len(told) == 6


def test_the_log_of_the_user_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HACONSOLE_AUDIT", str(tmp_path / "a.jsonl"))
    assert main.run(["audit", "verify"]) == 0
    assert capsys.readouterr().out.startswith("whole: 0 entries")
