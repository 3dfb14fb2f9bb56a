"""`haconsole node abort` and `take-over` as commands: what is a wrong call, and what a node without an operation says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from haconsole.cli.main import run
from tests.unit.cli.test_sudoers import CONFIG


@pytest.mark.parametrize(("words", "told"), [
    (("abort", "n1", "--until", "23:00"), "--until is not for abort"),
    (("abort", "n1", "--revert-after", "1m"), "an abort puts back now"),
    (("take-over", "n1", "--override", "peer-serves=because"), "--override is not for take-over"),
    (("squid-stop", "n1", "--leave"), "--leave is for take-over"),
    (("abort", "n1", "--confirm", "n2"), "--confirm says n2, the node is n1"),
    (("abort", "n3"), "there is no node n3"),
])  # fmt: skip
def test_a_wrong_call_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(CONFIG.format(user="ops"))
    assert run(["--config", str(path), "node", *words], obj={}) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err


def test_where_nothing_is_under_way_an_abort_is_done_and_a_take_over_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for way, code, result in (("abort", 0, "done"), ("take-over", 3, "refused")):
        words = ["demo", "--", "node", way, "proxy-serv01", "--confirm", "proxy-serv01", "-o", "json"]
        assert run(words, obj={}) == code
        document = json.loads(capsys.readouterr().out)
        assert (document["schema"], document["action"], document["result"]) == ("haconsole.action/1", way, result)
        assert "proxy-serv01 tells of no operation" in document["text"]
