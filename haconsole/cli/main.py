"""The command line: a click group whose commands are imported only when they are called."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final

import click

from haconsole.cli import output
from haconsole.cli.exits import STATUS_BROKEN, STATUS_USAGE, Exit
from haconsole.version import __version__

COMMANDS: Final = {
    "adverts": ("haconsole.cli.adverts", "VRRP and gratuitous ARP from the wire: nodes, an interface, a file."),
    "audit": ("haconsole.cli.audit", "What was done from here, by whom, why; and whether the log is whole."),
    "check": ("haconsole.cli.check", "Audit of keepalived.conf: of files, or of what runs on all nodes."),
    "demo": ("haconsole.cli.demo", "The console on an embedded cluster: nothing to install, no root."),
    "doctor": ("haconsole.cli.doctor", "Can each node be reached and read; what is missing and how to mend it."),
    "drill": ("haconsole.cli.drill", "Failover drills: predicted, carried out, measured, put back, with evidence."),
    "forecast": ("haconsole.cli.forecast", "What if: who holds which VIP then, and what clients lose."),
    "bundle": ("haconsole.cli.bundle", "The support bundle: what keepalived's maintainers ask for, without secrets."),
    "init": ("haconsole.cli.init", "Writes the configuration file: from a few questions, or from the nodes."),
    "keepalived-config": ("haconsole.cli.keepalived_config", "The keepalived.conf that the nodes should have; diff."),
    "maintain": ("haconsole.cli.maintain", "Node after node: drain, patch and reboot, checks, give back."),
    "node": ("haconsole.cli.node", "One guarded action on a node: drain, stop, start, link down; it heals itself."),
    "status": ("haconsole.cli.status", "One picture of the clusters, and an exit code."),
    "sudoers": ("haconsole.cli.sudoers", "The sudoers file for a plain login: exact command lines."),
}
"""Name -> (module, what it does). The module's `command` is the click command."""


def _plain(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(dict)["no_color"] = True


def _with_no_color(command: click.Command) -> click.Command:
    """`--no-color`, wherever it stands on the line: `command` and all that are under it take it."""
    if not any(p.name == "no_color" for p in command.params):
        command.params.append(
            click.Option(
                ["--no-color"], is_flag=True, expose_value=False, callback=_plain, help="No colour (also: NO_COLOR)."
            )
        )
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _with_no_color(below)
    return command


class LazyGroup(click.Group):
    """Knows its commands by name alone: help and completion import none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return _with_no_color(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command: the console on the configured clusters. Example: haconsole --cluster proxy",
)
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--read-only", is_flag=True, help="No actions at all.")
@click.option("--no-color", is_flag=True, help="No colour (also: NO_COLOR).")
@click.version_option(__version__, "-V", "--version", prog_name="haconsole", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, config: str | None, cluster: str | None, *, read_only: bool, no_color: bool) -> None:
    """Console for highly available pairs of squid proxies under keepalived."""
    ctx.ensure_object(dict).update(config=config, cluster=cluster, read_only=read_only, no_color=no_color)
    if ctx.invoked_subcommand is None:
        from haconsole.cli.console import open_console

        ctx.exit(open_console(ctx))


def run(argv: Sequence[str], obj: dict[str, object] | None = None) -> int:
    """Run the command line `argv`; returns the exit code, never raises SystemExit."""
    output.prepare()
    usage = STATUS_USAGE if _names_status(argv) else int(Exit.USAGE)
    try:
        result = cli.main(args=list(argv), prog_name="haconsole", standalone_mode=False, obj=obj)
    except click.UsageError as error:
        error.show()
        return usage
    except (click.Abort, KeyboardInterrupt):
        return int(Exit.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output left (head, a pager): not our failure, and nothing to say.
        output.left()
        return int(Exit.DONE)
    except Exception:  # noqa: BLE001 - the last resort; the words in it may be a node's
        import traceback

        output.talk("haconsole: a mistake of haconsole itself, please report it:\n" + traceback.format_exc())
        return STATUS_BROKEN if usage == STATUS_USAGE else int(Exit.FAILED)
    return int(result) if isinstance(result, int) else int(Exit.DONE)


def _names_status(argv: Sequence[str]) -> bool:
    words = [w for w in argv if not w.startswith("-")]
    return any(w in {"status", "check"} for w in words[:3])
