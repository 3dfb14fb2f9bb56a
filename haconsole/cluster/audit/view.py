"""One configuration as the audit looks at it: instances with their blocks, scripts, and words for findings. Pure.

Where several statements stand on one line, keepalived takes the first and drops the rest. That is told
as a finding; everything else is judged as it was meant, so that the other troubles are told as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from haconsole.cluster.audit.values import AuditEvidence, ConfFile
from haconsole.model.keepalived_conf import (
    SECRET,
    ComplaintKind,
    ConfInstance,
    KeepalivedConf,
    Place,
    Statement,
)
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.parse.keepalived_conf import vrrp_instances
from haconsole.parse.keepalived_conf_words import meant
from haconsole.parse.keepalived_words import decimal, integer

Key = tuple[int, int]
"""A virtual router: VRID and IP version. Nodes of a cluster meet in it."""

_SMALL = 3
"""Lines of a block that are shown with it."""

OWNER = 255
"""The priority of the address owner (RFC 5798 5.2.4): keepalived never lowers it."""


@dataclass(frozen=True, kw_only=True)
class Inst:
    """One `vrrp_instance` of one file."""

    view: View
    conf: ConfInstance
    block: Statement

    @property
    def name(self) -> str:
        return self.conf.name

    @property
    def family(self) -> int:
        """4 or 6: by its first address; keepalived takes IPv4 where there is none."""
        return self.conf.addresses[0].address.version if self.conf.addresses else 4

    @property
    def key(self) -> Key | None:
        """None: the VRID is not known."""
        return None if self.conf.vrid is None else (self.conf.vrid, self.family)

    @property
    def vips(self) -> frozenset[IpAddress]:
        """Addresses that adverts name."""
        return frozenset(v.ip for v in self.conf.vips)

    def line(self, keyword: str) -> Statement | None:
        """The line that counts: the last; None: there is none, or it is not decided which."""
        found = list(self.block.children(keyword))
        return found[-1] if found and all(s.condition is None for s in found) else None

    def lacks(self, keyword: str) -> bool:
        """True: surely no such line."""
        return self.view.whole and not any(True for _ in self.block.children(keyword))

    def place(self, *keywords: str) -> Place:
        """Where the first of these keywords stands; else where the instance begins."""
        found = (self.line(k) for k in keywords)
        return next((s.place for s in found if s is not None), self.block.place)

    def said(self, *keywords: str) -> tuple[AuditEvidence, ...]:
        """The instance's lines with these keywords, the instance's own line where there is none."""
        found = [s for s in (self.line(k) for k in keywords) if s is not None]
        return tuple(self.view.said(s, self.name) for s in found) or (self.view.said(self.block),)


@dataclass(frozen=True, kw_only=True)
class Script:
    """One `vrrp_script`. None: not told, or no number."""

    name: str
    block: Statement
    command: str | None
    interval_s: float | None
    timeout_s: float | None
    fall: int | None
    rise: int | None
    weight: int

    def place(self, keyword: str) -> Place:
        """Where the keyword stands, else where the block begins."""
        found = self.block.first(keyword)
        return self.block.place if found is None else found.place


@dataclass(frozen=True, kw_only=True)
class View:
    """One file."""

    file: ConfFile

    @cached_property
    def conf(self) -> KeepalivedConf:
        """As it was meant; what is not on one line stays as it is."""
        conf = self.file.conf
        if not any(c.kind is ComplaintKind.ONE_LINE for c in conf.complaints):
            return conf
        return replace(conf, statements=_meant(conf.statements, ""))

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def whole(self) -> bool:
        """False: parts of it are not known here, so that nothing can be said to be missing."""
        undecided = any(c.kind is ComplaintKind.UNDECIDED for c in self.conf.complaints)
        return self.file.whole and not undecided

    @cached_property
    def instances(self) -> tuple[Inst, ...]:
        """In the file's order; of two with one name the first, as keepalived does."""
        blocks: dict[str, Statement] = {}
        for block in self.conf.blocks("vrrp_instance"):
            if block.args:
                blocks.setdefault(block.args[0], block)
        return tuple(Inst(view=self, conf=i, block=blocks[i.name]) for i in vrrp_instances(self.conf))

    @cached_property
    def scripts(self) -> dict[str, Script]:
        """By name."""
        found: dict[str, Script] = {}
        for block in self.conf.blocks("vrrp_script"):
            if block.args and block.condition is None:
                found.setdefault(block.args[0], _script(block))
        return found

    def names(self, *keywords: str) -> frozenset[str]:
        """Names of the blocks with these keywords, those included whose condition is not decided."""
        return frozenset(b.args[0] for k in keywords for b in self.conf.blocks(k) if b.args)

    def globals(self, keyword: str) -> Statement | None:
        """A line of `global_defs`."""
        return next((s for g in self.conf.blocks("global_defs") for s in g.children(keyword)), None)

    @property
    def source(self) -> str:
        """Who says what the file says."""
        return self.name if self.file.node is None else f"configuration of {self.file.node}"

    def said(self, statement: Statement, inside: str = "") -> AuditEvidence:
        """One line of the file. inside: name of the block around it."""
        text = shown(statement)
        place = statement.place
        return AuditEvidence(
            source=self.source, text=f"{inside}: {text}" if inside else text, file=place.file, line=place.line
        )

    def where(self, place: Place) -> str:
        """The place with its node, for remedies."""
        return str(place) if self.file.node is None else f"on {self.file.node}, {place}"

    def write(self, place: Place, line: str) -> str:
        """The remedy that is a line: where, and what must stand there."""
        return f"{self.where(place)}: {line}"


