"""`python -m tests.lab.record [NAME ...]`: make faults in a lab of its own, and keep what the nodes answer.

Writes tests/fixtures/recorded/NAME/. Without names: all. The healthy pair is recorded first when it is not there, or
with all; the others are kept as differences to it, so that it is never recorded alone once there are others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from haconsole.cluster.conclude import Snapshot
from haconsole.config.load import load as load_config
from haconsole.model.events import ClientResult
from haconsole.model.findings import Severity
from haconsole.model.problems import ProblemError
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.runtime.assemble import production
from tests.lab.fault_list import ALL, Fault
from tests.lab.fault_list_more import MORE
from tests.lab.fault_making import Making
from tests.lab.harness import Lab, LabError
from tests.lab.record_more import EXTRA, OLD_AND_NEW, SUITES
from tests.support.recorded import FOLDER, HEALTHY, Looker, Recorder, Recording, described, load, look, save
from tests.unit.cluster.audit.cases import texts

WAIT_S = 25.0
TESTED = "keepalived-t"
LIVE_ONLY = frozenset(
    {"keepalived frozen", "node frozen", "squid's worker killed", "origin silent", "firewall drops clients"}
)
"""Told only by a console that saw the node before, follows squid's log, or asks squid while clients go on failing."""


def main(names: list[str]) -> int:
    """Record; returns how many were not told as they should be."""
    known = {m.name: m for m in made()}
    wanted = [known[n] for n in names if n not in {HEALTHY, TESTED}] if names else list(known.values())
    failed = 0
    with Lab() as lab:
        if not names or not (FOLDER / HEALTHY).exists():
            record(lab, Made(HEALTHY, None, "", about="nothing: the article's pair, well and idle"))
        if not names or TESTED in names:
            tested(lab)
        for each in wanted:
            failed += not each.name.endswith(OLD_AND_NEW) and not kept(lab, each)
    mixed = [each for each in wanted if each.name.endswith(OLD_AND_NEW)]
    if mixed:
        with Lab(suites=SUITES) as lab:
            failed += sum(not kept(lab, each) for each in mixed)
    return failed


