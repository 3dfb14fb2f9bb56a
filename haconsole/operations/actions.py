"""The actions of `haconsole node`: what each does to service, what takes it back, for how long it may last. Pure.

Entries of the catalogue are named by id. Which drain a node can have is decided here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Final

from haconsole.catalogue import change
from haconsole.catalogue import operation as entries
from haconsole.cluster.forecast_changes import Change, Thing
from haconsole.cluster.forecast_instance import priority_now
from haconsole.cluster.forecast_watch import drain_files, drain_scripts
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.vrrp import FILE_FAULT, OWNER, Track, TrackKind, effective_priority
from haconsole.model.record import dataclass


class Kind(Enum):
    """The words of `haconsole node ACTION`."""

    DRAIN = "drain"
    UNDRAIN = "undrain"
    KEEPALIVED_STOP = "keepalived-stop"
    KEEPALIVED_START = "keepalived-start"
    KEEPALIVED_RESTART = "keepalived-restart"
    KEEPALIVED_RELOAD = "keepalived-reload"
    SQUID_STOP = "squid-stop"
    SQUID_START = "squid-start"
    SQUID_RESTART = "squid-restart"
    LINK_DOWN = "link-down"
    LINK_UP = "link-up"
    GARP = "garp"
    REVERT_ONLY = "revert-only"
    """Nothing is changed: a revert is armed and its timer watched. Only drills do that."""

    @property
    def disturbs(self) -> bool:
        """Service can suffer. The others bring it back and wait for no redundancy, no window."""
        return self not in _RESTORES


_RESTORES: Final = frozenset({Kind.UNDRAIN, Kind.KEEPALIVED_START, Kind.SQUID_START, Kind.LINK_UP, Kind.GARP})


class Method(Enum):
    """How a node is drained; the values are what the drain note says."""

    TRACK_FILE = "track_file"
    SCRIPT = "script"
    STOP = "stop"


class Lasting(Enum):
    """How long a change stays."""

    HELD = "held"
    """It is taken back at the deadline at the latest."""
    STAYS = "stays"
    """Once verified, the revert is disarmed."""
    PASSES = "passes"
    """It is over when its command is: a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """The best drain that a node can have. `value`: what is written to the drain file; None for STOP.

    cost: what clients lose; why_not: why no better one can be had; better: how to get it.
    """

    method: Method
    value: int | None
    cost: str
    why_not: tuple[str, ...] = ()
    better: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When the node takes the change back by itself, counted from arming."""

    wanted_s: float
    seconds: int
    more_s: float = 0.0
    """Of what is wanted: so much was added, for the change cuts the console's own way."""

    @property
    def said(self) -> str | None:
        """What the operator is told when it is not what was wanted."""
        if self.seconds == self.wanted_s:
            return None
        told = duration(self.wanted_s - self.more_s)
        told += f" and {duration(self.more_s)}, for it cuts this console's own way," if self.more_s else ""
        return f"{told} is rounded up to {duration(self.seconds)}: reverts have fixed times"


MINUTE_S: Final = 60
DEFAULT_DEADLINE_S: Final = 120.0
DRAIN_STOP_DEADLINE_S: Final = 1800.0
"""A drain that leaves the election always has one."""
VERIFY_DEADLINE_S: Final = 30.0
"""Of a change that is disarmed as soon as it is verified."""
OWN_PATH_S: Final = 15.0
"""More for a change that cuts the console's own way."""


def deadline(wanted_s: float) -> Deadline:
    """The shortest of the closed list that is not shorter. Raises: ValueError: longer than all, or not positive."""
    if not wanted_s > 0:
        raise ValueError("a revert needs a time to run after")
    return Deadline(wanted_s=wanted_s, seconds=entries.deadline(wanted_s))


