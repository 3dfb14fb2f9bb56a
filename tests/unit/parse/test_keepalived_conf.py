"""keepalived.conf as keepalived reads it. Where a test says "tried", 2.2.7's `-t` was seen to do so."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface

import pytest

from haconsole.model.keepalived_conf import ConfInstance, KeepalivedConf, Place, Statement
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_conf import includes, parse, vrrp_instances

MAIN = "/etc/keepalived/keepalived.conf"

ARTICLE = """\
! Configuration File for keepalived
vrrp_script chk_squid_service {
    script "/usr/sbin/squid -k check"   # the article's check
    interval 3
}

vrrp_instance proxy_ip1 {
    state MASTER
    interface eth0
    virtual_router_id 1
    priority 255
    virtual_ipaddress {
        192.168.2.101/24 dev eth0 label eth0:1
    }
    track_interface {
        eth1
    }
    track_script {
        chk_squid_service
    }
}
vrrp_instance proxy_ip2
{
    state BACKUP
    interface eth0
    virtual_router_id 2
    priority 100
    virtual_ipaddress
    {
        192.168.2.102/24 dev eth0 label eth0:2 }
    track_interface { eth1 }
    track_script { chk_squid_service }
}
"""


def conf(text: str, **others: str) -> KeepalivedConf:
    return parse({MAIN: text, **{f"/etc/keepalived/{n.replace('__', '/')}": t for n, t in others.items()}}, MAIN)


Shape = tuple[object, ...]


def shape(statements: Iterable[Statement]) -> list[Shape]:
    """Words, with the block as a list behind them."""
    return [(*s.words, *([shape(s.block)] if s.block is not None else ())) for s in statements]


def words(text: str) -> list[Shape]:
    return shape(conf(text).statements)


def said(text: str) -> list[str]:
    return [c.text for c in conf(text).complaints]


def instance(lines: str, before: str = "", **options: str) -> ConfInstance:
    text = f"{before}\nvrrp_instance a {{\n{lines}\n}}\n"
    (found,) = vrrp_instances(parse({MAIN: text}, MAIN, **options))
    return found


# --- blocks and words --------------------------------------------------------------------


def test_the_articles_file() -> None:
    found = conf(ARTICLE)
    assert shape(found.statements) == [
        ("vrrp_script", "chk_squid_service", [("script", "/usr/sbin/squid -k check"), ("interval", "3")]),
        (
            "vrrp_instance",
            "proxy_ip1",
            [
                ("state", "MASTER"),
                ("interface", "eth0"),
                ("virtual_router_id", "1"),
                ("priority", "255"),
                ("virtual_ipaddress", [("192.168.2.101/24", "dev", "eth0", "label", "eth0:1")]),
                ("track_interface", [("eth1",)]),
                ("track_script", [("chk_squid_service",)]),
            ],
        ),
        (
            "vrrp_instance",
            "proxy_ip2",
            [
                ("state", "BACKUP"),
                ("interface", "eth0"),
                ("virtual_router_id", "2"),
                ("priority", "100"),
                ("virtual_ipaddress", [("192.168.2.102/24", "dev", "eth0", "label", "eth0:2")]),
                ("track_interface", [("eth1",)]),
                ("track_script", [("chk_squid_service",)]),
            ],
        ),
    ]
    assert found.complaints == ()
    assert found.files == (MAIN,)
    assert [str(s.place) for s in found.blocks("vrrp_instance")] == [f"{MAIN}:7", f"{MAIN}:22"]


def test_the_articles_file_amounts_to_two_instances() -> None:
    first, second = vrrp_instances(conf(ARTICLE))
    assert (first.name, first.vrid, first.interface, first.state, first.priority) == (
        "proxy_ip1",
        1,
        "eth0",
        "MASTER",
        255,
    )
    assert (second.name, second.vrid, second.state, second.priority) == ("proxy_ip2", 2, "BACKUP", 100)
    assert first.vips == (ip_interface("192.168.2.101/24"),)
    assert (first.addresses[0].interface, first.addresses[0].label) == ("eth0", "eth0:1")
    assert (first.tracked_interfaces, first.tracked_scripts) == ((("eth1", 0),), (("chk_squid_service", 0),))
    assert (first.version, first.preempt, first.advert_interval_s, first.unicast) == (2, True, 1.0, False)
    assert first.place == Place(file=MAIN, line=7)


def test_statements_on_one_line_are_one_statement_to_keepalived() -> None:
    """Tried: no word of complaint but `the virtual router id must be set`."""
    text = """\
