"""The JSON dump where it differs from DATA; the fixtures of both are read in test_keepalived_dump.py."""

from __future__ import annotations

import json
from ipaddress import ip_interface
from pathlib import Path

import pytest

from haconsole.model.readings import VrrpState
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_dump import parse_json_dump

FIXTURES = Path(__file__).parents[2] / "fixtures" / "keepalived"
BACKUP = VrrpState.BACKUP


def test_json_of_2_0_10_with_its_floats_and_its_empty_name() -> None:
    data = {"iname": "a", "vrid": 1.0, "state": 1.0, "adver_int": 1.0, "master_priority": 255.0, "vips": ["10.0.0.1"],
            "track_ifp": [""], "track_script": [], "nopreempt": True}  # fmt: skip
    (found,) = parse_json_dump(json.dumps([{"data": data}])).instances
    assert (found.vrid, found.state, found.master_priority, found.advert_interval_s) == (1, BACKUP, 255, 1.0)
    assert found.vips == (ip_interface("10.0.0.1/32"),)
    assert (found.tracked_interfaces, found.tracked_scripts, found.preempt) == ((), (), False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "3",
        "{}",
        '{"vrrp": {}}',
        "[1]",
        '[{"data": []}]',
        '[{"data": {"iname": "a", "vrid": 1}}]',
        '[{"data": {"iname": "a", "state": 1}}]',
        '[{"data": {"iname": "a", "state": 1, "vrid": 300}}]',
        '[{"data": {"iname": "a", "state": 1, "vrid": true}}]',
        '[{"data": {"iname": "a", "state": 1, "vrid": NaN}}]',
        '[{"data": {"iname": "a", "state": 1, "vrid": 1e999}}]',
        '[{"data": {"auth_data": "s3cret", ',
        "[" * 100_000,
        f'[{{"data": {{"vrid": {"9" * 5000}}}}}]',
    ],
)
def test_what_is_no_json_dump_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse_json_dump(text)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__context__ is None  # json's error would carry the text


@pytest.mark.parametrize("name", sorted(FIXTURES.glob("*/*.json"), key=str), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_cut_json_dump_is_refused(name: Path) -> None:
    whole = name.read_text().rstrip()
    for end in range(0, len(whole), 97):
        with pytest.raises(ParseError):
            parse_json_dump(whole[:end])
