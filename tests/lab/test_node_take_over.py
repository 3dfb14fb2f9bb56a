"""A console dies, or lives on, in a hold: the next one takes its operation over and ends it, or aborts it, on real nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.commanding import ONE, TWO, VIP1, Command, Running, disturbed, kept, revert_units, standings
from tests.lab.harness import Lab, until


@pytest.fixture
def command(healthy_lab: Lab, tmp_path: Path) -> Iterator[Command]:
    with disturbed(healthy_lab, tmp_path) as found:
        yield found


def _held(command: Command, *words: str) -> Running:
    running = command.start(*command.words(*words))
    running.step("verify")
    return running


def _nothing_left(lab: Lab, before: dict[str, list[str]]) -> None:
    until(lambda: standings(lab) == before, 30, "as before")
    assert {name: kept(node) for name, node in lab.nodes.items()} == {ONE: set(), TWO: set()}
    until(lambda: not any(revert_units(n) for n in lab.nodes.values()), 40, "no unit of haconsole is left")


def test_a_killed_console_s_hold_is_taken_over_extended_and_ended(healthy_lab: Lab, command: Command) -> None:
    before = standings(healthy_lab)
    first = _held(command, "squid-stop", "--revert-after", "5m", "--ticket", "CHG-7")
    first.kill()
    first.wait()
    other = Command(healthy_lab, command.folder, operator="bea")
    until(lambda: ("operation-left", TWO) in other.findings(), 40, "the lock that nothing outlives is stale")
    second = other.start(*other.words("take-over", "--revert-after", "15s"))
    second.step("extend")
    assert healthy_lab.holders(VIP1) == [TWO]
    assert len(revert_units(healthy_lab.nodes[ONE])) == 1, "the second timer waits, the first does not"
    done = second.wait()
    assert done.code == 0, (done.out, done.err)
    told = done.document
    assert (told["schema"], told["action"], told["result"]) == ("haconsole.action/1", "take-over", "done")
    assert [s["name"] for s in told["steps"]] == [
        "lock", "locks", "see-armed", "extend", "hold", "put-back", "restored", "disarm", "unlock",
    ]  # fmt: skip
    assert all(s["ok"] for s in told["steps"])
    assert "its console is gone: it renews no lock on" in done.err and "begun by     anna on" in done.err
    _nothing_left(healthy_lab, before)
    mine = [e for e in other.audited() if e.operation == told["id"] and e.action == "take-over"]
    assert [(e.what, e.result) for e in mine if e.what not in {"command", "step"}] == [
        ("asked", None), ("lock-broken", None), ("ended", "done"),
    ]  # fmt: skip
    nothing = other.node("abort")
    assert (nothing.code, nothing.document["result"]) == (0, "done")
    assert f"{ONE} tells of no operation" in nothing.document["text"]


def test_of_a_node_that_has_healed_itself_the_lock_that_stays_on_its_peer_is_found_and_removed(
    healthy_lab: Lab, command: Command
) -> None:
    before = standings(healthy_lab)
    first = _held(command, "squid-stop", "--revert-after", "15s")
    first.kill()
    first.wait()
    until(lambda: not kept(healthy_lab.nodes[ONE]), 60, "the node has healed itself and removed its own lock")
    until(lambda: standings(healthy_lab) == before, 30, "as before")
    assert kept(healthy_lab.nodes[TWO]), "nobody was left to remove the peer's"
    refused = command.node("squid-stop")
    assert refused.code == 3, refused.err
    (guard,) = (g for g in refused.document["guards"] if g["id"] == "no-other-operation")
    assert f"left a stale lock: haconsole node abort {TWO}, or go on against it with --break-lock" in guard["evidence"]
    elsewhere = command.node("abort")
    assert elsewhere.code == 3, elsewhere.err
    assert f"only its lock is left of it, on {TWO}: haconsole node abort {TWO}" in elsewhere.err
    removed = command.run("node", "abort", TWO, "--confirm", TWO, "-o", "json")
    assert removed.code == 0, (removed.out, removed.err)
    assert f"nothing was to be put back on {TWO}" in removed.document["text"]
    _nothing_left(healthy_lab, before)


def test_from_a_living_console_it_is_aborted_by_its_name_only_and_that_one_lets_go(
    healthy_lab: Lab, command: Command
) -> None:
    before = standings(healthy_lab)
    first = _held(command, "link-down", "--interface", "public", "--revert-after", "5m")
    other = Command(healthy_lab, command.folder, operator="bea")
    refused = other.node("abort")
    assert refused.code == 3, refused.err
    assert refused.document["result"] == "refused" and first.process.poll() is None
    (guard,) = (g for g in refused.document["guards"] if g["id"] == "console-gone")
    assert guard["ok"] is not True and not guard["passes"], guard
    named = refused.document["id"]
    assert f"--break-lock {named}" in refused.err
    aborted = other.node("abort", "--break-lock", named)
    assert aborted.code == 0, (aborted.out, aborted.err)
    assert f"link-down on {ONE} is aborted" in aborted.document["text"]
    left = first.wait()
    # It sees who aborts, or, where that was through before its next heartbeat, that the lock is gone: put back it is.
    assert left.code == 4, (left.out, left.err)
    whose = f"bea on {aborted.document['operator'].partition('@')[2]} has aborted {named}"
    assert any(words in left.document["text"] for words in (whose, "another console took over")), left.document["text"]
    _nothing_left(healthy_lab, before)


def test_a_drain_that_was_left_to_the_node_is_moved_and_then_aborted(healthy_lab: Lab, command: Command) -> None:
    before = standings(healthy_lab)
    drained = command.node("drain", "--revert-after", "2m", "--reason", "patches")
    assert drained.code == 0, drained.err
    ends = command.status()["nodes"][0]["drained"]["until"]
    other = Command(healthy_lab, command.folder, operator="bea")
    moved = other.node("take-over", "--revert-after", "30m", "--leave")
    assert moved.code == 0, (moved.out, moved.err)
    assert "no console holds a lock there" in moved.err
    assert f"drain goes on: {ONE} ends it by itself in 1" in moved.document["text"]
    told = other.status()["nodes"][0]["drained"]
    assert (told["by"].partition("@")[0], told["reason"]) == ("anna", "patches")
    assert told["until"] > ends
    assert len(revert_units(healthy_lab.nodes[ONE])) == 1
    assert healthy_lab.holders(VIP1) == [TWO]
    aborted = other.node("abort")
    assert aborted.code == 0, (aborted.out, aborted.err)
    assert f"keepalived is active on {ONE}" in aborted.document["text"]
    _nothing_left(healthy_lab, before)
