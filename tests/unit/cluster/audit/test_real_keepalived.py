"""What the real `keepalived -t` says of every file that the audit's tests judge (`python -m tests.lab.record keepalived-t`).

So each finding is told of a file whose fate with keepalived is known: it is refused or complained about, or accepted
without a word, and then nobody but the audit tells.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

from tests.support.recorded import FOLDER

from .cases import BOTH, ONE_FILE, texts

DOCS = Path(__file__).parents[4] / "docs" / "check.md"
SAID = {each["sha256"]: each for each in json.loads((FOLDER / "keepalived-t.json").read_text("utf-8"))["files"]}


def said(text: str) -> tuple[int, list[str]]:
    """Exit status and words; a text that was changed must be recorded anew."""
    told = SAID[sha256(text.encode()).hexdigest()]
    return told["status"], told["says"]


def test_the_healthy_pair_is_accepted_without_a_word() -> None:
    assert [said(text) for name, text in texts() if name.startswith("healthy")] == [(0, []), (0, [])]


def test_of_these_only_the_audit_tells_as_documented() -> None:
    silent: dict[str, bool] = {}
    for name, text in texts():
        id_ = name.partition(" ")[0]
        silent[id_] = silent.get(id_, True) and said(text) == (0, [])
    assert silent.keys() - {"healthy", "conf-one-line"} == {case[0] for case in (*ONE_FILE, *BOTH)}
    part = DOCS.read_text("utf-8").partition("## What keepalived itself says")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`([a-z0-9-]+)`", part.partition("no word to say of:")[2]))
    assert listed == {id_ for id_, quiet in silent.items() if quiet} - {"healthy"}


def test_what_is_critical_in_one_file_alone_keepalived_refuses_but_for_these() -> None:
    """What it takes and what cannot work all the same: no router at all, VIPs that collide, a check that never fails."""
    accepted = {id_ for id_, severity, edits in ONE_FILE if severity == "critical" for name, text in texts()
                if name.startswith(f"{id_} ") and said(text)[0] == 0}  # fmt: skip
    assert accepted == {
        "no-instance",
        "vip-not-accepted",
        "vip-in-two-routers",
        "vip-is-real-address",
        "check-cannot-fail",
    }