vrrp_script chk { script "/usr/sbin/squid -k check"  interval 3 }
vrrp_instance proxy_ip1 { state MASTER interface eth0 virtual_router_id 1 priority 255
  virtual_ipaddress { 192.168.2.101/24 dev eth0 label eth0:1 }
  track_interface { eth1 }  track_script { chk } }
"""
    found = conf(text)
    assert shape(found.statements) == [
        ("vrrp_script", "chk", [("script", "/usr/sbin/squid -k check", "interval", "3")]),
        (
            "vrrp_instance",
            "proxy_ip1",
            [
                ("state", "MASTER", "interface", "eth0", "virtual_router_id", "1", "priority", "255"),
                ("virtual_ipaddress", [("192.168.2.101/24", "dev", "eth0", "label", "eth0:1")]),
                ("track_interface", [("eth1",)]),
                ("track_script", [("chk",)]),
            ],
        ),
    ]
    assert [(c.place.line, c.text) for c in found.complaints] == [
        (1, "keepalived reads one statement a line: 'interval' behind 'script' has no effect"),
        (2, "keepalived reads one statement a line: 'interface' behind 'state' has no effect"),
    ]
    (only,) = vrrp_instances(found)
    assert (only.state, only.interface, only.vrid) == ("MASTER", None, None)
    assert only.vips == (ip_interface("192.168.2.101/24"),)


def test_unknown_blocks_are_kept() -> None:
    assert words("virtual_server 10.0.0.1 80 {\n real_server 10.0.0.2 80 { weight 1 }\n}\nfoo { }\n") == [
        ("virtual_server", "10.0.0.1", "80", [("real_server", "10.0.0.2", "80", [("weight", "1")])]),
        ("foo", []),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("aa bb ! hello", ("aa", "bb")),
        ("aa bb # hello {", ("aa", "bb")),
        ('aa "b # ! {c}" d', ("aa", "b # ! {c}", "d")),
        ('cc"dd#ee"ff  gg', ("cc", "dd#ee", "ff", "gg")),
        (r"hh\#ii j\!j", ("hh#ii", "j!j")),
        ("kk 'a b'", ("kk", "'a", "b'")),  # only scripts know '…'
        ('aa ""', ("aa", "")),
        ("\taa\t\tbb  ", ("aa", "bb")),
        ("script 'a b' c", ("script", "a b", "c")),
        ("""script "/bin/sh -c 'x y'" u""", ("script", "/bin/sh -c 'x y'", "u")),
        (r'notify_master "/x \"a\" \x41\101\cA\E\\"', ("notify_master", '/x "a" AA␁␛\\')),
        ("notify a\"b\"'c'd", ("notify", "abcd")),
    ],
)
def test_words_quotes_and_comments(line: str, expected: tuple[str, ...]) -> None:
    assert words(line + "\n") == [expected]


def test_windows_line_ends() -> None:
    assert words(ARTICLE.replace("\n", "\r\n")) == words(ARTICLE)


def test_keepalived_cuts_long_lines() -> None:
    """Tried: even the rest of a comment is a statement then."""
    assert words("# " + "x" * 1021 + "zz yy\n" + "aa " + "b" * 1030 + "\n") == [
        ("zz", "yy"),
        ("aa", "b" * 1020),
        ("b" * 10,),
    ]
    assert words("$A=" + "q" * 600 + "\ndd $A $A\n") == [("dd", "q" * 600, "$A")]


def test_line_numbers_count_every_line() -> None:
    found = conf("\n# x\naa {\n\n  bb\n}\n")
    (block,) = found.statements
    assert block.place.line == 3
    assert [s.place.line for s in block.block or ()] == [5]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("aa {\n bb\n", "this block has no '}' (1 missing"),
        ("aa { bb {\n", "this block has no '}' (2 missing"),
        ("aa\n}\n", "a '}' too many"),
        ("{ aa }\n", "a '{' without a keyword"),
        ("aa { } { bb }\n", "a '{' without a keyword"),
        ('aa "bb\n', "a quoted text has no end"),
        ("script 'x\n", "has no end"),
        ("aa \\\nbb\n", "joins lines that end in a backslash only inside"),
        ("$A = 5\n", "without a blank before the '='"),
        ("x" * 1100 + "\n", "1,023 characters"),
        ("vrrp_instance a {\n state MASTER {\n}\n}\n", "a '{' behind 'state'"),
        ("vrrp_instance a {\n virtual_ipaddress {\n 10.0.0.1/24 10.0.0.2/24\n}\n}\n", "one address a line"),
        ("vrrp_instance a {\n unicast_peer {\n 10.0.0.1 10.0.0.2\n}\n}\n", "one address a line"),
        ("vrrp_instance a {\n track_interface {\n eth0 eth1\n}\n}\n", "one name a line"),
        ("~SEQ(N, a, 3) aa ${N}\n", "what ~SEQ makes here is not known"),
        ("~SEQ(K, 3, 1, 2) kk${K}\n", "what ~SEQ makes here is not known"),  # tried: refused
    ],
)
def test_what_makes_no_sense_is_a_complaint_and_no_error(text: str, part: str) -> None:
    complaints = said(text)
    assert any(part in c for c in complaints), complaints


@pytest.mark.parametrize(
    "text",
    [
        "vrrp_instance a {\n virtual_ipaddress {\n 10.0.0.1/24 brd 10.0.0.255 dev eth0 scope global\n}\n}\n",
        "vrrp_instance a {\n virtual_ipaddress {\n 10.0.0.1/24 peer 10.0.0.2/32\n}\n}\n",
        "vrrp_instance a {\n unicast_peer {\n 10.0.0.1 min_ttl 3\n}\n track_interface {\n eth1 weight -5 reverse\n}\n}\n",
        'vrrp_script a {\n script "/x interval 3" root\n weight -5 reverse\n}\n',
        "vrrp_script interval {\n interval 3\n}\n",
    ],
)
def test_no_complaint_where_all_is_well(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("~SEQ(N, 1, 3) aa${N}", ["aa1", "aa2", "aa3"]),
        ("~SEQ(B, 2) bb${B}", ["bb1", "bb2"]),
        ("~SEQ(C, -2) cc${C}", ["cc-1", "cc-2"]),
        ("~SEQ(D, 10, -4, 1) dd$D", ["dd10", "dd6", "dd2"]),
        ("~SEQx(E, 8, 12) ee${E}", ["ee8", "ee9", "eea", "eeb", "eec"]),
        ("~SEQ(F, 1, 2) ~SEQ(G, 1, 2) ff${F}_${G}", ["ff1_1", "ff1_2", "ff2_1", "ff2_2"]),
        ("~SEQ(H,0x9,0xb) hh${H}", ["hh9", "hh10", "hh11"]),
        ("~SEQ (U, 1,2) vv${U}", ["vv1", "vv2"]),
        ("~SEQ(N, 1, 3) aa${N}\nzz${N}", ["aa1", "aa2", "aa3", "zz3"]),
        ("$A= \\\n mm${L} \\\n nn\n~SEQ(L, 1, 2) $A", ["mm1", "nn", "mm2", "nn"]),
        ("~LST(M, 4, 7) ll${M}", ["ll4", "ll7"]),
        ("~LST({R, S}, {1,2},{3,4}) rr${R}_${S}", ["rr1_2", "rr3_4"]),
    ],
)
def test_sequences_and_lists_stand_for_many_lines(line: str, expected: list[str]) -> None:
    """Each tried: 2.2.7's `-t` names exactly these words as unknown."""
    assert [s.keyword for s in conf(line + "\n").statements] == expected
    assert said(line + "\n") == []


