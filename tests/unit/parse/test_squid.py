"""squid's words about itself, 3.5 to 6.13."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from haconsole.model.readings import SquidCounters
from haconsole.parse.errors import ParseError
from haconsole.parse.squid import merge, parse_5min, parse_check, parse_counters, parse_info, parse_version

FILES = Path(__file__).parents[2] / "fixtures" / "system" / "squid"
VERSIONS = ["4.13", "5.7", "6.13"]
DENIED = "<!DOCTYPE html PUBLIC>\n<html><body>Access Denied. client_http.requests = 5</body></html>\n"


def read(name: str) -> str:
    return (FILES / f"{name}.txt").read_text(encoding="utf-8")


def checks() -> dict[str, tuple[str, int]]:
    parts = re.split(r"^== (.*): ([0-9]+)\n", read("check"), flags=re.MULTILINE)[1:]
    return {parts[n]: (parts[n + 2], int(parts[n + 1])) for n in range(0, len(parts), 3)}


def check(headline: str) -> tuple[bool | None, str]:
    stderr, status = checks()[headline]
    return parse_check("", stderr, status)


# --- version ------------------------------------------------------------------


@pytest.mark.parametrize(("name", "version"), [("3.5", "3.5.20"), *((v, v) for v in VERSIONS)])
def test_version(name: str, version: str) -> None:
    assert parse_version(read(f"v-{name}")) == version


def test_what_is_no_version_is_an_error() -> None:
    with pytest.raises(ParseError):
        parse_version("bash: squid: command not found")


# --- squid -k check -------------------------------------------------------------


@pytest.mark.parametrize("headline", [name for name in checks() if checks()[name][1] == 0])
def test_status_zero_is_well_whatever_is_said(headline: str) -> None:
    assert check(headline) == (True, "")


@pytest.mark.parametrize(
    ("headline", "reason"),
    [
        ("3.5 not running", "squid: ERROR: No running copy"),
        ("4.13 not running", "FATAL: failed to open /run/squid.pid: (2) No such file or directory"),
        ("5.7 not running", "FATAL: failed to open /run/squid.pid: (2) No such file or directory"),
        ("6.13 not running", "FATAL: failed to open /run/squid.pid: (2) No such file or directory"),
        (
            "5.7 pid file of a dead process",
            "FATAL: failed to send signal 0 to Squid instance with PID 999999: (3) No such process",
        ),
        ("5.7 empty pid file", "FATAL: failed to read /run/squid.pid: empty file"),
        ("5.7 bad acl in the configuration", "FATAL: Bungled /etc/squid/squid.conf line 9171: acl x src 1.2.3.4/99"),
        ("6.13 bad acl in the configuration", "FATAL: Bungled /etc/squid/squid.conf line 9388: acl x src 1.2.3.4/99"),
        ("4.13 unknown directive in the configuration", "/etc/squid/squid.conf:8580 unrecognized: 'bogus_directive'"),
        ("5.7 unknown directive in the configuration", "/etc/squid/squid.conf(9171): unrecognized: 'bogus_directive'"),
    ],
)
def test_squid_says_no_and_why(headline: str, reason: str) -> None:
    assert check(headline) == (False, reason)


def test_a_configuration_that_may_not_be_read_tells_nothing() -> None:
    ok, reason = check("6.13 running, configuration not readable by a plain user")
    assert ok is None
    assert reason.endswith("(13) Permission denied")


@pytest.mark.parametrize("status", [None, 124, 126, 127, 137, 143, -9])
def test_a_command_that_did_not_run_to_its_end_tells_nothing(status: int | None) -> None:
    assert parse_check("", "sh: 1: squid: not found\n", status) == (None, "sh: 1: squid: not found")
    assert parse_check("", "", status) == (None, "")


def test_a_refusal_of_sudo_is_not_squids() -> None:
    assert parse_check("", "sudo: a password is required\n", 1) == (None, "sudo: a password is required")
    assert (
        parse_check("", "Sorry, user ops is not allowed to execute '/usr/sbin/squid -k check' as root on h.\n", 1)[0]
        is None
    )
    noisy = "sudo: unable to resolve host serv01: Name or service not known\nsquid: ERROR: No running copy\n"
    assert parse_check("", noisy, 1) == (False, "squid: ERROR: No running copy")


def test_no_without_a_word_is_still_no() -> None:
    assert parse_check("", "", 1) == (False, "")


def test_the_reason_is_clean_and_short() -> None:
    ok, reason = parse_check("", "2026/11/24 19:03:18 kid1| FATAL: \x1b[2J" + "x" * 1_000_000, 1)
    assert ok is False
    assert reason.startswith("FATAL: ␛[2Jxxx")
    assert len(reason) <= 400


# --- cache manager ------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_counters(version: str) -> None:
    read_ = parse_counters(read(f"counters-{version}"))
    assert (read_.client_hits, read_.client_errors) == (113, {"4.13": 3, "5.7": 3, "6.13": 2}[version])
    assert read_.client_requests
    assert read_.client_requests > 242


@pytest.mark.parametrize(("version", "requests"), [("5.7", 260), ("6.13", 259)])
def test_with_two_workers_squid_adds_up(version: str, requests: int) -> None:
    assert parse_counters(read(f"counters-smp-{version}")).client_requests == requests


@pytest.mark.parametrize("version", ["3.5", *VERSIONS])
def test_info(version: str) -> None:
    info = parse_info(read(f"info-{version}"))
    assert info.clients == 1
    assert info.client_requests
    assert info.requests_per_s == pytest.approx(4, abs=1)
    assert info.hit_ratio == pytest.approx(0.44, abs=0.02)


@pytest.mark.parametrize("version", VERSIONS)
def test_5min(version: str) -> None:
    five = parse_5min(read(f"5min-{version}"))
    assert five.requests_per_s == pytest.approx(4.2, abs=0.3)
    assert five.hit_ratio == pytest.approx(parse_info(read(f"info-{version}")).hit_ratio, abs=0.001)


@pytest.mark.parametrize("name", [*(f"fresh-5min-{v}" for v in VERSIONS), "5min-smp-5.7", "5min-smp-6.13"])
def test_zeros_of_the_first_minute_are_not_told(name: str) -> None:
    assert parse_5min(read(name)) == SquidCounters()


@pytest.mark.parametrize("name", [*(f"fresh-info-{v}" for v in VERSIONS), "info-smp-5.7", "info-smp-6.13"])
def test_the_hit_ratio_of_the_first_minute_is_not_told(name: str) -> None:
    info = parse_info(read(name))
    assert info.hit_ratio is None
    assert info.requests_per_s is not None


def test_without_a_client_database_clients_are_not_told() -> None:
    page = read("info-5.7").replace("accessing cache:\t1", "accessing cache:\t(client_db off)")
    assert parse_info(page).clients is None


@pytest.mark.parametrize(
    ("shown", "ratio"), [("-0.0", 0.0), ("100.0", 1.0), ("0.0", 0.0), ("-44.5", None), ("244.5", None), ("nan", None)]
)
def test_hit_ratios_are_between_nothing_and_all(shown: str, ratio: float | None) -> None:
    page = re.sub(r"all requests:\t5min: [0-9.]+%", f"all requests:\t5min: {shown}%", read("info-5.7"))
    assert parse_info(page).hit_ratio == ratio


def test_nobody_asked_in_five_minutes() -> None:
    page = re.sub(r"client_http\.(requests|hits) = [0-9.]+/sec", r"client_http.\1 = 0.000000/sec", read("5min-5.7"))
    assert parse_5min(page) == SquidCounters(requests_per_s=0.0, hit_ratio=None)


def test_lines_may_end_as_http_ends_them() -> None:
    page = read("counters-5.7")
    assert parse_counters(page.replace("\n", "\r\n")) == parse_counters(page)


@pytest.mark.parametrize("parser", [parse_counters, parse_info, parse_5min])
@pytest.mark.parametrize("page", ["", DENIED, "x" * 2_000_000, "client_http.requests = " + "9" * 5000])
def test_an_error_page_is_an_error(parser: object, page: str) -> None:
    with pytest.raises(ParseError):
        parser(page)  # type: ignore[operator]


def test_each_page_may_be_taken_for_itself_only() -> None:
    for name, others in {
        "counters": (parse_info, parse_5min),
        "info": (parse_counters, parse_5min),
        "5min": (parse_counters, parse_info),
    }.items():
        for parser in others:
            with pytest.raises(ParseError):
                parser(read(f"{name}-5.7"))


# --- merge --------------------------------------------------------------------


def pages(prefix: str, version: str) -> SquidCounters:
    return merge(
        counters=parse_counters(read(f"counters-{version}")),
        info=parse_info(read(f"{prefix}info-{version}")),
        five_min=parse_5min(read(f"{prefix}5min-{version}")),
    )


def test_five_minutes_count_before_the_average_since_start() -> None:
    merged = pages("", "5.7")
    assert merged.requests_per_s == parse_5min(read("5min-5.7")).requests_per_s
    assert (merged.clients, merged.client_hits) == (1, 113)
    assert merged.client_requests == parse_counters(read("counters-5.7")).client_requests


def test_in_the_first_minute_the_average_since_start_stands_in() -> None:
    merged = pages("fresh-", "5.7")
    assert merged.requests_per_s == parse_info(read("fresh-info-5.7")).requests_per_s
    assert merged.hit_ratio is None


def test_a_page_that_could_not_be_read_leaves_its_fields_open() -> None:
    assert merge(counters=None, info=None, five_min=None) == SquidCounters()
    only = merge(counters=None, info=parse_info(read("info-5.7")), five_min=None)
    assert (only.client_hits, only.clients) == (None, 1)
    assert only.client_requests
    assert only.hit_ratio


def test_a_quiet_proxy_has_no_hit_ratio_though_info_shows_zero() -> None:
    info = SquidCounters(requests_per_s=0.1, hit_ratio=0.0)
    assert merge(counters=None, info=info, five_min=SquidCounters(requests_per_s=0.0)) == SquidCounters(
        requests_per_s=0.0
    )
