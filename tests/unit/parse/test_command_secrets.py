"""Passwords in command lines are hidden, in one piece or in words, and what is none stays readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.keepalived_conf import SECRET
from haconsole.parse.command_secrets import hide, hide_in_words
from haconsole.report.bundle_redact import Redactor


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
        "/usr/lib/nagios/plugins/check_http -H 127.0.0.1 -p 3128 -u /a?b=c",
        "/usr/bin/curl -E /etc/cert.pem -x 127.0.0.1:3128 http://127.0.0.1/a?keys=1",
        "cache_peer 192.0.2.9 parent 3128 0 no-query login=PASSTHRU",
        "(Line 16) Truncating auth_pass to 8 characters",
        "(Line 29) Unknown keyword 'auth_pass'",
        "VRRP_Script(chk_squid) failed (exited with status 1), PWD=/root, 12:30:11 ops@proxy-serv01",
    ],
)
def test_what_is_no_password_stays(line: str) -> None:
    assert hide(line) == line
    assert hide_in_words(line.split()) == line.split()


@pytest.mark.parametrize(
    "line",
    [
        "snmpget -v3 -A S3cret -X S3cret h oid",
        "squidclient -u u -w S3cret -U v -W S3cret mgr:info",
        "mysql -uroot -p'S3cret' -h 127.0.0.1",
        'mysqladmin -u root "-pS3cret" ping; mysql -pS3cret',
        "Unmatched quote: 'auth_pass \"S3cret'",
        "Unknown keyword 'auth_pass' auth_pass=S3cret and S3cret",
        "Truncating auth_pass S3cret",
        '{"password": "S3cret"}',
        'said {\\"password\\":\\"S3cret x\\"} at once',
        '{"Authorization": "Bearer S3cret"}',
        "MYSQL_PWD=S3cret mysql",
        "curl -d pwd=S3cret http://h/",
        "REDISCLI_AUTH=S3cret redis-cli ping",
        "curl -x u:S3cret@proxy:3128 http://h/",
        "curl 'u:S3cret@host/'",
        "curl http://u:S3c@ret@host/",
        "curl -u 'u':'S3cret'",
        "curl --user u:'a S3cret'",
        "curl --oauth2-bearer S3cret",
        "curl -E cert.pem:S3cret",
        "curl -H 'X-Auth: S3cret' http://h/",
        'curl -H \'Authorization: Digest username="u", response="S3cret"\' http://h/',
        "curl -b 'sid=x; b=S3cret' http://h/",
        "ipmitool -H h -U u -P S3cret chassis status",
        "fence_ipmilan -a h -l u -p S3cret -o status",
        "plink -pw S3cret u@h true",
        "sshpass -vp S3cret ssh h",
        "check_http -H h -a u:S3cret",
        "check_mysql -H h -u u -p S3cret",
        "curl https://api.telegram.org/bot12345:S3cret/sendMessage",
        "curl https://hooks.slack.com/services/T1/B2/S3cret",
        "curl http://h/a?key=S3cret",
        "curl 'http://h/a?b=1&auth=S3cret'",
        "redis-cli -u redis://h/?a=1&b=2 -a S3cret",
        "Bungled /etc/squid/squid.conf line 5: cache_peer 192.0.2.9 parent 3128 0 login=u:S3cret",
        "Bungled /etc/squid/squid.conf line 6: cachemgr_passwd S3cret all",
        "auth_param basic program /usr/lib/squid/basic_ldap_auth -b dc=x -w S3cret -h h",
    ],
)
def test_passwords_are_hidden_in_the_forms_that_programs_take(line: str) -> None:
    redactor = Redactor()
    for shown in (hide(line), redactor.finish(redactor.text(line))):
        assert "S3c" not in shown and "ret" not in shown.replace(SECRET, ""), shown
    assert hide(hide(line)) == hide(line)
    if "'" not in line and '"' not in line:
        assert "S3c" not in " ".join(hide_in_words(line.split()))


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
