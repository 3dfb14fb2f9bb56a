"""Every finding and every id of the audit is proven on what real programs said, or docs/triage.md says why it is not."""

from __future__ import annotations

import re
from pathlib import Path

from haconsole.cluster.audit.ids import IDS
from tests.lab.fault_list import ALL
from tests.lab.fault_list_more import MORE
from tests.unit.cluster.audit.cases import texts
from tests.unit.runtime.test_recorded import EXPECTED

ROOT = Path(__file__).parents[2]
_ID = re.compile(r"[`\"'/(*]([a-z0-9]+(?:-[a-z0-9]+)+)[`\"'/)]")


def words(text: str) -> set[str]:
    """What stands in quotes, as ids do."""
    return set(_ID.findall(text))


def made() -> set[str]:
    """In the lab: what a fault must give (not what it may), and what the other tests there name; recordings."""
    found = {i for told in EXPECTED.values() for i in told.replace("*", "").replace("(", "").replace(")", "").split()}
    for fault in (*ALL, *MORE):
        keys = {fault.named, fault.own, *fault.also}
        found |= {k.partition("/")[0] for k in keys} | fault.follows | fault.stays
    for path in (ROOT / "tests" / "lab").glob("test_*.py"):
        found |= words(path.read_text("utf-8"))
    return found


def excused() -> set[str]:
    """Told in docs/triage.md, with the reason."""
    text = (ROOT / "docs" / "triage.md").read_text("utf-8")
    return words(text.partition("## Not made for real here")[2].partition("\n## ")[0])


def test_every_finding_is_made_for_real_or_it_is_said_why_not() -> None:
    text = (ROOT / "docs" / "findings.md").read_text("utf-8")
    findings = set(re.findall(r"^### `([a-z0-9-]+)`$", text, re.MULTILINE))
    assert findings - made() - excused() == set()


def test_every_id_of_the_audit_is_told_of_a_file_that_keepalived_judged_or_of_a_real_node() -> None:
    judged = {name.partition(" ")[0] for name, _ in texts()}
    assert set(IDS) - judged - made() - excused() == set()
