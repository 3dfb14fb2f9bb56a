"""The little that the console remembers from one start to the next: the theme. Never a reason to fail."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path


class Memory:
    """A small JSON file; None: nothing is remembered."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def theme(self) -> str | None:
        """The theme of the last time."""
        if self._path is None:
            return None
        try:
            value = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        name = value.get("theme") if isinstance(value, dict) else None
        return name if isinstance(name, str) else None

    def keep_theme(self, name: str) -> None:
        """Remember it; where that is not possible the console goes on."""
        if self._path is None or self.theme() == name:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = self._path.with_name(f"{self._path.name}.tmp")
            partial.write_text(json.dumps({"theme": name}) + "\n", encoding="utf-8")
            partial.replace(self._path)
