"""Words and looks that several rules share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote
from typing import Final

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.model.events import Subject
from haconsole.model.findings import Evidence, Finding
from haconsole.model.readings import Address, Listener, StateSource, UnitReading, VrrpState
from haconsole.model.spec import IpAddress

LASTING_S: Final = 3.0
"""Witnesses that disagree for less than this may just have been asked in the middle of a change."""

FOREVER_S: Final = 1e10
"""Three hundred years: a longer span is a mistake of some clock."""


NO_ANSWER_TO_SYN: Final = "timed out connecting"
"""What a client's failure says where not even its first packet is answered (`io.probe`)."""


def key(id_: str, node: str = "", instance: str = "", vip: IpAddress | None = None) -> str:
    """The key of a finding, as `Finding.key` makes it."""
    return "/".join((id_, node, instance, str(vip or "")))


def vip_of(picture: ClusterPicture, finding: Finding) -> VipPicture | None:
    """The VIP that a finding is about."""
    return next((v for v in picture.vips if v.address == finding.vip), None)


def listed(items: Iterable[object], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    texts = [str(i) for i in items]
    return f" {word} ".join(texts) if len(texts) < 3 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def span(seconds: float) -> str:
    """`40 s`, `3 min`, `5 h`, `12 d`; `?` for what no clock tells."""
    if not abs(seconds) < FOREVER_S:
        return "?"
    whole = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def since_text(picture: ClusterPicture, at: float | None) -> str:
    """` for 3 min`, or nothing where the time is not known."""
    return "" if at is None else f" for {span(picture.at - at)}"


# --- evidence ----------------------------------------------------------------


def by_kernel(node: NodePicture, text: str, at: float | None = None) -> Evidence:
    """The kernel's word: addresses and links."""
    return Evidence(source=f"kernel on {node.name}", text=text, at=node.kernel_at if at is None else at)


def address_on(node: NodePicture, vip: VipPicture) -> Address | None:
    """The VIP as the node's kernel has it."""
    held = node.kernel.addresses if node.kernel is not None else ()
    return next((a for a in held if a.address.ip == vip.address), None)


def kernels(picture: ClusterPicture, vip: VipPicture) -> Iterator[Evidence]:
    """What each kernel says of the address; of a node that could not be asked, that."""
    for node in picture.nodes:
        held = node.holds(vip.address)
        if held is None:
            yield Evidence(source=f"kernel on {node.name}", text="could not be asked", at=None)
        elif (address := address_on(node, vip)) is not None:
            yield by_kernel(node, f"{vip.address} is on {address.interface}", vip.since)
        else:
            yield by_kernel(node, f"{vip.address} is not there")


def by_host(node: NodePicture, text: str) -> Evidence:
    """The kernel's word on routes, disks, connections, path filters."""
    return by_kernel(node, text, node.host_at)


def by_systemd(node: NodePicture, text: str, at: float | None = None) -> Evidence:
    """systemd's word on a unit."""
    return Evidence(source=f"systemd on {node.name}", text=text, at=node.units_at if at is None else at)


def by_squid(node: NodePicture, text: str) -> Evidence:
    """squid's check, or its listening sockets."""
    return Evidence(source=f"squid on {node.name}", text=text, at=node.squid_at)


def by_instance(node: NodePicture, instance: InstancePicture) -> Evidence:
    """What told the state of an instance; the time is since when it is so, where that was told."""
    source = {
        StateSource.DUMP: f"keepalived on {node.name}",
        StateSource.LOG: f"keepalived's log on {node.name}",
        StateSource.ADDRESSES: f"addresses on {node.name}",
    }.get(instance.state_source or StateSource.ADDRESSES, f"keepalived on {node.name}")
    state = "not known" if instance.state is None else instance.state.value
    at = instance.since if instance.since is not None else instance.state_at
    return Evidence(source=source, text=f"{instance.name} is {state}{_priorities(instance)}", at=at)


def _priorities(instance: InstancePicture) -> str:
    if instance.priority is None:
        return ""
    if instance.effective_priority is None:
        return f", priority {instance.priority}"
    return f", priority {instance.effective_priority} of {instance.priority}"


def by_client(vip: VipPicture) -> Evidence | None:
    """What the last client got; None: nothing fresh."""
    if vip.client is None:
        return None
    result = vip.client.result
    if not result.ok:
        text = f"{vip.address}: {result.error or f'status {result.status}'}"
    elif result.checked == "tcp":
        text = f"{vip.address}: the port accepts connections"
    else:
        text = f"{vip.address}: answered {result.status}"
    at = vip.client.at if result.ok or vip.failed_since is None else vip.failed_since
    return Evidence(source="client", text=text, at=at)


def present(*evidence: Evidence | None) -> tuple[Evidence, ...]:
    """Those that are there."""
    return tuple(e for e in evidence if e is not None)


# --- looks -------------------------------------------------------------------


def link_name(node: NodePicture, interface: str) -> str:
    """`public link eth1`, `LAN link eth0`, `link eth7`."""
    if interface == node.spec.public_interface:
        return f"public link {interface}"
    return f"LAN link {interface}" if interface == node.spec.lan_interface else f"link {interface}"


def link_trouble(node: NodePicture, interface: str) -> str | None:
    """`switched off`, `no carrier`, `not there`; None: it works, or is not known."""
    if node.kernel is None:
        return None
    link = node.kernel.links.get(interface)
    if link is None:
        return "not there"
    if not link.up:
        return "switched off"
    return None if link.carrier else "no carrier"


def look_at_link(node: NodePicture, interface: str) -> str:
    """The next step for a link that is down."""
    word = quote(interface)  # a node may call its interfaces what it likes, and people copy this line
    return (
        f"on {node.name}: ip -d link show {word}; if it was switched off: ip link set {word} up; "
        f"else look at cable and switch port"
    )


def down_since(picture: ClusterPicture, node: NodePicture, interface: str) -> float | None:
    """When the kernel told that the link went down; None: not seen."""
    texts = {f"{interface} down", f"{interface} up, no carrier", f"{interface} is gone"}
    said = reversed(picture.lines(node.name, "kernel"))
    found = next((o for o in said if o.text == f"{interface} up" or o.text in texts), None)
    return None if found is None or found.text not in texts else found.at


def unit_down(unit: UnitReading | None) -> bool:
    """Proven not to run (and systemd knows it)."""
    return unit is not None and unit.loaded and not unit.active


def unit_up(unit: UnitReading | None) -> bool:
    """Proven to run."""
    return unit is not None and unit.active


def covers(listeners: Iterable[Listener], vip: IpAddress) -> bool:
    """Would one of the sockets take a connection to `vip`.

    An IPv6 wildcard may serve IPv4 too (`bindv6only`): it is given the benefit of the doubt.
    `0.0.0.0` never serves IPv6.
    """
    for listener in listeners:
        if listener.address == vip:
            return True
        if listener.address is None and (vip.version == 4 or not listener.text.startswith("0.0.0.0:")):
            return True
    return False


def daemon_state(instance: InstancePicture | None) -> VrrpState | None:
    """The state by the daemon's own word; None: only guessed, or not known."""
    return instance.state if instance is not None and instance.state_from_daemon else None


def lasting(picture: ClusterPicture, vip: VipPicture, node: NodePicture, instance: InstancePicture) -> bool:
    """True: neither the addresses nor the instance changed just now, and the instance's word is
    not older than the last change of the addresses; so a disagreement is one.

    A log that is followed speaks up to now: what it does not tell did not happen. Without it a dump
    spoke when it was made.
    """
    recent = [t for t in (vip.since, instance.since) if t is not None and picture.at - t < LASTING_S]
    if recent or not vip.settled:
        return False
    followed = instance.state_source is StateSource.LOG or Subject.LOG not in node.failed
    return followed or vip.since is None or instance.state_at is None or instance.state_at >= vip.since
