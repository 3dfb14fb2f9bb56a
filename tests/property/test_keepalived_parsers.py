"""Whatever text comes, the keepalived parsers give a value or ParseError, clean words and no password."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from haconsole.model.keepalived_conf import KeepalivedConf
from haconsole.model.readings import DaemonReading, LogFact, LogFactKind, VrrpState
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_conf import includes, parse, vrrp_instances
from haconsole.parse.keepalived_dump import parse_data_dump, parse_json_dump
from haconsole.parse.keepalived_log import fact
from haconsole.parse.keepalived_version import parse_config_test, parse_signum, parse_version
from haconsole.parse.text import clean, decode

FIXTURES = Path(__file__).parents[1] / "fixtures" / "keepalived"
DATA = {str(p.relative_to(FIXTURES)): p.read_bytes() for p in sorted(FIXTURES.glob("*/*.data"))}
JSON = {str(p.relative_to(FIXTURES)): p.read_bytes() for p in sorted(FIXTURES.glob("*/*.json"))}
SECRET = "s3cret"
MAIN = "/etc/keepalived/keepalived.conf"

often = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def strings(value: object) -> Iterator[str]:
    """Every str within a value."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from strings(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for each in value.items():
            yield from strings(each)
    elif isinstance(value, tuple | list | frozenset):
        for each in value:
            yield from strings(each)


def check(parser: Callable[[str], object], text: str) -> object:
    """Run a parser: its value, or None for ParseError; all words of both are clean and hold no password."""
    try:
        value = parser(text)
    except ParseError as refused:
        told, value = [str(refused)], None
    else:
        told = list(strings(value))
    for each in told:
        assert each == clean(each)
        assert SECRET not in each
    return value


# --- ways to spoil a text ----------------------------------------------------------------


@st.composite
def spoiled(draw: st.DrawFn, texts: Mapping[str, bytes]) -> bytes:
    """A fixture that was cut, had bytes changed, or its lines mixed, dropped or doubled."""
    text = texts[draw(st.sampled_from(sorted(texts)))]
    match draw(st.sampled_from(["cut", "bytes", "insert", "shuffle", "drop", "double", "join"])):
        case "cut":
            start = draw(st.integers(0, 200))
            return text[start : draw(st.integers(start, len(text)))]
        case "bytes":
            changed = bytearray(text)
            for _ in range(draw(st.integers(1, 8))):
                changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
            return bytes(changed)
        case "insert":
            at = draw(st.integers(0, len(text)))
            return text[:at] + draw(st.binary(max_size=40)) + text[at:]
        case "join":
            lines = text.split(b"\n")
            at = draw(st.integers(0, max(len(lines) - 2, 0)))
            return b"\n".join([*lines[:at], b"".join(lines[at : at + 2]), *lines[at + 2 :]])
        case how:
            lines = text.split(b"\n")
            start = draw(st.integers(0, len(lines)))
            end = draw(st.integers(start, min(len(lines), start + 30)))
            some = lines[start:end]
            if how == "shuffle":
                some = draw(st.permutations(some))
            return b"\n".join([*lines[:start], *({"drop": [], "double": some * 2}.get(how, some)), *lines[end:]])


# --- dumps -------------------------------------------------------------------------------


@often
@given(st.text() | st.binary().map(decode))
@example("------< VRRP Topology >------\n VRRP Instance = \x1b\n")
def test_any_text_as_a_dump(text: str) -> None:
    check(parse_data_dump, text)
    check(parse_json_dump, text)


@often
@given(spoiled(DATA))
def test_a_spoiled_data_dump(data: bytes) -> None:
    value = check(parse_data_dump, decode(data))
    assert value is None or isinstance(value, DaemonReading)


@often
@given(spoiled(JSON))
def test_a_spoiled_json_dump(data: bytes) -> None:
    value = check(parse_json_dump, decode(data))
    assert value is None or isinstance(value, DaemonReading)


@often
@given(
    st.lists(
        st.sampled_from(sorted({line for data in DATA.values() for line in decode(data).split("\n")})), max_size=80
    )
)
def test_lines_of_dumps_in_any_order(lines: list[str]) -> None:
    check(parse_data_dump, "\n".join(["------< VRRP Topology >------", *lines, ""]))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("iname", "vrid", "state", "ifp_ifname", "vips", "evips", "track_ifp", "track_script", "adver_int", "auth_type",
        "nopreempt", "preempt_delay", "last_transition", "base_priority", "master_priority", "version")  # fmt: skip


@often
@given(st.dictionaries(st.sampled_from(KEYS), values), st.booleans())
def test_json_with_any_values(data: dict[str, object], named: bool) -> None:
    import json

    whole = {"iname": "a", "vrid": 1, "state": 1, **data, "auth_data": SECRET} if named else data
    check(parse_json_dump, json.dumps([{"data": whole}]))


@pytest.mark.parametrize("name", [n for n in DATA if SECRET.encode() in DATA[n]])
def test_there_is_a_password_in_the_fixtures(name: str) -> None:
    assert check(parse_data_dump, decode(DATA[name])) is not None


# --- log ---------------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=20)


@often
@given(st.text() | st.just("Keepalived_vrrp"), st.text())
def test_any_log_line(ident: str, message: str) -> None:
    found = fact(ident, message)
    assert found is None or all(s == clean(s) for s in strings(found))


