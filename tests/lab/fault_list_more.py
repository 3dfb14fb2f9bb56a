"""More faults made for real, part of `make soak` (`fault_list` says what the fields mean)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from tests.lab import fault_more as more
from tests.lab import fault_ways as ways
from tests.lab.fault_list import LATER, MOVED, SHAKEN, SPLIT, Fault, ids
from tests.lab.fault_making import ONE, TWO, VIP1, Making, lossless, one, two
from tests.lab.harness import Lab, faults

_SHORT = MOVED | {"vip-not-serving", "squid-down", "squid-not-listening", "squid-check-failed", "instance-fault"}
_SHORT = _SHORT | {"check-failing", "keepalived-down", "vip-left-behind", "vip-held-by-several", "two-masters"}
"""What a service that dies and comes back may cause for a moment."""


def restarted(place: str, unit: str) -> Making:
    return lambda lab: more.restarted_by_systemd(lab.nodes[place], unit)


def ipv6(lab: Lab) -> contextlib.AbstractContextManager[None]:
    return faults.dual_stack(lab)


@contextlib.contextmanager
def cable_of_an_unwatched_link(lab: Lab) -> Iterator[None]:
    with faults.cable_cut(lab, one(lab), "eth1"):
        yield


MORE: Final = (
    Fault(
        "keepalived crashes",
        lambda lab: more.crash(one(lab), "keepalived", "keepalived"),
        f"keepalived-flapping/{ONE}//",
        may=_SHORT,
        before=restarted(ONE, "keepalived"),
        takes_its_time=True,
        stays=ids("keepalived-flapping"),
    ),
    Fault(
        "squid crashes",
        lambda lab: more.crash(two(lab), "squid", "squid"),
        f"squid-flapping/{TWO}//",
        may=_SHORT,
        before=restarted(TWO, "squid"),
        takes_its_time=True,
        stays=ids("squid-flapping"),
    ),
    Fault("squid disabled at boot", more.squid_not_at_boot, f"squid-not-enabled/{TWO}//"),
    Fault(
        "short master at the start",
        more.network_is_late,
        f"master-at-start/{TWO}/proxy_ip1/",
        may=_SHORT | {"wire-two-masters", "wire-one-way"},
        takes_its_time=True,
        stays=ids("master-at-start"),
    ),
    Fault(
        "drain file in a folder that is not there",
        more.drain_file_nowhere,
        f"track-file-ignored/{ONE}//",
        may=_SHORT,
        before=lossless,
        takes_its_time=True,
    ),
    Fault(
        "public link that is not watched",
        cable_of_an_unwatched_link,
        f"link-down/{ONE}//",
        ids("tracking-ignored", "no-redundancy"),
        ids("vip-not-serving"),
        own=f"tracking-ignored/{ONE}/proxy_ip2/",
        before=more.public_link_not_watched,
    ),
    Fault(
        "strict path filter",
        more.asymmetric_vip,
        f"rp-filter-drops/{ONE}//{VIP1}",
        ids("vip-not-serving"),
    ),
    Fault("route with the VIP as source left", more.source_route_left, f"source-route-left/{TWO}//{VIP1}"),
    Fault(
        "virtual MAC that the hypervisor refuses",
        ways.virtual_mac_refused,
        f"virtual-mac-unreached/{ONE}//{VIP1}",
        ids("vip-not-serving"),
        before=ways.virtual_macs,
    ),
    Fault(
        "VIP that the cloud does not know",
        ways.vip_not_known_to_the_cloud,
        f"wire-announcement-lost/{ONE}/proxy_ip1/{VIP1}",
        ids("vip-not-serving"),
        _SHORT | {"vip-unreached"},
        takes_its_time=True,
    ),
    Fault(
        "firewall drops clients",
        ways.clients_dropped,
        f"vip-unreached/{ONE}//{VIP1}",
        ids("vip-not-serving"),
    ),
    Fault("two links in one network", more.second_link_in_the_lan, f"arp-flux/{ONE}//"),
    Fault(
        "link-local address lost",
        more.link_local_lost,
        f"ipv6-link-local-missing/{ONE}//",
        may=MOVED | {"instance-fault", "adverts-blocked", "vip-held-by-none", "wire-no-master", "vip-not-serving"},
        before=ipv6,
    ),
    Fault("IPv6 address of another host", more.address_of_another, f"ipv6-address-duplicate/{ONE}//"),
    Fault("TTL of adverts is lowered", more.ttl_lowered, f"wire-ttl/{ONE}/proxy_ip1/", SPLIT, SHAKEN, stays=LATER),
    Fault(
        "own adverts come back",
        more.echo,
        f"wire-own-advert/{ONE}/proxy_ip1/",
        may=SHAKEN,
        stays=LATER | {"wire-own-advert"},
    ),
    Fault(
        "wrong checksum",
        more.bad_checksum,
        "wire-foreign-router//proxy_ip1/",
        ids("wire-checksum"),
        ids("wire-two-masters", "adverts-discarded"),
        own="wire-checksum//proxy_ip1/",
    ),
)
