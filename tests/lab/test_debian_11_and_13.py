"""A pair of Debian 11 and Debian 13: other keepalived, squid, systemd and sshd, the same truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.test_console_in_a_terminal_demo import LARGE
from tests.lab.fixtures import require_lab
from tests.lab.harness import Lab
from tests.lab.test_console_in_a_terminal import console
from tests.lab.test_status_truth import ONE, TWO, VIP1, VIP2, Status, holders


@pytest.fixture(scope="module")
def mixed() -> Iterator[Lab]:
    """The first node is Debian 11, the second Debian 13."""
    require_lab()
    with Lab(suites=("bullseye", "trixie")) as pair:
        yield pair


def test_status_and_console_tell_the_truth(mixed: Lab, tmp_path: Path) -> None:
    status = Status(mixed, tmp_path)
    status.until(lambda d: d["verdict"] == "ok", seconds=60)
    assert status.code == 0
    assert holders(status.cluster) == {VIP1: [ONE], VIP2: [TWO]}
    assert all(v["client"]["ok"] and v["client"]["status"] == 200 for v in status.cluster["vips"])
    versions = {n["name"]: (n["keepalived"]["version"], n["squid"]["version"]) for n in status.cluster["nodes"]}
    assert versions[ONE][0] == "2.1.5"
    assert versions[ONE][1].startswith("4.")
    assert versions[TWO][0] == "2.3.3"
    assert versions[TWO][1].startswith("6.")
    assert "keepalived-versions-differ" in {f["id"] for f in status.cluster["findings"]}
    for name, states in ((ONE, ["MASTER", "BACKUP"]), (TWO, ["BACKUP", "MASTER"])):
        node = status.node(name)
        told = [status.instance(name, i) for i in ("proxy_ip1", "proxy_ip2")]
        assert [i["state"] for i in told] == states
        assert {i["state_source"] for i in told} == {"dump"}
        assert [i["effective_priority"] for i in told] == [i["priority"] for i in told]
        # keepalived 2.1.5 drops what a 255 instance tracks (docs/keepalived-versions.md): its dump says so.
        watching = [i for i in told if not (name == ONE and i["priority"] == 255)]
        assert all(i["tracked_scripts"][0]["ok"] for i in watching)
        assert [i["tracked_scripts"] for i in told if i not in watching] == ([[]] if name == ONE else [])
        assert node["keepalived"]["config_ok"] is True
        squid = node["squid"]
        assert squid["active"] and squid["check_ok"]
        # The hit ratio is squid's own five-minute figure: null in its first minute.
        assert None not in (squid["requests_per_s"], squid["clients"]), squid

    with console(mixed, tmp_path, LARGE) as screen:
        screen.shows(
            "● all well", "at boot, 2.1.5", "at boot, 2.3.3", "proxy_ip1 does not watch chk_squid_service", "q quit"
        )
        screen.press("q")
        screen.left(0)