def test_a_sequence_that_makes_too_much_ends_in_the_readers_bounds() -> None:
    with pytest.raises(ParseError):
        conf("~SEQ(A, 1, 60000) ~SEQ(B, 1, 60000) x${A}${B}\n")


# --- definitions and conditions ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A=6\nvv$A w-$A,x y${A}z $Ab", [("vv6", "w-6,x", "y6z", "$Ab")]),  # tried
        ("$A=10.${B}\n$B=0\n${A}.1\n$B=9\n${A}.1", [("10.0.1",), ("10.9.1",)]),  # keepalived.conf(5)
        ("$A=1 2\naa $A", [("aa", "1", "2")]),
        ("$A=\naa${A}bb", [("aabb",)]),
        ("aa $NONE ${NONE}", [("aa", "$NONE", "$", [("NONE",)])]),  # braces of an unknown one are braces
        ("$A=x${_HASH}y\naa${A}", [("aax",)]),  # tried: it becomes a comment
        ("$A= \\\n # x\n \n bb\n$A c", [("bb", "c")]),  # tried: lines of blanks do not end it
        ("$A= \\\n aa \\\n bb\n$A c", [("$A", "c")]),  # tried: a multi-line one ends its line
        ("aa ${_PWD}/x", [("aa", "/etc/keepalived/x")]),
        ('$A=b\nscript "/x ${A}"', [("script", "/x b")]),
        (
            "$X= \\\n aa 1 \\\n bb { \\\n cc \\\n }\n$X\ndd $X",
            [("aa", "1"), ("bb", [("cc",)]), ("dd", "aa", "1"), ("bb", [("cc",)])],
        ),
    ],
)
def test_definitions(text: str, expected: list[Shape]) -> None:
    assert words(text + "\n") == expected


