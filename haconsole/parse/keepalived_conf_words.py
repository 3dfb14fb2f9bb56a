"""Words of one line of keepalived.conf, split and unquoted as keepalived's lib/parser.c does, and secrets.

Whatever may be a password is replaced here, before a statement exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from haconsole.model.keepalived_conf import SECRET
from haconsole.parse.command_secrets import hide_in_words
from haconsole.parse.keepalived_words import interface_address
from haconsole.parse.text import clean

_BLANKS = " \t\f\v\r\n"

_ESCAPING = frozenset({
    "lvs_notify_fifo_script", "misc_path", "notify", "notify_backup", "notify_deleted", "notify_down",
    "notify_fault", "notify_fifo_script", "notify_master", "notify_master_rx_lower_pri", "notify_stop",
    "notify_up", "quorum_down", "quorum_up", "script", "shutdown_script", "startup_script",
    "vrrp_notify_fifo_script",
})  # fmt: skip
"""Keywords whose line has '…' and backslashes as well; all others know only "…" (install_keyword_quoted)."""

_WORD = re.compile(r'"([^"]*)"|([^ \t\f\v\r\n"]+)|(")')
_COMMENT = re.compile(r'[!#"\\]')
_LAST_BACKSLASH = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
_NAMED = {"a": "\a", "b": "\b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,64})|c(.)|([0-7]{1,3})|(.))", re.DOTALL)

_SECRET_KEYWORD = re.compile(
    r"(?i)(?:.{0,64}[_-])?(?:auth)?(?:pass(?:w(?:or)?d|phrase)?|secret|token|credentials?|auth_data)"
)
_HINT = re.compile(r"(?i)pass|secret|token|credential|auth|key|hex:")
_DEFINES = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*=")
_SECRET_ANYWHERE = frozenset({"auth_pass", "auth_data", "password", "passwd"})
_KNOWN_IN = {
    "authentication": frozenset({"auth_type", "auth_pass"}),
    "auth_hmac": frozenset({"key", "active_key", "time_window", "anti_replay", "mode"}),
}
"""Blocks that hold secrets: what is not one of their keywords may be a password on the wrong line."""

_NAME_LISTS = frozenset({"track_interface", "track_script", "track_file", "track_process", "track_bfd"})
_ADDRESS_LISTS = frozenset({"virtual_ipaddress", "virtual_ipaddress_excluded", "unicast_peer"})
_TAKES = {
    "state": 1, "interface": 1, "virtual_router_id": 1, "priority": 1, "advert_int": 1, "version": 1,
    "nopreempt": 0, "preempt": 0, "preempt_delay": 1, "unicast_src_ip": 1, "mcast_src_ip": 1, "unicast_ttl": 1,
    "dont_track_primary": 0, "native_ipv6": 0, "accept": 0, "no_accept": 0, "garp_master_delay": 1,
    "garp_master_repeat": 1, "garp_master_refresh": 1, "auth_type": 1, "auth_pass": 1, "script": 1, "interval": 1,
    "timeout": 1, "rise": 1, "fall": 1, "weight": 1, "init_fail": 0,
}  # fmt: skip
"""Keywords of an instance, its authentication and a script, with the number of words they take."""

_STARTS = frozenset(_TAKES) | _NAME_LISTS | _ADDRESS_LISTS | {"authentication", "auth_hmac", "notify_master"}

Complain = Callable[[str], None]


def decomment(line: str) -> tuple[str, bool]:
    """Return the line without comment and outer blanks, and whether its quotes are balanced.

    A backslash at the end stays, without the blanks before it, even if it ends a comment.
    `\\#` and `\\!` outside quotes stand for themselves.
    """
    kept: list[str] = []
    quoted, continued, start, at = False, False, 0, 0
    end = len(line)
    while found := _COMMENT.search(line, at):
        at = found.end()
        if found[0] == '"':
            quoted = not quoted
        elif found[0] == "\\":
            if at == len(line):
                end, continued = found.start(), True
            elif not quoted and line[at] in "#!":
                kept.append(line[start : found.start()])
                start = at
            at += 1
        elif not quoted:
            end = found.start()
            continued = _LAST_BACKSLASH.search(line, end) is not None
            break
    kept.append(line[start:end])
    return "".join(kept).strip(" \t") + "\\" * continued, not quoted


def split(text: str, complain: Complain) -> list[str]:
    """Return the words of a line without braces. Not cleaned, secrets still there."""
    first = re.match(r"[^ \t\"]*", text)
    if first and first[0] in _ESCAPING:
        words = _escaped(text)
        if words is not None:
            return words
        complain(f"a quote or a backslash after {first[0]} has no end: keepalived cannot read the line")
    return _plain(text, complain)


def _plain(text: str, complain: Complain) -> list[str]:
    """Only "…" quotes, and it is always a word of its own (alloc_strvec)."""
    words: list[str] = []
    for found in _WORD.finditer(text):
        if found[3]:
            complain("a quoted text has no end: keepalived drops the rest of the line")
            break
        words.append(found[2] if found[1] is None else found[1])
    return words


def _escaped(text: str) -> list[str] | None:
    """Quotes of both kinds inside words, and backslashes (alloc_strvec_quoted_escaped); None: no end."""
    words: list[str] = []
    word: list[str] | None = None
    quote, at = "", 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            found = _ESCAPE.match(text, at)
            if not found:
                return None
            word = word if word is not None else []
            word.append(_unescaped(found))
            at = found.end()
            continue
        at += 1
        if quote and char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote, word = char, word if word is not None else []
        elif not quote and char in _BLANKS:
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = word if word is not None else []
            word.append(char)
    if quote:
        return None
    return [*words, "".join(word)] if word is not None else words


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1][-2:], 16))
    if found[2]:
        return chr(ord(found[2]) & 0x1F)
    if found[3]:
        return chr(int(found[3], 8) & 0xFF)
    return _NAMED.get(found[4], found[4])


def safe(words: list[str], parent: str, *, hidden: bool = False) -> tuple[str, ...]:
    """Return the words (at least one) cleaned, with `SECRET` where a password is or may be.

    parent: keyword of the block around the line. hidden: the line is the tail of a secret.
    """
    known = _KNOWN_IN.get(parent)
    if hidden or _is_secret(parent):
        return (SECRET,)
    if known is not None and words[0] not in known:
        return _until(words, 1) if len(words) > 1 and words[0].lower().startswith("auth") else (SECRET,)
    if defined := _DEFINES.match(words[0] if words[1:2] != ["="] else words[0] + "="):
        return (clean(defined[0]), SECRET)  # meant as a definition, which may be one of a password
    for index, word in enumerate(words):
        if word.lower() in _SECRET_ANYWHERE or (index == 0 and parent not in _NAME_LISTS and _is_secret(word)):
            return _until(words, index + 1)
    if words[0] == "key" and (parent == "auth_hmac" or (len(words) > 1 and words[1].isdecimal())):
        return _until(words, 2 if len(words) > 2 else 1)
    return _shown(words) if known is None else _until(words, 2)


def _until(words: list[str], count: int) -> tuple[str, ...]:
    """Show so many words; `SECRET` stands for all others."""
    return _shown(words[:count]) + ((SECRET,) if len(words) > count else ())


def _shown(words: list[str]) -> tuple[str, ...]:
    """A script's command line may carry a password as well; `hex:` is a key."""
    return tuple(SECRET if w.startswith("hex:") else clean(w) for w in hide_in_words(words))


