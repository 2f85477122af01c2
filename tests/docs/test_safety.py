"""docs/safety.md and docs/security.md against the tree: nothing promised without a test that exists."""

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs/safety.md", ROOT / "docs/security.md"]
NAMED = sorted(
    {name for page in PAGES for name in re.findall(r"`(tests/[\w/]+\.py::\w+)`", page.read_text())}
)


@pytest.mark.parametrize("test", NAMED)
def test_every_test_that_is_named_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert re.search(rf"def {name}\(", (ROOT / file).read_text())


@pytest.mark.parametrize("ident", [*(f"P{n}" for n in range(1, 18)), *(f"F{n:02d}" for n in range(1, 26))])
def test_every_promise_and_every_fault_has_a_row_with_a_proof(ident: str) -> None:
    rows = [line for line in PAGES[0].read_text().splitlines() if line.startswith(f"| {ident} |")]
    assert len(rows) == 1
    assert "`tests/" in rows[0].rsplit("|", 2)[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_dependency_has_a_row_with_its_licence() -> None:
    table = PAGES[1].read_text().split("| Package |")[1].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table if line.startswith("|")]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {row[0] for row in rows} == {re.split(r"[^\w-]", line)[0] for line in wanted}
    for name, _, _, licence, _ in rows:
        told = metadata(name)
        said = [told.get("License-Expression", ""), told.get("License", ""), *told.get_all("Classifier", [])]
        assert any(licence.split()[0] in words for words in said), (name, said)
