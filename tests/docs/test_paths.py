"""Every file, folder, module and link that the documents name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "hardware.md",
    *(ROOT / "docs").glob("**/*.md"),
]
PATH = re.compile(r"(?<![\w/.-])(?:firmware_py|sensors|systemd|tests|docs)(?:/[\w.*-]+)+/?")
MODULE = re.compile(r"(?<![\w/.-])(?:firmware_py|sensors|tests)(?:\.\w+)+")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
PLACEHOLDER = "NAME"


def missing(document: Path) -> list[str]:
    """What the text names and the repository does not have, in order."""
    text = document.read_text(encoding="utf-8")
    wrong = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    for name in PATH.findall(text):
        if PLACEHOLDER not in name and not any(ROOT.glob(name.rstrip("./"))):
            wrong.append(name)
    for name in MODULE.findall(text):
        *folders, last = name.split(".")
        # `tests/core/test_latch.py` was a path; `firmware_py.core.latch.Latch` may end in a name of the module
        ends = {"py": ROOT.joinpath(*folders).with_suffix(".py")}.get(last, ROOT.joinpath(*folders, last))
        found = ends.exists() or ends.with_suffix(".py").exists()
        if not found and not ROOT.joinpath(*folders).with_suffix(".py").exists():
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_a_document_names_exists(document: Path) -> None:
    assert missing(document) == []


def test_a_name_that_does_not_exist_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`firmware_py/core/latch.py`, firmware_py/core, `sensors/NAME.py`, tests/core/test_*.py, docs/drift.md.\n"
        "`python -m tests.proof.mutate`, firmware_py.core.latch, firmware_py.core.latch.Latch, https://tests.example/a\n"
        "`firmware_py/edge/relay.py`, `tests.proof.gone`, firmware_py.edge, [a](nowhere.md), [b](https://example.org)\n"
    )
    assert missing(page) == [
        "nowhere.md",
        "firmware_py/edge/relay.py",
        "tests.proof.gone",
        "firmware_py.edge",
    ]
