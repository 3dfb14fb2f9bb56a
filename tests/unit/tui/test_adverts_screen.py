"""The adverts screen by keyboard: lanes, the stream, holding it, filtering, details, writing, copying."""

import stat

import pytest
from textual.widgets import Input

from haconsole.cluster.hearing import PACKETS_KEPT
from haconsole.model.capture import CapturePhase, CaptureState
from haconsole.tui.screens import adverts
from haconsole.tui.screens.adverts import AdvertsScreen
from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.help import HelpScreen
from haconsole.tui.screens.save import SaveScreen
from haconsole.tui.widgets.filter import FilterLine
from tests.unit.tui import hearings, scenes
from tests.unit.tui.driving import console, driven, press, until
from tests.unit.tui.scenes import NOW, ONE, TWO

SMALL, LARGE = (80, 24), (160, 48)


def listening_console(hearing, situation=scenes.healthy, **options):
    app = console(situation(), **options)
    app.test_sources[0].hearing = hearing
    return app


async def to_adverts(pilot, app):
    await press(pilot, "2")
    await until(pilot, lambda: isinstance(app.screen, AdvertsScreen) and app.screen.query("#places"))
    await until(pilot, lambda: app.pane("places").rows)


def title(app, name):
    return app.pane(name).border_title


def shows(app, *texts):
    picture = app.picture()
    return all(text in picture for text in texts)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_key_2_shows_who_listens_the_lanes_and_the_stream(size):
    app = listening_console(hearings.takeover())
    async with driven(app, size) as pilot:
        await to_adverts(pilot, app)
        await until(
            pilot,
            lambda: shows(
                app, "2 Adverts", "2 of 2 nodes", "listening on eth0", "silent 33 s", "0.0/3.0 s", "14:02:31.400"
            ),
        )


async def test_without_listening_the_screen_says_so_and_keys_do_no_harm():
    app = listening_console(None)
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "space", "w", "z", "enter", "down")
        await until(pilot, lambda: shows(app, "? nobody listens"))


async def test_news_is_on_the_screen_within_a_tick():
    hearing = hearings.healthy()
    app = listening_console(hearing)
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        hearings.take(hearing, [(0.0, hearings.garp(TWO, "192.168.2.102"))])
        await until(pilot, lambda: shows(app, "gratuitous ARP: 192.168.2.102"))
        hearing.news(CaptureState(place=ONE, at=NOW, phase=CapturePhase.WAITING, problem=hearings.NOT_PERMITTED))
        await until(pilot, lambda: shows(app, "1 of 2 nodes", "NOPASSWD: /usr/bin/tcpdump"))


async def test_the_bar_moves_with_time_though_nothing_is_heard():
    now = [NOW]
    app = listening_console(hearings.healthy(), clock=lambda: now[0])
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await until(pilot, lambda: shows(app, "0.4/3.6 s"))
        now[0] += 2.0
        await until(pilot, lambda: shows(app, "2.4/3.6 s"))
        now[0] += 2.0
        await until(pilot, lambda: shows(app, "4.4/3.6 s", "✖ serv01"))


async def test_space_holds_the_stream_still_and_counts_what_comes():
    hearing = hearings.healthy()
    app = listening_console(hearing)
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "space")
        kept = len(app.pane("stream").rows)
        hearings.take(hearing, [(0.0, hearings.garp(TWO, "192.168.2.102"))])
        await until(pilot, lambda: shows(app, "Held still", "2 came meanwhile"))
        assert len(app.pane("stream").rows) == kept
        await press(pilot, "space")
        await until(pilot, lambda: shows(app, "gratuitous ARP", "Stream"))
        assert len(app.pane("stream").rows) == kept + 2


async def test_the_stream_follows_its_end_until_one_looks_back():
    hearing = hearings.healthy()
    app = listening_console(hearing)
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        pane = app.pane("stream")
        await until(pilot, lambda: pane.cursor == len(pane.rows) - 1)
        hearings.take(hearing, [(0.0, hearings.advert(ONE))])
        await until(pilot, lambda: pane.cursor == hearing.total - 1)
        await press(pilot, "up", "up")
        stays = pane.row.key
        hearings.take(hearing, [(0.0, hearings.advert(ONE))])
        await until(pilot, lambda: len(pane.rows) == hearing.total)
        assert pane.row.key == stays


