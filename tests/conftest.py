"""What the whole test run shares: its options, and a mock pin factory for each test that asks for one."""

from collections.abc import Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="Write tests/golden anew; commit it together with the change that explains it.",
    )


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    """gpiozero's mock pins, in force for one test."""
    before, Device.pin_factory = Device.pin_factory, MockFactory(revision="902120")
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before
