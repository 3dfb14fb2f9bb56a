"""Files with one thing wrong in each, made from the healthy pair; `tests.lab.record` asks the real keepalived about them."""

from __future__ import annotations

from collections.abc import Iterator

from .pairs import COMPACT, changed, healthy

A, B = healthy(True), healthy(False)
CHK = "    chk_squid_service\n"
TRACKED = ("  track_script {\n    chk_squid_service\n  }\n", "")
VIP1 = "192.168.2.101/24 dev eth0 label eth0:1"
WEIGHTED = (CHK, "    chk_squid_service weight {}\n")

ONE_FILE = [
    # id, severity, edits of the first file: what must be told of it alone, and nothing besides
    ("vrid-missing", "critical", [("  virtual_router_id 1\n", "")]),
    ("vrid-invalid", "critical", [("router_id 1\n", "router_id 256\n")]),
    ("vrid-twice", "critical", [("router_id 2\n", "router_id 1\n")]),
    ("interface-missing", "critical", [("  interface eth0\n", "")]),
    ("priority-invalid", "critical", [("priority 254", "priority 300")]),
    ("priority-owner", "warning", [("priority 254", "priority 255")]),
    ("state-unknown", "warning", [("state MASTER", "state PRIMARY")]),
    ("advert-int-invalid", "critical", [("advert_int 1", "advert_int 0.5")]),
    ("no-vip", "warning", [(f"  virtual_ipaddress {{\n    {VIP1}\n  }}\n", "")]),
    ("vip-invalid", "critical", [(VIP1, "192.168.2.999/24 dev eth0")]),
    ("label-too-long", "critical", [("label eth0:1", "label eth0:proxyaddress1")]),
    ("label-of-other-interface", "warning", [("label eth0:1", "label eth1:1")]),
    ("nopreempt-as-master", "critical", [("advert_int 1", "nopreempt")]),
    ("vip-not-accepted", "critical", [("advert_int 1", "no_accept")]),
    ("vip-in-two-routers", "critical", [("192.168.2.102/24", "192.168.2.101/24")]),
    ("vip-is-real-address", "critical", [("192.168.2.102/24", "192.168.2.252/24")]),
    ("instance-twice", "critical", [("vrrp_instance proxy_ip2", "vrrp_instance proxy_ip1")]),
    ("no-check", "warning", [("  track_script {\n    chk_squid_service\n  }\n", "")]),
    ("tracked-not-defined", "critical", [(CHK, "    chk_squid\n")]),
    ("script-without-command", "critical", [("  script $SQUID\n", "")]),
    ("script-value-invalid", "critical", [("fall 2", "fall 0")]),
    ("script-not-absolute", "warning", [("/usr/sbin/squid -k", "squid -k")]),
    ("script-needs-shell", "warning", [("squid -k check", "squid -k check || exit 1")]),
    ("check-only-process", "warning", [("/usr/sbin/squid -k check", "/usr/bin/killall -0 squid")]),
    ("check-cannot-fail", "critical", [("/usr/sbin/squid -k check", "/bin/true")]),
    ("check-without-fall", "warning", [("  fall 2\n", "")]),
    ("check-slow", "warning", [("fall 2", "fall 40")]),
    ("timeout-over-interval", "warning", [("timeout 2", "timeout 5")]),
    ("script-security-off", "warning", [("  enable_script_security\n", "")]),
    ("own-link-not-watched", "warning", [("advert_int 1", "dont_track_primary")]),
    ("conf-unknown-keyword", "warning", [("advert_int 1", "advert_interval 1")]),
    ("conf-unknown-keyword", "warning", [("! made", "foo_block {\n a\n}\n! made")]),
    ("conf-misread", "critical", [("  advert_int 1\n", "  }\n  advert_int 1\n")]),
    ("conf-include-not-read", "warning", [("! made", "include conf.d/*.conf\n! made")]),
    ("conf-not-decided", "warning", [("  advert_int 1\n", "  @main advert_int 1\n")]),
    (
        "sync-group-divided",
        "warning",
        [("! made", "vrrp_sync_group g {\n  group {\n    proxy_ip1\n    proxy_ip2\n  }\n}\n! made")],
    ),
    ("no-instance", "critical", [(A[A.index("vrrp_instance proxy_ip1") :], "")]),
    ("script-not-tracked", "warning", [TRACKED, TRACKED]),
    ("unicast-peer-is-self", "warning", [("    192.168.2.252\n", "    192.168.2.252\n    192.168.2.251\n")]),
]

BOTH = [
    # id, severity, edits of the first file, edits of the second
    ("vrid-differs", "critical", [], [("router_id 1\n", "router_id 11\n")]),
    ("router-on-one-node", "critical", [], [(B[B.index("vrrp_instance proxy_ip2") :], "")]),
    ("vip-list-differs", "critical", [], [(VIP1, f"{VIP1}\n    192.168.2.103/24")]),
    ("vip-in-two-routers", "critical", [], [("192.168.2.102/24", "192.168.2.101/24\n    192.168.2.102/24")]),
    ("two-owners", "critical", [("priority 254", "priority 255")], [("priority 100", "priority 255")]),
    ("priority-equal", "warning", [], [("priority 100", "priority 254")]),
    ("state-twice", "warning", [], [("state BACKUP", "state MASTER")]),
    ("state-against-priority", "warning", [("priority 254", "priority 50")], []),
    ("advert-int-differs", "critical", [], [("advert_int 1", "advert_int 2")]),
    ("version-differs", "critical", [], [("advert_int 1", "version 3")]),
    ("auth-differs", "critical", [], [("auth_pass s3cret", "auth_pass 0ther")]),
    ("unicast-mixed", "critical", [], [("  unicast_peer {\n    192.168.2.251\n  }\n", "")]),
    ("unicast-peer-missing", "critical", [], [("    192.168.2.251\n", "    192.168.2.253\n")]),
    ("vip-is-real-address", "critical", [("192.168.2.101", "192.168.2.252")], [("192.168.2.101", "192.168.2.252")]),
    ("tracking-differs", "warning", [], [("  track_interface {\n    eth1\n  }\n", "")]),
    ("router-id-equal", "info", [], [("router_id proxy-serv02", "router_id proxy-serv01")]),
    ("weight-too-small", "critical", [(CHK, "    chk_squid_service weight -100\n")], []),
    (
        "weight-ignored",
        "critical",
        [("priority 254", "priority 255"), (CHK, "    chk_squid_service weight -200\n")],
        [],
    ),
    ("nopreempt-keeps-master", "warning", [], [("advert_int 1", "nopreempt")]),
]


def texts() -> Iterator[tuple[str, str]]:
    """(case, text): the healthy pair, and every file that differs from it."""
    yield from (("healthy serv01", A), ("healthy serv02", B))
    yield from zip(("conf-one-line serv01", "conf-one-line serv02"), COMPACT, strict=True)
    seen: set[str] = {A, B}
    for id_, _, edits in ONE_FILE:
        text = changed(A, *edits)
        if text not in seen:
            yield f"{id_} serv01", text
        seen.add(text)
    for id_, _, first, second in BOTH:
        for name, text in (("serv01", changed(A, *first)), ("serv02", changed(B, *second))):
            if text not in seen:
                yield f"{id_} {name}", text
            seen.add(text)