def duration(seconds: float) -> str:
    """`90 s`, `2 min`, `8 h`; what is no whole number of them: `19 min 29 s`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    if seconds < 2 * MINUTE_S:
        return f"{round(seconds, 1):g} s"
    hours, rest = divmod(round(seconds), 3600)
    parts = ((hours, "h"), (rest // 60, "min"), (rest % 60, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action on one node. interface: of a link action, by its real name. wanted_s: `--revert-after`, or
    what is left until `--until`; None: neither was said."""

    kind: Kind
    node: str
    interface: str | None = None
    drain: Drain | None = None
    """Of DRAIN: how; of UNDRAIN: how it was drained."""
    wanted_s: float | None = None
    own_path: bool = False
    """It cuts the connection that the console itself uses."""
    reason: str | None = None
    ticket: str | None = None

    def __post_init__(self) -> None:
        if (self.interface is not None) != (self.kind in {Kind.LINK_DOWN, Kind.LINK_UP}):
            raise ValueError("an interface belongs to a link action, and to no other")
        if self.kind is Kind.DRAIN and self.drain is None:
            raise ValueError("a drain needs its method")

    @property
    def method(self) -> Method:
        return self.drain.method if self.drain is not None else Method.TRACK_FILE

    @property
    def lasting(self) -> Lasting:
        if self.kind is Kind.DRAIN:
            lowered = self.method is not Method.STOP
            return Lasting.STAYS if lowered and self.wanted_s is None else Lasting.HELD
        if self.kind in {Kind.KEEPALIVED_RESTART, Kind.KEEPALIVED_RELOAD, Kind.SQUID_RESTART}:
            return Lasting.PASSES
        return Lasting.HELD if self.kind.disturbs else Lasting.STAYS

    @property
    def change_id(self) -> str:
        """Id of the catalogue's entry that makes the change."""
        if self.kind in {Kind.DRAIN, Kind.UNDRAIN} and self.method is Method.STOP:
            return change.DRAIN_STOP.id if self.kind is Kind.DRAIN else change.KEEPALIVED_START.id
        if self.kind is Kind.LINK_DOWN and self.own_path:
            return change.LINK_DOWN_DETACHED.id
        return _ENTRIES[self.kind]

    @property
    def arm_id(self) -> str | None:
        """Id of the entry that arms the revert; None: what restores needs none."""
        if self.kind is Kind.REVERT_ONLY:
            return entries.ARM_SQUID.id
        return change.COMMANDS[self.change_id].revert

    @property
    def back_id(self) -> str | None:
        """Id of the entry that puts it back while the console is there; None: nothing is to be put back."""
        if not self.kind.disturbs:
            return None
        if self.kind is Kind.DRAIN:
            return change.KEEPALIVED_START.id if self.method is Method.STOP else change.DRAIN_OFF.id
        return _BACK[self.kind]

    @property
    def save_id(self) -> str:
        """Id of the entry that saves what will be compared and restored."""
        return entries.SAVE_LINK.id if self.interface is not None else entries.SAVE.id

    @property
    def deadline(self) -> Deadline | None:
        """Of the revert; None: none is armed. Raises: ValueError: more than 8 hours were wanted."""
        if self.arm_id is None:
            return None
        if self.lasting is not Lasting.HELD:
            return deadline(VERIFY_DEADLINE_S if self.wanted_s is None else self.wanted_s)
        stop = self.kind is Kind.DRAIN and self.method is Method.STOP
        wanted = self.wanted_s or (DRAIN_STOP_DEADLINE_S if stop else DEFAULT_DEADLINE_S)
        more = OWN_PATH_S if self.own_path else 0.0
        return replace(deadline(wanted + more), more_s=more)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What a forecast supposes for it. A restart is forecast as the stop that it begins with."""
        if self.kind in {Kind.DRAIN, Kind.UNDRAIN}:
            back = self.kind is Kind.UNDRAIN
            if self.method is Method.STOP:
                return (Change(node=self.node, thing=Thing.KEEPALIVED, restored=back),)
            value = 0 if back or self.drain is None else self.drain.value
            return (Change(node=self.node, thing=Thing.DRAIN, value=value, restored=back),)
        supposed = _CHANGES.get(self.kind)
        if supposed is None:
            return ()
        thing, restored = supposed
        return (Change(node=self.node, thing=thing, interface=self.interface, restored=restored),)

    @property
    def worst(self) -> tuple[Change, ...]:
        """What guards suppose: a reload may end keepalived (docs/keepalived-versions.md)."""
        if self.kind is Kind.KEEPALIVED_RELOAD:
            return (Change(node=self.node, thing=Thing.KEEPALIVED),)
        return self.changes

    @property
    def text(self) -> str:
        """`link-down eth1 on proxy-serv01`."""
        what = f" {self.interface}" if self.interface is not None else ""
        how = f" ({self.method.value})" if self.kind is Kind.DRAIN else ""
        return f"{self.kind.value}{what}{how} on {self.node}"


_ENTRIES: Final[Mapping[Kind, str]] = {
    Kind.DRAIN: change.DRAIN_ON.id,
    Kind.UNDRAIN: change.DRAIN_OFF.id,
    Kind.KEEPALIVED_STOP: change.KEEPALIVED_STOP.id,
    Kind.KEEPALIVED_START: change.KEEPALIVED_START.id,
    Kind.KEEPALIVED_RESTART: change.KEEPALIVED_RESTART.id,
    Kind.KEEPALIVED_RELOAD: change.KEEPALIVED_RELOAD.id,
    Kind.SQUID_STOP: change.SQUID_STOP.id,
    Kind.SQUID_START: change.SQUID_START.id,
    Kind.SQUID_RESTART: change.SQUID_RESTART.id,
    Kind.LINK_DOWN: change.LINK_DOWN.id,
    Kind.LINK_UP: change.LINK_UP.id,
    Kind.GARP: change.GARP.id,
    Kind.REVERT_ONLY: change.SQUID_START.id,  # what its revert does: nothing, where squid runs
}
_BACK: Final[Mapping[Kind, str]] = {
    Kind.KEEPALIVED_STOP: change.KEEPALIVED_START.id,
    Kind.KEEPALIVED_RESTART: change.KEEPALIVED_START.id,
    Kind.KEEPALIVED_RELOAD: change.KEEPALIVED_START.id,
    Kind.SQUID_STOP: change.SQUID_START.id,
    Kind.SQUID_RESTART: change.SQUID_START.id,
    Kind.LINK_DOWN: change.LINK_UP.id,
    Kind.REVERT_ONLY: change.SQUID_START.id,
}
_CHANGES: Final[Mapping[Kind, tuple[Thing, bool]]] = {
    Kind.KEEPALIVED_STOP: (Thing.KEEPALIVED, False),
    Kind.KEEPALIVED_RESTART: (Thing.KEEPALIVED, False),
    Kind.KEEPALIVED_START: (Thing.KEEPALIVED, True),
    Kind.SQUID_STOP: (Thing.SQUID, False),
    Kind.SQUID_RESTART: (Thing.SQUID, False),
    Kind.SQUID_START: (Thing.SQUID, True),
    Kind.LINK_DOWN: (Thing.LINK, False),
    Kind.LINK_UP: (Thing.LINK, True),
}


# --- which drain ------------------------------------------------------------------------------------------


def drain_of(picture: ClusterPicture, node: NodePicture) -> Drain:
    """The best drain that `node` can have now, by its daemon's dump: track file, else script, else stop."""
    value, no_file = _file_value(picture, node)
    if value is not None:
        return Drain(
            method=Method.TRACK_FILE,
            value=value,
            cost=_quiet_cost(node, f"{value} in {picture.spec.drain_file}"),
        )
    better = _better(picture)
    usable, no_script = _script_works(picture, node)
    if usable:
        cost = _quiet_cost(node, f"-1 in {picture.spec.drain_file} makes the script fail")
        return Drain(method=Method.SCRIPT, value=-1, cost=cost, why_not=no_file, better=better)
    cost = (
        "keepalived is stopped: clients lose a hand-over; the node leaves the election, "
        "and if its peer dies meanwhile nothing serves"
    )
    return Drain(method=Method.STOP, value=None, cost=cost, why_not=(*no_file, *no_script), better=better)


