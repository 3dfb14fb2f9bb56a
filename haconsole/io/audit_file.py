"""The audit log on disk: append-only, for several consoles of one user or host at once.

Each append takes the file's lock, reads the last line, and writes one line with one write, then waits
for the disk. Nothing is ever rewritten: a line that a dying console left unfinished stays, and the next
entry vouches for it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from haconsole.operations import audit
from haconsole.operations.audit import Chain, Entry, Link

ENVIRONMENT: Final = "HACONSOLE_AUDIT"


class AuditError(Exception):
    """The log cannot be written or read; the text says which file, why, and what to do."""


def default_path() -> Path:
    """`$HACONSOLE_AUDIT`, else `audit.jsonl` in the user's state folder."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_state_path("haconsole") / "audit.jsonl"


class AuditFile:
    """One log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entry: Entry) -> str:
        """Write one entry, or what of it fits into a line, and wait until it is on disk. Returns its hash.

        Raises: AuditError: not written, or not known to be on disk.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked() as file:
                link, unfinished = _next_link(file)
                text, digest = audit.line(audit.fitting(entry), link)
                _write(file, b"\n" + text if unfinished else text)
        except OSError as error:
            raise AuditError(self._words("cannot be written", error)) from error
        except audit.NotAnEntryError as error:
            raise AuditError(
                f"the audit log {self.path} cannot be continued: {error}; "
                f"see `haconsole audit verify`, or name another file with {ENVIRONMENT}"
            ) from error
        return digest

    def check_writable(self) -> None:
        """Raises: AuditError, when `append` would fail as far as can be told without writing."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked() as file:
                _next_link(file)
                if os.fstatvfs(file).f_bavail == 0:
                    raise AuditError(f"the audit log {self.path} cannot be written: the disk is full")
        except OSError as error:
            raise AuditError(self._words("cannot be written", error)) from error
        except audit.NotAnEntryError as error:
            raise AuditError(f"the audit log {self.path} cannot be continued: {error}") from error

    def read(self) -> Chain:
        """The whole log with the verdict on its chain; empty where there is no file.

        Raises: AuditError.
        """
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return audit.read(iter(lambda: file.readline(audit.LINE_LIMIT + 2), b""))
        except FileNotFoundError:
            return Chain(entries=(), breaks=())
        except OSError as error:
            raise AuditError(self._words("cannot be read", error)) from error

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _words(self, what: str, error: OSError) -> str:
        return f"the audit log {self.path} {what}: {error.strerror or error}; or name another file with {ENVIRONMENT}"


def _write(file: int, text: bytes) -> None:
    written = os.write(file, text)
    if written != len(text):
        raise OSError(f"only {written} of {len(text)} bytes were written: is the disk full?")
    os.fsync(file)


def _next_link(file: int) -> tuple[Link, bool]:
    """(the link of the next entry, whether the last line has no end). Raises: audit.NotAnEntryError, OSError."""
    last, before = _last_lines(file)
    if last is None:
        return Link(number=1, previous=audit.NOTHING), False
    text, unfinished = last.rstrip(b"\n"), not last.endswith(b"\n")
    try:
        _, link, digest = audit.parse_line(text)
    except audit.NotAnEntryError:
        if not unfinished:
            raise
        cut = audit.sha256(text)
        if before is None:
            return Link(number=1, previous=audit.NOTHING, cut=cut), True
        _, link, digest = audit.parse_line(before.rstrip(b"\n"))
        return Link(number=link.number + 1, previous=digest, cut=cut), True
    return Link(number=link.number + 1, previous=digest), unfinished


def _last_lines(file: int) -> tuple[bytes | None, bytes | None]:
    """(the last line, the one before it), each with its newline if it has one."""
    size = os.fstat(file).st_size
    if size == 0:
        return None, None
    start = max(0, size - 2 * audit.LINE_LIMIT - 4)
    lines = os.pread(file, size - start, start).splitlines(keepends=True)
    return lines[-1], lines[-2] if len(lines) > 1 else None
