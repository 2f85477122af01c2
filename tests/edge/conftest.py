"""A mock pin factory for each test, and the one way to see what a pin has been through."""

from collections.abc import Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    """gpiozero's mock pins, in force for one test."""
    before, Device.pin_factory = Device.pin_factory, MockFactory(revision="902120")
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before
