"""Where this machine gets its own Debian packages from, so that the lab's root images come from the same place."""

from __future__ import annotations

import re
from pathlib import Path

_APT = Path("/etc/apt")
_SUITES = re.compile(r"^(?:bullseye|bookworm|trixie|forky|sid|stable|oldstable|testing|unstable)$")


def debian_mirror() -> str | None:
    """The address of the Debian archive this machine's apt uses; None: leave the choice to mmdebstrap."""
    for path in sorted(_APT.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", _text(path)):
            found = _from_stanza(stanza)
            if found:
                return found
    for path in [_APT / "sources.list", *sorted(_APT.glob("sources.list.d/*.list"))]:
        for line in _text(path).splitlines():
            found = _from_line(line)
            if found:
                return found
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _from_stanza(stanza: str) -> str | None:
    fields: dict[str, list[str]] = {}
    for line in stanza.splitlines():
        if line.startswith("#") or ":" not in line or line[:1].isspace():
            continue
        key, value = line.split(":", 1)
        fields[key.strip().lower()] = value.split()
    if fields.get("enabled", ["yes"]) == ["no"] or "deb" not in fields.get("types", []):
        return None
    suites = fields.get("suites", [])
    uris = fields.get("uris", [])
    return uris[0] if uris and _is_debian(uris[0], suites, fields.get("components", [])) else None


def _from_line(line: str) -> str | None:
    match = re.match(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$", line.strip())
    return match[1] if match and _is_debian(match[1], [match[2]], match[3].split()) else None


def _is_debian(uri: str, suites: list[str], components: list[str]) -> bool:
    # another vendor's archive may carry Debian's suite names; Debian's own ends in /debian and has "main"
    return "main" in components and uri.rstrip("/").endswith("/debian") and any(map(_SUITES.match, suites))
