"""Pictures of the console in the situations that matter, small and large, and of each theme once.

Look at them before updating: `pytest tests/snapshots --snapshot-update`.
"""

import pytest

from haconsole.tui import themes
from tests.unit.tui import hearings, scenes
from tests.unit.tui.driving import console, fleet
from tests.unit.tui.operating import offering, pictured

SIZES = {"small": (80, 24), "large": (160, 48)}
SITUATIONS = ["healthy", "eth1-down", "unreachable", "split-brain", "connecting", "unprivileged", "hostile"]
THEMES = [theme.name for theme in themes.load([themes.shipped()])[0]]


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_cluster(snap_compare, situation, size):
    assert snap_compare(console(scenes.SITUATIONS[situation]()), terminal_size=size)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("situation", [scenes.first_second, scenes.squid_hung], ids=["first-second", "squid-hung"])
def test_cluster_as_the_rules_see_it(snap_compare, situation, size):
    assert snap_compare(console(situation()), terminal_size=size)


@pytest.mark.parametrize("theme", THEMES)
def test_theme(snap_compare, theme):
    assert snap_compare(console(scenes.eth1_down(), theme=theme), terminal_size=(120, 40))


def test_without_colour(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(console(scenes.eth1_down()), terminal_size=(80, 24))


@pytest.mark.parametrize(
    ("situation", "keys"),
    [
        ("eth1-down", ["f", "enter"]),
        ("eth1-down", ["n", "right", "enter"]),
        ("split-brain", ["enter"]),
        ("unprivileged", ["n", "enter"]),
        ("eth1-down", ["3"]),
        ("eth1-down", ["5"]),
        ("healthy", ["question_mark"]),
        ("healthy", ["y"]),
    ],
    ids=["finding", "node", "vip", "node-without-rights", "triage", "logs", "help", "copied"],
)
def test_screen(snap_compare, situation, keys):
    assert snap_compare(console(scenes.SITUATIONS[situation]()), terminal_size=(80, 24), press=keys)


def test_filtered_logs(snap_compare):
    assert snap_compare(console(scenes.eth1_down()), terminal_size=(80, 24), press=["5", "slash", *"serv02 -kernel"])


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_clusters(snap_compare, size):
    shown = fleet(50, worst=[scenes.eth1_down(), scenes.split_brain(), scenes.unreachable(), scenes.connecting()])
    assert snap_compare(console(*shown), terminal_size=size)


def test_one_cluster_of_several(snap_compare):
    shown = fleet(3, worst=[scenes.split_brain()])
    assert snap_compare(console(*shown), terminal_size=(120, 40), press=["down", "enter"])


def test_three_nodes(snap_compare):
    assert snap_compare(console(scenes.three_nodes()), terminal_size=(80, 24), press=["n", "right", "right"])


def test_read_only(snap_compare):
    assert snap_compare(console(scenes.healthy(), read_only=True), terminal_size=(80, 24))


def listening(heard, situation="healthy"):
    app = console(scenes.SITUATIONS[situation]())
    app.test_sources[0].hearing = heard()
    return app


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    "heard",
    [
        hearings.healthy,
        hearings.takeover,
        hearings.split_brain,
        hearings.silent,
        hearings.not_permitted,
        hearings.strange,
    ],
    ids=lambda heard: heard.__name__,
)
def test_adverts(snap_compare, heard, size):
    assert snap_compare(listening(heard), terminal_size=size, press=["2"])


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    "keys",
    [["end", "enter"], ["shift+tab", "enter"], ["space", "slash", *"garp"], ["w"]],
    ids=["packet", "lane", "filtered", "save"],
)
def test_adverts_by_key(snap_compare, keys, size):
    assert snap_compare(listening(hearings.takeover), terminal_size=size, press=["2", *keys])


def test_adverts_without_colour(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(listening(hearings.split_brain, "split-brain"), terminal_size=(80, 24), press=["2"])


def test_adverts_of_the_hostile(snap_compare):
    assert snap_compare(listening(hearings.hostile, "hostile"), terminal_size=(80, 24), press=["2"])


LIST = ["n", "a"]
SQUID_STOP = [*LIST, *["down"] * 6, "enter"]
BEGUN = [*SQUID_STOP, "enter", "tab", *scenes.ONE, "enter"]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    "keys",
    [
        LIST,
        SQUID_STOP,
        [*SQUID_STOP, "enter"],
        [*SQUID_STOP, "enter", "pagedown"],
        BEGUN,
        [*BEGUN, "n"],
        [*BEGUN, "escape"],
    ],
    ids=["list", "words", "confirm", "confirm-checked", "running", "result", "elsewhere"],
)
def test_actions(snap_compare, keys, size):
    assert snap_compare(pictured(offering()[0]), terminal_size=size, press=keys)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("keys", [["enter"], ["enter", "o"]], ids=["refused", "override"])
def test_refused_action(snap_compare, keys, size):
    app, _ = offering(scenes.eth1_down())
    assert snap_compare(app, terminal_size=size, press=[*SQUID_STOP, *keys])


def test_actions_without_colour(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, _ = offering(scenes.eth1_down())
    assert snap_compare(app, terminal_size=(80, 24), press=[*SQUID_STOP, "enter"])


def test_actions_of_the_hostile(snap_compare):
    assert snap_compare(offering(scenes.hostile())[0], terminal_size=(80, 24), press=LIST)
