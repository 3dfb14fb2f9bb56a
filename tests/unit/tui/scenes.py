"""Situations for the console's tests: clusters as they look in the moments that matter.

Clock, zone and names are fixed. States are built as the reducer would build them; findings are
written out, so that these tests stand whatever the rules say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address, ip_interface

from haconsole.cluster.believe import picture
from haconsole.cluster.conclude import Snapshot, conclude
from haconsole.cluster.hearing import Hearing
from haconsole.cluster.reduce import initial, reduce
from haconsole.model.events import ClientProbed, ClientResult, LinkPhase, Phase, Subject
from haconsole.model.findings import Evidence, Finding, Severity, Verdict
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import (
    Address,
    ConfigTest,
    DaemonReading,
    IdentityReading,
    InstanceReading,
    KeepalivedVersion,
    KernelReading,
    Link,
    Listener,
    Rights,
    SquidCounters,
    SquidReading,
    TrackedInterface,
    TrackedScript,
    UnitReading,
    UnitsReading,
    VersionsReading,
    VrrpState,
)
from haconsole.model.spec import ClusterSpec, NodeSpec, VipSpec
from haconsole.model.state import ClockOffset, ClusterState, Known, NodeState, Occurrence, VipState
from haconsole.tui.view.times import Times
from tests.unit.cluster import builders

NOW = datetime(2025, 11, 24, 13, 2, 31, 400000, tzinfo=UTC).timestamp()
"""14:02:31.4 in the tests' zone."""
ZONE = timezone(timedelta(hours=1), "CET")
TIMES = Times(ZONE)
DAY = 86400.0
UP_S = 12 * DAY + 4 * 3600
ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1, VIP2 = ip_address("192.168.2.101"), ip_address("192.168.2.102")
OPERATOR = "anna@bastion"

SPEC = ClusterSpec(
    name="proxy",
    nodes=(NodeSpec(name=ONE, address="192.168.2.251"), NodeSpec(name=TWO, address="192.168.2.252")),
    vips=(VipSpec(address=VIP1, preferred=ONE), VipSpec(address=VIP2, preferred=TWO)),
)


def unit(name: str, *, active: bool = True, enabled: bool | None = True, state: str | None = None) -> UnitReading:
    return UnitReading(
        name=name,
        loaded=True,
        active=active,
        active_state=state or ("active" if active else "inactive"),
        sub_state="running" if active else "dead",
        enabled=enabled,
        since_uptime_s=40.0,
        main_pid=812,
    )


def kernel(last: int, vips: Sequence[str], *, eth1: bool = True, more: int = 0) -> KernelReading:
    links = {
        "lo": Link(name="lo", up=True, carrier=True),
        "eth0": Link(name="eth0", up=True, carrier=True, mac=f"52:54:00:00:02:{last:02x}"),
        "eth1": Link(name="eth1", up=True, carrier=eth1, mac=f"52:54:00:00:71:{last:02x}"),
    }
    links |= {f"veth{i}": Link(name=f"veth{i}", up=True, carrier=True) for i in range(more)}
    addresses = [
        Address(interface="lo", address=ip_interface("127.0.0.1/8"), scope="host"),
        Address(interface="eth0", address=ip_interface(f"192.168.2.{last}/24")),
        Address(interface="eth0", address=ip_interface(f"fe80::{last:x}/64"), scope="link"),
        Address(interface="eth1", address=ip_interface(f"203.0.113.{last - 240}/24")),
    ]
    labels = {"192.168.2.101": "eth0:1", "192.168.2.102": "eth0:2"}
    addresses += [Address(interface="eth0", address=ip_interface(f"{v}/24"), label=labels.get(v)) for v in vips]
    return KernelReading(links=links, addresses=tuple(addresses))


