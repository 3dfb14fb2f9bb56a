"""What is recorded and is no fault of `fault_list`: what a login may not see, what a console was not told, long waits."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.lab.fault_making import Making, one, reloaded, two
from tests.lab.fault_ways import virtual_macs
from tests.lab.harness import Lab, faults, keepalived_conf
from tests.lab.harness.configurations import KEEPALIVED_CONF, LOSSLESS

_TOO_MANY: Final = 130
OLD_AND_NEW: Final = "debian-11-and-13"
SUITES: Final = ("bullseye", "trixie")
"""The lab of that recording."""


@contextlib.contextmanager
def many_vips(lab: Lab) -> Iterator[None]:
    """Both nodes name 130 VIPs more."""
    more = "".join(f"    192.168.2.{n}/24 dev eth0\n" for n in range(110, 110 + _TOO_MANY))
    with contextlib.ExitStack() as stack:
        for node in lab.nodes.values():
            text = keepalived_conf(node.plan, lab.plans).replace(
                "virtual_ipaddress {\n", "virtual_ipaddress {\n" + more, 1
            )
            stack.enter_context(reloaded(node, text))
        time.sleep(12)  # each said something of the other's old list meanwhile
        yield


@contextlib.contextmanager
def closed_configuration(lab: Lab) -> Iterator[None]:
    """keepalived.conf may be read by root alone."""
    with contextlib.ExitStack() as stack:
        for node in lab.nodes.values():
            stack.enter_context(faults.file_replaced(node, KEEPALIVED_CONF, node.read(KEEPALIVED_CONF), 0o600))
        yield


@contextlib.contextmanager
def tool_missing(lab: Lab) -> Iterator[None]:
    """`ss` is not installed on proxy-serv02."""
    node = two(lab)
    node.exec("mv", "/usr/bin/ss", "/usr/bin/ss.away")
    try:
        yield
    finally:
        node.exec("mv", "/usr/bin/ss.away", "/usr/bin/ss")


@contextlib.contextmanager
def drained_for_too_long(lab: Lab) -> Iterator[None]:
    """`haconsole node drain --until` on proxy-serv01, over for more than a minute: somebody stopped the node's timer."""
    with faults.variant(lab, LOSSLESS), tempfile.TemporaryDirectory() as folder:
        config = lab.write_config(f"{folder}/config.toml")
        until = (datetime.now(UTC) + timedelta(seconds=30)).isoformat(timespec="seconds")
        lab.operator([
            "haconsole", "--config", str(config), "node", "drain", one(lab).name, "--confirm", one(lab).name,
            "--reason", "kernel", "--until", until,
        ])  # fmt: skip
        one(lab).sh("systemctl stop 'haconsole*.timer'")
        time.sleep(100)
        try:
            yield
        finally:
            lab.operator(
                ["haconsole", "--config", str(config), "node", "undrain", one(lab).name, "--confirm", one(lab).name]
            )


def well(
    name: str, make: Making | None, about: str, **config: Any
) -> tuple[str, Making | None, str, dict[str, Any], str]:
    """A pair of another kind with which nothing is wrong."""
    return f"healthy-{name}", make, "", config, about


EXTRA: Final[tuple[tuple[str, Making | None, str, dict[str, Any], str], ...]] = (
    well("drainable", faults.lossless, "priority 254 and a drain file"),
    well("unicast", faults.unicast, "unicast adverts"),
    well("both-families", faults.dual_stack, "VRRP version 3, VIPs of both families, learned", with_vips=False),
    well("virtual-macs", virtual_macs, "a MAC address of its own for each virtual router (use_vmac)"),
    well("as-ops", None, "a login that uses sudo", user="ops"),
    well(OLD_AND_NEW, None, "Debian 11 (keepalived 2.1.5, squid 4) and 13 (2.3.3, squid 6)"),
    ("no-probe-url", None, "vip-only-tcp-checked", {"probe_url": None}, "no probe_url is configured"),
    (
        "more-vips-than-are-watched",
        many_vips,
        "vips-not-watched",
        {"with_vips": False},
        "both nodes name 130 VIPs more",
    ),
    (
        "a-login-without-rights",
        closed_configuration,
        "vips-unknown",
        {"user": "plain", "sudo": False, "with_vips": False},
        "a login without sudo and groups, keepalived.conf 0600, no VIP in haconsole's configuration",
    ),
    ("ss-is-missing", tool_missing, "reading-failed", {}, "/usr/bin/ss is away on proxy-serv02"),
    (
        "drained-for-too-long",
        drained_for_too_long,
        "drain-overdue",
        {},
        "haconsole node drain --until, over for more than a minute, the node's timer stopped by hand",
    ),
)
"""(name, how it is made, the id that has to be told, options of haconsole's configuration, in words)."""
