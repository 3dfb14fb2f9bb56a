"""The console's drills: what was typed is checked before any node is asked, and past runs are those of this cluster."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from haconsole.cli.console_drills import ConsoleDrills
from haconsole.io.drill_file import DrillFolder
from haconsole.operations.drills.parts import CATALOGUE
from haconsole.tui.drilling import Words
from haconsole.tui.source import CannotError
from tests.support import drill_sample
from tests.unit.tui.scenes import SPEC


def drills(tmp_path, own=""):
    file = tmp_path / "drills.toml"
    if own:
        file.write_text(own)
    monitor = SimpleNamespace(spec=SPEC)
    return ConsoleDrills(None, monitor, None, DrillFolder(tmp_path / "runs"), operator="anna@bastion", own=file)


@pytest.mark.parametrize("hold", ["1y", "0s", "9h"])
def test_a_hold_that_cannot_be_is_said(tmp_path, hold):
    with pytest.raises(CannotError, match="hold"):
        drills(tmp_path).run(CATALOGUE["drain"], "proxy-serv01", Words(hold=hold))
    assert drills(tmp_path).run(CATALOGUE["drain"], "proxy-serv01", Words(hold="2m")).drill.hold_s == 120


async def test_own_drills_come_after_the_catalogues_and_a_file_that_is_none_is_told(tmp_path):
    own = '[[drill]]\nname = "ours"\naction = "squid-stop"\n'
    assert list((await drills(tmp_path, own).shelf()).drills) == [*CATALOGUE, "ours"]
    shelf = await drills(tmp_path, "drill = 3").shelf()
    assert list(shelf.drills) == list(CATALOGUE)
    assert any("drills.toml" in p for p in shelf.problems)


async def test_past_runs_are_this_clusters_newest_first_and_a_dead_consoles_is_named(tmp_path):
    made = drills(tmp_path)
    folder = DrillFolder(tmp_path / "runs")
    for number, cluster in enumerate(("proxy", "other", "proxy"), 1):
        journal = folder.begin(f"run-{number:04}")
        journal.end(replace(drill_sample.passed(), id=f"run-{number:04}", cluster=cluster))
        journal.close()
    folder.begin("run-dead").close()
    shelf = await made.shelf()
    assert {r.id for r in shelf.past} == {"run-0001", "run-0003"}
    assert all(r.requests == () for r in shelf.past)
    assert [p for p in shelf.problems if "run-dead" in p and "drill resume" in p]
