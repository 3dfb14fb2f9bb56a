"""Text from data never becomes markup, whichever widget shows it."""

import re
from pathlib import Path

import pytest
from rich.style import Style

from haconsole.tui import safe
from haconsole.tui.view.text import Tone, say
from tests.unit.tui import scenes

TUI = Path(safe.__file__).parent
FORBIDDEN = {
    r"\bStatic\(": "LinePane",
    r"\bLabel\(": "LinePane",
    r"\.notify\(": "safe.notify",
    r"from_markup": "say() and content()",
    r"\bDataTable|\bRichLog|\bOptionList|\bTree\b|\bMarkdown": "LinePane",
}


@pytest.mark.parametrize("path", sorted(TUI.rglob("*.py")), ids=lambda p: str(p.relative_to(TUI)))
def test_no_other_module_hands_text_to_textual(path):
    if path.name == "safe.py":
        return
    code = path.read_text(encoding="utf-8")
    for pattern, instead in FORBIDDEN.items():
        found = [m.group() for m in re.finditer(pattern, code) if not code[: m.start()].endswith("safe")]
        assert not found, f"{path.name}: use {instead}"


def test_a_border_title_is_not_markup():
    title = safe.content((say(scenes.EVIL, Tone.STRONG), say("[/bold]", Tone.CRITICAL)))
    assert title.plain.endswith("[/bold]")
    assert "\x1b" not in title.plain
    assert not any("@click" in str(span.style) for span in title.spans)


def test_a_strip_has_no_control_characters_and_only_our_own_actions():
    line = (say(scenes.EVIL), say("? help", Tone.KEY, "app.help"))
    strip = safe.strip(line, lambda _tone: Style())
    assert strip.text.isprintable()
    assert [s.style.meta for s in strip if s.style and s.style.meta] == [{"@click": "app.help"}]


def test_even_text_that_bypassed_say_is_cleaned_at_the_door():
    from haconsole.tui.view.text import Span

    assert safe.strip((Span("\x1b[2J"),), lambda _tone: Style()).text == "␛[2J"
    assert safe.content((Span("\x1b[2J"),)).plain == "␛[2J"
