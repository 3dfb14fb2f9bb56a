"""`haconsole drill` on real nodes, as `ops` with the printed sudoers: the article's drills, their evidence, and what
becomes of a drill whose console dies, whose failover is broken, or that is asked to end.

Series beside a client of its own: `test_drill_series.py`.
"""

from __future__ import annotations

import contextlib
import json
import signal
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
from tests.lab.drilling import ARTICLES, documents, left_as_found, log, words, wrong
from tests.lab.fixtures import require_lab
from tests.lab.harness import Lab, faults, until
from tests.lab.harness.configurations import ARTICLE, SQUID, Variant, keepalived_conf


@pytest.fixture
def command(healthy_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """However a drill ended, both nodes have afterwards what they had before it."""
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "drills"))
    with left_as_found(healthy_lab), disturbed(healthy_lab, tmp_path) as made:
        yield made


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
        log.info("%s: predicted %s, measured %s", told["drill"], told["predicted"]["outage_s"], told["measured"])
        logs = {node: "\n".join(told["nodes"][node]["keepalived_log"]) for node in (ONE, TWO)}
        assert "(proxy_ip1) Entering FAULT STATE" in logs[ONE] and "(proxy_ip1) Entering MASTER STATE" in logs[TWO]
        assert "(proxy_ip1) Entering MASTER STATE" in logs[ONE] and "(proxy_ip1) Entering BACKUP STATE" in logs[TWO]
        nodes = told["nodes"]
        there = f"    inet {VIP1}/24 scope global eth0:1"
        assert there in nodes[ONE]["addresses_before"] and there in nodes[TWO]["addresses_during"], nodes
        assert nodes[ONE]["addresses_after"] == nodes[ONE]["addresses_before"]
        assert told["started"] < told["injected"] < told["put_back"] < told["ended"]
        assert [p["phase"] for p in told["phases"]][:4] == ["before", "inject", "takeover", "hold"]
        assert "sudo -n -- " in {s["name"]: s["command"] for s in told["steps"]}["change"]
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
            assert done.code == 2
            log.info("KILL %s has no step %s", name, step)
            return
        assert done.code == 4, (done.out, done.err)
        (told,) = documents(done)
        assert (told["result"], told["resumed"]) == ("aborted", True)
        assert step in told["text"]
        log.info("KILL %s after %s: %s", name, step, told["text"])
        after = [c for c in told["hypothesis"]["after"] if c["ok"] is not True]
        assert not after, after
        assert all(v is None for v in told["measured"]["failback_outage_s"].values())
        until(lambda: standings(healthy_lab) == before, 30, difference(before, standings(healthy_lab)) or "as before")
        until(lambda: not any(revert_units(n) for n in healthy_lab.nodes.values()), 40, "no unit is left")
        assert [kept(n) for n in healthy_lab.nodes.values()] == [set(), set()]
        if name.endswith("link-down") and step != "lock":
            (same,) = (c for c in told["hypothesis"]["after"] if c["text"].startswith("routes and IPv6 addresses of "))
            assert same["ok"] is True and "as saved" in same["evidence"], same
            assert "routes of eth" in told["text"], told["text"]
    again = command.run("drill", "resume")
    assert again.code == 2 and "no drill is under way" in again.err


@pytest.mark.soak
def test_resume_takes_nothing_from_a_living_console_that_adopted_the_drill_and_ends_it_when_that_let_go(
    healthy_lab: Lab, command: Command
) -> None:
    before = standings(healthy_lab)
    running = command.start(*words("squid-stop", hold="50s"), kill_after="verify")
    until(lambda: running.process.poll() is not None, 120, f"killed: {running.lines}")
    running.wait()
    other = Command(healthy_lab, command.folder, operator="bea")
    until(lambda: ("operation-left", TWO) in other.findings(), 40, "the lock that nothing outlives is stale")
    adopted = other.start(*other.words("take-over", "--revert-after", "5m"))
    adopted.step("extend")
    refused = command.run("drill", "resume", "-o", "json")
    assert (refused.code, refused.out) == (3, ""), refused.err
    assert "bea on " in refused.err and "its console may live" in refused.err and "--break-lock drill-" in refused.err
    assert healthy_lab.holders(VIP1) == [TWO] and adopted.process.poll() is None, "it is held, as bea wants it"
    adopted.process.send_signal(signal.SIGINT)
    assert adopted.wait().code == 4
    done = command.run("drill", "resume", "-o", "json")
    (told,) = documents(done)
    assert (done.code, told["result"], told["resumed"]) == (4, "aborted", True), told["text"]
    assert not [c for c in told["hypothesis"]["after"] if c["ok"] is not True]
    until(lambda: standings(healthy_lab) == before, 30, "as before")
    audited = [(e.what, e.result) for e in command.audited() if e.text.startswith("resume")]
    assert audited[:2] == [("asked", None), ("refused", "refused")]


