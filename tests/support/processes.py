"""Processes of a session, by /proc."""

from __future__ import annotations

from pathlib import Path


def members(session: int) -> list[int]:
    """The living ones of a session, by their numbers."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
