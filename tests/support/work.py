"""How much work a call is, counted and not timed: lines of haconsole's own code that it runs.

The same on every machine however busy it is, so a test may assert how it grows. What happens inside one
call into C (a regular expression that backtracks) is not seen here: `python -m tests.bench --only growth` times that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import haconsole

_OWN = str(haconsole.__path__[0])


def lines_run(action: Callable[[], object]) -> int:
    """Lines of `haconsole` run by `action()` in this thread. A tracer that was set before is set again after."""
    count = 0

    def line(_frame: FrameType, event: str, _arg: Any) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, _event: str, _arg: Any) -> Callable[..., Any] | None:
        return line if frame.f_code.co_filename.startswith(_OWN) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        action()
    finally:
        sys.settrace(before)
    return count
