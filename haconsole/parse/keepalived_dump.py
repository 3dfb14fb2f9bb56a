"""keepalived's DATA dump (`/tmp/keepalived.data`, SIGUSR1) of 1.3.5 to 2.4 -> `DaemonReading`.

The dump is text by indentation: ` VRRP Instance = NAME` starts an instance, three blanks a field
or a header, five blanks the lines of a list. 1.3.5 writes scripts and interfaces (one blank, with
headers of their own) into the instance that tracks them; later versions write them as sections
behind the instances. Lines that are not known are passed over.

Passwords: `Password = ...` is cut off before anything else looks at a line; the only word kept of
authentication is its type, and that only from a closed list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from haconsole.model.readings import (
    DaemonReading,
    InstanceReading,
    IpInterface,
    TrackedFile,
    TrackedInterface,
    TrackedScript,
    VrrpState,
)
from haconsole.model.spec import IpAddress
from haconsole.parse import keepalived_dump_json
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_words import AUTH_TYPES, address, decimal, integer, interface_address
from haconsole.parse.text import clean

MAX_INSTANCES = 1000
MAX_LINE = 64 * 1024

parse_json_dump = keepalived_dump_json.parse_json_dump

_SECTION = re.compile(r"-{6}< (.{1,60}) >-{6}")
_FIELD = re.compile(r" *([^=]*?) = (.*)")
_COUNTED = re.compile(r"([A-Z][A-Za-z ]*?) (?:= ([0-9]{1,6})|\(([0-9]{1,6})\):|:)")
_WEIGHTED = re.compile(r"(.+?),? weight ([+-]?[0-9]{1,12})(?: reverse)?")
_INTERVAL = re.compile(r"([0-9]{1,9}) ?(milli-sec|sec)s?")
_LINK = re.compile(r"(not )?UP, (not )?RUNNING\b.*")
_SECRET = re.compile(r"(?i)(?:password|auth_data|auth_pass)\s*[=:].*")

_TOPOLOGY, _SCRIPTS, _FILES = "VRRP Topology", "VRRP Scripts", "VRRP Track files"
_INTERFACES, _GROUPS, _GLOBAL = "Interfaces", "VRRP Sync groups", "Global definitions"
_NIC = "NIC"
_LISTS = {
    "Virtual IP": "vips",
    "Virtual IP Excluded": "excluded",
    "Tracked interfaces": "interfaces",
    "Tracked scripts": "scripts",
    "Tracked files": "files",
    "Unicast Peer": "peers",
}
"""Headers inside an instance whose lines are wanted. Other headers end a list."""


@dataclass(slots=True)
class _Tracked:
    """A tracked interface or script of 1.3.5, written inside its instance."""

    name: str
    weight: int = 0
    status: str = ""
    seen: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Draft:
    """An instance while its lines come in."""

    name: str
    fields: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    nics: list[_Tracked] = field(default_factory=list)
    scripts: list[_Tracked] = field(default_factory=list)
    current: str | None = None
    """The list whose lines come now."""
    inline: _Tracked | None = None
    """The block of 1.3.5 whose lines come now."""
    modern: bool = False
    """2.0 or later: only those tell the wanted state."""
    unicast: bool = False


def parse_data_dump(text: str) -> DaemonReading:
    """Return what the daemon said of its instances; none at all is a valid answer.

    Raises: ParseError - not a dump, cut off, or beyond the bounds (1,000 instances, 64 KiB a line).
    """
    if not text.strip():
        raise ParseError("keepalived's dump is empty")
    if not text.endswith("\n"):
        # Each line is written with its end: without it the last value may be half a value.
        raise ParseError("keepalived's dump is cut off in its last line")
    dump = _Dump()
    for line in text[:-1].split("\n"):
        if len(line) > MAX_LINE:
            raise ParseError("keepalived's dump has a line of more than 64 KiB")
        dump.line(_SECRET.sub("", line.rstrip("\r")))
    return dump.reading()


class _Dump:
    """Takes the lines in order."""

    def __init__(self) -> None:
        self.sections: set[str] = set()
        self._section = ""
        self._entry = ""
        self._drafts: list[_Draft] = []
        self._script_ok: dict[str, bool | None] = {}
        self._unproven: set[str] = set()
        self._file_value: dict[str, int] = {}
        self._link_up: dict[str, bool] = {}
        self._group_of: dict[str, str] = {}

    def line(self, line: str) -> None:
        """Take the next line."""
        found = _SECTION.fullmatch(line)
        if found and found[1] == _NIC and self._section == _TOPOLOGY and self._drafts:
            self._drafts[-1].current, self._drafts[-1].inline = None, None
        elif found:
            self._section, self._entry = found[1], ""
            self.sections.add(found[1])
        elif self._section == _TOPOLOGY:
            self._topology(line)
        elif self._section in {_SCRIPTS, _FILES, _INTERFACES, _GROUPS}:
            self._behind(line)

    # --- sections behind the instances -------------------------------------------------

    def _behind(self, line: str) -> None:
        found = _FIELD.fullmatch(line)
        if not found:
            return
        key, value = found[1], found[2]
        if not line.startswith("  "):
            # ` VRRP Script = chk`, ` Track file = drain`, ` Name = eth0`, ` VRRP Sync Group = g, MASTER`
            self._entry = value.rpartition(", ")[0] if self._section == _GROUPS else value
        elif self._section == _SCRIPTS:
            self._script(key, value)
        elif self._section == _FILES and key == "Status":
            if (number := integer(value, -(2**31), 2**31 - 1)) is not None:
                self._file_value.setdefault(self._entry, number)
        elif self._section == _INTERFACES and key == "State":
            if link := _LINK.fullmatch(value):
                self._link_up.setdefault(self._entry, not link[1] and not link[2])
        elif self._section == _GROUPS and key == "monitor":
            self._group_of.setdefault(value, self._entry)  # 1.3.5; later each instance says it

    def _script(self, key: str, value: str) -> None:
        if key == "Init state" and value == "INIT":
            self._unproven.add(self._entry)  # 2.2 and later: `Status` says BAD although it never ran
        elif key == "Status":
            self._script_ok.setdefault(self._entry, _verdict(value))

    # --- instances ---------------------------------------------------------------------

    def _topology(self, line: str) -> None:
        indent = len(line) - len(line.lstrip(" "))
        if line.startswith(" VRRP Instance = "):
            if len(self._drafts) >= MAX_INSTANCES:
                raise ParseError("keepalived's dump has more than 1,000 instances")
            self._drafts.append(_Draft(_name(line[17:])))
        elif not self._drafts:
            return
        elif indent >= 4:
            draft = self._drafts[-1]
            if draft.current:
                draft.lists[draft.current].append(line.strip())
            elif line.strip().startswith("Using unicast"):
                draft.unicast = True
        elif indent == 1:
            _inline(self._drafts[-1], line[1:])
        elif indent == 3:
            _instance_line(self._drafts[-1], line[3:])

    # --- the end -----------------------------------------------------------------------

    def reading(self) -> DaemonReading:
        """Return the whole, or raise ParseError where the end is missing."""
        if not self.sections & {_TOPOLOGY, _INTERFACES}:
            raise ParseError("not a dump of keepalived: it has neither instances nor interfaces")
        modern = _GLOBAL in self.sections or any(d.modern for d in self._drafts)
        if modern and _INTERFACES not in self.sections:
            # 2.x writes the interfaces last, and there is always one (lo).
            raise ParseError("keepalived's dump is cut off: the section Interfaces is missing")
        return DaemonReading(kind="DATA", instances=tuple(self._instance(d, modern=modern) for d in self._drafts))

    def _instance(self, draft: _Draft, *, modern: bool) -> InstanceReading:
        values = draft.fields
        vrid = integer(values.get("Virtual Router ID", ""), 1, 255)
        if vrid is None or "State" not in values:
            raise ParseError(f"keepalived's dump is cut off: no state or router id for {clean(draft.name)}")
        for name, count in draft.counts.items():
            if name in {"vips", "excluded"} and len(draft.lists[name]) < count:
                raise ParseError(f"keepalived's dump is cut off: addresses of {clean(draft.name)} are missing")
        state = _state(values["State"])
        master = _master(values) if state is VrrpState.BACKUP else (None, None)
        peers = _addresses_of(draft, "peers")
        return InstanceReading(
            name=clean(draft.name),
            vrid=vrid,
            interface=clean(_interface(values)),
            state=state,
            version=integer(values.get("VRRP Version", ""), 2, 3),
            priority=integer(values.get("Priority", ""), 0, 255),
            effective_priority=integer(values.get("Effective priority", ""), 0, 255),
            advert_interval_s=_seconds(values.get("Advert interval", "")),
            preempt={"enabled": True, "disabled": False}.get(values.get("Preempt", "")),
            preempt_delay_s=decimal(_first(values.get("Preempt delay", ""))),
            source_address=address(_first(values.get("Using src_ip", ""))),
            master_address=master[0],
            master_priority=master[1],
            vips=_vips_of(draft, "vips"),
            excluded_vips=_vips_of(draft, "excluded"),
            last_transition_node_s=decimal(_first(values.get("Last transition", ""))) or None,
            unicast=(draft.unicast or bool(peers)) if modern else (True if peers else None),
            unicast_peers=peers,
            auth_type=AUTH_TYPES.get(values.get("Authentication type", "")),
            sync_group=_clean_or_none(values.get("Sync group") or self._group_of.get(draft.name)),
            tracked_interfaces=self._interfaces(draft),
            tracked_scripts=self._scripts(draft),
            tracked_files=tuple(
                TrackedFile(name=clean(n), value=self._file_value.get(n), weight=w)
                for n, w in _weighted(draft, "files")
            ),
        )

    def _interfaces(self, draft: _Draft) -> tuple[TrackedInterface, ...]:
        inline = [TrackedInterface(name=clean(n.name), up=_nic_up(n.seen), weight=n.weight) for n in draft.nics]
        listed = [
            TrackedInterface(name=clean(n), up=self._link_up.get(n), weight=w)
            for n, w in _weighted(draft, "interfaces")
        ]
        return (*inline, *listed)

    def _scripts(self, draft: _Draft) -> tuple[TrackedScript, ...]:
        inline = [TrackedScript(name=clean(s.name), ok=_verdict(s.status), weight=s.weight) for s in draft.scripts]
        listed = [
            TrackedScript(name=clean(n), ok=None if n in self._unproven else self._script_ok.get(n), weight=w)
            for n, w in _weighted(draft, "scripts")
        ]
        return (*inline, *listed)


def _inline(draft: _Draft, line: str) -> None:
    """Take a line with one blank: the version, or what 1.3.5 tells of an interface or a script."""
    if line.startswith("VRRP Version = "):
        draft.fields.setdefault("VRRP Version", line[15:])
    elif line.startswith("VRRP Script = "):
        draft.inline = _Tracked(_name(line[14:]))
        draft.scripts.append(draft.inline)
    elif line.startswith("Name = "):
        draft.inline = _Tracked(_name(line[7:]))
        draft.nics.append(draft.inline)
    elif draft.inline and line.startswith("weight = "):
        draft.inline.weight = integer(line[9:], -255, 255) or 0
    elif draft.inline and line in {"is UP", "is RUNNING", "is DOWN"}:
        draft.inline.seen.add(line[3:])


def _instance_line(draft: _Draft, line: str) -> None:
    """Take a line with three blanks: a header, a field, or a script's field of 1.3.5."""
    draft.current = None
    header = _COUNTED.fullmatch(line)
    if header and header[1] in _LISTS:
        name = _LISTS[header[1]]
        draft.current, draft.inline = name, None
        draft.lists.setdefault(name, [])
        if count := header[2] or header[3]:
            draft.counts.setdefault(name, int(count))
        return
    if draft.inline and line.startswith("Status = "):
        draft.inline.status = line[9:]
    elif draft.inline and line.startswith("Interface weight "):
        draft.inline.weight = integer(line[17:], -255, 255) or 0
    elif found := _FIELD.fullmatch(line):
        draft.modern |= found[1] == "Wantstate"
        draft.fields.setdefault(found[1], found[2])


