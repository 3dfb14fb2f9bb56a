"""keepalived.conf as a tree: blocks, words, files and line numbers; nothing is thrown away.

Made by `parse.keepalived_conf`. A block that haconsole does not know is kept like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from haconsole.model.readings import IpInterface
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in which file. `line` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One line of words, with the block that it opens, if any.

    `auth_pass` and other secrets never get here: the parser puts `SECRET` in their place.
    """

    words: tuple[str, ...]
    place: Place
    block: tuple[Statement, ...] | None = None
    """None: no braces. Empty: an empty block."""
    condition: str | None = None
    """`@NAME` or `@^NAME` in front of the line, where it is not known whether it holds."""
    secret_hash: str | None = None
    """Of the password on this line, with the key that `parse` was given: equal where the passwords are equal to
    keepalived. None: no password here, no key, or the text has none any more (cut out on its node)."""

    @property
    def keyword(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def args(self) -> tuple[str, ...]:
        return self.words[1:]

    def children(self, keyword: str) -> Iterator[Statement]:
        """Statements directly inside this block whose first word is `keyword`."""
        return (s for s in self.block or () if s.keyword == keyword)

    def first(self, keyword: str) -> Statement | None:
        return next(self.children(keyword), None)


SECRET = "(secret)"  # noqa: S105 - the sign for a password, not one
"""Stands where a password was."""


class ComplaintKind(Enum):
    """What a complaint of the parser means."""

    MISREAD = "misread"
    """keepalived reads the line otherwise than it was meant."""
    ONE_LINE = "one-line"
    """Several statements stand on one line: keepalived takes the first and drops the others."""
    UNDECIDED = "undecided"
    """keepalived may well understand it; what it comes to is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfComplaint:
    """Something the parser could not make sense of; keepalived goes on in such cases, and so do we."""

    place: Place
    text: str
    kind: ComplaintKind = ComplaintKind.MISREAD


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepalivedConf:
    """One configuration with its includes followed."""

    statements: tuple[Statement, ...]
    files: tuple[str, ...]
    """Every file read, in order; the first is the main file."""
    missing_includes: tuple[Statement, ...] = ()
    """`include` lines whose pattern matched no file that was read."""
    complaints: tuple[ConfComplaint, ...] = ()

    def blocks(self, keyword: str) -> Iterator[Statement]:
        return (s for s in self.statements if s.keyword == keyword)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfAddress:
    """One line of `virtual_ipaddress` or `virtual_ipaddress_excluded`."""

    address: IpInterface
    """/32 or /128 where the line has no prefix, as keepalived does."""
    interface: str | None = None
    """`dev`; None: the instance's interface."""
    label: str | None = None
    excluded: bool = False
    """True: moves with the others but is not named in adverts."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfInstance:
    """One `vrrp_instance` as its configuration tells it, with keepalived's defaults.

    None: not told and without default, not a number, or on a line whose `@condition` is not decided.
    """

    name: str
    vrid: int | None
    interface: str | None
    state: str | None
    """The word after `state`, as it stands there."""
    priority: int | None
    advert_interval_s: float | None
    version: int | None
    preempt: bool | None
    vips: tuple[IpInterface, ...]
    """Addresses that adverts name: `virtual_ipaddress`."""
    addresses: tuple[ConfAddress, ...] = ()
    """All addresses that move with the instance, with `dev` and `label`."""
    unicast: bool = False
    unicast_peers: tuple[IpAddress, ...] = ()
    source_address: IpAddress | None = None
    """`unicast_src_ip` or `mcast_src_ip`."""
    tracked_interfaces: tuple[tuple[str, int], ...] = ()
    """Names with weights; a weight that is no number counts as 0, as in keepalived."""
    tracked_scripts: tuple[tuple[str, int], ...] = ()
    tracked_files: tuple[tuple[str, int], ...] = ()
    place: Place
