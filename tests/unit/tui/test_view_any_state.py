"""Whatever the picture holds, known or not, in any combination: the views fit, and none fails."""

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haconsole.model.events import ClientProbed, ClientResult, Phase, Subject
from haconsole.model.findings import Evidence, Finding, Severity, Verdict
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import ConfigTest, StateSource, VrrpState
from haconsole.model.state import ClockOffset, Known, Occurrence
from haconsole.tui.view.clusters import cluster_list
from haconsole.tui.view.events import EventRows
from haconsole.tui.view.findings import finding_details, finding_rows, verdict_line
from haconsole.tui.view.header import Standing, header
from haconsole.tui.view.nodes import node_column
from haconsole.tui.view.pages import node_page, vip_page
from haconsole.tui.view.text import Level, width_of
from haconsole.tui.view.vips import vip_strip
from tests.unit.tui import scenes

WHOLE = scenes.healthy()
NODE, VIP = WHOLE.picture.nodes[0], WHOLE.picture.vips[0]
text = st.one_of(st.sampled_from(["eth1", "", scenes.EVIL, "x" * 300]), st.text(max_size=40))
when = st.one_of(st.none(), st.floats(scenes.NOW - 1e7, scenes.NOW + 1e4))
number = st.one_of(st.none(), st.integers(0, 10**9))
names = st.one_of(st.none(), st.lists(st.sampled_from([scenes.ONE, scenes.TWO, "10.0.0.9"]), unique=True).map(tuple))
problems = st.builds(
    Problem, kind=st.sampled_from(ProblemKind), summary=text, remedy=st.one_of(st.none(), text), detail=text
)


def maybe(value):
    return st.sampled_from([None, value])


instances = st.builds(
    lambda **changes: replace(NODE.instances[0], **changes),
    name=text,
    state=st.one_of(st.none(), st.sampled_from(VrrpState)),
    state_source=st.one_of(st.none(), st.sampled_from(StateSource)),
    state_at=when,
    since=when,
    priority=number,
    effective_priority=number,
    vips=st.sampled_from([(), NODE.instances[0].vips, NODE.instances[0].vips * 9]),
)
nodes = st.builds(
    lambda **changes: replace(NODE, **changes),
    phase=st.sampled_from(Phase),
    readable=st.booleans(),
    stale=st.booleans(),
    problem=st.one_of(st.none(), problems),
    retry_at=when,
    heard_at=when,
    age_s=st.one_of(st.none(), st.floats(0, 1e7)),
    latency_s=st.one_of(st.none(), st.floats(0, 100)),
    clock=st.one_of(st.none(), st.builds(ClockOffset, offset_s=st.floats(-1e9, 1e9), error_s=st.floats(0, 1e3))),
    versions=maybe(NODE.versions),
    kernel=maybe(NODE.kernel),
    keepalived=st.sampled_from([None, NODE.keepalived, scenes.unit("k", active=False, state="failed")]),
    keepalived_since=when,
    squid_unit=st.sampled_from([None, NODE.squid_unit, scenes.unit("s", enabled=None)]),
    squid=st.sampled_from([None, NODE.squid, replace(NODE.squid, check_ok=None, listening=None)]),
    instances=st.one_of(st.none(), st.lists(instances, max_size=3).map(tuple)),
    config_test=st.one_of(st.none(), st.builds(ConfigTest, ok=st.sampled_from([None, True, False]))),
    requests_per_s=st.one_of(st.none(), st.floats(0, 1e9)),
    clients=number,
    hit_ratio=st.one_of(st.none(), st.floats(0, 1)),
    failed=st.dictionaries(st.sampled_from(Subject), problems.map(lambda p: Known(p, scenes.NOW, "x")), max_size=4),
)
results = st.builds(
    ClientResult,
    ok=st.booleans(),
    checked=st.sampled_from(["http", "tcp"]),
    status=number,
    latency_s=st.one_of(st.none(), st.floats(0, 100)),
    error=st.one_of(st.none(), text),
)
vips = st.builds(
    lambda **changes: replace(VIP, **changes),
    address=st.sampled_from([scenes.VIP1, ip_address("2001:db8:aaaa:bbbb:cccc:dddd:eeee:1")]),
    prefix=number,
    vrid=number,
    preferred=st.one_of(st.none(), text),
    holders=names,
    unread=st.sampled_from([(), (scenes.ONE,)]),
    masters=names,
    advertisers=names,
    client=st.one_of(st.none(), results.map(lambda r: ClientProbed(vip=scenes.VIP1, at=scenes.NOW, result=r))),
    latencies_s=st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=60).map(tuple),
    settled=st.booleans(),
    since=when,
    failed_since=when,
)
findings = st.builds(
    Finding,
    id=text,
    severity=st.sampled_from(Severity),
    summary=text,
    node=st.sampled_from([None, scenes.ONE]),
    vip=st.sampled_from([None, scenes.VIP1]),
    evidence=st.lists(st.builds(Evidence, source=text, text=text, at=when), max_size=3).map(tuple),
    remedy=st.one_of(st.none(), text),
    unknown=st.booleans(),
    follows_from=st.one_of(st.none(), text),
)
occurrences = st.builds(
    Occurrence,
    at=st.floats(-1e12, 1e12),
    error_s=st.one_of(st.none(), st.floats(0, 1e6)),
    origin=text,
    source=text,
    text=text,
    backlog=st.booleans(),
)
snapshots = st.builds(
    lambda nodes, vips, log, found, verdict: replace(
        WHOLE,
        picture=replace(WHOLE.picture, nodes=tuple(nodes), vips=tuple(vips), log=tuple(log)),
        findings=tuple(found),
        verdict=verdict,
    ),
    st.lists(nodes, min_size=1, max_size=2),
    st.lists(vips, max_size=3),
    st.lists(occurrences, max_size=3),
    st.lists(findings, max_size=3, unique_by=lambda f: f.key),
    st.sampled_from(Verdict),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots, st.sampled_from([30, 37, 56, 78, 116, 156]))
def test_views_of_any_state_fit_and_none_fails(shown, width):
    now, zone = shown.picture.at, scenes.TIMES
    strip = vip_strip(shown, max(width, 60))
    lines = [(row.line, max(width, 60)) for row in strip.rows] + [(strip.heading, max(width, 60))]
    rows = [*finding_rows(shown, width)]
    for node in shown.picture.nodes:
        column = node_column(node, shown, width, zone, worst_first=width < 60)
        rows += [*column.rows, *node_page(node.name, shown, width, zone)]
        lines.append((column.title, width))
        if not node.readable:
            assert column.level is not Level.OK
    for vip in shown.picture.vips:
        rows += vip_page(str(vip.address), shown, width, zone)
    for finding in shown.findings:
        rows += finding_details(finding.key, shown, width, zone)
    lines += [(row.line, width) for row in rows]
    assert all(width_of(line) <= room for line, room in lines)
    assert all(span.text.isprintable() for line, _ in lines for span in line)
    list(EventRows(shown.picture.log, now, {}, width, zone))
    cluster_list([("proxy", shown)], max(width, 60))
    standing = Standing(operator="anna", read_only=False, now=now, zone=zone)
    assert width_of(header("proxy", verdict_line(shown), standing, width)) == width


@settings(max_examples=100, deadline=None)
@given(snapshots)
def test_no_vip_is_well_without_a_holder_and_a_served_client(shown):
    for row, vip in zip(vip_strip(shown, 120).rows, shown.picture.vips, strict=False):
        if row.level is Level.OK:
            assert vip.holders is not None
            assert len(vip.holders) == 1
            assert vip.client is not None
            assert vip.client.result.ok
