"""keepalived.conf line by line: comments, conditions, definitions, includes, braces.

Follows `read_line` of keepalived's lib/parser.c (2.2.7): a line is decommented, then `@condition`,
`$NAME=value` and `$NAME` are seen to, then `include`, and then it ends at the first brace outside
"…"; what stands behind is the next line. So `{` may stand on its own line or on the keyword's.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from haconsole.model.keepalived_conf import ComplaintKind, ConfComplaint, Place, Statement
from haconsole.model.record import dataclass
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_conf_generators import generator
from haconsole.parse.keepalived_conf_tree import Tree
from haconsole.parse.keepalived_conf_words import decomment, hides_rest, may_be_secret
from haconsole.parse.text import clean

MAX_TOTAL = 4 << 20
MAX_LINES = 200_000
MAX_DEPTH = 16
MAX_REPLACED = 1000
MAX_PATTERN = 4096
MAX_WORK = 256 << 20
MAX_COMPLAINTS = 1000
_LINE_OF_KEEPALIVED = 1023

_CONDITION = re.compile(r"@(\^?)([^ \t]*)[ \t]+(.*)", re.DOTALL)
_DEFINITION = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)=[ \t]*(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*)(?=[ \t,)]|$))")
_INCLUDE = re.compile(r"include[rmwba]?[ \t]+(.*)", re.DOTALL)
_GENERATORS = ("~SEQ", "~LST")
_BRACE = re.compile(r"[{}\"]")
_CHOICE = re.compile(r"[{},]")


@dataclass(frozen=True, slots=True)
class _Definition:
    lines: tuple[str, ...]
    multiline: bool = False
    """Only replaced where it ends its line."""
    certain: bool = True
    """False: defined on a line whose condition is not decided, so its value is not known."""


class Reader:
    """Reads a main file and what it includes into a tree."""

    def __init__(self, files: Mapping[str, str], config_id: str | None, secret_key: bytes | None = None) -> None:
        self._files = {posixpath.normpath(name): name for name in sorted(files)}
        self._texts = files
        self._config_id = config_id
        self._definitions = {"_HASH": _Definition(("#",)), "_BANG": _Definition(("!",))}
        if config_id is not None:
            self._definitions["_INSTANCE"] = _Definition((config_id,))
        self._open: tuple[str, bool, list[str]] | None = None
        """A multi-line definition that goes on: name, certain, lines so far."""
        self._stuck = False
        """A definition of the current line does not come to an end: nothing more is put in."""
        self._chain: list[str] = []
        self._lines = 0
        self._size = 0
        self._work = 0
        self.complaints: list[ConfComplaint] = []
        self.read: dict[str, None] = {}
        self.missing: list[Statement] = []
        self.wanted: dict[str, None] = {}
        self.tree = Tree(self.complain, secret_key)

    def complain(self, place: Place, text: str, kind: ComplaintKind = ComplaintKind.MISREAD) -> None:
        """Note something that the parser or keepalived makes no sense of; the text names no values."""
        if len(self.complaints) < MAX_COMPLAINTS:
            self.complaints.append(ConfComplaint(place=place, text=text, kind=kind))

    def file(self, name: str) -> None:
        """Read one file. Raises: ParseError - a bound is exceeded."""
        text, shown = self._texts[name], clean(name)
        self._size += len(text)
        if self._size > MAX_TOTAL:
            raise ParseError("keepalived's configuration is larger than 4 MiB")
        self.read[shown] = None
        self._chain.append(name)
        for number, line in enumerate(text.split("\n"), 1):
            place = Place(file=shown, line=number)
            if len(line) <= _LINE_OF_KEEPALIVED:
                self._line(line.rstrip("\r"), place)
            else:
                self._long_line(line, place)
        self._chain.pop()

    def _long_line(self, line: str, place: Place) -> None:
        """keepalived takes each 1,023 characters for a line, even in a comment (tried)."""
        self.complain(place, "longer than 1,023 characters: keepalived takes what is behind them for another line")
        hidden = may_be_secret(line)
        for start in range(0, len(line), _LINE_OF_KEEPALIVED):
            self._line(line[start : start + _LINE_OF_KEEPALIVED].rstrip("\r"), place, hidden=hidden and start > 0)

    def _line(self, raw: str, place: Place, *, hidden: bool = False) -> None:
        self._count()
        self._stuck = False
        text, balanced = decomment(raw)
        if self._open is not None:
            self._continue(raw, text, place)
            return
        if not balanced:
            self.complain(place, "a quoted text has no end on its line")
        self._statement(text, place, 0, hidden=hidden)
        if text.endswith("\\") and self._open is None:
            self.complain(place, "keepalived joins lines that end in a backslash only inside a $definition")

    def _count(self) -> None:
        self._lines += 1
        if self._lines > MAX_LINES:
            raise ParseError("keepalived's configuration has more than 200,000 lines")

    # --- one line ----------------------------------------------------------------------

    def _statement(self, text: str, place: Place, level: int, *, hidden: bool = False) -> None:
        """Take one line, which may become several. level: how deep in multi-line definitions."""
        condition: str | None = None
        following: list[str] = []
        while text := text.strip(" \t"):
            text, condition, more = self._settle(text, place, condition)
            following = more + following
            if included := _INCLUDE.fullmatch(text):
                self._include(text[: included.start(1)].strip(), included[1], place, condition)
                break
            if text.startswith(_GENERATORS):
                self._generate(text, place, condition, level, hidden=hidden)
                break
            if text:
                text, hidden = self._brace(text, place, condition, hidden=hidden)
        for line in following:
            self._count()
            if level >= MAX_DEPTH:
                self.complain(place, "definitions within definitions are too deep", ComplaintKind.UNDECIDED)
                break
            self._statement(line, place, level + 1, hidden=hidden)

    def _generate(self, text: str, place: Place, condition: str | None, level: int, *, hidden: bool) -> None:
        """Read a `~SEQ` or `~LST` line once for each of its values."""
        found = generator(text) if condition is None and level < MAX_DEPTH else None
        if found is None:
            what = (
                f"what {clean(text[:4])} makes here is not known: keepalived refuses it, or haconsole cannot follow it"
            )
            self.complain(place, what, ComplaintKind.UNDECIDED)
            self.tree.text(text, place, condition, hidden=hidden)
            return
        for values in found.values:
            self._count()
            self._spend(len(found.rest))
            for name, value in zip(found.names, values, strict=True):
                self._definitions[name] = _Definition((value,))
            self._statement(found.rest, place, level + 1, hidden=hidden)

    def _settle(self, text: str, place: Place, condition: str | None) -> tuple[str, str | None, list[str]]:
        """Return the line without conditions and with its definitions put in, "" if nothing is left of it.

        With it the condition, if undecided, and the lines that a multi-line definition brings behind it.
        """
        following: list[str] = []
        again = True
        while again:
            if text.startswith("@"):
                text, undecided = self._condition(text, place)
                condition = condition or undecided
            if defined := _DEFINITION.fullmatch(text):
                self._define(defined[1], defined[2], certain=condition is None)
                text = ""
            if text.startswith("~"):
                break
            expanded, more = self._expand(text, place)
            again = expanded != text
            if again:
                text, _ = decomment(expanded)  # once more: what came in may hold a comment
                following = more + following
        return text, condition, following

    def _brace(self, text: str, place: Place, condition: str | None, *, hidden: bool) -> tuple[str, bool]:
        """Hand over the text up to the first brace, or the brace; return what is behind it."""
        at = _first_brace(text)
        self._count()  # each piece is a line to keepalived
        if at == 0:
            self.tree.brace(text[0], place, condition)
            return text[1:], hidden
        before = text if at is None else text[:at].rstrip(" \t")
        words = self.tree.text(before, place, condition, hidden=hidden)
        if at is None:
            return "", hidden
        rest = text[at:]
        return rest, hidden or (bool(words) and hides_rest(words, rest[0], glued=len(before) == at))

    def _condition(self, text: str, place: Place) -> tuple[str, str | None]:
        """Return the line without its condition, "" if it is not for us, and the condition if undecided."""
        found = _CONDITION.fullmatch(text)
        if not found:
            return "", None  # keepalived drops a condition without anything behind it
        sign, name, rest = found[1], found[2], found[3]
        if self._config_id is not None:
            return (rest if (name == self._config_id) != bool(sign) else ""), None
        what = "except where" if sign else "only where"
        self.complain(
            place,
            f"this line counts {what} keepalived's config-id is {clean(name)[:64]!r}; here it is unknown",
            ComplaintKind.UNDECIDED,
        )
        return rest, clean(f"@{sign}{name}")

    # --- definitions -------------------------------------------------------------------

    def _define(self, name: str, value: str, *, certain: bool) -> None:
        if value.endswith("\\"):
            self._open = (name, certain, [value[:-1].rstrip(" \t")])
        else:
            self._definitions[name] = _Definition((value,), certain=certain)

    def _continue(self, raw: str, text: str, place: Place) -> None:
        """Take the next line of a multi-line definition; the first without backslash is the last.

        An empty line ends it as well, one with nothing but blanks or a comment does not (tried).
        """
        if self._open is None or (raw and not text):
            return
        name, certain, lines = self._open
        more = text.endswith("\\")
        lines.append(text[:-1].rstrip(" \t") if more else text)
        if more:
            return
        self._open = None
        if not raw:
            self.complain(place, f"an empty line ends the definition of ${name}, whatever the line before it says")
        kept = tuple(line for line in lines if line) or ("",)
        self._definitions[name] = _Definition(kept, multiline=any(lines[:-1]), certain=certain)

    def _definition(self, name: str) -> _Definition | None:
        if name == "_PWD" and name not in self._definitions:
            return _Definition((posixpath.dirname(self._chain[-1]) or ".",))
        found = self._definitions.get(name)
        return found if found is not None and found.certain else None

    def _expand(self, text: str, place: Place) -> tuple[str, list[str]]:
        """Replace `$NAME` and `${NAME}`, also those that come in by it; return the rest of a multi-line one.

        Definitions that are not known stay as they are, as in keepalived.
        """
        following: list[str] = []
        at = done = 0
        while not self._stuck and (found := _REFERENCE.search(text, at)):
            definition = self._definition(found[1] or found[2])
            if definition is None or (definition.multiline and found.end() != len(text)):
                at = found.start() + 1
                continue
            longer = text[: found.start()] + definition.lines[0] + text[found.end() :]
            done += 1
            if len(longer) > _LINE_OF_KEEPALIVED or done > MAX_REPLACED:
                self.complain(place, "a definition makes this line too long, or contains itself: it is not put in")
                self._stuck = True
                break
            text, at = longer, found.start()
            following = [*definition.lines[1:], *following]
            self._spend(len(text) + len(following))
            if definition.lines[0].lstrip(" \t").startswith("~"):
                break
        return text, following

    def _spend(self, amount: int) -> None:
        self._work += amount + 1000
        if self._work > MAX_WORK:
            raise ParseError("keepalived's configuration expands to too much")

    # --- includes ----------------------------------------------------------------------

    def _include(self, keyword: str, pattern: str, place: Place, condition: str | None) -> None:
        if pattern[:1] in {'"', "'"}:
            self.complain(place, "keepalived takes the quotes for a part of the file's name and includes nothing")
            return
        if len(pattern) > MAX_PATTERN:
            self.complain(place, "the name of a file to include is too long", ComplaintKind.UNDECIDED)
            return
        if condition is not None:
            self.complain(place, "keepalived.conf(5): include does not work behind a condition")
        matched = False
        for each in _alternatives(posixpath.join(posixpath.dirname(self._chain[-1]), pattern)):
            names = self._matching(posixpath.normpath(each))
            matched = matched or bool(names)
            if not names:
                self.wanted[clean(each)] = None
            for name in names:
                self._follow(name, place)
        if not matched:
            words = (clean(keyword), clean(pattern))
            self.missing.append(Statement(words=words, place=place, condition=condition))

    def _follow(self, name: str, place: Place) -> None:
        if name in self._chain:
            self.complain(place, "a file includes itself")
        elif len(self._chain) >= MAX_DEPTH:
            self.complain(place, "includes within includes are too deep", ComplaintKind.UNDECIDED)
        else:
            self.file(name)

    def _matching(self, pattern: str) -> list[str]:
        """Names of files that a glob pattern means, in glob's order."""
        if not any(c in pattern for c in "*?["):
            return [self._files[pattern]] if pattern in self._files else []
        self._spend(len(self._files) * 100)
        parts = pattern.split("/")
        return [name for path, name in self._files.items() if _same_path(path.split("/"), parts)]


