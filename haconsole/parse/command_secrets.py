"""Passwords in command lines: of a check in keepalived.conf, of a program in a log. Pure.

What looks like one is replaced; better too much than a password. Options are those of curl(1), wget(1),
squidclient(1), mysql(1), sshpass(1), plink(1), ldapsearch(1), redis-cli(1), snmpcmd(1), ipmitool(1), the
fence agents, the monitoring plugins (check_http, check_mysql, ...) and squid's LDAP helpers; of squid.conf, whose
lines squid repeats where they are wrong, `login=` of cache_peer and cachemgr_passwd.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final

from haconsole.model.keepalived_conf import SECRET
from haconsole.model.record import dataclass

BETWEEN: Final = "\0"
"""May stand for the end of a word, where words that were already split are looked at together."""

_ROUNDS: Final = 4
"""What one mask puts in may let another see more; after so many rounds nothing changes in any known line."""

_B: Final = r"[ \t\0]"
_QUOTED: Final = r"\"[^\"\0]*+\"?+|'[^'\0]*+'?+"
_ESCAPED: Final = r"\\{1,4}\"(?:(?!\\{1,4}\")[^\0])*+(?:\\{1,4}\")?+"
"""A text of JSON within a text: its quotes have backslashes."""
_MORE: Final = r"(?:[^ \t\0\"']++|\"(?![ \t\0,;)\]}])[^\"\0]+\"|'(?![ \t\0,;)\]}])[^'\0]+')*+"
"""The rest of a shell word; a quote at the end of a word ends what began before the value."""
_VALUE: Final = rf"((?:{_ESCAPED}|(?:{_QUOTED}|[^ \t\0\"']){_MORE}))"
_URL: Final = r"[\"']?[A-Za-z][A-Za-z0-9+.-]{0,30}://"
_START: Final = r"(?<![^ \t\0\"'(])"
"""An option begins here."""
_NAME: Final = r"(?:pass(?:w(?:or)?d|phrase)?|secret|token|credentials?|api[_-]?key|private[_-]?key)"
_END: Final = r"\\{0,4}+[\"']?+"
"""A name in JSON ends with a quote."""
_HEADER: Final = r"((?:=\\{0,4}\"[^\"\0]*+\"?|[^\"'\0])++)"
"""A header's value to the quote around it; those within are `name="value"`."""


