"""What the documents and the code's comments point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
CODE = sorted(p for folder in ("haconsole", "tests") for p in (ROOT / folder).rglob("*.py"))


def slugs(page: Path) -> set[str]:
    """The anchors that a forge gives a page's headings; nothing inside a block of code is one."""
    plain = re.sub(r"(?ms)^```.*?^```", "", page.read_text("utf-8"))
    found = [h.strip().lower() for h in re.findall(r"(?m)^#+ +(.+)$", plain)]
    return {re.sub(r"[^\w\- ]", "", h).replace(" ", "-") for h in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in slugs(there), target


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {p.name: set(re.findall(r"\]\((?:docs/)?([\w-]+\.md)", p.read_text("utf-8"))) for p in PAGES}
    seen, more = set[str](), {"README.md"}
    while more:
        seen |= more
        more = {name for page in more for name in linked.get(page, ())} - seen
    assert {p.name for p in PAGES} <= seen


def test_every_page_that_the_code_names_is_there() -> None:
    named = {m for p in CODE for m in re.findall(r"\bdocs/[\w-]+\.md\b", p.read_text("utf-8"))}
    assert {each for each in named if not (ROOT / each).exists()} == set()
