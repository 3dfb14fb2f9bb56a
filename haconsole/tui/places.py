"""The screens of a cluster that exist, by key. One that is not here is not advertised anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from haconsole.model.record import dataclass
from haconsole.tui.screens.adverts import AdvertsScreen
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.config import ConfigScreen
from haconsole.tui.screens.drills import DrillsScreen
from haconsole.tui.screens.logs import LogsScreen
from haconsole.tui.screens.triage import TriageScreen


@dataclass(frozen=True, slots=True)
class Place:
    """`screen` takes the cluster's name."""

    id: str
    key: str
    title: str
    screen: type[ConsoleScreen]
    make: Callable[[str], ConsoleScreen]
    drills: bool = False
    """Only there where drills are."""


PLACES: Final = (
    Place("cluster", "1", "Cluster", ClusterScreen, ClusterScreen),
    Place("adverts", "2", "Adverts", AdvertsScreen, AdvertsScreen),
    Place("triage", "3", "Triage", TriageScreen, TriageScreen),
    Place("drills", "4", "Drills", DrillsScreen, DrillsScreen, drills=True),
    Place("logs", "5", "Logs", LogsScreen, LogsScreen),
    Place("config", "6", "Config", ConfigScreen, ConfigScreen),
)


def place(name: str) -> Place:
    """The screen with this id. Raises: KeyError."""
    for one in PLACES:
        if one.id == name:
            return one
    raise KeyError(name)