class _Later:
    """A pattern, compiled when it is first looked for: most starts look for few of them."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self._pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mask:
    """(what stays, what is hidden) in `pattern`, where the text has one of `needs` in small letters.

    only: a value without this character is no password. Every repetition is bounded, possessive or cannot
    overlap: a node cannot make them slow."""

    needs: tuple[str, ...]
    pattern: _Later
    only: str = ""


_MASKS: Final = (
    _Mask(  # keepalived's own sentence on one that is too long has no password
        needs=("auth_pass",),
        pattern=_Later(
            rf"(?i)(auth_pass(?![a-z_]){_END}{_B}*+[:=]?+{_B}*+)"
            rf"(?!to{_B}[0-9]{{1,3}}{_B}characters[ .']{{0,4}}$)([^\0\n]++)"
        ),
    ),
    _Mask(
        needs=(":",),
        pattern=_Later(
            rf"({_START}(?:-[A-Za-z]{{0,6}}?[uU]|--(?:proxy-)?user)(?:=|{_B}*+))(?!{_URL}|[ \t\0-]){_VALUE}"
        ),
        only=":",
    ),
    _Mask(
        needs=("pass", "secret", "token", "credential", "key", "bearer"),
        pattern=_Later(rf"(?i)({_START}--?[\w-]{{0,40}}(?:{_NAME}|bearer)(?:=|{_B}++)){_VALUE}"),
    ),
    _Mask(
        needs=("pass", "secret", "token", "credential", "key"),
        pattern=_Later(rf"(?i)({_NAME}(?:{_END}{_B}{{0,8}}:|=){_B}*+){_VALUE}"),
    ),
    _Mask(
        needs=("pwd", "_auth", "_key", "_pw"),
        pattern=_Later(
            rf"((?:[A-Za-z]_(?:PWD|AUTH|KEY|PW|pwd|auth|pw)|(?<!\w)pwd)(?:=|{_END}{_B}{{0,8}}:{_B}*+)){_VALUE}"
        ),
    ),
    _Mask(needs=("authori",), pattern=_Later(rf"(?i)(\b(?:proxy-)?authori[sz]ation:{_B}*+){_HEADER}")),
    _Mask(
        needs=("authori",),
        pattern=_Later(rf"(?i)(\bauthori[sz]ation\\{{0,4}}[\"']{_B}{{0,8}}:{_B}*+){_VALUE}"),
    ),
    _Mask(needs=("cookie",), pattern=_Later(rf"(?i)(\b(?:set-)?cookie:{_B}*+){_HEADER}")),
    _Mask(
        needs=("x-",),
        pattern=_Later(rf"(?i)((?<![\w-])x-[\w-]{{0,40}}?(?:auth|key|token|secret|pass)[\w-]{{0,40}}:{_B}*+){_HEADER}"),
    ),
    _Mask(needs=("login=",), pattern=_Later(rf"(?i)((?<![\w-])login=){_VALUE}"), only=":"),
    _Mask(needs=("cachemgr_passwd",), pattern=_Later(rf"(?i)(\bcachemgr_passwd{_B}++){_VALUE}")),
    _Mask(needs=("-b", "--cookie"), pattern=_Later(rf"({_START}(?:-b|--cookie)(?:=|{_B}++)){_VALUE}"), only="="),
    _Mask(
        needs=(":",),
        pattern=_Later(rf"({_START}(?:-[A-Za-z]{{0,6}}?E|--(?:proxy-)?cert)(?:=|{_B}*+)){_VALUE}"),
        only=":",
    ),
    _Mask(
        needs=("://",),
        pattern=_Later(r"((?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}://)([^/ \t\0\"']{1,400})(?=@)"),
    ),
    _Mask(  # without a scheme: of a proxy, of a host
        needs=("@",), pattern=_Later(r"((?<![^ \t\0\"']))([^ \t\0:@/\"']{1,80}+:[^ \t\0/\"']{1,400})(?=@)")
    ),
    _Mask(
        needs=("?", "&"),
        pattern=_Later(r"(?i)([?&](?:[\w-]{0,30}[_-])?(?:key|auth|sig|signature|pw|pwd)=)([^ \t\0\"'&]+)"),
    ),
    _Mask(
        needs=("api.telegram.org", "hooks.slack.com", "/api/webhooks/"),
        pattern=_Later(
            r"(?i)(api\.telegram\.org/(?:file/)?bot|hooks\.slack\.com/[a-z]{1,20}/|/api/webhooks/)([^ \t\0\"'?]+)"
        ),
    ),
)


def _of(needs: str, programs: str, options: str, blank: str = rf"{_B}*+") -> tuple[str, _Later, _Mask]:
    """Options that hold a password for these programs, and a port or a path for others: (what the text has,
    the program, its option)."""
    return (
        needs,
        _Later(rf"(?<![\w-])(?:{programs})(?=[ \t\0])"),
        _Mask(needs=(), pattern=_Later(rf"({_START}-(?:{options}){blank}){_VALUE}")),
    )


_PROGRAMS: Final = (
    _of("mysql", r"mysql[\w-]{0,20}", "p", ""),
    _of("mariadb", r"mariadb[\w-]{0,20}", "p", ""),
    _of("squidclient", "squidclient", "w|W"),
    _of("sshpass", "sshpass", "[A-Za-z]{0,4}?p"),
    _of("plink", "plink|pscp|psftp", rf"pw(?={_B})"),
    _of("ldap", "ldap[a-z]{1,12}", "[A-Za-z]{0,4}?w"),
    _of("ldap", "(?:basic|squid|ext)_ldap_[a-z_]{1,12}", "w"),
    _of("redis-cli", "redis-cli", "a"),
    _of("snmp", "(?:check_)?snmp[a-z]{0,12}", "c|C|A|X"),
    _of("ipmi", "ipmi[a-z-]{1,20}", "P"),
    _of("fence_", r"fence_\w{1,30}", "p"),
    _of("check_", "check_(?:http|curl)[a-z]{0,8}", "a|b"),
    _of("check_", r"check_(?:mysql|pgsql|oracle|radius|disk_smb|dbi|mssql)\w{0,20}", "p"),
    _of("check_ldap", "check_ldaps?", "P"),
)
_SEGMENT: Final = re.compile(r"(?:[^|;&\"']++|\"[^\"\0]*+\"|'[^'\0]*+'|[\"']|[|;&](?![ \t\0|;&]|$))*+", re.DOTALL)
"""The words of one program: to the next of the shell's separators."""


def hide(text: str, told: Callable[[str], object] = lambda _: None) -> str:
    """`text` with `SECRET` where a password is or may be. told: gets each of them."""
    for _ in range(_ROUNDS):
        before, text = text, _once(text, told)
        if text == before:
            break
    return text


def _once(text: str, told: Callable[[str], object]) -> str:
    small = text.lower()
    for mask in _MASKS:
        if any(n in small for n in mask.needs):
            text = _sub(mask, text, told)
    for needs, program, mask in _PROGRAMS:
        if needs in small:
            text = _of_program(program, mask, text, told)
    return text


def _sub(mask: _Mask, text: str, told: Callable[[str], object]) -> str:
    def instead(found: re.Match[str]) -> str:
        if mask.only not in found[2]:
            return found[0]
        if found[2] != SECRET:
            told(found[2])
        return found[1] + SECRET

    return mask.pattern.compiled.sub(instead, text)


def _of_program(program: _Later, mask: _Mask, text: str, told: Callable[[str], object]) -> str:
    """Each program's words are looked at once, whatever stands among them."""
    made, at = [], 0
    while found := program.compiled.search(text, at):
        words = _SEGMENT.match(text, found.end())
        end = words.end() if words is not None else found.end()
        made += [text[at : found.end()], _sub(mask, text[found.end() : end], told)]
        at = end
    return "".join((*made, text[at:]))


def hide_in_words(words: list[str]) -> list[str]:
    """The same in a command line that is split already: an option and its password are two words."""
    plain = [w.replace(BETWEEN, "") for w in words]
    return hide(BETWEEN.join(plain)).split(BETWEEN)
