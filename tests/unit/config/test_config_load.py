"""A correct file, and what it says about each node."""

import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.config.errors import ConfigError
from haconsole.config.load import load, parse
from haconsole.model.spec import ClusterSpec, MaintenanceWindow, NodeSpec, SshSpec, VipSpec

NODES = """
[[cluster.node]]
name = "a"
address = "10.0.0.1"
[[cluster.node]]
name = "b"
address = "10.0.0.2"
"""
SMALLEST = '[[cluster]]\nname = "c"\n' + NODES


def only(text: str) -> ClusterSpec:
    (cluster,) = parse(text, Path("/srv/conf/haconsole.toml"))
    return cluster


def test_the_smallest_file_gets_every_default() -> None:
    assert only(SMALLEST) == ClusterSpec(
        name="c", nodes=(NodeSpec(name="a", address="10.0.0.1"), NodeSpec(name="b", address="10.0.0.2"))
    )


def test_every_key_arrives() -> None:
    text = """
[ssh]
user = "ops"
port = 2200
identity_file = "/k/id"
known_hosts = "/k/hosts"
config_file = "/dev/null"
jump = "ops@[2001:db8::9]:2222"
sudo = true
connect_timeout_s = 3
keepalive_s = 0.5
[[cluster]]
name = "proxy"
dns_name = "proxy-serv"
probe_url = "http://[2001:db8::1]:8080/ok?x=1"
read_only = true
squid.port = 8080
squid.service = "squid@main.service"
keepalived = { service = "keepalived-v2", config_file = "/etc/ka.conf", drain_file = "/run/drain" }
[[cluster.maintenance_window]]
days = ["sat", "mon", "sat"]
start = "00:00"
end = "24:00"
timezone = "UTC"
[[cluster.node]]
name = "n1"
address = "FD00:0::1"
lan_interface = "bond0.100"
public_interface = "br-wan"
[[cluster.node]]
name = "n2"
address = "n2.example.net."
public_interface = ""
[[cluster.vip]]
address = "FD00:0::64"
preferred = "n2"
[[cluster.vip]]
address = "10.0.0.9"
"""
    ssh = SshSpec(
        user="ops",
        port=2200,
        identity_file=Path("/k/id"),
        known_hosts=Path("/k/hosts"),
        config_file=Path("/dev/null"),
        jump="ops@[2001:db8::9]:2222",
        sudo=True,
        connect_timeout_s=3.0,
        keepalive_s=0.5,
    )
    assert only(text) == ClusterSpec(
        name="proxy",
        nodes=(
            NodeSpec(name="n1", address="fd00::1", lan_interface="bond0.100", public_interface="br-wan", ssh=ssh),
            NodeSpec(name="n2", address="n2.example.net.", public_interface=None, ssh=ssh),
        ),
        vips=(VipSpec(address=ip_address("fd00::64"), preferred="n2"), VipSpec(address=ip_address("10.0.0.9"))),
        dns_name="proxy-serv",
        probe_url="http://[2001:db8::1]:8080/ok?x=1",
        read_only=True,
        squid_port=8080,
        squid_service="squid@main",
        keepalived_service="keepalived-v2",
        keepalived_config="/etc/ka.conf",
        drain_file="/run/drain",
        windows=(MaintenanceWindow(days=("sat", "mon"), start_min=0, end_min=1440, timezone="UTC"),),
    )


def test_ssh_keys_are_overridden_one_by_one() -> None:
    text = f"""
[ssh]
user = "ops"
port = 22
sudo = true
jump = "bastion"
[[cluster]]
name = "c"
[cluster.ssh]
port = 2200
keepalive_s = 1.0
{NODES}
[cluster.node.ssh]
user = "root"
sudo = false
jump = ""
"""
    first, second = (node.ssh for node in only(text).nodes)
    assert first == SshSpec(user="ops", port=2200, sudo=True, jump="bastion", keepalive_s=1.0)
    assert second == SshSpec(user="root", port=2200, sudo=False, jump=None, keepalive_s=1.0)


def test_an_override_may_repeat_the_default_of_the_program() -> None:
    text = f'[ssh]\nkeepalive_s = 9\n[[cluster]]\nname = "c"\nssh.keepalive_s = 2.0\n{NODES}'
    assert only(text).nodes[0].ssh.keepalive_s == 2.0


def test_paths_start_at_home_or_beside_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/op")
    text = 'ssh.identity_file = "keys/id"\nssh.known_hosts = "~/hosts"\n' + SMALLEST
    ssh = only(text).nodes[0].ssh
    assert ssh.identity_file == Path("/srv/conf/keys/id")
    assert ssh.known_hosts == Path("/home/op/hosts")
    # The path stays right when the program changes its folder later.
    monkeypatch.chdir(tmp_path)
    (cluster,) = parse(text, Path("haconsole.toml"))
    assert cluster.nodes[0].ssh.identity_file == tmp_path / "keys/id"


def test_the_same_address_twice_is_fine_behind_another_port_or_jump_host() -> None:
    forwarded = SMALLEST.replace("10.0.0.2", "10.0.0.1") + "[cluster.node.ssh]\n"
    assert len(only(forwarded + "port = 2202").nodes) == 2
    assert len(only(forwarded + 'jump = "site-b"').nodes) == 2


def test_several_clusters_may_reuse_names_and_addresses() -> None:
    clusters = parse(SMALLEST + SMALLEST.replace('"c"', '"d"'), Path("x.toml"))
    assert [cluster.name for cluster in clusters] == ["c", "d"]


@pytest.mark.parametrize(
    "change", [str.encode, lambda t: b"\xef\xbb\xbf" + t.encode(), lambda t: t.replace("\n", "\r\n").encode()]
)
def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path, change) -> None:
    path = tmp_path / "haconsole.toml"
    path.write_bytes(change(SMALLEST))
    assert load(path) == parse(SMALLEST, path)


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from haconsole.config.load import load; print(load(Path('/dev/stdin'))[0].name)"
    done = subprocess.run([sys.executable, "-c", code], input=SMALLEST, capture_output=True, text=True, check=True)
    assert done.stdout == "c\n"


# Files that are no text: one clear problem each.


def error_of(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert len(caught.value.problems) == 1
    return str(caught.value).replace(str(path.parent), "")


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_of(tmp_path / "none.toml") == "/none.toml: no such file"
    (tmp_path / "folder.toml").mkdir()
    assert error_of(tmp_path / "folder.toml") == "/folder.toml: is a directory, not a file"
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    assert error_of(tmp_path / "loop.toml") == "/loop.toml: cannot be read: Too many levels of symbolic links"
    assert error_of(tmp_path / "zero\0.toml") == "/zero␀.toml: cannot be read: embedded null byte"

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert error_of(tmp_path / "none.toml") == "/none.toml: cannot be read: Permission denied"


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes("# one\n# zwei ä\n".encode("latin-1"))
    assert error_of(path) == "/latin.toml:2: is not UTF-8 text (byte 0xe4)"


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    assert error_of(Path("/dev/zero")) == "/zero: is larger than 4 MiB: this is no configuration"


def test_loading_pulls_in_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path; from haconsole.config.load import parse;"
        f"parse({SMALLEST!r}, Path('x.toml'));"
        "print({'asyncssh', 'textual', 'scapy', 'rich', 'tomlkit', 'asyncio', 'platformdirs', 'click'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
