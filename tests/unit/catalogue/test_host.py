"""The command line that reads a node's state, run by real shells on what odd kernels tell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from haconsole.catalogue.read import HOST
from haconsole.parse.host_state import parse_host_state

FILE = "/proc/net/netstat"


@pytest.mark.parametrize("shell", [s for s in ("dash", "bash") if shutil.which(s)])
@pytest.mark.parametrize(
    ("netstat", "dropped"),
    [
        ("TcpExt: SyncookiesSent IPReversePathFilter Other\nTcpExt: 1 17 3\n", 17),
        ("TcpExt: SyncookiesSent Other\nTcpExt: 1 3\n", None),
        ("TcpExt:\n", None),
        ("", None),
    ],
    ids=["counted", "not counted", "one word", "empty"],
)
def test_whatever_the_counters_are_the_rest_is_told(
    shell: str, netstat: str, dropped: int | None, tmp_path: Path
) -> None:
    (tmp_path / "netstat").write_text(netstat)
    _, option, text, *more = HOST.argv
    assert text.count(FILE) == 1
    done = subprocess.run(
        [shell, option, text.replace(FILE, str(tmp_path / "netstat")), *more], capture_output=True, text=True
    )
    told = parse_host_state(done.stdout)
    assert done.returncode == 0
    assert (told.path_dropped, told.file_systems is None, told.answers_for_others is None) == (dropped, False, False)
    assert "all/arp_filter " in done.stdout