async def test_slash_filters_as_one_types_and_escape_brings_all_back():
    app = listening_console(hearings.takeover())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        whole = len(app.pane("stream").rows)
        await press(pilot, "slash", *"garp")
        await until(pilot, lambda: len(app.pane("stream").rows) == 2)
        assert f"2 of {whole} pass `garp`" in title(app, "stream")
        await press(pilot, "escape")
        await until(pilot, lambda: len(app.pane("stream").rows) == whole)
        assert not app.screen.query_one(FilterLine).has_class("-open")
        assert app.focused is app.pane("stream")


@pytest.mark.parametrize("size", [SMALL, (120, 40), LARGE])
async def test_enter_shows_a_packet_in_full_and_arrows_go_on_from_there(size):
    hearing = hearings.takeover()
    app = listening_console(hearing)
    async with driven(app, size) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "enter")
        await until(pilot, lambda: shows(app, "priority      100", "heard by      proxy-serv02"))
        assert app.focused is app.pane("stream")
        await press(pilot, "up")
        await until(pilot, lambda: shows(app, "heard by      proxy-serv01"))
        await press(pilot, "up")
        await until(pilot, lambda: shows(app, "VRID          2, IPv4"))
        assert "0000  01 00 5e 00 00 12" in "\n".join(app.lines("detail"))
        await press(pilot, "escape")
        await until(pilot, lambda: not app.pane("detail").display and app.pane("lanes").display)
        assert isinstance(app.screen, AdvertsScreen)


async def test_an_open_packet_holds_the_stream_and_closing_it_lets_it_run():
    hearing = hearings.healthy()
    app = listening_console(hearing)
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "enter")
        shown = app.lines("detail")
        hearing.take([hearings.heard(TWO, NOW, hearings.garp(TWO, "192.168.2.102"))] * (PACKETS_KEPT + 1))
        await until(pilot, lambda: shows(app, "5,001 came meanwhile"))
        assert app.lines("detail") == shown
        await press(pilot, "escape")
        await until(pilot, lambda: shows(app, "gratuitous ARP", "the last 5,000 kept"))


async def test_a_stream_that_was_held_by_hand_stays_held_when_details_are_closed():
    app = listening_console(hearings.healthy())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "space", "enter", "escape")
        await until(pilot, lambda: not app.pane("detail").display)
        assert "Held still" in title(app, "stream")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_enter_on_a_lane_shows_its_senders_and_takeovers(size):
    app = listening_console(hearings.takeover())
    async with driven(app, size) as pilot:
        await to_adverts(pilot, app)
        app.pane("lanes").focus()
        await press(pilot, "enter")
        await until(pilot, lambda: app.focused is app.pane("detail"))
        assert "proxy-serv01 → proxy-serv02 after 3.600 s: silence" in "\n".join(app.lines("detail"))
        await press(pilot, "escape")
        await until(pilot, lambda: app.focused is app.pane("lanes"))


async def test_enter_on_a_place_shows_what_to_permit_and_y_copies_the_line():
    app = listening_console(hearings.not_permitted())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        app.pane("places").focus()
        await press(pilot, "end", "enter")
        await until(pilot, lambda: app.focused is app.pane("detail"))
        lines = app.lines("detail")
        await press(pilot, *["down"] * next(i for i, line in enumerate(lines) if "NOPASSWD" in line), "y")
        await until(pilot, lambda: app.copied == hearings.SUDOERS)


async def test_y_copies_the_packet():
    app = listening_console(hearings.takeover())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "y")
        await until(pilot, lambda: "every 1 s  192.168.2.101  ttl 255" in app.copied)


