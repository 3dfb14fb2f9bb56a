"""`haconsole forecast`: who will hold which VIP, and what clients lose on the way, if that goes now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    from haconsole.cluster.picture import ClusterPicture
    from haconsole.model.spec import ClusterSpec
    from haconsole.report.forecast import ClusterForecast


@click.command(
    "forecast",
    epilog="Examples: haconsole forecast; haconsole forecast --without proxy-serv01:squid; "
    "haconsole demo -- forecast --without proxy-serv01",
)
@click.option(
    "--without",
    "words",
    multiple=True,
    metavar="NODE[:THING]",
    help="What goes: a node, or of it squid, keepalived, lan, public or an interface. Several add up.",
)
@click.option(
    "--shutdown-lifetime",
    "lifetime",
    type=click.FloatRange(0.0, 86_400.0),
    metavar="SECONDS",
    help="Suppose this shutdown_lifetime of squid, instead of what squid.conf on each node says.",
)
@click.option("-o", "form", type=click.Choice(["table", "json"]), default="table", help="What to print.")
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(  # noqa: PLR0917 - click's
    ctx: click.Context,
    words: tuple[str, ...],
    lifetime: float | None,
    form: str,
    cluster: str | None,
    config: str | None,
) -> None:
    """What if: who holds which VIP afterwards, and what clients lose. Nothing is touched.

    Without --without: what holds now, and what each single failure would do. Exit code: 0 said,
    1 nothing could be said, 2 a wrong call, or a node or interface that is not there.
    """
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    found = setup.clusters(ctx)
    color = not ctx.obj.get("no_color")
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    ctx.exit(runner(_run(found, words, lifetime, form, color=color)))


async def _run(
    clusters: Sequence[ClusterSpec], words: Sequence[str], lifetime: float | None, form: str, *, color: bool
) -> int:
    from haconsole.cli.status import look_once
    from haconsole.cluster.forecast_changes import UnknownNameError

    pictures = [s.picture for s in await look_once(clusters)]
    try:
        found = supposed(pictures, words, lifetime)
    except UnknownNameError as error:
        output.talk(f"haconsole: {error}")
        return int(Exit.USAGE)
    show(found, form, color=color)
    return int(Exit.DONE if any(c.known for c in found) else Exit.FAILED)


def supposed(pictures: Sequence[ClusterPicture], words: Sequence[str], lifetime: float | None) -> list[ClusterForecast]:
    """The forecasts that are asked for, of the clusters that the words name. Raises: UnknownNameError."""
    from haconsole.cluster.forecast import each_failure, forecast
    from haconsole.cluster.forecast_changes import Change, without
    from haconsole.cluster.forecast_values import Assumed
    from haconsole.report.forecast import ClusterForecast

    assumed = Assumed(shutdown_lifetime_s=lifetime)
    changes: dict[str, dict[Change, None]] = {}
    for word in words:
        picture, change = without(pictures, word)
        changes.setdefault(picture.spec.name, {})[change] = None
    return [
        ClusterForecast(
            picture=p,
            now=forecast(p, (), assumed),
            suppositions=(forecast(p, tuple(changes[p.spec.name]), assumed),) if words else each_failure(p, assumed),
        )
        for p in pictures
        if not words or p.spec.name in changes
    ]


def show(found: Sequence[ClusterForecast], form: str, *, color: bool) -> None:
    """Print in the wanted form."""
    if form == "json":
        from haconsole.report.forecast import forecast_document

        output.document(forecast_document(found))
    else:
        from haconsole.report.forecast_table import forecast_table

        output.draw(forecast_table(found), color=color)
