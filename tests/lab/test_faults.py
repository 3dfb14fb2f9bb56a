"""Faults made for real, while a console watches: each is named by its own finding within ten seconds, with what
follows from it below it and nothing else, and clears when it is mended. A pair that is well and busy is quiet.

Ten of them are part of every run, the others of `make soak`; `--log-cli-level=INFO` shows the times.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from haconsole.model.findings import Finding
from tests.lab.fault_list import ALL, Fault
from tests.lab.fault_list_more import MORE
from tests.lab.fault_making import VIP1, VIP2
from tests.lab.harness import ORIGIN_URL, Lab
from tests.lab.telling import Console, console

LOG = logging.getLogger(__name__)
NAMED_S = 10.0
SETTLED_S = 25.0
CLEARED_S = 45.0
QUIET_S = 60.0
PASSING = {"vip-moving"}
"""Told while a VIP changes hands: that is no second alarm."""


@pytest.fixture
def quiet_lab(lab: Lab) -> Lab:
    """The healthy pair, whose journals begin anew: what the last test did is not what this one flaps by."""
    lab.heal()
    lab.each_node(lambda node: node.sh("journalctl -q --rotate; journalctl -q --vacuum-time=1us"))
    return lab


def parameters() -> Iterator[object]:
    for fault in (*ALL, *MORE):
        yield pytest.param(fault, id=fault.name.replace(" ", "-"), marks=[pytest.mark.soak] if fault.soak else [])


@pytest.mark.parametrize("fault", parameters())
def test_each_fault_is_named_by_its_own_finding_and_clears(fault: Fault, quiet_lab: Lab, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        if fault.before is not None:
            stack.enter_context(fault.before(quiet_lab))
        watching = stack.enter_context(console(quiet_lab, tmp_path))
        begin = time.monotonic()
        with fault.make(quiet_lab):
            begin = time.monotonic() if fault.takes_its_time else begin
            named_s = wait_named(watching, fault, begin)
            found = wait_settled(watching, fault)
            assert {key.partition("/")[0] for key in watching.seen} <= found.keys() | fault.may | PASSING, watching.seen
            for root in found[fault.named.partition("/")[0]]:
                assert root.remedy and root.evidence and all(e.source and e.text for e in root.evidence)
        mended = time.monotonic()
        wait_cleared(watching, fault)
        cleared_s = time.monotonic() - mended
        left = ", ".join(f"`{id_}`" for id_ in sorted({f.id for f in watching.step()}))
        by_time = f", {left} with time" if left else ""
        LOG.info(
            "| %s | `%s` | %.1f s | %.1f s%s |",
            fault.name,
            (fault.own or fault.named).partition("/")[0],
            named_s,
            cleared_s,
            by_time,
        )


def wait_named(watching: Console, fault: Fault, begin: float) -> float:
    """Seconds until the finding was told. Raises: AssertionError."""
    own = fault.own or fault.named
    while own not in watching.seen:
        assert time.monotonic() - begin < NAMED_S, told(watching)
        watching.step()
    return watching.seen[own][0] - begin


def wait_settled(watching: Console, fault: Fault) -> dict[str, list[Finding]]:
    """Until what is told is exactly the fault's finding as the one root, and what follows from it. By id."""
    begin, wanted = time.monotonic(), fault.follows | {fault.named.partition("/")[0]}
    while True:
        findings = watching.step()
        keys = {f.key for f in findings}
        roots = [f.key for f in findings if f.follows_from not in keys]
        told_ids = {f.id for f in findings}
        if wanted <= told_ids <= wanted | fault.may and set(roots) == {fault.named} | fault.also:
            return {id_: [f for f in findings if f.id == id_] for id_ in told_ids}
        assert time.monotonic() - begin < SETTLED_S, told(watching)


def wait_cleared(watching: Console, fault: Fault) -> None:
    """Until nothing is told any more, but for what tells of the last ten minutes."""
    begin = time.monotonic()
    while {f.id for f in watching.step()} - fault.stays:
        assert time.monotonic() - begin < CLEARED_S, told(watching)


def told(watching: Console) -> str:
    return (
        "\n".join(f"{f.key} <- {f.follows_from}: {f.summary}" for f in watching.step())
        + f"\nseen {watching.seen}\n"
        + "\n".join(o.text for o in watching.look().picture.log[-40:])
    )


def test_a_busy_pair_is_quiet_for_a_minute(quiet_lab: Lab, tmp_path: Path) -> None:
    quiet(quiet_lab, tmp_path, QUIET_S)


@pytest.mark.soak
def test_a_busy_pair_is_quiet_for_ten_minutes(quiet_lab: Lab, tmp_path: Path) -> None:
    quiet(quiet_lab, tmp_path, 600.0)


def quiet(lab: Lab, folder: Path, seconds: float) -> None:
    """No finding above info while clients keep both proxies busy."""
    with console(lab, folder) as watching, load(lab) as served:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            findings = watching.step()
            assert not findings, told(watching)
    assert sum(served) > 10 * seconds, "there was load"


@contextlib.contextmanager
def load(lab: Lab) -> Iterator[list[int]]:
    """Two clients for each VIP, one request after the other."""
    ended, served = threading.Event(), [0] * 4

    def client(number: int) -> None:
        with lab.enter_operator():
            proxy = urllib.request.ProxyHandler({"http": f"http://{(VIP1, VIP2)[number % 2]}:3128"})
            opener = urllib.request.build_opener(proxy)
            while not ended.is_set():
                with opener.open(ORIGIN_URL, timeout=10) as answer:
                    answer.read()
                served[number] += 1
                ended.wait(0.01)

    clients = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for thread in clients:
        thread.start()
    try:
        yield served
    finally:
        ended.set()
        for thread in clients:
            thread.join(20)
