"""A drill's report on disk: `report.json`, `report.md`, `report.html`, and `adverts.pcap` where the wire was recorded.

Each file is there whole or not at all, and the report of another run is never overwritten: where the folder holds
one already, this run gets a folder of its own inside of it. A run that is written again (it was resumed) replaces
its own files.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from haconsole.model.drill import DrillRecord
from haconsole.parse.text import clean
from haconsole.report import drill

REPORT: Final = "report.json"
CAPTURE: Final = "adverts.pcap"
NAMES: Final = (REPORT, "report.md", "report.html", CAPTURE)


class DrillFilesError(Exception):
    """The report cannot be written or read; the text says which file, why, and what to do."""


def write(record: DrillRecord, pcap: bytes | None, folder: Path) -> tuple[Path, ...]:
    """Write the report and return the files' paths, `report.json` first.

    pcap: a capture file without secrets; None: the wire was not recorded, which the report says. A capture that an
    earlier writing of the same run left stays.

    Raises: DrillFilesError.
    """
    try:
        return _write(record, pcap, folder)
    except OSError as error:
        raise DrillFilesError(
            f"the report of drill {clean(record.id)} cannot be written to {clean(str(folder))}: "
            f"{error.strerror or error}; name another folder with --report"
        ) from error


def _write(record: DrillRecord, pcap: bytes | None, folder: Path) -> tuple[Path, ...]:
    place = _claim(record, folder)
    if pcap is not None:
        _replace(place / CAPTURE, pcap)
    wire = (place / CAPTURE).exists()
    # jinja2 is imported for the page, and only now: a console that writes no report needs none of it.
    from haconsole.report.drill_html import html
    from haconsole.report.drill_markdown import markdown

    _replace(place / "report.md", _encoded(markdown(record, wire=wire)))
    _replace(place / "report.html", _encoded(html(record, wire=wire)))
    _replace(place / REPORT, _json(record, wire=wire))
    return tuple(place / name for name in NAMES if name != CAPTURE or wire)


def read(path: Path) -> DrillRecord:
    """A stored `report.json`, or that of a folder.

    Raises: DrillFilesError: it cannot be read, or is no drill's report.
    """
    file = path / REPORT if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            return drill.parse(opened.read(drill.LARGEST_BYTES + 1))
    except OSError as error:
        raise DrillFilesError(f"{clean(str(file))} cannot be read: {error.strerror or error}") from error
    except drill.NotADrillReportError as error:
        raise DrillFilesError(f"{clean(str(file))} is no drill's report: {error}") from error


def _claim(record: DrillRecord, folder: Path) -> Path:
    """The folder for this run, in which its `report.json` is now: who makes that file first has the folder."""
    first = _json(record, wire=False)
    for place in (folder, folder / _safe(record.id), *(folder / f"{_safe(record.id)}-{n}" for n in range(2, 100))):
        place.mkdir(parents=True, exist_ok=True)
        # Files without a report.json are somebody else's too.
        foreign = not (place / REPORT).exists() and any((place / name).exists() for name in NAMES)
        if not foreign and (_create(place / REPORT, first) or _is_of(place, record.id)):
            return place
    raise OSError(None, "there are a hundred reports of other runs in it")


def _is_of(place: Path, run: str) -> bool:
    try:
        return read(place).id == clean(run)
    except DrillFilesError:
        return False


def _safe(name: str) -> str:
    """A run's id as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:100] or "drill"


def _json(record: DrillRecord, *, wire: bool) -> bytes:
    document = drill.document(record, capture=CAPTURE if wire else None)
    return _encoded(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")


def _create(path: Path, data: bytes) -> bool:
    """Make the file, whole; False where there is one."""
    made = _temporary(path, data)
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: first come, first served all the same
        try:
            path.open("xb").close()
        except FileExistsError:
            return False
        made.replace(path)
        return True
    finally:
        made.unlink(missing_ok=True)
    _settle(path.parent)
    return True


def _replace(path: Path, data: bytes) -> None:
    made = _temporary(path, data)
    try:
        made.replace(path)
    except OSError:
        made.unlink()
        raise
    _settle(path.parent)


def _temporary(path: Path, data: bytes) -> Path:
    """The data beside `path`, on disk, with the rights that a new file has there."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            os.fsync(file.fileno())
    except OSError:
        made.unlink()
        raise
    return made


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _settle(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
