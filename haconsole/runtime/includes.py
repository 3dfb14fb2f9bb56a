"""The files that keepalived.conf includes, fetched from the node; and work on big texts done aside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Sized
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from haconsole.catalogue import read
from haconsole.catalogue.command import CommandSpec, Names
from haconsole.catalogue.script import Output
from haconsole.parse import keepalived_conf
from haconsole.parse.text import decode

_INCLUDE_ROUNDS: Final = 4
"""Depth of includes that is followed: each round is one more trip to the node."""
_BIG: Final = 128 << 10
_CONFIG_LIMIT: Final = 4 << 20
"""Bytes of configuration after which no more is fetched: the parser takes no more."""

T = TypeVar("T")
Run = Callable[[Sequence[CommandSpec], Names], Awaitable[Mapping[str, Output]]]


async def add_includes(files: dict[str, bytes], names: Names, run: Run) -> None:
    """Fetches what the configuration includes, into `files`; what cannot be had stays a missing include.

    files: path -> content; the main file is there. Raises: ProblemError (the link).
    """
    asked: set[str] = set()
    for _ in range(_INCLUDE_ROUNDS):
        texts = {name: decode(content) for name, content in files.items()}
        patterns = await aside(texts, partial(keepalived_conf.includes, texts, names.config_file))
        wanted = [p for p in patterns if p not in asked]
        if not wanted:
            return
        for pattern in wanted[:32]:
            if sum(map(len, files.values())) > _CONFIG_LIMIT:
                return  # more than the parser takes: it will say so
            asked.add(pattern)
            outputs = await run([read.CONFIG_INCLUDE], replace(names, pattern=pattern))
            found = outputs.get(read.CONFIG_INCLUDE.id)
            if found is not None and found.status == 0:
                files.update(found.files)


async def aside(texts: Mapping[str, Sized], work: Callable[[], T]) -> T:
    """`work` on texts so big that all else would wait for it is done in a thread."""
    if sum(map(len, texts.values())) < _BIG:
        return work()
    return await asyncio.to_thread(work)
