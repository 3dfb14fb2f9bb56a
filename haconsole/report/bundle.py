"""The support bundle: pieces with where they come from, a manifest, and the archive. Pure.

Names in the archive are made here, never a node's: relative, of letters that mean nothing to a shell, each once.
Bounded: what is too much is left out and said so. The manifest's JSON form is `haconsole.bundle/1`.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from haconsole.model.record import dataclass
from haconsole.parse.text import clean
from haconsole.report.bundle_redact import Redactor
from haconsole.version import __version__

PIECE_LIMIT: Final = 4 << 20
"""Bytes of one file."""
TOTAL_LIMIT: Final = 48 << 20
"""Bytes of all files together, before they are packed."""
_SAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file of the bundle, or why it is not there: exactly one of `content` and `missing`."""

    cluster: str
    node: str | None
    """None: about all nodes."""
    name: str
    """`versions.txt`, `conf/keepalived.conf`; made safe here."""
    what: str
    """What it is, in words, with the command that gave it."""
    at: float
    """When it was read, seconds since the epoch on the console's clock."""
    content: str | bytes | None = None
    """Bytes are packed as they are: a capture without secrets."""
    missing: str | None = None
    cut: bool = False
    """There was more."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Entry(_Part):
    """One piece. `file` null: it is not there, `missing` says why."""

    cluster: str
    node: str | None
    file: str | None
    what: str
    time: str
    bytes: int | None
    cut: bool
    missing: str | None


class Manifest(_Part):
    """What is in the bundle and what is not."""

    schema_: Literal["haconsole.bundle/1"] = "haconsole.bundle/1"
    made: str
    haconsole: str
    redacted: str
    entries: list[Entry]

    def document(self) -> dict[str, object]:
        """As JSON, with the schema under its real name."""
        found = self.model_dump()
        return {"schema": found.pop("schema_"), **found}


REDACTED: Final = (
    "passwords and keys of keepalived.conf and of the dumps, authentication octets of adverts, credentials in URLs, "
    "Proxy-Authorization and the like in logs; addresses, names and the firewall are as they are"
)


def pack(pieces: Iterable[Piece], redactor: Redactor, folder: str, now: float) -> tuple[bytes, Manifest]:
    """(the tar.gz, its manifest). `folder`: the one folder in it. Members are 0600 and belong to nobody in particular.

    Texts must have been through `redactor` already; what it learned from any is removed from all here.
    """
    files: dict[str, bytes] = {}
    entries, total = [], 0
    for piece in pieces:
        data = _data(piece, redactor)
        cut = piece.cut or (data is not None and len(data) > PIECE_LIMIT)
        data = None if data is None else data[:PIECE_LIMIT]
        missing = piece.missing
        if data is not None and total + len(data) > TOTAL_LIMIT:
            data, missing = None, f"left out: the bundle would be larger than {TOTAL_LIMIT >> 20} MiB"
        file = None
        if data is not None:
            file = _free(_path(piece), files)
            files[file] = data
            total += len(data)
        entries.append(
            Entry(
                cluster=piece.cluster,
                node=piece.node,
                file=file,
                what=redactor.finish(clean(piece.what)),
                time=stamp(piece.at),
                bytes=None if data is None else len(data),
                cut=cut,
                missing=None if missing is None else redactor.finish(clean(missing)),
            )
        )
    manifest = Manifest(made=stamp(now), haconsole=__version__, redacted=REDACTED, entries=entries)
    head = {
        "MANIFEST": readable(manifest).encode(),
        "MANIFEST.json": (json.dumps(manifest.document(), indent=1) + "\n").encode(),
    }
    return _tar({**head, **files}, safe(folder), now), manifest


def _data(piece: Piece, redactor: Redactor) -> bytes | None:
    if isinstance(piece.content, str):
        text = redactor.finish(piece.content)
        return (text if text.endswith("\n") else text + "\n").encode("utf-8", "replace")
    return piece.content


def _path(piece: Piece) -> str:
    parts = (piece.cluster, *([piece.node] if piece.node is not None else []), *piece.name.split("/"))
    return "/".join(safe(p) for p in parts)


def safe(text: str) -> str:
    """One part of a path: at most 64 harmless characters, no dot in front, never empty."""
    return _SAFE.sub("_", text)[:64].lstrip(".") or "_"


def _free(path: str, taken: Iterable[str]) -> str:
    """The path, with a number where it is taken."""
    names = {t.lower() for t in taken}  # a file system may not tell capitals apart
    found, number = path, 1
    while found.lower() in names:
        number += 1
        found = f"{path}.{number}"
    return found


def _tar(files: dict[str, bytes], folder: str, now: float) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size, info.mode, info.mtime, info.type = len(data), 0o600, int(now), tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=int(now))


def readable(manifest: Manifest) -> str:
    """The manifest for people."""
    lines = [
        f"Support bundle, made {manifest.made} by haconsole {manifest.haconsole}",
        f"Redacted: {manifest.redacted}.",
        "Times are the console's, in UTC. Look through it before you give it away.",
        "",
        "What is here:",
    ]
    lines += [f"  {e.file}  ({_size(e)}{e.time})\n      {e.what}" for e in manifest.entries if e.file is not None]
    missing = [e for e in manifest.entries if e.file is None]
    lines += ["", "What is missing, and why:" if missing else "Nothing is missing."]
    lines += [f"  {e.node or e.cluster}: {e.what}\n      {e.missing}" for e in missing]
    return "\n".join(lines) + "\n"


def _size(entry: Entry) -> str:
    return f"{entry.bytes} bytes, {'cut, there was more, ' if entry.cut else ''}"


def stamp(at: float) -> str:
    """RFC 3339, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def absent(piece: Piece, why: str) -> Piece:
    """The same piece, not there."""
    return replace(piece, content=None, missing=why)


def merged(logs: Sequence[tuple[str, float, str]]) -> str:
    """(node, time on the console's clock, line) of all nodes -> one text in the order of time."""
    width = max((len(node) for node, _, _ in logs), default=0)
    return "\n".join(
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}Z {node:<{width}} {line}"
        for node, at, line in sorted(logs, key=lambda x: x[1])
    )
