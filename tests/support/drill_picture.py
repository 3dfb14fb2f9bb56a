"""Writes the report of a drill as one HTML page, or a picture of its time line as SVG: of a stored `report.json`, or
of a sample (`passed`, `deviated`, `resumed`).

python -m tests.support.drill_picture /tmp/report.html DIR/report.json
python -m tests.support.drill_picture docs/drill.svg passed takeover
"""

from __future__ import annotations

import sys
from pathlib import Path

from haconsole.report.drill_files import CAPTURE, read
from haconsole.report.drill_html import alone, html
from haconsole.report.drill_timeline import pictures
from tests.support import drill_sample


def main() -> None:
    """File, which drill, which picture."""
    target = Path(sys.argv[1])
    which = sys.argv[2] if len(sys.argv) > 2 else "passed"
    stored = Path(which)
    record = read(stored) if stored.exists() else getattr(drill_sample, which)()
    wire = (stored.parent / CAPTURE).exists() if stored.exists() else not record.resumed
    if target.suffix == ".svg":
        wanted = sys.argv[3] if len(sys.argv) > 3 else "takeover"
        target.write_text(next(alone(p) for p in pictures(record) if p.name == wanted), "utf-8")
    else:
        target.write_text(html(record, wire=wire), "utf-8")


if __name__ == "__main__":
    main()
