"""What Enter opens on the Adverts screen: one packet with every field and its octets, one virtual router,
one place of listening. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from haconsole.cluster.hearing import Lane, Place, SenderLane
from haconsole.model.capture import Heard
from haconsole.model.packets import Advert, Announcement, Carp, Envelope, Packet
from haconsole.tui.view import times
from haconsole.tui.view.adverts import Ours, counts_line, remedy_rows, seconds, standing
from haconsole.tui.view.adverts_bytes import hex_rows, part_rows, parts
from haconsole.tui.view.adverts_look import Look, judge
from haconsole.tui.view.adverts_words import CHECKSUMS, KINDS, PROBLEMS, Takeovers, authentication, kind_of, takeover_of
from haconsole.tui.view.details import fact, heading, nothing, shown
from haconsole.tui.view.text import Level, Row, Tone, plain
from haconsole.tui.view.times import Times

_LINKS: Final = {1: "Ethernet", 113: "Linux cooked v1", 276: "Linux cooked v2", 101: "raw IP"}
TAKEOVERS_SHOWN: Final = 20


def packet_details(
    heard: Heard, earlier: Sequence[Heard], takeovers: Takeovers, ours: Ours, *, width: int, zone: Times
) -> tuple[Row, ...]:
    """One packet. `earlier`: where the advert before it is looked for."""
    rows = [*_heard(heard, width, zone)]
    packet = heard.packet
    if isinstance(packet, Announcement):
        rows += _announcement(packet, ours, width)
    else:
        rows += _envelope(packet.envelope, ours, width)
        rows += _carp(packet, width) if isinstance(packet, Carp) else _advert(packet, width)
    rows += _before(heard, earlier, width)
    rows += _takeover(heard, takeovers, width)
    found = parts(heard.frame, heard.link_type)
    rows += heading("Octets", width)
    rows += hex_rows(heard.frame, found, width)
    rows += heading("Fields", width)
    rows += part_rows(heard.frame, found, width)
    return tuple(rows)


def _heard(heard: Heard, width: int, zone: Times) -> Iterator[Row]:
    error = times.error(heard.error_s)
    yield from fact("time", f"{zone.full(heard.at)} {error}".strip(), width)
    yield from fact("heard by", heard.place or "not told", width)
    yield from fact("what", kind_of(heard.packet), width)
    link = _LINKS.get(heard.link_type, f"link type {heard.link_type}")
    kept = "" if len(heard.frame) == heard.length else f", {len(heard.frame)} of them kept"
    yield from fact("frame", f"{heard.length} octets{kept}, {link}", width)


def _envelope(envelope: Envelope, ours: Ours, width: int) -> Iterator[Row]:
    source = envelope.source
    node = ours.addresses.get(source)
    whose = {True: f" ({node})", False: " (no node of ours)", None: " (not known whose)"}[ours.known(source)]
    stranger = node is None
    yield from fact("source", f"{source}{whose}", width, tone=Tone.WARNING if stranger else Tone.PLAIN)
    yield from fact("destination", str(envelope.destination), width)
    yield from fact("source MAC", _card(envelope.source_mac, ours), width)
    yield from fact("VLAN", "untagged" if envelope.vlan is None else str(envelope.vlan), width)
    well = envelope.hop_limit == 255 or not envelope.destination.is_multicast
    yield from fact("TTL", str(envelope.hop_limit), width, tone=Tone.PLAIN if well else Tone.WARNING)


def _card(mac: str | None, ours: Ours) -> str:
    if mac is None:
        return "not told"
    return f"{mac} ({ours.cards[mac]})" if mac in ours.cards else mac


def _advert(advert: Advert, width: int) -> Iterator[Row]:
    yield from fact("VRID", f"{advert.vrid}, IPv{advert.envelope.source.version}", width)
    meaning = {0: ": gives up its role, orderly hand-over", 255: ": address owner"}.get(advert.priority, "")
    yield from fact("priority", f"{advert.priority}{meaning}", width)
    yield from fact("interval", f"{seconds(advert.interval_s)}, as announced", width)
    addresses = " ".join(map(str, advert.addresses)) or "none"
    yield from fact(f"addresses {len(advert.addresses)}", addresses, width)
    yield from fact("authenticated", authentication(advert), width)
    tone = Tone.PLAIN if advert.checksum.ok else Tone.WARNING
    yield from fact("checksum", CHECKSUMS[advert.checksum], width, tone=tone)
    for problem in advert.problems:
        yield from fact("problem", PROBLEMS.get(problem, problem), width, level=Level.WARNING)


def _carp(carp: Carp, width: int) -> Iterator[Row]:
    yield from fact("VHID", str(carp.vhid), width)
    yield from fact("advskew", str(carp.advskew), width)
    yield from fact("advbase", f"{carp.advbase_s} s", width)


def _announcement(packet: Announcement, ours: Ours, width: int) -> Iterator[Row]:
    yield from fact("address", str(packet.address), width)
    yield from fact("is at", _card(packet.mac, ours), width)
    yield from fact("source MAC", _card(packet.source_mac, ours), width)
    yield from fact("VLAN", "untagged" if packet.vlan is None else str(packet.vlan), width)


def _before(heard: Heard, earlier: Sequence[Heard], width: int) -> Iterator[Row]:
    """How long before this one the same place heard the same sender."""
    packet = heard.packet
    if not isinstance(packet, Advert):
        return
    last = None
    for other in earlier:
        if other is heard:
            break
        if other.place == heard.place and _same(other.packet, packet):
            last = other
    text = "the first that is kept" if last is None else f"{heard.at - last.at:.3f} s after the one before"
    yield from fact("gap", text, width)


def _same(other: Packet, packet: Advert) -> bool:
    return isinstance(other, Advert) and (other.key, other.envelope.source) == (packet.key, packet.envelope.source)


def _takeover(heard: Heard, takeovers: Takeovers, width: int) -> Iterator[Row]:
    found = takeover_of(heard, takeovers)
    if found is not None:
        text = f"from {found.old} after {found.gap_s:.3f} s: {KINDS[found.kind]}"
        yield from fact("takeover", text, width, tone=Tone.STRONG)


# --- one virtual router ---------------------------------------------------------------


def lane_details(lane: Lane | None, look: Look, zone: Times) -> tuple[Row, ...]:
    """Every sender with all that is known of it, and the take-overs."""
    if lane is None:
        return nothing("nothing was heard of this virtual router for a while", look.width)
    width = look.width
    rows = [*fact("router", f"VRID {lane.key[0]}, IPv{lane.key[1]}", width)]
    rows += fact("adverts", f"{lane.adverts:,} heard", width)
    judged = judge(lane, look)
    for sender in lane.senders:
        level, word = judged[sender.source]
        name = str(sender.source) if sender.node is None else f"{sender.node} {sender.source}"
        rows += heading(name, width)
        rows += fact("is", word, width, level=level)
        rows += _sender(sender, look, zone)
    rows += heading("Take-overs, newest first", width)
    for takeover in list(reversed(lane.takeovers))[:TAKEOVERS_SHOWN]:
        text = f"{_who(takeover.old, look)} → {_who(takeover.new, look)} after {takeover.gap_s:.3f} s: "
        rows += fact(zone.stamp(takeover.at, look.now), text + KINDS[takeover.kind], width)
    if not lane.takeovers:
        rows += fact("", "none heard", width, tone=Tone.QUIET)
    return tuple(rows)


def _who(source: object, look: Look) -> str:
    return next((node for address, node in look.ours.addresses.items() if address == source), str(source))


def _sender(sender: SenderLane, look: Look, zone: Times) -> Iterator[Row]:
    width, now = look.width, look.now
    yield from fact("priority", str(sender.priority), width)
    yield from fact("version", f"VRRPv{sender.version}", width)
    yield from fact("announced", f"every {seconds(sender.interval_s)}", width)
    observed = "" if sender.jitter_s is None else f", at most {seconds(sender.jitter_s)} off"
    yield from fact("observed", f"every {seconds(sender.observed_interval_s)}{observed}", width)
    yield from fact(
        "last heard", f"{zone.stamp(sender.last_at, now)}, {max(0.0, now - sender.last_at):.1f} s ago", width
    )
    left = sender.deadline_at - now
    late = f"in {left:.1f} s" if left >= 0 else f"{-left:.1f} s ago"
    yield from fact("master down", f"{late}, if nothing more is heard", width)
    yield from fact("heard by", ", ".join(sender.heard_by) or "nobody now", width)
    for first, last in reversed(sender.spans[-5:]):
        yield from fact("spoke", f"{zone.stamp(first, now)} to {zone.stamp(last, now)}", width, tone=Tone.QUIET)


# --- one place ------------------------------------------------------------------------


def place_details(place: Place | None, now: float, *, width: int, zone: Times) -> tuple[Row, ...]:
    """How the listening at one place stands, what it needs, and its counts."""
    if place is None:
        return nothing("nobody listens there", width)
    level, words = standing(place, now, zone)
    rows = [*fact(place.name, words, width, level=level)]
    state = place.state
    if state is not None and state.problem is not None:
        if state.problem.detail:
            rows += fact("said", state.problem.detail, width)
        rows += heading("What to do", width)
        rows += remedy_rows(place.name, state.problem, width, indent=2)
    rows += heading("Counts", width)
    if place.counts is None:
        rows += fact("", "not told yet", width, tone=Tone.UNKNOWN)
        return tuple(rows)
    rows.append(shown("packets", counts_line(place.counts), width, copy=plain(counts_line(place.counts))))
    rows += fact("left out", "of floods, before they came here: one sender or many strangers were too fast", width)
    rows += fact("dropped", "lost before the capture saw them; ?: tcpdump tells only at its end", width)
    if place.tracker.overflow:
        rows += fact("not tracked", f"{place.tracker.overflow:,} adverts of too many routers or senders", width)
    return tuple(rows)
