"""Whole processes against what they replace."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import Row, side_by_side
from tests.lab.harness import Lab

# The same readings as `haconsole status` takes, as an operator would script them.
READINGS = r"""
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
id -un; id -u; id -Gn; uname -n; cat /proc/sys/kernel/random/boot_id; date +%s.%N
keepalived -v; n=$(keepalived --signum=DATA); squid -v; systemctl --version; uname -r; cat /proc/uptime
systemctl show -p ActiveState,SubState,UnitFileState,MainPID -- keepalived squid
ip -o link; ip -o addr
rm -f /tmp/keepalived.data; systemctl kill --kill-who=main -s "$n" keepalived
until [ -s /tmp/keepalived.data ]; do sleep 0.05; done; sleep 0.05; cat /tmp/keepalived.data; rm -f /tmp/keepalived.data
cat /etc/keepalived/keepalived.conf; keepalived -t -f /etc/keepalived/keepalived.conf
squid -k check; ss -ltn
for p in counters info 5min; do
  exec 3<>/dev/tcp/127.0.0.1/3128; printf 'GET /squid-internal-mgr/%s HTTP/1.0\r\n\r\n' $p >&3; cat <&3; exec 3>&-
done
echo read-to-the-end
"""


def version() -> Row:
    """`haconsole --version` against the bare interpreter."""

    def run(*words: str) -> None:
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)

    return side_by_side(
        "haconsole --version",
        lambda: run("-m", "haconsole", "--version"),
        lambda: run("-c", "pass"),
        against="python -c pass",
        limit=4.0,
        runs=30,
    )


def status(lab: Lab, runs: int) -> Row:
    """`haconsole status` on the lab against two parallel OpenSSH runs with the same readings."""
    with tempfile.TemporaryDirectory() as folder:
        config = lab.write_config(Path(folder) / "haconsole.toml", user="root")
        ours = [sys.executable, "-m", "haconsole", "status", "--config", str(config), "-o", "json"]
        ssh = [
            "ssh", "-F", "none", "-i", str(lab.ssh_dir / "id_ed25519"), "-o", "BatchMode=yes",
            "-o", f"UserKnownHostsFile={lab.ssh_dir / 'known_hosts'}", "-o", "GlobalKnownHostsFile=/dev/null",
        ]  # fmt: skip
        probe = ["curl", "-s", "-o", "/dev/null", "-m", "2", lab.origin_url]
        vips = ("192.168.2.101", "192.168.2.102")

        def theirs() -> None:
            nodes = [
                lab.operator_popen(
                    [*ssh, f"root@{n.address}", READINGS], stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                )
                for n in lab.nodes.values()
            ]  # fmt: skip
            probes = [lab.operator_popen([*probe, "-x", f"http://{vip}:3128"]) for vip in vips]
            for process in nodes:
                if not process.communicate(timeout=60)[0].endswith(b"read-to-the-end\n"):
                    raise RuntimeError("the comparison did not read to its end")
            if any(process.wait(60) for process in probes):
                raise RuntimeError("a VIP did not serve the comparison")

        return side_by_side(
            "haconsole status -o json (2 lab nodes, 2 VIPs)",
            lambda: lab.operator(ours),
            theirs,
            against="2 parallel ssh + 2 curl, same readings",
            limit=2.0,
            runs=runs,
        )
