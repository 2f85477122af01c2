"""Mutation testing of what decides: plants one small mistake at a time and expects a test to notice.

    .venv/bin/python -m tests.proof.mutate                      all files below, and their survivors
    .venv/bin/python -m tests.proof.mutate firmware_py/core/latch.py --jobs 2
    .venv/bin/python -m tests.proof.mutate --since HEAD~1       only in lines that have changed since

A mutant is the file's own syntax tree with one operator, comparison, constant or condition changed; it is compiled
in memory in a forked child, so nothing on disk ever changes. Survivors that are no fault have a line with the reason
in tests/proof/survivors.txt; a survivor without one, or a reason without a survivor, fails.
"""

import argparse
import ast
import copy
import gc
import importlib.abc
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.machinery import ModuleSpec
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import gpiozero.pins.mock  # noqa: F401  loaded once, before the forks
import hypothesis
import numpy  # noqa: F401  likewise
import pytest
import scipy.signal  # noqa: F401  likewise

ROOT = Path(__file__).resolve().parents[2]
REASONS = Path(__file__).with_name("survivors.txt")
# A mutant that hangs is noticed, too: after three times as long as its tests need, and never sooner than this.
LIMIT_S = 60
UNTOUCHED_LIMIT_S = 600

CORE = "firmware_py/core/"
HOLDS_VALUES = ("__init__.py", "frame.py")  # decides nothing
IMUS = ["tests/sensors/test_imus.py", "tests/sensors/test_registers.py"]
RANGES = ["tests/sensors/test_ranges.py", "tests/sensors/test_registers.py"]
DECK = ["tests/core/deck/test_golden.py"]
ALERTS = ["tests/alerts/test_policy.py", "tests/alerts/test_alerts.py"]
TRACES = ["tests/traces/test_replay.py"]
# Tests beside the file's own, or instead of them where there are none, quickest and nearest first.
ALSO: dict[str, list[str]] = {
    "health.py": ["tests/core/test_monitor.py", "tests/core/test_lock_outs.py"],
    "monitor.py": ["tests/core/test_lock_outs.py", "tests/proof/test_monitor_model.py"],
    "body/attitude.py": TRACES,
    "body/gait.py": TRACES,
    "body/fall.py": TRACES,
    "body/fallen.py": ["tests/core/test_monitor.py"],
    "deck/params.py": [*DECK, "tests/core/deck/test_drift.py", "tests/core/place/test_position.py"],
    "place/kalman.py": DECK,
    "place/gate.py": [*DECK, "tests/core/place/test_position.py"],
    "place/position.py": DECK,
    "deck/belt.py": DECK,
    "deck/habit.py": DECK,
    "deck/standstill.py": [*DECK, "tests/core/deck/test_drift.py"],
    "deck/stopping.py": DECK,
    "deck/warning.py": DECK,
    "deck/drift.py": DECK,
}


def _of_core() -> dict[str, list[str]]:
    """Every file of the core, so that none is forgotten; its own tests stand at the same place in tests/."""
    found = {}
    for path in sorted((ROOT / CORE).rglob("*.py")):
        name = str(path.relative_to(ROOT / CORE))
        if path.name not in HOLDS_VALUES:
            own = f"tests/core/{name.removesuffix(path.name)}test_{path.name}"
            found[CORE + name] = ([own] if (ROOT / own).exists() else []) + ALSO.get(name, [])
    return found


# What is mutated -> the tests that must notice.
TARGETS: dict[str, list[str]] = {
    "sensors/samples.py": ["tests/sensors"],
    "sensors/registers.py": ["tests/sensors"],
    "sensors/imu.py": IMUS[:1],
    "sensors/lsm6dsox.py": IMUS,
    "sensors/mpu6050.py": IMUS,
    "sensors/vl53l1x.py": RANGES,
    "sensors/tf_luna.py": RANGES,
    "sensors/hall.py": ["tests/sensors/test_hall.py"],
    **_of_core(),
    "firmware_py/guard/relay.py": ["tests/guard/test_relay.py"],
    "firmware_py/alerts/policy.py": ALERTS,
    "firmware_py/config/quiet.py": ["tests/test_quiet.py"],
    "firmware_py/alerts/classes.py": ALERTS,
    "firmware_py/coach/phases.py": ["tests/coach/test_phases.py", "tests/coach/test_session.py"],
    "firmware_py/coach/plan/progression.py": ["tests/coach/plan/test_progression.py"],
    "firmware_py/coach/walk/enough.py": ["tests/coach/walk/test_enough.py"],
}

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


