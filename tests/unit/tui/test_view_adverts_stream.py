"""Adverts: the stream of packets, its remarks, its filter, and holding it still."""

import pytest

from haconsole.cluster.hearing import PACKETS_KEPT, Hearing
from haconsole.tui.view.adverts import Ours, learn
from haconsole.tui.view.adverts_stream import Match, PacketRows, Stream, TakeoverIndex, columns, count_text, heading
from haconsole.tui.view.adverts_words import takeovers_of
from haconsole.tui.view.text import Level, plain, width_of
from tests.unit.tui import hearings, scenes
from tests.unit.tui.scenes import NOW, ONE, TIMES, TWO

OURS = learn(Ours(), scenes.healthy().picture)


def rows(hearing, *, width=156, stream=None, text=""):
    stream = stream or Stream()
    if text:
        stream.choose(Match(text))
    takeovers = takeovers_of(hearing)
    shown = stream.shown(hearing, takeovers, OURS)
    return PacketRows(shown, takeovers, OURS, columns(hearing, OURS, width), now=NOW, width=width, zone=TIMES)


def lines(found):
    return [plain(row.line) for row in found]


def test_an_advert_is_one_line_with_time_place_sender_and_fields():
    (line,) = lines(rows(hearings.healthy()))[-1:]
    assert line.split() == [
        "14:02:31.000", TWO, ONE, "192.168.2.251", "1", "255", "1s", "255", "ok", "192.168.2.101",
    ]  # fmt: skip


def test_gratuitous_arp_names_the_node_by_its_card():
    (garp,) = [line for line in lines(rows(hearings.takeover())) if "gratuitous" in line][:1]
    assert "proxy-serv02" in garp.split("gratuitous")[0]
    assert "gratuitous ARP: 192.168.2.101 is at 52:54:00:00:02:fc" in garp


@pytest.mark.parametrize("width", [78, 156])
def test_a_takeover_and_its_duration_stand_on_the_advert_that_completed_it_at_each_place(width):
    found = [row for row in rows(hearings.takeover(), width=width) if "takeover" in plain(row.line)]
    assert len(found) == 2
    assert all("takeover after 3.6 s" in plain(row.line) for row in found)
    assert all(row.level is Level.WARNING for row in found)


def test_priority_zero_is_an_orderly_hand_over():
    text = "\n".join(lines(rows(hearings.hand_over())))
    assert "priority 0: orderly hand-over" in text
    assert "takeover after 0.6 s" in text
    assert all(row.level is Level.INFO for row in rows(hearings.hand_over(), text="takeover"))


def test_what_is_wrong_with_a_packet_is_remarked_on():
    text = "\n".join(lines(rows(hearings.strange())))
    assert "TTL is not 255; bad checksum" in text
    assert "no node of ours" in text
    assert "checksum ok-message-only" in text
    assert "192.168.2.101 192.168.2.102 +18" in text


def test_where_nodes_were_not_read_nobody_is_called_a_stranger():
    fresh = learn(Ours(), scenes.connecting().picture)
    hearing = hearings.strange()
    found = PacketRows(
        Stream().shown(hearing, {}, fresh), {}, fresh, columns(hearing, fresh, 156), now=NOW, width=156, zone=TIMES
    )
    assert all("no node of ours" not in line for line in lines(found))


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ("from=serv01", "proxy-serv01 192", "proxy-serv02 192"),
        (f"at={TWO}", f" {TWO} proxy", f" {ONE} proxy"),
        ("vrid=2", "192.168.2.102", "192.168.2.101 "),
        ("garp", "gratuitous", "255 ok"),
        ("-garp", "255 ok", "gratuitous"),
        ("PRIO=100 vrid=1", "1 100", "2 255"),
        ("takeover", "takeover after", "2 255"),
    ],
)
def test_a_filter_takes_words_and_names_with_values(text, some, none):
    found = lines(rows(hearings.takeover(), text=text))
    assert found
    assert all(some in line for line in found)
    assert not any(none in line for line in found)


def test_a_value_is_matched_whole():
    hearing = Hearing([ONE])
    for vrid in (1, 10, 100):
        hearings.take(hearing, [(1.0, hearings.advert(ONE, vrid, addresses=("192.168.2.101",)))], (ONE,))
    assert len(rows(hearing, text="vrid=1")) == 1
    assert len(rows(hearing, text="vrid=2")) == 0


