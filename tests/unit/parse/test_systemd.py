"""Units from systemd 219 (CentOS 7) to 257 (Debian 13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from haconsole.parse.errors import ParseError
from haconsole.parse.systemd import parse_systemd_version, parse_units, parse_uptime

FILES = Path(__file__).parents[2] / "fixtures" / "system" / "systemd"
NEW = ["247", "252", "257"]
PAIR = ("keepalived", "squid")


def read(name: str) -> str:
    return (FILES / f"{name}.txt").read_text(encoding="utf-8")


def block(**values: str) -> str:
    base = {"Id": "squid.service", "LoadState": "loaded", "ActiveState": "active"}
    return "".join(f"{key}={value}\n" for key, value in (base | values).items())


@pytest.mark.parametrize("version", NEW)
def test_two_running_units(version: str) -> None:
    reading = parse_units(read(f"show-both-{version}"), 3288.61, PAIR)
    assert list(reading.units) == ["keepalived", "squid"]
    assert reading.uptime_s == 3288.61
    for unit in reading.units.values():
        assert (unit.loaded, unit.active, unit.active_state, unit.sub_state) == (True, True, "active", "running")
        assert (unit.enabled, unit.restarts, unit.restart) == (True, 0, "no")
        assert unit.main_pid


def test_since_is_seconds_after_boot() -> None:
    unit = parse_units(read("show-both-252"), None, PAIR).units["keepalived"]
    assert unit.since_uptime_s == 3282.604875


@pytest.mark.parametrize("version", NEW)
def test_an_alias_answers_with_another_id_and_keeps_the_name_that_was_asked(version: str) -> None:
    units = parse_units(
        read(f"show-alias-and-unknown-{version}"), None, ("squid3", "nosuch", "keepalived", "failing")
    ).units
    assert units["squid3"].active
    assert units["squid3"].name == "squid3"
    assert "squid" not in units


@pytest.mark.parametrize("version", NEW)
def test_a_unit_that_systemd_does_not_know(version: str) -> None:
    units = parse_units(
        read(f"show-alias-and-unknown-{version}"), None, ("squid3", "nosuch", "keepalived", "failing")
    ).units
    unknown = units["nosuch"]
    assert (unknown.loaded, unknown.active, unknown.enabled) == (False, False, None)
    assert (unknown.main_pid, unknown.since_uptime_s) == (None, None)


@pytest.mark.parametrize("version", NEW)
def test_a_unit_that_failed_tells_since_when_and_how_often_it_was_restarted(version: str) -> None:
    unit = parse_units(read(f"show-failed-{version}"), None, ["failing"]).units["failing"]
    assert (unit.active, unit.active_state, unit.restart) == (False, "failed", "on-failure")
    assert unit.restarts in (4, 5)
    assert unit.since_uptime_s


@pytest.mark.parametrize("version", NEW)
def test_a_masked_unit_is_known_and_not_enabled(version: str) -> None:
    unit = parse_units(read(f"show-masked-{version}"), None, ("squid", "keepalived")).units["squid"]
    assert (unit.loaded, unit.active, unit.enabled) == (True, False, False)


@pytest.mark.parametrize("version", NEW)
def test_a_disabled_unit_may_run(version: str) -> None:
    unit = parse_units(read(f"show-disabled-{version}"), None, ["keepalived"]).units["keepalived"]
    assert (unit.active, unit.enabled) == (True, False)


def test_systemd_219_counts_no_restarts_and_leaves_empty_values_out() -> None:
    units = parse_units(read("show-219"), None, PAIR).units
    assert (units["keepalived"].active, units["keepalived"].restarts, units["keepalived"].enabled) == (True, None, True)
    assert (units["squid"].loaded, units["squid"].enabled) == (False, None)


@pytest.mark.parametrize(
    ("state", "active"),
    [
        ("active", True),
        ("reloading", True),
        ("refreshing", True),
        ("activating", False),
        ("deactivating", False),
        ("failed", False),
        ("inactive", False),
        ("maintenance", False),
    ],
)
def test_which_states_are_active(state: str, active: bool) -> None:
    assert parse_units(block(ActiveState=state), None, ["squid"]).units["squid"].active is active


@pytest.mark.parametrize(
    ("file_state", "enabled"),
    [
        ("enabled", True),
        ("enabled-runtime", True),
        ("static", True),
        ("alias", True),
        ("disabled", False),
        ("masked", False),
        ("linked", False),
        ("generated", None),
        ("indirect", None),
        ("", None),
        ("brandnew", None),
    ],
)
def test_which_units_start_at_boot(file_state: str, enabled: bool | None) -> None:
    assert parse_units(block(UnitFileState=file_state), None, ["squid"]).units["squid"].enabled is enabled


def test_a_unit_on_its_way_down_is_neither_active_nor_inactive_since() -> None:
    text = block(
        ActiveState="deactivating", ActiveEnterTimestampMonotonic="5000000", InactiveEnterTimestampMonotonic="1000000"
    )
    assert parse_units(text, None, ["squid"]).units["squid"].since_uptime_s is None


def test_the_number_that_stands_for_none_is_none() -> None:
    assert (
        parse_units(block(NRestarts=str(2**64 - 1), MainPID="[not set]"), None, ["squid"]).units["squid"].restarts
        is None
    )


def test_names_may_be_asked_with_their_suffix() -> None:
    assert list(parse_units(block(), None, ["squid.service"]).units) == ["squid"]


def test_with_a_block_missing_the_id_decides() -> None:
    assert list(parse_units(block(), None, PAIR).units) == ["squid"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "Failed to connect to bus: No such file or directory\n",
        "Id=squid.service\nLoadState=loaded\n",
        "x" * 2_000_000,
    ],
)
def test_what_is_no_unit_is_an_error(text: str) -> None:
    with pytest.raises(ParseError):
        parse_units(text, None, ["squid"])


def test_uptime() -> None:
    assert parse_uptime(read("uptime")) > 3000
    assert parse_uptime("0.03 0.01\n") == 0.03
    for text in ("", "up 3 days", "1e9 2", "-1 2"):
        with pytest.raises(ParseError):
            parse_uptime(text)


@pytest.mark.parametrize("version", ["219", *NEW])
def test_version(version: str) -> None:
    assert parse_systemd_version(read(f"version-{version}")) == int(version)


def test_what_is_no_version_is_an_error() -> None:
    for text in ("", "bash: systemctl: command not found", "systemd v9"):
        with pytest.raises(ParseError):
            parse_systemd_version(text)


def test_a_unit_tells_when_its_process_started_and_whether_its_tmp_is_its_own() -> None:
    text = (
        "Id=keepalived.service\nLoadState=loaded\nActiveState=active\nSubState=running\n"
        "ExecMainStartTimestampMonotonic=4500000\nPrivateTmp=yes\n"
    )
    unit = parse_units(text, 10.0, ["keepalived"]).units["keepalived"]
    assert (unit.started_uptime_s, unit.private_tmp) == (4.5, True)
    unit = parse_units(text.replace("4500000", "0").replace("yes", "no"), 10.0, ["keepalived"]).units["keepalived"]
    assert (unit.started_uptime_s, unit.private_tmp) == (None, False)
