"""Where one is: the screens of a cluster, pages over them, the list of clusters, and the ways between them."""

from __future__ import annotations

from typing import Final

from textual.screen import Screen

from haconsole.tui.fleet import Fleet
from haconsole.tui.places import PLACES, Place, place
from haconsole.tui.screens.base import ConsoleScreen, OverScreen
from haconsole.tui.screens.clusters import ClustersScreen
from haconsole.tui.screens.help import HelpScreen
from haconsole.tui.screens.pages import PageScreen
from haconsole.tui.signals import SignalledApp
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Kind, Row
from haconsole.tui.widgets.lines import LinePane

_ANYWHERE: Final = frozenset({"place", "back_to_clusters"})
"""Ways that leave whatever screen one is on."""


class WanderingApp(SignalledApp):
    """Goes from screen to screen."""

    fleet: Fleet

    @property
    def cluster(self) -> str | None:
        """The cluster on the screen; None on the list of clusters."""
        for screen in reversed(self.screen_stack):
            found = getattr(screen, "cluster", None)
            if isinstance(found, str):
                return found
        return None

    @property
    def read_only_here(self) -> bool:
        """On this cluster nothing may be changed."""
        raise NotImplementedError

    def first_screen(self) -> Screen[None]:
        """Where one starts: the cluster, or the list of several."""
        names = self.fleet.names
        return place("cluster").make(names[0]) if len(names) == 1 else ClustersScreen()

    def places_here(self) -> list[Hint]:
        """The screens that exist, for the last line."""
        cluster = self.cluster
        listed = Hint("0", "Clusters", "app.back_to_clusters", active=cluster is None)
        hints = [listed] if len(self.fleet.names) > 1 else []
        if cluster is None:
            return hints
        here = next((p.id for s in reversed(self.screen_stack) for p in PLACES if isinstance(s, p.screen)), "")
        there = [p for p in PLACES if self.place_exists(p)]
        return [*hints, *(Hint(p.key, p.title, f"app.place('{p.id}')", active=p.id == here) for p in there)]

    def place_exists(self, wanted: Place) -> bool:
        """A screen of this cluster. Where nothing may be changed there are no drills."""
        return self.cluster is not None and (not wanted.drills or self.has_drills(self.cluster))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not there: neither active nor in the help."""
        if action in _ANYWHERE and isinstance(self.screen, ConsoleScreen) and self.screen.ASKS:
            return False
        if action == "back_to_clusters":
            return len(self.fleet.names) > 1
        if action == "place":
            return all(self.place_exists(place(str(name))) for name in parameters)
        return super().check_action(action, parameters)

    def open_cluster(self, name: str) -> None:
        """Show one cluster, from wherever one is."""
        self.action_back_to_clusters()
        if self.cluster != name:
            self.push_screen(place("cluster").make(name))

    def open(self, row: Row) -> None:
        """Show what a row is about, if there is more to it."""
        if row.target is None:
            return
        cluster = self.cluster
        if row.target.kind is Kind.CLUSTER:
            self.open_cluster(row.target.name)
        elif cluster is not None:
            here = self.screen
            if not (isinstance(here, PageScreen) and here.target == row.target):
                self.push_screen(PageScreen(cluster, row.target))

    def action_open_row(self) -> None:
        """Enter, by mouse."""
        if isinstance(self.focused, LinePane):
            self.focused.action_choose()

    def action_place(self, name: str) -> None:
        """Go to one of the screens of the cluster."""
        cluster = self.cluster
        wanted = place(name)
        if cluster is None or not self.place_exists(wanted):
            return
        self.close_pages()
        if not isinstance(self.screen, wanted.screen):
            self.switch_screen(wanted.make(cluster))

    def close_pages(self) -> None:
        """Back to the screen that stands under pages, help and what stands over it."""
        while isinstance(self.screen, PageScreen | HelpScreen | OverScreen):
            self.pop_screen()

    def action_step_back(self) -> None:
        """One step back: from a page, from a screen to the cluster, from the cluster to the list."""
        screen = self.screen
        if isinstance(screen, PageScreen | HelpScreen | OverScreen):
            self.pop_screen()
        elif isinstance(screen, place("cluster").screen):
            self.action_back_to_clusters()
        elif self.cluster is not None:
            self.action_place("cluster")

    def action_back_to_clusters(self) -> None:
        """Go to the list of clusters, if there are several."""
        if len(self.fleet.names) > 1:
            while not isinstance(self.screen, ClustersScreen):
                self.pop_screen()

    def action_help(self) -> None:
        """What keys do here, and what the signs mean."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen, read_only=self.read_only_here))
