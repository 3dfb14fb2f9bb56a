"""Texts of nodes as they may leave in a support bundle: no secret, no control character. Pure.

Three nets. Lines are searched for what looks like a secret, and cut behind it. keepalived's configuration goes
through its parser first, which knows where a password can stand: a line with one is written anew, a comment or a
definition that may hold one is left out. And what was recognised as a secret once is removed wherever else it
stands, also in base64, hex, percent-encoded or with JSON's escapes. Better too much than a password.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from haconsole.model.keepalived_conf import SECRET, Statement
from haconsole.parse.command_secrets import hide
from haconsole.parse.keepalived_conf import parse
from haconsole.parse.keepalived_conf_words import decomment, may_be_secret
from haconsole.parse.text import clean
from haconsole.report.keepalived_lines import words

LONGEST: Final = 8 * 1024
"""Characters of a line that are kept."""
SHORTEST: Final = 4
"""Characters of a secret that is looked for elsewhere; shorter ones would tear everything apart."""
LEARNED: Final = 128
"""Secrets that are remembered."""

_NAME: Final = (
    r"[\w.-]{0,40}(?:pass(?:w(?:or)?d|phrase)?|secret|token|credentials?|auth_data"
    r"|api[_-]?key|private[_-]?key|community)"
)
_REST: Final = (
    re.compile(r"(?i)(\bauth_pass\b[\"']?\s*[:=]?\s*)(.+)"),
    re.compile(rf"(?i)((?<![\w-]){_NAME}[\"']?\s*[:=]\s*)(.+)"),
    re.compile(rf"(?i)((?<![\w-])--?{_NAME}\s+)(.+)"),
    re.compile(r"(?i)(\b(?:proxy-)?authori[sz]ation\b[\"']?\s*[:=]?\s*)(.+)"),
    re.compile(r"(?i)(\b(?:set-)?cookie\b[\"']?\s*[:=]\s*)(.+)"),
)
"""What stands behind is cut to the end of the line. Every repetition is bounded: a node cannot make them slow."""
_WORDS: Final = (
    (re.compile(r"(?i)(\b(?:basic|digest|bearer|negotiate|ntlm)\s+)([A-Za-z0-9+/=_.~-]{6,})"), r"\1" + SECRET),
    (re.compile(r"(?i)((?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://)([^/\s@]{1,400})@"), r"\1" + SECRET + "@"),
    (re.compile(r"(?i)(\bhex:)([0-9a-f]+)"), r"\1" + SECRET),
)
_HARMLESS: Final = re.compile(r"eth\d+|[0-9.:/]+|/[\w./-]*|[a-z_]{1,5}")
"""Interfaces, addresses, paths, short words: not looked for elsewhere though they stood in a definition."""
_KEYWORDS: Final = frozenset({"authentication", "auth_type", "auth_pass", "auth_data", "auth_hmac", "PASS"})
_WAITS: Final = re.compile(r"(?i)\b(?:auth_pass|(?:proxy-)?authori[sz]ation\s*:?)[\"']?\s*\\?\s*$")
"""A line whose secret may stand on the next one."""


class Redactor:
    """Takes the texts of one bundle. `text` and the like first, for all; then `finish` for each."""

    def __init__(self) -> None:
        self._learned: dict[str, None] = {}

    def text(self, text: str) -> str:
        """Any program's output, line by line."""
        made, waits = [], False
        for line in text.split("\n"):
            shown = clean(line[:LONGEST].rstrip("\r"))
            if waits and shown.strip():
                self._learn(shown)
                shown, waits = SECRET, False
            waits = waits or _WAITS.search(shown) is not None
            made.append(self._line(shown))
        return "\n".join(made)

    def _line(self, line: str) -> str:
        for pattern in _REST:
            if found := pattern.search(line):
                self._learn(found[2])
                line = line[: found.start()] + found[1] + SECRET
        for pattern, instead in _WORDS:
            for found in pattern.finditer(line):
                self._learn(found[2])
            line = pattern.sub(instead, line)
        return hide(line, self._learn_value)

    def _learn(self, text: str) -> None:
        """Every word of what was cut: which of them is the secret is not known."""
        for word in re.split(r"[\s\"',;{}]+", text)[:8]:
            if len(word) >= SHORTEST and SECRET not in word and not word.isalpha() and len(self._learned) < LEARNED:
                self._learned[word] = None

    def _learn_value(self, value: str) -> None:
        """Of an option: USER:PASSWORD as a whole (as it stands in a header), and the password alone."""
        for part in (value, value.partition(":")[2]):
            self._learn(part)

    def learn(self, secret: str) -> None:
        """A secret that is known as such, whatever it looks like."""
        if len(secret) >= SHORTEST and len(self._learned) < LEARNED:
            self._learned[secret] = None

    def configuration(self, files: Mapping[str, str], main: str, hostname: str | None = None) -> dict[str, str]:
        """keepalived.conf with its includes: name -> text.

        Raises: ParseError, as the parser: then nothing of it may leave.
        """
        conf = parse(files, main, hostname=hostname)
        at: dict[tuple[str, int], list[Statement]] = {}
        for statement in _all(conf.statements):
            at.setdefault((statement.place.file, statement.place.line), []).append(statement)
        return {name: self._conf(clean(name), text, at) for name, text in files.items()}

    def _conf(self, name: str, text: str, at: Mapping[tuple[str, int], list[Statement]]) -> str:
        made = []
        for number, raw in enumerate(text.split("\n"), 1):
            statements = at.get((name, number), [])
            made.append(self._conf_line(raw.rstrip("\r"), statements))
        return self.text("\n".join(made))

    def _conf_line(self, raw: str, statements: list[Statement]) -> str:
        bare, _ = decomment(raw)
        indent = raw[: len(raw) - len(raw.lstrip())]
        if any(SECRET in w for s in statements for w in s.words):
            shown = "; ".join(words(s.words) or SECRET for s in statements)
            self._learn_all(bare, {w for s in statements for w in s.words})
            return f"{indent}{shown}  # haconsole: this line is written anew, without what may be a password"
        if not statements and bare.strip(" \t{}") and not bare.startswith("include"):
            # a definition, a line within one, one for another host, or one that keepalived makes nothing of
            name, equals, value = bare.partition("=")
            self._learn_all(" ".join(w for w in value.split() if not _HARMLESS.fullmatch(w)), set())
            return f"{indent}{f'{name}=' if equals and name.startswith('$') else ''}{SECRET}"
        return indent + bare if bare != raw.strip() and may_be_secret(raw) else raw

    def _learn_all(self, text: str, shown: set[str]) -> None:
        """Every word of a line with a secret that is not shown."""
        for word in re.split(r"[\s\"{}]+", text):
            if word not in shown and word not in _KEYWORDS and SECRET not in word:
                self.learn(word)

    def json_dump(self, text: str) -> str:
        """keepalived's JSON without `auth_data`. Raises: ValueError: it is no JSON, so nothing may leave."""
        return json.dumps(self.values(self._without_auth(json.loads(text))), indent=1, ensure_ascii=True)

    def _without_auth(self, value: object) -> object:
        if isinstance(value, dict):
            for key, inner in value.items():
                if "auth_data" in str(key).lower() and isinstance(inner, str):
                    self.learn(inner)
            return {k: self._without_auth(v) for k, v in value.items() if "auth_data" not in str(k).lower()}
        return [self._without_auth(v) for v in value] if isinstance(value, list) else value

    def values(self, value: object) -> object:
        """A JSON document of our own: every text in it as `text`."""
        if isinstance(value, dict):
            return {k: self.values(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.values(v) for v in value]
        return self.text(value) if isinstance(value, str) else value

    def finish(self, text: str) -> str:
        """The text without anything that was learned, in whatever form."""
        for form in sorted(self._forms(), key=len, reverse=True):
            text = text.replace(form, SECRET)
        return text

    def _forms(self) -> set[str]:
        found: set[str] = set()
        for secret in self._learned:
            found |= set(forms(secret))
        return found


def forms(secret: str) -> Iterator[str]:
    """How a secret may be written: as it is, base64, hex, percent-encoded, in JSON, as numbers."""
    data = secret.encode()
    yield secret
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="")
    for encoded in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        yield encoded
        if len(stripped := encoded.rstrip("=")) >= SHORTEST:
            yield stripped
    hexed = data.hex()
    yield hexed
    yield hexed.upper()
    yield data.hex(" ")
    yield data.hex(":")
    for separator in (",", ", "):
        yield separator.join(map(str, data))


def _all(statements: Iterable[Statement]) -> Iterator[Statement]:
    for statement in statements:
        yield statement
        yield from _all(statement.block or ())
