"""Any text gives clusters or ConfigError, never anything else; and what is shown cannot harm a terminal."""

import unicodedata
from pathlib import Path

import pytest
import tomlkit
from hypothesis import example, given
from hypothesis import strategies as st

from haconsole.config.errors import ConfigError
from haconsole.config.load import load, parse
from haconsole.config.schema import TABLES
from haconsole.model.spec import ClusterSpec

FILE = Path("haconsole.toml")
WORDS = sorted(
    {key for model in TABLES.values() for key in model.model_fields} | {"cluster", "ssh", "adress", "\x1b[2J"}
)
TEXTS = st.sampled_from(
    ["", "a", "proxy-serv01", "192.168.2.251", "fd00::1", "10.0.0.1/24", "-o", "http://x/", "https://x/", "/run/x",
     "~/x", "~nobody-x/y", "22:00", "sat", "UTC", "Europe", "../UTC", "x\x1b[31m", "\u202e", "eth0", "a@b:22"]
)  # fmt: skip
VALUES = st.recursive(
    TEXTS | st.text(max_size=20) | st.integers() | st.floats() | st.booleans() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=30,
)
SHAPES = st.recursive(
    st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=5),
    lambda inner: st.fixed_dictionaries(
        {}, optional={"cluster": st.lists(inner, max_size=3), "node": st.lists(inner, max_size=3),
                      "vip": st.lists(inner, max_size=2), "ssh": inner, "name": TEXTS, "address": TEXTS}
    ),
    max_leaves=12,
)  # fmt: skip


def outcome(text: str) -> tuple[ClusterSpec, ...] | ConfigError:
    try:
        return parse(text, FILE)
    except ConfigError as error:
        return error


def check(text: str) -> None:
    found = outcome(text)
    if not isinstance(found, ConfigError):
        assert found
        assert all(len(cluster.nodes) >= 2 for cluster in found)
        return
    lines = str(found).split("\n")
    assert len(lines) == min(len(found.problems), 101) > 0
    assert all(line.startswith("haconsole.toml:") for line in lines[:100])
    assert not any(unicodedata.category(c) == "Cc" for line in lines for c in line)


@given(st.text())
@example("a = " + "[" * 5000)
@example("a = " + "1" * 5000)
@example("ssh.port = 0x" + "f" * 5000)
@example(".".join("a" * 3000) + " = 1")
@example("\n".join(f"k{i} = 1" for i in range(1000)))
def test_any_text(text: str) -> None:
    check(text)


@given(SHAPES)
def test_any_document_of_about_the_right_shape(tree: dict[str, object]) -> None:
    check(tomlkit.dumps(tree))


@given(st.binary(max_size=40))
def test_any_bytes(tmp_path_factory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(raw)
    # No bytes this short name two nodes.
    with pytest.raises(ConfigError):
        load(path)