@often
@given(
    names,
    st.sampled_from(["MASTER", "BACKUP", "FAULT"]),
    st.sampled_from(["({}) ", "({}): ", "VRRP_Instance({}) ", "VRRP_Instance({}): "]),
)
def test_any_instance_name_is_found_whole(name: str, state: str, prefix: str) -> None:
    found = fact("Keepalived_vrrp", prefix.format(name) + f"Entering {state} STATE")
    assert found == LogFact(kind=LogFactKind.STATE, instance=clean(name), state=VrrpState[state])


# --- short answers -----------------------------------------------------------------------


@often
@given(st.text(), st.text(), st.none() | st.integers(-64, 300))
def test_any_short_answer(stdout: str, stderr: str, status: int | None) -> None:
    version = check(parse_version, "Keepalived v2.2.7 (x)\nConfig options: " + stdout)
    assert version is not None
    check(parse_version, stderr)
    number = parse_signum(stdout, stderr, status)
    assert number is None or 1 <= number <= 64
    for each in (None, parse_version("Keepalived v2.2.7")):
        tested = parse_config_test(each, stdout, stderr, status)
        assert all(s == clean(s) for s in strings(tested))
        assert tested.ok is not True or (status == 0 and not tested.messages)


# --- keepalived.conf ---------------------------------------------------------------------

CONF = f"""\
! Configuration
global_defs {{
    router_id proxy
}}
$IFACE=eth0
$BLOCK= \\
    track_interface {{ \\
        eth1 weight -5 \\
    }}
vrrp_script chk {{
    script "/usr/sbin/squid -k check" # comment
    interval 3
}}
vrrp_instance proxy_ip1 {{
    state MASTER
    interface $IFACE
    virtual_router_id 1
    @main priority 254
    authentication {{
        auth_type PASS
        auth_pass {SECRET}
    }}
    auth_hmac {{
        key 1 hex:{SECRET}
        active_key 1
    }}
    virtual_ipaddress {{
        192.168.2.101/24 dev eth0 label eth0:1
        fd00::1
    }}
    $BLOCK
    track_script {{ chk }}
}}
include conf.d/*.conf
"""


def whole(text: str) -> tuple[KeepalivedConf, object, object]:
    files = {MAIN: text, "/etc/keepalived/conf.d/a.conf": "vrrp_instance b {\n}\ninclude ../keepalived.conf\n"}
    conf = parse(files, MAIN)
    return conf, vrrp_instances(conf), includes(files, MAIN)


def test_the_password_is_hidden_to_begin_with() -> None:
    value = check(lambda t: whole(t), CONF)
    assert isinstance(value, tuple)
    (first, second) = value[1]
    assert (first.name, first.vrid, first.interface, second.name) == ("proxy_ip1", 1, "eth0", "b")
    assert first.tracked_interfaces == (("eth1", -5),)


@often
@given(st.integers(0, len(CONF) - 1), st.integers(0, 255))
def test_one_byte_changed_in_a_configuration_lets_no_password_out(at: int, byte: int) -> None:
    changed = bytearray(CONF.encode())
    changed[at] = byte
    check(whole, decode(bytes(changed)))


def test_no_single_character_that_means_something_lets_a_password_out() -> None:
    """All places, all characters that keepalived's parser looks at."""
    for at in range(CONF.index("authentication"), CONF.index("virtual_ipaddress")):
        for character in "{}\"'#!$@~\\\n =x":
            check(lambda text: parse({MAIN: text}, MAIN), CONF[:at] + character + CONF[at + 1 :])


@often
@given(spoiled({"conf": CONF.replace(SECRET, "hidden").encode()}))
def test_a_spoiled_configuration(data: bytes) -> None:
    check(whole, decode(data))


pieces = st.sampled_from(
    ["{", "}", "\n", " ", "\t", '"', "'", "\\", "\\\n", "#", "!", "@", "@^", "@main ", "$", "$A", "${A}", "$A=", "$B=", "${B}", "~SEQ(", "~LST(",
     "include ", "include *", "vrrp_instance a", "virtual_ipaddress", "10.0.0.1", "fe80::1%x", "auth_pass", "authentication",
     "track_script", "weight", "priority", "script ", "notify ", "\\x1b", "\\c", "\\0", "\x1b[2J", "\u202e", "\ud800", "\x00", "=", ",", "/"]
)  # fmt: skip


@often
@given(st.lists(pieces | st.text(max_size=5), max_size=60).map("".join), st.none() | st.text(max_size=5))
def test_any_configuration(text: str, config_id: str | None) -> None:
    check(whole, text)
    with contextlib.suppress(ParseError):
        conf = parse({MAIN: text}, MAIN, config_id=config_id)
        assert config_id is None or all(s.condition is None for s in conf.statements)


@often
@given(
    st.dictionaries(st.text(max_size=6), st.lists(pieces, max_size=20).map("".join), max_size=4), st.text(max_size=6)
)
def test_any_names_of_files(files: dict[str, str], main: str) -> None:
    check(lambda _: (parse(files, main), includes(files, main)), "")


# --- text --------------------------------------------------------------------------------


@often
@given(st.binary())
def test_cleaning_twice_changes_nothing(data: bytes) -> None:
    once = clean(decode(data))
    assert once == clean(once)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in once)
    assert once.isprintable() or not once.isascii()