def instance(
    number: int, state: VrrpState | None, priority: int, *, eth1: bool = True, squid: bool = True, since: float
) -> InstanceReading:
    return builders.instance(
        f"proxy_ip{number}",
        state,
        priority,
        last_transition_node_s=since,
        tracked_interfaces=(TrackedInterface(name="eth1", up=eth1),),
        tracked_scripts=(TrackedScript(name="chk_squid_service", ok=squid),),
    )


def node(
    name: str,
    *,
    states: tuple[VrrpState | None, VrrpState | None],
    vips: Sequence[str],
    eth1: bool = True,
    squid: bool = True,
    rate: float = 42.0,
    clients: int = 118,
    changed: float | None = None,
    offset: float = 0.0002,
    now: float = NOW,
    more_links: int = 0,
) -> NodeState:
    """A node that answers, read whole a moment ago."""
    last = 251 if name == ONE else 252
    priorities = (255, 100) if name == ONE else (100, 255)
    since = (changed if changed is not None else now - UP_S) + offset
    instances = tuple(
        instance(i + 1, s, p, eth1=eth1, squid=squid, since=since)
        for i, (s, p) in enumerate(zip(states, priorities, strict=True))
    )
    units = UnitsReading(
        units={"keepalived": unit("keepalived"), "squid": unit("squid", active=squid)}, uptime_s=UP_S + 40
    )
    return NodeState(
        name=name,
        phase=Phase.CONNECTED,
        phase_since=now - 3600,
        heard_at=now - 0.4,
        latency_s=0.004 if name == ONE else 0.005,
        clock=Known(ClockOffset(offset_s=offset, error_s=0.002), now - 1, "heartbeat"),
        identity=Known(
            IdentityReading(user="ops", uid=1000, groups=frozenset({"ops"}), hostname=name, rights=Rights.SUDO),
            now - 3000,
            "identity",
        ),
        versions=Known(
            VersionsReading(keepalived=KeepalivedVersion(major=2, minor=2, patch=7), squid="5.7", systemd=252),
            now - 300,
            "versions",
        ),
        kernel=Known(kernel(last, vips, eth1=eth1, more=more_links), now - 3, "kernel.read"),
        units=Known(units, now - 2, "units"),
        daemon=Known(DaemonReading(kind="JSON", instances=instances), now - 12, "keepalived.dump"),
        config_test=Known(ConfigTest(ok=True), now - 300, "keepalived.test"),
        squid=Known(
            SquidReading(
                check_ok=squid,
                check_text="" if squid else "no running copy",
                listening=(Listener(address=None, port=3128, text="0.0.0.0:3128"),) if squid else (),
            ),
            now - 3,
            "squid",
        ),
        counters=counted(rate, clients, now - 3) if squid else None,
        counters_before=counted(rate, clients, now - 13) if squid else None,
    )


def counted(rate: float, clients: int, at: float) -> Known[SquidCounters]:
    """squid's counters at `at`, with `rate` requests a second since always."""
    total = round(rate * (at - NOW + DAY))
    value = SquidCounters(client_requests=total, requests_per_s=rate / 2, clients=clients, hit_ratio=0.63)
    return Known(value, at, "squid.counters")


def gone(
    name: str, problem: Problem, *, heard: float | None = None, retry_in: float = 4.0, now: float = NOW
) -> NodeState:
    return NodeState(
        name=name,
        phase=Phase.WAITING,
        phase_since=now - 30,
        problem=problem,
        retry_at=now + retry_in,
        heard_at=heard,
    )


def probes(
    vip: object, latencies: Sequence[float | None], *, status: int = 200, error: str = "timed out", now: float = NOW
) -> VipState:
    """One answer every two seconds, the last one second ago."""
    made = []
    failed = None
    for i, latency in enumerate(latencies):
        at = now - 1 - 2 * (len(latencies) - 1 - i)
        result = ClientResult(ok=True, checked="http", status=status, latency_s=latency)
        if latency is None:
            result = ClientResult(ok=False, checked="http", error=error)
            failed = at if failed is None else failed
        else:
            failed = None
        made.append(ClientProbed(vip=vip, at=at, result=result))
    return VipState(address=vip, probes=tuple(made), failed_since=failed)


