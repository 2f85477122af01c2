"""The real Home Assistant: entities, stop, button, broker gone, restart, removal; home_assistant.py does it."""

import pytest

from tests.proof.programs.cache import NotRun
from tests.proof.programs.home_assistant import everything, make_root

pytestmark = [pytest.mark.longer, pytest.mark.alone]


def test_home_assistant_shows_and_reports_everything_once() -> None:
    try:
        make_root()
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")
    everything(None)
