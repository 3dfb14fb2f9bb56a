"""What guards judge by: a picture, an action, and what was asked just for it. And what a guard says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from haconsole.cluster.forecast_values import Forecast
from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.model.operation import NodeOperation
from haconsole.model.readings import ConfigTest
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.operations.actions import Action


class Override(Enum):
    """Whether an operator may go on all the same."""

    NEVER = "never"
    REASON = "reason"
    """With a reason, which is logged."""
    WINDOW = "outside-window"
    """With the reason of `--outside-window`."""
    PHRASE = "phrase"
    """With a reason and a phrase of its own, typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What one guard says. ok None: not known, which refuses like False.

    warns: what it finds is said, but refuses nothing. overridden: the operator's reason.
    """

    id: str
    ok: bool | None
    text: str
    evidence: str
    override: Override = Override.REASON
    warns: bool = False
    overridden: str | None = None

    @property
    def overridable(self) -> bool:
        return self.override is not Override.NEVER

    @property
    def passes(self) -> bool:
        """It stands in nobody's way."""
        return self.ok is True or self.warns or self.overridden is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was asked of a node just now. ok None: it could not be told. `text`: what was seen."""

    ok: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterChange:
    """A VIP changed its master. explained: an operation of haconsole, a service's start, or a link's change."""

    vip: IpAddress
    at: float
    explained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the picture lacks. Everything defaults to "was not asked", which is unknown. Keys are node names.

    now: seconds since the epoch, for the maintenance window. operation: our own, whose lock is no other's.
    """

    now: float
    operator: str
    operation: str | None = None
    instead_of: str | None = None
    """The operation whose stale lock the operator breaks, by name."""
    read_only: bool = False
    operations: Mapping[str, NodeOperation] = field(default_factory=dict)
    """Locks, drain notes and reverts, as each node tells them."""
    requests: Mapping[str, Answer] = field(default_factory=dict)
    """A real request through the squid of a node, at the node's own address."""
    nonlocal_bind: Mapping[str, bool] = field(default_factory=dict)
    """`ip_nonlocal_bind` of a node."""
    rights: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    """(node, id of an entry): may the login run it."""
    config_test: ConfigTest | None = None
    """`keepalived -t` of the touched node, run just now."""
    master_changes: tuple[MasterChange, ...] | None = None
    """Of the last five minutes at least; None: it has not been watched for so long."""
    fighters: tuple[str, ...] | None = None
    """What may start again what is stopped: timers, monit. None: not looked for."""
    connections: Mapping[IpAddress, int] = field(default_factory=dict)
    """Open on a VIP now."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Guard id -> the operator's reason."""
    outside_window: str | None = None
    """The reason of `--outside-window`."""
    phrase: str | None = None
    """What was typed for the last healthy node."""


@dataclass(frozen=True, slots=True)
class Case:
    """One action to be judged."""

    picture: ClusterPicture
    action: Action
    asked: Asked
    forecast: Forecast

    @property
    def node(self) -> NodePicture:
        """The touched node."""
        return self.picture.node(self.action.node)

    @property
    def others(self) -> tuple[NodePicture, ...]:
        return tuple(n for n in self.picture.nodes if n.name != self.action.node)

    @property
    def heirs(self) -> tuple[NodePicture, ...]:
        """Other nodes that hold a VIP afterwards, by the forecast; all others where it cannot tell."""
        if not self.forecast.vips or any(not v.known for v in self.forecast.vips):
            return self.others
        names = {v.after for v in self.forecast.vips}
        found = tuple(n for n in self.others if n.name in names)
        return found or self.others

    def inherits(self, node: NodePicture) -> tuple[VipPicture, ...]:
        """The VIPs that `node` may have to serve: all but those that go to yet another node."""
        elsewhere = {n.name for n in self.others} - {node.name}
        after = {v.address: v.after for v in self.forecast.vips if v.known}
        return tuple(v for v in self.picture.vips if after.get(v.address) not in elsewhere)


def worst(answers: list[bool | None]) -> bool | None:
    """All of them: False if any is, else None if any is not known. Nothing to judge is not known."""
    if any(a is False for a in answers):
        return False
    return True if answers and all(answers) else None
