"""No password of a keepalived.conf, and nothing that may be one, gets into what was read."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface

import pytest

from haconsole.model.keepalived_conf import SECRET, ConfInstance, KeepalivedConf, Statement
from haconsole.parse.keepalived_conf import parse, vrrp_instances

MAIN = "/etc/keepalived/keepalived.conf"


def conf(text: str, **others: str) -> KeepalivedConf:
    return parse({MAIN: text, **{f"/etc/keepalived/{n.replace('__', '/')}": t for n, t in others.items()}}, MAIN)


Shape = tuple[object, ...]


def shape(statements: Iterable[Statement]) -> list[Shape]:
    """Words, with the block as a list behind them."""
    return [(*s.words, *([shape(s.block)] if s.block is not None else ())) for s in statements]


def words(text: str) -> list[Shape]:
    return shape(conf(text).statements)


def instance(lines: str, before: str = "", **options: str) -> ConfInstance:
    text = f"{before}\nvrrp_instance a {{\n{lines}\n}}\n"
    (found,) = vrrp_instances(parse({MAIN: text}, MAIN, **options))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "authentication {\n auth_type PASS\n auth_pass s3cret\n}\n",
        "authentication {\n auth_type PASS\n auth_pass 's3cret'\n}\n",
        'authentication {\n auth_pass "a s3cret b"\n}\n',
        "authentication { auth_type PASS auth_pass s3cret }\n",
        "authentication { auth_type PASS auth_pass s3cret} aa\n",
        "authentication {\n auth_pass pa{s3cret}\n}\n",
        "authentication {\n auth_pass {s3cret\n}\n",
        "authentication {\n auth_pass\n s3cret\n}\n",
        "authentication {\n auth_pass {\n s3cret\n}\n}\n",
        "authentication {\n auth_pass }s3cret\n}\n",
        "authentication {\n {\n s3cret\n}\n}\n",
        "authentication {\n auth_pas s3cret\n}\n",
        "authentication {\n AUTH_PASS s3cret\n}\n",
        "auth_pass s3cret\n",
        "aa bb auth_pass s3cret more\n",
        "auth_pass 's3cret\n",
        'auth_pass "s3cret\n',
        "@main auth_pass s3cret\n",
        "$PW=s3cret\nauth_pass $PW\n",
        "$PW = s3cret\nauth_pass $PW\n",
        "PW=s3cret\nauth_pass $PW\n",
        "authentication {\n auth_type PASS s3cret\n}\n",
        "$L= \\\n auth_pass s3cret\n$L\n",
        "~SEQ(N, 1, 2) auth_pass s3cret\n",
        "x " * 505 + "auth_pass    s3cret\n",
        "x " * 510 + "auth_pass s3cret\n",
        "auth_hmac {\n key 1 hex:s3cret\n active_key 1\n}\n",
        "auth_hmac {\n key s3cret\n s3cret\n}\n",
        "SSL {\n password s3cret\n}\n",
        "global_defs {\n smtp_password s3cret\n}\n",
        "global_defs {\n smtp-pass s3cret\n}\n",
        'script "/usr/bin/mysqladmin --password=s3cret ping"\n',
        'script "/usr/bin/x --admin-password s3cret"\n',
        "script \"/bin/sh -c 'PASSWORD=s3cret /x'\"\n",
        'script "curl -u admin:s3cret http://127.0.0.1:3128/"\n',
        'script "/usr/bin/curl -fuadmin:s3cret -U x:s3cret --proxy-user=x:s3cret http://127.0.0.1/"\n',
        "script \"curl --user 'admin:a s3cret' http://127.0.0.1/\"\n",
        "script /usr/bin/curl -u admin:s3cret http://127.0.0.1/\n",
        "script /usr/bin/curl --proxy-user admin:s3cret http://127.0.0.1/\n",
        "script /usr/bin/mysqladmin --password s3cret ping\n",
        'script "/usr/bin/mysqladmin -u root -ps3cret ping"\n',
        'script "wget -q http://admin:s3cret@127.0.0.1/"\n',
        "script \"curl -H 'Authorization: Basic s3cret' http://127.0.0.1/\"\n",
        "script \"curl -H 'X-Api-Key: s3cret' -b sid=s3cret http://127.0.0.1/\"\n",
        'script "squidclient -u admin -w s3cret mgr:info"\n',
        'notify_master "/usr/bin/curl -u admin:s3cret http://127.0.0.1/up"\n',
    ],
)
def test_a_password_never_comes_out(text: str) -> None:
    for each in (text, f"vrrp_instance a {{\n{text}}}\n"):
        assert "s3cret" not in repr(conf(each))


def test_something_stands_where_a_password_was() -> None:
    assert words(
        "authentication {\n auth_type PASS\n auth_pass s3cret\n}\nauth_hmac {\n key 1 abc\n active_key 1\n}\n"
    ) == [
        ("authentication", [("auth_type", "PASS"), ("auth_pass", SECRET)]),
        ("auth_hmac", [("key", "1", SECRET), ("active_key", "1")]),
    ]
    assert words('script "/x --password=abc -k check"\n') == [("script", f"/x --password={SECRET} -k check")]
    assert words('script "/x/check_password 10.0.0.1"\n') == [("script", "/x/check_password 10.0.0.1")]


def test_what_stands_behind_a_password_is_still_read() -> None:
    line = "vrrp_instance a { authentication { auth_type PASS auth_pass s3cret } virtual_ipaddress { 10.0.0.1 } }\n"
    assert vrrp_instances(conf(line))[0].vips == (ip_interface("10.0.0.1/32"),)


def test_a_script_may_be_called_as_it_likes() -> None:
    found = instance("track_script {\n check_pass weight 5\n}", before="vrrp_script check_pass {\n interval 3\n}")
    assert found.tracked_scripts == (("check_pass", 5),)


def test_control_characters_are_made_visible() -> None:
    found = repr(conf("a\x1b[2J \x9b1m {\n\u202e\n}\nscript 'x\\E[2J'\ninclude \x1b]0;x\n@\x1b[m y\n"))
    assert not {"\x1b", "\x9b", "\u202e"} & set(found)
    assert "\\x1b" not in found
