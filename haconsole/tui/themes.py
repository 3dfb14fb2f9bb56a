"""Themes: one TOML file each, shipped in `haconsole/themes` and the operator's own beside them.

Every colour is checked when a file is read: Textual would take a bad one and end with it later.
A file that cannot be used is a `ThemeProblem`, one line for the operator, never a crash.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Final

from textual.color import Color, ColorParseError
from textual.theme import Theme

from haconsole.model.record import dataclass

COLORS: Final = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "success",
    "warning",
    "error",
)
"""Textual's own colours; `primary`, `foreground` and `background` must be there."""
NEEDED: Final = frozenset({"primary", "foreground", "background"})
VARIABLES: Final[Mapping[str, str]] = {
    "state-ok": "#5fd787",
    "state-info": "#87afff",
    "state-busy": "#87d7ff",
    "state-warning": "#ffd75f",
    "state-unknown": "#d7afff",
    "state-critical": "#ff8787",
    "text-quiet": "#9aa4b2",
    "text-key": "#7fc7ff",
    "cursor-row": "#2d3f5e",
    "frame": "#4c5a70",
    "frame-focus": "#7fc7ff",
}
"""Our own, with what stands in for those that a theme leaves out."""
DEFAULT: Final = "haconsole-dark"
_FIELDS: Final = ("name", "dark", "colors", "variables")


@dataclass(frozen=True, slots=True)
class ThemeProblem:
    """Why a theme file is not used."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"theme {self.path}: {self.why}"


class ThemeError(ValueError):
    """A theme file says something that cannot be used."""


def shipped() -> Path | None:
    """The folder of the themes that come with the program; None: it is missing."""
    packaged = Path(str(files("haconsole"))) / "themes"
    if packaged.is_dir():
        return packaged
    beside = Path(__file__).resolve().parents[2] / "themes"
    return beside if beside.is_dir() else None


def load(folders: Iterable[Path | None]) -> tuple[list[Theme], list[ThemeProblem]]:
    """Every theme in these folders, by file name; a later one of the same name wins."""
    themes: dict[str, Theme] = {}
    problems: list[ThemeProblem] = []
    for folder in folders:
        if folder is None or not folder.is_dir():
            continue
        for path in sorted(folder.glob("*.toml")):
            try:
                theme = parse(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                problems.append(ThemeProblem(path.name, _one_line(error)))
            else:
                themes[theme.name] = theme
    if DEFAULT not in themes:
        themes = {DEFAULT: _stand_in(), **themes}
    return list(themes.values()), problems


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _stand_in() -> Theme:
    """For an installation that lost its theme files."""
    return Theme(name=DEFAULT, primary="#7fc7ff", foreground="#d8dee9", background="#10151d", variables=dict(VARIABLES))


def parse(text: str) -> Theme:
    """The theme in a TOML text. Raises: ThemeError, tomllib.TOMLDecodeError (both ValueError)."""
    data = tomllib.loads(text)
    _known(data, _FIELDS, "")
    name = data.get("name")
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise ThemeError("`name` must be letters, digits, - and _")
    dark = data.get("dark", True)
    if not isinstance(dark, bool):
        raise ThemeError("`dark` must be true or false")
    colors = _colors(data.get("colors", {}), COLORS, "colors")
    if missing := sorted(NEEDED - colors.keys()):
        raise ThemeError(f"[colors] lacks {', '.join(missing)}")
    own = _colors(data.get("variables", {}), tuple(VARIABLES), "variables")
    return Theme(name=name, dark=dark, variables={**VARIABLES, **own}, **colors)  # type: ignore[arg-type]


def _known(table: Mapping[str, object], names: Iterable[str], where: str) -> None:
    names = tuple(names)
    for key in table:
        if key not in names:
            near = get_close_matches(key, names, 1, 0.6)
            hint = f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(names)}"
            raise ThemeError(f"{where}unknown key `{key}`{hint}")


def _colors(table: object, names: tuple[str, ...], where: str) -> dict[str, str]:
    if not isinstance(table, dict):
        raise ThemeError(f"[{where}] must be a table")
    _known(table, names, f"[{where}] ")
    for key, value in table.items():
        try:
            if not isinstance(value, str):
                raise ThemeError(f'[{where}] {key}: a colour is a string such as "#ff8787"')
            Color.parse(value)
        except ColorParseError:
            raise ThemeError(f"[{where}] {key}: `{value}` is no colour") from None
    return dict(table)
