"""Builds the shim once and gives each test a simulated Pi header of its own."""

import contextlib
import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.proof.keep import keep_drops
from tests.support.compiled import compiled
from tests.support.held_up import Drop
from tests.support.pisim import header
from tests.support.pisim.pi import Pi

# `make proof` asks for 60, or 1000 of a night.
REPETITIONS = int(os.environ.get("REARGUARD_REPETITIONS", "3"))
DROPS_WITHIN_MS = 60.0  # promise P2
LEVEL_DROPS_WITHIN_MS = 100.0
UNIT_PRIORITY = 10  # SCHED_FIFO, as rearguard-guard.service says


def as_the_unit_does(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a program with the real time that the unit gives it from its first instruction, where that is allowed."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(UNIT_PRIORITY))
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=20, check=False
        )
    finally:
        os.sched_setscheduler(0, *before)


def needs_lgpio() -> None:
    """Skips without it. Never imports it: that would start its thread in the test process."""
    if find_spec("lgpio") is None:
        pytest.skip("lgpio is not installed: no wheel for this Python")


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("gcc"):
        pytest.skip("no C compiler: run tests/system-packages.sh test")
    return compiled(header.SHIM_SOURCE, tmp_path_factory.mktemp("pisim"))


@pytest.fixture
def new_header(tmp_path: Path) -> Iterator[Callable[..., header.Header]]:
    made: list[header.Header] = []

    def make(persist: bool = True) -> header.Header:
        made.append(header.Header(tmp_path / "header.sock", persist))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def on_a_pi(shim: Path, tmp_path: Path) -> dict[str, str]:
    """The environment in which a program finds the simulated header."""
    return header.environment(shim, tmp_path / "header.sock", tmp_path / "root")


@pytest.fixture
def new_pi(shim: Path, tmp_path: Path, processors_awake: None) -> Iterator[Callable[..., Pi]]:
    """Whole devices: the header, the rig's world behind it, a config; the test starts the guard."""
    needs_lgpio()
    made: list[Pi] = []

    def make(settings: str = "", persist: bool = True) -> Pi:
        folder = tmp_path / f"pi{len(made)}"
        folder.mkdir()
        made.append(Pi(folder, shim, settings, persist))
        return made[-1]

    gc.disable()  # hardware does not collect garbage: `Pi.armed` does between two guards
    header.like_hardware()  # this thread holds the interpreter now and then: the simulated chips must not wait for it
    yield make
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    gc.enable()
    gc.unfreeze()
    for pi in made:
        pi.close()


_measured: dict[str, list[Drop]] = {}


@pytest.fixture
def within_60_ms(request: pytest.FixtureRequest) -> Callable[[list[Drop]], None]:
    """Holds every drop against promise P2, and keeps them for the table at the end of the run."""
    return lambda drops: _check(request.node.name, drops, DROPS_WITHIN_MS)


@pytest.fixture
def within_100_ms(request: pytest.FixtureRequest) -> Callable[[list[Drop]], None]:
    """The same for the level drive, which has no pulse watchdog."""
    return lambda drops: _check(request.node.name, drops, LEVEL_DROPS_WITHIN_MS)


def _check(test: str, drops: list[Drop], bound_ms: float) -> None:
    name = test.removeprefix("test_")
    _measured[name] = drops
    keep_drops(name.replace("_", " "), drops, bound_ms)
    late = [drop for drop in drops if drop.took_ms > bound_ms]
    assert not late, late


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _measured:
        terminalreporter.write_line("from the blow until the belt cannot move, ms: median, max, repetitions")
    for name, drops in _measured.items():
        took_ms = sorted(drop.took_ms for drop in drops)
        median = took_ms[len(took_ms) // 2]
        terminalreporter.write_line(f"  {median:6.1f} {took_ms[-1]:6.1f} {len(took_ms):5d}  {name}")
