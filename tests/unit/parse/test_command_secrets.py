"""Passwords in command lines are hidden, in one piece or in words, and what is none stays readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.parse.command_secrets import hide, hide_in_words


@pytest.mark.parametrize(
    "line",
    [
        "/usr/bin/curl -sf -o /dev/null -x 127.0.0.1:3128 http://127.0.0.1/",
        "/usr/bin/nc -z -w 2 127.0.0.1 3128",
        "/usr/lib/nagios/plugins/check_http -u http://127.0.0.1:80/ -p 3128",
        "/usr/bin/pgrep -u squid squid",
        "/usr/sbin/squid -k check -u 3130",
        "/usr/bin/mysqladmin -h 127.0.0.1 -P 3306 ping",
        "/etc/keepalived/check_password x",
        "/usr/bin/ldapsearch -x -H ldap://127.0.0.1:389",
    ],
)
def test_what_is_no_password_stays(line: str) -> None:
    assert hide(line) == line
    assert hide_in_words(line.split()) == line.split()


def test_each_password_is_told_so_that_it_can_be_hidden_elsewhere_too() -> None:
    told: list[str] = []
    assert hide("curl -u admin:s3cret http://x:t0p@h/ --token abc", told.append) == (
        "curl -u (secret) http://(secret)@h/ --token (secret)"
    )
    assert told == ["admin:s3cret", "abc", "x:t0p"]


@given(st.lists(st.text(alphabet="-u:= \t\"'@/pasword", max_size=30), min_size=1, max_size=5))
def test_any_words_stay_so_many_and_hiding_twice_is_hiding_once(words: list[str]) -> None:
    once = hide_in_words(words)
    assert len(once) == len(words)
    assert hide_in_words(once) == once