def test_each_packet_is_tested_once_and_those_that_are_gone_leave():
    hearing, stream = Hearing([ONE]), Stream()
    stream.choose(Match("vrid=1"))
    frames = [hearings.advert(ONE, 1), hearings.advert(ONE, 2)]
    one, two = (hearings.heard(ONE, NOW, frame) for frame in frames)
    hearing.take([one, two] * (PACKETS_KEPT // 2))
    assert len(rows(hearing, stream=stream)) == PACKETS_KEPT // 2
    tested = []
    real = stream.match.passes
    stream.match.passes = lambda heard, *rest: (tested.append(heard), real(heard, *rest))[1]
    assert len(rows(hearing, stream=stream)) == PACKETS_KEPT // 2
    assert not tested
    hearing.take([two] * 100)
    found = rows(hearing, stream=stream)
    assert len(tested) == 100
    assert len(found) == PACKETS_KEPT // 2 - 50
    assert found.shown.missed == 100


def test_a_stream_that_is_held_stays_as_it_was_and_counts_what_comes():
    hearing, stream = hearings.healthy(), Stream()
    before = lines(rows(hearing, stream=stream))
    stream.hold(hearing)
    hearings.take(hearing, [(0.0, hearings.advert(TWO, 2))])
    assert lines(rows(hearing, stream=stream)) == before
    shown = rows(hearing, stream=stream).shown
    assert shown.arrived == 2
    assert count_text(shown, hearing.total, stream.match) == f"{hearing.total} heard, 2 came meanwhile"
    stream.release()
    assert len(rows(hearing, stream=stream)) == len(before) + 2


def test_a_held_stream_survives_a_flood_and_says_how_much_passed():
    hearing, stream = hearings.healthy(), Stream()
    before = lines(rows(hearing, stream=stream))
    stream.hold(hearing)
    hearing.take([hearings.heard(ONE, NOW, hearings.advert(ONE))] * (3 * PACKETS_KEPT))
    assert lines(rows(hearing, stream=stream)) == before
    assert len(rows(hearing, stream=stream, text="vrid=2")) == len([x for x in before if "192.168.2.102" in x])
    stream.release()
    stream.choose(Match())
    shown = rows(hearing, stream=stream).shown
    said = count_text(shown, hearing.total, stream.match)
    assert said == f"{hearing.total:,} heard, the last {PACKETS_KEPT:,} kept"


def test_rows_know_where_a_packet_is_with_and_without_a_filter():
    hearing = hearings.takeover()
    for text in ("", "garp", "vrid=2"):
        found = rows(hearing, text=text)
        assert [found.index_of(row.key) for row in found] == list(range(len(found)))
        assert found.index_of("packet/99999") is None
        assert found.index_of("nonsense") is None


def test_the_takeovers_are_looked_up_anew_only_when_there_is_another():
    hearing, index = hearings.takeover(), TakeoverIndex()
    first = index.look(hearing)
    assert len(first) == 2
    assert index.look(hearing) is first
    hearings.take(hearing, hearings.every_second(hearings.advert(ONE), -5.0, -8.0))
    assert len(index.look(hearing)) > 2


def test_a_row_is_copied_whole_for_a_ticket():
    row = rows(hearings.takeover(), width=78, text="takeover")[0]
    assert "14:02:01.400" in row.copied
    assert "every 1 s  192.168.2.101  ttl 255" in row.copied
    assert row.copied.endswith("takeover after 3.6 s, silence")


@pytest.mark.parametrize("width", [30, 56, 78, 100, 156, 200])
@pytest.mark.parametrize("name", ["takeover", "hand_over", "strange", "hostile"])
def test_rows_fit_and_none_obeys_a_terminal(name, width):
    hearing = getattr(hearings, name)()
    found = rows(hearing, width=width)
    assert all(width_of(row.line) <= width for row in found)
    assert all(span.text.isprintable() for row in found for span in row.line)
    assert width_of(heading(columns(hearing, OURS, width), width)) <= width


@pytest.mark.parametrize("typed", ["192.168 vrid=1 -serv02", "take -priority", "gratuitous serv01", "vrid=2", "- x"])
def test_typed_letter_by_letter_a_filter_finds_what_it_finds_at_once(typed):
    hearing = hearings.takeover()
    stream = Stream()
    for end in range(1, len(typed) + 1):
        found = rows(hearing, stream=stream, text=typed[:end])
        assert lines(found) == lines(rows(hearing, text=typed[:end]))
