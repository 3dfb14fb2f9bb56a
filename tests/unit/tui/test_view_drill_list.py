"""The list of drills: every column is told whole, from the smallest terminal on, and none is starved beside empty room."""

from dataclasses import replace

import pytest

from haconsole.model.drill import Verdict
from haconsole.operations.drills.parts import CATALOGUE
from haconsole.tui.view.drill_list import Asked, drill_table, offered
from haconsole.tui.view.text import plain, width_of
from tests.support import drill_sample
from tests.unit.tui import scenes
from tests.unit.tui.operating import whole

BORDER = 3
PAIRS = [(node, drill) for node in (scenes.ONE, scenes.TWO) for drill in CATALOGUE]
SAMPLE = drill_sample.passed()
PAST = [
    replace(SAMPLE, node=node, drill=drill, result=result, measured=replace(SAMPLE.measured, outage_s={"x": 12.34}))
    for (node, drill), result in zip(PAIRS, [Verdict.DEVIATED, Verdict.PASSED, Verdict.ABORTED, None] * 3, strict=True)
]


@pytest.mark.parametrize("width", range(80 - BORDER, 161 - BORDER))
def test_the_last_run_of_every_drill_is_told_whole_at_every_width(width: int) -> None:
    now = SAMPLE.started + 3540
    asked = {f"{node}/{drill}": Asked(at=now - 59, count=20) for node, drill in PAIRS}
    heading, rows = drill_table(offered(whole().picture, CATALOGUE, PAST, asked), [], width, now)
    assert "last run" in plain(heading)
    for row, record in zip(rows, PAST, strict=True):
        text = plain(row.line)
        assert width_of(row.line) == width and "…" not in text, text
        assert record.drill in text and ("not over" if record.result is None else record.result.value) in text
        assert "12.34 s" in text
        if width >= 115:
            assert "59 s ago" in text and "59 min ago" in text and "lost" in text, text


def test_long_names_give_way_before_the_last_run_does() -> None:
    own = {name: replace(CATALOGUE["squid-stop"], name=name) for name in ("o" * 40, "p" * 40)}
    past = [replace(PAST[0], drill=name) for name in own]
    _, rows = drill_table(offered(whole().picture, own, past, {}), [], 77, SAMPLE.started + 3540)
    assert all("deviated 12.34 s" in plain(row.line) for row in rows if row.key.startswith(scenes.ONE))