QUICK = [0.003, 0.003, 0.006, 0.003, 0.004, 0.003, 0.003, 0.011, 0.003, 0.003] * 3
SLOWER = [0.004, 0.004, 0.004, 0.004, 0.004, 0.240, 0.004, 0.004, 0.004, 0.004] * 3


def said(
    seconds_ago: float,
    origin: str,
    source: str,
    text: str,
    *,
    error: float | None = 0.001,
    serial: int = 0,
    backlog: bool = False,
    now: float = NOW,
) -> Occurrence:
    return Occurrence(
        at=now - seconds_ago, error_s=error, origin=origin, source=source, text=text, serial=serial, backlog=backlog
    )


def numbered(log: Sequence[Occurrence]) -> tuple[Occurrence, ...]:
    ordered = sorted(log, key=lambda o: o.at)
    return tuple(replace(o, serial=i) for i, o in enumerate(ordered))


def state(
    nodes: Sequence[NodeState], vips: Sequence[VipState], log: Sequence[Occurrence] = (), spec: ClusterSpec = SPEC
) -> ClusterState:
    return ClusterState(
        name=spec.name,
        nodes={n.name: n for n in nodes},
        vips={v.address: v for v in vips},
        log=numbered(log),
        serial=len(log),
    )


def snapshot(
    of: ClusterState, findings: Sequence[Finding], verdict: Verdict, *, spec: ClusterSpec = SPEC, now: float = NOW
) -> Snapshot:
    return Snapshot(picture=picture(spec, of, now), findings=tuple(findings), verdict=verdict)


# --- the situations -----------------------------------------------------------

BOTH_WELL = (
    lambda: node(ONE, states=(VrrpState.MASTER, VrrpState.BACKUP), vips=["192.168.2.101"]),
    lambda: node(
        TWO, states=(VrrpState.BACKUP, VrrpState.MASTER), vips=["192.168.2.102"], rate=38, clients=97, offset=-0.0011
    ),
)
STARTED = [
    said(3600.2, ONE, "console", "connected", error=0.0),
    said(3600.1, TWO, "console", "connected", error=0.0),
    said(7200, ONE, "keepalived", "(proxy_ip1) Entering MASTER STATE", backlog=True),
    said(90000, TWO, "keepalived", "(proxy_ip2) Entering MASTER STATE", backlog=True),
    said(3599, "client", "client", "192.168.2.101 serves clients", error=0.003),
    said(3598, "client", "client", "192.168.2.102 serves clients", error=0.004),
]


def healthy() -> Snapshot:
    vips = [probes(VIP1, QUICK), probes(VIP2, SLOWER)]
    return snapshot(state([make() for make in BOTH_WELL], vips, STARTED), [], Verdict.OK)


ETH1_DOWN = Finding(
    id="public-link-down",
    severity=Severity.WARNING,
    node=TWO,
    summary="proxy-serv02 cannot be a master: public link eth1 is down (no carrier)",
    evidence=(
        Evidence(source="kernel on proxy-serv02", text="eth1: up, no carrier", at=NOW - 71.6),
        Evidence(source="keepalived on proxy-serv02", text="(proxy_ip2) Entering FAULT STATE", at=NOW - 71.5),
    ),
    remedy="Look at the cable and the switch port of eth1 on proxy-serv02; `ip link show eth1` there says when it is back.",
)
NOT_PREFERRED = Finding(
    id="vip-not-preferred",
    severity=Severity.WARNING,
    vip=VIP2,
    summary="192.168.2.102 is not on its preferred node proxy-serv02; no redundancy: the next failure is an outage",
    evidence=(Evidence(source="kernel on proxy-serv01", text="192.168.2.102/24 on eth0 (eth0:2)", at=NOW - 70.9),),
    remedy="It goes back by itself when proxy-serv02 can be a master again.",
    follows_from=ETH1_DOWN.key,
)
LINK_LOG = [
    said(71.534, TWO, "kernel", "eth1 up, no carrier"),
    said(71.533, TWO, "keepalived", "Netlink reports eth1 down"),
    said(71.532, TWO, "keepalived", "(proxy_ip2) Entering FAULT STATE"),
    said(70.921, ONE, "keepalived", "(proxy_ip2) Entering MASTER STATE"),
    said(70.905, ONE, "kernel", "192.168.2.102/24 added to eth0"),
    said(70.898, "client", "client", "192.168.2.102 serves clients again, after 0.6 s without", error=0.004),
]


