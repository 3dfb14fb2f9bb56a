"""Records of drills as a real run would leave them, for the report's tests and the README's picture.

`passed`: the article's second drill with its own configuration; `deviated`: its third, with a weight in the way and
a node that writes hostile text; `resumed`: a console that died before anything was measured.
"""

from __future__ import annotations

from haconsole.model.drill import (
    Claim,
    DrillRecord,
    DrillStep,
    GuardSaid,
    Holding,
    Hypothesis,
    Measured,
    Moment,
    NodeEvidence,
    Outage,
    Phase,
    PhaseBegan,
    Predicted,
    Range,
    Request,
    Source,
    Verdict,
)

START = 1_795_867_760.0
"""2026-11-28 12:09:20 UTC, 13:09:20 where the console is."""
ONE, TWO = "proxy-serv01", "proxy-serv02"
A, B = "192.168.2.101", "192.168.2.102"
HOSTILE = "(proxy_ip1) <script>alert(1)</script> | [x](http://evil.example/) `id` ![i](http://evil.example/i.png)"
LOCK = "\n".join(f"{n}$ sudo -n -- /bin/sh -c '{'h=/run/haconsole; ' * 40}'  # operation.lock" for n in (ONE, TWO))
GUARDS = (
    GuardSaid(id="peer-healthy", ok=True, text="proxy-serv02 can take 192.168.2.101", evidence="BACKUP, squid check ok, eth1 up, dump 3 s old"),
    GuardSaid(id="vips-settled", ok=True, text="each VIP is on exactly one node", evidence="kernel of both nodes, 2 s old"),
    GuardSaid(id="time-limit", ok=True, text="the node can undo it by itself", evidence="systemd 252: revert timer tried"),
    GuardSaid(id="sessions", ok=None, text="few client connections are open", evidence="squid's cache manager refuses"),
)  # fmt: skip


def _clock(at: float) -> str:
    seconds, ms = divmod(int(at * 1000 + 0.01) + 3_600_000, 1000)
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"


def _shown(node: str, held: tuple[str, ...], *, up: bool) -> tuple[str, ...]:
    """`ip a show` as a record has it. up: eth1."""
    last = 1 if node == ONE else 2
    return (
        "2: eth0: <UP,LOWER_UP> state UP",
        f"    inet 192.168.2.25{last}/24 scope global eth0",
        *(f"    inet {v}/24 scope global eth0:{1 if v == A else 2}" for v in held),
        "3: eth1: <UP,LOWER_UP> state UP" if up else "3: eth1: <> state DOWN",
        f"    inet 203.0.113.1{last}/24 scope global eth1",
    )


def _probe(vip: str, until: float, gaps: list[tuple[float, float]], every: float) -> list[Request]:
    """The requests that a record keeps: all that failed, and one a second of the others."""
    found: list[Request] = []
    at = START
    while at < until:
        lost = any(a < at < b for a, b in gaps)
        if lost:
            found.append(Request(vip=vip, started=at, ended=at + 0.0004, ok=False, error="connection refused"))
        elif int(at * 50) % 50 == 0:
            found.append(Request(vip=vip, started=at, ended=at + 0.003, ok=True, status=200))
        at = round(at + every, 3)
    return found


