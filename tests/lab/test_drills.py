"""`haconsole drill` on real nodes, as `ops` with the printed sudoers: the article's drills, their evidence, and what
becomes of a drill whose console dies, whose failover is broken, or that is asked to end.

An own client, a process of its own at the operator's place, measures the same outages: series by `make soak`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from haconsole.io.drill_file import ENVIRONMENT
from tests.lab.commanding import (
    ONE,
    TWO,
    VIP1,
    VIP2,
    Command,
    Done,
    Kernels,
    difference,
    disturbed,
    kept,
    revert_units,
    rich,
    standings,
)
from tests.lab.fixtures import require_lab
from tests.lab.harness import ORIGIN_URL, Lab, LabError, faults, until
from tests.lab.harness.configurations import ARTICLE, SQUID, Variant, keepalived_conf

ARTICLES = ("lan-link-down", "public-link-down", "squid-stop")
AGREE_S = 0.06
"""Contract of issue D: this client and the drill's own measure the same."""
_log = logging.getLogger("lab.drills")


@pytest.fixture
def command(healthy_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """However a drill ended, both nodes have afterwards what they had before it."""
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "drills"))
    with left_as_found(healthy_lab), disturbed(healthy_lab, tmp_path) as made:
        yield made


@contextlib.contextmanager
def left_as_found(lab: Lab) -> Iterator[None]:
    """Read from the machine, not over the console's way: routes of both families, addresses, links, units of both
    nodes. Raises: LabError: something is gone or new; on its way back it may be for a while."""
    before = standings(lab)
    assert all(any(x.startswith("route4 default") for x in lines) for lines in before.values()), before
    yield
    now = before
    with contextlib.suppress(LabError):
        until(lambda: not difference(before, standings(lab)), 60, "as before")
    now = standings(lab)
    assert not difference(before, now), difference(before, now)


def words(*names: str, node: str = ONE, hold: str = "3s", more: tuple[str, ...] = ()) -> list[str]:
    return ["drill", "run", *names, "--node", node, "--confirm", node, "--hold", hold, "-o", "json", *more]


def documents(done: Done) -> list[dict[str, Any]]:
    assert "Unknown child process" not in done.err, done.err
    return [dict(json.loads(line)) for line in done.out.splitlines()]


def wrong(document: dict[str, Any], *, times: bool) -> list[str]:
    """Claims that are not true; times False: but those on how long it took, on a machine that does other things too."""
    return [
        f"{c['text']}: {c['evidence']}"
        for claims in document["hypothesis"].values()
        for c in claims
        if c["ok"] is not True and (times or not any(w in c["text"] for w in ("within", " lose ", "while it is held")))
    ]


# --- the three drills -------------------------------------------------------------------------------------


def test_the_drills_of_the_article_one_after_the_other_with_their_evidence(
    healthy_lab: Lab, command: Command, tmp_path: Path
) -> None:
    with rich(healthy_lab.nodes[ONE]):
        before = standings(healthy_lab)
        kernels = Kernels(healthy_lab)
        with kernels.watched():
            done = command.run(*words(*ARTICLES, more=("--ticket", "CHG-7", "--report", str(tmp_path / "evidence"))))
        found = documents(done)
        assert [d["drill"] for d in found] == list(ARTICLES), done.err
        until(lambda: standings(healthy_lab) == before, 20, "routes, addresses, units as before")
    for number, told in enumerate(found, 1):
        assert told["schema"] == "haconsole.drill/1"
        assert (told["node"], told["ticket"], told["result"]) in {(ONE, "CHG-7", r) for r in ("passed", "deviated")}
        assert not wrong(told, times=False), (told["drill"], wrong(told, times=False), done.err)
        assert set(told["predicted"]["outage_s"]) == {VIP1}
        assert told["measured"]["takeover_s"][VIP1] > 0.5
        assert told["measured"]["requests"] > 200 and told["measured"]["failed"] > 10
        _log.info("%s: predicted %s, measured %s", told["drill"], told["predicted"]["outage_s"], told["measured"])
        logs = {node: "\n".join(told["nodes"][node]["keepalived_log"]) for node in (ONE, TWO)}
        assert "(proxy_ip1) Entering FAULT STATE" in logs[ONE] and "(proxy_ip1) Entering MASTER STATE" in logs[TWO]
        assert "(proxy_ip1) Entering MASTER STATE" in logs[ONE] and "(proxy_ip1) Entering BACKUP STATE" in logs[TWO]
        nodes = told["nodes"]
        assert (
            f"eth0 {VIP1}/24" in nodes[ONE]["addresses_before"] and f"eth0 {VIP1}/24" in nodes[TWO]["addresses_during"]
        )
        assert nodes[ONE]["addresses_after"] == nodes[ONE]["addresses_before"]
        times = [m["time"] for m in told["timeline"]]
        assert times == sorted(times)
        assert {m["source"] for m in told["timeline"]} >= {"console", "kernel", "keepalived", "wire", "client"}
        folder = tmp_path / "evidence" / f"{number}-{told['drill']}"
        assert json.loads((folder / "report.json").read_text())["id"] == told["id"]
        assert (folder / "adverts.pcap").stat().st_size > 500
    assert done.code == (0 if all(d["result"] == "passed" for d in found) else 1)
    reasons = [line for line in logs[ONE].splitlines() if "chk_squid_service" in line]
    assert any("failed" in line for line in reasons) and any("succeeded" in line for line in reasons)
    assert [kept(n) for n in healthy_lab.nodes.values()] == [set(), set()]
    listed = command.run("drill", "report")
    assert listed.code == 0 and all(name in listed.out for name in ARTICLES), listed.out
    entries = command.audited()
    assert {e.operation for e in entries if e.what == "asked"} == {d["id"] for d in found}