class Mutant(NamedTuple):
    """One planted mistake: where, what, and the tree that holds it."""

    path: str
    line: int
    what: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def mutants(path: str) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    text = (ROOT / path).read_text()
    tree = ast.parse(text)
    skip = _left_alone(tree)
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in skip:
            continue
        for what, change in _changes(node):
            mutated = copy.deepcopy(tree)
            change(next(n for i, n in enumerate(ast.walk(mutated)) if i == index))
            yield Mutant(path, getattr(node, "lineno", 0), what, ast.fix_missing_locations(mutated))


def _left_alone(tree: ast.Module) -> set[int]:
    """Docstrings, annotations, error texts and __slots__ decide nothing."""
    found: set[int] = set()
    for node in ast.walk(tree):
        quiet: list[ast.AST | None] = []
        if isinstance(node, ast.AnnAssign):
            quiet.append(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            quiet += [node.returns, *(a.annotation for a in ast.walk(node.args) if isinstance(a, ast.arg))]
            quiet += node.decorator_list
        elif isinstance(node, ast.ClassDef):
            quiet += node.decorator_list
        elif isinstance(node, ast.Raise):
            quiet.append(node.exc)
        elif isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__slots__" for t in node.targets
        ):
            quiet.append(node.value)
        for part in quiet:
            if part is not None:
                found |= {id(n) for n in ast.walk(part)}
    return found


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], object]]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARE:
        new = _COMPARE[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} -> {new.__name__}", lambda n: n.ops.__setitem__(0, new())
        if len(node.ops) > 1 and type(node.ops[1]) in _COMPARE:
            second = _COMPARE[type(node.ops[1])]
            yield (
                f"2nd {type(node.ops[1]).__name__} -> {second.__name__}",
                lambda n: n.ops.__setitem__(1, second()),
            )
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _ARITHMETIC:
        other = _ARITHMETIC[type(node.op)]
        yield f"{type(node.op).__name__} -> {other.__name__}", lambda n: setattr(n, "op", other())
    elif isinstance(node, ast.BoolOp):
        flip = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{type(node.op).__name__} -> {flip.__name__}", lambda n: setattr(n, "op", flip())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield f"{node.value} -> {node.value + 1}", lambda n: setattr(n, "value", n.value + 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, float):
        changed = node.value * 1.1 if node.value else 0.1
        yield f"{node.value:g} -> {changed:g}", lambda n: setattr(n, "value", changed)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield f"{type(node.op).__name__} -> nothing", _unsigned
    if isinstance(node, (ast.If, ast.IfExp)):
        for value in (True, False):
            yield f"if -> {value}", partial(_decided, value=value)


def _decided(node: ast.If | ast.IfExp, value: bool) -> None:
    node.test = ast.Constant(value)


def _unsigned(node: ast.UnaryOp) -> None:
    if isinstance(node.op, ast.USub):
        node.op = ast.UAdd()
    else:
        node.operand = ast.UnaryOp(ast.Not(), node.operand)  # not x -> not not x


class QuickestFirst:
    """A pytest plugin: runs the tests in the order of the time that each took with nothing planted."""

    def __init__(self, took_s: dict[str, float]) -> None:
        self.took_s = took_s
        self.limit_s = max(LIMIT_S, round(3.0 * sum(took_s.values())))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.took_s.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.took_s[report.nodeid] = self.took_s.get(report.nodeid, 0.0) + report.duration


def untouched(path: str, nearest: bool) -> QuickestFirst:
    """Runs the file as it is: its tests must pass, or every mutant would look noticed."""
    mutant = Mutant(path, 0, "nothing", ast.parse((ROOT / path).read_text()))
    with tempfile.TemporaryFile("w+") as told:

        def run() -> int:
            order = QuickestFirst({})
            code = _run(mutant, order, nearest)
            json.dump(order.took_s, told)
            told.flush()
            return code

        ended = _forked(run, UNTOUCHED_LIMIT_S)
        if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGALRM:
            raise SystemExit(f"{path}: its tests need more than {UNTOUCHED_LIMIT_S} s; is the computer busy?")
        if ended != 0:
            raise SystemExit(f"{path}: its tests fail without any mistake planted; run them first")
        told.seek(0)
        return QuickestFirst(json.load(told))


def noticed(mutant: Mutant, order: QuickestFirst, nearest: bool) -> bool:
    """Do the tests fail with this mistake planted? A crash or a hang is noticed, too."""
    seen = _forked(lambda: _run(mutant, order, nearest), order.limit_s) != 0
    if not seen:
        print(f"    survives: {mutant.name}", file=sys.stderr, flush=True)
    return seen


