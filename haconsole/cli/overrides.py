"""`--override GUARD=REASON`: the option and its meaning, for every command that carries out guarded actions."""

from __future__ import annotations

from typing import Final

import click

option: Final = click.option(
    "--override", "overrides", multiple=True, metavar="GUARD=REASON", help="Go on against this guard; why. Several."
)


def overrides(given: object) -> dict[str, str]:
    """Guard -> reason. Raises: click.UsageError: without a reason."""
    found: dict[str, str] = {}
    for each in given if isinstance(given, tuple) else ():
        guard, sign, reason = str(each).partition("=")
        if not sign or not reason.strip():
            raise click.UsageError(f"--override {guard}=REASON: the reason is missing")
        found[guard] = reason
    return found
