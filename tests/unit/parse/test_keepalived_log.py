"""The words of keepalived's log, version by version, and every log of the fixtures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from haconsole.model.readings import LogFact, LogFactKind, VrrpState
from haconsole.parse.keepalived_log import fact

FIXTURES = Path(__file__).parents[2] / "fixtures" / "keepalived"
LOGS = sorted(str(p.relative_to(FIXTURES)) for p in FIXTURES.glob("*/log-*.txt"))
LINE = re.compile(r"\w{3} [ \d]\d [\d:]{8} \S+ ([^\[:]+)\[\d+\]: (.*)")

CHILD, PARENT = "Keepalived_vrrp", "Keepalived"


def state(instance: str, word: str) -> LogFact:
    return LogFact(kind=LogFactKind.STATE, instance=instance, state=VrrpState[word])


def link(name: str, *, up: bool) -> LogFact:
    return LogFact(kind=LogFactKind.INTERFACE, subject=name, up=up)


def script(name: str, *, ok: bool) -> LogFact:
    return LogFact(kind=LogFactKind.SCRIPT, subject=name, up=ok)


def priority(instance: str, value: int) -> LogFact:
    return LogFact(kind=LogFactKind.PRIORITY, instance=instance, value=value)


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        # 1.3.5
        ("VRRP_Instance(I) Entering MASTER STATE", state("I", "MASTER")),
        ("VRRP_Instance(I) Entering BACKUP STATE", state("I", "BACKUP")),
        ("VRRP_Instance(I): Entering BACKUP STATE", state("I", "BACKUP")),
        ("VRRP_Instance(I) Entering FAULT STATE", state("I", "FAULT")),
        ("VRRP_Instance(I) Now in FAULT state", state("I", "FAULT")),
        ("VRRP_Instance(I) Changing effective priority from 254 to 54", priority("I", 54)),
        ("Kernel is reporting: interface eth0 DOWN", link("eth0", up=False)),
        ("Kernel is reporting: interface eth0 UP", link("eth0", up=True)),
        ("VRRP_Script(chk) failed", script("chk", ok=False)),
        ("VRRP_Script(chk) timed out", script("chk", ok=False)),
        ("VRRP_Script(chk) succeeded", script("chk", ok=True)),
        ("VRRP_Script(chk) considered successful on reload", script("chk", ok=True)),
        # 2.x
        ("(I) Entering MASTER STATE", state("I", "MASTER")),
        ("(I) Entering BACKUP STATE", state("I", "BACKUP")),
        ("(I) Entering BACKUP STATE (init)", state("I", "BACKUP")),
        ("(I) Entering FAULT STATE", state("I", "FAULT")),
        ("(I) Entering FAULT STATE (init)", state("I", "FAULT")),
        ("(I) entering FAULT state", state("I", "FAULT")),
        ("(I): entering FAULT state due to script chk", state("I", "FAULT")),
        ("(I): entering FAULT state (interface eth1 down)", state("I", "FAULT")),
        ("(I): entering FAULT state (tracked file drain has status -254)", state("I", "FAULT")),
        ("(I) Changing effective priority from 54 to 254", priority("I", 254)),
        ("Netlink reports eth0 down", link("eth0", up=False)),
        ("Netlink reports eth0.100 up", link("eth0.100", up=True)),
        ("VRRP_Script(chk) failed (exited with status 1)", script("chk", ok=False)),
        ("VRRP_Script(chk) failed (due to signal 9)", script("chk", ok=False)),
        ("VRRP_Script(chk) timed_out", script("chk", ok=False)),
        ("VRRP_Script(chk) considered unsuccessful on reload", script("chk", ok=False)),
        # names with brackets, colons and words that keepalived uses itself
        ("(a)b) Entering MASTER STATE", state("a)b", "MASTER")),
        ("((x)) Entering MASTER STATE", state("(x)", "MASTER")),
        ("(a):) Entering MASTER STATE", state("a):", "MASTER")),
        ("(VRRP_Instance(x)): Entering BACKUP STATE", state("VRRP_Instance(x)", "BACKUP")),
        ("VRRP_Script(chk(1)) failed (exited with status 1)", script("chk(1)", ok=False)),
        ("(\x1b[2Jx) Entering MASTER STATE", state("␛[2Jx", "MASTER")),
        # blanks at the end, as some transports leave
        ("(I) Entering MASTER STATE \r", state("I", "MASTER")),
    ],
)  # fmt: skip
def test_what_a_line_of_the_vrrp_process_means(message: str, meaning: LogFact) -> None:
    assert fact(CHILD, message) == meaning


@pytest.mark.parametrize(
    ("ident", "message", "kind"),
    [
        (PARENT, "Starting Keepalived v1.3.5 (unknown)", LogFactKind.STARTED),
        (PARENT, "Starting Keepalived v2.2.7 (01/16,2022)", LogFactKind.STARTED),
        (PARENT, "Starting VRRP child process, pid=13423", LogFactKind.STARTED),
        (PARENT, "Stopped Keepalived v2.4.3 (07/20,2026)", LogFactKind.STOPPED),
        (PARENT, "Reloading ...", LogFactKind.RELOADED),
        (CHILD, "Reloading", LogFactKind.RELOADED),
        (PARENT, "Reload complete", LogFactKind.RELOADED),
        (CHILD, "Printing VRRP data for process(13423) on signal", LogFactKind.DUMPED),
        (CHILD, "Printing VRRP stats for process(1) on signal", LogFactKind.DUMPED),
        (CHILD, "Printing and clearing VRRP stats for process(1) on signal", LogFactKind.DUMPED),
        (CHILD, "Printing VRRP as json for process(1) on signal", LogFactKind.DUMPED),
        (PARENT, "Printing parent data for process(1) on signal", LogFactKind.DUMPED),
        ("Keepalived_healthcheckers", "Printing checker data for process(1) on signal", LogFactKind.DUMPED),
    ],
)
def test_what_happens_to_the_daemon(ident: str, message: str, kind: LogFactKind) -> None:
    assert fact(ident, message) == LogFact(kind=kind)


@pytest.mark.parametrize(
    "message",
    [
        "VRRP_Instance(I) Transition to MASTER STATE",  # no VIP yet
        "VRRP_Instance(I): Transition to MASTER STATE",
        "VRRP_Group(G) Syncing instances to MASTER state",
        "VRRP_Group(G) Transition to MASTER state",
        "VRRP_Group(G) Leaving FAULT state",
        "Kernel is reporting: Group(G) UP",
        "Kernel is reporting: tracked interface are UP",
        "(I): tracked file drain now FAULT state",  # `Entering FAULT STATE` follows
        "(I): tracked file drain leaving FAULT state",
        "Script `chk` now returning 1",  # before `fall` failures
        "/etc/keepalived/chk.sh exited with status 1",
        "(I) setting VIPs.",
        "(I) sent 0 priority",
        "(I) Received advert from 192.168.2.12 with lower priority 100, ours 255, forcing new election",
        "Stopping",
        "Stopped",
        "Stopped - used (self/children) 0.1/0.1 user time, 0.1/0.1 system time",
        "Entering MASTER STATE",
        "() Entering MASTER STATE",
        "(I) Entering MASTER STATE and more",
        "say (I) Entering MASTER STATE",
        "(I) Entering GOTO STATE",
        "",
        "(I) Entering MASTER STATE" + " x" * 5000,
    ],
)
def test_what_tells_nothing(message: str) -> None:
    assert fact(CHILD, message) is None


@pytest.mark.parametrize("ident", ["squid", "", "root", "logger", "systemd"])
def test_other_programs_cannot_speak_for_keepalived(ident: str) -> None:
    assert fact(ident, "(I) Entering MASTER STATE") is None


@pytest.mark.parametrize("ident", ["Keepalived_vrrp", "Keepalived_vrrp_blue", "keepalived"])
def test_namespaces_and_instances_have_their_names_behind_the_ident(ident: str) -> None:
    assert fact(ident, "(I) Entering MASTER STATE") == state("I", "MASTER")


# --- the logs of the fixtures ------------------------------------------------------------


def lines(name: str) -> list[str | tuple[str, str]]:
    """Actions as str, keepalived's lines as (ident, message); the last line of a cut file is dropped."""
    found: list[str | tuple[str, str]] = []
    for line in (FIXTURES / name).read_text(errors="replace").splitlines():
        if line.startswith("# "):
            found.append(line[2:])
        elif match := LINE.fullmatch(line):
            found.append((match[1], match[2]))
    return found


