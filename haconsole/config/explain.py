"""pydantic's errors in the operator's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from haconsole.config.checks import Finding, Loc
from haconsole.config.errors import nearest, shown
from haconsole.config.schema import TABLES, Document, Ssh, Table
from haconsole.config.values import BadValueError

_TYPES: Final = {
    "string_type": "must be text in quotes, not {value}",
    "int_type": "must be a whole number, not {value}",
    "float_type": "must be a number, not {value}",
    "finite_number": "must be a number, not {value}",
    "bool_type": "must be true or false, not {value}",
    "tuple_type": 'must be a list, such as ["sat", "sun"], not {value}',
    "model_type": "must be a table, not {value}",
}

_MISSING: Final = {
    ("cluster",): "is missing: at least one [[cluster]] is needed; config.example.toml shows one",
    ("cluster", "node"): "is missing: a cluster has two nodes or more, each begins with [[cluster.node]]",
}


def explain(errors: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield a finding for each of pydantic's `errors`.

    A key that is missing beside one that is nearly spelled like it is one mistake, so one finding.
    """
    missing: dict[Loc, set[str]] = {}
    for error in errors:
        if error["type"] == "missing":
            missing.setdefault(error["loc"][:-1], set()).add(error["loc"][-1])
    unknown = [_unknown(e["loc"], missing.get(e["loc"][:-1], set())) for e in errors if e["type"] == "extra_forbidden"]
    meant = {(*finding.loc[:-1], finding.suggestion) for finding in unknown}
    yield from unknown
    for error in errors:
        loc: Loc = error["loc"]
        if error["type"] == "missing" and loc not in meant:
            yield Finding(loc, _MISSING.get(_names(loc), "is missing"))
        elif error["type"] not in {"missing", "extra_forbidden"}:
            yield _wrong(error)


def _unknown(loc: Loc, missing: set[str]) -> Finding:
    word = str(loc[-1])
    table = _table_at(loc[:-1])
    # A key that is right elsewhere usually stands below the wrong heading: TOML has no way back up.
    homes = [heading for heading, model in TABLES.items() if word in model.model_fields]
    if homes:
        return Finding(loc, f"unknown key here, it belongs in {' or '.join(homes)}")
    return Finding(loc, "unknown key", nearest(word, sorted(missing)) or nearest(word, list(table.model_fields)))


def _wrong(error: Mapping[str, Any]) -> Finding:
    loc: Loc = error["loc"]
    value = error["input"]
    reason = error.get("ctx", {}).get("error")
    if isinstance(reason, ValueError):
        return Finding(loc, str(reason), reason.suggestion if isinstance(reason, BadValueError) else None)
    heading = ".".join(_names(loc))
    if error["type"] == "tuple_type" and f"[[{heading}]]" in TABLES:
        return Finding(loc, f"must be a list of tables, each begins with [[{heading}]], in double brackets")
    if error["type"] == "model_type" and isinstance(value, list):
        return Finding(loc, f"must be one table, it begins with [{heading}], in single brackets")
    return Finding(loc, _TYPES.get(error["type"], "cannot be {value}").format(value=shown(value)))


def _table_at(loc: Loc) -> type[Table]:
    """The model of the table at `loc`."""
    names = _names(loc)
    if not names:
        return Document
    heading = ".".join(names)
    return Ssh if names[-1] == "ssh" else TABLES.get(f"[[{heading}]]") or TABLES[f"[{heading}]"]


def _names(loc: Loc) -> tuple[str, ...]:
    return tuple(part for part in loc if isinstance(part, str))