@pytest.mark.soak
def test_resume_names_a_route_that_did_not_come_back(healthy_lab: Lab, command: Command, tmp_path: Path) -> None:
    """The journal says that a route was there which the node cannot put back, since it never had it."""
    running = command.start(*words("public-link-down"), kill_after="hold")
    until(lambda: running.process.poll() is not None, 120, f"killed: {running.lines}")
    running.wait()
    (journal,) = (tmp_path / "drills").glob("*/journal.jsonl")
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    (kept_then,) = (e["saved"] for e in entries if e["what"] == "saved")
    kept_then["routes"].append([4, "static", "198.51.100.0/24 via 203.0.113.80 metric 9"])
    journal.write_text("".join(json.dumps(e) + "\n" for e in entries))
    done = command.run("drill", "resume", "-o", "json")
    (told,) = documents(done)
    assert (done.code, told["result"]) == (5, "failed"), told["text"]
    assert "198.51.100.0/24" in told["text"] and "eth1" in told["text"], told["text"]
    assert any("ip route show table all dev eth1" in place for place in told["look_at"]), told["look_at"]


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


def test_abort_on_a_node_takes_the_drill_from_its_living_console_which_ends_as_aborted(
    healthy_lab: Lab, command: Command
) -> None:
    before = standings(healthy_lab)
    running = command.start(*words("public-link-down", hold="50s"))
    running.step("verify")
    other = Command(healthy_lab, command.folder, operator="bea")
    asked = other.run("drill", "abort", "--node", ONE, "-o", "json")
    assert asked.code == 0, asked.err
    document = json.loads(asked.out)
    assert (document["schema"], document["action"], document["result"]) == ("haconsole.action/1", "abort", "done")
    done = running.wait()
    (told,) = documents(done)
    assert (done.code, told["result"], told["look_at"]) == (4, "aborted", []), told["text"]
    assert "aborted" in told["text"] or "another console took over" in told["text"]
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
    log.info("refused: %s", told["text"])


def carried_out_although_broken(done: Done) -> dict[str, Any]:
    """Guards overridden, the failover does not happen: the stop condition has it put back."""
    assert done.code == 1, (done.out, done.err)
    (told,) = documents(done)
    assert told["result"] == "deviated" and VIP1 in told["text"] and "put back" in told["text"], told["text"]
    after = told["hypothesis"]["after"]
    assert after and not [c for c in after if c["ok"] is False], after
    assert all(c["ok"] for c in after if "as before" in c["text"] or "serves its clients" in c["text"]), after
    log.info("deviated: %s", told["text"])
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
    """2.1.5 ignores a failing check where the priority is 255. The article's other drills pass there."""
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
            log.info("Debian 11: %s: %s %s", told["drill"], told["result"], told["measured"]["outage_s"])


OVER = tuple(
    w for g in ("peer-can-bind", "peer-wins", "not-last-healthy", "peer-serves") for w in ("--override", f"{g}=test")
)
PHRASE = ("--phrase", f"nothing will serve without {ONE}")


@pytest.mark.soak
@pytest.mark.parametrize("node", [ONE, TWO])
def test_squid_that_a_notify_script_binds_is_refused_as_unproven_and_goes_through_when_told_to(
    healthy_lab: Lab, command: Command, node: str
) -> None:
    vip = VIP1 if node == ONE else VIP2
    ports = "\n".join(f"http_port {vip}:3128" for vip in (VIP1, VIP2))
    line = "  interface eth0\n"
    notify = '  notify_master "/usr/sbin/squid -k reconfigure"\n'
    with contextlib.ExitStack() as stack:
        for each in healthy_lab.nodes.values():
            text = SQUID.replace("http_port 0.0.0.0:3128", f"{ports}\nhttp_port {each.address}:3128")
            stack.enter_context(faults.squid_configured(each, text))
        stack.enter_context(configured(healthy_lab, ARTICLE, line, line + notify))
        asked = command.run(*words("public-link-down", node=node))
        refused(healthy_lab, asked, ("peer-can-bind", vip))
        for name in ARTICLES:
            phrase = ("--phrase", f"nothing will serve without {node}")
            done = command.run(*words(name, node=node, more=(*OVER, *phrase)))
            (told,) = documents(done)
            assert done.code in {0, 1} and told["result"] in {"passed", "deviated"}, (told["text"], done.err)
            assert not wrong(told, times=False), wrong(told, times=False)
            measured = told["measured"]
            assert measured["outage_s"][vip] is not None and measured["takeover_s"][vip] is not None
            log.info("ROW notify script | %s | %s | %s | %s", node, name, told["text"], measured)
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
