"""Many clusters: every one is looked at soon, none of them often."""

from haconsole.tui.fleet import TICKS_FOR_ALL, Fleet
from tests.unit.tui import scenes


def fleet(count):
    sources = [scenes.FixedSource(scenes.renamed(scenes.healthy(), f"site-{i:02d}")) for i in range(count)]
    return Fleet(sources), sources


def test_a_tick_looks_at_a_fifth_of_all():
    many, sources = fleet(50)
    many.look(scenes.NOW)
    assert sum(s.looks for s in sources) == 10


def test_after_a_few_ticks_every_cluster_was_seen():
    many, sources = fleet(53)
    for _ in range(TICKS_FOR_ALL):
        many.look(scenes.NOW)
    assert all(s.looks >= 1 for s in sources)
    assert all(shown is not None for _, shown in many.all())


def test_over_time_all_are_looked_at_alike():
    many, sources = fleet(50)
    for _ in range(100):
        many.look(scenes.NOW)
    assert {s.looks for s in sources} <= set(range(18, 23))


def test_a_cluster_with_news_is_looked_at_in_the_next_tick():
    many, sources = fleet(50)
    many.look_at_all(scenes.NOW)
    sources[41].become(scenes.renamed(scenes.split_brain(), "site-41"))
    many.look(scenes.NOW)
    assert dict(many.all())["site-41"].verdict is scenes.Verdict.CRITICAL


def test_a_cluster_that_always_has_news_starves_no_other():
    many, sources = fleet(10)
    many.look_at_all(scenes.NOW)
    before = [s.looks for s in sources]
    for _ in range(2 * TICKS_FOR_ALL):
        for noisy in sources[:4]:
            noisy.become(noisy.shown)
        many.look(scenes.NOW)
    assert all(s.looks > b for s, b in zip(sources, before, strict=True))
