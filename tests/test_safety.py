"""docs/safety.md and docs/security.md against the tree: nothing promised without a test that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "docs/safety.md", ROOT / "docs/security.md"]
NAMED = sorted(
    {name for page in PAGES for name in re.findall(r"`(tests/[\w/]+\.py::\w+)`", page.read_text())}
)


@pytest.mark.parametrize("test", NAMED)
def test_every_test_that_is_named_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert re.search(rf"def {name}\(", (ROOT / file).read_text())


@pytest.mark.parametrize("ident", [*(f"P{n}" for n in range(1, 15)), *(f"F{n:02d}" for n in range(1, 26))])
def test_every_promise_and_every_fault_has_a_row_with_a_proof(ident: str) -> None:
    rows = [line for line in PAGES[0].read_text().splitlines() if line.startswith(f"| {ident} |")]
    assert len(rows) == 1
    assert "`tests/" in rows[0].rsplit("|", 2)[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
