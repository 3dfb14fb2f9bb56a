"""What was typed in the console, as words for an operation."""

from types import SimpleNamespace

import click
import pytest

from haconsole.cli.console import Lazily, _drills, _operates, _operations
from haconsole.cli.console_operations import ConsoleOperations
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.operations.actions import Kind
from haconsole.runtime.operate import WordsError
from haconsole.tui.source import CannotError, Wish

NOW = 1_764_000_000.0


class Failing:
    """An Operate that cannot."""

    def __init__(self, error):
        self.error = error

    async def ready(self):
        pass

    async def prepare(self, _words):
        raise self.error


def made(error=None):
    return ConsoleOperations(Failing(error), SimpleNamespace(now=lambda: NOW), "anna@bastion")


def wish(**more):
    return Wish(**{"kind": Kind.DRAIN, "node": "n1", **more})


def test_who_is_asking_and_times_as_typed():
    words = made().words(wish(revert_after="2m", wait_idle="90", reason="r", ticket="T", overrides={"g": "why"}))
    assert (words.operator, words.host) == ("anna", "bastion")
    assert (words.wanted_s, words.wait_idle_s, words.until) == (120.0, 90.0, None)
    assert (words.reason, words.ticket, words.overrides) == ("r", "T", {"g": "why"})


def test_until_is_a_span_and_is_told_in_utc():
    words = made().words(wish(until="2025-11-24T16:30:00Z"))
    assert words.until == "2025-11-24T16:30:00Z"
    assert words.wanted_s == 1_764_001_800.0 - NOW


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"revert_after": "soon"}, "revert after: 'soon' is no time"),
        ({"until": "25:00"}, "25:00 is no time of day"),
        ({"until": "2025-11-24T15:00:00Z"}, "is over already"),
        ({"until": "23:00", "revert_after": "1m"}, "either"),
        ({"wait_idle": "x"}, "wait for idle"),
    ],
)
def test_what_is_no_time_is_said(said, told):
    with pytest.raises(CannotError, match=told):
        made().words(wish(**said))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (WordsError("n1 has no interface eth7"), "no interface eth7"),
        (KeyError("n1"), "there is no node n1"),
        (ProblemError(Problem(kind=ProblemKind.TIMED_OUT, summary="no answer")), "no answer"),
    ],
)
async def test_what_cannot_be_prepared_is_said(error, told):
    with pytest.raises(CannotError, match=told):
        await made(error).prepare(wish())


async def test_only_what_was_prepared_here_is_carried_out():
    with pytest.raises(CannotError, match="not prepared here"):
        await made().carry_out(SimpleNamespace(plan=None), lambda _: None, lambda _: None)


def test_a_cluster_that_is_read_only_has_no_operations_at_all():
    def monitor(name, *, read_only):
        return SimpleNamespace(spec=SimpleNamespace(name=name, read_only=read_only))

    parts = SimpleNamespace(connector=None, clock=None)
    assert _operates([monitor("a", read_only=True)], parts) == _operations({}, parts) == {}
    both = [monitor("a", read_only=True), monitor("b", read_only=False)]
    with click.Context(click.Command("console"), obj={}):
        operates = _operates(both, parts)
    assert list(_operations(operates, parts)) == list(_drills(None, both, operates, parts)) == ["b"]


def test_nothing_is_made_before_somebody_wants_it():
    made = []
    lazily = Lazily({"a": lambda: made.append("a") or 7})
    assert "a" in lazily and "b" not in lazily and list(lazily) == ["a"] and len(lazily) == 1
    assert not made
    assert lazily["a"] == lazily.get("a") == 7
    assert made == ["a"]
    assert lazily.get("b") is None
