"""What SELinux refuses: lines as the kernel and journald write them, through the real parser, reducer and rules.

Debian's kernel enforces no SELinux: the words are those of the kernel (avc_dump_query) and of journald's audit input.
"""

from __future__ import annotations

import json

import pytest

from haconsole.model.events import LogHeard
from haconsole.model.findings import Severity
from haconsole.parse.journal import parse_journal_line
from tests.unit.cluster.builders import ONE, Play, healthy
from tests.unit.cluster.builders import faulty as failing

EXECUTE = (
    'AVC avc:  denied  { execute } for  pid=1809 comm="keepalived" name="check.sh" dev="dm-0" ino=1588329 '
    "scontext=system_u:system_r:keepalived_t:s0 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=0"
)
PORT = (
    'AVC avc:  denied  { name_bind } for  pid=812 comm="squid" src=8888 scontext=system_u:system_r:squid_t:s0 '
    "tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket permissive=0"
)


def heard(play: Play, text: str, **more: str) -> Play:
    """As `journalctl -o json` has a line of audit."""
    comm = "squid" if "squid_t" in text else "keepalived"
    fields = {"MESSAGE": text, "SYSLOG_IDENTIFIER": "audit", "_COMM": comm, "_PID": "1809"}
    stamp = {"__REALTIME_TIMESTAMP": str(int(play.now * 1e6))}
    line = parse_journal_line(json.dumps(fields | stamp | more))
    return play if line is None else play.event(LogHeard(node=ONE, at=play.now, line=line, backlog=False))


def test_a_check_that_keepalived_may_not_execute() -> None:
    play = heard(healthy(), EXECUTE).wait(0.1).read(ONE, failing({"chk_squid_service": False}))
    found = play.one("selinux-denied")
    assert (found.severity, found.node, found.follows_from) == (Severity.WARNING, ONE, None)
    assert found.summary == (
        f"{ONE}: SELinux refuses keepalived: execute of check.sh (unconfined_u:object_r:user_home_t:s0)"
    )
    assert found.evidence[0].text == EXECUTE
    assert "keepalived_unconfined_script_exec_t" in (found.remedy or "")
    assert play.one("instance-fault").follows_from == found.key
    assert "selinux-denied" not in play.later(601.0).ids()


def test_a_port_that_squid_may_not_use() -> None:
    found = heard(healthy(), PORT).one("selinux-denied")
    assert "name_bind of port 8888" in found.summary
    assert "squid_port_t" in (found.remedy or "")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (EXECUTE.replace("permissive=0", "permissive=1"), {}),
        (EXECUTE.replace("{ execute }", "{ setattr }"), {}),
        (EXECUTE.replace("keepalived_t", "httpd_t"), {}),
        (EXECUTE, {"_UID": "1000"}),
        (EXECUTE, {"_COMM": "logger"}),
        ("AVC something else", {}),
    ],
    ids=["only told", "harmless", "another domain", "written by a user", "by another program", "other words"],
)
def test_what_was_not_refused_or_not_by_the_kernel_is_no_finding(text: str, fields: dict[str, str]) -> None:
    assert "selinux-denied" not in heard(healthy(), text, **fields).ids()