def _quiet_cost(node: NodePicture, how: str) -> str:
    version = node.versions.keepalived if node.versions is not None else None
    if version is not None and version.major < 2:
        return f"{how}; keepalived {version} has a gap of two adverts at each hand-over"
    if version is None:
        return f"{how}; what clients lose depends on keepalived's version, which was not read"
    return (
        f"{how}: no request that begins after the hand-over or ends before it is lost; one that is under way at that "
        "very moment gets no answer, and connections (tunnels) open through the VIP break"
    )


def _better(picture: ClusterPicture) -> str:
    return (
        "for a drain without loss give every instance a priority of 254 at most and "
        f'track_file haconsole_drain {{ file "{picture.spec.drain_file}" weight 1 init_file 0 }}'
    )


def _peers_lowest(picture: ClusterPicture, node: NodePicture, instance: InstancePicture) -> int | None:
    """The lowest effective priority that another node has for the instance's VIPs; None: not known, or none has any."""
    lowest: list[int] = []
    for other in picture.nodes:
        if other.name == node.name:
            continue
        theirs = next((i for v in instance.vips if (i := other.instance_of(v.ip)) is not None), None)
        if theirs is None and other.dump_at is not None:
            continue  # it has no part in this VIP, by its daemon's own word
        if theirs is None or not theirs.from_dump:
            return None
        priority = priority_now(theirs)
        if priority is None:
            return None
        lowest.append(priority)
    return min(lowest, default=None)