def _name(value: str) -> str:
    """Return a name as it is. Raises: ParseError - a line end got lost and two lines are one."""
    if " = " in value or not value.strip():
        raise ParseError("keepalived's dump is damaged: a name is missing or runs into the next line")
    return value


def _first(value: str) -> str:
    return value.split(" ", 1)[0]


def _clean_or_none(value: str | None) -> str | None:
    return clean(value) if value and " = " not in value else None


def _state(word: str) -> VrrpState | None:
    """1.3.5 prints a number for anything but the three usual states; 0 is INIT (its vrrp.h)."""
    if word == "0":
        return VrrpState.INIT
    return VrrpState[word] if word in VrrpState.__members__ else None


def _interface(values: dict[str, str]) -> str:
    """The interface as configured: with use_vmac `vrrp.1, vmac on eth0` means eth0. "": none yet."""
    word = values.get("Configured interface") or values.get("Interface") or values.get("Listening device") or ""
    if word == "not configured":
        return ""
    own, comma, rest = word.partition(", ")
    _, on, below = rest.partition(" on ")
    if comma and on and not below.startswith("("):
        return _first(below).rstrip(",")
    return _first(own).rstrip(",")


def _master(values: dict[str, str]) -> tuple[IpAddress | None, int | None]:
    """The master that a BACKUP hears; before the first advert keepalived shows zeros."""
    who = address(values.get("Master router", ""))
    return who, integer(values.get("Master priority", ""), 1, 255) if who else None


