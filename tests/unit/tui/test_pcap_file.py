"""Packets go to a new file of their owner's alone; what is there already stays as it is."""

import os
import stat
from dataclasses import replace

import pytest

from haconsole.tui.pcap_file import proposed_name, write_new
from haconsole.wire import pcap
from tests.unit.tui import hearings
from tests.unit.tui.scenes import NOW


def packets():
    return hearings.strange().since(0)[1]


def read(path):
    reader = pcap.Reader()
    records = list(reader.feed(path.read_bytes()))
    reader.end()
    return records


def test_what_is_written_can_be_read_again_and_holds_no_password(tmp_path):
    before = os.umask(0)
    try:
        written = write_new(str(tmp_path / "a.pcap"), packets())
    finally:
        os.umask(before)
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o600
    records = read(written.path)
    assert [r.data for r in records] == [h.frame for h in packets()]
    assert all(abs(r.at - h.at) < 1e-5 for r, h in zip(records, packets(), strict=True))
    assert hearings.SECRET not in written.path.read_bytes()


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder"])
def test_what_is_there_already_is_not_touched(tmp_path, kind):
    path, other = tmp_path / "a.pcap", tmp_path / "other"
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        if kind == "link":
            other.write_text("precious")
        path.symlink_to(other)
    with pytest.raises(FileExistsError):
        write_new(str(path), packets())
    if kind == "file":
        assert path.read_text() == "precious"
    assert other.exists() == (kind == "link")


def test_packets_of_another_link_type_are_left_out_and_counted(tmp_path):
    some = packets()
    odd = replace(some[0], link_type=113)
    written = write_new(str(tmp_path / "a.pcap"), [odd, *some])
    assert (written.packets, written.left_out) == (len(some), 1)
    assert {r.link_type for r in read(written.path)} == {1}


def test_a_relative_name_is_in_the_working_folder_and_a_tilde_is_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    assert write_new("x.pcap", packets()).path == tmp_path / "x.pcap"
    assert write_new("~/y.pcap", packets()).path == tmp_path / "home" / "y.pcap"


def test_a_folder_that_is_missing_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_new(str(tmp_path / "no" / "x.pcap"), packets())
    assert list(tmp_path.iterdir()) == []


def test_the_name_that_is_proposed_has_the_time():
    assert proposed_name(NOW) == "adverts-20251124T130231Z.pcap"
