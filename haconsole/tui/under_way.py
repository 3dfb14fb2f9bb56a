"""What the console carries out: an action (`acting.Acting`), drills (`drilling.Drilling`) or maintenance
(`maintaining.Maintaining`), as all screens see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.record import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended. word: `done`, `deviated`. code: of a console that was left meanwhile, as of the command line."""

    word: str
    text: str
    well: bool
    code: int
    look_at: tuple[str, ...] = ()


class UnderWay(Protocol):
    """Never cancelled: it is asked to stop, and is over when everything was put back."""

    cluster: str
    stopping: bool
    """It was asked to stop."""

    @property
    def runs(self) -> bool: ...

    @property
    def ended(self) -> Ended | None:
        """None: it runs."""

    @property
    def title(self) -> str:
        """`squid-stop on proxy-serv01`."""

    @property
    def mark(self) -> str:
        """What headers call it: `squid-stop`, `drill squid-stop`."""

    @property
    def node(self) -> str: ...

    @property
    def operation(self) -> str:
        """Its name on the nodes, now."""

    @property
    def own_path(self) -> bool:
        """It cuts the console's own way: putting back must wait for the node."""

    @property
    def unserved(self) -> bool:
        """It measures, now, that clients of a VIP are not served: no header is green against that."""

    @property
    def parting(self) -> str:
        """What is said when the console is to leave meanwhile."""

    def left_s(self, now: float) -> float | None:
        """Until the node heals itself."""

    def begin(self, over: Callable[[], None]) -> None:
        """Start; `over` is called once."""

    async def over(self) -> None:
        """Return when it has ended, however."""

    def look(self, picture: ClusterPicture) -> None:
        """See what clients lose."""

    def abort(self) -> bool:
        """Put everything back. False: asked for before, or over."""
