"""A drill's journal: what was written is what is read, cut anywhere it still tells what to end, and one console has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from haconsole.io.drill_file import DrillFileError, DrillFolder
from haconsole.model.drill import (
    Claim,
    DrillRecord,
    DrillStep,
    Measured,
    Moment,
    NodeEvidence,
    Predicted,
    Range,
    Source,
    Verdict,
)
from haconsole.operations.drills.steady import Steady
from haconsole.operations.drills.story import Begun, Entry, NotAStoryError, record_read, record_written, story, written

ID = "drill-squid-stop-0123abcd"
V1 = "192.168.2.101"
RECORD = DrillRecord(
    id=ID, cluster="proxy", drill="squid-stop", node="proxy-serv01", operator="anna@desk", ticket="CHG-7", started=100.0,
    ended=None, result=None, predicted=Predicted(outage_s={V1: Range(low=2.6, high=None)}),
    nodes={"proxy-serv01": NodeEvidence(addresses_before=("eth0 192.168.2.251/24",))},
)  # fmt: skip
BEGUN = Begun(
    record=RECORD, steady=Steady(holders={V1: "proxy-serv01"}, served=(V1,), units={"proxy-serv01 squid": True}),
    kind="squid-stop", deadline_s=30, pid=1, host="desk",
)  # fmt: skip
ENTRIES = (
    Entry(what="begun", at=100.0, begun=BEGUN),
    Entry(what="step", at=101.0, step=DrillStep(name="see-armed", started=100.5, ended=101.0, ok=True, text="armed")),
    Entry(
        what="moment", at=101.0, moment=Moment(time=101.0, error_ms=None, node=None, source=Source.WIRE, text="é\x1b")
    ),
    Entry(what="measured", at=102.0, measured=Measured(outage_s={V1: 0.0}, takeover_s={V1: None})),
    Entry(what="during", at=102.0, during=(Claim(text="x", ok=None, evidence="not seen"),)),
    Entry(what="addresses", at=103.0, addresses={"proxy-serv01": None}),
)


def test_a_story_is_what_was_written() -> None:
    found = story(written(e) for e in ENTRIES)
    assert found.begun == BEGUN
    assert (found.last_at, found.may_have_changed) == (103.0, True)
    assert found.record.measured.outage_s == {V1: 0.0} and found.record.measured.takeover_s == {V1: None}
    assert found.record.timeline[0].text == "é\x1b"
    assert found.record.hypothesis.during[0].ok is None
    assert record_read(record_written(found.record)) == found.record


def test_cut_at_any_octet_it_tells_what_to_end_or_that_nothing_was_begun() -> None:
    whole = b"".join(written(e) for e in ENTRIES)
    first = len(written(ENTRIES[0]))
    for cut in range(0, len(whole), 7):
        try:
            found = story(whole[:cut].splitlines())
        except NotAStoryError:
            assert cut < first
            continue
        assert found.begun == BEGUN


def test_the_steady_state_that_is_written_last_is_the_one_to_come_back_to() -> None:
    early = replace(BEGUN, steady=Steady())
    found = story([written(replace(ENTRIES[0], begun=early)), *(written(e) for e in ENTRIES[1:2])])
    assert found.begun == early
    assert story(written(e) for e in (replace(ENTRIES[0], begun=early), *ENTRIES)).begun == BEGUN


def test_a_journal_that_is_broken_in_its_middle_is_not_believed() -> None:
    lines = [written(ENTRIES[0]), b'{"what": "step"', written(ENTRIES[1])]
    with pytest.raises(NotAStoryError, match="line 2"):
        story(lines)


def test_one_console_carries_a_run_out_and_whether_it_lives_is_seen(tmp_path: Path) -> None:
    folder = DrillFolder(tmp_path / "drills")
    assert folder.runs() == ()
    journal = folder.begin(ID)
    for entry in ENTRIES:
        journal.add(entry)
    (run,) = folder.unfinished()
    assert run.alive and not run.over
    with pytest.raises(DrillFileError, match="another console"):
        run.carry_on()
    run.ask_to_abort()
    assert journal.run.abort_asked
    journal.close()
    assert not run.alive
    again = folder.run("0123abcd").carry_on()
    assert again.run.story().begun == BEGUN
    again.end(replace(RECORD, result=Verdict.ABORTED, ended=200.0), b"pcap")
    again.close()
    assert folder.unfinished() == ()
    kept = run.record()
    assert kept is not None and kept.result is Verdict.ABORTED and run.pcap() == b"pcap"
    with pytest.raises(DrillFileError, match="no drill"):
        folder.run("nothing")
