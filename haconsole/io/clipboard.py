"""tmux's paste buffer.

A terminal copies what a program sends it as OSC 52. tmux with its own settings does not (tmux(1): `set-clipboard` is
`external`), and the program is not told: so tmux is asked in its own words.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

LIMIT_S: Final = 2.0


def in_tmux() -> bool:
    """This process's terminal is a tmux's."""
    return bool(os.environ.get("TMUX"))


async def into_tmux(text: str) -> bool:
    """Make `text` the newest buffer of the tmux we are in, and have it go on to the terminal's clipboard, if it may.

    False: tmux did not take it.
    """
    for also in (("-w",), ()):  # -w, the clipboard too: since tmux 3.2
        try:
            tmux = await asyncio.create_subprocess_exec(
                "tmux", "load-buffer", *also, "-",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            return False
        try:
            async with asyncio.timeout(LIMIT_S):
                await tmux.communicate(text.encode())
        except TimeoutError:
            tmux.kill()
            return False
        if tmux.returncode == 0:
            return True
    return False