def eth1_down() -> Snapshot:
    first = node(
        ONE, states=(VrrpState.MASTER, VrrpState.MASTER), vips=["192.168.2.101", "192.168.2.102"], rate=80, clients=215
    )
    second = node(
        TWO,
        states=(VrrpState.FAULT, VrrpState.FAULT),
        vips=[],
        eth1=False,
        rate=0,
        clients=0,
        changed=NOW - 71.5,
        offset=-0.0011,
    )
    moved = replace(probes(VIP2, SLOWER), holders=frozenset({ONE}), holders_since=NOW - 72.4)
    of = state([first, second], [probes(VIP1, QUICK), moved], STARTED + LINK_LOG)
    return snapshot(of, [ETH1_DOWN, NOT_PREFERRED], Verdict.WARNING)


TIMED_OUT = Problem(
    kind=ProblemKind.TIMED_OUT,
    summary="no answer from 192.168.2.252 port 22 within 5 s",
    remedy="Is the node up? ping 192.168.2.252; look at its console. A firewall that drops port 22 looks the same.",
)
UNREACHABLE = Finding(
    id="node-unreachable",
    severity=Severity.WARNING,
    node=TWO,
    summary="proxy-serv02 cannot be read: no answer from 192.168.2.252 port 22 within 5 s",
    evidence=(Evidence(source="console", text="no answer from 192.168.2.252 port 22 within 5 s", at=NOW - 30),),
    remedy=TIMED_OUT.remedy,
)


def unreachable() -> Snapshot:
    first = node(
        ONE, states=(VrrpState.MASTER, VrrpState.MASTER), vips=["192.168.2.101", "192.168.2.102"], rate=80, clients=215
    )
    second = gone(TWO, TIMED_OUT, heard=NOW - 133)
    moved = replace(probes(VIP2, SLOWER), holders=frozenset({ONE}), holders_since=NOW - 131)
    log = [*STARTED, said(125, TWO, "console", TIMED_OUT.summary, error=0.0)]
    return snapshot(state([first, second], [probes(VIP1, QUICK), moved], log), [UNREACHABLE], Verdict.WARNING)


SPLIT = Finding(
    id="vip-held-twice",
    severity=Severity.CRITICAL,
    vip=VIP1,
    summary="192.168.2.101 is on proxy-serv01 and on proxy-serv02: split brain",
    evidence=(
        Evidence(source="kernel on proxy-serv01", text="192.168.2.101/24 on eth0 (eth0:1)", at=NOW - 3),
        Evidence(source="kernel on proxy-serv02", text="192.168.2.101/24 on eth0 (eth0:1)", at=NOW - 3),
        Evidence(source="keepalived on proxy-serv02", text="(proxy_ip1) Entering MASTER STATE", at=NOW - 40),
    ),
    remedy="Do not restart blindly. Find why adverts of proxy-serv01 do not reach proxy-serv02: firewall (protocol vrrp, 224.0.0.18), switch, VLAN.",
)


