"""The command palette: our commands and no others. Every one is also a key or a click; none changes a node:
an action begins with its name typed, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from haconsole.tui import safe
from haconsole.tui.places import PLACES

if TYPE_CHECKING:
    from haconsole.tui.app import ConsoleApp


ACTIONS: Final = "drain, undrain, stop, start, restart, reload, link-down, link-up, garp, abort, take-over"
"""What is offered on a node: named here, chosen there."""


class Command(NamedTuple):
    """A line of the palette."""

    title: str
    what: str
    run: Callable[[], None]
    also: str = ""
    """Words that find it too."""


class ConsoleCommands(Provider):
    """Screens, clusters, themes, help, quit."""

    def _commands(self) -> Iterator[Command]:
        console = cast("ConsoleApp", self.app)
        if console.cluster is not None:
            for place in filter(console.place_exists, PLACES):
                yield Command(place.title, f"key {place.key}", partial(console.action_place, place.id))
        if console.under_way is not None or not console.result_seen:
            yield Command("Under way", "its steps and how it ends", console.show_acting)
        elif console.cluster is not None and console.may_act(console.cluster):
            for node in console.spec(console.cluster).nodes:
                offered = partial(console.offer_actions, node.name)
                yield Command(f"Actions on {node.name}", f"key a: {ACTIONS}", offered, also=ACTIONS)
        if console.under_way is None and console.has_maintenance(console.cluster):
            yield Command("Maintenance of all nodes, one after the other", "key M", console.action_maintenance)
        if len(console.fleet.names) > 1:
            yield Command("Clusters", "the list, worst first", console.action_back_to_clusters)
            for name in console.fleet.names:
                yield Command(f"Cluster {name}", "open it", partial(console.open_cluster, name))
        for theme in console.own_themes:
            kind = "dark" if theme.dark else "light"
            yield Command(f"Theme {theme.name}", kind, partial(console.use_theme, theme.name))
        yield Command("Help", "keys and signs of this screen", console.action_help)
        yield Command("To the shell", "key ctrl+z: it stands still until fg", console.action_suspend_process)
        yield Command("Quit", "leave the console", partial(console.exit, 0))

    async def discover(self) -> Hits:
        """What is offered before anything is typed."""
        for command in self._commands():
            yield DiscoveryHit(
                safe.text(command.title), command.run, text=command.title, help=safe.text(command.what).plain
            )

    async def search(self, query: str) -> Hits:
        """What matches the words typed so far. (`Matcher.highlight` would read titles as markup.)"""
        matcher = self.matcher(query)
        for command in self._commands():
            title = safe.text(command.title).plain
            score = max(matcher.match(title), matcher.match(command.also) if command.also else 0.0)
            if score > 0:
                yield Hit(score, safe.text(title), command.run, text=title, help=safe.text(command.what).plain)
