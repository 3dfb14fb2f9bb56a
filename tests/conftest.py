"""What holds for every test: no assertion on speed, who may run beside whom, and that nothing is left out in silence.

With pytest-xdist (`--dist loadgroup`) the tests of a group run in one worker, one after the other:
the lab's tests make three groups of about the same length, so that there are three labs and a worker is
left for the others.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("haconsole", deadline=None)
settings.load_profile("haconsole")

# A run in the background of a script starts with SIGINT ignored, and what it starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_LABS = {
    "second lab": {
        "test_adverts.py", "test_faults.py", "test_lab_itself.py", "test_debian_11_and_13.py", "test_node_killed.py",
        "test_operation_steps.py", "test_wire_findings.py", "test_wire_settings.py",
    },
    "third lab": {"test_drills.py", "test_executor.py", "test_forecast.py", "test_maintenance.py", "test_node_command.py",
                  "test_node_take_over.py"},
}  # fmt: skip


def _group(item: pytest.Item) -> str | None:
    own = item.get_closest_marker("xdist_group")
    if own is not None:
        return str(own.args[0])
    if item.path.parts[-2:] in {("io", "test_capture.py"), ("cli", "test_adverts.py")}:
        return "loopback"  # each hears what the others say there
    if item.get_closest_marker("lab") is None and "lab" not in item.path.parts:
        return None
    return next((lab for lab, files in _LABS.items() if item.path.name in files), "first lab")


GOOD_REASONS = {
    "root may read everything": "a run with every right has root's, and this is about a file that is refused",
    "no IPv6 loopback here": "nothing that could be installed mends it",
    "needs root, keepalived and squid": "they would run on the machine itself; tests/lab/test_config_commands.py does it on a node",
    "keepalived 2.1.5 with priority 255 ignores a failing script": "true of that release",
}
"""Why a test may be left out where the lab is required; what else is missing there is to be installed."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With `HACONSOLE_LAB=required` a test that was skipped for another reason than these has failed."""
    report = yield
    if os.environ.get("HACONSOLE_LAB") == "required" and report.skipped and not hasattr(report, "wasxfail"):
        why = (
            report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else str(report.longrepr)
        )
        if why not in GOOD_REASONS:
            report.outcome, report.longrepr = "failed", f"{item.nodeid} was left out where nothing may be: {why}"
    return report


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab's tests first, in their groups: they take the longest."""
    for item in items:
        group = _group(item)
        if group is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: not str(_group(item)).endswith(" lab"))