def _common_reasons(picture: ClusterPicture, node: NodePicture) -> tuple[str, ...]:
    if not node.instances or node.config is None:
        return (f"keepalived's instances or configuration on {node.name} were not read",)
    found = [f"{i.name}: keepalived's dump was not read" for i in node.instances if not i.from_dump]
    found += [f"{i.name} has priority 255, which no weight lowers" for i in node.instances if i.priority == OWNER]
    found += [f"{i.name}: its priority was not read" for i in node.instances if i.priority is None]
    found += [
        f"{i.name}: the priority of its peers was not read"
        for i in node.instances
        if _peers_lowest(picture, node, i) is None
    ]
    return tuple(found)


def _file_value(picture: ClusterPicture, node: NodePicture) -> tuple[int | None, tuple[str, ...]]:
    """(what to write, ()) or (None, why not)."""
    common = _common_reasons(picture, node)
    if common or node.config is None:
        return None, common
    names = drain_files(node.config.conf, picture.spec.drain_file)
    without = [i for i in node.instances or () if not any(f.name in names for f in i.tracked_files)]
    if without:
        return None, tuple(f"{i.name} does not track {picture.spec.drain_file}" for i in without)
    for value in range(-1, FILE_FAULT, -1):
        if all(_below(picture, node, i, names, value) for i in node.instances or ()):
            return value, ()
    return None, ("no number above -254 lowers every instance below its peers",)


def _below(
    picture: ClusterPicture, node: NodePicture, instance: InstancePicture, names: frozenset[str], value: int
) -> bool:
    weighted = [f for f in instance.tracked_files if f.name in names]
    tracks = [Track(kind=TrackKind.FILE, name=f.name, weight=f.weight, value=value) for f in weighted]
    if any(t.fault() for t in tracks):
        return False
    now = sum((f.value or 0) * f.weight for f in weighted)
    return _outranked(picture, node, instance, sum(t.adjustment() for t in tracks) - now)


def _outranked(picture: ClusterPicture, node: NodePicture, instance: InstancePicture, more: int) -> bool:
    """With `more` added to its weights, is the instance below every peer."""
    lowest = _peers_lowest(picture, node, instance)
    if lowest is None or instance.priority is None:
        return False
    tracks = [
        *(Track(kind=TrackKind.SCRIPT, name=s.name, weight=s.weight, value=s.ok) for s in instance.tracked_scripts),
        *(
            Track(kind=TrackKind.INTERFACE, name=t.name, weight=t.weight, value=t.up)
            for t in instance.tracked_interfaces
        ),
        *(Track(kind=TrackKind.FILE, name=f.name, weight=f.weight, value=f.value) for f in instance.tracked_files),
    ]
    return effective_priority(instance.priority, [*(t.adjustment() for t in tracks), more]) < lowest


def _script_works(picture: ClusterPicture, node: NodePicture) -> tuple[bool, tuple[str, ...]]:
    """Does a weighted script on the drain file lower every instance below its peers."""
    common = _common_reasons(picture, node)
    if common:
        return False, ()
    names = {w.name for w in drain_scripts(node, picture.spec.drain_file)}
    if not names:
        return False, (f"no script reads {picture.spec.drain_file}",)
    for instance in node.instances or ():
        weights = [s.weight for s in instance.tracked_scripts if s.name in names and s.ok is True]
        lowered = sum(w if w < 0 else -w for w in weights)
        if not lowered or not _outranked(picture, node, instance, lowered):
            return False, (f"{instance.name} is not lowered below its peers by a script on the drain file",)
    return True, ()