def test_definitions_may_be_nested_and_their_lines_stand_where_they_are_used() -> None:
    text = "$IN= \\\n virtual_router_id ${N} \\\n priority 1${N}0\n$OUT= \\\n vrrp_instance VI_${N} { \\\n $IN \\\n }\n$N=3\n$OUT\n$N=4\n$OUT\n"
    found = conf(text)
    assert [(i.name, i.vrid, i.priority, i.place.line) for i in vrrp_instances(found)] == [
        ("VI_3", 3, 130, 9),
        ("VI_4", 4, 140, 11),
    ]
    assert found.complaints == ()


def test_an_empty_line_ends_a_definition() -> None:
    """Tried: although keepalived.conf(5) shows one."""
    assert words("$X= \\\n aa \\\n\n bb\n$X\n") == [("bb",), ("aa",)]
    assert "an empty line ends the definition of $X, whatever the line before it says" in said(
        "$X= \\\n aa \\\n\n bb\n"
    )


@pytest.mark.parametrize("text", ["$A=$A\naa $A\n", "$A=x$A\naa $A\n", "$A=${B}${B}\n$B=${A}${A}\naa $A\n"])
def test_definitions_that_contain_themselves_end(text: str) -> None:
    assert any("contains itself" in c for c in said(text))


PRIORITIES = " @main priority 240\n @^main priority 200\n @other priority 100\n"


@pytest.mark.parametrize(
    ("options", "priority"),
    [({"config_id": "main"}, 240), ({"config_id": "x"}, 200), ({"hostname": "main.example.org"}, 240), ({}, None)],
)
def test_conditions(options: dict[str, str], priority: int | None) -> None:
    assert instance(PRIORITIES, **options).priority == priority


def test_a_condition_that_cannot_be_decided_stays_with_its_line() -> None:
    found = conf(f"vrrp_instance a {{\n{PRIORITIES} nopreempt\n}}\n")
    (block,) = found.statements
    assert [(s.words, s.condition) for s in block.block or ()] == [
        (("priority", "240"), "@main"),
        (("priority", "200"), "@^main"),
        (("priority", "100"), "@other"),
        (("nopreempt",), None),
    ]
    assert [c.place.line for c in found.complaints] == [2, 3, 4]


def test_undecided_lines_claim_nothing() -> None:
    lines = """\
 @main virtual_ipaddress {
  10.0.0.1
 }
 virtual_ipaddress {
  10.0.0.2
  @main 10.0.0.3
 }
 @main nopreempt
 unicast_peer {
  @^main 10.0.0.4
 }
 priority $PRIO
"""
    found = instance(lines, before="@main $PRIO=240")
    assert found.vips == (ip_interface("10.0.0.2/32"),)
    assert (found.preempt, found.priority, found.unicast_peers) == (None, None, ())


def test_a_condition_without_a_line_drops_it() -> None:
    assert parse({MAIN: "@main\n@ tt\n@^main ss\n"}, MAIN, config_id="x").statements[0].words == ("ss",)


# --- includes ----------------------------------------------------------------------------


def test_includes_are_spliced_in_where_they_stand() -> None:
    found = conf(
        "aa\ninclude conf.d/*.conf\nzz {\n include part\n}\n",
        **{"conf.d__b.conf": "bb\n", "conf.d__a.conf": "include ../more\n", "more": "mm\n", "part": "pp\n",
           "conf.d__.hidden.conf": "no\n", "conf.d__x__c.conf": "no\n"},
    )  # fmt: skip
    assert shape(found.statements) == [("aa",), ("mm",), ("bb",), ("zz", [("pp",)])]
    assert [s.place.file.removeprefix("/etc/keepalived/") for s in found.statements] == [
        "keepalived.conf", "more", "conf.d/b.conf", "keepalived.conf"
    ]  # fmt: skip
    assert [f.removeprefix("/etc/keepalived/") for f in found.files] == [
        "keepalived.conf", "conf.d/a.conf", "more", "conf.d/b.conf", "part"
    ]  # fmt: skip
    assert (found.missing_includes, found.complaints) == ((), ())