def short(found: LogFact) -> str:
    match found.kind:
        case LogFactKind.STATE:
            return f"{found.instance} {found.state.name if found.state else '?'}"
        case LogFactKind.INTERFACE:
            return f"{found.subject} {'up' if found.up else 'down'}"
        case LogFactKind.SCRIPT:
            return f"{found.subject} {'ok' if found.up else 'bad'}"
        case LogFactKind.PRIORITY:
            return f"{found.instance} ={found.value}"
    return str(found.kind.value)


def facts(name: str) -> list[str]:
    told: list[tuple[str, list[str]]] = [("(before)", [])]
    for entry in lines(name):
        if isinstance(entry, str):
            told.append((entry, []))
        elif (found := fact(*entry)) is not None and found.kind is not LogFactKind.DUMPED:
            told[-1][1].append(short(found))
    return [f"{action} -> {', '.join(said)}" for action, said in told if said]


def expected() -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    current: list[str] = []
    for line in (FIXTURES / "log-facts.txt").read_text().splitlines():
        if line.startswith("== "):
            current = told.setdefault(line[3:], [])
        elif line and not line.startswith("#"):
            current.append(line)
    return told


def test_every_log_is_in_the_list_of_facts() -> None:
    assert sorted(expected()) == LOGS


@pytest.mark.parametrize("name", LOGS)
def test_a_log_tells_what_was_done(name: str) -> None:
    assert facts(name) == expected()[name]


