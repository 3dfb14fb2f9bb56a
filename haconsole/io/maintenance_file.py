"""Where a rolling maintenance stands, on disk: one small JSON file a cluster in the user's state folder.

Written by rename, so that a console killed at any moment leaves the old or the new one. Whoever drives the flow
holds a lock beside it, which ends with its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from haconsole.operations.maintenance import Flow, FlowError, read, written

LIMIT: Final = 1 << 20
LOOKS: Final = 10
LOOK_S: Final = 0.03
"""So often, so far apart, the lock is tried."""


class FlowFileError(Exception):
    """The file cannot be read or written, or another process drives the flow; the text is for the operator."""


def default_folder() -> Path:
    """The user's state folder."""
    import platformdirs

    return platformdirs.user_state_path("haconsole")


class FlowFile:
    """The flow of one cluster."""

    def __init__(self, cluster: str, folder: Path) -> None:
        self.path = folder / f"maintenance-{quote(cluster, safe='')}.json"

    def load(self) -> Flow | None:
        """None: there is none. Raises: FlowFileError."""
        try:
            with self.path.open("rb") as file:
                return read(file.read(LIMIT).decode("utf-8", "replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FlowFileError(f"{self.path} cannot be read: {error.strerror or error}") from error
        except FlowError as error:
            raise FlowFileError(f"{self.path} cannot be understood: {error}; look at it, then remove it") from error

    def save(self, flow: Flow) -> None:
        """Raises: FlowFileError."""
        partial = self.path.with_name(self.path.name + ".new")
        try:
            with os.fdopen(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb"
            ) as file:
                file.write(written(flow).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
        except OSError as error:
            raise FlowFileError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def forget(self) -> None:
        """Remove it. Raises: FlowFileError."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise FlowFileError(f"{self.path} cannot be removed: {error.strerror or error}") from error

    def driven(self) -> bool:
        """A process drives the flow now, this one included. Nothing is made or changed. Raises: FlowFileError."""
        lock = self.path.with_suffix(".lock")
        try:
            file = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FlowFileError(f"{lock} cannot be read: {error.strerror or error}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    @contextlib.contextmanager
    def driving(self) -> Iterator[None]:
        """Only one process drives the flow. Raises: FlowFileError."""
        lock = self.path.with_suffix(".lock")
        try:
            lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise FlowFileError(f"{lock} cannot be made: {error.strerror or error}") from error
        try:
            if not _locked(file):
                raise FlowFileError("another haconsole of yours drives this maintenance: go on there")
            yield
        finally:
            os.close(file)


def _locked(file: int) -> bool:
    """Ours alone now. `driven` of another console holds the lock for a moment: that is waited out."""
    for left in reversed(range(LOOKS)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(LOOK_S)
        else:
            return True
    return False
