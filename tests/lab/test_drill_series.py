"""Series of drills on real nodes (`make soak`): ten runs each beside a client of its own, every configuration on either node."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from haconsole.io.drill_file import ENVIRONMENT
from tests.lab.commanding import ONE, TWO, VIP1, VIP2, Command, disturbed, standings
from tests.lab.drilling import AGREE_S, ARTICLES, documents, independent, left_as_found, log, words, wrong
from tests.lab.harness import Lab, faults, until
from tests.lab.harness.configurations import ARTICLE, SQUID

pytestmark = pytest.mark.soak


@pytest.fixture
def command(healthy_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """However a drill ended, both nodes have afterwards what they had before it."""
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "drills"))
    with left_as_found(healthy_lab), disturbed(healthy_lab, tmp_path) as made:
        yield made


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
        log.info(
            "%s on %s, run %d: %.3f s, own client %.3f s, predicted %s", name, node, number, measured, own[0], span
        )
        healthy_lab.wait_converged(60)
    log.info("%s on %s: %d of 10 in range, at most %.3f s apart", name, node, inside, max(differ))
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
    "the article's": lambda _: contextlib.nullcontext(),
    "254": lambda lab: faults.variant(lab, replace(ARTICLE, high_priority=254)),
    "unicast": faults.unicast,
    "lossless": faults.lossless,
    "bound to the VIPs": bound_to_the_vips,
}


@pytest.mark.parametrize("node", [ONE, TWO])
@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_the_drills_pass_in_every_configuration_on_either_node(
    healthy_lab: Lab, command: Command, case: str, node: str
) -> None:
    """The article's three and a drain; what clients lost as a client of its own measures it."""
    vip = VIP1 if node == ONE else VIP2
    apart: dict[str, float] = {}
    with CONFIGURATIONS[case](healthy_lab):
        before = standings(healthy_lab)
        for name in (*ARTICLES, "drain"):
            with independent(healthy_lab, vip) as own:
                done = command.run(*words(name, node=node))
            (told,) = documents(done)
            measured, span = told["measured"]["outage_s"][vip], told["predicted"]["outage_s"][vip]
            log.info(
                "ROW %s | %s | %s | %s | %.2f–%.2f | %s | own client %s | %s",
                case, node, name, told["result"], span["low"], span["high"], measured, own[:1],
                told["text"] if told["result"] != "passed" else "",
            )  # fmt: skip
            assert told["result"] in {"passed", "deviated"}, told["text"]
            assert not wrong(told, times=False), (name, wrong(told, times=False))
            assert measured is not None, told["text"]
            if measured:
                apart[name] = abs(measured - own[0])
            healthy_lab.wait_converged(60)
        until(lambda: standings(healthy_lab) == before, 20, "as before")
    assert max(apart.values()) <= AGREE_S, apart


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
    log.info("keepalived-stop on %s: %s %s", node, found[1]["text"], found[1]["measured"])
