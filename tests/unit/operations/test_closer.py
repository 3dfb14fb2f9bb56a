"""A closer look: what is offered, by which exact commands, what is refused, and what follows from the answers."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from haconsole.catalogue import closer as entries
from haconsole.catalogue.command import Danger, Root
from haconsole.model.events import ClientResult
from haconsole.model.findings import Finding, Severity
from haconsole.model.readings import Rights, TrackedScript
from haconsole.operations import closer, closer_proof
from haconsole.parse.keepalived_conf import parse
from haconsole.parse.neighbours import Neighbour
from tests.unit.tui import scenes
from tests.unit.tui.operating import whole

ONE, TWO, VIP = scenes.ONE, scenes.TWO, scenes.VIP1
OWN = {(ONE, 4): ip_address("192.168.2.251"), (TWO, 4): ip_address("192.168.2.252")}
CONF = """
global_defs {{
    {glob}
}}
vrrp_script chk_squid_service {{
    script {script}
    interval 3
    {more}
}}
vrrp_instance proxy_ip1 {{
    interface eth0
    virtual_router_id 1
    priority 100
    virtual_ipaddress {{
        192.168.2.101/24
    }}
    track_script {{
        chk_squid_service
    }}
}}
"""


def pair(script='"/usr/sbin/squid -k check"', *, more="", glob="script_user root", rights=Rights.SUDO, tracked=True):
    """The healthy pair's picture, with this check on the first node."""
    picture = whole().picture
    node = picture.nodes[0]
    conf = parse({"/k.conf": CONF.format(script=script, more=more, glob=glob)}, "/k.conf")
    instances = node.instances if tracked else tuple(replace(i, tracked_scripts=()) for i in node.instances)
    node = replace(
        node, config=replace(node.config, conf=conf), instances=instances,
        identity=replace(node.identity, rights=rights),
    )  # fmt: skip
    return replace(picture, nodes=(node, picture.nodes[1]))


def offer(picture, key=f"script/{ONE}/chk_squid_service"):
    return {o.key: o for o in closer.offers(picture.spec, picture, OWN)}[key]


# --- what is offered ------------------------------------------------------------------


def test_a_check_runs_as_its_user_with_keepalived_s_own_time():
    clock, line = offer(pair(more="timeout 2")).lines
    assert (line.where, clock.text) == (ONE, "date +%s.%N")
    assert line.text == "sudo -n -- timeout -k 1 2 /bin/sh -c '{ exec /usr/sbin/squid -k check; }'"


def test_another_user_is_become_and_the_login_itself_needs_no_root():
    _, line = offer(pair(glob="script_user nobody")).lines
    assert "exec runuser -u nobody -- /usr/sbin/squid -k check" in line.text
    _, line = offer(pair(glob="script_user ops", rights=Rights.PLAIN)).lines
    assert line.text == "timeout -k 1 3 /usr/sbin/squid -k check"


def test_without_a_named_user_the_node_is_asked_which_it_is():
    lines = offer(pair(glob="")).lines[1:]
    assert [x.when for x in lines] == [None, "if that login is there", "if it is not"]
    assert lines[0].text == "id -u keepalived_script"
    assert "runuser -u keepalived_script" in lines[1].text


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (pair(tracked=False), "does not say that it runs this check"),
        (pair(rights=Rights.PLAIN), "may not become that"),
        (pair('"/bin/sh -c {data}"'), "cannot be carried"),
        (pair('"/bin/sh -c \'unclosed"'), "cannot be carried"),
        (pair(glob="script_user -oProxyCommand"), "is no login"),
        (pair('"/usr/bin/curl -u admin:s3cret http://127.0.0.1/"'), "holds a password"),
    ],
    ids=["keepalived-dropped-it", "no-rights", "placeholder", "quotes", "option-as-user", "password"],
)
def test_what_keepalived_does_not_run_or_cannot_be_said_exactly_is_not_run(picture, why):
    refused = offer(picture)
    assert refused.lines == ()
    assert why in refused.refused


def test_every_entry_only_looks():
    specs = [
        entries.BEFORE, entries.AFTER, entries.HAS_DEFAULT_USER, entries.neighbour(VIP), entries.ping(VIP),
        entries.check_script(["/x"], "root", "ops", 3),
    ]  # fmt: skip
    assert {s.danger for s in specs} == {Danger.OBSERVES}
    assert [s.id for s in specs if s.root is not Root.NO] == ["closer.check-script"]


def test_arp_is_asked_of_nodes_that_do_not_hold_the_vip():
    asked = offer(whole().picture, f"arp/{VIP}")
    assert {x.where for x in asked.lines} == {TWO}
    both = scenes.split_brain().picture
    assert offer(both, f"arp/{VIP}").refused is not None


