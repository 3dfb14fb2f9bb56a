"""Small builders: what a healthy pair tells, and every way to change one thing in it.

A `Play` is a playbook: events in reading order through the real `reduce`; `snapshot()` is what
`conclude` says of it. `healthy()` is the article's pair with everything well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface

from haconsole.cluster.conclude import Snapshot, conclude
from haconsole.cluster.picture import DEFAULT_POLICY, ClusterPicture, Policy
from haconsole.cluster.reduce import initial, reduce
from haconsole.model.events import (
    ClientProbed,
    ClientResult,
    ConfigReading,
    Event,
    Heartbeat,
    KernelEvent,
    LinkPhase,
    LogHeard,
    NodeRead,
    Phase,
    ReadFailed,
    Reading,
    Subject,
)
from haconsole.model.findings import Finding
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import (
    Address,
    AddressAdded,
    AddressRemoved,
    ConfigTest,
    DaemonReading,
    IdentityReading,
    InstanceReading,
    KeepalivedVersion,
    KernelReading,
    Link,
    LinkChanged,
    Listener,
    LogLine,
    Rights,
    SquidCounters,
    SquidReading,
    TrackedFile,
    TrackedInterface,
    TrackedScript,
    UnitReading,
    UnitsReading,
    VersionsReading,
    VrrpState,
)
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec, VipSpec
from haconsole.model.state import ClusterState
from haconsole.parse import keepalived_conf, keepalived_log

ONE, TWO, THREE = "proxy-serv01", "proxy-serv02", "proxy-serv03"
V1, V2 = ip_address("192.168.2.101"), ip_address("192.168.2.102")
T0 = 1_800_000_000.0
"""When a playbook begins."""
BOOT = T0 - 86_400.0
"""When the nodes booted."""
MASTER, BACKUP, FAULT, INIT = VrrpState.MASTER, VrrpState.BACKUP, VrrpState.FAULT, VrrpState.INIT

CONF = """
vrrp_script chk_squid_service {{ script "/usr/sbin/squid -k check"
  interval 3
}}
vrrp_instance proxy_ip1 {{
  state MASTER
  interface eth0
  virtual_router_id 1
  priority {one}
  virtual_ipaddress {{
    192.168.2.101/24 dev eth0 label eth0:1
  }}
  track_interface {{
    eth1
  }}
  track_script {{
    chk_squid_service
  }}
}}
vrrp_instance proxy_ip2 {{
  state BACKUP
  interface eth0
  virtual_router_id 2
  priority {two}
  virtual_ipaddress {{
    192.168.2.102/24 dev eth0 label eth0:2
  }}
  track_interface {{
    eth1
  }}
  track_script {{
    chk_squid_service
  }}
}}
"""


def spec(*, nodes: int = 2, vips: Iterable[str] = (), preferred: str | None = None, **more: object) -> ClusterSpec:
    """The article's cluster. VIPs are learned from the nodes unless given."""
    names = (ONE, TWO, THREE)[:nodes]
    made = ClusterSpec(
        name="proxy",
        nodes=tuple(NodeSpec(name=n, address=f"192.168.2.25{i}") for i, n in enumerate(names, 1)),
        vips=tuple(VipSpec(address=ip_address(a), preferred=preferred) for a in vips),
        probe_url="http://203.0.113.80/",
    )
    return replace(made, **more)  # type: ignore[arg-type]


# --- readings ---------------------------------------------------------------


def own(node: str) -> str:
    return f"192.168.2.25{node[-1]}/24"


def link(name: str, *, up: bool = True, carrier: bool = True) -> Link:
    return Link(name=name, up=up, carrier=carrier)


def address(text: str, interface: str = "eth0", label: str | None = None) -> Address:
    return Address(interface=interface, address=ip_interface(text), label=label)


