"""`haconsole maintain`: node after node drained, patched and rebooted, checked, and given back."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from haconsole.cli import output, overrides, setup
from haconsole.cli.exits import Exit
from haconsole.cli.times import SpanType, until

if TYPE_CHECKING:
    from haconsole.io.maintenance_file import FlowFile
    from haconsole.model.spec import ClusterSpec
    from haconsole.operations.maintenance import Ended, Flow
    from haconsole.runtime.executor import Told
    from haconsole.runtime.maintenance import Driver
    from haconsole.runtime.monitor import Monitor
    from haconsole.runtime.operate import Prepared, Words


@click.command(
    "maintain",
    epilog="Examples: haconsole maintain --reason 'kernel update' --wait-idle 5m; haconsole maintain --resume",
)
@click.argument("nodes", nargs=-1, metavar="[NODE ...]")
@click.option("--reason", help="Why: for the drain notes and the audit log.", metavar="TEXT")
@click.option("--ticket", help="The change's number, for the audit log.", metavar="ID")
@click.option("--wait-idle", type=SpanType(), help="Before each drain wait so long for open connections.", metavar="5m")
@click.option(
    "--until", "until_word", help="Drains end at the first fixed time after: HH:MM, RFC 3339.", metavar="TIME"
)
@click.option("--confirm", multiple=True, help="Instead of the question: a node's name. Several.", metavar="NODE")
@click.option("--outside-window", help="Go on outside of the maintenance windows; why.", metavar="REASON")
@overrides.option
@click.option("--resume", is_flag=True, help="Go on with the maintenance that was begun.")
@click.option("--done", is_flag=True, help="With --resume: the work on the present node is done, without a reboot.")
@click.option("--status", "tell", is_flag=True, help="Say where it stands; no node is asked.")
@click.option("--give-up", is_flag=True, help="Forget it; no node is touched.")
@click.option("--cluster", "cluster", help="The cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(ctx: click.Context, /, **options: object) -> None:
    """Patch and reboot node after node without a lost request, as far as the cluster's drain allows.

    Each node in turn: guards and forecast are shown, its name is typed, it is drained; you patch and reboot it while
    this waits; when it is back it is checked, given back, and once every VIP is in its place the next one follows.
    No NODE: all nodes, standby first. Ctrl-C leaves it where it stands. Exit code: 0 done, 1 a check failed, 2 not
    confirmed, 3 refused by a guard, 4 a drain was put back, 5 not verified, 130 left by Ctrl-C (--resume goes on).
    """
    ctx.obj.update({k: options[k] for k in ("cluster", "config") if options[k] is not None})
    nodes = tuple(str(n) for n in _several(options["nodes"]))
    spec = _cluster(setup.clusters(ctx), nodes)
    modes = [m for m in ("resume", "tell", "give_up") if options[m]]
    if len(modes) > 1 or (modes and nodes):
        raise click.UsageError("--resume, --status and --give-up stand alone, without nodes")
    if options["done"] and not options["resume"]:
        raise click.UsageError("--done goes with --resume; while haconsole maintain runs, press Enter there")
    overrides.overrides(options["overrides"])
    from haconsole.cli.maintain_shared import flow_file
    from haconsole.io.maintenance_file import FlowFileError

    try:
        file = flow_file(ctx, spec)
        if options["tell"]:
            ctx.exit(_tell(file, spec))
        with file.driving():
            if options["give_up"]:
                ctx.exit(_give_up(file, spec))
            runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
            read_only, demo = bool(ctx.obj.get("read_only")), ctx.obj.get("clusters") is not None
            ctx.exit(runner(_run(spec, file, nodes, options, read_only=read_only, demo=demo)))
    except FlowFileError as error:
        output.talk(f"haconsole: {error}")
        ctx.exit(int(Exit.FAILED))


def _several(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def _cluster(clusters: tuple[ClusterSpec, ...], nodes: tuple[str, ...]) -> ClusterSpec:
    found = [c for c in clusters if all(any(n.name == w for n in c.nodes) for w in nodes)]
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(n.name for c in clusters for n in c.nodes)
        raise click.UsageError(f"no cluster has {' and '.join(nodes)}; there are: {known}")
    raise click.UsageError(f"say which: --cluster {' or '.join(c.name for c in found)}")


def _tell(file: FlowFile, spec: ClusterSpec) -> int:
    from haconsole.operations.maintenance import how_to_go_on, stands

    flow = file.load()
    lines = (f"no maintenance of {spec.name} is under way",) if flow is None else (*stands(flow), *how_to_go_on(flow))
    for line in lines:
        output.data(line)
    return int(Exit.DONE)


def _give_up(file: FlowFile, spec: ClusterSpec) -> int:
    from haconsole.operations.maintenance import how_to_go_on, stands

    flow = file.load()
    if flow is None:
        output.talk(f"haconsole: no maintenance of {spec.name} is under way")
        return int(Exit.USAGE)
    file.forget()
    for line in (*stands(flow), "given up; no node was touched", *how_to_go_on(flow)[:-2]):
        output.data(line)
    return int(Exit.DONE)


async def _run(
    spec: ClusterSpec, file: FlowFile, nodes: tuple[str, ...], options: dict[str, object], *, read_only: bool,
    demo: bool,
) -> int:  # fmt: skip
    from haconsole.cli.maintain_shared import demo_reboots
    from haconsole.operations.maintenance import FlowError
    from haconsole.runtime.assemble import production
    from haconsole.runtime.maintenance import Driver, Talk
    from haconsole.runtime.monitor import Monitor, run_all
    from haconsole.runtime.operate import Operate, WordsError

    if read_only or spec.read_only:
        output.talk("haconsole: read-only: there are no actions")
        return int(Exit.REFUSED)
    kept = file.load()
    if options["resume"] and kept is None:
        output.talk(f"haconsole: no maintenance of {spec.name} is under way")
        return int(Exit.USAGE)
    if not options["resume"] and kept is not None:
        output.talk("haconsole: one is under way: --resume goes on, --status tells, --give-up forgets it")
        return int(Exit.USAGE)
    parts = production(setup.TerminalPrompter())
    monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
    operate = Operate(monitor, parts.connector, parts.clock, setup.audit_file())
    following = asyncio.ensure_future(run_all([monitor], parts.connector))
    asker = _Asker(frozenset(str(c) for c in _several(options["confirm"])))
    try:
        flow = await _flow(kept, monitor, operate, nodes, options, parts.clock.now)
        talk = Talk(say=asker.say, wait=asker.progress.show, step=asker.step, confirm=asker.confirm)
        words = _words(flow, options)
        driver = Driver(flow, words, monitor, operate, parts.connector, parts.probe, parts.clock, file, talk)
        if options["done"]:
            driver.done.set()
        for name, how in demo_reboots(spec).items() if demo else ():
            asker.say(f"to reboot {name} of the demo: {how}")
        with _hearing(driver, asker):
            ended = await driver.run()
        asker.progress.clear()
        return _show(driver.flow, ended)
    except (WordsError, FlowError) as error:
        asker.progress.clear()
        output.talk(f"haconsole: {error}")
        return int(Exit.USAGE)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _flow(  # noqa: PLR0917 - a new one, or the kept one
    kept: Flow | None, monitor: Monitor, operate: object, nodes: tuple[str, ...], options: dict[str, object],
    now: Callable[[], float],
) -> Flow:  # fmt: skip
    from haconsole.cli.maintain_shared import gone_on
    from haconsole.operations import maintenance
    from haconsole.runtime.operate import Operate

    if kept is not None:
        flow = gone_on(kept, monitor.spec, now())
        for line in maintenance.stands(kept):
            output.talk(line)
        return flow
    if isinstance(operate, Operate):
        await operate.ready()
    word, wait = options["until_word"], options["wait_idle"]
    ends: float | None = None
    if word is not None:
        try:
            ends = until(str(word), now())
        except ValueError as error:
            raise maintenance.FlowError(f"--until: {error}") from None
    return maintenance.begin(
        monitor.picture(), nodes, now(), operator=f"{getpass.getuser()}@{os.uname().nodename}", until=ends,
        reason=_text(options["reason"]), ticket=_text(options["ticket"]),
        wait_idle_s=float(wait) if isinstance(wait, (int, float)) else None,
    )  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _words(flow: Flow, options: dict[str, object]) -> Words:
    from haconsole.operations.actions import Kind
    from haconsole.runtime.operate import Words

    return Words(
        kind=Kind.DRAIN, node=flow.node, operator=getpass.getuser(), host=os.uname().nodename,
        outside_window=_text(options["outside_window"]), overrides=overrides.overrides(options["overrides"]),
    )  # fmt: skip


class _Asker:
    """The terminal: lines that stay, one in place, and one reader of standard input for names and Enter."""

    def __init__(self, confirmed: frozenset[str]) -> None:
        self.progress = output.Progress()
        self.live = sys.stdin.isatty() and sys.stderr.isatty()
        self._confirmed = confirmed
        self._answer: asyncio.Future[str] | None = None
        self.left = asyncio.Event()

    @property
    def below(self) -> str:
        """Before a line that comes while a name is being typed."""
        return "\n" if self._answer is not None else ""

    def say(self, text: str) -> None:
        self.progress.clear()
        output.talk(text)

    def step(self, told: Told) -> None:
        left = "" if told.left_s is None else f"   the node heals itself in {told.left_s:.0f} s"
        if told.ended is None:
            self.progress.show(f"… {told.step}: {told.text}{left}")
        else:
            self.say(f"{'●' if told.ok else '✖'} {told.step}: {told.text}")

    async def confirm(self, prepared: Prepared) -> bool:
        self.say(prepared.plan.question)
        name = prepared.words.node
        if name in self._confirmed:
            return True
        if not self.live:
            self.say(f"haconsole: --confirm {name} where nobody can be asked")
            return False
        sys.stderr.write("> ")
        sys.stderr.flush()
        self._answer = asyncio.get_running_loop().create_future()
        leaving = asyncio.ensure_future(self.left.wait())
        both: set[asyncio.Future[Any]] = {self._answer, leaving}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        answer, self._answer = self._answer, None
        return answer.done() and answer.result() == name

    def typed(self, driver: Driver) -> None:
        """A line came: the answer that is waited for, else the word that the work is done."""
        from haconsole.operations.maintenance import Stage

        line = sys.stdin.readline()
        if not line:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            if self._answer is not None and not self._answer.done():
                self._answer.set_result("")
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(line.strip())
        elif driver.flow.stage is Stage.WAITING:
            driver.done.set()


@contextmanager
def _hearing(driver: Driver, asker: _Asker) -> Iterator[None]:
    """Signals ask to leave; lines of the terminal are answers."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave() -> None:
        if not asker.left.is_set():
            asker.say(f"{asker.below}leaving: what is just being changed is put back first …")
        asker.left.set()
        driver.leave()

    def stay() -> None:
        asker.say(f"{asker.below}not stopped: the nodes have to be watched. Ctrl-C leaves; --resume goes on later")

    for each in signals:
        loop.add_signal_handler(each, leave)
    loop.add_signal_handler(signal.SIGTSTP, stay)
    if asker.live:
        loop.add_reader(sys.stdin.fileno(), asker.typed, driver)
    try:
        yield
    finally:
        for each in (*signals, signal.SIGTSTP):
            loop.remove_signal_handler(each)
        if asker.live:
            loop.remove_reader(sys.stdin.fileno())


def _show(flow: Flow, ended: Ended) -> int:
    from haconsole.operations.maintenance import how_to_go_on, stands
    from haconsole.parse.text import clean

    output.data(f"{ended.result}: {clean(ended.text)}")
    for place in ended.look_at:
        output.data(f"  look at: {clean(place)}")
    if ended.result != "done":
        for line in (*stands(flow), *how_to_go_on(flow)):
            output.data(line)
    codes = {
        "done": Exit.DONE, "left": Exit.INTERRUPTED, "refused": Exit.REFUSED, "not-confirmed": Exit.USAGE,
        "failed": Exit.FAILED, "reverted": Exit.REVERTED, "unverified": Exit.UNVERIFIED,
    }  # fmt: skip
    return int(codes[ended.result])
