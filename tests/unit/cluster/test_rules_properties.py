"""Whatever nodes tell, in whatever order: nothing raises, and *ok* is always proven."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.cluster.conclude import Snapshot
from haconsole.model.findings import Severity, Verdict
from tests.unit.cluster.builders import healthy
from tests.unit.cluster.stories import played

SEEDS, LENGTHS = st.integers(0, 2**32), st.integers(0, 40)


def check(snapshot: Snapshot) -> None:
    """What holds of every snapshot."""
    keys = [f.key for f in snapshot.findings]
    assert len(keys) == len(set(keys)), keys
    for index, found in enumerate(snapshot.findings):
        assert (found.summary and found.remedy and found.evidence) or found.id == "vips-unknown", found
        assert found.follows_from is None or found.follows_from in keys[:index], (found.key, found.follows_from)
        if found.severity is Severity.CRITICAL:
            assert found.vip is not None
    if snapshot.verdict is Verdict.OK:
        proven(snapshot)


def proven(snapshot: Snapshot) -> None:
    """Ok takes one holder and a fresh served client for every VIP, and nothing unknown or wrong."""
    picture = snapshot.picture
    assert picture.vips
    for vip in picture.vips:
        assert vip.holders is not None and len(vip.holders) == 1
        assert vip.client is not None and vip.client.result.ok
        assert picture.at - vip.client.at <= picture.policy.client_s
    assert not any(f.unknown or f.severity > Severity.INFO for f in snapshot.findings)
    assert all(n.readable for n in picture.nodes)


@settings(max_examples=500, deadline=None)
@given(SEEDS, LENGTHS)
def test_any_story_from_nothing(seed: int, length: int) -> None:
    check(played(seed, length, well=False).snapshot())


@settings(max_examples=500, deadline=None)
@given(SEEDS, LENGTHS)
def test_any_story_that_begins_well(seed: int, length: int) -> None:
    """Starts from a healthy pair, where ok is near: here it must be earned."""
    check(played(seed, length, well=True).snapshot())


@settings(max_examples=50, deadline=None)
@given(SEEDS, LENGTHS)
def test_concluding_changes_nothing_and_is_repeatable(seed: int, length: int) -> None:
    play = played(seed, length, well=True)
    before = play.state
    assert repr(play.snapshot()) == repr(play.snapshot())  # NaN is not equal to itself
    assert play.state is before


def test_stories_reach_every_verdict() -> None:
    """Else the properties above would say little."""
    found = {played(seed, seed % 12, well=True).snapshot().verdict for seed in range(300)}
    assert found == set(Verdict)


def test_the_check_itself_has_teeth() -> None:
    snapshot = healthy().snapshot()
    check(snapshot)
    vip = replace(snapshot.picture.vips[0], holders=())
    with pytest.raises(AssertionError):
        check(replace(snapshot, picture=replace(snapshot.picture, vips=(vip,))))