def test_braces_in_an_include() -> None:
    files = {MAIN: "includea /etc/{a,b{1,2}}.conf\n", "/etc/a.conf": "aa\n", "/etc/b2.conf": "bb\n"}
    assert shape(parse(files, MAIN).statements) == [("aa",), ("bb",)]
    assert includes(files, MAIN) == ("/etc/b1.conf",)


def test_what_is_not_there_is_told_to_whoever_can_fetch_it() -> None:
    files = {MAIN: "include /srv/*.conf\ninclude sub/one\ninclude sub/one\n"}
    assert includes(files, MAIN) == ("/srv/*.conf", "/etc/keepalived/sub/one")
    found = parse(files, MAIN)
    assert [(s.words, s.place.line) for s in found.missing_includes] == [
        (("include", "/srv/*.conf"), 1),
        (("include", "sub/one"), 2),
        (("include", "sub/one"), 3),
    ]
    files["/etc/keepalived/sub/one"] = "include two\n"
    files["/srv/x.conf"] = ""
    assert includes(files, MAIN) == ("/etc/keepalived/sub/two",)


def test_local_files_have_relative_names() -> None:
    files = {"serv01/keepalived.conf": "include ./vips\n", "serv01/vips": "aa\n"}
    assert shape(parse(files, "serv01/keepalived.conf").statements) == [("aa",)]
    assert includes({"keepalived.conf": "include vips\n"}, "keepalived.conf") == ("vips",)


def test_include_loops_and_depth_end() -> None:
    assert any("includes itself" in c for c in said(f"include {MAIN}\n"))
    files = {f"/{n}": f"include /{n + 1}\nl{n}\n" for n in range(40)}
    found = parse(files, "/0")
    assert len(found.files) == 16
    assert any("too deep" in c.text for c in found.complaints)


def test_quotes_around_an_include_do_not_work() -> None:
    """Tried: keepalived includes nothing and says nothing."""
    found = conf('include "part"\n', part="pp\n")
    assert found.statements == ()
    assert "quotes" in found.complaints[0].text


def test_a_main_file_that_is_not_there() -> None:
    found = parse({}, MAIN)
    assert (found.statements, found.files) == ((), ())
    assert found.complaints[0].text == "the file was not read"
    assert includes({}, MAIN) == ()


# --- bounds ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        {MAIN: "x" * ((4 << 20) + 1)},
        {MAIN: "\n" * 200_001},
        {MAIN: "a {\n" * 65},
        {MAIN: "a { " * 65},
        {MAIN: "include b\n" * 100, "/etc/keepalived/b": "x\n" * 3000},
        {MAIN: "$A= \\\n" + "x \\\n" * 3000 + "y\n" + "$A\n" * 100},
        {MAIN: "$A=" + "${B}" * 200 + "\n$B=x\n" + "aa $A\n" * 2000},
    ],
    ids=["size", "lines", "nesting", "nesting on one line", "includes", "multi-line definitions", "expansion"],
)
def test_bounds_are_an_error(files: dict[str, str]) -> None:
    with pytest.raises(ParseError):
        parse(files, MAIN)


def test_includes_leaves_the_error_to_parse() -> None:
    assert includes({MAIN: "include x\n" + "a {\n" * 65}, MAIN) == ()


def test_64_blocks_in_each_other_are_fine() -> None:
    assert len(conf("a {\n" * 64 + "}\n" * 64).complaints) == 0


def test_complaints_are_bounded() -> None:
    assert len(conf("}\n" * 5000).complaints) == 1000


@pytest.mark.parametrize("keyword", ["track_file", "vrrp_track_file"])
def test_a_global_track_file_is_a_definition_and_no_list_of_names(keyword: str) -> None:
    text = keyword + ' drain {\n  file "/run/haconsole-drain"\n  weight 1\n  init_file 0\n}\n'
    conf = parse({"/k.conf": text}, "/k.conf")
    assert conf.complaints == ()
    assert [s.words for s in conf.statements[0].block or ()] == [
        ("file", "/run/haconsole-drain"), ("weight", "1"), ("init_file", "0"),
    ]  # fmt: skip
