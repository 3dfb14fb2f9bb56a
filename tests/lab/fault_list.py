"""Faults made for real, each with the finding that must name it and all that may follow from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tests.lab.fault_making import (
    CHECK,
    ONE,
    TWO,
    VIP1,
    Making,
    broken_reload,
    check_disabled,
    check_flaps,
    check_hangs,
    clock_ahead,
    disabled_at_boot,
    disk_full,
    drained,
    link_flaps,
    lossless,
    mode,
    on_one,
    on_two,
    one,
    own_check,
    passwords,
    small_weight,
    squid_conf_broken_on_both,
    squid_down_with_a_small_weight,
    squid_on_one_address,
    two,
    worker_killed,
)
from tests.lab.harness import ARTICLE, faults
from tests.lab.stranger import stranger


@dataclass(frozen=True)
class Fault:
    """One fault. `named`: the key of its own finding; `follows`: ids of all that follows from it."""

    name: str
    make: Making
    named: str
    follows: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    """Ids that may follow too: they come and go, or depend on whose advert comes first."""
    own: str = ""
    """Where the root is another fault's finding: the key of this one's, which tells why the other has such effect."""
    also: frozenset[str] = frozenset()
    """Keys of the same finding elsewhere: one fault that was made on several nodes."""
    before: Making | None = None
    """The configuration in which it is made."""
    takes_its_time: bool = False
    """It is there when it is made, not when making begins."""
    stays: frozenset[str] = frozenset()
    """Ids that tell of the last minutes: they do not clear at once."""
    soak: bool = True


def ids(*names: str) -> frozenset[str]:
    return frozenset(names)


MOVED = ids("no-redundancy", "vip-not-preferred")
SPLIT = ids("vip-held-by-several", "two-masters", "wire-two-masters")
SHAKEN = ids(
    "wire-two-masters", "wire-master-mute", "wire-jitter", "adverts-discarded", "wire-unheard", "wire-not-announced"
)
"""Two that discard each other's adverts put off their own with each that they hear (2.2.7): silences come and go."""
LATER = ids("wire-jitter", "wire-flapping", "instance-flapping", "keepalived-starved", "wire-two-owners")
VRID1 = "virtual_router_id 1\n"
PASS = VRID1 + "  authentication {\n    auth_type PASS\n    auth_pass s3cret\n  }\n"
PEER = VRID1 + "  unicast_peer {\n    192.168.2.251\n  }\n"
LISTED = "  virtual_ipaddress {\n"
TWO_PASSWORDS = replace(ARTICLE, auth_pass="one")

NORMAL: Final = (
    Fault(
        "public link without carrier",
        lambda lab: faults.cable_cut(lab, one(lab), "eth1"),
        f"link-down/{ONE}//",
        MOVED | {"instance-fault"},
    ),
    Fault(
        "squid hangs",
        lambda lab: faults.squid_frozen(one(lab)),
        f"squid-not-answering/{ONE}//",
        ids("vip-not-serving"),
        ids("no-redundancy"),
    ),
    Fault(
        "keepalived killed and its VIP left",
        lambda lab: faults.keepalived_killed(one(lab)),
        f"keepalived-down/{ONE}//",
        ids("vip-left-behind", "vip-held-by-several", "no-redundancy"),
        ids("vip-not-serving", "vip-not-preferred"),
    ),
    Fault(
        "VIP by hand on both",
        lambda lab: faults.address_added(two(lab), f"{VIP1}/24"),
        f"daemon-kernel-disagree/{TWO}/proxy_ip1/{VIP1}",
        ids("vip-held-by-several"),
    ),
    Fault(
        "firewall drops VRRP on the way in",
        lambda lab: faults.vrrp_dropped(lab, two(lab)),
        f"wire-unheard/{TWO}//",
        SPLIT,
    ),
    Fault(
        "foreign router",
        lambda lab: stranger(lab, vrid=1, priority=50),
        "wire-foreign-router//proxy_ip1/",
        ids("wire-two-masters"),
    ),
    Fault(
        "default route lost",
        lambda lab: faults.default_route_lost(one(lab)),
        f"default-route-missing/{ONE}//",
        ids("no-redundancy"),
    ),
    Fault("disk full", disk_full, f"disk-full/{ONE}//"),
    Fault("check without permission", check_disabled, f"check-disabled/{ONE}//", before=own_check),
    Fault(
        "check hangs",
        check_hangs,
        f"check-timed-out/{ONE}/chk_squid_service/",
        MOVED | {"instance-fault"},
        ids("check-failing"),
        before=own_check,
    ),
)
"""Part of every run."""