def split_brain() -> Snapshot:
    first = node(ONE, states=(VrrpState.MASTER, VrrpState.BACKUP), vips=["192.168.2.101"])
    second = node(
        TWO, states=(VrrpState.MASTER, VrrpState.MASTER), vips=["192.168.2.101", "192.168.2.102"], changed=NOW - 40
    )
    bad = replace(
        probes(VIP1, [0.003] * 8 + [None, None, 0.004, None, None]),
        holders=frozenset({ONE, TWO}),
        holders_since=NOW - 40,
    )
    log = [
        *STARTED,
        said(40, TWO, "keepalived", "(proxy_ip1) Entering MASTER STATE"),
        said(39.9, TWO, "kernel", "192.168.2.101/24 added to eth0"),
    ]
    return snapshot(state([first, second], [bad, probes(VIP2, SLOWER)], log), [SPLIT], Verdict.CRITICAL)


HOST_KEY = Problem(
    kind=ProblemKind.HOST_KEY_UNKNOWN,
    summary="the host key of 192.168.2.252 is not known",
    remedy="Check the fingerprint SHA256:q0q0q0 on the node's own console, then add the line to ~/.ssh/known_hosts.",
)


def connecting() -> Snapshot:
    """The first second: one node is being connected, the other refuses; no VIP was asked yet."""
    first = NodeState(name=ONE, phase=Phase.CONNECTING, phase_since=NOW - 1)
    second = gone(TWO, HOST_KEY, retry_in=30)
    vips = [VipState(address=VIP1), VipState(address=VIP2)]
    return snapshot(
        state([first, second], vips, [said(1, TWO, "console", HOST_KEY.summary, error=0.0)]), [], Verdict.UNKNOWN
    )


NO_RIGHTS = Problem(
    kind=ProblemKind.NOT_PERMITTED,
    summary="sudo asks for a password",
    remedy="`haconsole sudoers` prints what to allow.",
)


def unprivileged() -> Snapshot:
    """Both nodes answer, but the login may not read keepalived's dump nor squid's counters."""
    nodes = []
    for make in BOTH_WELL:
        whole = make()
        failed = {
            s: Known(NO_RIGHTS, NOW - 20, s.value) for s in (Subject.DAEMON, Subject.CONFIG, Subject.SQUID_COUNTERS)
        }
        nodes.append(replace(whole, daemon=None, counters=None, failed=failed))
    found = Finding(
        id="not-permitted",
        severity=Severity.WARNING,
        node=ONE,
        summary="VRRP states cannot be read: sudo asks for a password",
        unknown=True,
    )
    return snapshot(state(nodes, [probes(VIP1, QUICK), probes(VIP2, SLOWER)], STARTED), [found], Verdict.UNKNOWN)


EVIL = "\x1b[41m\x1b]0;owned\x07[/bold][@click=app.quit]x[/] \u202egnp.exe\u200b\n\t\x9b31m" + "長い名前" * 40
EVIL_NAME = "node-[red]\x1b[5;20H-" + "w" * 80


def hostile() -> Snapshot:
    """Everything that a node, a file or an attacker can put into text."""
    spec = replace(
        SPEC,
        name="[b]proxy[/b]\x1b[31m",
        nodes=(NodeSpec(name=EVIL_NAME, address="::ffff:192.168.2.251"), NodeSpec(name=EVIL, address=EVIL)),
        vips=(
            VipSpec(address=ip_address("2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"), preferred=EVIL),
            VipSpec(address=VIP1),
        ),
    )
    base = node(ONE, states=(VrrpState.MASTER, VrrpState.FAULT), vips=["192.168.2.101"], squid=False)
    assert base.daemon is not None
    bad = tuple(
        replace(i, name=EVIL, tracked_scripts=(TrackedScript(name=EVIL, ok=False),))
        for i in base.daemon.value.instances
    )
    first = replace(base, name=EVIL_NAME, daemon=replace(base.daemon, value=DaemonReading(kind="JSON", instances=bad)))
    second = gone(EVIL, Problem(kind=ProblemKind.PROTOCOL, summary=EVIL, remedy=EVIL, detail=EVIL))
    v6 = ip_address("2001:db8:aaaa:bbbb:cccc:dddd:eeee:1")
    vips = [probes(v6, [None, None], error=EVIL), probes(VIP1, QUICK)]
    found = Finding(
        id="evil",
        severity=Severity.CRITICAL,
        summary=EVIL,
        node=EVIL,
        evidence=(Evidence(source=EVIL, text=EVIL, at=NOW),),
        remedy=EVIL,
    )
    log = [said(float(i), EVIL, EVIL, EVIL) for i in range(30)]
    of = ClusterState(
        name=spec.name, nodes={n.name: n for n in (first, second)}, vips={v.address: v for v in vips}, log=numbered(log)
    )
    return Snapshot(picture=picture(spec, of, NOW), findings=(found,), verdict=Verdict.CRITICAL)


