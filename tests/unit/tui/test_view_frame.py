"""Header, key line, list of clusters, help, and how the screen is shared."""

from dataclasses import replace

import pytest

from haconsole.tui.view.clusters import cluster_list, elsewhere, ordered, tally
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import Standing, header
from haconsole.tui.view.help import help_rows
from haconsole.tui.view.keys import Hint, key_line
from haconsole.tui.view.layout import heights, vips_that_fit, widths
from haconsole.tui.view.pages import node_page, vip_page
from haconsole.tui.view.text import plain, width_of
from tests.unit.tui import scenes


def standing(**changes):
    base = Standing(operator="anna@bastion", read_only=False, now=scenes.NOW, zone=scenes.TIMES)
    return replace(base, **changes)


def head(width, shown=None, **changes):
    shown = shown or scenes.eth1_down()
    return plain(header("proxy", verdict_line(shown), standing(**changes), width))


# --- header ------------------------------------------------------------------


def test_a_wide_header_says_everything():
    text = head(120)
    for part in ("haconsole", "proxy ▲ 2 warnings", "read-only off", "operator anna@bastion", "14:02:31 CET", "? help"):
        assert part in text
    assert len(text) == 120


def test_at_80_columns_nothing_that_matters_is_lost():
    text = head(80)
    for part in ("proxy ▲ 2 warnings", "read-only off", "anna@bastion", "14:02:31 CET"):
        assert part in text


@pytest.mark.parametrize("width", range(20, 160, 7))
def test_a_header_is_as_wide_as_the_screen_and_keeps_the_clock(width):
    text = head(width)
    assert len(text) == width
    assert "14:02:31" in text


def test_read_only_is_said_loudly():
    assert "READ-ONLY" in head(80, read_only=True)


def test_no_header_is_green_while_what_is_under_way_measures_clients_failing():
    well = verdict_line(scenes.healthy())
    text = plain(header("proxy", well, standing(unserved=True), 100))
    assert "✖ clients not served" in text and "all well" not in text
    assert "all well" in plain(header("proxy", well, standing(), 100))
    assert "2 warnings" in head(100, unserved=True), "what is bad already stays"


def test_when_nothing_is_kept_up_to_date_the_header_says_that_instead_of_the_verdict():
    text = head(100, trouble="the monitors ended")
    assert "✖ NOT UPDATED: the monitors ended" in text
    assert "warnings" not in text


# --- keys --------------------------------------------------------------------

PLACES = [Hint("1", "Cluster", "a", active=True), Hint("5", "Logs", "b")]
KEYS = [
    Hint("/", "filter", "c"),
    Hint("ctrl+p", "commands", "d", rank=2),
    Hint("y", "copy", "f", rank=1),
    Hint("q", "quit", "e"),
]


def test_keys_that_do_not_fit_are_left_out_the_least_needed_first():
    assert "ctrl+p commands" in plain(key_line(PLACES, KEYS, 80))
    assert plain(key_line(PLACES, KEYS, 50)) == " 1 Cluster  5 Logs       / filter  y copy  q quit "
    assert plain(key_line(PLACES, KEYS, 40)) == " 1 Cluster  5 Logs     / filter  q quit "


def test_a_click_on_a_key_runs_it():
    assert {s.action for s in key_line(PLACES, KEYS, 80) if s.text.strip()} == {"a", "b", "c", "d", "e", "f"}


# --- clusters ----------------------------------------------------------------


def fleet():
    return [
        ("north", scenes.healthy()),
        ("east", scenes.split_brain()),
        ("west", scenes.eth1_down()),
        ("south", scenes.connecting()),
        ("later", None),
    ]


def test_the_worst_cluster_comes_first():
    assert [name for name, _ in ordered(fleet())] == ["east", "south", "west", "later", "north"]


@pytest.mark.parametrize(
    ("words", "names"),
    [("east", ["east"]), ("critical", ["east"]), ("SERV02", ["east", "south", "west", "north"]), ("no such", [])],
)
def test_clusters_are_filtered_by_name_verdict_and_node(words, names):
    assert [name for name, _ in ordered(fleet(), words)] == names


def test_a_cluster_in_one_line():
    rows = cluster_list(ordered(fleet()), 110).rows
    assert plain(rows[0].line).split()[:5] == ["✖", "east", "critical", "1/2", "2/2"]
    assert "split brain" in plain(rows[0].line)
    assert plain(rows[3].line).split() == ["…", "later", "not", "yet"]


def test_a_list_that_nothing_passes_says_so():
    assert "no cluster matches" in plain(cluster_list([], 80).rows[0].line)


