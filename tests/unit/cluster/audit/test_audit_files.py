"""What is said of files alone. Each trouble is named by its own id, and the healthy pair by none."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haconsole.cluster.audit import ConfFile, audit, audit_files
from haconsole.cluster.audit.ids import IDS
from haconsole.model.findings import Severity
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_conf import parse

from .cases import BOTH, CHK, ONE_FILE, A, B
from .pairs import COMPACT, article, changed, files, findings, told


def test_the_healthy_pair_gets_no_finding() -> None:
    assert findings(A, B) == ()
    assert findings(A) == ()


def test_a_pair_by_multicast_without_password_is_as_healthy() -> None:
    def plain(text: str) -> str:
        lines = text.split("\n")
        drop = ("auth", "unicast")
        kept, skip = [], 0
        for line in lines:
            if line.strip().startswith(drop) and line.endswith("{"):
                skip = 1
            if not skip and not line.strip().startswith(drop):
                kept.append(line)
            skip = 0 if skip and line.strip() == "}" else skip
        return "\n".join(kept)

    assert "unicast" not in plain(A)
    assert findings(plain(A), plain(B)) == ()


def test_the_articles_pair_gets_exactly_what_it_deserves() -> None:
    found = findings(article(True), article(False))
    assert told(found) == [
        ("check-without-fall", "serv01.conf", 1),
        ("script-security-off", "serv01.conf", 1),
        ("priority-owner", "serv01.conf", 9),
        ("check-without-fall", "serv02.conf", 1),
        ("script-security-off", "serv02.conf", 1),
        ("priority-owner", "serv02.conf", 24),
    ]
    assert {f.severity for f in found} == {Severity.WARNING}
    owner = next(f for f in found if f.id == "priority-owner")
    assert "drained without loss" in owner.summary
    assert "2.1" in owner.summary
    assert owner.remedy == "serv01.conf:9: priority 254"
    assert ("serv01.conf", 9, "proxy_ip1: priority 255") in [(e.file, e.line, e.text) for e in owner.evidence]


def test_on_keepalived_2_1_its_third_drill_fails_for_certain() -> None:
    found = findings(article(True), article(False), version=(2, 1, 5))
    assert [f.severity for f in found if f.id == "priority-owner"] == [Severity.CRITICAL] * 2


def test_as_the_mission_prints_it_keepalived_does_not_start_and_the_rest_is_told_as_it_was_meant() -> None:
    """Tried with 2.2.7: `the virtual router id must be set`."""
    found = findings(*COMPACT)
    assert [f.id for f in found if f.severity is Severity.CRITICAL] == ["conf-one-line"] * 2
    assert "keepalived does not start" in found[0].summary
    assert [e.line for e in found[0].evidence] == [1, 2, 5]
    as_meant = findings(article(True), article(False))
    assert sorted(f.id for f in found if f.severity is Severity.WARNING) == sorted(f.id for f in as_meant)


@pytest.mark.parametrize(("expected", "severity", "edits"), ONE_FILE, ids=[c[0] for c in ONE_FILE])
def test_trouble_in_one_file(expected: str, severity: str, edits: list[tuple[str, str]]) -> None:
    found = findings(changed(A, *edits))
    assert [f.id for f in found if f.id == expected], [f.id for f in found]
    follows = {"vip-in-two-routers", "conf-misread"} if expected == "instance-twice" else set()
    others = {f.id for f in found} - {expected} - follows
    allowed = {
        # both are true of such a file
        "conf-misread": {"conf-unknown-keyword", "interface-missing", "tracked-not-defined", "no-vip", "no-check"},
        "vip-in-two-routers": set(),
        "priority-owner": {"weight-ignored"},
        "sync-group-divided": {"weight-ignored"},
        "script-without-command": set(),
        "no-instance": {"script-not-tracked"},
        "script-not-tracked": {"no-check"},
    }
    assert others <= allowed.get(expected, set()), others
    first = next(f for f in found if f.id == expected)
    assert first.severity.word == severity
    assert first.place is not None
    assert first.remedy
    assert all(e.file == "serv01.conf" and e.line for e in first.evidence)


@pytest.mark.parametrize(("expected", "severity", "first", "second"), BOTH, ids=[c[0] for c in BOTH])
def test_trouble_between_files(
    expected: str, severity: str, first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    found = findings(changed(A, *first), changed(B, *second))
    told_ids = [f.id for f in found]
    assert expected in told_ids, told_ids
    allowed = {
        "vip-in-two-routers": {"vip-list-differs"},
        "two-owners": {"priority-owner", "weight-ignored"},
        "weight-ignored": {"priority-owner"},
        "unicast-mixed": set(),
        "version-differs": {"auth-differs"},
    }.get(expected, set())
    assert set(told_ids) - {expected} <= allowed, told_ids
    assert next(f for f in found if f.id == expected).severity.word == severity


def test_weights_that_are_large_enough_are_well() -> None:
    assert findings(changed(A, (CHK, "    chk_squid_service weight -160\n")), B) == ()
    up = changed(A, ("priority 254", "priority 90"), (CHK, "    chk_squid_service weight 20\n"))
    other = changed(B, (CHK, "    chk_squid_service weight 20\n"))
    assert [f.id for f in findings(up, other)] == ["state-against-priority"]


@pytest.mark.parametrize(
    ("interval", "timeout", "fall", "remedy"),
    [
        (2, 2, 40, "fall 2"),
        (40, None, 2, "interval 2"),
        (90, None, None, "interval 2"),
        (40, 40, 2, "interval 2; timeout 2 (each on a line of its own)"),
        (40, None, 30, "interval 2; fall 2 (each on a line of its own)"),
    ],
)
def test_a_slow_check_is_told_the_line_that_makes_it_quick(
    interval: int, timeout: int | None, fall: int | None, remedy: str
) -> None:
    lines = {"interval": interval, "timeout": timeout, "fall": fall}
    block = "".join(f"  {k} {v}\n" for k, v in lines.items() if v is not None)
    slow = changed(A, ("  interval 2\n  timeout 2\n  fall 2\n", block))
    (found,) = [f for f in findings(slow) if f.id == "check-slow"]
    assert (found.remedy or "").partition(": ")[2] == remedy
    lines |= {k: int(v) for k, v in (r.split() for r in remedy.partition(" (")[0].split("; "))}
    block = "".join(f"  {k} {v}\n" for k, v in lines.items() if v is not None)
    mended = changed(A, ("  interval 2\n  timeout 2\n  fall 2\n", block))
    assert "check-slow" not in {f.id for f in findings(mended)}, "what was told mends it"


def test_the_ninth_character_of_a_password_does_not_count_and_no_password_is_told() -> None:
    longer = changed(B, ("auth_pass s3cret", "auth_pass s3cret12345"))
    other = changed(A, ("auth_pass s3cret", "auth_pass s3cret12zzz"))
    assert findings(other, longer) == ()
    wrong = audit(files(A, changed(B, ("auth_pass s3cret", "auth_pass 0ther"))))
    assert "s3cret" not in repr(wrong)
    assert "0ther" not in repr(wrong)
    assert [s.ok for s in wrong.settings if s.name == "auth_pass"] == [False, True]


def test_without_hashes_passwords_are_not_compared_and_it_is_told() -> None:
    conf = [ConfFile(conf=parse({n: t}, n)) for n, t in (("a", A), ("b", B))]
    found = audit_files(conf)
    assert [(f.id, f.unknown) for f in found] == [("auth-not-compared", True)] * 2


def test_the_table_says_what_must_be_equal_and_what_must_differ() -> None:
    rows = {(s.instance, s.name): s for s in audit(files(A, changed(B, ("router_id 1\n", "router_id 11\n")))).settings}
    assert rows["proxy_ip2", "priority"].values == ("100", "254")
    assert (rows["proxy_ip2", "priority"].rule, rows["proxy_ip2", "priority"].ok) == ("differ", True)
    assert (rows["proxy_ip1", "virtual_router_id"].values, rows["proxy_ip1", "virtual_router_id"].ok) == (
        ("1", "11"),
        False,
    ), "neither has a partner under its own: held against each other by their name"
    assert rows["proxy_ip1", "virtual_ipaddress"].ok


def test_what_may_stand_in_an_include_is_not_said_to_be_missing() -> None:
    text = changed(A, ("  virtual_router_id 1\n", "  include vrid.conf\n"))
    assert [f.id for f in findings(text, B)] == ["conf-include-not-read"]


def test_every_id_is_explained() -> None:
    assert {c[0] for c in (*ONE_FILE, *BOTH)} <= set(IDS)


WORDS = st.sampled_from(
    ["vrrp_instance a {", "vrrp_instance b {", "vrrp_script c {", "global_defs {", "}", "state MASTER", "priority 255",
     "priority 100", "virtual_router_id 1", "virtual_router_id x", "virtual_ipaddress {", "10.0.0.1/24 label l",
     "track_script {", "c weight -5", "script", "script ''", "interval x", "fall", "authentication {", "auth_pass q",
     "@x priority 3", "unicast_peer {", "10.0.0.1", "advert_int", "track_file q {", "include x", "$A=1", "interface"]
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(WORDS | st.text(max_size=12), max_size=25), min_size=1, max_size=3))
def test_no_text_breaks_the_audit(texts: list[list[str]]) -> None:
    try:
        conf = [
            ConfFile(conf=parse({f"{n}": "\n".join(lines)}, f"{n}", secret_key=b"k")) for n, lines in enumerate(texts)
        ]
    except ParseError:
        return
    for finding in audit_files(conf):
        assert finding.id in IDS
        assert finding.summary
