"""Drills on disk: a folder for each run, with its journal, its lock, and in the end its record.

The journal is append-only; a line is on disk before what it tells of goes on, so a console that dies leaves
enough to end the run. Who carries it out holds a lock that ends with its process: that is how another one sees
whether it lives. A request to abort is a file beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from pathlib import Path
from typing import Final

from haconsole.model.drill import DrillRecord
from haconsole.operations.drills.story import (
    Entry,
    NotAStoryError,
    Story,
    record_read,
    record_written,
    story,
    written,
)

ENVIRONMENT: Final = "HACONSOLE_DRILLS"
LIMIT: Final = 64 << 20
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{3,63}")


class DrillFileError(Exception):
    """A folder, journal or record cannot be read or written; the text is for the operator."""


def default_folder() -> Path:
    """`$HACONSOLE_DRILLS`, else `drills` in the user's state folder."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_state_path("haconsole") / "drills"


class Run:
    """One run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @property
    def began_at(self) -> float:
        """When its folder was made; 0.0: it is gone."""
        try:
            return (self.path / "journal.jsonl").stat().st_ctime if not self.over else self._record.stat().st_mtime
        except OSError:
            return 0.0

    @property
    def _record(self) -> Path:
        return self.path / "record.json"

    @property
    def over(self) -> bool:
        """Its record is written."""
        return self._record.exists()

    def record(self) -> DrillRecord | None:
        """None: it is not over. Raises: DrillFileError."""
        try:
            return record_read(_read(self._record))
        except FileNotFoundError:
            return None
        except NotAStoryError as error:
            raise DrillFileError(f"{self._record}: {error}") from error

    def story(self) -> Story:
        """What its journal tells. Raises: DrillFileError."""
        path = self.path / "journal.jsonl"
        try:
            return story(_read(path).splitlines())
        except FileNotFoundError as error:
            raise DrillFileError(f"{path} is not there") from error
        except NotAStoryError as error:
            raise DrillFileError(f"{path} cannot be understood: {error}") from error

    def pcap(self) -> bytes | None:
        """The adverts of the run; None: none were kept. Raises: DrillFileError."""
        with contextlib.suppress(FileNotFoundError):
            return _read(self.path / "adverts.pcap")
        return None

    @property
    def alive(self) -> bool:
        """A console on this machine carries it out now."""
        try:
            file = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def ask_to_abort(self) -> None:
        """Its console looks for this twice a second. Raises: DrillFileError."""
        try:
            os.close(os.open(self.path / "abort", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        except OSError as error:
            raise DrillFileError(_words(self.path / "abort", "written", error)) from error

    @property
    def abort_asked(self) -> bool:
        return (self.path / "abort").exists()

    def carry_on(self) -> Journal:
        """Go on with a run whose console is gone. Raises: DrillFileError: it lives."""
        return Journal(self)


class Journal:
    """A run that this process carries out: its lock is held until `close`."""

    def __init__(self, run: Run) -> None:
        """Raises: DrillFileError."""
        self.run = run
        self.trouble: str | None = None
        """Why a line could not be written, once one could not: what is under way on a node goes on all the same."""
        try:
            flags = os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._lock = os.open(run.path / "lock", os.O_RDWR | flags, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._file = os.open(run.path / "journal.jsonl", os.O_WRONLY | os.O_APPEND | flags, 0o600)
            except OSError:
                os.close(self._lock)
                raise
        except BlockingIOError as error:
            raise DrillFileError(
                f"drill {run.id} is under way in another console: `haconsole drill abort {run.id}`"
            ) from error
        except OSError as error:
            raise DrillFileError(_words(run.path, "written", error)) from error

    def first(self, entry: Entry) -> None:
        """The first line, which must be on disk. Raises: DrillFileError."""
        self.add(entry)
        if self.trouble is not None:
            raise DrillFileError(self.trouble)

    def add(self, entry: Entry, *, sync: bool = True) -> None:
        """One line. sync: wait for the disk. What cannot be written is told by `trouble`."""
        try:
            text = written(entry)
            done = os.write(self._file, text)
            if sync:
                os.fsync(self._file)
            if done != len(text):
                self.trouble = f"{self.run.path / 'journal.jsonl'} was not written whole: is the disk full?"
        except OSError as error:
            self.trouble = _words(self.run.path / "journal.jsonl", "written", error)

    def end(self, record: DrillRecord, pcap: bytes | None = None) -> None:
        """The whole record, by rename. Raises: DrillFileError."""
        for name, text in (("adverts.pcap", pcap), ("record.json", record_written(record))):
            if text is not None:
                _replace(self.run.path / name, text)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)
        os.close(self._lock)


class DrillFolder:
    """All runs of this user."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def runs(self) -> tuple[Run, ...]:
        """The newest first. Raises: DrillFileError."""
        try:
            found = [Run(p) for p in self.path.iterdir() if _ID.fullmatch(p.name) and p.is_dir()]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise DrillFileError(_words(self.path, "read", error)) from error
        return tuple(sorted(found, key=lambda r: r.began_at, reverse=True))

    def unfinished(self) -> tuple[Run, ...]:
        """Those without a record, the newest first. Raises: DrillFileError."""
        return tuple(r for r in self.runs() if not r.over)

    def run(self, word: str) -> Run:
        """By its id, or how that ends. Raises: DrillFileError: none, or several."""
        found = [r for r in self.runs() if r.id == word] or [r for r in self.runs() if r.id.endswith(word)]
        if len(found) == 1:
            return found[0]
        what = "several drills are" if found else "there is no drill"
        raise DrillFileError(f"{what} {word!r} in {self.path}: see `haconsole drill report`")

    def begin(self, id_: str) -> Journal:
        """A new run. Raises: DrillFileError."""
        path = self.path / id_
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
        except OSError as error:
            raise DrillFileError(_words(path, "made", error)) from error
        return Journal(Run(path))


def _read(path: Path) -> bytes:
    """Raises: FileNotFoundError, DrillFileError."""
    try:
        with path.open("rb") as file:
            text = file.read(LIMIT + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DrillFileError(_words(path, "read", error)) from error
    if len(text) > LIMIT:
        raise DrillFileError(f"{path} is larger than {LIMIT >> 20} MiB")
    return text


def _replace(path: Path, text: bytes) -> None:
    partial = path.with_name(path.name + ".new")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise DrillFileError(_words(path, "written", error)) from error


def _words(path: Path, done: str, error: OSError) -> str:
    return f"{path} cannot be {done}: {error.strerror or error}; or name another folder with {ENVIRONMENT}"
