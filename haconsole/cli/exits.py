"""Exit codes that scripts rely on: those that README.md names."""

from __future__ import annotations

from enum import IntEnum

from haconsole.model.findings import Verdict


class Exit(IntEnum):
    """Of every command but `status` and `check`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    REVERTED = 4
    UNVERIFIED = 5
    INTERRUPTED = 130


STATUS_USAGE = 64
"""Usage or configuration error of `status` and `check`, where 1 to 3 are Nagios' words."""

STATUS_BROKEN = 3
"""`status` and `check` ended by a mistake of ours: nothing is known. 1 would be Nagios' warning."""

NAGIOS = {Verdict.OK: 0, Verdict.WARNING: 1, Verdict.CRITICAL: 2, Verdict.UNKNOWN: 3}
