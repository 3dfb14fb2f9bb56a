"""Themes: files that are checked when they are read, and colours that can be told apart."""

import pytest
from textual.color import Color

from haconsole.tui import themes
from haconsole.tui.remember import Memory

SHIPPED, PROBLEMS = themes.load([themes.shipped()])
GOOD = '[colors]\nprimary = "#fff"\nforeground = "#eee"\nbackground = "black"\n'


def contrast(one, other):
    """WCAG 2.1 contrast ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color):
    parts = [c / 255 for c in Color.parse(color).rgb]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_the_themes_that_come_with_the_program_are_all_good():
    assert PROBLEMS == []
    assert [t.name for t in SHIPPED] == [
        "haconsole-colour-blind",
        "haconsole-dark",
        "haconsole-high-contrast",
        "haconsole-light",
    ]
    assert {t.name for t in SHIPPED if not t.dark} == {"haconsole-light"}


@pytest.mark.parametrize("theme", SHIPPED, ids=lambda t: t.name)
def test_every_word_can_be_read_on_every_ground(theme):
    least = 7.0 if "high-contrast" in theme.name else 4.5
    words = [v for k, v in theme.variables.items() if k.startswith(("state-", "text-"))]
    for ground in (theme.background, theme.panel, theme.surface, theme.variables["cursor-row"]):
        for word in (*words, theme.foreground):
            assert contrast(word, ground) >= least, (word, ground)


@pytest.mark.parametrize("theme", SHIPPED, ids=lambda t: t.name)
def test_a_theme_names_every_one_of_our_colours(theme):
    assert theme.variables.keys() == themes.VARIABLES.keys()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "`name` must be"),
        ('name = "x [/b]"\n' + GOOD, "`name` must be"),
        ('name = "x"\n', "[colors] lacks background, foreground, primary"),
        ('name = "x"\ndark = "yes"\n' + GOOD, "`dark` must be true or false"),
        ('name = "x"\nsize = 3\n' + GOOD, "unknown key `size`"),
        ('name = "x"\n' + GOOD + 'primery = "red"\n', "did you mean `primary`?"),
        ('name = "x"\n' + GOOD + 'error = "#zzz"\n', "[colors] error: `#zzz` is no colour"),
        ('name = "x"\n' + GOOD + "error = 7\n", "[colors] error: a colour is a string"),
        ('name = "x"\n' + GOOD + '[variables]\nstate-okay = "red"\n', "did you mean `state-ok`?"),
        ('name = "x"\ncolors = 3\n', "[colors] must be a table"),
        ("name = ", "Invalid value"),
    ],
)
def test_a_bad_theme_file_is_one_line_that_says_what_is_wrong(tmp_path, text, why):
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    loaded, problems = themes.load([tmp_path])
    assert [t.name for t in loaded] == [themes.DEFAULT]
    assert str(problems[0]).startswith("theme bad.toml: ")
    assert why in str(problems[0])
    assert "\n" not in str(problems[0])


def test_a_file_that_is_no_text_is_a_problem_too(tmp_path):
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe\x00")
    assert len(themes.load([tmp_path])[1]) == 1


def test_the_operators_own_theme_wins_over_one_of_the_same_name(tmp_path):
    (tmp_path / "mine.toml").write_text('name = "haconsole-dark"\ndark = false\n' + GOOD, encoding="utf-8")
    loaded, problems = themes.load([themes.shipped(), tmp_path])
    assert problems == []
    assert not next(t for t in loaded if t.name == "haconsole-dark").dark


def test_a_folder_that_is_not_there_is_no_problem(tmp_path):
    assert themes.load([None, tmp_path / "nowhere"])[1] == []


def test_the_chosen_theme_is_remembered(tmp_path):
    path = tmp_path / "state" / "console.json"
    Memory(path).keep_theme("haconsole-light")
    assert Memory(path).theme() == "haconsole-light"
    assert [p.name for p in path.parent.iterdir()] == ["console.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"theme": 3}', "\x00"])
def test_a_damaged_memory_is_no_reason_to_fail(tmp_path, content):
    path = tmp_path / "console.json"
    path.write_text(content, encoding="utf-8")
    assert Memory(path).theme() is None


def test_a_memory_that_cannot_be_written_is_no_reason_to_fail(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    Memory(tmp_path / "file" / "console.json").keep_theme("x")
    assert Memory(None).theme() is None
    Memory(None).keep_theme("x")
