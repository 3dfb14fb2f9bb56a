"""pytest fixtures of the lab, to be imported by the conftest of any folder whose tests need it.

One lab serves a whole session, however many folders import these fixtures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .harness import Lab, missing_prerequisites


class _Shared:
    """The session's one lab, and how many fixtures hold it."""

    lab: Lab | None = None
    holders = 0


def require_lab() -> None:
    """Skip where this machine cannot run the lab, or fail where the lab was required."""
    missing = missing_prerequisites()
    if not missing:
        return
    reason = "the lab cannot run here: " + "; ".join(missing)
    if os.environ.get("HACONSOLE_LAB") == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The session's pair of nodes, converged when first used; a test may find it as the last one left it."""
    require_lab()
    if _Shared.lab is None:
        _Shared.lab = Lab().__enter__()
    _Shared.holders += 1
    try:
        yield _Shared.lab
    finally:
        _Shared.holders -= 1
        if _Shared.holders == 0:
            ending, _Shared.lab = _Shared.lab, None
            ending.down()


@pytest.fixture
def healthy_lab(lab: Lab) -> Lab:
    """The session's pair of nodes, brought back to the article's healthy state."""
    lab.heal()
    return lab


@pytest.fixture
def in_operator_namespace(lab: Lab) -> Iterator[None]:
    """The test's thread runs at the operator's place: its sockets reach the nodes."""
    with lab.enter_operator():
        yield
