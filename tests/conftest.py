"""What the whole test run shares: its options, and a mock pin factory for each test that asks for one."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from firmware_py.rig.harness.awake import awake
from tests.support.held_up import TAKEN_S, Busy, stolen_s


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="Write tests/golden anew; commit it together with the change that explains it.",
    )


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, bool | None, bool | None]:
    """A test that could not be judged, because the host took this computer's time, says so instead of failing."""
    before_s = stolen_s()
    try:
        return (yield)
    except Busy as busy:
        taken_s = stolen_s() - before_s
        if taken_s < TAKEN_S:
            raise
        pytest.skip(f"not judged, the host took {taken_s:.1f} s of processor time meanwhile: {busy}")


@pytest.fixture(autouse=True)
def same_process() -> Iterator[None]:
    """A test that leaves another working directory or another user behind fails itself, not its neighbours."""
    before = Path.cwd(), os.geteuid()
    yield
    after = Path.cwd(), os.geteuid()
    os.chdir(before[0])
    assert after == before


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    """gpiozero's mock pins, in force for one test."""
    before, Device.pin_factory = Device.pin_factory, MockFactory(revision="902120")
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


@pytest.fixture(scope="module")
def processors_awake() -> Iterator[None]:
    """For tests that look at the clock."""
    with awake():
        yield