def passed(start: float = START, outage: float = 0.628, number: int = 1) -> DrillRecord:
    """public-link-down on proxy-serv01: FAULT, proxy-serv02 takes .101, and gives it back."""
    injected, put_back = START + 12.866, START + 36.204
    took = injected + outage - 0.016
    lost = Outage(vip=A, began=injected - 0.010, ended=injected - 0.010 + outage, failed=30)
    back = Outage(vip=A, began=put_back + 0.052, ended=put_back + 0.094, failed=1)
    says: list[tuple[float, float | None, str | None, Source, str]] = [
        (START + 12.4, 0.0, None, Source.CONSOLE, "injection: ip link set dev eth1 down on proxy-serv01"),
        (injected, 1.1, ONE, Source.KERNEL, "eth1 down"),
        (injected + 0.001, 1.1, ONE, Source.KEEPALIVED, "Netlink reports eth1 down"),
        (injected + 0.002, 1.1, ONE, Source.KEEPALIVED, "(proxy_ip1) Entering FAULT STATE"),
        (injected + 0.002, 1.1, ONE, Source.KEEPALIVED, "(proxy_ip1) sent 0 priority"),
        (injected + 0.002, 1.1, ONE, Source.KEEPALIVED, "(proxy_ip2) Entering FAULT STATE"),
        (injected + 0.003, 0.4, None, Source.WIRE, "192.168.2.251 VRID 1 priority 0: gives up its role"),
        (injected + 0.004, 1.1, ONE, Source.KERNEL, "192.168.2.101/24 removed from eth0"),
        (injected + 0.010, 0.0, None, Source.CLIENT, "192.168.2.101 does not answer: connection refused"),
        (injected + 0.011, 2.3, TWO, Source.KEEPALIVED, "(proxy_ip1) Backup received priority 0 advertisement"),
        (took, 2.3, TWO, Source.KEEPALIVED, "(proxy_ip1) Entering MASTER STATE"),
        (took + 0.001, 0.4, None, Source.WIRE, "192.168.2.252 VRID 1 priority 100: new master"),
        (took + 0.002, 2.3, TWO, Source.KERNEL, "192.168.2.101/24 added to eth0"),
        (took + 0.003, 0.4, None, Source.WIRE, "gratuitous ARP: 192.168.2.101 is at 52:54:00:02:00:02 (5 times)"),
        (lost.ended or 0, 0.0, None, Source.CLIENT, f"192.168.2.101 serves again after {outage:.3f} s"),
        (put_back, 1.1, ONE, Source.KERNEL, "eth1 up"),
        (put_back + 0.002, 1.1, ONE, Source.KEEPALIVED, "Netlink reports eth1 up"),
        (put_back + 0.003, 1.1, ONE, Source.KEEPALIVED, "(proxy_ip1) Entering BACKUP STATE"),
        (put_back + 0.003, 1.1, ONE, Source.KEEPALIVED, "(proxy_ip2) Entering BACKUP STATE"),
        (put_back + 0.050, 1.1, ONE, Source.KEEPALIVED, "(proxy_ip1) received lower priority (100) advert from 192.168.2.252 - discarding"),
        (put_back + 0.061, 1.1, ONE, Source.KEEPALIVED, "(proxy_ip1) Entering MASTER STATE"),
        (put_back + 0.062, 0.4, None, Source.WIRE, "192.168.2.251 VRID 1 priority 255: new master"),
        (put_back + 0.063, 1.1, ONE, Source.KERNEL, "192.168.2.101/24 added to eth0"),
        (put_back + 0.064, 2.3, TWO, Source.KEEPALIVED, "(proxy_ip1) Master received advert from 192.168.2.251 with higher priority 255, ours 100"),
        (put_back + 0.065, 2.3, TWO, Source.KEEPALIVED, "(proxy_ip1) Entering BACKUP STATE"),
        (put_back + 0.066, 0.4, None, Source.WIRE, "gratuitous ARP: 192.168.2.101 is at 52:54:00:02:00:01 (5 times)"),
        (put_back + 0.067, 2.3, TWO, Source.KERNEL, "192.168.2.101/24 removed from eth0"),
        (back.ended or 0, 0.0, None, Source.CLIENT, "192.168.2.101 serves again after 0.042 s"),
    ]  # fmt: skip

    def evidence(node: str, held: tuple[str, ...], during: tuple[str, ...]) -> NodeEvidence:
        log = tuple(f"{_clock(t)} {text}" for t, _, n, s, text in says if n == node and s is Source.KEEPALIVED)
        before, meanwhile = _shown(node, held, up=True), _shown(node, during, up=node != ONE)
        return NodeEvidence(addresses_before=before, addresses_during=meanwhile, addresses_after=before, keepalived_log=log)  # fmt: skip

    shift = start - START
    record = DrillRecord(
        id=f"20261128-1209-public-link-down-{number:02}", cluster="proxy", drill="public-link-down", node=ONE,
        operator="anna@bastion", ticket="CHG-20417", started=START, ended=START + 52.1, result=Verdict.PASSED,
        text=f"192.168.2.101 moved to proxy-serv02 and back; clients lost {outage:.3f} s and 0.042 s, as predicted.",
        guards=GUARDS,
        predicted=Predicted(
            takeover_s={A: Range(low=0.61, high=0.71)}, outage_s={A: Range(low=0.61, high=0.73)},
            failback_outage_s={A: Range(low=0.0, high=0.12)},
            because=(
                "proxy-serv01 holds 192.168.2.101; with eth1 down its instances enter FAULT and it says priority 0",
                "proxy-serv02 has priority 100: it waits its skew, (256 − 100) / 256 × 1 s = 0.61 s",
                "proxy-serv01 has the higher priority and preempts: 192.168.2.101 comes back as soon as eth1 is up",
                "192.168.2.102 is on proxy-serv02 and stays there",
            ),
        ),
        measured=Measured(
            takeover_s={A: took - injected, B: None}, outage_s={A: outage, B: 0.0},
            failback_outage_s={A: 0.042, B: 0.0}, requests=5208, failed=31, probe_interval_ms=20.1,
            takeover_error_s={A: 0.0084, B: None},
        ),
        hypothesis=Hypothesis(
            before=(
                Claim(text="192.168.2.101 is on proxy-serv01 alone", ok=True, evidence="kernel of both nodes at 13:09:24.1"),
                Claim(text="192.168.2.102 is on proxy-serv02 alone", ok=True, evidence="kernel of both nodes at 13:09:24.1"),
                Claim(text="clients are served through both VIPs", ok=True, evidence="100 of 100 requests answered with 200"),
            ),
            during=(
                Claim(text="proxy_ip1 and proxy_ip2 are in FAULT on proxy-serv01", ok=True, evidence="(proxy_ip1) Entering FAULT STATE · (proxy_ip2) Entering FAULT STATE"),
                Claim(text="192.168.2.101 is on proxy-serv02 alone", ok=True, evidence="kernel of both nodes, 0.618 s after the injection"),
                Claim(text="proxy-serv02 sends gratuitous ARP for 192.168.2.101", ok=True, evidence="5 packets on the wire, the first 0.003 s after MASTER"),
                Claim(text="192.168.2.102 does not move", ok=True, evidence="proxy-serv02 all the time; nothing lost"),
            ),
            after=(
                Claim(text="192.168.2.101 is back on proxy-serv01", ok=True, evidence="kernel of both nodes, 0.063 s after eth1 came up"),
                Claim(text="default routes and global IPv6 addresses are as before", ok=True, evidence="compared: 2 routes, 1 address"),
            ),
        ),
        steps=(
            DrillStep(name="guards", started=START, ended=START + 1.2, ok=True, text="14 of 14 passed"),
            DrillStep(name="lock", started=START + 1.2, ended=START + 1.6, ok=True, text="both nodes", command=LOCK),
            DrillStep(name="arm", started=START + 4.0, ended=START + 4.7, ok=True, text="the node puts it back by itself after 120 s", command="proxy-serv01$ sudo -n -- systemd-run --on-active=120 --unit=haconsole-revert-a  # operation.arm-link"),
            DrillStep(name="change", started=START + 12.4, ended=START + 12.9, ok=True, text="eth1 is down", command="proxy-serv01$ sudo -n -- ip link set dev eth1 down  # change.link-down"),
            DrillStep(name="takeover", started=START + 12.9, ended=took, ok=True, text="192.168.2.101 is on proxy-serv02"),
            DrillStep(name="hold", started=took, ended=START + 36.0, ok=True, text="20 s"),
            DrillStep(name="put-back", started=START + 36.0, ended=put_back + 0.1, ok=True, text="eth1 is up", command="proxy-serv01$ sudo -n -- systemctl start haconsole-revert-a.service  # operation.revert-now-a"),
            DrillStep(name="failback", started=put_back + 0.1, ended=START + 38.0, ok=True, text="192.168.2.101 is on proxy-serv01"),
            DrillStep(name="disarm", started=START + 50.0, ended=START + 50.6, ok=True, text="the timer did not run"),
            DrillStep(name="unlock", started=START + 51.0, ended=START + 51.4, ok=True, text="both nodes"),
        ),
        timeline=tuple(Moment(time=t, error_ms=e, node=n, source=s, text=x) for t, e, n, s, x in says),
        nodes={ONE: evidence(ONE, (A,), ()), TWO: evidence(TWO, (B,), (A, B))},
        lanes=(
            Holding(vip=A, since=START, holders=(ONE,)),
            Holding(vip=A, since=injected + 0.004, holders=()),
            Holding(vip=A, since=took + 0.002, holders=(TWO,)),
            Holding(vip=A, since=put_back + 0.063, holders=(ONE, TWO)),
            Holding(vip=A, since=put_back + 0.067, holders=(ONE,)),
            Holding(vip=B, since=START, holders=(TWO,)),
        ),
        outages=(lost, back),
        requests=tuple(
            _probe(A, START + 52.0, [(lost.began + 0.001, (lost.ended or 0) - 0.005), (back.began + 0.001, (back.ended or 0) - 0.005)], 0.02)
            + _probe(B, START + 52.0, [], 0.02)
        ),
        phases=(
            PhaseBegan(phase=Phase.BEFORE, since=START + 1.6), PhaseBegan(phase=Phase.INJECT, since=START + 12.4),
            PhaseBegan(phase=Phase.TAKEOVER, since=injected), PhaseBegan(phase=Phase.HOLD, since=took + 0.1),
            PhaseBegan(phase=Phase.PUT_BACK, since=START + 36.0), PhaseBegan(phase=Phase.FAILBACK, since=put_back),
            PhaseBegan(phase=Phase.AFTER, since=START + 38.0), PhaseBegan(phase=Phase.OVER, since=START + 52.1),
        ),
        injected=injected, put_back=put_back, utc_offset_s=3600,
    )  # fmt: skip
    return record if not shift else _shifted(record, shift)