# --- killed, aborted, broken ------------------------------------------------------------------------------

PHASES = ("lock", "arm", "see-armed", "change", "verify", "hold", "put-back", "restored")
KILLS = [("squid-stop", "verify")]
KILLS_SOAK = [(d, p) for d in (*ARTICLES, "drain", "revert-only") for p in PHASES if (d, p) not in KILLS]


@pytest.mark.parametrize(
    ("name", "step"),
    [*KILLS, *(pytest.param(*case, marks=pytest.mark.soak) for case in KILLS_SOAK)],
)
def test_a_drill_whose_console_was_killed_is_ended_by_resume_with_an_honest_report(
    healthy_lab: Lab, command: Command, name: str, step: str
) -> None:
    with rich(healthy_lab.nodes[ONE]):
        before = standings(healthy_lab)
        running = command.start(*words(name), kill_after=step)
        until(lambda: running.process.poll() is not None, 120, f"killed after {step}: {running.lines}")
        assert running.wait().code in {-9, 0, 1}
        done = command.run("drill", "resume", "-o", "json")
        if running.killed_at is None:
            assert done.code == 2  # a step that this drill does not have
            return
        assert done.code == 4, (done.out, done.err)
        (told,) = documents(done)
        assert (told["result"], told["resumed"]) == ("aborted", True)
        assert step in told["text"]
        after = [c for c in told["hypothesis"]["after"] if c["ok"] is not True]
        assert not after, after
        assert all(v is None for v in told["measured"]["failback_outage_s"].values())
        until(lambda: standings(healthy_lab) == before, 30, difference(before, standings(healthy_lab)) or "as before")
        until(lambda: not any(revert_units(n) for n in healthy_lab.nodes.values()), 40, "no unit is left")
        assert [kept(n) for n in healthy_lab.nodes.values()] == [set(), set()]
    again = command.run("drill", "resume")
    assert again.code == 2 and "no drill is under way" in again.err


def test_abort_asks_the_console_that_carries_it_out(healthy_lab: Lab, command: Command) -> None:
    before = standings(healthy_lab)
    running = command.start(*words("public-link-down", hold="50s"))
    running.step("verify")
    asked = command.run("drill", "abort")
    assert asked.code == 4, asked.err
    done = running.wait()
    assert done.code == 4, done.err
    (told,) = documents(done)
    assert told["result"] == "aborted" and "stopped by the operator" in told["text"]
    until(lambda: standings(healthy_lab) == before, 20, "as before")


def _one_vip_only(lab: Lab) -> AbstractContextManager[None]:
    """squid of the peer listens on its own VIP and nowhere else."""
    return faults.squid_configured(lab.nodes[TWO], SQUID.replace("0.0.0.0:", f"{VIP2}:"))


