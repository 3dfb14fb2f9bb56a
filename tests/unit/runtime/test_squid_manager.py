"""squid's cache manager over a forwarded connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.problems import ProblemError, ProblemKind
from haconsole.parse.errors import ParseError
from haconsole.runtime import squid_manager
from tests.unit.runtime.fakes import FakeConnection


def page(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nServer: squid/5.7\r\nConnection: close\r\n\r\n{body}".encode()


def test_the_request_is_in_origin_form_and_asks_to_close() -> None:
    sent = squid_manager.request("::1", 3128, "info")
    assert sent.startswith(b"GET /squid-internal-mgr/info HTTP/1.1\r\n")
    assert b"[::1]:3128" in sent
    assert b"lose\r\n" in sent


async def test_counters_of_all_pages_are_put_together() -> None:
    connection = FakeConnection(lambda line: (b"", "", 0))
    connection.http = {
        "mgr/counters": page("sample_time = 1.0 (x)\nclient_http.requests = 420\nclient_http.hits = 40\nclient_http.errors = 2\n"),
        "mgr/info": page(
            "Squid Object Cache: Version 5.7\nConnection information for squid:\n"
            "\tNumber of clients accessing cache:\t118\n\tNumber of HTTP requests received:\t420\n"
        ),
        "mgr/5min": page("sample_start_time = 1795000000.000000 (x)\nsample_end_time = 1795000300.000000 (x)\nclient_http.requests = 42.500000/sec\n"),
    }  # fmt: skip
    found = await squid_manager.counters(connection, "n1", "127.0.0.1", 3128)
    assert (found.client_requests, found.clients, found.requests_per_s) == (420, 118, 42.5)


async def test_a_manager_that_is_not_allowed_is_said_with_the_line_to_add() -> None:
    connection = FakeConnection(lambda line: (b"", "", 0))
    connection.http = {"mgr": page("no", "403 Forbidden")}
    with pytest.raises(ProblemError) as error:
        await squid_manager.counters(connection, "n1", "127.0.0.1", 3128)
    assert error.value.problem.kind is ProblemKind.NOT_PERMITTED
    assert error.value.problem.remedy == "in squid.conf: http_access allow localhost manager"


@given(st.binary(max_size=400))
def test_any_bytes_are_a_response_or_the_typed_error(data: bytes) -> None:
    for text in (data, b"HTTP/1.1 200 OK\r\n" + data, page("") + data):
        try:
            status, _ = squid_manager.response(text)
        except ParseError:
            continue
        assert 100 <= status <= 999
