"""`haconsole adverts`: VRRP and gratuitous ARP off the wire, as text, JSON lines or pcap."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from haconsole.cli import output, setup
from haconsole.cli.adverts_print import Enough, Printer
from haconsole.cli.exits import Exit
from haconsole.model.capture import Heard
from haconsole.wire import pcap
from haconsole.wire.errors import WireError

if TYPE_CHECKING:
    from haconsole.cli.adverts_live import Wanted
    from haconsole.model.problems import Problem
    from haconsole.model.spec import ClusterSpec

_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """`30s`, `500ms`, `2m`, `1h`, or seconds -> seconds. Raises: click.BadParameter."""
    if value is None:
        return None
    found = _DURATION.fullmatch(value)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if seconds <= 0:
        msg = f"{value!r} is no time; write it as 30s, 500ms, 2m or 1h"
        raise click.BadParameter(msg, ctx, param)
    return seconds


@click.command(
    "adverts",
    epilog="Examples: haconsole adverts; haconsole adverts --node proxy-serv01 -o pcap | wireshark -k -i -; "
    "haconsole adverts --read capture.pcap -o json",
)
@click.option("--node", "nodes", metavar="NODE[:INTERFACE]", multiple=True, help="What this node hears; repeatable.")
@click.option("--interface", metavar="NAME", help="What an interface of this machine hears (needs CAP_NET_RAW).")
@click.option("--read", "file", metavar="FILE", help="A pcap or pcapng file; - for standard input.")
@click.option("-o", "form", type=click.Choice(["text", "json", "pcap"]), default="text", help="What to print.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many packets.", metavar="N")
@click.option("--for", "seconds", callback=_seconds, help="End after this time.", metavar="30s")
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    nodes: tuple[str, ...],
    interface: str | None,
    file: str | None,
    form: str,
    count: int | None,
    seconds: float | None,
    cluster: str | None,
    config: str | None,
) -> None:
    """Adverts, gratuitous ARP and unsolicited neighbour advertisements, one a line.

    Without --node, --interface or --read: what every node of the clusters hears, each line with the
    node that heard it; nodes use their own tcpdump. Times are this machine's clock. Passwords are
    never shown and never in the pcap. Ends with Ctrl-C.

    Exit code: 0 done; 1 a node or interface could not be listened to, fewer than --count in the
    given time, or --read names no capture; 2 a wrong call or configuration.
    """
    if sum((bool(nodes), interface is not None, file is not None)) > 1:
        raise click.UsageError("only one of --node, --interface and --read")
    if file is not None:
        if seconds is not None:
            raise click.UsageError("--for goes with listening, not with --read")
        ctx.exit(_read(file, Printer(form, count)))
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    if interface is not None:
        ctx.exit(_local(interface, Enough(form, count, seconds), runner))
    wanted = _wanted(setup.clusters(ctx), nodes)
    from haconsole.cli.adverts_live import on_nodes

    ctx.exit(runner(on_nodes(wanted, Enough(form, count, seconds))))


def _read(name: str, printer: Printer) -> int:
    from haconsole.runtime.heard import Intake

    try:
        stream: BinaryIO = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115
    except OSError as error:
        output.talk(f"haconsole: {name}: {error.strerror}")
        return int(Exit.FAILED)
    intake, reader, broken = Intake(None), pcap.Reader(), ""
    with stream:
        try:
            while not printer.full and (block := stream.read1(65536)):  # type: ignore[attr-defined]
                records: list[pcap.Record] = []
                try:
                    records.extend(reader.feed(block))
                finally:  # what came before a break is shown
                    found = intake.take_all(records, error_s=None)
                    _put(b"".join(printer.lines([x]) if isinstance(x, Heard) else printer.unread([x]) for x in found))
            if not printer.full:
                reader.end()
        except WireError as error:
            broken = str(error)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            broken = error.strerror or str(error)
    if broken:
        output.talk(f"haconsole: {name}: {broken}")
        return int(Exit.DONE if printer.shown else Exit.FAILED)
    _put(printer.last())
    if bad := intake.unreadable:
        output.talk(f"haconsole: {name}: {bad} packets claim to be VRRP and cannot be read")
    return int(Exit.DONE)


def _put(data: bytes) -> None:
    if data:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _local(interface: str, enough: Enough, runner: Callable[..., int]) -> int:
    """Open the socket before anything else; then nothing is left that any right would be good for."""
    from haconsole.cli.adverts_live import on_interface
    from haconsole.io import capture
    from haconsole.io.clock import SystemClock
    from haconsole.model.problems import ProblemError

    try:
        frames = capture.open_interface(interface)
        capture.give_up_rights()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--interface") from None
    except ProblemError as error:
        tell(error.problem)
        return int(Exit.FAILED)
    return runner(on_interface(frames, interface, SystemClock(), enough))


def tell(problem: Problem) -> None:
    """What went wrong, and what to do about it, on stderr."""
    lines = [f"haconsole: {problem.summary}"]
    lines += [f"  {line}" for line in (problem.remedy or "").splitlines()]
    output.talk("\n".join(lines))


def _wanted(clusters: Sequence[ClusterSpec], chosen: Sequence[str]) -> list[Wanted]:
    """The nodes to listen on, and what each is called. Raises: click.BadParameter."""
    from haconsole.catalogue.capture import interface_name
    from haconsole.cli.adverts_live import Wanted

    known = [(cluster.name, node) for cluster in clusters for node in cluster.nodes]
    names = [node.name for _, node in known]
    asked = [word.partition(":")[::2] for word in chosen] or [(name, "") for name in dict.fromkeys(names)]
    found: list[Wanted] = []
    for name, interface in asked:
        matching = [(cluster, node) for cluster, node in known if node.name == name]
        if not matching:
            msg = f"there is no node {name!r}; configured: {', '.join(names)}"
            raise click.BadParameter(msg, param_hint="--node")
        try:
            where = interface_name(interface) if interface else None
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--node") from None
        for cluster, node in matching:
            place = node.name if len(matching) == 1 else f"{cluster}/{node.name}"
            place = place if where is None else f"{place}:{where}"
            found.append(Wanted(node=node, place=place, interface=where))
    return found