@contextlib.contextmanager
def configured(lab: Lab, variant: Variant, old: str, new: str) -> Iterator[None]:
    """Every node on a variant with one line of it replaced."""
    with contextlib.ExitStack() as stack:
        for plan in lab.plans:
            text = keepalived_conf(plan, lab.plans, variant)
            assert old in text
            stack.enter_context(faults.keepalived_configured(lab.nodes[plan.name], text.replace(old, new)))
        lab.wait_converged(60)
        yield


def _small_weight(lab: Lab) -> AbstractContextManager[None]:
    """A failing check takes 10 from 254, and the peer has 100."""
    return configured(lab, replace(ARTICLE, high_priority=254), "  interval 3\n", "  interval 3\n  weight -10\n")


BROKEN: dict[str, tuple[Callable[[Lab], AbstractContextManager[None]], str, tuple[str, ...]]] = {
    "squid bound to one VIP": (_one_vip_only, "public-link-down", ("peer-can-bind", f"does not listen for {VIP1}")),
    "peer's public link down": (
        lambda lab: faults.link_down(lab.nodes[TWO], "eth1"), "squid-stop", ("peer-public-link",)
    ),
    "VRRP dropped at the peer": (
        lambda lab: faults.vrrp_dropped(lab, lab.nodes[TWO]), "squid-stop", ("witnesses-agree",)
    ),
    "weight smaller than the gap": (_small_weight, "squid-stop", ("peer-wins", "weight -10: priority 254 → 244")),
}  # fmt: skip


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=() if c.startswith("squid") else pytest.mark.soak) for c in BROKEN]
)
def test_where_failover_is_broken_a_guard_refuses_and_names_the_cause(
    healthy_lab: Lab, command: Command, case: str
) -> None:
    fault, name, causes = BROKEN[case]
    with fault(healthy_lab):
        if case.startswith("VRRP"):
            until(lambda: len(healthy_lab.holders(VIP1)) == 2, 15, "both hold it")
        done = command.run(*words(name))
        refused(healthy_lab, done, causes)


def refused(lab: Lab, done: Done, causes: Sequence[str]) -> None:
    assert done.code == 3, (done.out, done.err)
    (told,) = documents(done)
    assert told["result"] == "refused" and all(c in told["text"] for c in causes), told["text"]
    assert told["steps"] == []
    assert [kept(n) for n in lab.nodes.values()] == [set(), set()]
    _log.info("refused: %s", told["text"])


def carried_out_although_broken(done: Done) -> dict[str, Any]:
    """Guards overridden, the failover does not happen: the stop condition has it put back."""
    assert done.code == 1, (done.out, done.err)
    (told,) = documents(done)
    assert told["result"] == "deviated" and VIP1 in told["text"] and "put back" in told["text"], told["text"]
    after = told["hypothesis"]["after"]
    assert after and not [c for c in after if c["ok"] is False], after
    assert all(c["ok"] for c in after if "as before" in c["text"] or "serves its clients" in c["text"]), after
    _log.info("deviated: %s", told["text"])
    return told


@pytest.mark.soak
def test_a_weight_too_small_is_found_by_carrying_it_out(healthy_lab: Lab, command: Command) -> None:
    with _small_weight(healthy_lab):
        before = standings(healthy_lab)
        told = carried_out_although_broken(command.run(*words("squid-stop", more=("--override", "peer-wins=test"))))
        assert "weight -10: priority 254 → 244" in told["text"], told["text"]
        until(lambda: standings(healthy_lab) == before, 30, "as before")


DEAF = f"proxy_ip1 on {ONE} does not watch chk_squid_service, which keepalived 2.1 ignores with priority 255"


@pytest.fixture(scope="module")
def bullseye() -> Iterator[Lab]:
    """Two nodes of Debian 11: keepalived 2.1.5."""
    require_lab()
    with Lab(suites=("bullseye",)) as pair:
        yield pair


