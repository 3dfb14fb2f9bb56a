"""Drills of one's own, from a TOML file: the same parts as the catalogue's, and only actions of the catalogue. Pure.

```toml
[[drill]]
name = "public-two-minutes"
about = "The public link is away for two minutes, as by our provider's last outage."
action = "link-down"           # or squid-stop, keepalived-stop, drain, revert-only
interface = "public"           # of link-down: lan, public, or a name
hold = "2m"                    # from the takeover on; 10s unless named
expect = ["holders", "states", "log", "garp", "times", "served"]     # all unless named
outage_at_most = "1s"          # your own promise, whatever is predicted; none unless named
```
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from haconsole.operations.actions import Kind
from haconsole.operations.drills.parts import ALL, HOLD_S, INJECTIONS, Drill, Expects
from haconsole.parse.text import clean

LIMIT: Final = 256 * 1024
_SPAN: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(ms|s|m|h)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class OwnDrillsError(ValueError):
    """The file is none of drills; the text names everything that is wrong with it, a line each."""


def _span(value: object) -> object:
    if isinstance(value, str) and (found := _SPAN.fullmatch(value.strip())) is not None:
        return float(found[1]) * _UNITS[found[2]]
    raise ValueError("a length of time is written as 500ms, 30s, 2m or 1h")


Seconds = Annotated[float, BeforeValidator(_span)]


class _Own(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    about: str = ""
    action: Kind
    interface: str | None = None
    hold: Seconds = HOLD_S
    expect: frozenset[Expects] = ALL
    outage_at_most: Seconds | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    drill: list[_Own] = Field(min_length=1)


def own_drills(text: str) -> Mapping[str, Drill]:
    """By name, in their order. Raises: OwnDrillsError."""
    if len(text) > LIMIT:
        raise OwnDrillsError(f"the file is larger than {LIMIT // 1024} KiB")
    try:
        file = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise OwnDrillsError(f"it is no TOML: {error}") from error
    except ValidationError as error:
        raise OwnDrillsError("\n".join(_words(e) for e in error.errors())) from error
    found: dict[str, Drill] = {}
    problems: list[str] = []
    for number, own in enumerate(file.drill, 1):
        if own.name in found:
            problems.append(f"drill {number}: the name {clean(own.name)} is there twice")
            continue
        try:
            found[own.name] = Drill(
                name=own.name, about=clean(own.about) or f"{own.action.value}, from a file", kind=own.action,
                interface=own.interface, hold_s=own.hold, expects=own.expect, outage_at_most_s=own.outage_at_most,
            )  # fmt: skip
        except ValueError as error:
            problems.append(f"drill {number}: {clean(str(error))}")
    if problems:
        raise OwnDrillsError("\n".join(problems))
    return found


def _words(error: object) -> str:
    told = error if isinstance(error, dict) else {}
    place = [str(p + 1) if isinstance(p, int) else str(p) for p in told.get("loc", ())]
    given = told.get("input")
    what = f", not {clean(str(given))[:60]!r}" if isinstance(given, (str, int, float, bool)) else ""
    if told.get("type") == "enum" and place[-1:] == ["action"]:
        return f"{' '.join(place)}: one of {', '.join(sorted(k.value for k in INJECTIONS))}{what}"
    return f"{' '.join(place) or 'file'}: {told.get('msg', 'is wrong')}{what}"
