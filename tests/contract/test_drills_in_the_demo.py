"""Drills carried through to their end by the command line, each in a demo of its own, all at once; what they tell is
held against the contract, and the page of one is opened in a browser that has no network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from haconsole.operations.drills.parts import CATALOGUE

pytestmark = pytest.mark.xdist_group("drills in the demo")
NODE, PEER, VIP, OTHER = "proxy-serv01", "proxy-serv02", "192.168.2.101", "192.168.2.102"
MOVING = ("lan-link-down", "public-link-down", "squid-stop")
NAMES = (*MOVING, "revert-only")
OF_THE_CLOCK = ("within", " lose ", "while it is held")
"""Claims on how long something took: a machine that does other things too can break them, nothing else can."""


@dataclass(frozen=True)
class Ran:
    """One drill: exit code, its document on standard output, its folder with the report."""

    code: int
    told: dict[str, Any]
    said: str
    report: Path


def started(folder: Path, name: str) -> subprocess.Popen[str]:
    words = ["drill", "run", name, "--node", NODE, "--hold", "1s", "--confirm", NODE, "--ticket", "CHG-7", "-o", "json"]
    return subprocess.Popen(
        [sys.executable, "-m", "haconsole", "demo", "--", *words, "--report", str(folder / name)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        env={**os.environ, "HACONSOLE_DRILLS": str(folder / "drills"), "TZ": "XYZ-1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    folder = tmp_path_factory.mktemp("drills")
    under_way = {name: started(folder, name) for name in NAMES}
    try:
        said = {name: one.communicate(timeout=150) for name, one in under_way.items()}
    finally:
        for one in under_way.values():
            one.kill()
            one.wait()
    for name, (out, err) in said.items():
        assert out, (name, err)
    return {
        name: Ran(under_way[name].returncode, json.loads(out), err, folder / name) for name, (out, err) in said.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_and_its_document_is_what_the_contract_says(runs: dict[str, Ran], name: str) -> None:
    ran = runs[name]
    told = ran.told
    claims = [c for when in ("before", "during", "after") for c in told["hypothesis"][when]]
    wrong = [c for c in claims if c["ok"] is not True and not any(w in c["text"] for w in OF_THE_CLOCK)]
    assert not wrong, (wrong, told["text"])
    late = any(c["ok"] is False for c in claims) or "was not measured" in told["text"]
    assert (ran.code, told["result"]) == ((1, "deviated") if late else (0, "passed")), (told["text"], ran.said)

    def named(value: dict[str, Any], *names: str) -> None:
        assert set(names) <= set(value), (value, names)

    named(told, "schema", "id", "cluster", "drill", "node", "operator", "ticket", "started", "ended", "text")
    assert (told["schema"], told["drill"], told["node"], told["ticket"]) == ("haconsole.drill/1", name, NODE, "CHG-7")
    for guard in told["guards"]:
        named(guard, "id", "ok", "text", "evidence")
    moved = {VIP} if name in MOVING else set()
    for figure in ("takeover_s", "outage_s", "failback_outage_s"):
        assert set(told["predicted"][figure]) == moved
        for span in told["predicted"][figure].values():
            assert set(span) == {"low", "high"} and span["low"] <= span["high"]
    assert set(told["measured"]["takeover_s"]) == moved
    assert set(told["measured"]["outage_s"]) == set(told["measured"]["failback_outage_s"]) == {VIP, OTHER}
    assert told["measured"]["requests"] > 200 and told["measured"]["probe_interval_ms"] > 0
    for claim in claims:
        assert claim["text"] and claim["evidence"]
    for step in told["steps"]:
        named(step, "name", "started", "ended", "ok", "text", "command")
        assert step["started"] <= step["ended"] and step["ok"] is True
    for moment in told["timeline"]:
        named(moment, "time", "error_ms", "node", "source", "text")
    assert {m["source"] for m in told["timeline"]} >= {"console", "wire"}
    assert {m["source"] for m in told["timeline"]} <= {"console", "kernel", "keepalived", "squid", "wire", "client"}
    assert set(told["nodes"]) == {NODE, PEER}


@pytest.mark.parametrize("name", NAMES)
def test_no_field_of_the_record_is_left_empty(runs: dict[str, Ran], name: str) -> None:
    told = runs[name].told
    assert told["utc_offset_s"] == 3600, "the zone that the console is in"
    phases = [p["phase"] for p in told["phases"]]
    assert phases == [
        "before", "inject", "takeover", "hold", "put-back", "failback", "after", "over",
    ]  # fmt: skip
    assert [p["since"] for p in told["phases"]] == sorted(p["since"] for p in told["phases"])
    assert told["started"] < told["put_back"] < told["ended"]
    if name in MOVING:
        assert told["started"] < told["injected"] < told["put_back"]
        assert told["measured"]["takeover_error_s"][VIP] > 0
    else:
        assert told["injected"] is None, "nothing was changed"
    commands = {s["name"]: s["command"] or "" for s in told["steps"]}
    assert re.search(rf"^{NODE}\$ sudo -n -- .*  # operation.lock\n{PEER}\$ ", commands["lock"], re.MULTILINE)
    change = {
        "squid-stop": "systemctl stop",
        "lan-link-down": "set dev eth0 down",
        "public-link-down": "set dev eth1 down",
    }
    assert change.get(name, "") in commands["change"] and bool(commands["change"]) is (name in MOVING)
    if name != "lan-link-down":  # whose way is cut: it may have been asked in vain
        asked = "systemctl start --no-block haconsole-revert-a.service" in commands["put-back"]
        assert asked is (name in MOVING)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_printed_is_what_is_stored_beside_its_capture(runs: dict[str, Ran], name: str) -> None:
    ran = runs[name]
    assert json.loads((ran.report / "report.json").read_text()) == ran.told
    assert ran.told["capture"] == "adverts.pcap" and (ran.report / "adverts.pcap").stat().st_size > 100


@pytest.mark.parametrize("name", MOVING)
def test_ip_a_show_of_both_nodes_tells_the_vip_with_its_label_before_during_and_after(
    runs: dict[str, Ran], name: str
) -> None:
    one, two = runs[name].told["nodes"][NODE], runs[name].told["nodes"][PEER]
    there = f"    inet {VIP}/24 scope global eth0:1"
    assert "2: eth0: <UP,LOWER_UP> state UP" in one["addresses_before"] and there in one["addresses_before"]
    assert there in two["addresses_during"] and there not in two["addresses_before"]
    assert one["addresses_after"] == one["addresses_before"] and two["addresses_after"] == two["addresses_before"]
    if name == "public-link-down":
        assert "3: eth1: <> state DOWN" in one["addresses_during"]
    page = (runs[name].report / "report.md").read_text()
    assert f"| time | {NODE} | {PEER} |" in page and "Times by the console's clock, UTC+01:00." in page


def test_the_list_says_how_each_went_last_time(runs: dict[str, Ran]) -> None:
    folder = runs["squid-stop"].report.parent
    done = subprocess.run(
        [sys.executable, "-m", "haconsole", "drill", "list", "-o", "json"], capture_output=True, text=True, check=True,
        env={**os.environ, "HACONSOLE_DRILLS": str(folder / "drills")}, timeout=60,
    )  # fmt: skip
    found = {d["name"]: d["last_runs"] for d in json.loads(done.stdout)["drills"]}
    assert set(found) == set(CATALOGUE)
    for name, ran in runs.items():
        (last,) = found[name]
        assert {k: last[k] for k in ("id", "node", "result", "started")} == {
            k: ran.told[k] for k in ("id", "node", "result", "started")
        }  # fmt: skip
        assert last["outage_s"] == ran.told["measured"]["outage_s"]
    assert found["drain"] == []


# --- in a browser -----------------------------------------------------------------------------------------

_MEASURE = """<!doctype html><body><iframe src="%s" style="width:1300px;height:900px"></iframe><pre id="told"></pre><script>
const page = document.querySelector('iframe');
page.onload = () => {
  const d = page.contentDocument, w = page.contentWindow, pictures = {};
  for (const figure of d.querySelectorAll('figure'))
    pictures[figure.id] = [...figure.querySelectorAll('svg, svg rect, svg text, svg .mark')].map(e => {
      const r = e.getBoundingClientRect(), s = w.getComputedStyle(e);
      return {css: e.getAttribute('class'), x: r.x, y: r.y, width: r.width, height: r.height, fill: s.fill,
              text: e.firstChild && e.firstChild.nodeType == 3 ? e.firstChild.data : ''}; });
  document.querySelector('#told').textContent = JSON.stringify(
    {pictures, fetched: w.performance.getEntriesByType('resource').map(e => e.name)});
};
</script>"""
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def laid_out(page: Path, folder: Path) -> dict[str, Any]:
    """Where the browser put everything of the pictures. It has no network at all where root can take it away, and
    resolves no name anywhere."""
    outer = folder / "measure.html"
    outer.write_text(_MEASURE % page.as_uri())
    alone = ["unshare", "--net"] if os.geteuid() == 0 and shutil.which("unshare") else []
    done = subprocess.run(
        [*alone, str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files", "--virtual-time-budget=5000",
         "--dump-dom", outer.as_uri()],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None and found[1], done.stderr[-2000:]
    return dict(json.loads(unescape(found[1])))


@pytest.mark.skipif(BROWSER is None, reason="no chromium here (on Debian: apt install chromium)")
@pytest.mark.parametrize("name", ["squid-stop"])
def test_the_page_of_a_run_shows_its_time_line_in_a_browser_without_network(
    runs: dict[str, Ran], tmp_path: Path, name: str
) -> None:
    ran = runs[name]
    told = laid_out(ran.report / "report.html", tmp_path)
    assert told["fetched"] == []
    assert list(told["pictures"]) == ["whole", "takeover", "failback"]
    whole = told["pictures"]["whole"]
    (sheet,) = (e for e in whole if e["css"] == "tl")
    assert sheet["width"] > 1000 and sheet["height"] > 300
    right, bottom = sheet["x"] + sheet["width"] + 1, sheet["y"] + sheet["height"] + 1
    drawn = [e for e in whole if e["width"] and e["height"]]
    outside = [
        e for e in drawn if e["x"] < sheet["x"] - 1 or e["x"] + e["width"] > right or e["y"] + e["height"] > bottom
    ]
    assert not outside, outside
    words = {e["text"] for e in drawn}
    took = ran.told["measured"]["takeover_s"][VIP]
    assert {"before", "takeover", VIP, OTHER, NODE, PEER, "injection", "put back"} <= words
    assert f"takeover of {VIP} after {took:.3f} s" in words
    bands = [e for e in drawn if (e["css"] or "").startswith("phase p")]
    assert len(bands) == 7, "every phase but `over`"
    holders = [e for e in drawn if e["css"] in {"held n0", "held n1"} and e["height"] > 15]
    assert len(holders) >= 4 and len({e["fill"] for e in holders}) == 2, "a colour for each node, from the page's style"
    lost = sum(e["width"] for e in told["pictures"]["takeover"] if e["css"] == "lost")
    sure = sum(e["width"] for e in told["pictures"]["takeover"] if e["css"] == "sure")
    low, out = ran.told["predicted"]["outage_s"][VIP]["low"], ran.told["measured"]["outage_s"][VIP]
    assert lost / sure == pytest.approx(out / low, rel=0.02), "drawn to scale"