@pytest.mark.soak
def test_on_debian_11_the_articles_255_never_moves_when_squid_stops(
    bullseye: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KEEPALIVED 1.3. The article's other drills pass there."""
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "drills"))
    with left_as_found(bullseye), disturbed(bullseye, tmp_path) as command:
        refused(bullseye, command.run(*words("squid-stop")), ("peer-wins", f"{VIP1}: {ONE}", DEAF))
        told = carried_out_although_broken(command.run(*words("squid-stop", more=("--override", "peer-wins=test"))))
        assert DEAF in told["text"], told["text"]
        bullseye.wait_converged(60)
        done = command.run(*words("lan-link-down", "public-link-down"))
        found = documents(done)
        assert len(found) == 2, done.err
        for told in found:
            assert told["result"] in {"passed", "deviated"}, told["text"]
            assert not wrong(told, times=False), (told["drill"], wrong(told, times=False))
            _log.info("Debian 11: %s: %s %s", told["drill"], told["result"], told["measured"]["outage_s"])


OVER = tuple(
    w for g in ("peer-can-bind", "peer-wins", "not-last-healthy", "peer-serves") for w in ("--override", f"{g}=test")
)
PHRASE = ("--phrase", f"nothing will serve without {ONE}")


@pytest.mark.soak
def test_squid_that_a_notify_script_binds_is_refused_as_unproven_and_passes_when_told_to_go_on(
    healthy_lab: Lab, command: Command
) -> None:
    ports = "\n".join(f"http_port {vip}:3128" for vip in (VIP1, VIP2))
    line = "  interface eth0\n"
    notify = '  notify_master "/usr/sbin/squid -k reconfigure"\n'
    with contextlib.ExitStack() as stack:
        for node in healthy_lab.nodes.values():
            text = SQUID.replace("http_port 0.0.0.0:3128", f"{ports}\nhttp_port {node.address}:3128")
            stack.enter_context(faults.squid_configured(node, text))
        stack.enter_context(configured(healthy_lab, ARTICLE, line, line + notify))
        refused(healthy_lab, command.run(*words("public-link-down")), ("peer-can-bind", f"does not listen for {VIP1}"))
        for name in ARTICLES:
            done = command.run(*words(name, more=(*OVER, *PHRASE)))
            (told,) = documents(done)
            assert done.code in {0, 1} and told["result"] in {"passed", "deviated"}, (told["text"], done.err)
            assert not wrong(told, times=False), wrong(told, times=False)
            measured = told["measured"]
            assert measured["outage_s"][VIP1] is not None and measured["takeover_s"][VIP1] is not None
            _log.info("notify script, %s: %s %s", name, told["text"], measured)
            healthy_lab.wait_converged(60)


@pytest.mark.soak
def test_a_failover_that_is_not_served_trips_the_stop_condition_and_is_put_back(
    healthy_lab: Lab, command: Command
) -> None:
    """The guards are overridden; the peer's squid takes no connection on .101."""
    before = standings(healthy_lab)
    with _one_vip_only(healthy_lab):
        told = carried_out_although_broken(command.run(*words("public-link-down", hold="30s", more=(*OVER, *PHRASE))))
        assert f"squid on {TWO} does not listen for {VIP1}" in told["text"], told["text"]
    until(lambda: standings(healthy_lab) == before, 30, "as before")


# --- series and configurations: make soak -----------------------------------------------------------------

CLIENT = """
import http.client, json, sys, threading, time
vip, url = sys.argv[1:3]
found, over = [], threading.Event()
def one(began):
    ok = False
    connection = http.client.HTTPConnection(vip, 3128, timeout=0.5)
    try:
        connection.request("GET", url, headers={"Connection": "close"})
        ok = 200 <= connection.getresponse().status < 300 and time.monotonic() - began < 0.5
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    found.append((began, time.monotonic(), ok))
def loop():
    due = time.monotonic()
    while not over.is_set():
        threading.Thread(target=one, args=(time.monotonic(),), daemon=True).start()
        due = max(due + 0.02, time.monotonic() - 0.02)
        over.wait(max(0.0, due - time.monotonic()))
thread = threading.Thread(target=loop)
thread.start()
sys.stdin.read()
over.set()
thread.join()
time.sleep(0.7)
outages, good, out = [], None, None
for began, ended, ok in sorted(found):
    if ok and out is not None and began > out[1]:
        outages.append(min(e for b, e, k in found if k and b > out[1]) - out[0]); out = None
    if ok:
        good = began
    elif good is not None:
        out = (good if out is None else out[0], began)
print(json.dumps(sorted(outages, reverse=True)))
"""