async def test_z_changes_how_much_time_the_lanes_span():
    app = listening_console(hearings.healthy())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        for words in ("the last 15 min", "the last 1 min", "the last 5 min"):
            await press(pilot, "z")
            await until(pilot, lambda words=words: words in title(app, "lanes"))


async def test_w_writes_what_the_stream_shows_to_a_new_file_and_says_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = listening_console(hearings.takeover())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "slash", *"garp", "enter", "w")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        await until(pilot, lambda: shows(app, "Write 2 packets that pass `garp`", "adverts-20251124T130231Z.pcap"))
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, AdvertsScreen))
        (file,) = tmp_path.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_size == 24 + 2 * (16 + 60)
        assert any(f"2 packets are in {file}" in note.message for note in app._notifications)


async def test_w_never_overwrites_and_another_name_may_be_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("precious")
    app = listening_console(hearings.healthy())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "w")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        for name, words in (("a", "a is there already"), ("no/where", "No such file or directory"), (" ", "a name is")):
            app.screen.query_one(Input).value = name
            await press(pilot, "enter")
            await until(pilot, lambda words=words: shows(app, words))
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, AdvertsScreen))
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "precious"


async def test_the_help_names_the_keys_of_this_screen():
    app = listening_console(hearings.healthy())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await until(pilot, lambda: shows(app, "Hold the stream still", "Write a pcap file", "Filter the stream"))


async def test_escape_without_details_goes_back_to_the_cluster():
    app = listening_console(hearings.healthy())
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (79, 23), (139, 33), (500, 200)])
async def test_any_size_of_terminal_is_survived(size):
    app = listening_console(hearings.hostile(), scenes.hostile)
    async with driven(app, size) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "enter", "up", "tab", "escape", "z", "space", "w", "escape", "question_mark", "escape", "1")


async def test_a_terminal_that_is_made_smaller_and_larger_again_keeps_the_details():
    app = listening_console(hearings.takeover())
    async with driven(app, LARGE) as pilot:
        await to_adverts(pilot, app)
        await press(pilot, "enter")
        await until(pilot, lambda: app.pane("detail").display and app.pane("lanes").display)
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: app.pane("detail").display and not app.pane("lanes").display)
        await pilot.resize_terminal(*LARGE)
        await until(pilot, lambda: app.pane("detail").display and app.pane("lanes").display)


async def test_of_a_full_stream_only_the_visible_rows_are_made(monkeypatch):
    from haconsole.tui.view.adverts_stream import PacketRows

    made = []
    real = PacketRows._row
    monkeypatch.setattr(PacketRows, "_row", lambda self, *rest: (made.append(1), real(self, *rest))[1])
    hearing = hearings.healthy()
    hearing.take([hearings.heard(ONE, NOW, hearings.advert(ONE))] * (2 * PACKETS_KEPT))
    app = listening_console(hearing)
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        await until(pilot, lambda: len(app.pane("stream").rows) == PACKETS_KEPT)
        await until(pilot, lambda: shows(app, "the last 5,000 kept"))
        made.clear()
        app._tick()
        assert len(made) < 60


async def test_in_a_storm_of_senders_the_lanes_are_made_seldom_and_bit_by_bit(monkeypatch):
    monkeypatch.setattr(adverts, "LANES_A_TICK", 3)  # of seven
    now = [NOW]
    hearing = hearings.healthy()
    for vrid in range(1, 8):
        said = [(0.1, hearings.advert(f"10.0.{vrid}.{i}", vrid)) for i in range(1, 41)]
        hearings.take(hearing, said, (ONE,))
    app = listening_console(hearing, clock=lambda: now[0])
    async with driven(app, SMALL) as pilot:
        await to_adverts(pilot, app)
        screen = app.screen
        await until(pilot, lambda: "senders, the last 5 min" in title(app, "lanes"))
        made = screen._lanes_at
        now[0] = made + 1.5
        app._tick()
        now[0] = begun = made + 2.2
        for _ in range(2):
            app._tick()
            assert screen._lanes_at == made
            now[0] += adverts.STORM_DRAWN_S
        app._tick()
        assert screen._lanes_at == begun
