"""The audit log as values: one entry a line of JSON, each line bound to the one before by its hash. Pure.

A line can be changed, dropped or put in only by making every later line anew; what was cut off at the
end shows by a hash noted elsewhere (the nodes' journals hold some: `Chain.hashes`). `io.audit_file`
appends, `haconsole audit` shows and verifies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from haconsole.model.record import dataclass

SCHEMA: Final = "haconsole.audit/1"
NOTHING: Final = "0" * 64
"""`previous` of the first entry."""
LINE_LIMIT: Final = 256 * 1024
"""Bytes of a line; a longer one was not written by haconsole."""
_ROOM: Final = LINE_LIMIT - 1024
"""Of an entry without what binds it to the log."""
_LONGEST: Final = 2000
"""Characters of each text of an entry that is too long for a line."""


class What(Enum):
    """What an entry tells of."""

    ASKED = "asked"
    """An operator asked for an action; guards follow."""
    REFUSED = "refused"
    """A guard said no: nothing was touched."""
    OVERRIDDEN = "overridden"
    """The operator went on against a guard; `reason` says why."""
    STEP = "step"
    """A step began or ended."""
    COMMAND = "command"
    """A command line ran on a node, with its exit status."""
    LOCK_BROKEN = "lock-broken"
    ENDED = "ended"
    """The action is over; `result` says how."""


class Entry(BaseModel):
    """One thing that was done, by whom, from where, why. Times: RFC 3339, this machine's clock."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_: Literal["haconsole.audit/1"] = Field(default=SCHEMA, alias="schema")
    time: str
    what: str
    """A value of `What`."""
    operation: str | None = None
    """Id of the action or drill that the entry belongs to."""
    cluster: str | None = None
    node: str | None = None
    action: str | None = None
    operator: str
    """user@host."""
    from_: str | None = Field(default=None, alias="from")
    """Where the operator's own terminal comes from (SSH_CONNECTION); None: local or not known."""
    version: str
    """haconsole's."""
    reason: str | None = None
    ticket: str | None = None
    text: str = ""
    command: list[str] | None = None
    exit_status: int | None = None
    """None: it did not end normally, or is not known."""
    result: str | None = None
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None


class Link(BaseModel):
    """What binds an entry to the log."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: int = Field(ge=1)
    """Counts the entries of this file."""
    previous: str = Field(pattern=r"^[0-9a-f]{64}$")
    cut: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of a line before this entry that was never finished: a console died while it wrote."""


def line(entry: Entry, link: Link) -> tuple[bytes, str]:
    """(the line with its newline, its hash).

    The hash is SHA-256 over the canonical JSON (sorted keys, no blanks, ASCII) of all fields but itself.
    """
    fields = {**entry.model_dump(by_alias=True, mode="json", exclude_none=True), **link.model_dump(exclude_none=True)}
    digest = _digest(fields)
    return _canonical({**fields, "hash": digest}) + b"\n", digest


def fitting(entry: Entry) -> Entry:
    """`entry`, or what of it fits into a line: nothing that a node told may make a log that cannot be continued."""
    if _size(entry) <= _ROOM:
        return entry
    told: dict[str, object] = {
        name: {"left out": "too long for one line of the log"}
        for name in ("before", "after")
        if getattr(entry, name) is not None
    }
    entry = entry.model_copy(update=told)
    if _size(entry) <= _ROOM:
        return entry
    words = {name: _cut(getattr(entry, name)) for name in ("text", "reason", "ticket", "result")}
    command = None if entry.command is None else [_cut(" ".join(entry.command)) or ""]
    return entry.model_copy(update={**words, "command": command})


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST else f"{text[:_LONGEST]} (the rest is left out)"


def _size(entry: Entry) -> int:
    return len(_canonical(entry.model_dump(by_alias=True, mode="json", exclude_none=True)))


def _canonical(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _digest(fields: Mapping[str, object]) -> str:
    return hashlib.sha256(_canonical(fields)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An entry as it was read, with its place in the chain."""

    entry: Entry
    number: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The chain does not hold at `line` (counted from 1): `why` for a person."""

    line: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A log as it was read. `breaks` empty: every line is as it was written, in its order."""

    entries: tuple[Written, ...]
    breaks: tuple[Break, ...]
    cut: tuple[int, ...] = ()
    """Lines that a dying console left unfinished, and that the next entry vouches for."""

    @property
    def head(self) -> str:
        """Hash of the last entry; `NOTHING` where there is none."""
        return self.entries[-1].hash if self.entries else NOTHING

    def holds(self, prefix: str) -> bool:
        """Is an entry there whose hash begins with `prefix` (as noted elsewhere)?"""
        return any(e.hash.startswith(prefix) for e in self.entries)


class NotAnEntryError(ValueError):
    """A line is no entry of an audit log."""


def parse_line(text: bytes) -> tuple[Entry, Link, str]:
    """(entry, its link, the hash that it claims). Raises: NotAnEntryError, and nothing else."""
    if len(text) > LINE_LIMIT:
        raise NotAnEntryError("longer than any entry")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAnEntryError("no JSON") from None
    if not isinstance(fields, dict):
        raise NotAnEntryError("no JSON object")
    claimed = fields.pop("hash", None)
    own = {key: fields.pop(key) for key in Link.model_fields if key in fields}
    try:
        link, entry = Link.model_validate(own), Entry.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise NotAnEntryError(f"{'.'.join(map(str, first['loc'])) or 'entry'}: {first['msg']}") from None
    if not isinstance(claimed, str):
        raise NotAnEntryError("no hash")
    return entry, link, claimed


def read(lines: Iterable[bytes]) -> Chain:
    """Read a whole log and check its chain. `lines` with their newlines, as a file gives them."""
    entries: list[Written] = []
    breaks: list[Break] = []
    cut: list[int] = []
    strange: list[tuple[Break, str]] = []
    """Lines just read that are no entries, with their SHA-256: the next entry may vouch for the last one."""
    previous, number = NOTHING, 0
    for at, raw in enumerate(lines, 1):
        text = raw.rstrip(b"\n")
        try:
            entry, link, claimed = parse_line(text)
        except NotAnEntryError as error:
            strange.append((Break(line=at, why=f"not an entry of an audit log: {error}"), sha256(text)))
            continue
        if link.cut is not None and strange and strange[-1][1] == link.cut:
            cut.append(strange.pop()[0].line)
        elif link.cut is not None:
            breaks.append(Break(line=at, why="it vouches for an unfinished line that is not there"))
        breaks += [one for one, _ in strange]
        strange.clear()
        breaks += [Break(line=at, why=why) for why in _wrong(text, entry, link, previous, number)]
        entries.append(Written(entry=entry, number=link.number, hash=claimed))
        previous, number = claimed, link.number
    breaks += [one for one, _ in strange]
    return Chain(entries=tuple(entries), breaks=tuple(breaks), cut=tuple(cut))


def sha256(text: bytes) -> str:
    """Hex digest of a line without its newline."""
    return hashlib.sha256(text).hexdigest()


def _wrong(text: bytes, entry: Entry, link: Link, previous: str, number: int) -> list[str]:
    found = []
    if line(entry, link)[0] != text + b"\n":
        found.append("its content is not what was written (the hash does not fit)")
    if link.previous != previous:
        found.append("it does not follow the line before it: lines were dropped, put in or moved")
    if link.number != number + 1:
        found.append(f"number {link.number} follows number {number}")
    return found