def _shifted(record: DrillRecord, by: float) -> DrillRecord:
    """Another day's run, for comparing: only what a comparison looks at is moved."""
    from dataclasses import replace

    return replace(record, started=record.started + by, ended=None if record.ended is None else record.ended + by)


def deviated() -> DrillRecord:
    """squid-stop on proxy-serv01: it takes 4 s longer than predicted, and the node writes hostile text."""
    from dataclasses import replace

    base = passed(number=2)
    injected, put_back = base.injected or 0, START + 38.0
    lost = Outage(vip=A, began=injected + 0.012, ended=injected + 7.951, failed=395)
    back = Outage(vip=A, began=put_back + 2.2, ended=None, failed=12)
    timeline = (
        Moment(time=injected, error_ms=1.1, node=ONE, source=Source.SQUID, text="squid.service: stopping"),
        Moment(time=injected + 6.9, error_ms=None, node=ONE, source=Source.KEEPALIVED, text="VRRP_Script(chk_squid_service) failed (exited with status 1)"),
        Moment(time=injected + 7.1, error_ms=None, node=ONE, source=Source.KEEPALIVED, text=HOSTILE),
        Moment(time=injected + 7.9, error_ms=180.0, node=TWO, source=Source.KEEPALIVED, text="(proxy_ip1) Entering MASTER STATE"),
        Moment(time=injected + 7.9, error_ms=0.4, node=None, source=Source.WIRE, text="192.168.2.252 VRID 1 priority 100: new master"),
    )  # fmt: skip
    one = NodeEvidence(
        addresses_before=base.nodes[ONE].addresses_before, addresses_during=None,
        addresses_after=base.nodes[ONE].addresses_after,
        keepalived_log=(f"{_clock(injected + 6.9)} VRRP_Script(chk_squid_service) failed (exited with status 1)", f"{_clock(injected + 7.1)} {HOSTILE}"),
    )  # fmt: skip
    return replace(
        base, id="20261128-1309-squid-stop-02", drill="squid-stop", result=Verdict.DEVIATED, put_back=put_back, timeline=timeline,
        text="Clients of 192.168.2.101 lost 7.939 s, predicted 0.61–4.20 s.",
        predicted=replace(base.predicted, outage_s={A: Range(low=0.61, high=4.2)}, takeover_s={A: Range(low=0.61, high=None)}),
        measured=replace(base.measured, outage_s={A: 7.939, B: 0.0}, failback_outage_s={A: None, B: 0.0}, takeover_s={A: 7.9, B: None}),
        hypothesis=replace(base.hypothesis, during=(
            Claim(text="proxy_ip1 is in FAULT on proxy-serv01 within 4.2 s", ok=False, evidence=HOSTILE),
            Claim(text="gratuitous ARP for 192.168.2.101 is seen", ok=None, evidence="the wire was not recorded"),
        )),
        nodes={ONE: one, TWO: replace(base.nodes[TWO], keepalived_log=(f"{_clock(injected + 7.9)} (proxy_ip1) Entering MASTER STATE",))},
        lanes=(
            Holding(vip=A, since=START, holders=(ONE,)), Holding(vip=A, since=injected + 7.2, holders=None),
            Holding(vip=A, since=injected + 7.9, holders=(TWO,)), Holding(vip=A, since=put_back + 2.2, holders=(ONE,)),
            Holding(vip=B, since=START, holders=(TWO,)),
        ),
        phases=(
            PhaseBegan(phase=Phase.BEFORE, since=START + 1.6), PhaseBegan(phase=Phase.INJECT, since=START + 12.4),
            PhaseBegan(phase=Phase.TAKEOVER, since=injected), PhaseBegan(phase=Phase.HOLD, since=injected + 8.1),
            PhaseBegan(phase=Phase.FAILBACK, since=put_back), PhaseBegan(phase=Phase.AFTER, since=START + 46.0),
        ),
        outages=(lost, back),
        requests=tuple(_probe(A, START + 41.0, [(lost.began, lost.ended or 0), (back.began, START + 60)], 0.02) + _probe(B, START + 52.0, [], 0.02)),
    )  # fmt: skip


def resumed() -> DrillRecord:
    """The console died while it changed the node; another one looked, and could measure nothing."""
    return DrillRecord(
        id="20261128-0200-lan-link-down-01", cluster="proxy", drill="lan-link-down", node=ONE, operator="ben@laptop",
        ticket=None, started=START, ended=START + 400, result=Verdict.FAILED,
        text="The console died in it; the node put it back by its own timer. What clients lost is not known.",
        look_at=("ip -o address show dev eth0 on proxy-serv01", "journalctl -u keepalived on proxy-serv02"),
        guards=GUARDS[:1], predicted=Predicted(takeover_s={A: Range(low=2.6, high=3.7)}, outage_s={A: Range(low=2.6, high=3.8)}),
        steps=(
            DrillStep(name="lock", started=START + 1, ended=START + 1.4, ok=True, text="both nodes"),
            DrillStep(name="change", started=START + 5, ended=None, ok=None, text="not known: the console died", command="proxy-serv01$ ip link set dev eth0 down  # change.link-down"),
        ),
        nodes={ONE: NodeEvidence(), TWO: NodeEvidence()}, resumed=True,
    )  # fmt: skip
