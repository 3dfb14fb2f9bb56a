"""What the project's quick `dataclass` makes cannot be told from what the library makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model import record

OPTIONS = [
    {"frozen": True, "slots": slots, "kw_only": kw_only} for slots in (True, False) for kw_only in (True, False)
]  # fmt: skip
PAIRS: dict[str, tuple[type[Any], type[Any]]] = {}
"""By name: the library's class, and ours of the same body and name."""


def _pair(name: str, options: dict[str, bool], body: Callable[[], dict[str, Any]]) -> None:
    def bare() -> type[Any]:
        return type(name, (), {**body(), "__module__": __name__, "__qualname__": name})

    PAIRS[f"{name} {options}"] = (dataclasses.dataclass(**options)(bare()), record.dataclass(**options)(bare()))


def _plain() -> dict[str, Any]:
    return {
        "__annotations__": {"a": "object", "b": "object", "c": "object", "many": "int"},
        "__doc__": "A class.",
        "b": 7,
        "c": dataclasses.field(default_factory=list),
        "many": 3,
    }


def _chosen() -> dict[str, Any]:
    """Fields that are not shown, not compared, not hashed; one by name only; a class variable; a check of its own."""

    def check(self: Any) -> None:
        if self.a == "refuse":
            msg = "refused"
            raise ValueError(msg)

    return {
        "__annotations__": {"a": "object", "b": "object", "c": "object", "shared": "ClassVar[int]"},
        "b": dataclasses.field(default=1, repr=False, compare=False),
        "c": dataclasses.field(default=2, hash=False, kw_only=True),
        "shared": 5,
        "__post_init__": check,
    }


def _single() -> dict[str, Any]:
    return {"__annotations__": {"a": "object"}, "__doc__": "One field."}


def _own_words() -> dict[str, Any]:
    return {"__annotations__": {"a": "object"}, "__repr__": lambda self: f"<{self.a}>", "__hash__": lambda _self: 42}


for _options in OPTIONS:
    for _body in (_plain, _chosen, _single, _own_words):
        _pair(_body.__name__.strip("_").title(), _options, _body)

both = pytest.mark.parametrize(("theirs", "ours"), PAIRS.values(), ids=list(PAIRS))
values = st.one_of(st.integers(-2, 2), st.floats(), st.text(max_size=2), st.tuples(st.integers(0, 1)))


def _told(what: Callable[[], object]) -> tuple[str, object]:
    try:
        return "gave", what()
    except Exception as error:
        return type(error).__name__, str(error)


@both
@given(first=values, second=values)
def test_it_shows_compares_and_hashes_alike(theirs: type[Any], ours: type[Any], first: object, second: object) -> None:
    assert repr(ours(a=first)) == repr(theirs(a=first))
    assert (ours(a=first) == ours(a=second)) == (theirs(a=first) == theirs(a=second))
    assert (ours(a=first) == ours(a=first)) == (theirs(a=first) == theirs(a=first))
    assert ours(a=first) != theirs(a=first)
    assert _told(lambda: hash(ours(a=first))) == _told(lambda: hash(theirs(a=first)))


@both
def test_its_fields_signature_and_defaults_are_the_same(theirs: type[Any], ours: type[Any]) -> None:
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert [str(f) for f in dataclasses.fields(ours)] == [str(f) for f in dataclasses.fields(theirs)]
    assert ours.__match_args__ == theirs.__match_args__
    assert repr(ours.__dataclass_params__) == repr(theirs.__dataclass_params__)
    assert getattr(ours, "__slots__", None) == getattr(theirs, "__slots__", None)
    assert {m for m in dir(ours) if not m.startswith("__")} == {m for m in dir(theirs) if not m.startswith("__")}
    assert dataclasses.asdict(ours(a=1)) == dataclasses.asdict(theirs(a=1))


@both
def test_what_is_wrong_is_refused_with_the_same_words(theirs: type[Any], ours: type[Any]) -> None:
    for wrong in ({}, {"a": 1, "nonsense": 2}, {"a": "refuse"}):
        assert _told(lambda w=wrong: repr(ours(**w))) == _told(lambda w=wrong: repr(theirs(**w)))  # type: ignore[misc]
    assert _told(lambda: repr(ours(1, 2, 3, 4, 5, 6))) == _told(lambda: repr(theirs(1, 2, 3, 4, 5, 6)))
    # With slots, the library means the class before it had them, and fails with words about types.
    for name in ("a",) if hasattr(theirs, "__slots__") else ("a", "nonsense"):
        assert _told(lambda n=name: setattr(ours(a=1), n, 2)) == _told(lambda n=name: setattr(theirs(a=1), n, 2))  # type: ignore[misc]
        assert _told(lambda n=name: delattr(ours(a=1), n)) == _told(lambda n=name: delattr(theirs(a=1), n))  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        ours(a=1).a = 2


@both
def test_each_object_has_its_own_default_list_and_can_be_changed_into_another(
    theirs: type[Any], ours: type[Any]
) -> None:
    if "c" in ours.__dataclass_fields__ and isinstance(theirs(a=1).c, list):
        assert ours(a=1).c == []
        assert ours(a=1).c is not ours(a=1).c
    assert repr(dataclasses.replace(ours(a=1), a=[2])) == repr(dataclasses.replace(theirs(a=1), a=[2]))
    assert copy.deepcopy(ours(a=[1])) == ours(a=[1])
    assert copy.copy(ours(a=[1])) == ours(a=[1])


@record.dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Can be found by its name, as pickle has to."""

    shared: ClassVar[int] = 5
    a: object
    b: int = 1

    @property
    def twice(self) -> int:
        return self.b * 2


@record.dataclass(frozen=True, slots=True, kw_only=True)
class Inherits(Kept):
    """Left to the library."""

    c: int = 3


@record.dataclass(slots=True)
class Changing:
    """Left to the library."""

    a: int = 0


@given(a=values, b=st.integers())
def test_it_survives_a_pickle(a: object, b: int) -> None:
    kept = Kept(a=(a, [a]), b=b)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(kept, protocol))
        assert repr(again) == repr(kept)
        assert again.twice == b * 2


def test_it_matches_by_name_and_shows_itself_within_itself() -> None:
    inner: list[object] = []
    kept = Kept(a=inner)
    inner.append(kept)
    assert repr(kept) == "Kept(a=[...], b=1)"
    match kept:
        case Kept(a=[other], b=1):
            assert other is kept
        case _:
            pytest.fail("it did not match")


def test_those_that_are_not_frozen_or_inherit_are_the_librarys() -> None:
    changing = Changing(1)
    changing.a = 2
    assert changing == Changing(2)
    assert repr(Inherits(a=1)) == "Inherits(a=1, b=1, c=3)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Inherits(a=1).b = 2  # type: ignore[misc]
    assert hash(Inherits(a=1)) == hash((1, 1, 3))
