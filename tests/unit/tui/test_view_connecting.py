"""Before the first try has ended everything is in progress, in sign and words; unknown stays unknown."""

from dataclasses import replace

from haconsole.cluster.conclude import conclude
from haconsole.cluster.reduce import initial, reduce
from haconsole.model.events import LinkPhase, Phase
from haconsole.model.findings import Verdict
from haconsole.model.problems import Problem, ProblemKind
from haconsole.tui.view import levels
from haconsole.tui.view.clusters import cluster_list, elsewhere
from haconsole.tui.view.findings import finding_rows, verdict_line
from haconsole.tui.view.text import Level, plain
from haconsole.tui.view.vips import vip_strip
from tests.unit.tui import scenes

REFUSED = Problem(kind=ProblemKind.CONNECTION_REFUSED, summary="refused", remedy="start it")


def first_second(*, vips=True, failed=False):
    spec = scenes.SPEC if vips else replace(scenes.SPEC, vips=())
    state = initial(spec)
    for node in (scenes.ONE, scenes.TWO):
        state = reduce(state, LinkPhase(node=node, at=scenes.NOW - 1, phase=Phase.CONNECTING))
    if failed:
        state = reduce(state, LinkPhase(node=scenes.TWO, at=scenes.NOW, phase=Phase.WAITING, problem=REFUSED))
    return conclude(spec, state, scenes.NOW)


def test_a_cluster_that_is_connected_for_the_first_time_says_so_everywhere():
    for shown in (first_second(), first_second(vips=False)):
        assert shown.verdict is Verdict.UNKNOWN
        assert plain(verdict_line(shown)) == "… connecting …"
        row = plain(cluster_list([("site-07", shown)], 110).rows[0].line)
        assert row.split()[:3] == ["…", "site-07", "connecting"]
        assert f"connecting … to {scenes.ONE}, {scenes.TWO}" in row
        assert elsewhere([shown]) == ()
        assert {r.level for r in finding_rows(shown, 100)} == {Level.BUSY}
        assert {r.level for r in vip_strip(shown, 110).rows} == {Level.BUSY}


def test_of_nodes_that_answer_it_is_not_said_that_they_are_connected_to():
    shown = first_second()
    nodes = tuple(replace(n, readable=n.name == scenes.ONE) for n in shown.picture.nodes)
    row = plain(
        cluster_list([("site-07", replace(shown, picture=replace(shown.picture, nodes=nodes)))], 110).rows[0].line
    )
    assert f"connecting … to {scenes.TWO}; reading {scenes.ONE}" in row
    nodes = tuple(replace(n, readable=True) for n in shown.picture.nodes)
    all_read = replace(shown, picture=replace(shown.picture, nodes=nodes))
    assert levels.word_of(all_read) == "looking"


def test_once_a_try_has_failed_it_is_unknown():
    shown = first_second(failed=True)
    assert levels.of_snapshot(shown) is Level.UNKNOWN
    assert plain(cluster_list([("site-07", shown)], 110).rows[0].line).split()[:3] == ["?", "site-07", "unknown"]
