"""What a forecast says: of each VIP, each instance, each node's load; None where it is not known."""

from __future__ import annotations

from haconsole.cluster.forecast_changes import Change
from haconsole.cluster.forecast_times import Span
from haconsole.model.readings import VrrpState
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class VipForecast:
    """One VIP before and after.

    before: who holds it now; None: not known, or several. after: who holds it when all is settled; None:
    nobody (`nobody` True) or not known (`unknown` says why). Spans count from the change.
    """

    address: IpAddress
    vrid: int | None
    before: str | None
    after: str | None
    nobody: bool
    serves: bool | None
    """Clients are served afterwards."""
    takeover: Span | None = None
    """Until the new holder has it; None: it does not move, or not known."""
    outage: Span | None = None
    """What clients of it lose; None: not known, or until something is put right (`lost`)."""
    failback_outage: Span | None = None
    """What they lose when all is put back; None: it does not move back, or not known."""
    able: tuple[str, ...] = ()
    """Nodes that can serve it afterwards, proven."""
    able_unknown: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    unknown: str | None = None

    @property
    def lost(self) -> bool:
        """Proven: clients are not served until something is put right."""
        return self.nobody or self.serves is False

    @property
    def not_served_because(self) -> tuple[str, ...]:
        """The reasons why it is `lost`, without those for timers; empty: it is not."""
        goes = self.moves and self.after is not None
        return tuple(w for w in self.why if not goes or w.startswith(f"{self.after} takes ")) if self.lost else ()

    @property
    def known(self) -> bool:
        """Who holds it afterwards is known (perhaps nobody)."""
        return self.after is not None or self.nobody

    @property
    def moves(self) -> bool | None:
        """None: not known."""
        return self.before != self.after if self.known and self.before is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceForecast:
    """One instance afterwards. `state`: INIT where keepalived does not run; None: not known."""

    node: str
    name: str
    vrid: int | None
    state: VrrpState | None
    priority: int | None
    effective_priority: int | None
    causes: tuple[str, ...] = ()
    unknown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadForecast:
    """Requests a second of a node's squid, now and afterwards. None: not known. What it could carry nobody knows."""

    node: str
    now: float | None
    after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The whole cluster after `changes`."""

    changes: tuple[Change, ...]
    vips: tuple[VipForecast, ...]
    instances: tuple[InstanceForecast, ...]
    loads: tuple[LoadForecast, ...]

    @property
    def lost(self) -> tuple[VipForecast, ...]:
        """VIPs whose clients lose service until something is put right."""
        return tuple(v for v in self.vips if v.lost)

    def vip(self, address: IpAddress) -> VipForecast:
        """The forecast of one VIP. Raises: KeyError."""
        for each in self.vips:
            if each.address == address:
                return each
        raise KeyError(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What is supposed instead of what was read. shutdown_lifetime_s: squid's; None: as each node's squid.conf says."""

    shutdown_lifetime_s: float | None = None
