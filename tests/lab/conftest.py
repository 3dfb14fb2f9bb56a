"""Every test in this folder needs the lab; the fixtures are in `tests/lab/fixtures.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
if str(_ROOT) not in sys.path:
    sys.path.insert(0, str(_ROOT))

from tests.lab.fixtures import healthy_lab, in_operator_namespace, lab  # noqa: E402

__all__ = ["healthy_lab", "in_operator_namespace", "lab"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
