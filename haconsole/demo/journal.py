"""A node's journal: entries as journald keeps them, and what journalctl makes of them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

KEPT: Final = 2000
Entry = Mapping[str, str]


class Journal:
    """Bounded. `boot_id` as in /proc; times are the node's own, seconds since the epoch."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id.replace("-", "")
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._count = 0
        self.listeners: list[Callable[[Entry], None]] = []

    def write(self, at: float, ident: str, pid: int, text: str, *, comm: str, uid: int = 0, **fields: str) -> None:
        """Append one line. `fields`: further ones, as `UNIT`."""
        self._count += 1
        micros = str(round(at * 1e6))
        entry = {
            "__CURSOR": f"s=7f3a;i={self._count:x};b={self._boot_id};t={round(at * 1e6):x}",
            "__REALTIME_TIMESTAMP": micros,
            "__MONOTONIC_TIMESTAMP": micros,
            "_BOOT_ID": self._boot_id,
            "MESSAGE": text,
            "_COMM": comm,
            "_UID": str(uid),
            "_PID": str(pid),
            "SYSLOG_IDENTIFIER": ident,
            "SYSLOG_PID": str(pid),
            "_SOURCE_REALTIME_TIMESTAMP": micros,
            **fields,
        }
        self._entries.append(entry)
        for listener in tuple(self.listeners):
            listener(entry)

    def tail(self, count: int, match: Callable[[Entry], bool]) -> list[Entry]:
        """The last `count` entries that `match` takes, oldest first."""
        return [e for e in self._entries if match(e)][-count:]


class Match:
    """journalctl's `FIELD=VALUE ... [+ ...]`: one field's values are alternatives, fields all have to
    hold, `+` begins another alternative (journalctl(1))."""

    def __init__(self, words: Sequence[str]) -> None:
        self._groups: list[dict[str, set[str]]] = [{}]
        for word in words:
            if word == "+":
                self._groups.append({})
            else:
                name, _, value = word.partition("=")
                self._groups[-1].setdefault(name, set()).add(value)

    def __call__(self, entry: Entry) -> bool:
        return any(all(entry.get(name) in values for name, values in group.items()) for group in self._groups)


def as_json(entry: Entry, fields: Sequence[str]) -> str:
    """One line of `-o json --output-fields=`: the chosen fields, and those that always come."""
    always = ("__CURSOR", "__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "_BOOT_ID")
    return json.dumps({k: v for k, v in entry.items() if not fields or k in fields or k in always})
