"""`make bench`: prints a table, writes bench-results.json; exit code 1 when a bound does not hold.

Needs Linux; the rows of the lab need what the lab needs, and are left out, said, where it cannot run.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import haconsole
from tests.bench import growth, processes, screen, wire
from tests.bench.measure import Row
from tests.lab.harness import Lab, missing_prerequisites

ON_LAB = ("status", "kernel", "idle")
ALONE = ("version", "first", "keys", "storm", "fifty", "wire", "growth")


def rows(wanted: Sequence[str], runs: int) -> Generator[Row, None, None]:
    """Each row when it is done."""
    alone: dict[str, Callable[[], list[Row]]] = {
        "version": lambda: [processes.version()],
        "first": lambda: [screen.first_frame(runs + 5)],
        "keys": lambda: [screen.keys_in_flood(12 * runs)],
        "storm": lambda: [screen.keys_in_storm(12 * runs)],
        "fifty": lambda: [screen.fifty(30.0)],
        "wire": lambda: wire.adverts(3),
        "growth": growth.amounts,
    }
    for name, measure in alone.items():
        if name in wanted:
            yield from measure()
    if not set(wanted) & set(ON_LAB):
        return
    if missing := missing_prerequisites():
        print(f"left out ({', '.join(sorted(set(wanted) & set(ON_LAB)))}): {'; '.join(missing)}", file=sys.stderr)
        return
    with Lab() as lab:
        lab.wait_converged(60, stable_s=3.0)
        if "status" in wanted:
            yield processes.status(lab, runs)
        if "kernel" in wanted:
            yield screen.kernel_change(lab, 3 * runs)
        if "idle" in wanted:
            yield screen.idle(lab, 30.0)


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="of `status`; others take a multiple (default 10)")
    parser.add_argument("--only", nargs="+", choices=[*ALONE, *ON_LAB], default=[*ALONE, *ON_LAB])
    asked = parser.parse_args()
    # What people start is compiled: pip does so when it installs. A tree with an interpreter that may not write
    # (PYTHONDONTWRITEBYTECODE) compiles every module at every start, and that would be measured.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(Path(haconsole.__file__).parent, quiet=1)
    done: list[Row] = []
    with contextlib.closing(rows(asked.only, asked.runs)) as coming:
        for row in coming:
            print(row.line(), flush=True)
            done.append(row)
    Path("bench-results.json").write_text(json.dumps([row.document() for row in done], indent=1) + "\n", "utf-8")
    return 0 if all(row.held for row in done) else 1


if __name__ == "__main__":
    sys.exit(main())
