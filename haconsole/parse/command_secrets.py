"""Passwords in command lines: of a check in keepalived.conf, of a program in a log. Pure.

What looks like one is replaced; better too much than a password. Options are those of curl(1), wget(1),
squidclient(1), mysql(1), sshpass(1), ldapsearch(1), redis-cli(1) and snmpcmd(1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from haconsole.model.keepalived_conf import SECRET

BETWEEN: Final = "\0"
"""May stand for the end of a word, where words that were already split are looked at together."""

_B: Final = r"[ \t\0]"
_VALUE: Final = r"(\"[^\"\0]*\"?|'[^'\0]*'?|[^ \t\0\"']+)"
_PAIR: Final = r"(\"[^\"\0:]*:[^\"\0]*\"?|'[^'\0:]*:[^'\0]*'?|[^ \t\0\"':]*:[^ \t\0\"']+)"
"""USER:PASSWORD."""
_URL: Final = r"[\"']?[A-Za-z][A-Za-z0-9+.-]{0,30}://"
_START: Final = r"(?<![^ \t\0\"'(])"
"""An option begins here."""


def _of(programs: str, options: str) -> re.Pattern[str]:
    """One-letter options that hold a password for these programs, and a port or a path for others."""
    return re.compile(rf"((?<![\w-])(?:{programs})(?=[ \t\0])[^|;&]{{0,400}}?{_B}-(?:{options}){_B}?){_VALUE}")


_MASKS: Final = (
    re.compile(rf"({_START}(?:-[A-Za-z]{{0,6}}?[uU]|--(?:proxy-)?user)(?:=|{_B}*))(?!{_URL}){_PAIR}"),
    re.compile(
        rf"(?i)({_START}--?[\w-]{{0,40}}(?:pass(?:w(?:or)?d|phrase)?|secret|token|credentials?|api-?key)(?:=|{_B}+))"
        + _VALUE
    ),
    re.compile(
        rf"(?i)((?:pass(?:w(?:or)?d|phrase)?|secret|token|credentials?|api[_-]?key|private[_-]?key)[=:]{_B}*){_VALUE}"
    ),
    re.compile(r"(?i)(\b(?:proxy-)?authori[sz]ation:[ \t\0]*)([^\"'\0]+)"),
    re.compile(r"(?i)(\b(?:set-)?cookie:[ \t\0]*)([^\"'\0]+)"),
    re.compile(rf"({_START}(?:-b|--cookie)(?:=|{_B}+))([^ \t\0\"'=]{{1,200}}=[^ \t\0\"']+)"),
    re.compile(r"((?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}://)([^/ \t\0@\"']{1,400})(?=@)"),
    re.compile(r"((?<![\w-])(?:mysql|mariadb)[\w-]{0,20}(?=[ \t\0])[^|;&]{0,400}?[ \t\0]-p)([^ \t\0\"']+)"),
    _of("squidclient", "w|W"),
    _of("sshpass", "p"),
    _of("ldap[a-z]{1,12}", "w"),
    _of("redis-cli", "a"),
    _of("snmp[a-z]{1,12}", "c|A|X"),
)
"""(what stays, what is hidden) in each. Every repetition is bounded or cannot overlap: a node cannot make them slow."""
_HINT: Final = re.compile(
    r"(?i)-[a-z]{0,6}u|-b|pass|secret|token|credential|key|authori|cookie|@|mysql|mariadb|squidclient|ldap|redis|snmp"
)


def hide(text: str, told: Callable[[str], object] = lambda _: None) -> str:
    """`text` with `SECRET` where a password is or may be. told: gets each of them."""
    if _HINT.search(text) is None:
        return text

    def instead(found: re.Match[str]) -> str:
        if found[2] != SECRET:
            told(found[2])
        return found[1] + SECRET

    for mask in _MASKS:
        text = mask.sub(instead, text)
    return text


def hide_in_words(words: list[str]) -> list[str]:
    """The same in a command line that is split already: an option and its password are two words."""
    plain = [w.replace(BETWEEN, "") for w in words]
    return hide(BETWEEN.join(plain)).split(BETWEEN)
