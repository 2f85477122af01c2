"""One world of chips a test."""

import pytest

from tests.support.emulated_world import World


@pytest.fixture
def world() -> World:
    return World()
