"""The article's final pair, and a healthy one, as texts; and their audit."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.cluster.audit import AuditFinding, ConfFile, audit_files
from haconsole.parse.keepalived_conf import parse

NAMES = ("serv01.conf", "serv02.conf")

_MASTER, _BACKUP = ("MASTER", 255), ("BACKUP", 100)


def article(first: bool) -> str:
    """The article's final keepalived.conf of proxy-serv01, or of proxy-serv02, one statement a line."""
    states = (_MASTER, _BACKUP) if first else (_BACKUP, _MASTER)
    return 'vrrp_script chk_squid_service {\n  script "/usr/sbin/squid -k check"\n  interval 3\n}\n' + "".join(
        f"vrrp_instance proxy_ip{n} {{\n  state {state}\n  interface eth0\n  virtual_router_id {n}\n  priority {priority}\n"
        f"  virtual_ipaddress {{\n    192.168.2.10{n}/24 dev eth0 label eth0:{n}\n  }}\n"
        "  track_interface {\n    eth1\n  }\n  track_script {\n    chk_squid_service\n  }\n}\n"
        for n, (state, priority) in enumerate(states, 1)
    )


# The article's pair as the mission prints it, several statements a line.
COMPACT = (
    """\
vrrp_script chk_squid_service { script "/usr/sbin/squid -k check"  interval 3 }
vrrp_instance proxy_ip1 { state MASTER interface eth0 virtual_router_id 1 priority 255
  virtual_ipaddress { 192.168.2.101/24 dev eth0 label eth0:1 }
  track_interface { eth1 }  track_script { chk_squid_service } }
vrrp_instance proxy_ip2 { state BACKUP interface eth0 virtual_router_id 2 priority 100
  virtual_ipaddress { 192.168.2.102/24 dev eth0 label eth0:2 }
  track_interface { eth1 }  track_script { chk_squid_service } }
""",
    """\
vrrp_script chk_squid_service { script "/usr/sbin/squid -k check"  interval 3 }
vrrp_instance proxy_ip1 { state BACKUP interface eth0 virtual_router_id 1 priority 100
  virtual_ipaddress { 192.168.2.101/24 dev eth0 label eth0:1 }
  track_interface { eth1 }  track_script { chk_squid_service } }
vrrp_instance proxy_ip2 { state MASTER interface eth0 virtual_router_id 2 priority 255
  virtual_ipaddress { 192.168.2.102/24 dev eth0 label eth0:2 }
  track_interface { eth1 }  track_script { chk_squid_service } }
""",
)


def healthy(first: bool) -> str:
    """A pair with nothing to say about: 254, drain file, fall and rise, script security, unicast, password."""
    own, peer = ("192.168.2.251", "192.168.2.252") if first else ("192.168.2.252", "192.168.2.251")
    states = (("MASTER", 254), _BACKUP) if first else (_BACKUP, ("MASTER", 254))
    head = f"""\
! made for {own}
global_defs {{
  router_id proxy-serv0{own[-1]}
  script_user root
  enable_script_security
}}
$SQUID="/usr/sbin/squid -k check"
track_file haconsole_drain {{
  file "/run/haconsole-drain"
  weight 1
  init_file 0
}}
vrrp_script chk_squid_service {{
  script $SQUID
  interval 2
  timeout 2
  fall 2
  rise 2
}}
"""
    return head + "".join(
        f"vrrp_instance proxy_ip{n} {{\n  state {state}\n  interface eth0\n  virtual_router_id {n}\n  priority {priority}\n"
        "  advert_int 1\n  authentication {\n    auth_type PASS\n    auth_pass s3cret\n  }\n"
        f"  unicast_src_ip {own}\n  unicast_peer {{\n    {peer}\n  }}\n"
        f"  virtual_ipaddress {{\n    192.168.2.10{n}/24 dev eth0 label eth0:{n}\n  }}\n"
        "  track_interface {\n    eth1\n  }\n  track_script {\n    chk_squid_service\n  }\n"
        "  track_file {\n    haconsole_drain\n  }\n}\n"
        for n, (state, priority) in enumerate(states, 1)
    )


def files(*texts: str, version: tuple[int, int, int] | None = None, names: Sequence[str] = NAMES) -> list[ConfFile]:
    """As `haconsole check FILE FILE` reads them."""
    return [
        ConfFile(conf=parse({name: text}, name, secret_key=b"for this run"), version=version)
        for name, text in zip(names, texts, strict=False)
    ]


def findings(*texts: str, version: tuple[int, int, int] | None = None) -> tuple[AuditFinding, ...]:
    """Of these texts, as one cluster."""
    return audit_files(files(*texts, version=version))


def told(found: Sequence[AuditFinding]) -> list[tuple[str, str, int]]:
    """Id, file and line of each."""
    return [(f.id, f.place.file, f.place.line) for f in found if f.place is not None]


def changed(text: str, *edits: tuple[str, str]) -> str:
    """The text with each first word replaced, once; it must be there."""
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
