"""The demo's cluster in a process of its own: it must not slow the screen that shows it.

The parent holds the other ends of both pipes. Standard output carries one answer, pickled: the
specs, or in words why there are none. Standard input carries nothing: its end is the parent's
end, however that came about, and then this process ends too and takes its key folder along.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
from typing import BinaryIO, Final

_INPUT: Final = 0
_OUTPUT: Final = 1


def main(scenario: str, speed: str) -> None:
    """Serve until the parent ends, or until a signal that asks for the end."""
    for number in (signal.SIGINT, signal.SIGTSTP):  # Ctrl-C and Ctrl-Z go to the whole terminal; the parent decides,
        signal.signal(number, signal.SIG_IGN)  # and a cluster does not stand still while nobody looks
    answer = os.fdopen(os.dup(_OUTPUT), "wb")
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), _OUTPUT)
    try:
        asyncio.run(_serve(scenario, float(speed), answer))
    except Exception as error:  # noqa: BLE001 - told to the parent, whatever it is
        _say(answer, str(error) or type(error).__name__)


async def _serve(scenario: str, speed: float, answer: BinaryIO) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)

    def parent_ended() -> None:
        if not os.read(_INPUT, 4096):
            loop.remove_reader(_INPUT)
            stop.set()

    loop.add_reader(_INPUT, parent_ended)
    from haconsole.demo.cluster import DemoCluster

    async with DemoCluster(scenario, speed=speed) as demo:
        _say(answer, demo.specs)
        await stop.wait()


def _say(answer: BinaryIO, value: object) -> None:
    """Once; the pipe is closed then, so that the parent reads to its end."""
    with contextlib.suppress(OSError, ValueError), answer:  # the parent ended, or was answered already
        pickle.dump(value, answer)
