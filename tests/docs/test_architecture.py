"""The paths in docs/architecture.md name functions that exist, and the first is the one that a test walks."""

import ast
import re
from pathlib import Path

import pytest

import firmware_py

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
HOP = re.compile(r"^\| `(\S+\.py)` \| `([\w.]+)` \|", re.MULTILINE)


def functions_of(file: str) -> set[str]:
    """Every function of a file, with its class before it."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return found


@pytest.mark.parametrize(("file", "function"), HOP.findall(PAGE))
def test_every_hop_is_a_function_that_exists(file: str, function: str) -> None:
    assert function in functions_of(file)


def test_the_path_of_a_sample_is_the_one_that_is_walked() -> None:
    section = PAGE.split("## One sample")[1].split("\n## ")[0]
    walked = re.findall(r"^    (\S+\.py) +([\w.]+) {2,}\S", firmware_py.__doc__ or "", re.MULTILINE)
    assert HOP.findall(section) == walked
