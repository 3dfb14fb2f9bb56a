"""What keepalived tells of itself, as values: its dump, its version, its test of a file, the meaning of its log lines.

A field that the output did not tell is None. None never means "no" or "zero". Names follow keepalived.conf(5).
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Interface, IPv6Interface

from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

IpInterface = IPv4Interface | IPv6Interface
"""An address with its prefix."""


class VrrpState(Enum):
    """State of a VRRP instance as keepalived names it."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"


class StateSource(Enum):
    """Where an instance's state was learned, best first."""

    DUMP = "dump"
    LOG = "log"
    ADDRESSES = "addresses"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedInterface:
    """`track_interface` entry; `up` None: the dump does not tell."""

    name: str
    up: bool | None
    weight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedScript:
    """`track_script` entry; `ok` None: no result yet, or not told."""

    name: str
    ok: bool | None
    weight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFile:
    """`track_file` entry; `value` is what the file holds."""

    name: str
    value: int | None
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReading:
    """One `vrrp_instance` as the daemon's dump tells it (keepalived 1.3.5 to 2.4)."""

    name: str
    vrid: int
    interface: str
    state: VrrpState | None
    version: int | None = None
    """VRRP version, 2 or 3."""
    priority: int | None = None
    effective_priority: int | None = None
    """None where the daemon does not tell it (1.3.5)."""
    advert_interval_s: float | None = None
    preempt: bool | None = None
    preempt_delay_s: float | None = None
    source_address: IpAddress | None = None
    master_address: IpAddress | None = None
    """The master that this backup hears; None unless BACKUP."""
    master_priority: int | None = None
    vips: tuple[IpInterface, ...] = ()
    excluded_vips: tuple[IpInterface, ...] = ()
    """`virtual_ipaddress_excluded`: they move too, but adverts do not name them."""
    last_transition_node_s: float | None = None
    """Seconds since the epoch on the node's clock."""
    unicast: bool | None = None
    unicast_peers: tuple[IpAddress, ...] = ()
    auth_type: str | None = None
    """`none`, `PASS` or `AH`, as in keepalived.conf; never the password."""
    sync_group: str | None = None
    tracked_interfaces: tuple[TrackedInterface, ...] = ()
    tracked_scripts: tuple[TrackedScript, ...] = ()
    tracked_files: tuple[TrackedFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonReading:
    """keepalived's own word: one dump. `kind` is `DATA` or `JSON`."""

    kind: str
    instances: tuple[InstanceReading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepalivedVersion:
    """From `keepalived -v`. `features`: words of `Config options:` (JSON, VRRP_AUTH...)."""

    major: int
    minor: int
    patch: int
    features: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def triple(self) -> tuple[int, int, int]:
        return (self.major, self.minor, self.patch)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigTest:
    """Verdict of `keepalived -t`. `ok` None: could not be told (no -t in 1.3.5, timed out)."""

    ok: bool | None
    messages: tuple[str, ...] = ()
    """keepalived's words, duplicates removed."""
    why_unknown: str | None = None


class LogFactKind(Enum):
    """What a keepalived log line tells, in one word."""

    STATE = "state"
    """An instance changed state: `state`."""
    INTERFACE = "interface"
    """A link changed: `subject`, `up`."""
    SCRIPT = "script"
    """A script's verdict changed: `subject`, `up`."""
    PRIORITY = "priority"
    """Effective priority of an instance changed: `value`."""
    STARTED = "started"
    STOPPED = "stopped"
    RELOADED = "reloaded"
    DUMPED = "dumped"
    """The daemon says that it wrote a dump: noise made by consoles like this one."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFact:
    """The meaning of one keepalived line; vocabulary by version: docs/keepalived-versions.md."""

    kind: LogFactKind
    instance: str | None = None
    state: VrrpState | None = None
    subject: str | None = None
    up: bool | None = None
    value: int | None = None
