"""What the audit takes and gives: one node's configuration, and what is to be said of it. Pure values."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property

from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import ConfInstance, KeepalivedConf, Place
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.parse.keepalived_conf import vrrp_instances


@dataclass(frozen=True, kw_only=True)
class ConfFile:
    """One node's keepalived configuration, includes followed.

    Only `conf` is needed. The rest sharpens the audit where it is known, and None is not known.
    """

    conf: KeepalivedConf
    node: str | None = None
    """The node's name in the configured cluster; None: a file without a cluster, told by its name."""
    version: tuple[int, int, int] | None = None
    """Of the keepalived that reads it."""
    own_addresses: tuple[IpAddress, ...] = ()
    """Addresses that are the node's own for sure: where one logs in, what adverts are sent from."""

    @property
    def file(self) -> str:
        """Name of the main file."""
        return self.conf.files[0] if self.conf.files else "keepalived.conf"

    @property
    def name(self) -> str:
        """How the operator knows it: the node's name, else the file's."""
        return self.node or self.file

    @cached_property
    def instances(self) -> tuple[ConfInstance, ...]:
        """As `parse.keepalived_conf.vrrp_instances`."""
        return vrrp_instances(self.conf)

    @property
    def whole(self) -> bool:
        """False: an include could not be read, so that what is not there may stand in it."""
        return not self.conf.missing_includes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvidence:
    """One observation: a line of a file, or what a command on a node said."""

    source: str
    """`configuration of proxy-serv01`, `systemd on proxy-serv01`, ...; without a cluster the file's name."""
    text: str
    """The line as keepalived reads it; passwords never."""
    file: str | None = None
    line: int | None = None
    at: float | None = None
    """When it was so, console clock; None for files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """Something that is wrong, or likely to go wrong, in the configuration. Ids are explained in docs/check.md."""

    id: str
    severity: Severity
    """CRITICAL: certain; WARNING: likely; INFO: worth knowing."""
    summary: str
    evidence: tuple[AuditEvidence, ...] = ()
    remedy: str | None = None
    """With the exact line where there is one."""
    place: Place | None = None
    """The line to change; None: not a matter of a line."""
    node: str | None = None
    instance: str | None = None
    unknown: bool = False
    """True: something could not be checked."""

    def on(self, **changes: object) -> AuditFinding:
        """The same with other fields."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the comparison across nodes: a setting that must be equal, or must differ."""

    instance: str
    """Name of the instance; `` for what holds for the whole file."""
    name: str
    """The keyword: `virtual_router_id`, `priority`..."""
    rule: str
    """`equal`, `differ` or `free`."""
    values: tuple[str | None, ...]
    """One for each file, in their order; None: not told there. Passwords are shown as `(secret)`."""
    ok: bool | None
    """None: cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Everything that an audit found."""

    files: tuple[ConfFile, ...]
    findings: tuple[AuditFinding, ...]
    settings: tuple[Setting, ...] = field(default=())
