"""The changing half of the catalogue: every command line that acts on a node's service.

What disturbs carries its own safety to the node: the text refuses (status 75) unless a revert for
just this kind of change is armed there at that moment. So a login with the printed sudoers file
cannot take a link down or stop squid by hand either, without a timer that puts it back.
What restores (start, up, 0 in the drain file) needs nothing armed.
Sources: systemctl(1), systemd-run(1), ip-link(8), arping(8) of iputils and of Habets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from haconsole.catalogue import operation_text as text
from haconsole.catalogue.capture import interface_name
from haconsole.catalogue.command import CommandSpec, Danger, Root, Verb
from haconsole.catalogue.operation import (
    ARM_DRAIN,
    ARM_DRAIN_STOP,
    ARM_KEEPALIVED,
    ARM_LINK,
    ARM_SQUID,
)
from haconsole.model.events import Subject
from haconsole.model.spec import IpAddress

NOT_ARMED: Final = 75
"""Exit status of a change that found no revert of its kind armed: nothing was done."""
LOWEST_DRAIN: Final = -253
"""keepalived 2.x takes -254 and below for FAULT."""


def _disturbs(
    name: str, kind: str, command: str, armed_by: CommandSpec, doc: str, *, timeout_s: int = 8, feed: bool = False
) -> CommandSpec:
    script = text.change(kind, command)
    return CommandSpec(
        id=name,
        verb=Verb.FEED if feed else Verb.RUN,
        argv=(*(("{data}",) if feed else ()), "/bin/sh", "-c", script),
        subject=Subject.UNITS,
        root=Root.NEEDED,
        timeout_s=timeout_s,
        danger=Danger.DISTURBS,
        revert=armed_by.id,
        doc=doc,
    )


def _restores(name: str, argv: tuple[str, ...], doc: str, *, timeout_s: int = 8) -> CommandSpec:
    return CommandSpec(
        id=name,
        argv=argv,
        subject=Subject.UNITS,
        root=Root.NEEDED,
        timeout_s=timeout_s,
        danger=Danger.RESTORES,
        doc=doc,
    )


def drain_value(value: int) -> str:
    """What DRAIN_ON gets. Raises: ValueError: not between -1 and LOWEST_DRAIN."""
    if not LOWEST_DRAIN <= value <= -1:
        raise ValueError(f"{value}: a drain writes -1 to {LOWEST_DRAIN}")
    return str(value)


_VALUE = "IFS= read -r v; case $v in -[1-9]|-[1-9][0-9]|-1[0-9][0-9]|-2[0-4][0-9]|-25[0-3]) ;; *) exit 64;; esac;"

DRAIN_ON = _disturbs(
    "drain.on",
    "drain",
    f"{_VALUE} {text.write_drain('{drain_file}', '$v')};",
    ARM_DRAIN,
    "A negative number into the file that keepalived tracks: the priority falls by it.",
    feed=True,
)
DRAIN_OFF = _restores(
    "drain.off",
    ("/bin/sh", "-c", text.change(None, f"{text.write_drain('{drain_file}', '0')};")),
    "0 into that file. It is written, never deleted.",
)
DRAIN_STOP = _disturbs(
    "drain.stop",
    "drain-stop",
    "exec systemctl stop {keepalived_unit}.service;",
    ARM_DRAIN_STOP,
    "Drain by stopping keepalived.",
    timeout_s=30,
)
KEEPALIVED_STOP = _disturbs(
    "keepalived.stop", "keepalived", "exec systemctl stop {keepalived_unit}.service;", ARM_KEEPALIVED,
    "Stop keepalived.", timeout_s=30,
)  # fmt: skip
KEEPALIVED_START = _restores(
    "keepalived.start", ("systemctl", "start", "{keepalived_unit}.service"), "Start keepalived.", timeout_s=30
)
KEEPALIVED_RESTART = _disturbs(
    "keepalived.restart", "keepalived", "exec systemctl restart {keepalived_unit}.service;", ARM_KEEPALIVED,
    "Restart keepalived.", timeout_s=30,
)  # fmt: skip
KEEPALIVED_RELOAD = _disturbs(
    "keepalived.reload", "keepalived", "exec systemctl reload {keepalived_unit}.service;", ARM_KEEPALIVED,
    "Let keepalived read its configuration anew.", timeout_s=30,
)  # fmt: skip
SQUID_STOP = _disturbs(
    "squid.stop", "squid", "exec systemctl stop {squid_unit}.service;", ARM_SQUID,
    "Stop squid; it may take its shutdown_lifetime.", timeout_s=60,
)  # fmt: skip
SQUID_START = _restores("squid.start", ("systemctl", "start", "{squid_unit}.service"), "Start squid.", timeout_s=30)
SQUID_RESTART = _disturbs(
    "squid.restart", "squid", "exec systemctl restart {squid_unit}.service;", ARM_SQUID, "Restart squid.", timeout_s=60
)
LINK_DOWN = _disturbs(
    "link.down", "link-{interface}", "exec ip link set dev {interface} down;", ARM_LINK,
    "Take an interface down that does not carry the console's own connection.",
)  # fmt: skip
LINK_DOWN_DETACHED = _disturbs(
    "link.down-detached",
    "link-{interface}",
    f"systemctl reset-failed {text.CHANGE_UNIT}.service 2> /dev/null; exec systemd-run --unit={text.CHANGE_UNIT} "
    "/bin/sh -c 'sleep 0.5 && exec ip link set dev {interface} down';",
    ARM_LINK,
    "The same half a second later, by a unit of the node: the answer still gets out over that interface.",
)
LINK_UP = _restores("link.up", ("ip", "link", "set", "dev", "{interface}", "up"), "Take an interface up.")

# The node's own kernel says which of the addresses it holds: nothing else is announced. Habets'
# arping has another option for the interface, and -A only in newer versions.
_GARP = """
IFS= read -r n; IFS= read -r w; case $n in ''|-*|*[!A-Za-z0-9_.-]*) exit 64;; esac;
case $w in *[!0-9.' ']*) exit 64;; esac; i=-I; k=0; arping -V 2>&1 | grep -q iputils || i=-i;
for a in $w; do if ip -o -4 addr show dev $n | grep -qF " inet $a/"; then
arping -q -U -c 2 $i $n $a > /dev/null && if [ $i = -I ]; then arping -q -A -c 2 $i $n $a > /dev/null; fi;
r=$?; echo "announced $a $r"; [ $r = 0 ] || k=1; else echo "not-held $a"; fi; done; exit $k;
"""
GARP = CommandSpec(
    id="garp.announce",
    verb=Verb.FEED,
    argv=("{data}", "/bin/sh", "-c", text.change(None, _GARP)),
    subject=Subject.UNITS,
    root=Root.NEEDED,
    timeout_s=30,
    danger=Danger.RESTORES,
    doc="Gratuitous ARP for VIPs that this node holds, with whichever arping is there.",
)


def announcing(interface: str, vips: Iterable[IpAddress]) -> str:
    """What GARP gets. IPv6 addresses are left out: arping has no word for them."""
    return f"{interface_name(interface)}\n{' '.join(str(v) for v in vips if v.version == 4)}"


COMMANDS: Final[Mapping[str, CommandSpec]] = {
    c.id: c
    for c in (
        DRAIN_ON, DRAIN_OFF, DRAIN_STOP, KEEPALIVED_STOP, KEEPALIVED_START, KEEPALIVED_RESTART, KEEPALIVED_RELOAD,
        SQUID_STOP, SQUID_START, SQUID_RESTART, LINK_DOWN, LINK_DOWN_DETACHED, LINK_UP, GARP,
    )
}  # fmt: skip
"""By id."""