SOAK: Final = (
    Fault(
        "squid stopped",
        lambda lab: faults.unit_stopped(one(lab), "squid"),
        f"squid-down/{ONE}//",
        MOVED | {"squid-not-listening", "squid-check-failed", "instance-fault"},
        ids("vip-not-serving", "check-failing"),
        takes_its_time=True,
    ),
    Fault(
        "keepalived stopped",
        lambda lab: faults.unit_stopped(one(lab), "keepalived"),
        f"keepalived-down/{ONE}//",
        MOVED,
        takes_its_time=True,
    ),
    Fault(
        "keepalived frozen",
        lambda lab: faults.processes_frozen(one(lab), "keepalived"),
        f"keepalived-hung/{ONE}//",
        ids("vip-held-by-several"),
        ids("two-masters", "wire-master-mute", "vip-not-serving"),
        stays=ids("keepalived-starved", "wire-jitter"),
    ),
    Fault(
        "firewall drops VRRP on the way out",
        lambda lab: faults.packets_dropped([one(lab)], "-p", "112", chains=("OUTPUT",)),
        f"adverts-blocked/{ONE}//",
        ids("vip-held-by-several", "two-masters", "wire-master-mute"),
    ),
    Fault("switch loses multicast", lambda lab: faults.multicast_lost(lab, two(lab)), f"wire-one-way/{TWO}//", SPLIT),
    Fault(
        "check may not be run any more",
        lambda lab: mode(one(lab), CHECK, "644"),
        f"check-cannot-run/{ONE}/chk_squid_service/",
        before=own_check,
    ),
    Fault(
        "check flaps",
        check_flaps,
        f"check-flapping/{ONE}/chk_squid_service/",
        may=MOVED | {"check-failing", "instance-fault", "instance-flapping"},
        before=own_check,
        takes_its_time=True,
        stays=ids("check-flapping", "instance-flapping"),
    ),
    Fault(
        "link flaps",
        link_flaps,
        f"link-flapping/{ONE}/eth1/",
        may=MOVED | {"instance-flapping", "wire-flapping"},
        takes_its_time=True,
        stays=ids("link-flapping", "instance-flapping", "wire-flapping"),
    ),
    Fault(
        "another VRID",
        on_two(VRID1, "virtual_router_id 11\n"),
        f"vrid-mismatch///{VIP1}",
        ids("vip-held-by-several", "two-masters"),
    ),
    Fault(
        "VIP lists differ",
        on_two(LISTED, LISTED + "    192.168.2.119/24 dev eth0\n"),
        f"wire-vip-list-mismatch/{TWO}/proxy_ip1/",
        ids("vip-held-by-several", "two-masters", "adverts-discarded"),
        SHAKEN | {"vip-held-by-none", "vip-client-unknown", "vip-not-serving"},
        stays=LATER,
    ),
    Fault(
        "intervals differ",
        on_two(VRID1, VRID1 + "  advert_int 3\n"),
        f"wire-interval-mismatch/{TWO}/proxy_ip1/",
        ids("vip-held-by-several", "two-masters", "adverts-discarded"),
        SHAKEN,
        stays=LATER,
    ),
    Fault(
        "one node authenticates",
        on_two(VRID1, PASS),
        "wire-auth-mismatch//proxy_ip1/",
        ids("vip-held-by-several", "two-masters", "adverts-discarded"),
        SHAKEN,
        stays=LATER,
    ),
    Fault(
        "passwords differ",
        on_two("auth_pass one", "auth_pass two", TWO_PASSWORDS),
        "adverts-discarded///",
        ids("vip-held-by-several", "two-masters"),
        SHAKEN,
        before=passwords,
        stays=LATER,
    ),
    Fault(
        "versions differ",
        on_two(VRID1, VRID1 + "  version 3\n"),
        f"wire-version-mismatch/{TWO}/proxy_ip1/",
        ids("vip-held-by-several", "two-masters"),
        SHAKEN,
        stays=LATER,
    ),
    Fault(
        "unicast and multicast",
        on_two(VRID1, PEER),
        "wire-unicast-mixed//proxy_ip1/",
        ids("vip-held-by-several", "two-masters"),
        SHAKEN,
        stays=LATER,
    ),
    Fault("equal priorities", on_one("priority 255", "priority 100"), "wire-equal-priorities//proxy_ip1/", may=MOVED),
    Fault("both 255", on_two("priority 100", "priority 255"), "wire-two-owners//proxy_ip1/", stays=LATER),
    Fault(
        "weight too small",
        squid_down_with_a_small_weight,
        f"squid-down/{ONE}//",
        ids("squid-not-listening", "squid-check-failed", "check-failing", "weight-does-not-move", "vip-not-serving"),
        ids("no-redundancy"),
        own=f"weight-does-not-move/{ONE}/proxy_ip1/",
        before=small_weight,
        takes_its_time=True,
    ),
    Fault(
        "reload of a broken file",
        broken_reload,
        f"config-test-failed/{ONE}//",
        ids("keepalived-down", "vip-left-behind", "vip-held-by-several", "no-redundancy"),
        ids("vip-not-serving", "vip-not-preferred"),
    ),
    Fault("disabled at boot", disabled_at_boot, f"keepalived-not-enabled/{TWO}//"),
    Fault("clock apart", clock_ahead, f"clocks-apart/{TWO}//"),
    Fault(
        "node frozen",
        lambda lab: faults.frozen(one(lab)),
        f"node-unreachable/{ONE}//",
        MOVED,
        ids(
            "node-stale",
            "vip-held-by-several",
            "two-masters",
            "vip-not-serving",
            "squid-not-answering",
            "vip-holders-unknown",
        ),
        stays=ids("keepalived-starved", "wire-jitter"),
    ),
    Fault(
        "squid on one address",
        squid_on_one_address,
        f"squid-not-listening/{TWO}//",
        ids("no-redundancy"),
        ids("squid-down", "squid-check-failed", "vip-not-serving"),
        takes_its_time=True,
    ),
    Fault(
        "bad squid.conf on both",
        squid_conf_broken_on_both,
        f"squid-check-failed/{ONE}//",
        ids("instance-fault", "vip-held-by-none", "vip-not-serving", "wire-no-master"),
        ids("no-redundancy", "check-failing"),
        also=ids(f"squid-check-failed/{TWO}//"),
    ),
    Fault("squid's worker killed", worker_killed, f"squid-worker-died/{TWO}//", stays=ids("squid-worker-died")),
    Fault("origin silent", faults.origin_silent, "origin-not-answering///", ids("vip-not-serving")),
    Fault("drained by hand", drained, f"drained/{ONE}//", ids("vip-not-preferred"), before=lossless),
)
"""Part of `make soak`."""

ALL: Final = (*(replace(f, soak=False) for f in NORMAL), *SOAK)