def shown(statement: Statement) -> str:
    """The line again, with its quotes where a word needs them; a small block on one line."""
    text = " ".join(f'"{w}"' if w == "" or (" " in w and w != SECRET) else w for w in statement.words)
    inner = statement.block or ()
    if not inner or len(inner) > _SMALL or any(s.block is not None for s in inner):
        return text
    return f"{text} {{ {'; '.join(shown(s) for s in inner)} }}"


def subject(inst: Inst) -> str:
    """`proxy_ip1 on proxy-serv01`, `proxy_ip1 in a.conf`."""
    return f"{inst.name} {at(inst.view)}"


def at(view: View) -> str:
    """`on proxy-serv01`, `in a.conf`."""
    return f"in {view.name}" if view.file.node is None else f"on {view.name}"


def _meant(statements: tuple[Statement, ...], parent: str) -> tuple[Statement, ...]:
    found: list[Statement] = []
    for statement in statements:
        inner = statement.keyword if not (statement.keyword == "track_file" and statement.args) else "vrrp_track_file"
        block = None if statement.block is None else _meant(statement.block, inner)
        parts = meant(statement.words, parent) if statement.words else [statement.words]
        found += [replace(statement, words=words, block=None) for words in parts[:-1]]
        found.append(replace(statement, words=parts[-1], block=block))
    return tuple(found)


def _script(block: Statement) -> Script:
    def word(keyword: str) -> str:
        found = [s for s in block.children(keyword) if s.condition is None]
        return found[-1].args[0] if found and found[-1].args else ""

    return Script(
        name=block.args[0],
        block=block,
        command=word("script") or None,
        interval_s=decimal(word("interval")) if word("interval") else 1.0,
        timeout_s=decimal(word("timeout")),
        fall=integer(word("fall"), 1, 2**31 - 1),
        rise=integer(word("rise"), 1, 2**31 - 1),
        weight=integer(word("weight"), -(2**31), 2**31 - 1) or 0,
    )


def groups(views: tuple[View, ...]) -> dict[Key, tuple[Inst, ...]]:
    """The instances of all files by virtual router, in the files' order; of one file only the first."""
    found: dict[Key, dict[int, Inst]] = {}
    for number, view in enumerate(views):
        for inst in view.instances:
            if inst.key is not None:
                found.setdefault(inst.key, {}).setdefault(number, inst)
    return {key: tuple(members.values()) for key, members in found.items()}


def watched(inst: Inst) -> Iterator[tuple[str, str, int]]:
    """Everything the instance watches: kind (`interface`, `script`, `file`), name, weight."""
    yield from (("interface", n, w) for n, w in inst.conf.tracked_interfaces)
    yield from (("script", n, w) for n, w in inst.conf.tracked_scripts)
    yield from (("file", n, w) for n, w in inst.conf.tracked_files)
