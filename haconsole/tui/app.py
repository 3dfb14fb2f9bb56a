"""The console as a Textual app: what screens ask it for, the tick, copying, themes.

It reads sources and draws; the way to change a node is `acts`, where there is one. Quitting waits for nothing but an
action under way to be put back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.theme import Theme
from textual.worker import Worker, WorkerState

from haconsole.cluster.conclude import Snapshot
from haconsole.io import clipboard
from haconsole.model.spec import ClusterSpec
from haconsole.tui import safe, themes
from haconsole.tui.commands import ConsoleCommands
from haconsole.tui.drilling import Drills
from haconsole.tui.fleet import Fleet
from haconsole.tui.garbage import Quiet
from haconsole.tui.looking import Looker
from haconsole.tui.places import PLACES, place
from haconsole.tui.printable import printable
from haconsole.tui.remember import Memory
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.screens.secret import SecretScreen
from haconsole.tui.source import Clock, ClusterSource, Operations, RunSources
from haconsole.tui.view.header import Standing
from haconsole.tui.view.times import Times
from haconsole.tui.whereabouts import WanderingApp
from haconsole.tui.widgets.lines import LinePane

if TYPE_CHECKING:  # loaded when it is first looked whether one is under way
    from haconsole.tui.maintaining import Maintenance

TICK_S = 0.2
"""How often the screen looks whether there is something new; a flood of news is drawn no more often."""
PEEKS = 5
"""So often in a tick the open cluster is asked for news: after a quiet tick they are drawn at once."""
INPUT_FIRST_S = 0.06
"""For so long after a key nothing else is looked at: its effect is on the screen by then."""
LATEST_TICK = 3 * PEEKS
"""But a key that is held down does not stop the picture: so many peeks after the last tick there is one."""
TOLD_AGAIN_S: Final = 3.0
"""While a note is on the screen it is not said again."""
ACTING_KEYS: Final = frozenset({"a", "M", "4"})
"""They are not there where nothing may be changed."""


class ConsoleApp(WanderingApp):
    """Shows clusters. The return value is the exit code."""

    CSS_PATH = Path(__file__).with_name("console.tcss")
    TITLE = "haconsole"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ConsoleCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit", id="app.quit"),
        # From anywhere: a question, the help and a line of text included.
        Binding("ctrl+q,ctrl+c", "quit", "Quit", id="app.quit", priority=True),
        Binding("ctrl+z", "suspend_process", "To the shell, fg back", id="app.suspend", priority=True),
        Binding("ctrl+p", "command_palette", "Commands", id="app.commands"),
        Binding("question_mark", "help", "Help", id="app.help"),
        Binding("y", "copy", "Copy the row", id="app.copy"),
        Binding("Y", "copy_all", "Copy the pane", id="app.copy_all"),
        Binding("t", "next_theme", "Next theme", id="app.theme"),
        Binding("a", "actions", "Actions on a node", id="app.actions"),
        Binding("0", "back_to_clusters", "Clusters", id="app.clusters"),
        *(Binding(p.key, f"place('{p.id}')", p.title, id=f"app.place.{p.id}") for p in PLACES),
    ]

    def __init__(
        self,
        sources: Sequence[ClusterSource],
        *,
        clock: Clock,
        operator: str,
        run_sources: RunSources | None = None,
        operations: Mapping[str, Operations] | None = None,
        drills: Mapping[str, Drills] | None = None,
        maintenance: Mapping[str, Maintenance] | None = None,
        lookers: Mapping[str, Looker] | None = None,
        read_only: bool = False,
        zone: tzinfo | None = None,
        remember: Path | None = None,
        theme: str | None = None,
        theme_folders: Sequence[Path] = (),
    ) -> None:
        """operations, drills, maintenance: of the clusters where actions are allowed, by name; none at all where
        `read_only`.

        lookers: of those where one may look closer, by name.
        """
        none = read_only
        super().__init__(
            {} if none else operations or {}, clock, {} if none else drills, {} if none else maintenance
        )  # fmt: skip
        self.fleet = Fleet(sources)
        self.zone = Times(zone)
        self._asking = asyncio.Lock()
        self._clock, self._operator, self._read_only = clock, operator, read_only
        self._run_sources = run_sources
        self._lookers: Mapping[str, Looker] = lookers or {}
        self._memory = Memory(remember)
        self._trouble: str | None = None
        self._told_read_only = float("-inf")
        self._since_tick = self._since_news = 0
        self.quiet: Quiet | None = None
        """Who looks for garbage, if this process is the console's alone."""
        self.own_themes, self._theme_problems = themes.load([themes.shipped(), *theme_folders])
        for one in self.own_themes:
            self.register_theme(one)
        names = [one.name for one in self.own_themes]
        wanted = [name for name in (theme, self._memory.theme(), themes.DEFAULT) if name in names]
        self.theme = wanted[0]

    # --- what screens ask for -------------------------------------------------

    def now(self) -> float:
        return self._clock()

    def spec(self, cluster: str) -> ClusterSpec:
        """Raises: KeyError."""
        return self.fleet.source(cluster).spec

    def looker(self, cluster: str) -> Looker | None:
        """Who looks closer at a cluster; None: nobody can."""
        return self._lookers.get(cluster)

    def snapshot(self, cluster: str) -> Snapshot:
        """The cluster at this moment. Raises: KeyError."""
        return self.fleet.fresh(cluster, self._clock())

    def standing(self, now: float, *, read_only: bool) -> Standing:
        """What every header says."""
        shown = None if self.cluster is None else self.fleet.kept(self.cluster)
        mark = self.mark(None if shown is None else shown.picture, now)
        acting = self.under_way
        unserved = acting is not None and acting.cluster == self.cluster and acting.unserved
        return Standing(self._operator, read_only or self._read_only, now, self.zone, self._trouble, mark, unserved)

    async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
        """Ask the operator for a secret that a node wants; None: no answer. One question at a time."""
        async with self._asking:
            answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
            self.push_screen(SecretScreen(node, prompt, echo=echo), lambda answer: _answer(answered, answer))
            return await answered

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables exist in every theme."""
        return dict(themes.VARIABLES)

    # --- life -----------------------------------------------------------------

    def on_mount(self) -> None:
        self.obey_signals()
        self.fleet.look_at_all(self.now())
        self.push_screen(self.first_screen())
        self._peek()
        if self._run_sources is not None:
            self.run_worker(self._run_sources(), name="sources", exit_on_error=False)
        for problem in self._theme_problems:
            safe.notify(self, str(problem), severity="warning")
        self.theme_changed_signal.subscribe(self, self._keep_theme)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """The monitors must run as long as the console does; if they end, every header says so."""
        if event.worker.name != "sources" or event.state not in {WorkerState.ERROR, WorkerState.SUCCESS}:
            return
        error = event.worker.error
        self._trouble = "the monitors ended" if error is None else f"the monitors ended: {error!r}"
        self._tick()

    def _peek(self) -> None:
        """Look for news, and again in a moment: by the loop itself, a Textual timer costs ten times the look."""
        if not self.is_running:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(TICK_S / PEEKS, self._peek)
        if self.quiet is not None:
            self.quiet.collect(loop.time(), self.since_input())
        self._since_tick, self._since_news = self._since_tick + 1, self._since_news + 1
        news = self._since_news >= PEEKS and (at := self.cluster) is not None and self.fleet.has_news(at)
        if not news and self._since_tick < PEEKS:
            return
        if self.since_input() < INPUT_FIRST_S and self._since_tick < LATEST_TICK:
            return  # what the operator asked for is drawn first
        if news:
            self._since_news = 0
        self._since_tick = 0
        self.call_next(self._tick)

    def _tick(self) -> None:
        now = self._clock()
        self.fleet.look(now)
        if self.under_way is not None:
            self.under_way.look(self.snapshot(self.under_way.cluster).picture)
        for screen in reversed(self.screen_stack):
            if isinstance(screen, ConsoleScreen):
                screen.tick(now)
                break

    def come_back(self) -> None:
        """From the shell: what is old by now is not shown as if it were new, not even for a moment."""
        self.fleet.look_at_all(self.now())
        self._tick()

    async def action_quit(self) -> None:
        """Leave at once, unless an action is under way: what else still runs is cancelled and not waited for."""
        self.exit(0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not there: neither active nor in the help."""
        if action == "actions":
            return self.acts_here
        return super().check_action(action, parameters)

    # --- acting ---------------------------------------------------------------

    @property
    def read_only_here(self) -> bool:
        """On this cluster nothing may be changed, whatever keys do elsewhere."""
        return self.cluster is not None and (self._read_only or self.spec(self.cluster).read_only)

    def on_key(self, event: events.Key) -> None:
        """A key that nobody took: who presses one that acts elsewhere is told why it does nothing here."""
        if event.key in ACTING_KEYS and self.read_only_here:
            last, self._told_read_only = self._told_read_only, event.time
            if event.time - last > TOLD_AGAIN_S:
                safe.notify(self, "read-only: no action, drill or maintenance here")

    @property
    def acts_here(self) -> bool:
        """`a` has something to show: an action that runs or has ended unseen, or those of this cluster."""
        if self.under_way is not None or not self.result_seen:
            return True
        here = isinstance(self.screen, place("cluster").screen)
        return here and self.may_act(self.cluster)

    def action_actions(self) -> None:
        """Show what is under way, else what can be done to the node one is at."""
        if self.under_way is not None or not self.result_seen:
            self.show_acting()
        elif self.acts_here:
            self.offer_actions(getattr(self.screen, "focused_node", None))

    def offer_actions(self, node: str | None) -> None:
        """The actions on a node; None: on one that is chosen first."""
        from haconsole.tui.screens.actions import ActionsScreen

        cluster = self.cluster
        if cluster is not None and self.may_act(cluster):
            self.close_pages()
            self.push_screen(ActionsScreen(cluster, node))

    # --- copying, themes ------------------------------------------------------

    def action_copy(self) -> None:
        """Copy what the row under the cursor is about."""
        if isinstance(self.focused, LinePane) and self.focused.row is not None:
            self._copy(self.focused.row.copied)

    def action_copy_all(self) -> None:
        """Copy every row of the pane."""
        if isinstance(self.focused, LinePane):
            self._copy("\n".join(safe.copied_text(row.line) for row in self.focused.rows), what="the pane")

    def copy_text(self, value: str) -> None:
        """Copy lines that a screen made."""
        self._copy(value)

    def _copy(self, value: str, what: str | None = None) -> None:
        lines = [printable(line) for line in value.split("\n")]
        said = what or (lines[0] if len(lines) == 1 else f"{lines[0]} (+{len(lines) - 1} lines)")
        self.copy_to_clipboard("\n".join(lines))
        if clipboard.in_tmux():
            self.run_worker(self._into_tmux("\n".join(lines), said), name="copy", group="copy", exit_on_error=False)
        else:
            safe.notify(self, f"copied: {said}")

    async def _into_tmux(self, text: str, said: str) -> None:
        taken = await clipboard.into_tmux(text)
        safe.notify(self, f"copied: {said}" + ("" if taken else "; tmux passes it on only with set-clipboard on"))

    def action_next_theme(self) -> None:
        """The next theme, at once."""
        names = [one.name for one in self.own_themes]
        index = names.index(self.theme) if self.theme in names else -1
        self.use_theme(names[(index + 1) % len(names)])

    def use_theme(self, name: str) -> None:
        """Another theme, at once; it is remembered."""
        self.theme = name
        safe.notify(self, f"theme: {name}")

    def _keep_theme(self, theme: Theme) -> None:
        self._memory.keep_theme(theme.name)


def _answer(waiting: asyncio.Future[str | None], answer: str | None) -> None:
    if not waiting.done():
        waiting.set_result(answer)