def _same_path(path: list[str], pattern: list[str]) -> bool:
    """A wildcard means neither a slash nor a leading dot."""
    return len(path) == len(pattern) and all(
        fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))
        for name, part in zip(path, pattern, strict=True)
    )


def _alternatives(pattern: str) -> Iterator[str]:
    """Expand `{a,b{c,d}}` as the shell does, in at most 256 steps."""
    todo = [pattern]
    for _ in range(256):
        if not todo:
            return
        each = todo.pop()
        found = _choices(each)
        if found is None:
            yield each
        elif len(todo) < 64:
            start, choices, end = found
            todo.extend(each[:start] + choice + each[end:] for choice in reversed(choices[:64]))


def _choices(pattern: str) -> tuple[int, list[str], int] | None:
    """Return where the first balanced braces begin, what stands between their commas, and where they end."""
    start = pattern.find("{")
    depth, choices, last = 0, list[str](), start + 1
    for found in _CHOICE.finditer(pattern, max(start, 0)):
        depth += {"{": 1, "}": -1, ",": 0}[found[0]]
        if found[0] != "{" and depth == (0 if found[0] == "}" else 1):
            choices.append(pattern[last : found.start()])
            last = found.end()
        if depth == 0:
            return start, choices, found.end()
    return None


def _first_brace(text: str) -> int | None:
    """Where the first brace outside "…" stands; an open quote hides all behind it."""
    at = 0
    while found := _BRACE.search(text, at):
        if found[0] != '"':
            return found.start()
        at = text.find('"', found.end()) + 1
        if not at:
            return None
    return None
