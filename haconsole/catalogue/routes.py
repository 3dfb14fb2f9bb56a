"""Reading a node's routes, to compare them before and after a reboot. Anybody may; nothing is changed.

Source: ip-route(8). Only the main table: others are their owners' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.catalogue.command import CommandSpec
from haconsole.model.events import Subject

ROUTES: Final[Mapping[int, CommandSpec]] = {
    version: CommandSpec(
        id=f"routes.v{version}",
        argv=("ip", f"-{version}", "route", "show"),
        subject=Subject.KERNEL,
        timeout_s=3,
        limit=256 * 1024,
        doc=f"IPv{version} routes of the main table.",
    )
    for version in (4, 6)
}
"""By IP version."""