def hides_rest(words: tuple[str, ...], brace: str, *, glued: bool) -> bool:
    """Tell whether what stands on the line behind `brace` may belong to a password in `words`.

    keepalived ends a line at every brace; to whoever wrote `auth_pass pa{ss}` it is the password.
    glued: no blank before the brace.
    """
    if words[0] == "key" and len(words) < 3:
        return True
    if words[-1] == SECRET:
        return glued or brace == "{"
    return words[-1].lower() in _SECRET_ANYWHERE or (len(words) == 1 and _is_secret(words[0]))


def may_be_secret(line: str) -> bool:
    """Tell whether anything in a line looks like a password or a key."""
    return _HINT.search(line) is not None


def _is_secret(keyword: str) -> bool:
    return keyword == SECRET or _SECRET_KEYWORD.fullmatch(keyword) is not None


def one_line(words: tuple[str, ...], parent: str, complain: Complain) -> None:
    """Complain of statements that a person plainly put on one line and keepalived takes for one.

    keepalived reads a line as one keyword with its words (braces end a line as well). Tried with
    2.2.7: `state MASTER interface eth0 virtual_router_id 1` sets the state, says nothing of the rest,
    and then misses the router id.
    """
    if parent in {"vrrp_instance", "vrrp_script", "authentication"} and words[0] in _TAKES:
        lost = next((w for w in words[1 + _TAKES[words[0]] :] if w in _STARTS), None)
        if lost is not None:
            complain(f"keepalived reads one statement a line: {lost!r} behind {words[0]!r} has no effect")
    elif parent in _ADDRESS_LISTS:
        pairs = zip(words[1:], words, strict=False)
        if any(interface_address(w) and before not in {"brd", "broadcast", "peer"} for w, before in pairs):
            complain("keepalived reads one address a line: the others have no effect")
    elif _DEFINES.fullmatch(words[0]):
        complain("no definition to keepalived: one is `$NAME=value`, without a blank before the '='")
    elif parent in _NAME_LISTS and len(words) > 1 and words[1] != "weight":
        complain("keepalived reads one name a line, with `weight` behind it: the rest has no effect")


def meant(words: tuple[str, ...], parent: str) -> list[tuple[str, ...]]:
    """Return the statements that a person plainly put on one line: what `one_line` complains of, taken apart.

    parent: keyword of the block around the line. One statement where nothing is to be taken apart.
    """
    if parent in {"vrrp_instance", "vrrp_script", "authentication"} and words and words[0] in _TAKES:
        cuts, at = [0], 1 + _TAKES[words[0]]
        while at < len(words):
            if words[at] in _STARTS:
                cuts.append(at)
                at += _TAKES.get(words[at], 0)
            at += 1
    elif parent in _ADDRESS_LISTS:
        pairs = zip(words, ("", *words), strict=False)
        cuts = [
            i
            for i, (word, before) in enumerate(pairs)
            if i == 0 or (interface_address(word) and before not in {"brd", "broadcast", "peer"})
        ]
    else:
        return [words]
    return [words[a:b] for a, b in zip(cuts, [*cuts[1:], len(words)], strict=True)]


def takes_no_block(words: tuple[str, ...]) -> bool:
    """Tell whether the keyword is one that never has a block."""
    return bool(words) and words[0] in _TAKES
