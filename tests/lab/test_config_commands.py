"""`keepalived-config`, `init` and `bundle` against real nodes, by a login with nothing but the printed sudoers file."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from haconsole.config.load import load
from haconsole.report.bundle_redact import forms
from tests.lab.harness import Lab, Variant, faults
from tests.lab.harness.configurations import KEEPALIVED_CONF, SUDOERS

PASSWORD = "L4b/s3cr"
"""Eight characters, as many as keepalived takes."""
CREDENTIALS = base64.b64encode(b"anna:W1nter-2026").decode()


def haconsole(lab: Lab, config: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return lab.operator([sys.executable, "-m", "haconsole", "--config", str(config), *argv], check=False)


@contextlib.contextmanager
def printed_sudoers(lab: Lab, config: Path) -> Iterator[None]:
    printed = haconsole(lab, config, "sudoers").stdout
    before = {n.name: n.read(SUDOERS) for n in lab.nodes.values()}
    for node in lab.nodes.values():
        node.write(SUDOERS, printed, 0o440)
        node.exec("visudo", "-c", "-f", SUDOERS)
    try:
        yield
    finally:
        for node in lab.nodes.values():
            node.write(SUDOERS, before[node.name], 0o440)


def test_a_pair_with_a_password_is_rendered_tested_and_bundled_without_it(healthy_lab: Lab, tmp_path: Path) -> None:
    """Real `keepalived -t` has no word to say of the rendered pair; the planted secrets are nowhere."""
    lab, config = healthy_lab, healthy_lab.write_config(tmp_path / "ops.toml", user="ops", sudo=True)
    with faults.variant(lab, Variant(auth_pass=PASSWORD)), printed_sudoers(lab, config):
        for node in lab.nodes.values():
            node.sh("mkdir /run/says && cp /usr/bin/logger /run/says/squid")
            words = f"Proxy-Authorization: Basic {CREDENTIALS}"  # as squid would say it, by its name; journald looks
            node.sh(f"{{ echo '{words}'; sleep 0.3; }} | /run/says/squid -t squid; rm -r /run/says")  # while it lives

        rendered = haconsole(lab, config, "keepalived-config", "render", "--out", str(tmp_path / "new"))
        assert rendered.returncode == 0, rendered.stderr
        assert "authentication and this one has none" in rendered.stderr
        for node in lab.nodes.values():
            text = (tmp_path / "new" / f"{node.name}.keepalived.conf").read_text()
            assert PASSWORD not in text and "priority 254" in text
            node.write("/run/new.conf", text)
            done = node.exec("keepalived", "-t", "-f", "/run/new.conf", check=False)
            assert (done.returncode, done.stdout + done.stderr) == (0, "")
            node.exec("rm", "/run/new.conf")
        differs = haconsole(lab, config, "keepalived-config", "diff")
        assert differs.returncode == 1 and PASSWORD not in differs.stdout
        assert "-    priority 255" in differs.stdout and "auth_pass (secret)" in differs.stdout
        both = f"password of proxy_ip1 on {' and '.join(lab.nodes)}"
        assert f"{both}: the same\n" in differs.stdout
        two = lab.nodes["proxy-serv02"]
        with faults.file_replaced(two, KEEPALIVED_CONF, two.read(KEEPALIVED_CONF).replace(PASSWORD, "0ther-pw", 1)):
            differs = haconsole(lab, config, "keepalived-config", "diff")
            assert f"{both}: NOT the same\n" in differs.stdout and "0ther-pw" not in differs.stdout + differs.stderr

        made = haconsole(lab, config, "bundle", "-o", str(tmp_path / "case.tar.gz"), "--for", "3s")
        assert made.returncode == 0, made.stderr
    with tarfile.open(tmp_path / "case.tar.gz") as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
    everything = b"\n".join(files.values())
    for secret in (PASSWORD, CREDENTIALS):
        assert [f for f in forms(secret) if f.encode() in everything] == []
    manifest = json.loads(files["case/MANIFEST.json"])
    missing = {(e["what"], e["missing"]) for e in manifest["entries"] if e["file"] is None}
    assert all("not installed" in why for _, why in missing), missing
    for node in lab.nodes.values():
        here = f"case/proxy/{node.name}/"
        assert b"Proxy-Authorization: (secret)" in files[here + "log.txt"]
        assert b"auth_pass (secret)" in files[here + "conf/keepalived.conf"]
        assert (
            b"SIMPLE_PASSWORD" in files[here + "dump-data.txt"] and b"Became master" in files[here + "dump-stats.txt"]
        )
        assert {x["data"]["iname"] for x in json.loads(files[here + "dump.json"])} == {"proxy_ip1", "proxy_ip2"}
        shown = subprocess.run(
            ["tcpdump", "-nr", "-"], input=files[here + "adverts.pcap"], capture_output=True, check=True
        ).stdout.decode()
        assert "192.168.2.251 > 224.0.0.18" in shown and "192.168.2.252 > 224.0.0.18" in shown


def test_what_is_installed_as_rendered_is_what_is_recommended_and_init_learns_it(
    healthy_lab: Lab, tmp_path: Path
) -> None:
    lab, config = healthy_lab, healthy_lab.write_config(tmp_path / "root.toml")
    rendered = haconsole(lab, config, "keepalived-config", "render", "-o", "json")
    texts = {n["node"]: n["text"] for n in json.loads(rendered.stdout)["nodes"]}
    with contextlib.ExitStack() as stack:
        for node in lab.nodes.values():
            stack.enter_context(faults.file_replaced(node, KEEPALIVED_CONF, texts[node.name]))
        same = haconsole(lab, config, "keepalived-config", "diff")
        assert (same.returncode, same.stdout) == (0, "")
        ssh = ("--user", "root", "--identity-file", str(lab.ssh_dir / "id_ed25519"))
        known = ("--known-hosts", str(lab.ssh_dir / "known_hosts"))
        learned = haconsole(
            lab, config, "init", "--from", "ssh", "192.168.2.251", "192.168.2.252", *ssh, *known,
            "-o", str(tmp_path / "learned.toml"),
        )  # fmt: skip
    assert learned.returncode == 0, learned.stderr
    (found,), (meant,) = load(tmp_path / "learned.toml"), load(config)
    assert (found.vips, [n.name for n in found.nodes]) == (meant.vips, [n.name for n in meant.nodes])
    assert [(n.address, n.lan_interface, n.public_interface) for n in found.nodes] == [
        (n.address, n.lan_interface, n.public_interface) for n in meant.nodes
    ]
