"""What a simulated keepalived counts, and how 2.2.7 prints it on the STATS signal and under `stats` of its JSON.

Model: the dumps of the real daemon in tests/fixtures/keepalived/2.2.7. Counted is what was simulated since the daemon's
start: of the quiet days that a scenario leaves out nothing is made up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from haconsole.cluster import vrrp_instance as vrrp
from haconsole.cluster.vrrp import STOPPED
from haconsole.model.readings import VrrpState

_TEXT: Final = """\
VRRP Instance: {name}
  Advertisements:
    Received: {advert_rcvd}
    Sent: {advert_sent}
  Became master: {become_master}
  Released master: {release_master}
  Packet Errors:
    Length: {packet_len_err}
    TTL: {ip_ttl_err}
    Invalid Type: {invalid_type_rcvd}
    Advertisement Interval: {advert_interval_err}
    Address List: {addr_list_err}
  Authentication Errors:
    Invalid Type: {invalid_authtype}
    Type Mismatch: {authtype_mismatch}
    Failure: {auth_failure}
  Priority Zero:
    Received: {pri_zero_rcvd}
    Sent: {pri_zero_sent}
"""


@dataclass(slots=True)
class Counters:
    """Of one instance since its daemon's start. The segment is never so broken that the other errors come."""

    received: int = 0
    sent: int = 0
    became_master: int = 0
    released_master: int = 0
    wrong_interval: int = 0
    wrong_addresses: int = 0
    zero_received: int = 0
    zero_sent: int = 0

    def heard(self, outputs: Iterable[vrrp.Output]) -> None:
        """An advert came in, and the instance (master or backup) did this: a discarded one is an error instead."""
        why = next((o.why for o in outputs if isinstance(o, vrrp.Discarded)), None)
        if why is None:
            self.received += 1
            self.zero_received += any(isinstance(o, vrrp.HeardZero) for o in outputs)
        self.wrong_interval += why is vrrp.Discard.INTERVAL
        self.wrong_addresses += why is vrrp.Discard.ADDRESSES

    def advertised(self, priority: int) -> None:
        """An advert left."""
        self.sent += 1
        self.zero_sent += priority == STOPPED

    def changed(self, before: VrrpState, after: VrrpState) -> None:
        """The state, which may be the same."""
        self.became_master += after is VrrpState.MASTER and before is not VrrpState.MASTER
        self.released_master += before is VrrpState.MASTER and after is not VrrpState.MASTER

    def as_json(self) -> dict[str, int]:
        """`stats` of an instance in the JSON dump."""
        return {
            "advert_rcvd": self.received,
            "advert_sent": self.sent,
            "become_master": self.became_master,
            "release_master": self.released_master,
            "packet_len_err": 0,
            "advert_interval_err": self.wrong_interval,
            "ip_ttl_err": 0,
            "invalid_type_rcvd": 0,
            "addr_list_err": self.wrong_addresses,
            "invalid_authtype": 0,
            "authtype_mismatch": 0,
            "auth_failure": 0,
            "pri_zero_rcvd": self.zero_received,
            "pri_zero_sent": self.zero_sent,
        }


def stats_dump(found: Iterable[tuple[str, Counters]]) -> str:
    """The whole of /tmp/keepalived.stats: each instance by name, in the order of the configuration."""
    return "".join(_TEXT.format(name=name, **counters.as_json()) for name, counters in found)
