"""Every key of a TOML file is found in its line, however the file is laid out."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from haconsole.config.lines import line_numbers, line_of

LAYOUT = '''\
# a comment
title = """
three

lines"""

[ssh]   # more
user = "ops"


[[cluster]]
name = "a"
squid.port = 3128
squid.service = "squid"
"odd key" . x = 1
node = [            # written in line
  { name = "a", ssh = { port = 1 } },

  # a comment, with a { bracket
  { name = "b",  address = """
two""" }, { name = "c" },
]
days = [
  "sat",
  "sun"
]
  [cluster.keepalived]
  service = \'\'\'
# no comment
[no.heading]\'\'\'

  [[cluster.vip]]
  address = "1"

  [[cluster.vip]]
  address = "2"
  [cluster.vip.deep.er]
  x = 1

[[cluster]]
name = "b"
[[cluster.vip]]
address = "3"
'''

EXPECTED = {
    ("title",): 2,
    ("ssh",): 7,
    ("ssh", "user"): 8,
    ("cluster",): 11,
    ("cluster", 0): 11,
    ("cluster", 0, "name"): 12,
    ("cluster", 0, "squid", "port"): 13,
    ("cluster", 0, "squid", "service"): 14,
    ("cluster", 0, "odd key", "x"): 15,
    ("cluster", 0, "node"): 16,
    ("cluster", 0, "node", 0): 17,
    ("cluster", 0, "node", 0, "ssh", "port"): 17,
    ("cluster", 0, "node", 1, "address"): 20,
    ("cluster", 0, "node", 2, "name"): 21,
    ("cluster", 0, "days", 0): 24,
    ("cluster", 0, "days", 1): 25,
    ("cluster", 0, "keepalived"): 27,
    ("cluster", 0, "keepalived", "service"): 28,
    ("cluster", 0, "vip", 0): 32,
    ("cluster", 0, "vip", 1): 35,
    ("cluster", 0, "vip", 1, "address"): 36,
    ("cluster", 0, "vip", 1, "deep", "er", "x"): 38,
    ("cluster", 1): 40,
    ("cluster", 1, "vip", 0, "address"): 43,
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(("loc", "line"), EXPECTED.items())
def test_layouts(loc: tuple[int | str, ...], line: int, ends: str) -> None:
    assert line_numbers(LAYOUT.replace("\n", ends))[loc] == line


def test_tables_that_are_not_in_order() -> None:
    lines = line_numbers("[a.b]\nx = 1\n[c]\ny = 1\n[a.d]\nz = 1\n[a]\nq = 1\n")
    assert (lines["a", "b", "x"], lines["c", "y"], lines["a", "d", "z"], lines["a", "q"]) == (2, 4, 6, 8)


def test_what_is_not_in_the_file_has_the_line_of_the_table_around_it() -> None:
    lines = line_numbers(LAYOUT)
    assert line_of(lines, ("cluster", 0, "vip", 1, "preferred")) == 35
    assert line_of(lines, ("cluster", 1, "node", 7, "name")) == 40
    assert line_of(lines, ("nothing",)) is None


def test_lists_that_other_tables_stand_between() -> None:
    text = "[[c]]\n[[c.node]]\nx = 1\n[[c.vip]]\nx = 2\n[[c.node]]\nx = 3\n[t]\n[[c]]\n[[c.node]]\nx = 4\n"
    lines = line_numbers(text)
    assert [lines["c", 0, "node", 0, "x"], lines["c", 0, "vip", 0, "x"], lines["c", 0, "node", 1, "x"]] == [3, 5, 7]
    assert (lines["c", 1], lines["c", 1, "node", 0, "x"]) == (9, 11)


@pytest.mark.parametrize(
    "text", ["a = 1\nb = [[[", "a = 1\n\x00", "a = 1\nb = {", "a = 1\n[", "a = 1\nb = " + "[" * 5000]
)
def test_what_cannot_be_read_ends_the_reading(text: str) -> None:
    assert line_numbers(text)["a",] == 1


# Every number is another one, so the line of a value is the line in which its number stands.
FRAGMENTS = [
    "\n",
    "# it's a [comment] {\n",
    "[ssh]\n",
    "[[cluster]] # c\n",
    "  [[cluster.node]]\n",
    "[[ cluster . vip ]]\n",
    '[cluster.node."s s\\u0068"]\n',
    "[cluster.squid]\n",
    "[deep.er]\n",
    "keyN = N\n",
    "\tkeyN . 'x y' . z=N\n",
    "keyN = { a = N, b.c = N } # }\n",
    "keyN = [N, N ]\n",
    "keyN = [ # ], x ' \"\n  # , [ N,\n N,\n\n[ N ], # ]\n{ x = N, y = [\nN\n] },\n]\n",
    'keyN = ["a\\"]", N, """\n# """, \'\'\'\n\'\'\'\'\', 1979-05-27 07:32:00, N]\n',
    'keyN = """"a""\n[no.heading]\n\\""" = """""\nkeyN = N\n',
    "keyN = '''\nx = 1 # ''\\'''\nkeyN = N\n",
]


def numbered(fragments: list[str]) -> str:
    count = iter(range(1000, 100_000))
    return re.sub("N", lambda _: str(next(count)), "".join(fragments))


def numbers(value: object, loc: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], int]]:
    """Where each number stands in a document."""
    if isinstance(value, int):
        yield loc, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from numbers(inner, (*loc, key))


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_any_layout(fragments: list[str], ends: str) -> None:
    text = numbered(fragments)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # some heading twice
        reject()
    lines = line_numbers(text.replace("\n", ends))
    rows = text.split("\n")
    for loc, number in numbers(tree):
        assert str(number) in rows[lines[loc] - 1]
