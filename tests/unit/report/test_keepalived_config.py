"""The recommended keepalived.conf: sound to keepalived and to the audit, the same again once it runs, no password."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from haconsole.cluster.audit import audit_files
from haconsole.cluster.audit.values import ConfFile
from haconsole.model.keepalived_conf import KeepalivedConf, Place, Statement
from haconsole.model.readings import Address, KeepalivedVersion, KernelReading, Listener
from haconsole.model.spec import ClusterSpec, NodeSpec, VipSpec
from haconsole.parse.keepalived_conf import parse
from haconsole.report.keepalived_beside import firewall
from haconsole.report.keepalived_config import render
from haconsole.report.keepalived_diff import compare, passwords, unified
from haconsole.report.keepalived_lines import lines
from haconsole.report.keepalived_plan import plan, priorities
from haconsole.report.keepalived_values import Check, NodeFacts, PlanError, Wishes

ONE, TWO, OTHER = "proxy-serv01", "proxy-serv02", "proxy-serv03"


def cluster(*vips: str, nodes: int = 2) -> ClusterSpec:
    names = (ONE, TWO, OTHER)[:nodes]
    made = tuple(NodeSpec(name=n, address=f"192.168.2.{251 + i}") for i, n in enumerate(names))
    return ClusterSpec(name="proxy", nodes=made, vips=tuple(VipSpec(address=ip_address(v)) for v in vips))


ARTICLE = cluster("192.168.2.101", "192.168.2.102")
FILE = ARTICLE.keepalived_config
SHAPES: Mapping[str, tuple[ClusterSpec, Wishes]] = {
    "article": (ARTICLE, Wishes(prefix=24)),
    "unicast": (ARTICLE, Wishes(unicast=True)),
    "request": (ARTICLE, Wishes(check=Check.REQUEST)),
    "ipv6": (cluster("192.168.2.101", "2001:db8:2::101", "2001:db8:2::102"), Wishes()),
    "three nodes, five VIPs": (cluster(*(f"192.168.2.{n}" for n in range(101, 106)), nodes=3), Wishes()),
}


def running(conf: str, node: str = ONE, *vips: str, **more: object) -> NodeFacts:
    """A node that runs `conf` and holds `vips`."""
    own = {ONE: "192.168.2.251/24", TWO: "192.168.2.252/24"}[node]
    addresses = tuple(Address(interface="eth0", address=ip_interface(a)) for a in (own, *vips))
    version = KeepalivedVersion(major=2, minor=2, patch=7)
    found = NodeFacts(
        conf=parse({FILE: conf}, FILE, hostname=node),
        kernel=KernelReading(links={}, addresses=addresses),
        version=version,
    )
    return replace(found, **more)  # type: ignore[arg-type]


def texts(spec: ClusterSpec, facts: Mapping[str, NodeFacts], wishes: Wishes | None = None) -> dict[str, str]:
    made = plan(spec, facts, wishes or Wishes())
    return {n.name: render(made, n).text for n in spec.nodes}


def parsed(text: str, node: str) -> KeepalivedConf:
    return parse({f"{node}.conf": text}, f"{node}.conf", hostname=node)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_audit_finds_nothing_and_keepalived_reads_every_line_as_meant(shape: str) -> None:
    spec, wishes = SHAPES[shape]
    confs = {name: parsed(text, name) for name, text in texts(spec, {}, wishes).items()}
    assert not [c for conf in confs.values() for c in conf.complaints]
    assert audit_files([ConfFile(conf=conf, node=name) for name, conf in confs.items()]) == ()


def can_test() -> bool:
    tools = all(map(shutil.which, ("keepalived", "unshare", "ip", "squid")))
    return tools and os.geteuid() == 0 and not subprocess.run(["unshare", "-n", "true"], check=False).returncode


@pytest.mark.skipif(not can_test(), reason="needs root, keepalived and squid")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_real_keepalived_is_content_with_it(shape: str, tmp_path: Path) -> None:
    """Exit 0 and not one word, in a network namespace that has eth0 and eth1."""
    for name, text in texts(*SHAPES[shape][:1], {}, SHAPES[shape][1]).items():
        (tmp_path / name).write_text(text)
        links = "ip link add eth0 type veth peer name eth1"
        argv = ["unshare", "-n", "sh", "-c", f'{links} && exec timeout 20 keepalived -t -f "$0"', str(tmp_path / name)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("shape", SHAPES)
def test_once_it_runs_it_is_what_is_recommended(shape: str) -> None:
    spec, wishes = SHAPES[shape]
    first = texts(spec, {}, wishes)
    facts = {n: NodeFacts(conf=parse({FILE: t}, FILE, hostname=n)) for n, t in first.items()}
    again = plan(spec, facts, replace(wishes, unicast=None))
    for node in spec.nodes:
        compared = compare(again, node)
        assert (compared.same, list(unified(compared))) == (True, [])


@given(st.integers(2, 60), st.data())
def test_priorities_are_distinct_and_a_drain_brings_the_first_below_all(count: int, data: st.DataObject) -> None:
    nodes = [f"n{k}" for k in range(count)]
    preferred, turn = data.draw(st.sampled_from(nodes)), data.draw(st.integers(0, 100))
    found = priorities(nodes, preferred, turn)
    assert set(found) == set(nodes) and len(set(found.values())) == count
    assert found[preferred] == max(found.values()) == 254
    assert min(found.values()) > 254 - 200


def test_two_nodes_mirror_each_other_and_a_third_shares_the_load() -> None:
    made = plan(SHAPES["three nodes, five VIPs"][0], {}, Wishes()).instances
    assert [i.preferred for i in made] == [ONE, TWO, OTHER, ONE, TWO]
    first, fourth = made[0].priorities, made[3].priorities
    assert (first[TWO] > first[OTHER]) != (fourth[TWO] > fourth[OTHER]), "each has another node next in line"


@pytest.mark.parametrize(
    ("version", "there", "not_there"),
    [
        ((2, 1), ["\ntrack_file haconsole_drain {", "init_file 0"], []),
        ((2, 0), ["\nvrrp_track_file haconsole_drain {"], ["    init_file"]),
        ((1, 3), ["No drain file"], ["track_file {"]),
    ],
)
def test_the_drain_is_written_in_the_words_of_the_version(
    version: tuple[int, int], there: list[str], not_there: list[str]
) -> None:
    text = texts(ARTICLE, {}, Wishes(version=version))[ONE]
    assert all(w in text for w in there) and not any(w in text for w in not_there)


RUNS = """
global_defs {
  vrrp_garp_master_refresh 60
}
vrrp_script alive {
  script "/usr/sbin/squid -k check"
  interval 5
}
vrrp_sync_group together {
  group {
    web
  }
}
vrrp_instance web {
  state MASTER
  interface eth0
  virtual_router_id 77
  priority 255
  preempt_delay 30
  authentication {
    auth_type PASS
    auth_pass s3cr3t-1
  }
  notify_fault "/usr/local/bin/page --password hunter22 now"
  virtual_ipaddress {
    192.168.2.101/24 dev eth0 label eth0:7
  }
  track_script {
    alive weight -20
  }
}
"""


def test_what_runs_is_kept_where_there_is_no_better_and_no_password_comes_out() -> None:
    facts = {ONE: running(RUNS, ONE), TWO: running(RUNS.replace("255", "100"), TWO)}
    made = plan(ARTICLE, facts, Wishes())
    text = render(made, ARTICLE.nodes[0]).text
    conf = parsed(text, ONE)
    web = next(s for s in conf.blocks("vrrp_instance") if s.args == ("web",))
    assert web.first("virtual_router_id").args == ("77",)  # type: ignore[union-attr]
    assert web.first("preempt_delay") and web.first("authentication") is None
    assert "192.168.2.101/24 dev eth0 label eth0:7" in text and "192.168.2.102/24" in text, "the subnet's prefix"
    assert next(conf.blocks("vrrp_sync_group")).args == ("together",) and "vrrp_garp_master_refresh 60" in text
    assert "interval 5" in text and "weight of -20 is left out" in text
    assert "authentication and this one has none" in text
    whole = text + str(list(unified(compare(made, ARTICLE.nodes[0]))))
    assert "s3cr3t-1" not in whole and "hunter22" not in whole


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("s3cr3t-1", "s3cr3t-1", True),
        ("s3cr3t-1", "s3cr3t-2", False),
        ("s3cr3t-1x", "s3cr3t-1y", True),
        ("a", None, False),
    ],
)
def test_running_passwords_are_compared_and_never_told(one: str, two: str | None, same: bool) -> None:
    """Of 8 characters, as keepalived takes them; what is hashed here is hashed on the node in life."""

    def conf(password: str | None) -> KeepalivedConf:
        text = RUNS.replace("s3cr3t-1", password or "")
        text = text if password else re.sub(r"authentication \{[^}]*\}", "", text)
        return parse({FILE: text}, FILE, secret_key=b"of this run")

    facts = {n: replace(running(RUNS, n), conf=conf(p)) for n, p in ((ONE, one), (TWO, two))}
    made = plan(ARTICLE, facts, Wishes())
    (told,) = passwords(made)
    assert (told.instance, told.same) == ("web", same) and "s3cr3t" not in repr(told)
    (unknown,) = passwords(plan(ARTICLE, {ONE: running(RUNS, ONE), TWO: running(RUNS, TWO)}, Wishes()))
    assert unknown.same is None and "sudo is not used" in unknown.text


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="$"), min_size=1, max_size=60))
@example('"{')
def test_a_script_s_line_is_kept_word_for_word_or_said_to_be_left_out(command: str) -> None:
    line = next(lines(Statement(words=("script", command), place=Place(file="", line=1))))
    found = parse({"/k": f"vrrp_script a {{\n{line}\n}}\n"}, "/k").statements[0].block
    assert line.startswith("#") or (found is not None and found[0].words == ("script", command))


def test_nodes_that_disagree_get_one_vrid_and_one_list() -> None:
    other = RUNS.replace("77", "78").replace("label eth0:7", "label eth0:7\n    192.168.2.103/24").replace("255", "100")
    made = plan(ARTICLE, {ONE: running(RUNS, ONE), TWO: running(other, TWO)}, Wishes())
    web = next(i for i in made.instances if i.name == "web")
    assert (web.vrid, web.preferred) == (77, ONE)
    assert [str(a.address) for a in web.addresses] == ["192.168.2.101", "192.168.2.103"]
    assert any("virtual_router_id differs" in n for n in web.notes) and any("list of" in n for n in web.notes)


@pytest.mark.parametrize(("nonlocal_bind", "notifies"), [(False, True), (True, False)])
def test_a_squid_that_is_bound_to_vips_is_told_of_a_new_one(nonlocal_bind: bool, notifies: bool) -> None:
    socket = Listener(address=ip_address("192.168.2.101"), port=3128, text="192.168.2.101:3128")
    facts = {ONE: running(RUNS, ONE, listening=(socket,), nonlocal_bind=nonlocal_bind)}
    assert ('notify_master "/usr/sbin/squid -k reconfigure"' in texts(ARTICLE, facts)[ONE]) is notifies


def test_unicast_and_the_firewall_name_the_nodes_own_addresses_never_a_vip() -> None:
    facts = {
        ONE: running(RUNS, ONE, "192.168.2.101/24"),
        TWO: running(RUNS.replace("255", "100"), TWO),
    }
    made = plan(ARTICLE, facts, Wishes(unicast=True))
    text = render(made, ARTICLE.nodes[1]).text
    assert "unicast_src_ip 192.168.2.252" in text and "        192.168.2.251\n" in text
    assert any("-s 192.168.2.251 -p 112 -j ACCEPT" in line for line in firewall(made, ARTICLE.nodes[1]))


def test_what_cannot_be_known_is_said() -> None:
    named = replace(ARTICLE, nodes=tuple(replace(n, address=f"{n.name}.example.net") for n in ARTICLE.nodes))
    with pytest.raises(PlanError, match="unicast needs it"):
        texts(named, {}, Wishes(unicast=True))
    with pytest.raises(PlanError, match="no virtual address"):
        plan(cluster(), {}, Wishes())
    assert "nobody told the subnet's" in texts(ARTICLE, {})[ONE]