def large(*, links: int = 10_000, lines: int = 2_000) -> Snapshot:
    """10,000 interfaces and a full log."""
    first = node(ONE, states=(VrrpState.MASTER, VrrpState.BACKUP), vips=["192.168.2.101"], more_links=links)
    log = [said(lines - i, ONE, "keepalived", f"(proxy_ip1) line {i} of a long night") for i in range(lines)]
    return snapshot(state([first, BOTH_WELL[1]()], [probes(VIP1, QUICK), probes(VIP2, SLOWER)], log), [], Verdict.OK)


def first_second() -> Snapshot:
    """Both nodes are being connected for the first time; what is concluded is the rules' own."""
    of = initial(SPEC)
    for name in (ONE, TWO):
        of = reduce(of, LinkPhase(node=name, at=NOW - 1, phase=Phase.CONNECTING))
    return conclude(SPEC, of, NOW)


def squid_hung() -> Snapshot:
    """squid of the first node answers no client, and its check is well; what is concluded is the rules' own."""
    late = "connected, but no answer within 2 s"
    of = state(
        [make() for make in BOTH_WELL],
        [probes(VIP1, [*QUICK[:20], *[None] * 10], error=late), probes(VIP2, SLOWER)],
        STARTED,
    )
    return conclude(SPEC, of, NOW)


def three_nodes() -> Snapshot:
    spec = replace(SPEC, nodes=(*SPEC.nodes, NodeSpec(name="proxy-serv03", address="192.168.2.253")))
    backup = node(TWO, states=(VrrpState.BACKUP, VrrpState.BACKUP), vips=[], rate=0, clients=0)
    third = replace(backup, name="proxy-serv03", kernel=Known(kernel(253, []), NOW - 3, "kernel.read"))
    of = state([*(make() for make in BOTH_WELL), third], [probes(VIP1, QUICK), probes(VIP2, SLOWER)], STARTED, spec)
    return snapshot(of, [], Verdict.OK, spec=spec)


class FixedSource:
    """A source whose snapshot the test sets."""

    def __init__(self, shown: Snapshot) -> None:
        self.shown = shown
        self.looks = 0
        self.hearing: Hearing | None = None
        self._serial = 0

    @property
    def spec(self) -> ClusterSpec:
        return self.shown.picture.spec

    def snapshot(self, now: float) -> Snapshot:
        self.looks += 1
        return self.shown

    def serial(self) -> int:
        return self._serial

    def become(self, shown: Snapshot) -> None:
        self.shown = shown
        self._serial += 1


def renamed(shown: Snapshot, name: str) -> Snapshot:
    """The same situation in a cluster of another name."""
    return replace(shown, picture=replace(shown.picture, spec=replace(shown.picture.spec, name=name)))


SITUATIONS: Mapping[str, object] = {
    "healthy": healthy,
    "eth1-down": eth1_down,
    "unreachable": unreachable,
    "split-brain": split_brain,
    "connecting": connecting,
    "unprivileged": unprivileged,
    "hostile": hostile,
}
