"""Where a maintenance stands, on disk: whole or not at all, and one driver at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from haconsole.io.maintenance_file import FlowFile, FlowFileError
from haconsole.operations.maintenance import Flow

FLOW = Flow(cluster="a/../b", operator="anna@desk", nodes=("one", "two"), started=1.0, since=1.0)


def test_it_is_read_back_and_forgotten(tmp_path: Path) -> None:
    file = FlowFile("a/../b", tmp_path / "state")
    with file.driving():
        assert file.load() is None
        file.save(FLOW)
        assert file.load() == FLOW
        assert file.path.parent == tmp_path / "state", "a cluster's name leads nowhere else"
        assert file.path.stat().st_mode & 0o777 == 0o600
        file.forget()
        assert file.load() is None


def test_only_one_drives_it(tmp_path: Path) -> None:
    with FlowFile("proxy", tmp_path).driving():
        with pytest.raises(FlowFileError, match="another haconsole"), FlowFile("proxy", tmp_path).driving():
            pass
        with FlowFile("other", tmp_path).driving():
            pass
    with FlowFile("proxy", tmp_path).driving():
        pass


def test_a_save_that_died_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    file = FlowFile("proxy", tmp_path)
    file.save(FLOW)
    file.path.with_name(file.path.name + ".new").write_text('{"schema": "haco')
    assert file.load() == FLOW
    file.save(FLOW)
    assert file.load() == FLOW


def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path) -> None:
    file = FlowFile("proxy", tmp_path)
    file.path.write_bytes(b"\xff\x00nonsense")
    with pytest.raises(FlowFileError, match=r"maintenance-proxy\.json cannot be understood"):
        file.load()
