"""What one look at a node found: the values that parsers make from command output.

A field that the output did not tell is None. None never means "no" or "zero".
Names follow ip-address(8), systemctl(1) and squid's cache manager. What keepalived says of itself: `keepalived_state`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from haconsole.model.keepalived_state import (
    ConfigTest,
    DaemonReading,
    InstanceReading,
    IpInterface,
    KeepalivedVersion,
    LogFact,
    LogFactKind,
    StateSource,
    TrackedFile,
    TrackedInterface,
    TrackedScript,
    VrrpState,
)
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

__all__ = [
    "Address",
    "AddressAdded",
    "AddressRemoved",
    "ConfigTest",
    "DaemonReading",
    "IdentityReading",
    "InstanceReading",
    "IpInterface",
    "KeepalivedVersion",
    "KernelChange",
    "KernelReading",
    "Link",
    "LinkChanged",
    "LinkRemoved",
    "Listener",
    "LogFact",
    "LogFactKind",
    "LogLine",
    "Rights",
    "SquidCounters",
    "SquidReading",
    "SquidShutdown",
    "StateSource",
    "TrackedFile",
    "TrackedInterface",
    "TrackedScript",
    "UnitReading",
    "UnitsReading",
    "VersionsReading",
    "VrrpState",
]

# --- kernel -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network interface. `up`: administratively (IFF_UP); `carrier`: IFF_LOWER_UP."""

    name: str
    up: bool
    carrier: bool
    mac: str | None = None
    index: int | None = None
    state: str | None = None
    """The operational state in ip's words (`UP`, `DOWN`, `LOWERLAYERDOWN`); None: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address on an interface."""

    interface: str
    address: IpInterface
    label: str | None = None
    """IPv4 label when it differs from the interface's name (`eth0:1`)."""
    scope: str = "global"
    tentative: bool = False
    dad_failed: bool = False
    """IPv6: another host has it (RFC 4862, section 5.4); the kernel does not use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelReading:
    """Interfaces and addresses, the whole of one node, from `ip -o link` and `ip -o addr`."""

    links: Mapping[str, Link]
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressAdded:
    """An address appeared, or one that was there was announced again."""

    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRemoved:
    """An address is gone."""

    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """A link as it is now."""

    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRemoved:
    """A link is gone from the system."""

    name: str


KernelChange = AddressAdded | AddressRemoved | LinkChanged | LinkRemoved
"""One line of `ip -o monitor link address`."""


# --- systemd ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReading:
    """One unit from `systemctl show`. `loaded` False: systemd does not know the unit."""

    name: str
    loaded: bool
    active: bool
    active_state: str
    sub_state: str
    enabled: bool | None
    """Started at boot (UnitFileState enabled, enabled-runtime, static, alias...); None: not told."""
    since_uptime_s: float | None
    """Seconds since the node's boot when it became active (or inactive); None: never or not told."""
    main_pid: int | None = None
    restarts: int | None = None
    restart: str | None = None
    """`Restart=` of the unit: `no`, `on-failure`, `always`..."""
    private_tmp: bool = False
    """`PrivateTmp=yes`: its /tmp is not the node's."""
    started_uptime_s: float | None = None
    """Seconds since boot when its main process started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsReading:
    """The units of interest by name (without `.service`), and the node's uptime at the reading."""

    units: Mapping[str, UnitReading]
    uptime_s: float | None


# --- logs ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line from the journal or from a syslog file, cleaned of control characters."""

    program: str
    """`keepalived`, `squid`, `systemd`, `selinux` (what it refuses them); for keepalived `ident` has the child's."""
    ident: str
    text: str
    node_time_s: float | None
    """On the node's clock; None where the line has no usable time."""
    time_precision_s: float = 1e-6
    """1.0 for syslog's classic time stamps."""
    trusted: bool = True
    """The journal vouches for the sender (_COMM, _UID=0); a syslog file never does."""
    pid: int | None = None
    fact: LogFact | None = None


# --- squid ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listening TCP socket. `address` None: any (`0.0.0.0`, `*`, `[::]`)."""

    address: IpAddress | None
    port: int
    text: str
    """As it is shown: `0.0.0.0:3128`, `[::]:3128`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SquidCounters:
    """Monotonic counters of squid's cache manager, and when they were read."""

    client_requests: int | None = None
    client_hits: int | None = None
    client_errors: int | None = None
    clients: int | None = None
    """Client addresses that squid accounts for (mgr:info); None: not told."""
    requests_per_s: float | None = None
    """Squid's own average, over the last five minutes or since start (mgr:info, mgr:5min)."""
    hit_ratio: float | None = None
    """0..1, of requests, squid's own five-minute figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SquidShutdown:
    """How long squid waits for its clients when it is told to stop (shutdown_lifetime), by its file on disk.
    `lifetime_s` None: not known, and `text` says why; else `text` says where it stands."""

    lifetime_s: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SquidReading:
    """squid as it looks from its own node. `check_ok` None: `squid -k check` told nothing."""

    check_ok: bool | None
    check_text: str = ""
    listening: tuple[Listener, ...] | None = None
    """Listening sockets on squid's port; None: not readable. Empty: nobody listens."""
    shutdown: SquidShutdown | None = None
    """None: not asked, or no answer that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsReading:
    """Programs on the node. None: not installed or not readable."""

    keepalived: KeepalivedVersion | None = None
    squid: str | None = None
    systemd: int | None = None
    kernel: str | None = None


class Rights(Enum):
    """What the login may do."""

    ROOT = "root"
    SUDO = "sudo"
    """Not root, and sudo is configured: each privileged command tries `sudo -n`."""
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityReading:
    """Who we are on the node and what the node has."""

    user: str
    uid: int
    groups: frozenset[str]
    hostname: str
    rights: Rights
    boot_id: str | None = None
    tools: Mapping[str, bool] = field(default_factory=dict)
    """Program name -> found in the path that haconsole sets."""
