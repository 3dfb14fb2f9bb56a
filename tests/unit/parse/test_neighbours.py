"""`ip neigh show`: what a node believes who is behind an address."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from haconsole.parse.errors import ParseError
from haconsole.parse.neighbours import STATES, parse_neighbours
from haconsole.parse.text import clean


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


ENTRIES = st.lists(
    st.tuples(st.ip_addresses().map(str), st.characters(exclude_characters=" \t/:").map("eth{}".format), st.sampled_from(sorted(STATES)))
    .map(lambda words: "{} dev {} {}".format(*words)),
    max_size=4,
).map("\n".join)  # fmt: skip


@given(st.one_of(st.text(), ENTRIES))
@example("192.168.2.101 dev eth\x1b STALE")
def test_any_text_gives_clean_entries_or_the_one_error(text):
    try:
        found = parse_neighbours(text)
    except ParseError:
        return
    assert len(found) <= text.count("\n") + 1
    assert all(e.interface == clean(e.interface) and e.state in STATES | {""} for e in found)
