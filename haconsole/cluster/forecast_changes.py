"""What a forecast supposes: things that go, or come back, and the words that name them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from enum import Enum

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.record import dataclass
from haconsole.parse.text import clean


class Thing(Enum):
    """What can go, and come back."""

    NODE = "node"
    """The whole node: dead, or cut off without a word."""
    SQUID = "squid"
    """`systemctl stop squid`."""
    KEEPALIVED = "keepalived"
    """`systemctl stop keepalived`: a stop in good order."""
    LINK = "link"
    """`ip link set ... down`, or its cable."""
    DRAIN = "drain"
    """A number in the drain file. Restored: 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One supposition. `restored`: it comes back instead of going."""

    node: str
    thing: Thing
    interface: str | None = None
    """Of a LINK."""
    value: int | None = None
    """Of a DRAIN: the number written; 0 when it is restored."""
    restored: bool = False

    @property
    def inverse(self) -> Change:
        """What takes it back."""
        return replace(self, restored=not self.restored)

    @property
    def word(self) -> str:
        """As `--without` names it: `proxy-serv01:eth1`."""
        if self.thing is Thing.NODE:
            return self.node
        return f"{self.node}:{self.interface if self.thing is Thing.LINK else self.thing.value}"

    @property
    def text(self) -> str:
        """`eth1 down on proxy-serv01`."""
        if self.thing is Thing.NODE:
            return f"{self.node} {'back' if self.restored else 'gone'}"
        if self.thing is Thing.LINK:
            return f"{self.interface} {'up' if self.restored else 'down'} on {self.node}"
        if self.thing is Thing.DRAIN:
            value = 0 if self.restored else self.value
            return f"{value} in the drain file of {self.node}"
        return f"{self.thing.value} {'started' if self.restored else 'stopped'} on {self.node}"


class UnknownNameError(ValueError):
    """`--without` names what the cluster does not have; the text says what was near."""


def without(pictures: Iterable[ClusterPicture], word: str) -> tuple[ClusterPicture, Change]:
    """The cluster and the change that a word of `--without` means.

    `NODE`, `NODE:squid`, `NODE:keepalived`, `NODE:lan`, `NODE:public`, `NODE:INTERFACE`; in front of a
    node that several clusters have, `CLUSTER/`. Raises: UnknownNameError.
    """
    name, colon, thing = word.partition(":")
    cluster, slash, bare = name.rpartition("/")
    found = [(p, n) for p in pictures for n in p.nodes if n.name == bare and (not slash or p.spec.name == cluster)]
    if not found:
        names = [n.name for p in pictures for n in p.nodes]
        raise UnknownNameError(f"there is no node {clean(name)!r}" + _near(bare, names))
    if len(found) > 1:
        listed = ", ".join(f"{p.spec.name}/{n.name}" for p, n in found)
        raise UnknownNameError(f"several clusters have a node {clean(bare)!r}; say one of: {listed}")
    picture, node = found[0]
    return picture, _change(node, thing) if colon else Change(node=node.name, thing=Thing.NODE)


def _change(node: NodePicture, thing: str) -> Change:
    if thing in {"squid", "keepalived"}:
        return Change(node=node.name, thing=Thing(thing))
    interface = {"lan": node.spec.lan_interface, "public": node.spec.public_interface}.get(thing, thing)
    if interface is None:
        raise UnknownNameError(f"{node.name} has no public interface in the configuration")
    known = interfaces(node)
    if interface not in known:
        names = ["squid", "keepalived", "lan", "public", *known]
        raise UnknownNameError(f"{node.name} has no interface {clean(thing)!r}" + _near(thing, names))
    return Change(node=node.name, thing=Thing.LINK, interface=interface)


def interfaces(node: NodePicture) -> tuple[str, ...]:
    """Interfaces that may be named: configured, seen in the kernel, tracked."""
    spec = node.spec
    names: dict[str, None] = dict.fromkeys(
        (spec.lan_interface, *([spec.public_interface] if spec.public_interface else []))
    )
    if node.kernel is not None:
        names.update(dict.fromkeys(n for n in node.kernel.links if n != "lo"))
    for instance in node.instances or ():
        names.update(dict.fromkeys(t.name for t in instance.tracked_interfaces))
    return tuple(clean(n) for n in names)


def _near(word: str, names: Iterable[str]) -> str:
    listed = list(dict.fromkeys(names))
    near = get_close_matches(word, listed, 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(listed)}"


def single_failures(picture: ClusterPicture) -> tuple[Change, ...]:
    """Each thing of each node that can fail alone, in the nodes' order."""
    found: list[Change] = []
    for node in picture.nodes:
        spec = node.spec
        links = dict.fromkeys((spec.lan_interface, spec.public_interface))
        found.append(Change(node=node.name, thing=Thing.NODE))
        found += [Change(node=node.name, thing=Thing.LINK, interface=i) for i in links if i is not None]
        found += [Change(node=node.name, thing=t) for t in (Thing.SQUID, Thing.KEEPALIVED)]
    return tuple(found)
