"""What an operator said of an action, and the action that it means as things stand: interfaces by their names, the
drain that a node can have, whether the console's own way is cut. Decides nothing, asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from ipaddress import ip_address

from haconsole.catalogue.capture import interface_name
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.operation import NodeOperation
from haconsole.model.record import dataclass
from haconsole.operations.actions import Action, Drain, Kind, Method, drain_of
from haconsole.parse.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the operator said."""

    kind: Kind
    node: str
    operator: str
    host: str
    interface: str | None = None
    """`lan`, `public`, or a name."""
    wanted_s: float | None = None
    """`--revert-after`, or what is left until `until`."""
    until: str | None = None
    """RFC 3339: as it will be told."""
    wait_idle_s: float | None = None
    reason: str | None = None
    ticket: str | None = None
    outside_window: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    phrase: str | None = None
    break_lock: str | None = None
    read_only: bool = False
    drill: str | None = None
    """The drill that it belongs to: lock, journal and audit log call it so."""
    hold_s: float | None = None
    """Held so long from the moment it was verified, whatever its deadline; None: as the action is."""


class WordsError(ValueError):
    """What was asked for cannot be; the text is for the operator."""


class UnreadError(WordsError):
    """It may be, but a node did not tell what is needed."""


def interface_of(node: NodePicture, word: str | None) -> str:
    """`lan`, `public` or a name -> the interface. Raises: WordsError."""
    if word is None:
        raise WordsError("say which interface: --interface lan, public, or a name")
    named = {"lan": node.spec.lan_interface, "public": node.spec.public_interface}.get(word, word)
    if named is None:
        raise WordsError(f"{node.name} has no public interface in the configuration")
    try:
        interface_name(named)
    except ValueError as error:
        raise WordsError(str(error)) from error
    if named == "lo":
        raise WordsError("lo is never taken down")
    if node.kernel is not None and named not in node.kernel.links:
        known = ", ".join(sorted(clean(n) for n in node.kernel.links if n != "lo"))
        raise WordsError(f"{node.name} has no interface {named}; it has: {known}")
    return named


def carries_console(node: NodePicture, interface: str) -> bool:
    """Does the console's own connection go over it: yes, unless its address is known to be elsewhere."""
    try:
        address = ip_address(node.spec.known_as)
    except ValueError:
        return True
    where = (
        {a.interface for a in node.kernel.addresses if a.address.ip == address} if node.kernel is not None else set()
    )
    return interface in where if where else True


def action_of(words: Words, picture: ClusterPicture, found: NodeOperation | None) -> Action:
    """The action that the words mean, as things stand. Raises: WordsError; KeyError: no such node."""
    node = picture.node(words.node)
    kind = words.kind
    interface = interface_of(node, words.interface) if kind in {Kind.LINK_DOWN, Kind.LINK_UP} else None
    if interface is None and words.interface is not None:
        raise WordsError(f"{kind.value} has no interface")
    drain: Drain | None = None
    if kind is Kind.DRAIN:
        drain = drain_of(picture, node)
    elif kind is Kind.UNDRAIN:
        drain = _drained_by(node, found)
    return Action(
        kind=kind, node=node.name, interface=interface, drain=drain, wanted_s=words.wanted_s,
        own_path=kind is Kind.LINK_DOWN and interface is not None and carries_console(node, interface),
        reason=words.reason, ticket=words.ticket,
    )  # fmt: skip


def _drained_by(node: NodePicture, found: NodeOperation | None) -> Drain:
    """How it was drained: by its note, else by what is seen."""
    note = found.drain if found is not None else None
    stopped = node.keepalived is not None and not node.keepalived.active
    method = Method.STOP if stopped else Method.TRACK_FILE
    if note is not None and note.method in {m.value for m in Method}:
        method = Method(note.method)
    return Drain(method=method, value=None, cost="")
