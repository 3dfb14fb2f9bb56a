"""The console's guarded actions on one cluster: what was typed becomes words for `runtime.operate`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from haconsole.cli.times import SpanType, until
from haconsole.model.problems import ProblemError
from haconsole.runtime.operate import Operate, Prepared, Words, WordsError
from haconsole.runtime.take_over import Found, TakeOver, TakeWords
from haconsole.tui.source import CannotError, Wish

if TYPE_CHECKING:
    from haconsole.io.ports import Clock
    from haconsole.runtime.executor import Executor, Report, Told
    from haconsole.tui import source


class ConsoleOperations:
    """Implements `tui.source.Operations`. operator: `user@host`."""

    def __init__(self, operate: Operate, clock: Clock, operator: str) -> None:
        self._operate, self._clock = operate, clock
        self._user, _, self._host = operator.partition("@")

    async def prepare(self, wish: Wish) -> Prepared:
        """Look, ask, plan. Raises: CannotError."""
        words = self.words(wish)
        await self._operate.ready()
        try:
            return await self._operate.prepare(words)
        except (WordsError, ProblemError) as error:
            raise CannotError(str(error)) from error
        except KeyError:
            raise CannotError(f"there is no node {wish.node}") from None

    async def prepare_left(self, wish: source.LeftWish) -> Found:
        """Ask every node what it tells. Raises: CannotError."""
        words = TakeWords(
            way=wish.way, node=wish.node, operator=self._user, host=self._host, leave=wish.leave, reason=wish.reason,
            ticket=wish.ticket, wanted_s=span("node reverts after", wish.revert_after),
        )  # fmt: skip
        take_over = TakeOver(self._operate)
        await take_over.ready()
        try:
            return await take_over.prepare(words)
        except (WordsError, ProblemError) as error:
            raise CannotError(str(error)) from error
        except KeyError:
            raise CannotError(f"there is no node {wish.node}") from None

    def by_name(self, prepared: source.LeftPrepared) -> Found:
        """Its console may live. Raises: CannotError: not prepared here."""
        if not isinstance(prepared, Found):
            raise CannotError("it was not prepared here")
        return TakeOver(self._operate).named(prepared, prepared.left.lock_name)

    def refused(self, prepared: source.Prepared) -> None:
        """Write it down."""
        if isinstance(prepared, Found):
            TakeOver(self._operate).refused(prepared)
        else:
            self._operate.refused(_ours(prepared))

    async def carry_out(
        self, prepared: source.Prepared, observe: Callable[[Told], None], started: Callable[[Executor], None]
    ) -> Report:
        """To the verified end. Raises: CannotError: nothing was changed."""
        ours = prepared if isinstance(prepared, Found) else _ours(prepared)
        try:
            if isinstance(ours, Found):
                report = await TakeOver(self._operate).carry_out(ours, observe, started)
            else:
                report = await self._operate.carry_out(ours, observe, started)
        except WordsError as error:
            raise CannotError(str(error)) from error
        if self._operate.audit_trouble is not None:
            report.look_at = (*report.look_at, self._operate.audit_trouble)
        return report

    def words(self, wish: Wish) -> Words:
        """Times are read here. Raises: CannotError."""
        if wish.until is not None and wish.revert_after is not None:
            raise CannotError("either a time to revert after, or until when it is drained")
        wanted, ends = span("revert after", wish.revert_after), None
        if wish.until is not None:
            now = self._clock.now()
            try:
                end = until(wish.until, now)
            except ValueError as error:
                raise CannotError(f"until: {error}") from None
            wanted, ends = end - now, datetime.fromtimestamp(end, UTC).isoformat(timespec="seconds")
        return Words(
            kind=wish.kind, node=wish.node, operator=self._user, host=self._host, interface=wish.interface,
            wanted_s=wanted, until=None if ends is None else ends.replace("+00:00", "Z"),
            wait_idle_s=span("wait for idle", wish.wait_idle), reason=wish.reason, ticket=wish.ticket,
            outside_window=wish.outside_window, overrides=wish.overrides, phrase=wish.phrase,
            break_lock=wish.break_lock,
        )  # fmt: skip


def _ours(prepared: source.Prepared) -> Prepared:
    """Only what `prepare` made is ever carried out."""
    if not isinstance(prepared, Prepared):
        raise CannotError("it was not prepared here")
    return prepared


def span(name: str, text: str | None) -> float | None:
    """What was typed into the field `name`, in seconds. Raises: CannotError."""
    if text is None:
        return None
    try:
        return SpanType().convert(text, None, None)
    except click.UsageError as error:
        raise CannotError(f"{name}: {error.message}") from None
