"""A finding: something an operator should know, with its evidence and the next step."""

from __future__ import annotations

from enum import IntEnum

from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress


class Severity(IntEnum):
    """Ordered: higher is worse."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class Verdict(IntEnum):
    """Of a cluster, in the order of precedence: critical outranks unknown outranks warning."""

    OK = 0
    WARNING = 1
    UNKNOWN = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One observation. `source` e.g. `kernel on proxy-serv01`; `at` on the console's clock."""

    source: str
    text: str
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`id` is stable and documented in docs/findings.md."""

    id: str
    severity: Severity
    summary: str
    node: str | None = None
    instance: str | None = None
    vip: IpAddress | None = None
    evidence: tuple[Evidence, ...] = ()
    remedy: str | None = None
    since: float | None = None
    """When it became so, console clock; None: not told, it is so at least since the oldest evidence."""
    unknown: bool = False
    """True: it says that something of a VIP cannot be told; makes the verdict at least unknown."""
    follows_from: str | None = None
    """`key` of the finding that causes this one; shown under it."""

    @property
    def key(self) -> str:
        """Identity over time: the same trouble keeps its key."""
        return "/".join((self.id, self.node or "", self.instance or "", str(self.vip or "")))
