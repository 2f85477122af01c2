"""Holds the order of the layers: imports point down only, and the core sees nothing of the outside."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE_MAY_IMPORT = {"math", "enum", "typing", "dataclasses", "collections", "struct"}

# What each layer may import of ours. A longer prefix wins, so an exception is a row of its own.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "sensors.samples": (),
    "sensors": ("sensors",),
    "firmware_py.core": ("sensors.samples", "firmware_py.core"),
    "firmware_py.config": ("firmware_py.core",),
    "firmware_py.device.settings": ("firmware_py.config",),
    "firmware_py.guard": ("sensors", "firmware_py.core", "firmware_py.config", "firmware_py.guard"),
    "firmware_py.traces": ("sensors.samples", "firmware_py.core", "firmware_py.config", "firmware_py.traces"),
    "firmware_py.guard.loop": ("sensors", "firmware_py.core", "firmware_py.guard"),
}
LIBRARIES_WITH_ONE_DOOR = {
    "paho": {"firmware_py/courier/events/mqtt.py"},
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


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_down_only(path: Path) -> None:
    name = module_name(path)
    rule = max((r for r in MAY_IMPORT if name == r or name.startswith(r + ".")), key=len, default=None)
    ours = {i for i in imports_of(path) if i.split(".")[0] in ("sensors", "firmware_py")}
    assert not any(i.startswith("tests") for i in imports_of(path))
    if rule is not None:
        allowed = MAY_IMPORT[rule]
        bad = {
            i
            for i in ours
            if not any(i == a or i.startswith(a + ".") or a.startswith(i + ".") for a in allowed)
        }
        assert not bad - {"firmware_py", "firmware_py.__version__"}, f"{name} may not import {sorted(bad)}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("firmware_py/core/*.py")), ids=module_name)
def test_the_core_sees_no_clock_no_disk_no_network_and_no_chance(path: Path) -> None:
    outside = {i.split(".")[0] for i in imports_of(path)} - {"sensors", "firmware_py"}
    assert outside <= CORE_MAY_IMPORT


@pytest.mark.parametrize("library", LIBRARIES_WITH_ONE_DOOR)
def test_a_library_that_touches_has_one_door(library: str) -> None:
    doors = {
        str(p.relative_to(ROOT)) for p in SOURCES if any(i.split(".")[0] == library for i in imports_of(p))
    }
    assert doors <= LIBRARIES_WITH_ONE_DOOR[library]


def test_the_guard_never_imports_what_belongs_to_the_courier() -> None:
    heavy = {"numpy", "scipy", "paho", "starlette", "uvicorn", "mcap", "rich", "sqlite3"}
    reached, todo = set(), ["firmware_py.guard.process"]
    by_name = {module_name(p): p for p in SOURCES}
    while todo:
        name = todo.pop()
        if name in reached or name not in by_name:
            continue
        reached.add(name)
        todo += [i for i in _top_level_imports(by_name[name]) if i in by_name]
    found = {name: heavy & {i.split(".")[0] for i in _top_level_imports(by_name[name])} for name in reached}
    assert not {name: libs for name, libs in found.items() if libs}


def _top_level_imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_whatever_the_core_decides_with_is_mutated() -> None:
    """frame.py holds values only."""
    told = (ROOT / "tests/proof/mutate.py").read_text()
    files = {path.name for path in (ROOT / "firmware_py/core").glob("*.py")} - {"__init__.py", "frame.py"}
    assert {name for name in files if f'"firmware_py/core/{name}": [' not in told} == set()
