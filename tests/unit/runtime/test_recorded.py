"""What real nodes answered while a fault was there, through the real readers, the reducer and the rules.

How each was made stands in its file and in tests/fixtures/recorded/README.md; `python -m tests.lab.record` makes them
anew. Nobody listens on the wire in a recording: what only the wire tells is proven in the lab.
"""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

from haconsole.model.findings import Severity
from tests.support.recorded import FOLDER, HEALTHY, load, play

EXPECTED: Final[dict[str, str]] = {
    "a-login-without-rights": "*rights-missing vips-unknown",
    "another-vrid": "*vrid-mismatch vip-held-by-several two-masters",
    "bad-squid.conf-on-both": "*squid-check-failed instance-fault vip-held-by-none vip-not-serving",
    "check-flaps": "*check-flapping",
    "check-hangs": "*check-timed-out instance-fault vip-not-preferred no-redundancy",
    "check-may-not-be-run-any-more": "*check-cannot-run",
    "check-without-permission": "*check-disabled (tracking-ignored)",
    "clock-apart": "*clocks-apart",
    "default-route-lost": "*default-route-missing no-redundancy",
    "disabled-at-boot": "*keepalived-not-enabled",
    "disk-full": "*disk-full",
    "drain-file-in-a-folder-that-is-not-there": "*track-file-ignored",
    "drained-by-hand": "*drained vip-not-preferred",
    "drained-for-too-long": "drained vip-not-preferred *drain-overdue",
    "firewall-drops-vrrp-on-the-way-out": "*adverts-blocked two-masters vip-held-by-several",
    "healthy": "",
    "healthy-as-ops": "",
    "healthy-both-families": "",
    "healthy-debian-11-and-13": "(tracking-ignored) (keepalived-versions-differ)",
    "healthy-drainable": "",
    "healthy-unicast": "",
    "healthy-virtual-macs": "",
    "ipv6-address-of-another-host": "*ipv6-address-duplicate",
    "keepalived-crashes": "*keepalived-flapping",
    "keepalived-killed-and-its-vip-left": "*keepalived-down vip-left-behind vip-held-by-several no-redundancy (rights-missing)",
    "keepalived-stopped": "*keepalived-down vip-not-preferred no-redundancy",
    "link-flaps": "*link-flapping",
    "link-local-address-lost": "*ipv6-link-local-missing adverts-blocked instance-fault no-redundancy",
    "more-vips-than-are-watched": "*vips-not-watched *vip-client-unknown",
    "no-probe-url": "(vip-only-tcp-checked)",
    "passwords-differ": "*adverts-discarded",
    "public-link-that-is-not-watched": "*link-down vip-not-serving tracking-ignored no-redundancy",
    "public-link-without-carrier": "*link-down instance-fault no-redundancy",
    "reload-of-a-broken-file": "*config-test-failed keepalived-down vip-left-behind no-redundancy",
    "route-with-the-vip-as-source-left": "*source-route-left",
    "short-master-at-the-start": "*master-at-start",
    "squid-crashes": "*squid-flapping",
    "squid-disabled-at-boot": "*squid-not-enabled",
    "squid-hangs": "*squid-not-answering vip-not-serving no-redundancy",
    "squid-on-one-address": "*squid-not-listening no-redundancy (rights-missing)",
    "squid-stopped": "*squid-down instance-fault no-redundancy squid-check-failed squid-not-listening",
    "ss-is-missing": "*reading-failed",
    "strict-path-filter": "*rp-filter-drops vip-not-serving",
    "two-links-in-one-network": "*arp-flux",
    "virtual-mac-that-the-hypervisor-refuses": "*virtual-mac-unreached vip-not-serving",
    "vip-by-hand-on-both": "*daemon-kernel-disagree vip-held-by-several",
    "weight-too-small": "*squid-down vip-not-serving check-failing weight-does-not-move no-redundancy squid-check-failed squid-not-listening",
}
"""Recording -> the ids that are told: `*` before a root, brackets around what is only worth knowing."""


def test_every_recording_is_judged() -> None:
    assert {p.parent.name for p in FOLDER.glob("*/answers.json")} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
async def test_what_nodes_answered_gets_exactly_these_findings(name: str) -> None:
    snapshot = await play(load(name))
    keys = {f.key for f in snapshot.findings}
    told = set()
    for finding in snapshot.findings:
        grave = finding.severity > Severity.INFO or finding.unknown
        root = "" if finding.follows_from in keys else "*"
        told.add(f"{root}{finding.id}" if grave else f"({finding.id})")
        assert finding.evidence or finding.unknown
    assert " ".join(sorted(told)) == " ".join(sorted(EXPECTED[name].split()))


@pytest.mark.parametrize("name", [n for n in EXPECTED if n.startswith(HEALTHY)])
async def test_healthy_pairs_of_every_kind_are_well(name: str) -> None:
    snapshot = await play(load(name))
    assert all(f.severity is Severity.INFO for f in snapshot.findings) and snapshot.verdict.word == "ok"


def test_recordings_hold_neither_passwords_nor_the_machine_on_which_they_were_made() -> None:
    for path in FOLDER.glob("*/answers.json"):
        text = path.read_text("utf-8")
        document = json.loads(text)
        assert {"made", "date", "keepalived", "squid"} <= document.keys()
        assert not re.search(r"auth_pass (?!\(secret\))\S|/home/|/work/|id_ed25519|PRIVATE KEY", text), path
        assert set(re.findall(r"Running on Linux (\S+)", text)) <= {"6.1.0"}, path
