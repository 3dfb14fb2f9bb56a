"""A drill as one HTML page that fetches nothing: no script, no font, no image, a policy that forbids all of them. Pure.

Everything that a node wrote goes through jinja's escaping; the pictures are made by an XML library. jinja2 is
imported when a page is made, not before.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from importlib.resources import files
from typing import Any, Final, cast
from xml.etree.ElementTree import Element, SubElement, fromstring, register_namespace, tostring

from haconsole.model.drill import DrillRecord, Verdict
from haconsole.parse.text import clean
from haconsole.report import drill_words as words
from haconsole.report.drill_measured import how_measured, in_short, not_measured
from haconsole.report.drill_timeline import Picture, pictures

_FOR_PICTURES: Final = re.compile(r"^(?::root \{.*?^\}|@media \(prefers.*?^\}|\.tl .*?$)", re.DOTALL | re.MULTILINE)
"""The parts of the style sheet that a picture needs."""
_TONES: Final = {Verdict.PASSED: "good", Verdict.DEVIATED: "bad", Verdict.FAILED: "bad"}


def html(record: DrillRecord, *, wire: bool) -> str:
    """The page. `wire`: adverts.pcap lies beside it."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    shown = _cleaned(record)
    style = stylesheet()
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(_resource("drill.html"))
    return page.render(
        record=shown,
        w=words,
        verdict=words.verdict_word(shown),
        sentences=words.verdict_parts(shown),
        in_short=in_short(shown),
        tone="open" if shown.result is None else _TONES.get(shown.result, "open"),
        zone=words.zone_name(shown),
        compared=words.compared(shown),
        claims=words.claims(shown),
        deviations=words.deviations(shown),
        logs=words.side_by_side(shown),
        addresses=words.addresses(shown),
        pictures=pictures(shown),
        how_measured=how_measured(shown, wire=wire),
        not_measured=not_measured(shown, wire=wire),
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}",
    )  # fmt: skip


def stylesheet() -> str:
    """The page's style sheet."""
    return _resource("drill.css")


def alone(picture: Picture) -> str:
    """A picture as an SVG file of its own: with the styles it needs, light and dark."""
    register_namespace("", "http://www.w3.org/2000/svg")
    root: Element = fromstring(picture.svg)  # noqa: S314 - made by ourselves a moment ago
    style = SubElement(root, "style")
    style.text = "\n".join(_FOR_PICTURES.findall(stylesheet()))
    root.remove(style)
    root.insert(0, style)
    return tostring(root, encoding="unicode")


def _resource(name: str) -> str:
    return files("haconsole.report").joinpath("templates", name).read_text("utf-8")


def _cleaned(record: DrillRecord) -> DrillRecord:
    """The record with every text in it cleaned: a page can be copied into a terminal."""
    return cast("DrillRecord", _clean(record))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return "\n".join(map(clean, value.split("\n")))
    if isinstance(value, Enum):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _clean(getattr(value, f.name)) for f in fields(value)})
    if isinstance(value, tuple):
        return tuple(_clean(one) for one in value)
    if hasattr(value, "items"):
        return {clean(key): _clean(one) for key, one in value.items()}
    return value