def kernel(node: str, *held: str, links: Iterable[Link] = (), without: Iterable[str] = ()) -> KernelReading:
    """Interfaces lo, eth0, eth1 (replaced by `links`, less `without`), the own address and `held` VIPs."""
    by_name = {n: link(n) for n in ("lo", "eth0", "eth1") if n not in set(without)}
    by_name.update({x.name: x for x in links})
    vips = tuple(address(f"{a}/24" if "/" not in a else a, label=f"eth0:{a[-1]}") for a in held)
    return KernelReading(links=by_name, addresses=(address(own(node)), *vips))


def unit(name: str, *, active: bool = True, since: float = BOOT, **more: object) -> UnitReading:
    made = UnitReading(
        name=name,
        loaded=True,
        active=active,
        active_state="active" if active else "inactive",
        sub_state="running" if active else "dead",
        enabled=True,
        since_uptime_s=since - BOOT,
        restarts=0,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def units(*values: UnitReading, at: float = T0) -> UnitsReading:
    found = {u.name: u for u in values}
    for name in ("keepalived", "squid"):
        found.setdefault(name, unit(name))
    ordered = {n: found[n] for n in ("keepalived", "squid")}
    return UnitsReading(units=ordered, uptime_s=at - BOOT)


def instance(name: str, state: VrrpState | None, priority: int = 100, **more: object) -> InstanceReading:
    number = int(name[-1])
    made = InstanceReading(
        name=name,
        vrid=number,
        interface="eth0",
        state=state,
        version=2,
        priority=priority,
        effective_priority=priority,
        advert_interval_s=1.0,
        preempt=True,
        vips=(ip_interface(f"192.168.2.10{number}/24"),),
        last_transition_node_s=BOOT,
        tracked_interfaces=(TrackedInterface(name="eth1", up=True),),
        tracked_scripts=(TrackedScript(name="chk_squid_service", ok=True),),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def daemon(*instances: InstanceReading) -> DaemonReading:
    return DaemonReading(kind="DATA", instances=instances)


def pair_daemon(node: str, one: VrrpState | None = None, two: VrrpState | None = None, **more: object) -> DaemonReading:
    """Both instances of a node; states as in healthy times unless given."""
    first = node == ONE
    states = (one or (MASTER if first else BACKUP), two or (BACKUP if first else MASTER))
    priorities = (255, 100) if first else (100, 255)
    return daemon(*(instance(f"proxy_ip{i}", s, p, **more) for i, s, p in zip((1, 2), states, priorities, strict=True)))


def squid(*listening: str, check_ok: bool | None = True, text: str = "") -> SquidReading:
    """Listens on every address unless told otherwise; `squid("")`: on none."""
    shown = listening or ("0.0.0.0:3128",)
    found = tuple(listener(x) for x in shown if x)
    return SquidReading(check_ok=check_ok, check_text=text, listening=found)


def listener(text: str) -> Listener:
    host = text.rpartition(":")[0].strip("[]")
    any_address = host in {"*", "0.0.0.0", "::", ":"}
    return Listener(address=None if any_address else ip_address(host), port=3128, text=text)


def config(node: str, text: str | None = None) -> ConfigReading:
    one, two = (255, 100) if node == ONE else (100, 255)
    main = "/etc/keepalived/keepalived.conf"
    return ConfigReading(conf=keepalived_conf.parse({main: text or CONF.format(one=one, two=two)}, main))


def identity(user: str = "root", rights: Rights = Rights.ROOT) -> IdentityReading:
    return IdentityReading(
        user=user, uid=0 if user == "root" else 1000, groups=frozenset(), hostname="x", rights=rights, boot_id="b"
    )


def versions() -> VersionsReading:
    return VersionsReading(
        keepalived=KeepalivedVersion(major=2, minor=2, patch=7), squid="5.7", systemd=252, kernel="6.1"
    )


def problem(kind: ProblemKind, summary: str = "trouble", remedy: str | None = "mend it") -> Problem:
    return Problem(kind=kind, summary=summary, remedy=remedy)


def answer(**more: object) -> ClientResult:
    """A client was served."""
    made = ClientResult(ok=True, checked="http", status=200, latency_s=0.003)
    return replace(made, **more)  # type: ignore[arg-type]


def no_answer(error: str = "timed out", status: int | None = None, **more: object) -> ClientResult:
    """A client was not served."""
    made = ClientResult(ok=False, checked="http", status=status, error=error)
    return replace(made, **more)  # type: ignore[arg-type]


def log_line(text: str, at: float | None = None, *, trusted: bool = True, ident: str = "Keepalived_vrrp") -> LogLine:
    fact = keepalived_log.fact(ident, text) if trusted else None
    return LogLine(program="keepalived", ident=ident, text=text, node_time_s=at, trusted=trusted, fact=fact)


# --- the playbook -----------------------------------------------------------


class Play:
    """Events in, conclusions out. `now` moves only when told."""

    def __init__(self, cluster: ClusterSpec | None = None, policy: Policy = DEFAULT_POLICY) -> None:
        self.spec = cluster or spec()
        self.policy = policy
        self.now = T0
        self.state: ClusterState = initial(self.spec)

    def event(self, *events: Event) -> Play:
        for event in events:
            self.state = reduce(self.state, event)
        return self

    def wait(self, seconds: float) -> Play:
        self.now += seconds
        return self

    def phase(self, node: str, phase: Phase, why: Problem | None = None, retry_at: float | None = None) -> Play:
        return self.event(LinkPhase(node=node, at=self.now, phase=phase, problem=why, retry_at=retry_at))

    def beat(self, *nodes: str, offset: float = 0.0, trip: float = 0.004) -> Play:
        for node in nodes or [n.name for n in self.spec.nodes]:
            middle = self.now - trip / 2
            self.event(Heartbeat(node=node, at=self.now, sent_at=self.now - trip, node_time_s=middle + offset))
        return self

    def read(self, node: str, *readings: Reading) -> Play:
        for reading in readings:
            self.event(NodeRead(node=node, at=self.now, source="test", reading=reading))
        return self

    def failed(self, node: str, subject: Subject, why: Problem) -> Play:
        return self.event(ReadFailed(node=node, at=self.now, subject=subject, problem=why))

    def added(self, node: str, text: str, interface: str = "eth0") -> Play:
        return self.event(KernelEvent(node=node, at=self.now, change=AddressAdded(address=address(text, interface))))

    def removed(self, node: str, text: str, interface: str = "eth0") -> Play:
        change = AddressRemoved(address=address(text, interface))
        return self.event(KernelEvent(node=node, at=self.now, change=change))

    def moved(self, text: str, old: str, new: str) -> Play:
        """keepalived's hand-over: from one kernel to the other, 2 ms apart."""
        return self.removed(old, text).wait(0.002).added(new, text)

    def link(self, node: str, name: str, *, up: bool = True, carrier: bool = True) -> Play:
        change = LinkChanged(link=link(name, up=up, carrier=carrier))
        return self.event(KernelEvent(node=node, at=self.now, change=change))

    def log(
        self, node: str, text: str, at: float | None = None, *, backlog: bool = False, trusted: bool = True
    ) -> Play:
        line = log_line(text, self.now if at is None else at, trusted=trusted)
        return self.event(LogHeard(node=node, at=self.now, line=line, backlog=backlog))

    def probe(self, vip: IpAddress, result: ClientResult | None = None) -> Play:
        return self.event(ClientProbed(vip=vip, at=self.now, result=result or answer()))

    def served(self, *vips: IpAddress) -> Play:
        for vip in vips or tuple(self.state.vips):
            self.probe(vip)
        return self

    def connect(self, *nodes: str) -> Play:
        """Log in and read everything, as in healthy times."""
        for node in nodes or tuple(n.name for n in self.spec.nodes):
            self.phase(node, Phase.CONNECTING).phase(node, Phase.CONNECTED).beat(node)
            held = {ONE: (str(V1),), TWO: (str(V2),)}.get(node, ())
            self.read(node, identity(), versions(), units(at=self.now), kernel(node, *held))
            self.read(node, config(node), ConfigTest(ok=True), squid(), SquidCounters(requests_per_s=42.0, clients=118))
            self.read(node, pair_daemon(node) if node != THREE else third_daemon())
        return self

    def refresh(self) -> Play:
        """The link and every reading that was once had, anew: only time has passed."""
        for name, node in self.state.nodes.items():
            if node.phase is not Phase.CONNECTED:
                continue
            self.beat(name)
            known = (node.identity, node.versions, node.kernel, node.daemon, node.config, node.config_test)
            for value in (*known, node.squid, node.counters):
                if value is not None:
                    self.event(NodeRead(node=name, at=self.now, source=value.source, reading=value.value))
            if node.units is not None:
                reading = replace(node.units.value, uptime_s=self.now - BOOT)
                self.event(NodeRead(node=name, at=self.now, source="test", reading=reading))
        return self

    def later(self, seconds: float) -> Play:
        """Time passes; nothing changes; everything is read again."""
        return self.wait(seconds).refresh()

    # what it says

    def snapshot(self) -> Snapshot:
        return conclude(self.spec, self.state, self.now, self.policy)

    def picture(self) -> ClusterPicture:
        return self.snapshot().picture

    def findings(self) -> tuple[Finding, ...]:
        return self.snapshot().findings

    def ids(self) -> list[str]:
        return [f.id for f in self.findings()]

    def all(self, id_: str) -> list[Finding]:
        return [f for f in self.findings() if f.id == id_]

    def one(self, id_: str) -> Finding:
        found = self.all(id_)
        assert len(found) == 1, (id_, [f.key for f in self.findings()])
        return found[0]

    @property
    def verdict(self) -> str:
        return self.snapshot().verdict.word


def third_daemon() -> DaemonReading:
    return daemon(instance("proxy_ip1", BACKUP, 50), instance("proxy_ip2", BACKUP, 50))


def drained_daemon(value: int = -200, weight: int = 1) -> DaemonReading:
    """proxy-serv01 drained without loss: base 254, BACKUP everywhere."""
    files = (TrackedFile(name="haconsole_drain", value=value, weight=weight),)
    return daemon(
        instance("proxy_ip1", BACKUP, 254, effective_priority=54, tracked_files=files),
        instance("proxy_ip2", BACKUP, 100, effective_priority=1, tracked_files=files),
    )


def healthy(cluster: ClusterSpec | None = None) -> Play:
    """The article's pair: .101 on proxy-serv01, .102 on proxy-serv02, both served."""
    return Play(cluster).connect().served(V1, V2)


def moved_to_two(play: Play) -> Play:
    """.101 has gone from proxy-serv01 to proxy-serv02, and clients are served there."""
    play.moved(f"{V1}/24", ONE, TWO)
    play.log(TWO, "(proxy_ip1) Entering MASTER STATE").wait(2.0)
    return play.read(TWO, pair_daemon(TWO, one=MASTER)).served(V1, V2)


def faulty(names: Mapping[str, bool] | None = None, *, link_up: bool = True) -> DaemonReading:
    """proxy-serv01 in FAULT; `names`: script -> its result."""
    scripts = tuple(TrackedScript(name=n, ok=ok) for n, ok in (names or {"chk_squid_service": True}).items())
    return pair_daemon(
        ONE, FAULT, FAULT, tracked_scripts=scripts, tracked_interfaces=(TrackedInterface(name="eth1", up=link_up),)
    )


def eth1_down(play: Play) -> Play:
    """The article's second drill on proxy-serv01, three seconds later."""
    play.link(ONE, "eth1", carrier=False)
    play.log(ONE, "(proxy_ip1) Entering FAULT STATE").log(ONE, "(proxy_ip2) Entering FAULT STATE")
    play.wait(0.6)
    moved_to_two(play)
    return play.wait(1.0).read(ONE, faulty(link_up=False)).served(V1, V2)