@contextlib.contextmanager
def independent(lab: Lab, vip: str) -> Iterator[list[float]]:
    """A client of its own: the outages that it saw, the longest first, once the block is left."""
    process = lab.operator_popen(
        [sys.executable, "-c", CLIENT, vip, ORIGIN_URL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    found: list[float] = []
    try:
        yield found
        out, _ = process.communicate("", 20)
        found.extend(json.loads(out))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.mark.soak
@pytest.mark.parametrize("node", [ONE, TWO])
@pytest.mark.parametrize("name", ARTICLES)
def test_ten_runs_agree_with_an_independent_client_and_with_their_prediction(
    healthy_lab: Lab, command: Command, name: str, node: str
) -> None:
    vip = VIP1 if node == ONE else VIP2
    inside = 0
    differ = []
    for number in range(10):
        with independent(healthy_lab, vip) as own:
            done = command.run(*words(name, node=node))
        (told,) = documents(done)
        assert done.code in {0, 1}, told["text"]
        assert not wrong(told, times=False), wrong(told, times=False)
        measured, span = told["measured"]["outage_s"][vip], told["predicted"]["outage_s"][vip]
        assert measured is not None, told["text"]
        inside += span["low"] <= measured <= span["high"]
        differ.append(abs(measured - own[0]))
        _log.info(
            "%s on %s, run %d: %.3f s, own client %.3f s, predicted %s", name, node, number, measured, own[0], span
        )
        healthy_lab.wait_converged(60)
    _log.info("%s on %s: %d of 10 in range, at most %.3f s apart", name, node, inside, max(differ))
    assert max(differ) <= AGREE_S, differ
    assert inside >= 9, inside


@contextlib.contextmanager
def bound_to_the_vips(lab: Lab) -> Iterator[None]:
    """squid listens on both VIPs and on its node's own address, on every node, by ip_nonlocal_bind."""
    ports = "\n".join(f"http_port {vip}:3128" for vip in (VIP1, VIP2))
    with contextlib.ExitStack() as stack:
        for node in lab.nodes.values():
            node.exec("sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1")
            stack.callback(node.exec, "sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=0")
            text = SQUID.replace("http_port 0.0.0.0:3128", f"{ports}\nhttp_port {node.address}:3128")
            stack.enter_context(faults.squid_configured(node, text))
        lab.wait_converged(60)
        yield


CONFIGURATIONS: dict[str, Callable[[Lab], AbstractContextManager[None]]] = {
    "254": lambda lab: faults.variant(lab, replace(ARTICLE, high_priority=254)),
    "unicast": faults.unicast,
    "lossless": faults.lossless,
    "bound to the VIPs": bound_to_the_vips,
}


@pytest.mark.soak
@pytest.mark.parametrize("node", [ONE, TWO])
@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_the_drills_pass_in_other_configurations(healthy_lab: Lab, command: Command, case: str, node: str) -> None:
    with CONFIGURATIONS[case](healthy_lab):
        before = standings(healthy_lab)
        done = command.run(*words(*ARTICLES, "drain", node=node))
        found = documents(done)
        assert len(found) == 4, done.err
        for told in found:
            assert told["result"] in {"passed", "deviated"}, told["text"]
            assert not wrong(told, times=False), (told["drill"], wrong(told, times=False))
            _log.info("%s, %s on %s: %s %s", case, told["drill"], node, told["result"], told["measured"]["outage_s"])
        until(lambda: standings(healthy_lab) == before, 20, "as before")


@pytest.mark.soak
@pytest.mark.parametrize("node", [ONE, TWO])
def test_revert_only_sees_the_nodes_own_timer_fire_and_a_stopped_keepalived_hands_over(
    healthy_lab: Lab, command: Command, node: str
) -> None:
    done = command.run(*words("revert-only", "keepalived-stop", node=node))
    found = documents(done)
    assert not [w for d in found for w in wrong(d, times=False)], done.err
    assert found[0]["result"] == "passed", found[0]["text"]
    assert found[1]["result"] in {"passed", "deviated"}, found[1]["text"]
    (fired,) = (c for c in found[0]["hypothesis"]["during"] if "fires by itself" in c["text"])
    assert fired["ok"] is True
    _log.info("keepalived-stop on %s: %s %s", node, found[1]["text"], found[1]["measured"])
