"""What the console needs to look closer where the operator asks for it: `runtime.closer.Closer` is one.

It only looks; there is one for clusters that are read-only, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # loaded when somebody looks
    from haconsole.cluster.conclude import Snapshot
    from haconsole.model.asked import NodeAsked
    from haconsole.operations.closer import Offer
    from haconsole.operations.closer_proof import Seen


class Looker(Protocol):
    """One cluster, looked at more closely on demand."""

    def offers(self, snapshot: Snapshot) -> tuple[Offer, ...]:
        """What can be looked at now, with the exact commands. Runs nothing."""

    def audit_offer(self, snapshot: Snapshot) -> Offer:
        """What `ask` would run. Runs nothing."""

    async def look(self, offer: Offer, snapshot: Snapshot) -> Seen:
        """Run the offer's commands. Bounded in time; never raises for what nodes do."""

    async def ask(self, snapshot: Snapshot) -> Mapping[str, NodeAsked]:
        """What only the audit asks, of every node that could be reached; others are missing."""
