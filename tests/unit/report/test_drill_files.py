"""A drill's report on disk, and past runs compared."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from haconsole.model.drill import Verdict
from haconsole.report import drill_compare
from haconsole.report.drill_compare import Direction, Run, load, table, trends
from haconsole.report.drill_files import DrillFilesError, read, write
from tests.support.drill_sample import START, A, deviated, passed, resumed

PCAP = bytes.fromhex("d4c3b2a1")
DAY = 86400.0


class TestFiles:
    def test_all_four_are_there_and_the_report_names_the_capture(self, tmp_path: Path) -> None:
        paths = write(passed(), PCAP, tmp_path / "new" / "folder")
        assert [p.name for p in paths] == ["report.json", "report.md", "report.html", "adverts.pcap"]
        assert sorted(os.listdir(paths[0].parent)) == sorted(p.name for p in paths)
        assert json.loads(paths[0].read_text())["capture"] == "adverts.pcap"
        assert paths[3].read_bytes() == PCAP
        assert read(tmp_path / "new" / "folder").measured == passed().measured

    def test_without_a_capture_there_is_none_and_each_form_says_so(self, tmp_path: Path) -> None:
        paths = write(deviated(), None, tmp_path)
        assert [p.name for p in paths] == ["report.json", "report.md", "report.html"]
        assert json.loads(paths[0].read_text())["capture"] is None
        assert all("The wire was not recorded" in p.read_text() for p in paths[1:])

    def test_a_run_replaces_its_own_report_and_keeps_its_capture(self, tmp_path: Path) -> None:
        write(replace(passed(), result=None), PCAP, tmp_path)
        paths = write(replace(passed(), resumed=True), None, tmp_path)
        assert read(paths[0]).resumed and paths[0].parent == tmp_path
        assert paths[-1].name == "adverts.pcap" and "adverts.pcap holds" in paths[1].read_text()

    def test_the_report_of_another_run_is_never_overwritten(self, tmp_path: Path) -> None:
        first = write(passed(), PCAP, tmp_path)[0].read_bytes()
        paths = write(replace(deviated(), id="../../etc/x"), None, tmp_path)
        assert paths[0].parent == tmp_path / "etc-x"
        assert (tmp_path / "report.json").read_bytes() == first
        assert [r.record.drill for r in load(tmp_path)[0]] == ["squid-stop", "public-link-down"]

    def test_a_file_of_that_name_without_a_report_is_somebody_elses(self, tmp_path: Path) -> None:
        (tmp_path / "adverts.pcap").write_bytes(b"mine")
        assert write(passed(), PCAP, tmp_path)[0].parent == tmp_path / passed().id
        assert (tmp_path / "adverts.pcap").read_bytes() == b"mine"

    def test_a_folder_that_cannot_be_made_is_named_with_the_next_step(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(DrillFilesError, match=r"file.*: Not a directory|File exists.*name another folder"):
            write(passed(), None, tmp_path / "file")

    def test_what_cannot_be_read_is_listed_beside_the_runs(self, tmp_path: Path) -> None:
        write(passed(), None, tmp_path / "a")
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "report.json").write_text('{"schema": "other/1"}')
        runs, problems = load(tmp_path)
        assert [r.record.id for r in runs] == [passed().id]
        assert len(problems) == 1 and "b/report.json is no drill's report: schema 'other/1'" in problems[0]
        with pytest.raises(DrillFilesError, match="is no folder"):
            load(tmp_path / "nowhere")


def _series(*outages: float) -> list[Run]:
    return [Run(path=Path(f"/runs/{n}"), record=passed(START + n * DAY, outage, n)) for n, outage in enumerate(outages)]


def _outage(runs: list[Run]) -> drill_compare.Trend:
    return next(t for t in trends(runs) if t.figure == "outage_s" and t.vip == A)


class TestTrend:
    def test_fewer_than_four_runs_tell_nothing(self) -> None:
        found = _outage(_series(0.62, 2.0, 5.0))
        assert found.direction is Direction.NOT_TOLD
        assert found.earlier_s is None and found.text == "not told: 3 of the 4 runs that it takes"

    @pytest.mark.parametrize(
        ("outages", "direction"),
        [
            ((0.62, 0.66, 0.64, 0.70), Direction.STEADY),  # within what is never told
            ((0.62, 0.66, 1.64, 1.70), Direction.SLOWER),
            ((1.62, 1.66, 0.64, 0.70), Direction.FASTER),
            ((0.62, 2.66, 1.64, 2.70), Direction.STEADY),  # the earlier ones were as far apart
            ((0.6, 0.62, 0.61, 0.63, 0.62, 0.6, 0.61, 3.0, 0.95, 0.94, 0.96, 0.95), Direction.SLOWER),  # one outlier
        ],
    )
    def test_the_last_are_held_against_those_before(self, outages: tuple[float, ...], direction: Direction) -> None:
        runs = _series(*outages)
        assert _outage(runs).direction is direction
        assert trends(list(reversed(runs))) == trends(runs)  # by date, in whatever order they are found

    def test_a_difference_within_what_the_prediction_left_open_is_no_trend(self) -> None:
        wide = [
            replace(r, record=replace(r.record, predicted=deviated().predicted)) for r in _series(0.8, 0.9, 1.9, 2.0)
        ]
        assert _outage(wide).direction is Direction.STEADY  # half of 0.61–4.20 s

    def test_runs_that_were_resumed_or_stopped_do_not_count(self) -> None:
        runs = _series(0.6, 0.6, 3.0, 3.0)
        left = replace(runs[3], record=replace(runs[3].record, resumed=True))
        stopped = replace(runs[3], record=replace(runs[3].record, result=Verdict.ABORTED))
        assert _outage([*runs[:3], left, stopped]).runs == 3


def test_a_run_that_did_not_measure_is_told_and_stands_in_no_median() -> None:
    runs = _series(0.63, 0.63, 0.63, 0.63, 0.63)
    blind = replace(runs[4].record, measured=replace(runs[4].record.measured, outage_s={A: None, "192.168.2.102": 0.0}))
    runs[4] = replace(runs[4], record=blind)
    trend = _outage(runs)
    assert (trend.runs, trend.unmeasured, trend.direction) == (4, 1, Direction.STEADY)
    assert trend.text.endswith("; not measured in 1 more")
    told = json.loads(json.dumps(drill_compare.document(runs)))["runs"]
    assert [r["not_measured"] for r in told] == [
        [], [], [], [], [{"vip": A, "figure": "client outage", "why": None}],
    ]  # fmt: skip
    out = io.StringIO()
    Console(file=out, width=80).print(table(runs))
    assert f"? the client outage of {A} was not measured" in out.getvalue()


def test_the_table_and_the_json_tell_the_same() -> None:
    runs = [*_series(0.62, 0.66, 1.64, 1.70), Run(path=Path("/runs/x"), record=resumed())]
    out = io.StringIO()
    Console(file=out, width=200).print(table(runs, ["/runs/y is no drill's report"]))
    shown = out.getvalue()
    assert "● 2026-11-28 13:09 UTC+01:00  public-link-down on proxy-serv01  passed" in shown
    assert "✖ 2026-11-28 12:09 UTC  lan-link-down on proxy-serv01  failed" in shown
    assert "outage 0.620 s" in shown and "outage ?" in shown and "0.61–0.73 s" in shown
    assert "▲  public-link-down on proxy-serv01  192.168.2.101  client outage" in shown
    assert "/runs/y is no drill's report" in shown
    told = json.loads(json.dumps(drill_compare.document(runs, ["/runs/y is no drill's report"]), allow_nan=False))
    trend = next(t for t in told["trends"] if t["vip"] == A and t["figure"] == "outage_s")
    assert trend["trend"] == "slower" and trend["text"] in shown
    assert told["runs"][4]["measured"]["outage_s"] == {} and told["runs"][4]["result"] == "failed"
