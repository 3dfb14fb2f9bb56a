"""A node's column: everything with its sign; a node that is silent shows none of its old values."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from haconsole.model.events import ClientResult, Subject
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import ConfigTest, StateSource
from haconsole.model.state import Known
from haconsole.tui.view.instances import short_addresses
from haconsole.tui.view.nodes import NodeColumn, node_column, roll
from haconsole.tui.view.text import Level, plain, width_of
from tests.unit.tui import scenes

WIDE, NARROW = 56, 37
VIP = "192.168.2.101"


def column(shown, index=0, width=WIDE, **options):
    return node_column(shown.picture.nodes[index], shown, width, scenes.TIMES, **options)


def texts(shown, index=0, width=WIDE, **options):
    return [plain(row.line) for row in column(shown, index, width, **options).rows]


def changed(shown, **changes):
    """The first node with other values."""
    node = replace(shown.picture.nodes[0], **changes)
    return replace(shown, picture=replace(shown.picture, nodes=(node, shown.picture.nodes[1])))


def test_a_healthy_node_in_full():
    assert texts(scenes.healthy()) == [
        "keepalived ● active 12 d, at boot, 2.2.7",
        " proxy_ip1 MASTER 255 of 255 .101 ● eth0:1          12 d",
        " proxy_ip2 BACKUP 100 of 100                        12 d",
        " tracks    eth1 ●   chk_squid_service ●",
        "squid      ● active 12 d, at boot, 5.7           check ●",
        " listens   0.0.0.0:3128   42 req/s  118 clients  hit 63%",
        "eth0 ● 192.168.2.251/24 .101   eth1 ● 203.0.113.11",
        "heard now · dump 12 s ago · booted 12 d ago",
    ]
    assert plain(column(scenes.healthy()).title) == "● proxy-serv01  192.168.2.251  ssh 4 ms  clock +0.2 ms"


def test_a_healthy_node_in_a_narrow_column():
    assert texts(scenes.healthy(), width=NARROW) == [
        "keepalived ● active 12 d, at boot",
        " proxy_ip1 MASTER 255/255 .101 ●",
        " proxy_ip2 BACKUP 100/100",
        " tracks eth1 ●  chk_squid_service ●",
        "squid ● active 12 d, at boot  check ●",
        " 0.0.0.0:3128  42 req/s 118 clients",
        "eth0 ● 192.168.2.251/24 .101",
        "eth1 ● 203.0.113.11",
    ]


def test_in_a_narrow_column_what_is_not_well_comes_first():
    shown = scenes.eth1_down()
    first = texts(shown, 1, NARROW, worst_first=True)[:4]
    assert first == [
        " proxy_ip1 FAULT  100/100 eth1 down",
        " proxy_ip2 FAULT  255/255 eth1 down",
        " tracks eth1 ✖  chk_squid_service ●",
        "eth1 ✖ no carrier",
    ]


@pytest.mark.parametrize("width", [36, 37, 38, 49, 50, 56, 76, 120])
@pytest.mark.parametrize("situation", list(scenes.SITUATIONS.values()), ids=list(scenes.SITUATIONS))
def test_every_row_and_title_fits(situation, width):
    shown = situation()
    for index in range(len(shown.picture.nodes)):
        made = column(shown, index, width)
        assert width_of(made.title) <= width
        assert all(width_of(row.line) <= width for row in made.rows)


# --- silent nodes -----------------------------------------------------------


def test_a_node_that_is_gone_shows_why_what_to_do_and_when_it_was_heard():
    text = "\n".join(texts(scenes.unreachable(), 1))
    assert "not reachable: nothing is known now" in text
    assert "no answer from 192.168.2.252 port 22 within 5 s" in text
    assert "→ Is the node up?" in text
    assert "next try in 4 s" in text
    assert "last heard 00:02:13 ago, at 14:00:18" in text


def test_a_node_that_is_gone_shows_none_of_its_old_values():
    was = scenes.BOTH_WELL[1]()
    lost = replace(
        was, phase=scenes.Phase.WAITING, problem=scenes.TIMED_OUT, retry_at=scenes.NOW + 4, heard_at=scenes.NOW - 133
    )
    of = scenes.state([scenes.BOTH_WELL[0](), lost], [scenes.probes(scenes.VIP1, scenes.QUICK)])
    shown = scenes.snapshot(of, [], scenes.Verdict.UNKNOWN)
    text = "\n".join(texts(shown, 1))
    assert not any(word in text for word in ("MASTER", "active", "eth0", "req/s", "check"))


def test_a_node_that_was_never_heard_says_so():
    assert texts(scenes.connecting()) == ["… connecting", "never heard"]


def test_a_link_that_went_silent_is_no_longer_believed():
    quiet = replace(scenes.BOTH_WELL[0](), heard_at=scenes.NOW - 9)
    shown = scenes.snapshot(scenes.state([quiet, scenes.BOTH_WELL[1]()], []), [], scenes.Verdict.UNKNOWN)
    assert "connected, but silent: nothing is known now" in texts(shown)[0]
    assert column(shown).level is Level.UNKNOWN


# --- what differs from healthy ------------------------------------------------


def test_a_stopped_squid_is_critical_in_every_line_about_it():
    stopped = scenes.node(scenes.ONE, states=(scenes.VrrpState.FAULT, scenes.VrrpState.FAULT), vips=[], squid=False)
    shown = scenes.snapshot(scenes.state([stopped, scenes.BOTH_WELL[1]()], []), [], scenes.Verdict.WARNING)
    text = texts(shown)
    assert " proxy_ip1 FAULT  255 of 255 chk_squid_service fails" in text[1]
    assert "✖ inactive 12 d" in text[4]
    assert "check ✖ no running copy" in text[4]
    assert "✖ nobody listens on 3128" in text[5]
    assert column(shown).level is Level.CRITICAL


def test_a_service_that_would_not_come_back_after_a_boot_is_a_warning():
    unit = scenes.unit("keepalived", enabled=False)
    shown = changed(scenes.healthy(), keepalived=unit)
    assert "not at boot" in texts(shown)[0]
    assert column(shown).rows[0].level is Level.WARNING
    assert column(shown).level is Level.WARNING


def test_a_squid_that_does_not_answer_clients_is_not_well_though_its_check_is():
    shown = scenes.healthy()
    late = ClientResult(ok=False, checked="http", error="connected, but no answer within 2 s")
    vip = shown.picture.vips[0]
    vip = replace(vip, client=replace(vip.client, result=late), failed_since=scenes.NOW - 20)
    shown = replace(shown, picture=replace(shown.picture, vips=(vip, shown.picture.vips[1])))
    for width in (WIDE, NARROW):
        found = column(shown, width=width)
        rows = {r.key.rpartition("node/proxy-serv01/")[2]: r for r in found.rows}
        assert rows["squid"].level is Level.CRITICAL and "squid" in plain(rows["squid"].line)
        assert plain(rows["squid"].line).replace(" ", "").startswith("squid✖active")
        assert any("✖ .101 not answered" in plain(r.line) for r in found.rows)
        assert found.level > Level.OK and plain(found.title).startswith("✖")
        assert column(shown, 1, width=width).level is Level.OK


def test_squids_own_mean_of_requests_is_marked_as_such():
    for width in (WIDE, NARROW):
        assert any("42 req/s (5 min)" in t for t in texts(changed(scenes.healthy(), rate_is_mean=True), width=width))
        assert not any("5 min" in t for t in texts(scenes.healthy(), width=width))


def test_a_service_in_between_is_in_progress():
    shown = changed(scenes.healthy(), keepalived=scenes.unit("keepalived", active=False, state="activating"))
    assert column(shown).rows[0].level is Level.BUSY


def test_a_master_without_its_address_is_critical():
    shown = changed(scenes.healthy(), kernel=scenes.kernel(251, []))
    row = column(shown).rows[1]
    assert "✖ not on this node" in plain(row.line)
    assert row.level is Level.CRITICAL


def test_the_vip_that_clients_use_comes_before_the_link_local_one():
    shown = scenes.healthy()
    first = replace(shown.picture.nodes[0].instances[0], vips=(ip_interface("fe80::101/64"), ip_interface(f"{VIP}/24")))
    made = plain(column(changed(shown, instances=(first,)), width=NARROW).rows[1].line)
    assert made.index(".101 ●") < (made.index("fe80::101") if "fe80::101" in made else len(made))


def test_an_address_on_a_node_that_is_no_master_is_a_warning():
    shown = changed(scenes.healthy(), kernel=scenes.kernel(251, ["192.168.2.101", "192.168.2.102"]))
    assert column(shown).rows[2].level is Level.WARNING


def test_a_state_that_only_the_addresses_hint_at_is_marked():
    node = scenes.healthy().picture.nodes[0]
    hinted = tuple(replace(i, state_source=StateSource.ADDRESSES) for i in node.instances)
    assert "MASTER~" in texts(changed(scenes.healthy(), instances=hinted))[1]


def test_a_lowered_priority_shows_both_numbers():
    node = scenes.healthy().picture.nodes[0]
    lowered = (replace(node.instances[0], effective_priority=205), node.instances[1])
    assert "205 of 255" in texts(changed(scenes.healthy(), instances=lowered))[1]


def test_an_interface_that_is_gone_says_so():
    node = scenes.healthy().picture.nodes[0]
    links = {k: v for k, v in node.kernel.links.items() if k != "eth1"}
    shown = changed(scenes.healthy(), kernel=replace(node.kernel, links=links))
    assert "eth1 ✖ not there" in "\n".join(texts(shown))


def test_a_refused_configuration_gets_a_line_of_its_own():
    shown = changed(scenes.healthy(), config_test=ConfigTest(ok=False, messages=("line 3: unknown keyword",)))
    assert " config    ✖ keepalived -t: line 3: unknown keyword" in texts(shown)


def test_what_may_not_be_read_says_why_and_is_not_shown_as_zero():
    text = "\n".join(texts(scenes.unprivileged()))
    assert "? VRRP instances cannot be read" in text
    assert "sudo asks for a password" in text
    assert "req/s" not in text


def test_what_was_not_read_yet_is_in_progress():
    shown = changed(scenes.healthy(), keepalived=None, instances=None, squid=None, kernel=None)
    assert "not read yet" in texts(shown)[0]
    assert column(shown).level is Level.BUSY


def test_failed_readings_with_the_same_reason_share_a_line():
    problem = Problem(kind=ProblemKind.NOT_PERMITTED, summary="sudo asks for a password")
    failed = {s: Known(problem, scenes.NOW, s.value) for s in (Subject.DAEMON, Subject.CONFIG)}
    text = [t for t in texts(changed(scenes.healthy(), failed=failed), width=80) if "sudo" in t]
    assert text == ["? sudo asks for a password: no daemon, config"]


def test_thousands_of_interfaces_are_a_number():
    text = texts(scenes.large(links=10_000))
    assert "+10,000 more" in "\n".join(text)
    assert len(text) < 12


@pytest.mark.parametrize("count", [3, 9, 40])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_where_columns_scroll_one_line_has_every_node_or_its_count_the_worst_first(count, width):
    levels = [Level.OK] * (count - 1) + [Level.CRITICAL]
    columns = [NodeColumn(f"proxy-serv{i:02}", (), (), lv) for i, lv in enumerate(levels, 1)]
    text = plain(roll(columns, width))
    assert width_of(roll(columns, width)) == width
    assert text.startswith(f" all {count} nodes  ✖ ") and f"serv{count:02}" in text.split("●")[0]
    shown = text.count("●") + text.count("✖")
    more = int(text.partition("+")[2].split()[0]) if "+" in text else 0
    assert shown - (more > 0) + more == count


def test_where_columns_scroll_a_title_says_which_one_it_is():
    made = column(scenes.three_nodes(), 1, NARROW, place="2/3")
    assert "2/3" in plain(made.title)


@pytest.mark.parametrize(
    ("addresses", "short"),
    [
        (["192.168.2.101", "192.168.2.102"], [".101", ".102"]),
        (["192.168.2.101", "10.0.0.1"], ["192.168.2.101", "10.0.0.1"]),
        (["192.168.2.101", "2001:db8:2::101", "2001:db8:2::102"], [".101", "…:101", "…:102"]),
        (["2001:db8:2::", "192.168.2.101"], ["2001:db8:2::", ".101"]),
        ([], []),
    ],
)
def test_vips_are_called_by_what_tells_them_apart(addresses, short):
    made = [ip_address(a) for a in addresses]
    assert [short_addresses(made)[a] for a in made] == short
