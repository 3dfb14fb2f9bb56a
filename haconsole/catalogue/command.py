"""What an entry of the catalogue is. Data, not shell text.

An entry's argv has placeholders only from `Names`, each filled by exactly one argv element;
free text cannot get into a command line. `catalogue.script` turns filled entries into the one
string that goes over SSH; sudoers files, dry runs and the audit are printed from entries too.
"""

from __future__ import annotations

import re
from enum import Enum

from haconsole.model.events import Subject
from haconsole.model.record import dataclass

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Root(Enum):
    """Whether the command wants root."""

    NO = "no"
    BETTER = "better"
    """Works for anyone, tells more to root."""
    NEEDED = "needed"


class Danger(Enum):
    """Whether service can suffer. Read-only mode knows only OBSERVES."""

    OBSERVES = "observes"
    KEEPS = "keeps"
    """Changes what haconsole keeps in the node's /run (lock, saved state, armed revert), and no service."""
    RESTORES = "restores"
    """Brings service back: needs no guard that protects service."""
    DISTURBS = "disturbs"


class Verb(Enum):
    """How the script on the node runs the entry; each is a fixed shell function."""

    RUN = "run"
    """argv as it is."""
    DUMP = "dump"
    """Signal a daemon and read the file that it writes: argv is (unit, signal, age, file)."""
    FILES = "files"
    """Print files by a pattern: argv is (pattern,)."""
    FEED = "feed"
    """argv is (data, program, ...): the program gets the data on its standard input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What placeholders stand for; every value was validated when the configuration was loaded,
    or is a number."""

    keepalived_unit: str = "keepalived"
    squid_unit: str = "squid"
    config_file: str = "/etc/keepalived/keepalived.conf"
    signal: str = "10"
    dump_file: str = "/tmp/keepalived.data"  # noqa: S108 - keepalived's own place
    dump_age: str = "new"
    """`old`: keepalived 1.x follows links in /tmp and never makes the file anew."""
    pattern: str = ""
    log_file: str = "/var/log/messages"
    drain_file: str = "/run/haconsole-drain"

    def fill(self, word: str) -> str:
        """`{name}` anywhere in `word` -> its value. Raises: AttributeError for an unknown name."""
        return _PLACEHOLDER.sub(lambda m: str(getattr(self, m[1])), word)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """One command line that can run on a node."""

    id: str
    argv: tuple[str, ...]
    subject: Subject
    doc: str
    verb: Verb = Verb.RUN
    root: Root = Root.NO
    timeout_s: int = 5
    limit: int = 256 * 1024
    """Bytes of output kept."""
    small: bool = False
    """It tells a line or so, never as root, and what it says on standard error is nobody's evidence: run with half
    the processes."""
    danger: Danger = Danger.OBSERVES
    revert: str | None = None
    """Id of the entry that takes a DISTURBS entry back."""

    def filled(self, names: Names) -> tuple[str, ...]:
        """The argv with its placeholders replaced, one element each."""
        return tuple(names.fill(word) for word in self.argv)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """One long-lived command of the collector. `tag`: the letter in front of its lines."""

    id: str
    tag: str
    argv: tuple[str, ...]
    subject: Subject
    doc: str
    root: Root = Root.NO

    def filled(self, names: Names) -> tuple[str, ...]:
        """The argv with its placeholders replaced, one element each."""
        return tuple(names.fill(word) for word in self.argv)