NOT_A_FACT = re.compile(
    r"VRRP_Instance\(\S+\):? Transition to MASTER STATE|VRRP_Group\(|Kernel is reporting: (Group|tracked interface)"
    r"|\(\S+\): tracked file \S+ (now|leaving) FAULT state"
)


@pytest.mark.parametrize("name", LOGS)
def test_no_line_that_speaks_of_states_links_or_scripts_is_missed(name: str) -> None:
    telling = re.compile(
        r"(?i)\b(MASTER|BACKUP|FAULT) STATE\b|Netlink reports|Kernel is reporting|VRRP_Script\(|effective priority"
    )
    missed = [e for e in lines(name) if not isinstance(e, str) and telling.search(e[1]) and fact(*e) is None]
    assert [e for e in missed if not NOT_A_FACT.match(e[1])] == []


@pytest.mark.parametrize("version", ["1.3.5", "2.0.20", "2.1.5", "2.2.7", "2.4.3"])
@pytest.mark.parametrize("action", ["eth0 down on serv01", "eth1 down on serv01", "script fails on serv01"])
def test_the_articles_drills_show_on_both_nodes(version: str, action: str) -> None:
    """FAULT here, MASTER there; 2.1.5 keeps a 255 instance MASTER while its script fails (docs/keepalived-versions.md)."""
    here = dict(line.split(" -> ") for line in facts(f"{version}/log-serv01.txt"))[action]
    there = dict(line.split(" -> ") for line in facts(f"{version}/log-serv02.txt")).get(action, "")
    ignored = version == "2.1.5" and action.startswith("script")
    assert ("proxy_ip1 FAULT" in here) is not ignored
    assert "proxy_ip2 FAULT" in here
    assert there == ("" if ignored else "proxy_ip1 MASTER")
