"""`haconsole forecast` on the demo's cluster and on pictures: what it prints, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console

from haconsole.cli.forecast import supposed
from haconsole.cluster.forecast_changes import UnknownNameError
from haconsole.model.readings import TrackedScript
from haconsole.report.forecast import forecast_document
from haconsole.report.forecast_table import forecast_table
from tests.unit.cluster.builders import ONE, TWO, Play, healthy, pair_daemon, spec
from tests.unit.report.situations import SITUATIONS


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "haconsole", "demo", "--", "forecast", *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def document(play: Play, *words: str) -> Any:
    return json.loads(json.dumps(forecast_document(supposed([play.picture()], words, 1.0))))


def drawn(play: Play, *words: str, width: int = 100) -> str:
    console = Console(width=width, no_color=True, markup=False)
    with console.capture() as captured:
        console.print(forecast_table(supposed([play.picture()], words, 1.0)))
    return captured.get()


def test_the_demo_loses_a_node() -> None:
    done = run("--without", ONE, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    (cluster,) = json.loads(done.stdout)["clusters"]
    (found,) = cluster["forecasts"]
    by = {v["address"]: v for v in found["vips"]}
    assert by["192.168.2.101"]["holder_after"] == TWO
    assert by["192.168.2.101"]["outage_s"] == {"low": 2.609, "high": 3.709}
    assert by["192.168.2.102"]["moves"] is False


def test_a_name_that_is_not_there_is_a_usage_error_with_the_nearest_spelling() -> None:
    done = run("--without", "proxy-serv01:eth11")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'eth1'" in done.stderr


def test_without_words_it_tells_every_single_failure() -> None:
    (cluster,) = document(healthy())["clusters"]
    assert [v["holder_before"] for v in cluster["now"]["vips"]] == [ONE, TWO]
    words = [w["word"] for f in cluster["forecasts"] for w in f["without"]]
    assert words == [f"{n}{t}" for n in (ONE, TWO) for t in ("", ":eth0", ":eth1", ":squid", ":keepalived")]


def test_several_words_are_one_supposition() -> None:
    (cluster,) = document(healthy(), ONE, f"{TWO}:squid")["clusters"]
    (found,) = cluster["forecasts"]
    assert found["lost"] == ["192.168.2.101", "192.168.2.102"]
    assert found["vips"][0]["outage_s"] is None
    assert "total loss" in drawn(healthy(), ONE, f"{TWO}:squid")


def test_only_the_clusters_that_are_named_are_told_of() -> None:
    pictures = [healthy().picture(), healthy(spec(name="other")).picture()]
    with pytest.raises(UnknownNameError, match="proxy/proxy-serv01, other/proxy-serv01"):
        supposed(pictures, [ONE], None)
    (found,) = supposed(pictures, [f"other/{ONE}"], None)
    assert found.picture.spec.name == "other"


def test_what_is_not_known_is_null_in_json_and_said_in_words() -> None:
    (cluster,) = document(Play())["clusters"]
    assert all(f["vips"] == [] for f in cluster["forecasts"])
    play = healthy()
    play.read(ONE, pair_daemon(ONE, tracked_scripts=(TrackedScript(name="site check", ok=True),)))
    (cluster,) = document(play, f"{ONE}:squid")["clusters"]
    vip = cluster["forecasts"][0]["vips"][0]
    assert (vip["holder_after"], vip["held_by_nobody"], vip["serves"], vip["outage_s"]) == (None, None, None, None)
    assert "not known: site check on proxy-serv01" in drawn(play, f"{ONE}:squid", width=140)


def test_a_hostile_name_cannot_draw_on_the_terminal() -> None:
    play = healthy()
    names = (TrackedScript(name="\x1b[31m[bold]x", ok=True),)
    play.read(ONE, pair_daemon(ONE, tracked_scripts=names))
    shown = drawn(play, f"{ONE}:squid", width=140)
    assert "\x1b" not in shown
    assert "[bold]x" in shown


@pytest.mark.parametrize("width", [60, 80])
def test_it_fits_a_narrow_terminal(width: int) -> None:
    assert all(len(line) <= width for line in drawn(healthy(), width=width).splitlines())


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_every_situation_can_be_told_and_nothing_unread_is_claimed(name: str) -> None:
    play = SITUATIONS[name]()
    picture = play.picture()
    (cluster,) = document(play)["clusters"]
    assert drawn(play, width=80)
    unread = {n.name for n in picture.nodes if not n.readable}
    for supposed_ in cluster["forecasts"]:
        for vip in supposed_["vips"]:
            assert vip["holder_after"] not in unread
            assert (vip["held_by_nobody"] is None) == (vip["unknown"] is not None and vip["holder_after"] is None)


def test_where_no_node_told_anything_nothing_is_known() -> None:
    (nothing,) = supposed([Play(spec(vips=["192.168.2.101"])).picture()], [], None)
    assert not nothing.known  # exit code 1
    assert all(v.unknown for f in nothing.suppositions for v in f.vips if f.changes[0].word not in {ONE, TWO})
    (something,) = supposed([healthy().picture()], [], None)
    assert something.known
