"""Each mistake, and the exact line that the operator sees."""

import zoneinfo
from pathlib import Path

import pytest

from haconsole.config.errors import ConfigError, ConfigProblem
from haconsole.config.load import parse

GOOD = """\
[ssh]
user = "ops"
[[cluster]]
name = "proxy"
probe_url = "http://203.0.113.80/"
[cluster.squid]
port = 3128
[cluster.keepalived]
service = "keepalived"
[[cluster.maintenance_window]]
days = ["sat"]
start = "22:00"
end = "04:00"
timezone = "Europe/Berlin"
[[cluster.node]]
name = "serv01"
address = "192.168.2.251"
lan_interface = "eth0"
[[cluster.node]]
name = "serv02"
address = "192.168.2.252"
[[cluster.vip]]
address = "192.168.2.101"
preferred = "serv01"
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("haconsole.toml"))
    return str(caught.value).split("\n")


def changed(old: str, new: str) -> str:
    """GOOD with one line replaced."""
    assert GOOD.count(f"{old}\n") == 1
    return GOOD.replace(f"{old}\n", f"{new}\n")


def test_good_is_good() -> None:
    assert parse(GOOD, Path("haconsole.toml"))


SPELLING = [
    ('address = "192.168.2.252"', 'adress = "192.168.2.252"', '21: cluster[0].node[1].adress: unknown key, did you mean "address"?'),
    ('user = "ops"', 'usr = "ops"', '2: ssh.usr: unknown key, did you mean "user"?'),
    ('user = "ops"', 'Known-Hosts = "x"', '2: ssh.Known-Hosts: unknown key, did you mean "known_hosts"?'),
    ('user = "ops"', 'colour = "x"', "2: ssh.colour: unknown key"),
    ('user = "ops"', '"a\\u001b[31m b" = "x"', '2: ssh."a␛[31m b": unknown key'),
    ("port = 3128", "read_only = true", "7: cluster[0].squid.read_only: unknown key here, it belongs in [[cluster]]"),
    ('lan_interface = "eth0"', 'user = "root"', "18: cluster[0].node[0].user: unknown key here, it belongs in [ssh]"),
    ("[ssh]", "[shs]", '1: shs: unknown key, did you mean "ssh"?'),
]  # fmt: skip

SHAPE = [
    ("port = 3128", 'port = "3128"', '7: cluster[0].squid.port: must be a whole number, not "3128"'),
    ("port = 3128", "port = true", "7: cluster[0].squid.port: must be a whole number, not true"),
    ('user = "ops"', "user = 0", "2: ssh.user: must be text in quotes, not 0"),
    ('user = "ops"', 'sudo = "yes"', '2: ssh.sudo: must be true or false, not "yes"'),
    ('user = "ops"', 'keepalive_s = "2s"', '2: ssh.keepalive_s: must be a number, not "2s"'),
    ('user = "ops"', "keepalive_s = nan", "2: ssh.keepalive_s: must be a number, not nan"),
    ('days = ["sat"]', 'days = "sat"', '11: cluster[0].maintenance_window[0].days: must be a list, such as ["sat", "sun"], not "sat"'),
    ('start = "22:00"', "start = 22:00:00", "12: cluster[0].maintenance_window[0].start: must be text in quotes, not 22:00:00"),
    ("[cluster.squid]", "[[cluster.squid]]", "6: cluster[0].squid: must be one table, it begins with [cluster.squid], in single brackets"),
    ("[[cluster.maintenance_window]]", "[cluster.maintenance_window]", "10: cluster[0].maintenance_window: must be a list of tables, each begins with [[cluster.maintenance_window]], in double brackets"),
]  # fmt: skip

VALUES = [
    ("port = 3128", "port = 0", "7: cluster[0].squid.port: 0 is out of range: a port is 1 to 65535"),
    ("port = 3128", "port = 65536", "7: cluster[0].squid.port: 65536 is out of range: a port is 1 to 65535"),
    ("port = 3128", "port = 0x" + "f" * 5000, "7: cluster[0].squid.port: a very large number is out of range: a port is 1 to 65535"),
    ('user = "ops"', "connect_timeout_s = 0", "2: ssh.connect_timeout_s: 0.0 is out of range: a login is given 0.1 to 60 seconds"),
    ('user = "ops"', "keepalive_s = 3600", "2: ssh.keepalive_s: 3600.0 is out of range: signs of life come every 0.1 to 60 seconds"),
    ('user = "ops"', 'user = "-oProxyCommand=x"', '2: ssh.user: "-oProxyCommand=x" is no login name'),
    ('user = "ops"', 'identity_file = "a\\u0000b"', '2: ssh.identity_file: "a␀b" holds control characters'),
    ('user = "ops"', 'known_hosts = "~no-such-user/x"', '2: ssh.known_hosts: "~no-such-user/x" begins with the home folder of a user that this machine does not know'),
    ('user = "ops"', 'jump = "a:b"', '2: ssh.jump: "a:b" is not [user@]host[:port]; an IPv6 address goes in brackets'),
    ('user = "ops"', 'jump = "-x"', '2: ssh.jump: "-x" is neither an IP address nor a host name'),
    ('user = "ops"', 'jump = "@host"', '2: ssh.jump: "@host" has no usable login name before the \'@\''),
    ('user = "ops"', 'jump = "[host]:22"', '2: ssh.jump: "[host]:22" has no IPv6 address in its brackets'),
    ('user = "ops"', 'jump = "host:99999"', "2: ssh.jump: 99999 is out of range: a port is 1 to 65535"),
    ('name = "serv02"', 'name = "serv 02"', "20: cluster[0].node[1].name: \"serv 02\" is no usable name: at most 64 letters, digits, '.', '_' and '-', no '.' or '-' first"),
    ('lan_interface = "eth0"', 'lan_interface = "a/b"', "18: cluster[0].node[0].lan_interface: \"a/b\" is no interface name: 1 to 15 letters, digits, '.', '_' or '-', such as eth0"),
    ('lan_interface = "eth0"', 'lan_interface = "interface-too-long"', "18: cluster[0].node[0].lan_interface: \"interface-too-long\" is no interface name: 1 to 15 letters, digits, '.', '_' or '-', such as eth0"),
    ('lan_interface = "eth0"', 'lan_interface = ""', "18: cluster[0].node[0].lan_interface: \"\" is no interface name: 1 to 15 letters, digits, '.', '_' or '-', such as eth0"),
    ('service = "keepalived"', 'service = "-H host"', '9: cluster[0].keepalived.service: "-H host" is no name of a systemd service, such as squid or squid@main'),
    ('service = "keepalived"', 'service = "keepalived.timer"', '9: cluster[0].keepalived.service: "keepalived.timer" is a timer: the name of a systemd service is needed'),
    ('service = "keepalived"', 'config_file = "keepalived.conf"', "9: cluster[0].keepalived.config_file: \"keepalived.conf\" is no absolute path: it is a file on the nodes and begins with '/'"),
    ('service = "keepalived"', 'drain_file = "/run/*"', "9: cluster[0].keepalived.drain_file: \"/run/*\" is no usable path: letters, digits and '/_@+.-' only, without '..' or a '/' at its end"),
    ('service = "keepalived"', 'drain_file = "/run/../etc/shadow"', "9: cluster[0].keepalived.drain_file: \"/run/../etc/shadow\" is no usable path: letters, digits and '/_@+.-' only, without '..' or a '/' at its end"),
    ('service = "keepalived"', 'drain_file = "/etc/keepalived/keepalived.conf"', "9: cluster[0].keepalived.drain_file: is keepalived's configuration: a drain would overwrite it"),
]  # fmt: skip

ADDRESS = 'address = "192.168.2.252"'
HOSTS = [
    ("", "is empty: an IP address or a host name is needed"),
    ("-oProxyCommand=x", '"-oProxyCommand=x" is neither an IP address nor a host name'),
    ("a b", '"a b" is neither an IP address nor a host name'),
    ("a..b", '"a..b" is neither an IP address nor a host name'),
    ("192.168.2.256", '"192.168.2.256" is no IPv4 address'),
    ("192.168.02.1", '"192.168.02.1" is no IPv4 address'),
    ("ops@host", '"ops@host" is neither an IP address nor a host name; the login name belongs in the ssh table: user'),
    ("host:22", '"host:22" is neither an IP address nor a host name; the port belongs in the ssh table: port'),
    ("10.0.0.1/24", '"10.0.0.1/24" is neither an IP address nor a host name; write it without its prefix length'),
    ("[fd00::1]", '"[fd00::1]" is neither an IP address nor a host name; write an IPv6 address without brackets'),
    ("fe80::1%e;x", '"fe80::1%e;x" is neither an IP address nor a host name'),
]

URL = 'probe_url = "http://203.0.113.80/"'
URLS = [
    ("https://example.net/", "https:// cannot be probed: a proxy would be asked for a CONNECT tunnel, not for a page; name a page at http://"),
    ("ftp://example.net/", 'must begin with http:// and a host, such as "http://203.0.113.80/"'),
    ("example.net", 'must begin with http:// and a host, such as "http://203.0.113.80/"'),
    ("http:///path", 'must begin with http:// and a host, such as "http://203.0.113.80/"'),
    ("", "is no URL: it is empty, too long, or has characters that a URL cannot have"),
    ("http://x/ HTTP/1.1\\r\\nEvil: 1", "is no URL: it is empty, too long, or has characters that a URL cannot have"),
    ("http://x:99999/", "is no URL: its host or its port cannot be read"),
    ("http://[x/", "is no URL: its host or its port cannot be read"),
    ("http://x:0/", "names port 0: a port is 1 to 65535"),
    ("http://me:hunter2@x/", "must not hold a user or a password: it is shown on screens and in reports"),
    ("http://-x/", '"-x" is neither an IP address nor a host name'),
]  # fmt: skip

WINDOWS = [
    ('days = ["sat"]', 'days = ["Sunday"]', '11: cluster[0].maintenance_window[0].days[0]: "Sunday" is no day: mon, tue, wed, thu, fri, sat, sun, did you mean "sun"?'),
    ('days = ["sat"]', "days = []", "11: cluster[0].maintenance_window[0].days: is empty: name at least one of mon, tue, wed, thu, fri, sat, sun"),
    ('start = "22:00"', 'start = "24:00"', '12: cluster[0].maintenance_window[0].start: "24:00" is no time of day: "HH:MM", such as "22:00"'),
    ('end = "04:00"', 'end = "4:00"', '13: cluster[0].maintenance_window[0].end: "4:00" is no time of day: "HH:MM", such as "22:00"'),
    ('end = "04:00"', 'end = "22:00"', '13: cluster[0].maintenance_window[0].end: is the same as start: a whole day is "00:00" to "24:00"'),
    ('end = "04:00"', "# none", "10: cluster[0].maintenance_window[0].end: is missing"),
    ('timezone = "Europe/Berlin"', 'timezone = "Europe/Berlni"', '14: cluster[0].maintenance_window[0].timezone: "Europe/Berlni" is no time zone, such as "Europe/Berlin" or "UTC", did you mean "Europe/Berlin"?'),
    ('timezone = "Europe/Berlin"', 'timezone = "tokyo"', '14: cluster[0].maintenance_window[0].timezone: "tokyo" is no time zone, such as "Europe/Berlin" or "UTC", did you mean "Asia/Tokyo"?'),
    ('timezone = "Europe/Berlin"', 'timezone = "Europe"', None),
    ('timezone = "Europe/Berlin"', 'timezone = "../../etc/passwd"', '14: cluster[0].maintenance_window[0].timezone: "../../etc/passwd" is no time zone, such as "Europe/Berlin" or "UTC"'),
]  # fmt: skip

ACROSS = [
    ('name = "serv02"', 'name = "serv01"', '20: cluster[0].node[1].name: "serv01" is already the name of cluster[0].node[0]'),
    (ADDRESS, 'address = "192.168.2.251"', '21: cluster[0].node[1].address: "192.168.2.251" is already the address of cluster[0].node[0]'),
    ('lan_interface = "eth0"', 'lan_interface = "eth1"', '15: cluster[0].node[0].public_interface: "eth1" is the LAN interface already; a node with only one has public_interface = ""'),
    ('preferred = "serv01"', 'preferred = "serv1"', '24: cluster[0].vip[0].preferred: "serv1" is no node of this cluster, did you mean "serv01"?'),
    ('address = "192.168.2.101"', 'address = "192.168.2.252"', '23: cluster[0].vip[0].address: "192.168.2.252" is the own address of cluster[0].node[1]: a failover and failback would cut that node off the network'),
    ('address = "192.168.2.101"', 'address = "192.168.2.101/24"', '23: cluster[0].vip[0].address: write the address without its prefix length: "192.168.2.101"'),
    ('address = "192.168.2.101"', 'address = "proxy"', '23: cluster[0].vip[0].address: "proxy" is no IP address'),
    ('address = "192.168.2.101"', 'address = "224.0.0.18"', '23: cluster[0].vip[0].address: "224.0.0.18" cannot be a virtual address: no client reaches it'),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), SPELLING + SHAPE + VALUES + WINDOWS + ACROSS)
def test_one_mistake_gives_one_line(old: str, new: str, line: str | None) -> None:
    found = problems(changed(old, new))
    assert len(found) == 1
    if line is not None:  # what is nearest to it depends on the machine's time zones
        assert found == [f"haconsole.toml:{line}"]


@pytest.mark.parametrize(("value", "text"), HOSTS)
def test_node_addresses_go_to_ssh(value: str, text: str) -> None:
    assert problems(changed(ADDRESS, f'address = "{value}"')) == [
        f"haconsole.toml:21: cluster[0].node[1].address: {text}"
    ]


@pytest.mark.parametrize(("value", "text"), URLS)
def test_probe_urls_are_plain_http(value: str, text: str) -> None:
    assert problems(changed(URL, f'probe_url = "{value}"')) == [f"haconsole.toml:5: cluster[0].probe_url: {text}"]


@pytest.mark.parametrize("value", ["10.0.0.1", "proxy..serv"])
def test_dns_name_is_a_name(value: str) -> None:
    (line,) = problems(changed(URL, f'dns_name = "{value}"'))
    assert line.startswith(f'haconsole.toml:5: cluster[0].dns_name: "{value}" is ')


def test_a_virtual_address_may_not_appear_twice_in_any_spelling() -> None:
    text = GOOD + '[[cluster.vip]]\naddress = "fd00::64"\n[[cluster.vip]]\naddress = "FD00:0::64"\n'
    assert problems(text) == [
        'haconsole.toml:28: cluster[0].vip[2].address: "FD00:0::64" is already the address of cluster[0].vip[1]'
    ]


def test_cluster_names_are_unique() -> None:
    assert problems(GOOD + GOOD.partition("\n[[")[2].join(["[[", ""])) == [
        'haconsole.toml:26: cluster[1].name: "proxy" is already the name of cluster[0]'
    ]


def test_a_cluster_has_two_nodes() -> None:
    one = GOOD.replace('[[cluster.node]]\nname = "serv02"\naddress = "192.168.2.252"\n', "")
    assert problems(one) == ["haconsole.toml:15: cluster[0].node: a cluster has two nodes or more, this one has 1"]
    (line,) = problems('[[cluster]]\nname = "c"')
    assert line == (
        "haconsole.toml:1: cluster[0].node: is missing: a cluster has two nodes or more,"
        " each begins with [[cluster.node]]"
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "[ssh]\n"])
def test_a_file_without_clusters(text: str) -> None:
    assert problems(text) == [
        "haconsole.toml: cluster: is missing: at least one [[cluster]] is needed; config.example.toml shows one"
    ]


def test_a_machine_without_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    try:
        found = problems(GOOD)
    finally:
        zoneinfo.reset_tzpath()
    (line,) = found
    assert line == (
        'haconsole.toml:14: cluster[0].maintenance_window[0].timezone: "Europe/Berlin" cannot be looked up:'
        " this machine has no time zones; install the package tzdata"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", "2: not valid TOML, column 5: invalid value"),
        ("[ssh]\nuser ops\n", "2: not valid TOML, column 6: expected '=' after a key in a key/value pair"),
        ("[ssh]\nport = 1\n[ssh]\n", "3: not valid TOML, column 5: cannot declare ('ssh',) twice"),
        ('a = 1\nb = "x', "2: not valid TOML, at the end of the file: unterminated string"),
    ],
)
def test_what_is_not_toml(text: str, line: str) -> None:
    assert problems(text) == [f"haconsole.toml:{line}"]


def test_what_is_toml_but_beyond_reason() -> None:
    assert problems("a = " + "[" * 5000) == ["haconsole.toml: not usable: lists or tables are nested too deeply"]
    assert problems("a = " + "1" * 5000) == ["haconsole.toml: not usable: it holds a number that is too long"]


def test_all_problems_at_once_in_the_order_of_the_file() -> None:
    text = (
        changed("port = 3128", "port = 0").replace('"serv01"\nlan', "1\nlan").replace("serv02", "-").replace("usr", "u")
    )
    text = text.replace('name = "serv01"', "").replace('preferred = "serv01"', 'prefered = "x"')
    assert [line.split(": ")[0:2] for line in problems(text)] == [
        ["haconsole.toml:7", "cluster[0].squid.port"],
        ["haconsole.toml:15", "cluster[0].node[0].name"],
        ["haconsole.toml:20", "cluster[0].node[1].name"],
        ["haconsole.toml:24", "cluster[0].vip[0].prefered"],
    ]


def test_problems_are_values_for_other_programs() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed('preferred = "serv01"', 'preferred = "serv1"'), Path("haconsole.toml"))
    assert caught.value.problems == (
        ConfigProblem(
            file="haconsole.toml",
            line=24,
            key="cluster[0].vip[0].preferred",
            text='"serv1" is no node of this cluster',
            suggestion="serv01",
        ),
    )


def test_a_flood_of_problems_is_cut() -> None:
    found = problems("\n".join(f"k{i} = 1" for i in range(1000)))
    assert found[1] == "haconsole.toml: holds 501 more problems, not listed"
    assert found[-1] == "... and 401 more"
    assert len(found) == 101
