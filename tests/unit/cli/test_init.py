"""`haconsole init`: what it writes is what it reads back, and it never overwrites."""

from __future__ import annotations

import stat
from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.cli.main import run
from haconsole.config.load import load
from haconsole.io.clock import SystemClock
from haconsole.io.ports import Connection
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import VipSpec
from haconsole.parse.keepalived_conf import parse
from haconsole.report.keepalived_values import NodeFacts
from haconsole.report.learned import LearnedNode, learn
from haconsole.runtime.configurations import read_cluster

FLAGS = (
    "--name", "web", "--user", "ops", "--sudo", "--node", "a=192.0.2.1", "--node", "b=node-b.example.net",
    "--vip", "192.0.2.9=a", "--vip", "2001:db8::9", "--public", "", "--squid-port", "8080", "--port", "2222",
    "--identity-file", "keys/id", "--dns-name", "proxy.example.net",
)  # fmt: skip


def test_flags_alone_make_a_file_that_means_what_they_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "haconsole.toml"
    assert run(["init", "-o", str(path), *FLAGS]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (cluster,) = load(path)
    assert [(n.name, n.address, n.lan_interface, n.public_interface) for n in cluster.nodes] == [
        ("a", "192.0.2.1", "eth0", None),
        ("b", "node-b.example.net", "eth0", None),
    ]
    ssh = cluster.nodes[1].ssh
    assert (ssh.user, ssh.sudo, ssh.port, ssh.identity_file) == ("ops", True, 2222, path.parent / "keys/id")
    assert cluster.vips == (
        VipSpec(address=ip_address("192.0.2.9"), preferred="a"),
        VipSpec(address=ip_address("2001:db8::9")),
    )
    assert (cluster.name, cluster.squid_port, cluster.dns_name) == ("web", 8080, "proxy.example.net")
    assert path.read_text().count("#") > 8, "with comments"


def test_what_is_there_is_never_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there, link = tmp_path / "there.toml", tmp_path / "link.toml"
    there.write_text("mine\n")
    link.symlink_to(tmp_path / "nowhere")
    for path in (there, link):
        assert run(["init", "-o", str(path), *FLAGS]) == 2
        assert "exists" in capsys.readouterr().err
    assert there.read_text() == "mine\n" and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--user", "ops"), "no terminal to ask on, and these are not given: --node (at least 2 times)"),
        (("--node", "a=192.0.2.1", "--node", "a=192.0.2.1"), "192.0.2.1"),
        (("--node", "a=192.0.2.1", "--node", "b=192.0.2.2", "--vip", "192.0.2.1/24"), "without its prefix"),
        (("--node", "a=x y", "--node", "b=192.0.2.2"), "host name"),
        (("--from", "ssh", "192.0.2.1"), "at least two nodes"),
        (("192.0.2.1",), "--from ssh"),
    ],
)
def test_what_makes_no_configuration_writes_nothing(
    words: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "-o", str(tmp_path / "x.toml"), *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_key_that_is_not_known_is_said_with_the_lines_that_mend_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = Problem(
        kind=ProblemKind.HOST_KEY_UNKNOWN, summary="its key is unknown", remedy="Compare it\necho key >> f"
    )

    class Nobody:
        async def connect(self, node: object) -> Connection:
            raise ProblemError(unknown)

    monkeypatch.setattr("haconsole.cli.init._read", lambda spec: read_cluster(spec, Nobody(), SystemClock()))  # type: ignore[arg-type]
    assert run(["init", "-o", str(tmp_path / "x.toml"), "--from", "ssh", "192.0.2.1", "192.0.2.2"]) == 1
    told = capsys.readouterr().err
    assert "      → Compare it\n        echo key >> f\n" in told


def test_questions_are_asked_where_there_is_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["proxy", "ops", "y", "a=192.0.2.1", "b=192.0.2.2", "", "ens3", "ens4", "192.0.2.9=b", "", "", ""])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt="": next(answers))
    assert run(["init", "-o", str(tmp_path / "x.toml")]) == 0
    (cluster,) = load(tmp_path / "x.toml")
    assert (cluster.nodes[0].lan_interface, cluster.nodes[1].public_interface) == ("ens3", "ens4")
    assert cluster.vips == (VipSpec(address=ip_address("192.0.2.9"), preferred="b"),)
    assert cluster.nodes[0].ssh.sudo


def test_an_answer_that_cannot_be_is_asked_for_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([
        "no name", "proxy", "ops", "y", "a=x y", "a=192.0.2.1", "", "a=192.0.2.2", "b=192.0.2.2", "", "eth0", "",
        "192.0.2.1", "192.0.2.9/24", "192.0.2.9=c", "192.0.2.9=b", "192.0.2.9", "", "192.0.2.7", "", "ftp://x", "",
    ])  # fmt: skip
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt="": next(answers))
    assert run(["init", "-o", str(tmp_path / "x.toml")]) == 0
    told = capsys.readouterr().err
    for why in (
        "is no usable name", "host name", "at least 2 are needed", "a is the other node's already",
        "192.0.2.1 is a's own address", "without its prefix", "c is no node of this cluster: a, b",
        "192.0.2.9 was named already",
    ):  # fmt: skip
        assert why in told, (why, told)
    (cluster,) = load(tmp_path / "x.toml")
    assert [n.address for n in cluster.nodes] == ["192.0.2.1", "192.0.2.2"]
    assert cluster.vips == (VipSpec(address=ip_address("192.0.2.9"), preferred="b"),)


def test_what_keepalived_conf_tells_is_learned() -> None:
    conf = """
vrrp_track_file drain {{
  file /run/drain-me
}}
vrrp_instance a {{
  interface ens3
  priority {}
  virtual_ipaddress {{
    fe80::1/64
    192.0.2.9/24
  }}
  track_interface {{
    ens4
  }}
}}
"""
    facts = {n: NodeFacts(conf=parse({"/k": conf.format(p)}, "/k")) for n, p in (("x", 100), ("y", 254))}
    found = learn(facts)
    assert found.vips == ((ip_address("192.0.2.9"), "y"),)
    assert found.nodes["x"] == LearnedNode(lan="ens3", public="ens4")
    assert (found.drain_file, found.doubts) == ("/run/drain-me", ())
