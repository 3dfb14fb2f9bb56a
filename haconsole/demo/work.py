"""What an SSH session on a simulated node does: the shape of it, for all kinds."""

from __future__ import annotations

from typing import Protocol


class Mouth(Protocol):
    """A session, as its work sees it."""

    def say(self, data: bytes) -> None:
        """Standard output."""

    def complain(self, data: bytes) -> None:
        """Standard error."""

    def leave(self, status: int, stderr: str = "") -> None:
        """The command has ended."""

    def die(self, signal: str) -> None:
        """A signal has ended the command."""


class Work:
    """What a session does; this one does nothing."""

    def begin(self) -> None:
        """The command starts."""

    def feed(self, data: bytes) -> None:
        """Input came."""

    def eof(self) -> None:
        """Input ended."""

    def end(self) -> None:
        """The channel is gone."""

    def hold(self) -> None:
        """Nobody reads the output: keep it back."""

    def go_on(self) -> None:
        """The output is read again."""

    def terminated(self, signal: str) -> bool:
        """A signal came. True: it is dealt with; otherwise it ends the command."""
        return False