def _seconds(value: str) -> float | None:
    found = _INTERVAL.fullmatch(value)
    if not found:
        return None
    return int(found[1]) / (1000 if found[2] == "milli-sec" else 1)


def _verdict(status: str) -> bool | None:
    """GOOD and BAD are results; INIT is none yet, except where the configuration or a reload settles it."""
    return {"GOOD": True, "INIT/GOOD": True, "BAD": False, "INIT/FAILED": False}.get(status)


def _nic_up(seen: set[str]) -> bool | None:
    """keepalived takes a link for up when it is both UP and RUNNING."""
    return {"UP", "RUNNING"} <= seen if seen else None


def _weighted(draft: _Draft, name: str) -> list[tuple[str, int]]:
    """`eth1 weight 0`, `drain, weight 1`."""
    found = (_WEIGHTED.fullmatch(line) for line in draft.lists.get(name, ()))
    return [(m[1], int(m[2])) for m in found if m and " = " not in m[1]]


def _vips_of(draft: _Draft, name: str) -> tuple[IpInterface, ...]:
    found = (interface_address(_first(line)) for line in draft.lists.get(name, ()))
    return tuple(a for a in found if a is not None)


def _addresses_of(draft: _Draft, name: str) -> tuple[IpAddress, ...]:
    found = (address(_first(line)) for line in draft.lists.get(name, ()))
    return tuple(a for a in found if a is not None)