def _forked(run: Callable[[], int], limit_s: int) -> int:
    """In a child of its own; its status as os.wait gives it."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.alarm(limit_s)
        gc.freeze()  # the trees of all mutants were inherited: not to be walked through again and again
        code = 70
        try:
            code = run()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def _run(mutant: Mutant, order: QuickestFirst, nearest: bool) -> int:
    name = mutant.path.removesuffix(".py").replace("/", ".")
    for loaded in [m for m in sys.modules if m.split(".")[0] in ("firmware_py", "sensors", "tests")]:
        del sys.modules[loaded]
    sys.meta_path.insert(0, _Planted(name, mutant))
    importlib.invalidate_caches()
    found = (
        hypothesis.Phase.explicit,
        hypothesis.Phase.generate,
    )  # the smallest example interests nobody here
    hypothesis.settings.register_profile(
        "mutants", max_examples=15, database=None, derandomize=True, phases=found
    )
    hypothesis.settings.load_profile("mutants")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # plugins cost more than most tests
    os.environ["REARGUARD_MODEL_DEPTH"] = "2"
    tests = TARGETS[mutant.path][: 1 if nearest else None]
    return int(pytest.main(["-x", "-q", "--tb=no", "-p", "no:cacheprovider", *tests], plugins=[order]))


class _Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module and gives it the mutant's code."""

    def __init__(self, name: str, mutant: Mutant) -> None:
        self._name = name
        self._mutant = mutant

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, ROOT / self._mutant.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        code = compile(self._mutant.tree, str(ROOT / self._mutant.path), "exec")
        exec(code, module.__dict__)


def reasons() -> dict[str, str]:
    """Survivors that are no fault: `path: source line | what | reason`, keyed without the line number."""
    if not REASONS.exists():
        return {}
    rows = [
        line.rsplit(" | ", 1)
        for line in REASONS.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    return dict(rows)


def key_of(mutant: Mutant) -> str:
    """A name that holds while lines move: the file, the line's text and the change."""
    line = (ROOT / mutant.path).read_text().splitlines()[mutant.line - 1].strip() if mutant.line else ""
    return f"{mutant.path}: {line} | {mutant.what}"


def changed_lines(path: str, since: str) -> set[int]:
    """The lines of the file that are new or different since that revision. A file that only moved has none."""
    words = ["git", "diff", "-U0", "--find-renames", since, "--", "firmware_py", "sensors"]
    diff = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    _, _, own = f"\n{diff}".partition(f"\n+++ b/{path}\n")
    lines: set[int] = set()
    for start, count in re.findall(
        r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", own.partition("\ndiff --git ")[0], re.MULTILINE
    ):
        lines |= set(range(int(start), int(start) + int(count or 1)))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", default=list(TARGETS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--stop-after-minutes", type=float, default=float("inf"), help="begin no new file")
    parser.add_argument(
        "--nearest", action="store_true", help="only the first test file of each, while working"
    )
    parser.add_argument("--json", action="store_true", help="a JSON line for each file")
    parser.add_argument("--since", help="only lines that have changed since this git revision, while working")
    options = parser.parse_args()
    os.chdir(ROOT)
    known, unexplained, used, total, start = reasons(), [], set(), 0, time.monotonic()
    reached = []
    for path in options.files:
        if time.monotonic() - start > options.stop_after_minutes * 60:
            print(f"{path}: not reached", flush=True)
            continue
        found = list(mutants(path))
        if options.since:
            lines = changed_lines(path, options.since)
            found = [m for m in found if m.line in lines]
            if not found:
                continue
        else:
            reached.append(path)
        order = untouched(path, options.nearest)
        begun, results = time.monotonic(), []
        with ThreadPool(options.jobs) as pool:
            for seen in pool.imap(partial(noticed, order=order, nearest=options.nearest), found):
                results.append(seen)
                if len(results) % 25 == 0:
                    print(f"  {path}: {len(results)} of {len(found)}", file=sys.stderr, flush=True)
        alive = [m for m, seen in zip(found, results, strict=True) if not seen]
        total += len(found)
        used |= {key_of(m) for m in alive}
        new = [m for m in alive if key_of(m) not in known]
        unexplained += new
        took_s = time.monotonic() - begun
        row = {"file": path, "mutants": len(found), "survive": len(alive), "unexplained": len(new)}
        said = f"{path}: {len(found)} mutants, {len(alive)} survive, {len(new)} unexplained, {took_s:.0f} s"
        print(json.dumps(row) if options.json else said, flush=True)
        for mutant in new:
            print(f"  {mutant.name}   {key_of(mutant)}", flush=True)
    stale = [k for k in known if k not in used and k.split(":")[0] in reached]
    for key in stale:
        print(f"stale reason: {key}")
    print(f"{total} mutants, {len(unexplained)} unexplained survivors, {time.monotonic() - start:.0f} s")
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    sys.exit(main())