@pytest.mark.parametrize(
    ("id_", "node", "vip", "near"),
    [
        ("adverts-blocked", ONE, None, {closer.Look.AUDIT}),
        ("check-failing", ONE, None, {closer.Look.SCRIPT}),
        ("two-masters", None, VIP, {closer.Look.ARP, closer.Look.SQUID}),
        ("disk-full", ONE, None, set()),
    ],
)
def test_only_a_look_that_can_tell_more_of_a_finding_is_offered_with_it(id_, node, vip, near):
    found = Finding(id=id_, severity=Severity.WARNING, summary="so", node=node, vip=vip)
    snapshot = pair()
    everything = (*closer.offers(snapshot.spec, snapshot, OWN), closer.audit_offer((), snapshot))
    assert {o.look for o in everything if closer.relevance(o, found) == 0} == near


def test_squid_is_asked_at_vips_and_at_own_addresses():
    texts = " ".join(x.text for x in offer(whole().picture, "squid").lines)
    assert all(a in texts for a in ("192.168.2.101", "192.168.2.102", "192.168.2.251", "192.168.2.252"))


# --- what follows -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "seconds", "says", "ok", "words"),
    [
        (0, 0.03, True, True, "passes as root after 0.03 s"),
        (0, 2.6, True, True, "a busy node takes longer"),
        (0, 0.03, False, None, "keepalived says it fails"),
        (1, 0.03, False, False, "fails as root with exit 1"),
        (1, 0.03, True, False, "within `fall` runs"),
        (124, 3.0, False, False, "did not end within 3 s"),
        (127, 0.0, True, False, "was not found"),
        (None, None, True, None, "could not be run"),
    ],
)
def test_a_check_s_result_beside_keepalived_s_own_word(status, seconds, says, ok, words):
    check = replace(offer(pair()).check, says=says)
    proof = closer_proof.of_script(check, "root", status, seconds, "FATAL: no pid file")
    assert proof.ok is ok
    assert words in proof.text
    assert proof.doubtful is (seconds == 2.6)


def entry(mac):
    return Neighbour(address=VIP, interface="eth0", mac=mac, state="STALE")


@pytest.mark.parametrize(
    ("mac", "ok", "words"),
    [
        ("52:54:00:00:02:fb", True, f"leads to {ONE}, which holds it"),
        ("52:54:00:00:02:fc", False, f"which is {TWO}"),
        ("52:54:00:99:99:99", False, "which is none of our nodes"),
        (None, False, "nobody answers"),
    ],
    ids=["holder", "stale", "stranger", "silent"],
)
def test_arp_that_does_not_lead_to_the_holder_is_told_with_whose_it_is(mac, ok, words):
    picture = whole().picture
    proof = closer_proof.of_arp(picture, picture.vips[0], {TWO: [entry(mac)]})
    assert proof.ok is ok
    assert words in proof.text


def test_no_answer_about_arp_proves_nothing():
    picture = whole().picture
    assert closer_proof.of_arp(picture, picture.vips[0], {TWO: None}).ok is None


def answers(*bad):
    every = [scenes.VIP1, scenes.VIP2, *OWN.values()]
    return {a: ClientResult(ok=str(a) not in bad, checked="http", status=200, error="timed out") for a in every}


@pytest.mark.parametrize(
    ("bad", "ok", "words"),
    [
        ((), True, "squid serves at every VIP"),
        (("192.168.2.101",), False, "it is the way to the VIP"),
        (("192.168.2.101", "192.168.2.251"), False, "it is squid"),
        (("192.168.2.252",), False, f"squid on {TWO} does not"),
    ],
    ids=["well", "the-way", "squid", "the-other"],
)
def test_a_vip_beside_its_holder_s_own_address_tells_squid_from_the_way(bad, ok, words):
    proof = closer_proof.of_squid(whole().picture, OWN, answers(*bad))
    assert proof.ok is ok
    assert words in proof.text


def test_a_vip_that_was_not_asked_is_not_well():
    told = answers()
    del told[scenes.VIP1]
    assert closer_proof.of_squid(whole().picture, OWN, told).ok is None


def test_the_daemon_s_word_is_only_believed_from_its_dump():
    picture = pair()
    node = picture.nodes[0]
    hearsay = tuple(
        replace(i, from_dump=False, tracked_scripts=(TrackedScript(name="chk_squid_service", ok=True),))
        for i in node.instances
    )
    picture = replace(picture, nodes=(replace(node, instances=hearsay), picture.nodes[1]))
    assert offer(picture).refused is not None
