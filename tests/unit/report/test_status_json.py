"""`haconsole.status/1`: exactly the contract's fields, unknown as null, valid in every situation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.model.events import Subject
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import Address
from haconsole.report.status import status_document
from haconsole.report.status_schema import Status
from haconsole.report.values import rfc3339
from tests.unit.cluster.builders import ONE, TWO, V1, Play, drained_daemon, healthy, kernel, no_answer, problem
from tests.unit.cluster.ears import STRANGER, A, advert, listening
from tests.unit.cluster.stories import played
from tests.unit.report.situations import SITUATIONS

Document = dict[str, Any]

# --- the contract, written down a second time and independently -----------------------------

TEXT, FLAG, NUMBER, COUNT = (str,), (bool,), (int, float), (int,)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Maybe:
    """May be null."""

    def __init__(self, shape: object) -> None:
        self.shape = shape


class OrFalse(Maybe):
    """May be null or false."""


class Time:
    """RFC 3339."""


CLIENT = {"ok": FLAG, "status": Maybe(COUNT), "latency_ms": Maybe(NUMBER), "error": Maybe(TEXT)}
VIP = {
    "address": TEXT, "prefix": Maybe(COUNT), "vrid": Maybe(COUNT), "preferred": Maybe(TEXT),
    "holders": Maybe([TEXT]), "advertisers": Maybe([TEXT]), "client": Maybe(CLIENT),
}  # fmt: skip
INSTANCE = {
    "name": TEXT, "vrid": Maybe(COUNT), "interface": Maybe(TEXT),
    "state": Maybe({"MASTER", "BACKUP", "FAULT", "INIT"}), "state_source": Maybe({"dump", "log", "addresses"}),
    "priority": Maybe(COUNT), "effective_priority": Maybe(COUNT), "advert_interval_s": Maybe(NUMBER),
    "preempt": Maybe(FLAG), "vips": [TEXT], "since": Maybe(Time()),
    "tracked_interfaces": [{"name": TEXT, "up": Maybe(FLAG)}],
    "tracked_scripts": [{"name": TEXT, "ok": Maybe(FLAG), "weight": COUNT}],
}  # fmt: skip
KEEPALIVED = {
    "active": Maybe(FLAG), "enabled": Maybe(FLAG), "version": Maybe(TEXT), "config_ok": Maybe(FLAG),
    "instances": Maybe([INSTANCE]),
}  # fmt: skip
SQUID = {
    "active": Maybe(FLAG), "enabled": Maybe(FLAG), "version": Maybe(TEXT), "check_ok": Maybe(FLAG),
    "listening": Maybe([TEXT]), "requests_per_s": Maybe(NUMBER), "clients": Maybe(COUNT), "hit_ratio": Maybe(NUMBER),
}  # fmt: skip
DRAINED = {
    "by": Maybe(TEXT),
    "reason": Maybe(TEXT),
    "method": Maybe(TEXT),
    "since": Maybe(Time()),
    "until": Maybe(Time()),
}
OPERATION = {"owner": Maybe(TEXT), "host": Maybe(TEXT), "name": Maybe(TEXT), "until": Maybe(Time())}
NODE = {
    "name": TEXT, "address": TEXT, "reachable": FLAG, "error": Maybe(TEXT), "age_s": Maybe(NUMBER),
    "clock_offset_ms": Maybe(NUMBER), "clock_error_ms": Maybe(NUMBER),
    "drained": OrFalse(DRAINED), "operation": OrFalse(OPERATION),
    "keepalived": Maybe(KEEPALIVED), "squid": Maybe(SQUID),
    "interfaces": Maybe(
        [{"name": TEXT, "up": Maybe(FLAG), "carrier": Maybe(FLAG), "addresses": [TEXT], "labels": Mapping}]
    ),
}  # fmt: skip
FINDING = {
    "id": TEXT, "severity": {"info", "warning", "critical"}, "node": Maybe(TEXT), "instance": Maybe(TEXT),
    "vip": Maybe(TEXT), "summary": TEXT, "evidence": [{"source": TEXT, "time": Maybe(Time()), "text": TEXT}],
    "remedy": Maybe(TEXT), "unknown": FLAG, "key": TEXT, "follows_from": Maybe(TEXT),
}  # fmt: skip
CLUSTER = {
    "name": TEXT, "verdict": {"ok", "warning", "critical", "unknown"}, "vips": [VIP], "nodes": [NODE],
    "findings": [FINDING],
}  # fmt: skip
DOCUMENT = {"schema": {"haconsole.status/1"}, "time": Time(), "clusters": [CLUSTER]}


def matches(value: object, shape: object, where: str = "$") -> None:
    """Fails with the path of what differs from the contract."""
    if isinstance(shape, Maybe):
        if value is None or (isinstance(shape, OrFalse) and value is False):
            return
        matches(value, shape.shape, where)
    elif isinstance(shape, Time):
        assert isinstance(value, str) and TIME.fullmatch(value), (where, value)
    elif isinstance(shape, set):
        assert value in shape, (where, value)
    elif isinstance(shape, list):
        assert isinstance(value, list), (where, value)
        for index, item in enumerate(value):
            matches(item, shape[0], f"{where}[{index}]")
    elif isinstance(shape, dict):
        assert isinstance(value, dict) and set(value) == set(shape), (where, set(value) ^ set(shape))
        for name, inner in shape.items():
            matches(value[name], inner, f"{where}.{name}")
    elif shape is Mapping:
        assert isinstance(value, dict) and all(isinstance(x, str) for pair in value.items() for x in pair), where
    else:
        assert isinstance(value, shape), (where, value)  # type: ignore[arg-type]
        assert bool in shape or not isinstance(value, bool), (where, value)  # type: ignore[operator]


def document(name: str) -> Document:
    made = status_document([SITUATIONS[name]().snapshot()])
    again: Document = json.loads(json.dumps(made, allow_nan=False))
    assert again == made
    return again


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation_is_as_the_contract_says(name: str) -> None:
    matches(document(name), DOCUMENT)


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation_passes_its_own_schema(name: str) -> None:
    """What is printed can be read back by the model, with nothing lost."""
    text = json.dumps(document(name))
    assert Status.model_validate_json(text).model_dump(mode="json", by_alias=True) == json.loads(text)


def test_the_schema_asks_for_every_field() -> None:
    """A consumer may rely on the presence of each: null, never absent."""
    schema = Status.model_json_schema(by_alias=True, mode="serialization")
    for part in (schema, *schema["$defs"].values()):
        assert set(part["required"]) == set(part["properties"]), part["title"]
        assert part["additionalProperties"] is False


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.booleans())
def test_any_story_makes_a_valid_document(seed: int, length: int, well: bool) -> None:
    made = status_document([played(seed, length, well=well).snapshot()])
    matches(made, DOCUMENT)
    json.dumps(made, allow_nan=False, ensure_ascii=False).encode("utf-8")


# --- what stands in it --------------------------------------------------------------------------


def first(name: str) -> Document:
    return document(name)["clusters"][0]  # type: ignore[no-any-return]


def test_healthy() -> None:
    made = document("healthy")
    cluster = made["clusters"][0]
    assert made["time"] == "2027-01-15T08:00:00.000Z"
    assert (cluster["name"], cluster["verdict"], cluster["findings"]) == ("proxy", "ok", [])
    assert cluster["vips"][0] == {
        "address": "192.168.2.101", "prefix": 24, "vrid": 1, "preferred": ONE, "holders": [ONE], "advertisers": None,
        "client": {"ok": True, "status": 200, "latency_ms": 3.0, "error": None},
    }  # fmt: skip
    node = cluster["nodes"][0]
    assert (node["reachable"], node["error"], node["drained"], node["operation"]) == (True, None, False, None)
    assert node["keepalived"]["instances"][0]["since"] == "2027-01-14T08:00:00.000Z"
    assert node["keepalived"]["version"] == "2.2.7"
    assert node["squid"]["listening"] == ["0.0.0.0:3128"]
    eth0 = next(i for i in node["interfaces"] if i["name"] == "eth0")
    assert eth0["labels"] == {"192.168.2.101/24": "eth0:1"}
    assert eth0["addresses"] == ["192.168.2.251/24", "192.168.2.101/24"]


def test_of_an_unreadable_node_only_name_address_error_and_age_are_told() -> None:
    node = first("node unreachable")["nodes"][0]
    told = {k: v for k, v in node.items() if v is not None}
    assert told == {
        "name": ONE,
        "address": "192.168.2.251",
        "reachable": False,
        "error": "proxy-serv01: no answer for 6 s; the connection was given up",
        "age_s": 2.002,
    }
    assert first("node silent")["nodes"][0]["error"] == "proxy-serv01: connected, but nothing was heard lately"
    assert first("nothing yet")["nodes"][0]["age_s"] is None


def test_holders_are_null_only_when_no_node_can_be_read() -> None:
    assert [v["holders"] for v in first("all unreachable")["vips"]] == [None, None]
    assert [v["holders"] for v in first("node silent")["vips"]] == [[], [TWO]]
    assert first("held by two")["vips"][0]["holders"] == [ONE, TWO]


def test_a_stopped_keepalived_has_instances_without_state() -> None:
    keepalived = first("keepalived stopped")["nodes"][0]["keepalived"]
    assert keepalived["active"] is False
    assert [(i["name"], i["state"], i["state_source"]) for i in keepalived["instances"]] == [
        ("proxy_ip1", None, None),
        ("proxy_ip2", None, None),
    ]


def test_without_rights_states_say_where_they_come_from() -> None:
    one, two = first("plain user")["nodes"][0]["keepalived"]["instances"]
    assert (one["state"], one["state_source"], one["effective_priority"]) == ("MASTER", "addresses", None)
    assert (two["state"], two["state_source"]) == (None, "addresses")
    assert first("log only")["nodes"][0]["keepalived"]["instances"][0]["state_source"] == "log"


def test_drained_is_an_object_false_or_null() -> None:
    told = {"by": None, "reason": None, "method": "track_file", "since": None, "until": None}
    assert [n["drained"] for n in first("drained")["nodes"]] == [told, False]
    assert first("plain user")["nodes"][0]["drained"] is None
    play = healthy().read(ONE, drained_daemon(value=None))  # type: ignore[arg-type]
    assert status_document([play.snapshot()])["clusters"][0]["nodes"][0]["drained"] is None  # type: ignore[index]


def test_ipv6_addresses_are_written_as_in_rfc_5952() -> None:
    cluster = first("ipv6")
    vip = cluster["vips"][0]
    assert (vip["address"], vip["prefix"], vip["vrid"], vip["holders"]) == ("fd00:2::101", 64, 1, [ONE])
    assert cluster["nodes"][0]["keepalived"]["instances"][0]["vips"] == ["fd00:2::101/64"]
    assert "fd00:2::101/64" in cluster["nodes"][0]["interfaces"][1]["addresses"]


def test_findings_carry_their_evidence_and_their_cause() -> None:
    found = first("public link down")["findings"]
    assert [f["id"] for f in found] == ["link-down", "instance-fault", "vip-not-preferred", "no-redundancy"]
    assert found[1]["follows_from"] == found[0]["key"]
    assert found[0]["evidence"][0]["source"] == f"kernel on {ONE}"
    assert found[0]["evidence"][0]["time"].startswith("2027-01-15T08:00:00")


def test_a_refused_probe_is_not_ok_and_has_its_status() -> None:
    client = first("refused")["vips"][0]["client"]
    assert (client["ok"], client["status"]) == (False, 403)
    assert first("refused")["verdict"] == "warning"


def test_a_reading_that_failed_is_null_and_the_others_stay() -> None:
    play = healthy().failed(ONE, Subject.KERNEL, problem(ProblemKind.COMMAND_TIMED_OUT))
    node = status_document([play.snapshot()])["clusters"][0]["nodes"][0]  # type: ignore[index]
    assert node["interfaces"] is None
    assert node["keepalived"]["active"] is True


def test_an_address_on_an_interface_without_a_link_is_told() -> None:
    reading = kernel(ONE)
    lone = Address(interface="wg0", address=reading.addresses[0].address)
    play = healthy().read(ONE, type(reading)(links=reading.links, addresses=(lone,)))
    made = status_document([play.snapshot()])["clusters"][0]["nodes"][0]["interfaces"]  # type: ignore[index]
    assert made[-1] == {"name": "wg0", "up": None, "carrier": None, "addresses": ["192.168.2.251/24"], "labels": {}}


def test_several_clusters_are_in_one_document() -> None:
    made = status_document([SITUATIONS["healthy"]().snapshot(), SITUATIONS["not serving"]().snapshot()])
    assert [c["verdict"] for c in made["clusters"]] == ["ok", "critical"]  # type: ignore[index,attr-defined]
    matches(status_document([]), DOCUMENT)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_800_000_000.1234, "2027-01-15T08:00:00.123Z"),
        (float("nan"), None),
        (float("inf"), None),
        (-5.0, None),
        (1e300, None),
    ],
)
def test_times(at: float | None, expected: str | None) -> None:
    assert rfc3339(at) == expected


def test_hostile_words_cannot_get_out_of_their_string() -> None:
    play = healthy().probe(V1, no_answer("\x1b[2J\n\u202eevil \ud800"))
    text = json.dumps(status_document([play.snapshot()]), ensure_ascii=False)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e\ud800]", text)


def test_the_advertisers_are_names_and_unknown_while_nobody_listens() -> None:
    def told(play: Play) -> list[object]:
        return [v["advertisers"] for v in status_document([play.snapshot()])["clusters"][0]["vips"]]  # type: ignore[index]

    assert told(healthy()) == [None, None]
    ears = listening().steady(advert(A, 1), 0.1, 10.1).steady(advert(STRANGER, 2), 0.2, 20)
    assert told(ears.tell(20)) == [[], [str(STRANGER)]]
