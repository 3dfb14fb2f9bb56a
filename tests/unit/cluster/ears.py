"""What the nodes of a playbook hear: adverts go through the real tracker, and readings into the real reducer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

from haconsole.cluster.hearing import Hearing
from haconsole.cluster.wire_reading import reading_of
from haconsole.model.capture import CaptureCounts, CapturePhase, CaptureState, Heard
from haconsole.model.events import WireHeard
from haconsole.model.hearing import Takeover
from haconsole.model.packets import Advert, Announcement, Checksum, Envelope, Packet
from haconsole.model.spec import IpAddress
from tests.unit.cluster.builders import ONE, T0, TWO, V1, V2, Play, healthy

A, B = ip_address("192.168.2.251"), ip_address("192.168.2.252")
STRANGER = ip_address("192.168.2.77")
MACS = {A: "02:00:00:00:00:01", B: "02:00:00:00:00:02", STRANGER: "02:00:00:00:00:77"}
BOTH = (ONE, TWO)


def advert(source: IpAddress = A, vrid: int = 1, priority: int = 255, **more: object) -> Advert:
    """One of the article's pair. `ttl`, `mac`, `to`: of its envelope."""
    envelope = Envelope(
        source=source,
        destination=more.pop("to", ip_address("224.0.0.18")),  # type: ignore[arg-type]
        hop_limit=more.pop("ttl", 255),  # type: ignore[arg-type]
        source_mac=more.pop("mac", MACS[source]),  # type: ignore[arg-type]
    )
    made = Advert(
        envelope=envelope, version=2, vrid=vrid, priority=priority, interval_s=1.0,
        addresses=({1: V1, 2: V2}.get(vrid, ip_address("192.168.2.99")),), auth_type=0, checksum=Checksum.OK,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


class Ears:
    """Both nodes listen from `since` on. Packets are put in with their times; `tell` passes on what is known then."""

    def __init__(self, play: Play, *, since: float = T0, places: Iterable[str] = BOTH) -> None:
        self.play = play
        self.hearing = Hearing([n.name for n in play.spec.nodes])
        self._takeovers: list[Takeover] = []
        self._packets: list[tuple[float, int, Packet, tuple[str, ...]]] = []
        self._number = 0
        self.places = tuple(places)
        for place in self.places:
            self.news(CaptureState(place=place, at=since, phase=CapturePhase.LISTENING, interface="eth0"))

    def news(self, news: CaptureState | CaptureCounts) -> Ears:
        self.hearing.news(news)
        return self

    def hear(self, at: float, packet: Packet, places: Iterable[str] = BOTH) -> Ears:
        """Heard at T0 + `at`; takes effect with the next `tell`."""
        self._number += 1
        self._packets.append((T0 + at, self._number, packet, tuple(places)))
        return self

    def steady(
        self, packet: Packet, start: float, end: float, *, every: float = 1.0, places: Iterable[str] = BOTH
    ) -> Ears:
        """The same packet again and again, from `start` up to `end`."""
        for n in range(int((end - start) / every + 1e-6) + 1):
            self.hear(start + n * every, packet, places)
        return self

    def announced(self, at: float, vip: IpAddress = V1, source: IpAddress = B) -> Ears:
        return self.hear(at, Announcement(address=vip, mac=MACS[source]))

    def second(self, end: float, start: float = 0.2) -> Ears:
        """The other virtual router goes on in peace."""
        return self.steady(advert(B, 2), start, end)

    def tell(self, at: float) -> Play:
        """The playbook at T0 + `at`: the nodes answer, everything is as it was, and this is what was heard."""
        self.play.later(T0 + at - self.play.now).served(V1, V2)
        due = sorted(p for p in self._packets if p[0] <= self.play.now)
        self._packets = [p for p in self._packets if p[0] > self.play.now]
        for when, _, packet, places in due:
            for place in places:
                if place in self.places:
                    self._takeovers += self.hearing.take(
                        [Heard(place=place, at=when, error_s=0.001, packet=packet, frame=b"", length=0, link_type=1)]
                    )
        for place in self.places:
            reading = reading_of(self.hearing.places[place], self.play.now, {1, 2}, tuple(self.play.state.vips))
            takeovers, self._takeovers = tuple(self._takeovers), []
            self.play.event(WireHeard(place=place, at=self.play.now, reading=reading, takeovers=takeovers))
        return self.play


def listening(play: Play | None = None, **more: object) -> Ears:
    """The healthy pair, heard by both nodes."""
    return Ears(play or healthy(), **more)  # type: ignore[arg-type]


def wire_ids(play: Play) -> list[str]:
    """Findings of the wire alone."""
    return [i for i in play.ids() if i.startswith("wire-")]


def advertisers(play: Play) -> dict[str, tuple[str, ...] | None]:
    return {str(v.address): v.advertisers for v in play.picture().vips}


def log(play: Play) -> list[str]:
    return [o.text for o in play.state.log if o.source == "wire"]