def tested(lab: Lab) -> None:
    """What `keepalived -t` says of each file that the audit's tests judge."""
    node, said = next(iter(lab.nodes.values())), []
    for name, text in texts():
        node.write("/run/tested.conf", text)
        done = node.exec("keepalived", "-t", "-f", "/run/tested.conf", check=False)
        lines = [re.sub(r"^.*?Keepalived\S*: ", "", x) for x in (done.stdout + done.stderr).splitlines() if x.strip()]
        digest = sha256(text.encode()).hexdigest()
        said.append({"case": name, "sha256": digest, "status": done.returncode, "says": lines})
    node.exec("rm", "-f", "/run/tested.conf")
    version = node.exec("keepalived", "-v").stderr.splitlines()[0]
    document = {"keepalived": version, "date": time.strftime("%Y-%m-%d"), "files": said}
    (FOLDER / f"{TESTED}.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    print(f"{TESTED}: {len(said)} files")


def kept(lab: Lab, each: Made) -> bool:
    """As `record`; a fault that cannot be made hinders no other."""
    try:
        return record(lab, each)
    except (AssertionError, LabError, ProblemError) as problem:
        print(f"{each.name}: {problem}", file=sys.stderr)
        return False


@dataclass(frozen=True)
class Made:
    """One recording: how the fault is made, and the id that has to be among what is told before it is kept."""

    name: str
    make: Making | None
    wanted: str
    before: Making | None = None
    config: dict[str, Any] = field(default_factory=dict)
    about: str = ""


def made() -> Iterator[Made]:
    """Faults of the lists whose finding needs nobody who listens on the wire, and those that only make recordings."""
    for fault in (*ALL, *MORE):
        id_ = _id(fault)
        if not id_.startswith("wire-") and fault.name not in LIVE_ONLY:
            about = f"tests/lab: {fault.name}" + (f" ({fault.make.__doc__})" if fault.make.__doc__ else "")
            yield Made(fault.name.replace(" ", "-").lower(), fault.make, id_, fault.before, about=about)
    for name, make, wanted, config, about in EXTRA:
        yield Made(name, make, wanted, config=config, about=about)


def _id(fault: Fault) -> str:
    return (fault.own or fault.named).partition("/")[0]


def record(lab: Lab, each: Made) -> bool:
    """False: what was wanted was not told in time; then nothing is kept."""
    lab.heal()
    lab.wait_converged()
    lab.each_node(lambda node: node.sh("journalctl -q --rotate; journalctl -q --vacuum-time=1us"))
    with contextlib.ExitStack() as stack:
        for making in (each.before, each.make):
            if making is not None:
                stack.enter_context(making(lab))
        with tempfile.TemporaryDirectory() as folder:
            options = {"user": "root", **each.config}
            (spec,) = load_config(lab.write_config(Path(folder) / "config.toml", **options))
            end = time.monotonic() + WAIT_S
            while True:
                with lab.enter_operator():
                    found, snapshot = asyncio.run(recorded(each.name, spec))
                ids = {f.id for f in snapshot.findings}
                passing = ids & {"vip-moving"}
                if (each.wanted in ids and not passing) or (not each.wanted and not _bad(snapshot)):
                    break
                if time.monotonic() > end:
                    print(f"{each.name}: {each.wanted} was not told: {sorted(ids)}", file=sys.stderr)
                    return False
    found.about = {"made": each.about, "date": time.strftime("%Y-%m-%d"), **versions(snapshot)}
    neutral(found, snapshot)
    save(found, load(HEALTHY) if each.name != HEALTHY else None)
    keys = {f.key for f in snapshot.findings}
    told = [f"{'' if f.follows_from in keys else '*'}{f.id}" for f in _bad(snapshot)]
    print(f"{each.name}: {' '.join(told)}")
    return True


def _bad(snapshot: Snapshot) -> list[Any]:
    return [f for f in snapshot.findings if f.severity > Severity.INFO or f.unknown]


async def recorded(name: str, spec: ClusterSpec) -> tuple[Recording, Snapshot]:
    """One look at the nodes."""
    parts = production()
    now = parts.clock.now
    kept = Recording(name, now(), described(spec))
    looker = Looker(spec, now)

    async def probe(vip: IpAddress) -> ClientResult:
        result = await parts.probe.probe(spec, vip)
        kept.add("client", str(vip), now(), json.dumps(asdict(result)))
        return result

    try:
        real = {n.name: await parts.connector.connect(n) for n in spec.nodes}
        connections = {n: Recorder(n, c, kept, now) for n, c in real.items()}
        snapshot = await look(looker, connections, probe, asyncio.sleep)  # type: ignore[arg-type]
        for connection in real.values():
            connection.abort()
    finally:
        await parts.connector.close()
    kept.concluded = round(now() - kept.begun, 6)
    return kept, snapshot


def versions(snapshot: Snapshot) -> dict[str, str]:
    """keepalived's and squid's, of the first node that told them."""
    told = next(n.versions for n in snapshot.picture.nodes if n.versions is not None)
    return {"keepalived": str(told.keepalived), "squid": str(told.squid)}


def neutral(found: Recording, snapshot: Snapshot) -> None:
    """Nothing of this machine: its kernel is called 6.1.0, and itself `console`."""
    kernels = {n.versions.kernel for n in snapshot.picture.nodes if n.versions and n.versions.kernel}
    pattern = re.compile("|".join(rf"{re.escape(k)}\S*" for k in kernels) or "(?!)")
    for told in found.answers.values():
        told[:] = [(at, [_plain(pattern.sub("6.1.0", line)) for line in lines]) for at, lines in told]


def _plain(line: str) -> str:
    host = re.escape(socket.gethostname())
    return re.sub(rf'@{host}\b|(?<="host": "){host}(?=")', lambda m: "@console" if m[0][0] == "@" else "console", line)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