def test_how_many_clusters_stand_how():
    assert plain(tally(s for _, s in fleet())) == "✖ 1  ? 1  ▲ 1  … 1  ● 1"
    assert plain(elsewhere([scenes.healthy(), scenes.split_brain(), None])) == "elsewhere ✖ 1"
    assert elsewhere([scenes.healthy(), None]) == ()


# --- pages -------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 77, 156])
@pytest.mark.parametrize("situation", list(scenes.SITUATIONS.values()), ids=list(scenes.SITUATIONS))
def test_pages_of_every_situation_fit(situation, width):
    shown = situation()
    pages = [node_page(n.name, shown, width, scenes.TIMES) for n in shown.picture.nodes]
    pages += [vip_page(str(v.address), shown, width, scenes.TIMES) for v in shown.picture.vips]
    assert all(width_of(row.line) <= width for page in pages for row in page)


def test_the_page_of_a_vip_names_every_witness_with_its_age():
    text = "\n".join(plain(r.line) for r in vip_page("192.168.2.101", scenes.healthy(), 100, scenes.TIMES))
    assert "daemon        proxy-serv01  MASTER by dump, 12 s ago" in text
    assert "proxy-serv02  BACKUP by dump, 12 s ago" in text
    assert "kernel        proxy-serv01  has it on eth0:1" in text
    assert "wire          nobody listened: this says nothing" in text
    assert "client        ● 200    3 ms   14:02:30, 1 s ago" in text


def test_the_page_of_a_node_says_why_something_could_not_be_read():
    text = "\n".join(plain(r.line) for r in node_page(scenes.ONE, scenes.unprivileged(), 100, scenes.TIMES))
    assert "Could not be read" in text
    assert "→ `haconsole sudoers` prints what to allow." in text


def test_the_page_of_a_node_says_what_sudo_did_and_not_what_is_only_configured():
    refused = plain_page(scenes.unprivileged())
    assert "rights        ▲ sudo is configured; refused for: daemon, config, squid-counters" in refused
    assert "(sudo)" not in refused
    assert "rights        sudo is configured; what it allows: haconsole doctor" in plain_page(scenes.healthy())


def plain_page(shown):
    return "\n".join(plain(r.line) for r in node_page(scenes.ONE, shown, 100, scenes.TIMES))


def test_pages_of_what_is_gone_say_so():
    assert "no such node" in plain(node_page("gone", scenes.healthy(), 80, scenes.TIMES)[0].line)
    assert "not known any more" in plain(vip_page("10.0.0.1", scenes.healthy(), 80, scenes.TIMES)[0].line)


def test_ten_thousand_interfaces_do_not_make_a_page_of_ten_thousand_lines():
    assert len(node_page(scenes.ONE, scenes.large(), 100, scenes.TIMES)) < 300


# --- layout ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "nodes"), [(80, 24, 2), (120, 40, 2), (160, 48, 3), (80, 24, 5), (60, 20, 1)]
)
def test_node_columns_fit_side_by_side_or_are_scrolled(width, height, nodes):
    room = widths(width, height, nodes)
    assert room.column * room.visible <= width
    assert room.column >= 38


@pytest.mark.parametrize("height", range(16, 60))
@pytest.mark.parametrize("vips", [0, 2, 40])
@pytest.mark.parametrize("findings", [1, 3, 30])
def test_the_panes_share_exactly_what_there_is(height, vips, findings):
    flat = height < 34
    sizes = heights(height, flat=flat, vips=vips, nodes=9, findings=findings)
    assert sizes.vips + sizes.nodes + sizes.findings + sizes.events == height - 2 or height < 18
    assert min(sizes.vips, sizes.nodes, sizes.findings) > 0


@pytest.mark.parametrize("height", range(18, 60))
def test_the_roll_of_the_nodes_gets_its_line(height):
    sizes = heights(height, flat=height < 34, vips=3, nodes=9, findings=2, roll=1)
    assert sizes.vips + sizes.nodes + sizes.findings + sizes.events + 1 == height - 2
    assert min(sizes.vips, sizes.nodes, sizes.findings) > 0


def test_the_vips_of_the_article_always_fit_and_forty_leave_room_for_the_rest():
    assert vips_that_fit(24, flat=True) >= 2
    assert heights(24, flat=True, vips=40, nodes=9, findings=1).nodes >= 4


def test_at_80_by_24_everything_of_two_nodes_has_its_lines():
    sizes = heights(24, flat=True, vips=2, nodes=8, findings=2)
    assert (sizes.vips, sizes.nodes, sizes.findings, sizes.events) == (4, 9, 3, 6)


# --- help --------------------------------------------------------------------


def test_the_help_of_the_fullest_screen_fits_24_lines():
    assert len(help_rows([(str(i), "does something") for i in range(20)])) <= 22
