"""What import-linter (pyproject.toml) cannot say: few doors a library, small rooms, a first sentence a file."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.proof import figures, mutate

ROOT = Path(__file__).parent.parent
LIBRARIES_WITH_FEW_DOORS = {
    "paho": {
        "firmware_py/courier/events/connection.py",
        "firmware_py/courier/events/login.py",
        "firmware_py/courier/events/mqtt.py",
        "firmware_py/fleet/ingest.py",
    },
    "smbus2": {"sensors/i2c.py"},
    "gpiozero": {
        "firmware_py/guard/relay.py",
        "firmware_py/guard/panel.py",
        "firmware_py/rig/harness/pins.py",
    },
}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


SOURCES = sorted([*ROOT.glob("sensors/**/*.py"), *ROOT.glob("firmware_py/**/*.py")])


@pytest.mark.parametrize("library", LIBRARIES_WITH_FEW_DOORS)
def test_a_library_that_touches_has_few_doors(library: str) -> None:
    doors = {
        str(p.relative_to(ROOT)) for p in SOURCES if any(i.split(".")[0] == library for i in imports_of(p))
    }
    assert doors <= LIBRARIES_WITH_FEW_DOORS[library]


FOLDERS = sorted({path.parent for path in SOURCES})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_room_has_at_most_twelve_files(folder: Path) -> None:
    files = [
        p for p in folder.iterdir() if p.is_file() and p.suffix in (".py", ".css", ".html", ".jinja", ".sql")
    ]
    assert len(files) <= (6 if folder == ROOT / "firmware_py" else 12)


def test_everything_that_is_no_code_is_installed_with_the_code() -> None:
    """An editable install finds a template that a wheel would leave behind."""
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    files = [p for room in ("firmware_py", "sensors") for p in (ROOT / room).rglob("*") if p.is_file()]
    assert [p for p in files if p.suffix not in (".py", ".pyc") and not any(map(p.match, globs))] == []


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_file_opens_with_its_one_job(path: Path) -> None:
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]
    assert first and len(first) <= 120


def test_the_import_contracts_are_kept() -> None:
    """The core sees no clock, no disk, no network and no chance; nothing below imports what is above."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", mutate.TARGETS)
def test_what_is_mutated_has_tests_that_can_notice(path: str) -> None:
    """For a file without tests of its own at the same place in tests/: a line in `ALSO` of tests/proof/mutate.py."""
    tests = mutate.TARGETS[path]
    assert tests and [p for p in (path, *tests) if not (ROOT / p).exists()] == []


def test_the_tables_of_the_mutants_name_files_that_are_there() -> None:
    """Whether a reason still fits its line, a run of the mutants shows."""
    named = {key.partition(": ")[0] for key in mutate.reasons()} | {
        mutate.CORE + name for name in mutate.ALSO
    }
    assert named <= set(mutate.TARGETS)


def test_a_figure_is_made_by_a_command_that_is_there() -> None:
    for _, _, words in figures.COMMANDS.values():
        modules = [words[2]] if words[0] == "python" else []
        paths = [w for w in words if w.startswith("tests/")] + [f"{m.replace('.', '/')}.py" for m in modules]
        assert [p for p in paths if not (ROOT / p).exists()] == []
