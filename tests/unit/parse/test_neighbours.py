"""`ip neigh show`: what a node believes who is behind an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.parse.errors import ParseError
from haconsole.parse.neighbours import Neighbour, parse_neighbours


@pytest.mark.parametrize(
    ("line", "mac", "state"),
    [
        ("192.168.2.101 dev eth0 lladdr 52:54:00:00:02:fb STALE", "52:54:00:00:02:fb", "STALE"),
        ("192.168.2.101 dev eth0 lladdr 00:00:5e:00:01:01 router REACHABLE ", "00:00:5e:00:01:01", "REACHABLE"),
        ("192.168.2.101 dev eth0 FAILED", None, "FAILED"),
        ("192.168.2.101 dev eth0 INCOMPLETE", None, "INCOMPLETE"),
        ("2001:db8:2::101 dev eth0 lladdr 52:54:00:00:02:fb DELAY", "52:54:00:00:02:fb", "DELAY"),
    ],
)
def test_an_entry_has_the_mac_that_is_sent_to_or_none(line, mac, state):
    (entry,) = parse_neighbours(f"{line}\n")
    assert (entry.interface, entry.mac, entry.state) == ("eth0", mac, state)


@pytest.mark.parametrize(
    "text",
    [
        "192.168.2.101 dev eth0 lladdr not-a-mac STALE",
        "192.168.2.101 dev eth0 lladdr",
        "Cannot find device",
        "1::1::1 dev a",
    ],
)
def test_what_is_no_entry_is_an_error_and_no_guess(text):
    with pytest.raises(ParseError):
        parse_neighbours(text)


@given(
    st.one_of(st.text(), st.from_regex(r"[0-9a-f.:]+ dev [a-z0-9]+( lladdr [0-9a-f:]+)?( [A-Z]+)?\n?", fullmatch=True))
)
def test_any_text_gives_entries_or_the_one_error(text):
    try:
        found = parse_neighbours(text)
    except ParseError:
        return
    assert all(isinstance(e, Neighbour) and e.interface.isprintable() for e in found)
