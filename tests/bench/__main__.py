"""`make bench`: prints a table, writes bench-results.json; exit code 1 when a bound does not hold."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import Row, side_by_side

# The same readings as `haconsole status` takes, as an operator would script them.
READINGS = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
id -un; id -u; id -Gn; uname -n; cat /proc/sys/kernel/random/boot_id; date +%s.%N
keepalived -v; keepalived --signum=DATA; squid -v; systemctl --version; uname -r; cat /proc/uptime
systemctl show -p ActiveState,SubState,UnitFileState,MainPID -- keepalived squid
ip -o link; ip -o addr
rm -f /tmp/keepalived.data; systemctl kill --kill-who=main -s "$(keepalived --signum=DATA)" keepalived
until [ -s /tmp/keepalived.data ]; do sleep 0.05; done; sleep 0.05; cat /tmp/keepalived.data; rm -f /tmp/keepalived.data
cat /etc/keepalived/keepalived.conf; keepalived -t -f /etc/keepalived/keepalived.conf
squid -k check; ss -ltn
for p in counters info 5min; do squidclient mgr:$p; done
"""


def version() -> Row:
    """`haconsole --version` against the bare interpreter."""
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    return side_by_side(
        "haconsole --version",
        lambda: subprocess.run([sys.executable, "-m", "haconsole", "--version"], **quiet),  # type: ignore[call-overload]
        lambda: subprocess.run([sys.executable, "-c", "pass"], **quiet),  # type: ignore[call-overload]
        against="python -c pass",
        limit=4.0,
        runs=20,
    )


def status(runs: int) -> Row:
    """`haconsole status` on the lab against two parallel OpenSSH runs with the same readings."""
    from tests.lab.harness import Lab

    with Lab() as lab, tempfile.TemporaryDirectory() as folder:
        lab.wait_converged(60)
        config = lab.write_config(Path(folder) / "haconsole.toml", user="root")
        ours = [sys.executable, "-m", "haconsole", "status", "--config", str(config), "-o", "json"]
        ssh = [
            "ssh", "-F", "none", "-i", str(lab.ssh_dir / "id_ed25519"), "-o", f"UserKnownHostsFile={lab.ssh_dir / 'known_hosts'}",
            "-o", "BatchMode=yes",
        ]  # fmt: skip
        probe = ["curl", "-s", "-o", "/dev/null", "-m", "2", lab.origin_url]

        def theirs() -> None:
            running = [
                lab.operator_popen(
                    [*ssh, f"root@{n.address}", READINGS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                for n in lab.nodes.values()
            ]
            running += [
                lab.operator_popen([*probe, "-x", f"http://{vip}:3128"], stdout=subprocess.DEVNULL)
                for vip in ("192.168.2.101", "192.168.2.102")
            ]
            for process in running:
                process.wait(60)

        return side_by_side(
            "haconsole status -o json (2 nodes, 2 VIPs)",
            lambda: lab.operator(ours, check=True, stdout=subprocess.DEVNULL),
            theirs,
            against="2 parallel ssh + 2 curl, same readings",
            limit=2.0,
            runs=runs,
        )


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", choices=["version", "status"])
    asked = parser.parse_args()
    rows = [version()] if asked.only != "status" else []
    if asked.only != "version":
        rows.append(status(asked.runs))
    print(f"{'what':<46} {'ours':>9} {'theirs':>9} {'ratio':>6} {'limit':>6}")
    for row in rows:
        sign = "●" if row.ratio <= row.limit else "✖"
        print(
            f"{row.name:<46} {row.ours_s * 1000:>6.0f} ms {row.theirs_s * 1000:>6.0f} ms {row.ratio:>6.2f} {row.limit:>6.1f} "
            f"{sign} {row.theirs}"
        )
    Path("bench-results.json").write_text(json.dumps([row.document() for row in rows], indent=1) + "\n")
    return 0 if all(row.ratio <= row.limit for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
