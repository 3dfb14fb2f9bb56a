"""What every dump of every version says, against what was done to the nodes (fixtures' README)."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address, IPv6Address, ip_interface
from pathlib import Path

import pytest

from haconsole.model.readings import (
    DaemonReading,
    InstanceReading,
    TrackedFile,
    TrackedInterface,
    TrackedScript,
    VrrpState,
)
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_dump import parse_data_dump, parse_json_dump

FIXTURES = Path(__file__).parents[2] / "fixtures" / "keepalived"
VERSIONS = ("1.3.5", "2.0.20", "2.1.5", "2.2.7", "2.4.3")
MASTER, BACKUP, FAULT = VrrpState.MASTER, VrrpState.BACKUP, VrrpState.FAULT
PEER = "192.168.2.12"

# (state, priority, effective priority, master's address and priority) of proxy_ip1 and proxy_ip2.
NORMAL = ((MASTER, 255, 255, None, None), (BACKUP, 100, 100, PEER, 255))
OTHER_NODE = ((BACKUP, 100, 100, "192.168.2.11", 255), (MASTER, 255, 255, None, None))
BOTH_FAULT = ((FAULT, 255, 255, None, None), (FAULT, 100, 100, None, None))
BOTH_MASTER = ((MASTER, 255, 255, None, None), (MASTER, 100, 100, None, None))
# 2.1.5 lets an instance of priority 255 ignore the failing script: the VIP stays where squid is dead.
ONE_FAULT = ((MASTER, 255, 255, None, None), (FAULT, 100, 100, None, None))
DRAINED = ((BACKUP, 254, 54, PEER, 100), (BACKUP, 100, 1, PEER, 254))
WEIGHTED = ((BACKUP, 150, 90, PEER, 100), (BACKUP, 100, 40, PEER, 150))
SYNCED = ((MASTER, 150, 150, None, None), (MASTER, 140, 140, None, None))
JSON2 = ((MASTER, 150, 150, None, None), (BACKUP, 100, 100, PEER, 150))

PAIRS = {
    "1.3.5/keepalived.data": NORMAL,
    "1.3.5/keepalived-serv02.data": OTHER_NODE,
    "1.3.5/keepalived-fault.data": BOTH_FAULT,
    "1.3.5/keepalived-eth0down.data": BOTH_FAULT,
    "1.3.5/keepalived-split.data": BOTH_MASTER,
    "1.3.5/keepalived-drained-script.data": DRAINED,
    "1.3.5/keepalived-weights.data": WEIGHTED,
    "1.3.5/keepalived-syncgroup.data": SYNCED,
    "2.0.20/keepalived.data": NORMAL,
    "2.0.20/keepalived.json": NORMAL,
    "2.0.20/keepalived-serv02.data": OTHER_NODE,
    "2.0.20/keepalived-serv02.json": OTHER_NODE,
    "2.0.20/keepalived-fault.data": BOTH_FAULT,
    "2.0.20/keepalived-fault.json": BOTH_FAULT,
    "2.0.20/keepalived-eth0down.data": BOTH_FAULT,
    "2.1.5/keepalived.data": NORMAL,
    "2.1.5/keepalived.json": NORMAL,
    "2.1.5/keepalived-serv02.data": OTHER_NODE,
    "2.1.5/keepalived-serv02.json": OTHER_NODE,
    "2.1.5/keepalived-fault.data": ONE_FAULT,
    "2.1.5/keepalived-fault.json": ONE_FAULT,
    "2.1.5/keepalived-eth0down.data": BOTH_FAULT,
    "2.1.5/keepalived-split.data": BOTH_MASTER,
    "2.1.5/keepalived-drained-file.data": DRAINED,
    **{
        f"{version}/keepalived{variant}": expected
        for version in ("2.2.7", "2.4.3")
        for variant, expected in {
            ".data": NORMAL,
            ".json": NORMAL,
            "-serv02.data": OTHER_NODE,
            "-serv02.json": OTHER_NODE,
            "-fault.data": BOTH_FAULT,
            "-fault.json": BOTH_FAULT,
            "-eth0down.data": BOTH_FAULT,
            "-split.data": BOTH_MASTER,
            "-drained-file.data": DRAINED,
            "-weights.data": WEIGHTED,
            "-syncgroup.data": SYNCED,
            "-json2.json": JSON2,
        }.items()
    },
}
MIXED = (
    "1.3.5/keepalived-v3-unicast-ipv6.data",
    "2.2.7/keepalived-v3-unicast-ipv6.data",
    "2.2.7/keepalived-v3-unicast-ipv6.json",
    "2.4.3/keepalived-v3-unicast-ipv6.data",
    "2.4.3/keepalived-v3-unicast-ipv6.json",
)


def text_of(name: str) -> str:
    return (FIXTURES / name).read_text()


def parsed(name: str) -> DaemonReading:
    return (parse_json_dump if name.endswith(".json") else parse_data_dump)(text_of(name))


def pair(name: str) -> tuple[InstanceReading, InstanceReading]:
    first, second = parsed(name).instances
    return first, second


def test_every_dump_in_the_fixtures_is_in_the_tables_of_this_file() -> None:
    found = {str(p.relative_to(FIXTURES)) for end in ("*/*.data", "*/*.json") for p in FIXTURES.glob(end)}
    assert found == {*PAIRS, *MIXED}


@pytest.mark.parametrize("name", PAIRS)
def test_the_articles_pair_is_read_as_it_was(name: str) -> None:
    json_dump, old = name.endswith(".json"), name.startswith("1.3.5")
    reading = parsed(name)
    assert reading.kind == ("JSON" if json_dump else "DATA")
    assert [i.name for i in reading.instances] == ["proxy_ip1", "proxy_ip2"]
    for number, (found, expected) in enumerate(zip(reading.instances, PAIRS[name], strict=True), 1):
        state, priority, effective, master, master_priority = expected
        assert (found.vrid, found.interface, found.version) == (number, "eth0", 2)
        assert (found.state, found.priority) == (state, priority)
        assert found.effective_priority == (None if old else effective)
        assert found.vips == (ip_interface(f"192.168.2.10{number}/24"),)
        assert found.master_priority == master_priority
        assert found.master_address == (None if json_dump or master is None else IPv4Address(master))
        assert found.advert_interval_s == 1.0
        assert found.preempt is True
        assert found.auth_type == "none"
        assert found.unicast is (None if json_dump or old else False)
        assert found.last_transition_node_s is not None
        assert 1795488000 < found.last_transition_node_s < 1795492000


@pytest.mark.parametrize("name", [n for n in PAIRS if n.endswith(".data")])
def test_the_data_dump_tells_the_source_address_and_the_sync_group(name: str) -> None:
    for found in parsed(name).instances:
        assert found.source_address == IPv4Address("192.168.2.12" if "serv02" in name else "192.168.2.11")
        assert found.sync_group == ("proxies" if "syncgroup" in name else None)


@pytest.mark.parametrize("name", [n for n in PAIRS if n.endswith(".data")])
def test_the_data_dump_tells_what_is_tracked_and_how_it_is(name: str) -> None:
    weight = -60 if "weights" in name else 0
    first, second = pair(name)
    owner = second if "serv02" in name else first
    for found in (first, second):
        if name.startswith("2.1.5") and found is owner and found.priority == 255:
            assert (found.tracked_interfaces, found.tracked_scripts) == ((), ())  # 2.1.5 drops them at 255
            continue
        assert found.tracked_interfaces == (TrackedInterface(name="eth1", up="weights" not in name, weight=weight),)
        assert found.tracked_scripts[0] == TrackedScript(
            name="chk_squid_service", ok="fault" not in name, weight=weight
        )


@pytest.mark.parametrize("version", ["2.1.5", "2.2.7", "2.4.3"])
def test_a_drained_node_shows_the_value_of_its_track_file(version: str) -> None:
    for found in pair(f"{version}/keepalived-drained-file.data"):
        assert found.tracked_files == (TrackedFile(name="drain", value=-200, weight=1),)


def test_1_3_5_drained_by_script_shows_it_only_in_the_script() -> None:
    for found in pair("1.3.5/keepalived-drained-script.data"):
        assert found.tracked_scripts[1] == TrackedScript(name="drain", ok=False, weight=-200)
        assert found.effective_priority is None


@pytest.mark.parametrize("name", [n for n in PAIRS if n.endswith(".json") and "2.1.5" not in n])
def test_json_names_the_script_by_its_command_and_no_results(name: str) -> None:
    for found in parsed(name).instances:
        assert found.tracked_interfaces == (TrackedInterface(name="eth1", up=None),)
        assert found.tracked_scripts == (TrackedScript(name="/etc/keepalived/chk_squid.sh", ok=None),)
        assert (found.source_address, found.sync_group, found.unicast) == (None, None, None)


@pytest.mark.parametrize("name", MIXED)
def test_vrrp_3_ipv6_unicast_and_passwords(name: str) -> None:
    data, old = name.endswith(".data"), name.startswith("1.3.5")
    found = {i.name: i for i in parsed(name).instances}
    assert list(found) == ["v2plain", "v2auth", "v3half", "v3six", "six_default", "v2uni", "v3uni"]
    assert [i.vrid for i in found.values()] == [11, 12, 13, 14, 15, 16, 17]
    assert [i.version for i in found.values()] == [2, 2, 3, 3, 3, 2, 3]
    assert [i.advert_interval_s for i in found.values()] == [1, 2, 0.5, 1, 1, 1, 1]
    assert {i.state for i in found.values()} == {MASTER}
    assert found["v2plain"].vips == (ip_interface("192.168.2.111/24"), ip_interface("192.168.2.112/24"))
    assert found["v3six"].vips == (ip_interface("fe80::14/128"), ip_interface("fd00:2::14/64"))
    assert found["v2plain"].auth_type == "none"
    assert found["v2auth"].auth_type == "PASS"
    assert "s3cret" not in repr(found)
    if data:
        assert isinstance(found["v3six"].source_address, IPv6Address)
    unicast = {n: (i.unicast, i.unicast_peers) for n, i in found.items()}
    if data and not old:
        assert unicast["v2uni"] == unicast["v3uni"] == (True, (IPv4Address(PEER),))
        assert unicast["v2plain"] == unicast["v3six"] == (False, ())
    else:
        assert set(unicast.values()) == {(None, ())}  # neither 1.3.5 nor JSON says


# --- what no fixture shows ---------------------------------------------------------------


def modern(instance: str = "", behind: str = "", name: str = "a", state: str = "MASTER", vrid: str = "1") -> str:
    return (
        f"------< VRRP Topology >------\n VRRP Instance = {name}\n   VRRP Version = 2\n   State = {state}\n"
        f"   Wantstate = MASTER\n   Interface = eth0\n   Virtual Router ID = {vrid}\n{instance}"
        f"{behind}------< Interfaces >------\n Name = lo\n   State = UP, RUNNING, loopback\n"
    )


def one(text: str) -> InstanceReading:
    (found,) = parse_data_dump(text).instances
    return found


@pytest.mark.parametrize(
    ("lines", "ok"),
    [
        ("   Init state = unknown\n   Status = GOOD\n", True),
        ("   Init state = unknown\n   Status = BAD\n", False),
        ("   Init state = INIT\n   Status = BAD\n", None),  # 2.2 and later: not yet run
        ("   Init state = INIT/FAILED\n   Status = BAD\n", False),  # init_fail: counts as failed
        ("   Init state = INIT/RELOAD\n   Status = GOOD\n", True),
        ("   Status = INIT\n", None),  # 2.0, 2.1
        ("   Status = INIT/FAILED\n", False),
        ("   Status = DISABLED\n", None),
        ("", None),
    ],
)
def test_a_script_without_a_result_is_neither_good_nor_bad(lines: str, ok: bool | None) -> None:
    behind = f"------< VRRP Scripts >------\n VRRP Script = chk\n   Command = '/x'\n{lines}   State = running\n"
    found = one(modern("   Tracked scripts :\n     chk weight -5 reverse\n", behind))
    assert found.tracked_scripts == (TrackedScript(name="chk", ok=ok, weight=-5),)


@pytest.mark.parametrize(
    ("state", "up"),
    [
        ("UP, RUNNING", True),
        ("UP, RUNNING, no multicast", True),
        ("UP, not RUNNING", False),
        ("not UP, not RUNNING", False),
        ("gone", None),
    ],
)
def test_a_link_is_up_when_it_is_up_and_running(state: str, up: bool | None) -> None:
    text = modern("   Tracked interfaces = 1\n     eth1 weight 0\n") + f" Name = eth1\n   State = {state}\n"
    assert one(text).tracked_interfaces == (TrackedInterface(name="eth1", up=up),)


def test_1_3_5_link_without_carrier_is_not_up() -> None:
    text = text_of("1.3.5/keepalived.data").replace(" is RUNNING\n", "")
    assert [t.up for i in parse_data_dump(text).instances for t in i.tracked_interfaces] == [False, False]


def test_with_use_vmac_the_interface_is_the_configured_one() -> None:
    assert one(modern().replace("= eth0", "= vrrp.1, vmac on eth0, xmit base i/f")).interface == "eth0"
    assert one(modern().replace("= eth0", "= not configured")).interface == ""


def test_excluded_addresses_are_kept_apart() -> None:
    lines = "   Virtual IP (1):\n     10.0.0.1 dev eth0\n   Virtual IP Excluded :\n     10.0.0.2/24 dev eth0 set\n"
    found = one(modern(lines + "   Virtual Routes :\n     10.9.0.0/16 via 10.0.0.9\n"))
    assert found.vips == (ip_interface("10.0.0.1/32"),)
    assert found.excluded_vips == (ip_interface("10.0.0.2/24"),)


def test_preemption_and_its_delay() -> None:
    found = one(modern("   Preempt = disabled\n   Preempt delay = 3 secs\n"))
    assert (found.preempt, found.preempt_delay_s) == (False, 3.0)


def test_before_the_first_advert_a_backup_knows_no_master() -> None:
    text = modern("   Master router = 0.0.0.0\n   Master priority = 0\n", state="BACKUP")
    assert (one(text).master_address, one(text).master_priority) == (None, None)


def test_a_master_address_counts_only_for_a_backup() -> None:
    assert one(modern("   Master router = 192.168.2.12\n   Master priority = 100\n")).master_address is None


@pytest.mark.parametrize(("word", "state"), [("0", VrrpState.INIT), ("INIT", VrrpState.INIT), ("97", None)])
def test_other_states(word: str, state: VrrpState | None) -> None:
    assert one(modern(state=word)).state is state


def test_ipv4_and_ipv6_may_share_a_router_id() -> None:
    first, second = modern(), modern(name="six").split("\n", 1)[1]
    found = parse_data_dump(first.split("------< Int", 1)[0] + second).instances
    assert [(i.name, i.vrid) for i in found] == [("a", 1), ("six", 1)]


def test_no_instances_is_an_answer_but_no_dump_is_none() -> None:
    assert parse_data_dump("------< VRRP Topology >------\n").instances == ()
    whole = text_of("2.2.7/keepalived.data")
    start, end = whole.index("------< VRRP Topology"), whole.index("------< Interfaces")
    assert parse_data_dump(whole[:start] + whole[end:]).instances == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        "cat: /tmp/keepalived.data: No such file or directory\n",
        "[]\n",
        "VRRP Instance: a\n  Advertisements:\n    Received: 0\n",
        "------< Global definitions >------\n umask = 0177\n",
        modern(vrid=""),
        modern(vrid="256"),
        modern().replace("   State = MASTER\n", ""),
        modern("   Virtual IP (2):\n     10.0.0.1/24 dev eth0\n"),
        modern()[:-1],
        modern().split("------< Int", 1)[0],
        modern(name="a   State = MASTER"),  # a line end is missing
    ],
)
def test_what_is_no_whole_dump_is_refused(text: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse_data_dump(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f]", str(refused.value))


def test_a_password_is_cut_off_wherever_it_stands() -> None:
    text = modern("   Authentication type = SIMPLE_PASSWORD\n   Password = s3cret\n", name="a   Password = s3cret")
    text = text.replace("Interface = eth0", "Interface = eth0   Password = s3cret")
    found = one(text.replace("SIMPLE_PASSWORD\n", "SIMPLE_PASSWORD"))
    assert (found.name.strip(), found.interface) == ("a", "eth0")
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_dump_cut_within_its_instances_is_refused(version: str) -> None:
    """At every line up to where nothing is missing any more that a version tells."""
    whole = text_of(f"{version}/keepalived.data")
    lines = whole.splitlines(keepends=True)
    second = max(n for n, line in enumerate(lines) if line.startswith(" VRRP Instance"))
    vrid = next(n for n in range(second, len(lines)) if "Virtual Router ID" in lines[n])
    for end in range(second, vrid):
        with pytest.raises(ParseError):
            parse_data_dump("".join(lines[: end + 1]))
        with pytest.raises(ParseError):
            parse_data_dump("".join(lines[:end]) + lines[end][:-1])
    with pytest.raises(ParseError):
        parse_data_dump("".join(lines[:-1])) if version == "1.3.5" else parse_data_dump(
            whole[: whole.index("------< Int")]
        )


def test_bounds() -> None:
    instance = " VRRP Instance = a\n   State = MASTER\n   Virtual Router ID = 1\n"
    head = "------< VRRP Topology >------\n"
    assert len(parse_data_dump(head + instance * 1000).instances) == 1000
    with pytest.raises(ParseError):
        parse_data_dump(head + instance * 1001)
    with pytest.raises(ParseError):
        parse_data_dump(head + "x" * 70_000 + "\n")
    entry = {"data": {"iname": "a", "vrid": 1, "state": 1}}
    assert len(parse_json_dump(json.dumps([entry] * 1000)).instances) == 1000
    with pytest.raises(ParseError):
        parse_json_dump(json.dumps([entry] * 1001))


def test_control_characters_in_names_are_made_visible() -> None:
    assert one(modern(name="a\x1b[31m")).name == "a␛[31m"
    text = json.dumps([{"data": {"iname": "a\x1b[31m", "vrid": 1, "state": 2, "track_ifp": ["\x9b1m"]}}])
    (found,) = parse_json_dump(text).instances
    assert (found.name, found.tracked_interfaces[0].name) == ("a␛[31m", "�1m")
