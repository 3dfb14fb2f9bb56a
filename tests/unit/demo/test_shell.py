"""A simulated node's programs, read by the parsers that read real ones."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TypeVar

import pytest

from haconsole.catalogue import read, script
from haconsole.catalogue.command import Names, Verb
from haconsole.catalogue.squid_conf import FILE, SQUID_CONF
from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.node import SimNode
from haconsole.demo.node_shell import JournalQuery, NodeShell, Reply, framed, unguarded
from haconsole.demo.plan import Happening, What
from haconsole.demo.scenarios import ONE, SCENARIOS, TWO
from haconsole.model.events import NodeRead
from haconsole.model.host import HostReading
from haconsole.model.readings import (
    AddressAdded,
    AddressRemoved,
    ConfigTest,
    IdentityReading,
    LinkChanged,
    LogFactKind,
    Rights,
    UnitsReading,
    VersionsReading,
    VrrpState,
)
from haconsole.parse import iproute, journal, sockets, squid, squid_conf
from haconsole.runtime import interpret, trouble

ZERO = 1_795_000_000.0
MARKER = "f00d"
CONTEXT = trouble.Context(node=ONE)
T = TypeVar("T")


def node(scenario: str = "healthy", name: str = ONE) -> SimNode:
    return ClusterSim(SCENARIOS[scenario].clusters[0], ZERO).nodes[name]


def shell(scenario: str = "healthy", name: str = ONE) -> NodeShell:
    return NodeShell(node(scenario, name))


def run(argv: str, scenario: str = "healthy") -> str:
    reply = shell(scenario).run(tuple(argv.split()))
    assert reply.status == 0, reply.stderr
    return reply.stdout


def answer(asked: NodeShell, rights: Rights = Rights.SUDO, names: Names | None = None) -> dict[str, script.Output]:
    """Every command of the catalogue, through the script that carries it and back."""
    specs = list(read.COMMANDS.values())
    lines = script.read_batch(script.batch(specs, names or Names(), rights))
    assert lines is not None
    data = b"".join(framed(line, asked.line(line), MARKER) for line in lines)
    return script.outputs(MARKER, data, specs)


def test_squids_file_says_how_long_it_takes_to_stop() -> None:
    told = squid_conf.parse_shutdown(shell().run(SQUID_CONF.argv).stdout, FILE)
    assert (told.lifetime_s, told.text) == (1.0, f"{FILE}: shutdown_lifetime 1 seconds")


NOT_HERE = {"keepalived.include", "log.file-tail"}
"""Nothing is included, and Debian 12 has no syslog file."""


@pytest.mark.parametrize("rights", Rights)
def test_the_whole_catalogue_is_answered(rights: Rights) -> None:
    asked = shell()
    if rights is Rights.ROOT:
        rooted = node()
        rooted.plan = replace(rooted.plan, user="root", groups=("root",))
        asked = NodeShell(rooted)
    outputs = answer(asked, rights)
    assert set(outputs) == set(read.COMMANDS)
    bad = {i for i, o in outputs.items() if o.status != 0}
    assert bad == NOT_HERE | ({"keepalived.dump"} if rights is Rights.PLAIN else set())
    assert outputs["keepalived.conf"].files["/etc/keepalived/keepalived.conf"].startswith(b"global_defs")


def test_what_needs_rights_is_refused_without() -> None:
    outputs = answer(shell("few-rights"))
    assert outputs["keepalived.dump"].stderr == "sudo: a password is required"
    assert outputs["keepalived.dump"].status == 1
    assert outputs["keepalived.test"].stderr == "sudo: a password is required"
    assert outputs["kernel.addresses"].status == 0
    plain = answer(shell("few-rights"), Rights.PLAIN)
    assert "Interactive authentication required" in plain["keepalived.dump"].stderr
    assert "insufficient permissions" in plain["log.tail"].stderr


def test_addresses_and_links() -> None:
    found = iproute.parse_addresses(run("ip -o addr"))
    vip = next(a for a in found if str(a.address) == "192.168.2.101/24")
    assert (vip.interface, vip.label) == ("eth0", "eth0:1")
    links = iproute.parse_links(run("ip -o link", "eth1-down"))
    assert links["eth0"].up and links["eth0"].carrier
    assert not links["eth1"].up and not links["eth1"].carrier


def test_ipv6_vips_have_no_label() -> None:
    found = iproute.parse_addresses(run("ip -o addr", "ipv6"))
    vip = next(a for a in found if str(a.address) == "2001:db8:2::101/64")
    assert (vip.interface, vip.label, vip.scope) == ("eth0", None, "global")


def test_monitor_lines_of_a_bounce() -> None:
    cluster = ClusterSim(SCENARIOS["healthy"].clusters[0], ZERO)
    lines: list[str] = []
    cluster.nodes[ONE].kernel.listeners.append(lines.append)
    cluster.nodes[ONE].befall(Happening(at_s=0, node=ONE, what=What.LINK_DOWN, arg="eth1"))
    cluster.sim.run_until(5.0)
    down = [iproute.parse_monitor_line(line) for line in lines]
    assert isinstance(down[0], LinkChanged)
    assert (down[0].link.name, down[0].link.up) == ("eth1", False)
    removed = [str(c.address.address.ip) for c in down if isinstance(c, AddressRemoved)]
    assert removed == ["192.168.2.101", "fe80::5054:ff:fe00:101"]
    lines.clear()
    cluster.nodes[ONE].befall(Happening(at_s=0, node=ONE, what=What.LINK_UP, arg="eth1"))
    cluster.sim.run_until(12.0)
    up = [iproute.parse_monitor_line(line) for line in lines]
    assert isinstance(up[0], LinkChanged)
    assert up[0].link.up and up[0].link.carrier
    added = [str(c.address.address.ip) for c in up if isinstance(c, AddressAdded)]
    assert added == ["fe80::5054:ff:fe00:101", "192.168.2.101"]


def news(told: object, kind: type[T]) -> T:
    """The reading that an interpretation gave."""
    assert isinstance(told, NodeRead), told
    assert isinstance(told.reading, kind)
    return told.reading


@pytest.mark.parametrize(
    ("scenario", "keepalived", "squid_state"),
    [("healthy", "active", "active"), ("squid-down", "active", "inactive"), ("vip-left-behind", "failed", "active")],
)
def test_units(scenario: str, keepalived: str, squid_state: str) -> None:
    reading = news(interpret.units(CONTEXT, ZERO, answer(shell(scenario))), UnitsReading)
    units = reading.units
    assert (units["keepalived"].active_state, units["squid"].active_state) == (keepalived, squid_state)
    assert units["keepalived"].enabled and units["squid"].enabled
    assert reading.uptime_s is not None
    assert reading.uptime_s > 86400
    since = units["squid"].since_uptime_s
    assert since is not None and 0 < since <= reading.uptime_s


def test_an_unknown_unit_is_not_loaded() -> None:
    outputs = answer(shell(), names=Names(squid_unit="squid-other"))
    context = replace(CONTEXT, squid_unit="squid-other")
    reading = news(interpret.units(context, ZERO, outputs), UnitsReading)
    assert not reading.units["squid-other"].loaded


def test_squid_check_and_sockets() -> None:
    for scenario, well in (("healthy", True), ("squid-down", False), ("squid-hung", True)):
        asked = shell(scenario)
        reply = asked.run(("squid", "-k", "check"))
        assert squid.parse_check(reply.stdout, reply.stderr, reply.status)[0] is well
        found = sockets.parse_listeners(asked.run(("ss", "-ltn")).stdout, 3128)
        assert [x.text for x in found] == (["0.0.0.0:3128"] if well else [])
    found = sockets.parse_listeners(run("ss -ltn", "ipv6"), 3128)
    assert found[0].address is None


def test_identity_and_versions() -> None:
    outputs = answer(shell())
    who = news(interpret.identity(CONTEXT, ZERO, outputs, sudo=True), IdentityReading)
    assert (who.user, who.uid, who.rights, who.hostname) == ("ops", 1001, Rights.SUDO, ONE)
    assert all(who.tools.values())
    versions = news(interpret.versions(CONTEXT, ZERO, outputs), VersionsReading)
    assert (str(versions.keepalived), versions.squid, versions.systemd) == ("2.2.7", "5.7", 252)
    assert interpret.dump_signal(outputs, versions.keepalived) == 10
    tested = news(interpret.config_test(CONTEXT, ZERO, outputs, versions.keepalived), ConfigTest)
    assert tested == ConfigTest(ok=True)
    assert re.fullmatch(r"1795000000\.000(2000|1999)\d{2}\n", run("date +%s.%N"))


def test_log() -> None:
    argv = read.LOG_TAIL.filled(Names())
    lines = [journal.parse_journal_line(x.encode()) for x in shell("eth1-down").run(argv).stdout.splitlines()]
    found = [x for x in lines if x is not None]
    assert all(x.trusted and x.program == "keepalived" for x in found)
    states = [(x.fact.instance, x.fact.state) for x in found if x.fact and x.fact.kind is LogFactKind.STATE]
    assert states[-2:] == [("proxy_ip1", VrrpState.FAULT), ("proxy_ip2", VrrpState.FAULT)]
    last = found[-1].node_time_s
    assert last is not None
    assert ZERO - 73 < last < ZERO - 71


def test_a_dump_is_noticed_in_the_log() -> None:
    asked = node()
    answer(NodeShell(asked))
    text = asked.journal.tail(1, lambda e: e["SYSLOG_IDENTIFIER"] == "Keepalived_vrrp")[0]["MESSAGE"]
    assert text.startswith("Printing VRRP data for process(")


def test_journal_query_understands_alternatives() -> None:
    query = JournalQuery.parse(read.LOG_FOLLOW.filled(Names())[1:])
    assert query is not None
    assert (query.lines, query.follow) == (300, True)
    assert query.match({"_COMM": "squid"})
    assert query.match({"_COMM": "systemd", "UNIT": "squid.service"})
    assert not query.match({"_COMM": "systemd", "UNIT": "cron.service"})
    assert JournalQuery.parse(("--vacuum-time=1s",)) is None


def test_a_journal_is_followed_from_a_time_where_it_had_no_line_before() -> None:
    query = JournalQuery.parse(read.LOG_FOLLOW_FIRST.filled(Names())[1:])
    assert query is not None
    assert (query.follow, query.since_s) == (True, 900.0)
    asked = node()
    lines = query.backlog(asked)
    asked.journal.write(asked.wall() - 901, "squid", 1, "too long ago", comm="squid")
    asked.journal.write(asked.wall() - 899, "squid", 1, "not too long ago", comm="squid")
    assert [json.loads(x)["MESSAGE"] for x in query.backlog(asked)[len(lines) :]] == ["not too long ago"]


def test_no_dump_from_a_dead_daemon() -> None:
    output = answer(shell("vip-left-behind"))["keepalived.dump"]
    assert output.status == 1
    assert "No main process to kill" in output.stderr


@pytest.mark.parametrize(
    "argv",
    [
        "reboot",
        "rm -rf /",
        "ip link set eth1 down",
        "systemctl stop squid",
        "keepalived -n",
        "sh -c reboot",
        "date -s 0",
    ],
)
def test_what_is_not_in_the_catalogue_does_nothing(argv: str) -> None:
    asked = node()
    before = asked.kernel.ip_addr()
    assert NodeShell(asked).run(tuple(argv.split())).status != 0
    assert asked.kernel.ip_addr() == before


def test_not_found_is_127() -> None:
    assert shell().run(("frobnicate",)).status == 127
    assert shell().run(()).status == 127


def test_frames_cut_at_the_limit() -> None:
    line = script.Line(verb=Verb.RUN, id="x", timeout_s=1, limit=10, argv=("ip", "-o", "addr"))
    frame = framed(line, shell().line(line), MARKER)
    assert frame == b"\n@f00d begin x\n1: lo    i\n@f00d end x\n\n0\n"


def test_guards_of_root_streams_are_taken_off() -> None:
    command = script.collector([read.KERNEL_MONITOR, read.LOG_FOLLOW], Names(), Rights.SUDO)
    streams = script.read_collector(command)
    assert streams is not None
    asked = shell()
    assert asked.monitors(unguarded(streams["K"]))
    assert asked.journal_query(unguarded(streams["L"])) is not None
    assert shell("few-rights").journal_query(unguarded(streams["L"])) is None
    assert shell(name=TWO).journal_query(("ip", "-o", "monitor", "link", "address")) is None


def test_of_long_complaints_the_end_is_kept_as_on_a_real_node() -> None:
    spec = read.SQUID_CHECK
    lines = script.read_batch(script.batch([spec], Names(), Rights.SUDO))
    assert lines is not None
    complaint = "é" * script.STDERR_LIMIT + "the end"
    data = framed(lines[0], Reply(stderr=complaint, status=1), MARKER)
    found = script.outputs(MARKER, data, [spec])[spec.id]
    assert (found.status, len(found.stderr.encode()) > 1900, found.stderr[-7:]) == (1, True, "the end")
    assert len(data.rpartition(b"the end")[0].rpartition(b"\n")[2]) == script.STDERR_LIMIT - len("the end")


def test_a_node_tells_its_default_route_while_its_public_link_is_up() -> None:
    one = node()
    context = trouble.Context(node=ONE)

    def routes() -> tuple[str, ...] | None:
        told = interpret.host(context, ZERO, answer(NodeShell(one)))
        assert isinstance(told, NodeRead) and isinstance(told.reading, HostReading)
        assert told.reading.file_systems and told.reading.connections_limit
        return told.reading.default_routes

    assert routes() == ("via 203.0.113.1 dev eth1",)
    one.befall(Happening(at_s=0, node=ONE, what=What.LINK_DOWN, arg="eth1"))
    assert routes() == ()
