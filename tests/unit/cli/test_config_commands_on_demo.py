"""`keepalived-config`, `init --from ssh` and `bundle` on the demo's nodes, over SSH as on real ones."""

from __future__ import annotations

import io
import json
import stat
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from haconsole.cli.demo import embedded
from haconsole.cli.main import run
from haconsole.cluster.audit import audit_files
from haconsole.cluster.audit.values import ConfFile
from haconsole.config.load import load
from haconsole.model.spec import ClusterSpec
from haconsole.parse.keepalived_conf import parse

ONE, TWO = "proxy-serv01", "proxy-serv02"


@pytest.fixture(scope="module")
def clusters() -> Iterator[tuple[ClusterSpec, ...]]:
    with embedded("healthy", 1.0) as found:
        yield found


def test_the_article_s_pair_is_printed_as_it_should_be(
    clusters: tuple[ClusterSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keepalived-config", "render", "-o", "json"], obj={"clusters": clusters}) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "haconsole.keepalived-config/1"
    files = [ConfFile(conf=parse({n["file"]: n["text"]}, n["file"]), node=n["node"]) for n in document["nodes"]]
    assert audit_files(files) == ()
    assert [[i.priority for i in f.instances] for f in files] == [[254, 100], [100, 254]]
    assert [i.vrid for i in files[0].instances] == [1, 2] and "192.168.2.101/24" in document["nodes"][0]["text"]

    words = ["keepalived-config", "render", "--node", ONE, "--out", str(tmp_path / "new")]
    assert run(words, obj={"clusters": clusters}) == 0
    path = tmp_path / "new" / f"{ONE}.keepalived.conf"
    assert path.read_text() == document["nodes"][0]["text"] and capsys.readouterr().out == f"{path}\n"
    assert run(words, obj={"clusters": clusters}) == 2, "never overwrites"


def test_the_difference_to_what_runs_says_255_and_where_it_stands(
    clusters: tuple[ClusterSpec, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keepalived-config", "diff", "-o", "json", "--node", ONE], obj={"clusters": clusters}) == 1
    (node,) = json.loads(capsys.readouterr().out)["nodes"]
    gone = {line["text"].strip(): line for line in node["lines"] if line["side"] == "running"}
    assert node["same"] is False and set(gone) == {"priority 255"}
    assert gone["priority 255"]["line"] > 1 and gone["priority 255"]["file"] == "/etc/keepalived/keepalived.conf"
    assert run(["keepalived-config", "diff", "--node", ONE], obj={"clusters": clusters}) == 1
    assert "-    priority 255\n+    priority 254\n" in capsys.readouterr().out


def test_init_learns_the_cluster_from_its_nodes(
    clusters: tuple[ClusterSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "learned.toml"
    assert run(["init", "--from", "ssh", "-o", str(path)], obj={"clusters": clusters}) == 0
    (found,) = load(path)
    assert [(n.name, n.address, n.public_interface) for n in found.nodes] == [
        (ONE, "192.168.2.251", "eth1"),
        (TWO, "192.168.2.252", "eth1"),
    ]
    assert [(str(v.address), v.preferred) for v in found.vips] == [("192.168.2.101", ONE), ("192.168.2.102", TWO)]


def test_the_bundle_has_what_is_asked_for_and_says_what_it_has_not(
    clusters: tuple[ClusterSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "case.tar.gz"
    assert run(["bundle", "-o", str(path), "--for", "2s"], obj={"clusters": clusters}) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{path}\n" and stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
    manifest = json.loads(files["case/MANIFEST.json"])
    assert {f"case/{e['file']}" for e in manifest["entries"] if e["file"]} | {
        "case/MANIFEST",
        "case/MANIFEST.json",
    } == (set(files))
    assert all(e["missing"] for e in manifest["entries"] if e["file"] is None)
    for node in (ONE, TWO):
        here = f"case/proxy/{node}/"
        assert b"Keepalived v2.2.7" in files[here + "versions.txt"]
        assert b"VRRP Instance = proxy_ip1" in files[here + "dump-data.txt"]
        assert b"VRRP Instance: proxy_ip1" in files[here + "dump-stats.txt"]
        assert json.loads(files[here + "dump.json"])[0]["data"]["iname"] == "proxy_ip1"
        assert (
            b"Keepalived_vrrp[" in files[here + "log.txt"]
            and b"virtual_router_id 1" in files[here + "conf/keepalived.conf"]
        )
        assert struct.unpack_from("<I", files[here + "adverts.pcap"])[0] == 0xA1B2C3D4
        assert len(files[here + "adverts.pcap"]) > 24 + 2 * 40, "adverts were heard at this end"
        assert b"224.0.0.18" in files[here + "neighbours.txt"] and b"192.168.2.0/24" in files[here + "routes.txt"]
    status = json.loads(files["case/proxy/status.json"])
    assert status["clusters"][0]["verdict"] == "ok"
    told = files["case/proxy/log-all-nodes.txt"].decode().splitlines()
    assert told == sorted(told) and {ONE, TWO} == {line.split()[1] for line in told}
    assert "firewall-cmd" in captured.err, "what is missing is said"
    assert run(["bundle", "-o", str(path)], obj={"clusters": clusters}) == 2, "never overwrites"
