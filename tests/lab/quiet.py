"""Makes the nodes forget who was master: tests that disturb the pair would else be what the next ones flap by."""

from __future__ import annotations

from tests.lab.harness import Lab
from tests.lab.harness.node import Node


def forget_the_past(lab: Lab) -> None:
    """Every node's journal begins anew, with the start of its keepalived; the pair is converged afterwards."""

    def one(node: Node) -> None:
        node.sh("journalctl --quiet --rotate && journalctl --quiet --vacuum-time=1us")
        node.restart("keepalived")

    lab.each_node(one)
    lab.heal()
