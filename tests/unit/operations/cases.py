"""Builders: a healthy pair that may be disturbed, and everything that was asked for it."""

from __future__ import annotations

from dataclasses import replace

from haconsole.catalogue import change
from haconsole.catalogue import operation as entries
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import NodeOperation
from haconsole.model.readings import ConfigTest, TrackedFile
from haconsole.operations.actions import Action, Drain, Kind, Method, drain_of
from haconsole.operations.guards_context import Answer, Asked
from tests.unit.cluster.builders import (
    BACKUP,
    CONF,
    MASTER,
    ONE,
    T0,
    TWO,
    V1,
    V2,
    Play,
    config,
    daemon,
    healthy,
    instance,
)

FILE = "/run/haconsole-drain"
TRACK_FILE = f'track_file haconsole_drain {{{{ file "{FILE}"\n weight 1\n init_file 0\n}}}}\n'


def lossless(high: int = 254, low: int = 100, weight: int = 1, value: int = 0) -> Play:
    """The pair with a track file on both nodes."""
    play = healthy()
    files = (TrackedFile(name="haconsole_drain", value=value, weight=weight),)
    for node, (one, two) in ((ONE, (high, low)), (TWO, (low, high))):
        states = (MASTER, BACKUP) if node == ONE else (BACKUP, MASTER)
        read = (
            instance(f"proxy_ip{i}", s, p, tracked_files=files)
            for i, s, p in ((1, states[0], one), (2, states[1], two))
        )
        play.read(node, config(node, (TRACK_FILE + CONF).format(one=one, two=two)), daemon(*read))
    return play


def asked(**more: object) -> Asked:
    """All was asked, and all is well."""
    every = (*entries.COMMANDS, *change.COMMANDS)
    made = Asked(
        now=T0,
        operator="ops",
        operations={n: NodeOperation(uptime_s=1000.0, boot_id="b") for n in (ONE, TWO)},
        requests={n: Answer(ok=True, text="200 in 3 ms") for n in (ONE, TWO)},
        rights={(n, i): Answer(ok=True, text="allowed") for n in (ONE, TWO) for i in every},
        config_test=ConfigTest(ok=True),
        master_changes=(),
        fighters=(),
        connections={V1: 3, V2: 4},
    )
    return replace(made, **more)  # type: ignore[arg-type]


def action(kind: Kind = Kind.LINK_DOWN, **more: object) -> Action:
    """One action on proxy-serv01."""
    values: dict[str, object] = {"kind": kind, "node": ONE}
    if kind in {Kind.LINK_DOWN, Kind.LINK_UP}:
        values["interface"] = "eth1"
    if kind is Kind.DRAIN:
        values["drain"] = Drain(method=Method.STOP, value=None, cost="a hand-over")
    return Action(**{**values, **more})  # type: ignore[arg-type]


def best_drain(picture: ClusterPicture, node: str = ONE) -> Action:
    return Action(kind=Kind.DRAIN, node=node, drain=drain_of(picture, picture.node(node)))
