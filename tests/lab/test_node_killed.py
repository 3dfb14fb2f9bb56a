"""`haconsole node`, killed with signal 9 after each of its steps: the node heals itself, by its own deadline.

Every step once and every action here, on three labs at once; every action with every step by `make soak`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.commanding import (
    HAND_OVER_S,
    ONE,
    TWO,
    Kernels,
    Running,
    difference,
    disturbed,
    kept,
    revert_units,
    rich,
    sessions,
    standings,
)
from tests.lab.harness import Lab, faults, until

ACTIONS: dict[str, tuple[tuple[str, ...], float]] = {
    "public": (("link-down", "--interface", "public", "--revert-after", "15s"), 15.0),
    "lan": (("link-down", "--interface", "lan", "--revert-after", "15s"), 30.0),
    "squid": (("squid-stop", "--revert-after", "15s"), 15.0),
    "keepalived": (("keepalived-stop", "--revert-after", "15s"), 15.0),
    "drain": (("drain", "--revert-after", "15s"), 15.0),
}
"""Words, and the deadline that the node gets: a change that cuts the console's own way has 15 s more."""
HELD = (
    "lock", "guards", "save", "arm", "see-armed", "change", "verify", "hold", "put-back", "restored", "disarm", "unlock",
)  # fmt: skip
LINK = (*HELD[:10], "routes", *HELD[10:])
DRAINED = ("lock", "guards", "save", "arm", "see-armed", "change", "priority", "verify", "unlock")
BEFORE_ARMING = ("lock", "guards", "save")
HEALED_S = 25.0
"""After the deadline: the revert's own work, and the hand-over of keepalived that follows it."""
GONE_S = 15.0
"""So long after its console's death a process may be there."""

_log = logging.getLogger("lab.killed")

ONCE = {
    "first lab": [("lan", "change"), ("keepalived", "hold"), ("squid", "verify"), ("keepalived", "guards")],
    "second lab": [("public", "arm"), ("drain", "priority"), ("public", "put-back"), ("squid", "restored"), ("squid", "lock")],
    "third lab": [
        ("keepalived", "see-armed"), ("public", "routes"), ("public", "disarm"), ("drain", "unlock"), ("lan", "save"),
    ],
}  # fmt: skip
"""Each takes as long as the others: most of it is waiting for the node's deadline."""
STEPS = {"drain": DRAINED, "lan": LINK, "public": LINK}
ALL = [(action, step) for action in ACTIONS for step in STEPS.get(action, HELD)]


def _cases() -> Iterator[object]:
    once = {case: lab for lab, cases in ONCE.items() for case in cases}
    for number, case in enumerate(ALL):
        lab = once.get(case, list(ONCE)[number % len(ONCE)])
        marks = [pytest.mark.xdist_group(lab), *([] if case in once else [pytest.mark.soak])]
        yield pytest.param(*case, id="-".join(case), marks=marks)


def test_every_step_and_every_action_is_killed_once() -> None:
    once = [case for cases in ONCE.values() for case in cases]
    assert set(once) <= set(ALL)
    assert {step for _, step in once} == {*LINK, *DRAINED}
    assert {action for action, _ in once} == set(ACTIONS)


@pytest.mark.parametrize(("action", "step"), list(_cases()))
def test_the_node_heals_itself(healthy_lab: Lab, tmp_path: Path, action: str, step: str) -> None:
    words, deadline = ACTIONS[action]
    with contextlib.ExitStack() as stack:
        if action == "drain":
            stack.enter_context(faults.lossless(healthy_lab))
        stack.enter_context(rich(healthy_lab.nodes[ONE]))
        command = stack.enter_context(disturbed(healthy_lab, tmp_path))
        before, logins = standings(healthy_lab), _logins(healthy_lab)
        kernels = Kernels(healthy_lab)
        with kernels.watched():
            running = command.start(*command.words(*words), kill_after=step)
            until(lambda: running.process.poll() is not None, 90, f"killed after {step}: {running.lines}")
            done = running.wait()
            assert running.killed_at is not None, (done.code, done.err)
            assert done.code == -9
            armed_at = running.ended_at.get("arm", running.killed_at)
            _until_gone(healthy_lab, logins, running, cut=action == "lan")
            last = {}

            def back() -> bool:
                last.update(standings(healthy_lab))
                return last == before and not _armed(healthy_lab)

            latest = armed_at + deadline + HEALED_S - time.monotonic()
            with contextlib.suppress(Exception):
                until(back, max(1.0, latest), "the node is as before, no revert waits", every_s=0.2)
            assert last == before, difference(before, last)
            healed_s = time.monotonic() - armed_at
            one, two = (healthy_lab.nodes[n] for n in (ONE, TWO))
            # What sshd kept for a connection whose end could not be told over a link that was down.
            until(lambda: not _new(healthy_lab, logins), 90, "no connection is left")
            gone_s = time.monotonic() - armed_at
            # A revert also removes the lock of its dead console, once that has expired.
            until(lambda: not revert_units(one), 40, "no unit of haconsole is left")
        assert kernels.longest_on_both() <= HAND_OVER_S, kernels.changes("192.168.2.101")
        _log.info(
            "%s %s: as before after %.1f s, no connection left after %.1f s, a VIP on both for %.3f s",
            action, step, healed_s, gone_s, kernels.longest_on_both(),
        )  # fmt: skip
        locks = {"lock", "lock/owner", "lock/expires"}
        left = {p for p in kept(one) if p.partition("/")[0] != "operation" or step not in BEFORE_ARMING}
        assert left <= (locks if step in BEFORE_ARMING else set()), left
        assert kept(two) <= locks
        assert command.audited(), "the log is whole, whatever happened to its writer"


def _logins(lab: Lab) -> dict[str, set[int]]:
    return {name: set(sessions(node)) for name, node in lab.nodes.items()}


def _new(lab: Lab, before: dict[str, set[int]], *, programs: bool = False) -> list[str]:
    """Processes that a login brought since; `programs`: without sshd's own of a connection."""
    return [
        f"{name}: {words}"
        for name, node in lab.nodes.items()
        for pid, words in sessions(node).items()
        if pid not in before[name] and not (programs and " sshd: ops" in words)
    ]


def _until_gone(lab: Lab, before: dict[str, set[int]], running: Running, *, cut: bool) -> None:
    """Fifteen seconds after the console's death no process of it is left on any node.

    `cut`: the change cuts the console's way, so that sshd cannot hear of the death before the link is back.
    """
    assert running.killed_at is not None
    while left := _new(lab, before, programs=cut):
        assert time.monotonic() < running.killed_at + GONE_S, left
        time.sleep(0.2)


def _armed(lab: Lab) -> list[str]:
    return [u for node in lab.nodes.values() for u in revert_units(node) if u.endswith(".timer")]
