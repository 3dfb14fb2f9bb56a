"""Batches of catalogue commands over one connection, with the rights that the login was found to have.

What sudo refuses is run again without it where that makes sense, and from then on at once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from haconsole.catalogue import script
from haconsole.catalogue.command import CommandSpec, Names, Root
from haconsole.io.ports import Connection
from haconsole.model.readings import Rights
from haconsole.runtime import trouble


class Batches:
    """Runs entries on one node. `rights` tells the login's, as they are known then. Made for each connection anew."""

    def __init__(self, connection: Connection, rights: Callable[[], Rights]) -> None:
        self._connection, self._rights = connection, rights
        self._refused: set[str] = set()

    def refused(self, spec: CommandSpec) -> bool:
        """sudo said no to it over this connection."""
        return spec.id in self._refused

    async def run(self, specs: Sequence[CommandSpec], names: Names) -> dict[str, script.Output]:
        """Outputs by id; entries that did not end are left out. Raises: ProblemError (the link)."""
        by_sudo = [s for s in specs if not self._plain_only(s)]
        plain = [s for s in specs if self._plain_only(s)]
        outputs: dict[str, script.Output] = {}
        if by_sudo:
            outputs.update(await self._batch(by_sudo, names, self._rights()))
            for spec in by_sudo:
                found = outputs.get(spec.id)
                if found is not None and trouble.sudo_refused(found):
                    self._refused.add(spec.id)
                    if spec.root is Root.BETTER:
                        plain.append(spec)
        if plain:
            outputs.update(await self._batch(plain, names, Rights.PLAIN))
        return outputs

    async def both(
        self, one: Sequence[CommandSpec], other: Sequence[CommandSpec], names: Names
    ) -> dict[str, script.Output]:
        """Two batches at the same time, as one. Neither outlives this call."""
        beside = asyncio.ensure_future(self.run(other, names))
        try:
            outputs = await self.run(one, names)
            outputs.update(await beside)
        finally:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)  # the first failure is the one that is told
        return outputs

    def _plain_only(self, spec: CommandSpec) -> bool:
        return spec.root is Root.BETTER and spec.id in self._refused

    async def _batch(self, specs: Sequence[CommandSpec], names: Names, rights: Rights) -> dict[str, script.Output]:
        marker = secrets.token_hex(16)
        result = await self._connection.run(
            script.batch(specs, names, rights),
            stdin=marker.encode() + b"\n",
            limit=sum(s.limit + 8192 for s in specs),
            timeout_s=sum(s.timeout_s + 4 for s in specs[:3]) + 4.0,
        )
        return script.outputs(marker, result.stdout, specs)
