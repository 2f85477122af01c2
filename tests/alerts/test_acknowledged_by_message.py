"""`command/ack` on the broker becomes an event of the courier, and that event ends the reminders of one alert."""

from pathlib import Path

import pytest

from firmware_py.core.frame import Cause
from tests.alerts.test_alerts import Gym


@pytest.fixture
def gym(tmp_path: Path) -> Gym:
    return Gym(tmp_path)


def test_it_ends_the_reminders_of_this_alert_and_of_no_other(gym: Gym) -> None:
    gym.event("stopped", Cause.FALL)
    gym.wait(65)
    gym.event("stopped", Cause.FALL)
    gym.wait(1)
    first, second = (alert.event_id for alert, _, _ in reversed(gym.store.newest()))
    assert first != second
    gym.event("alert_acknowledged", alert=first)
    gym.wait(1)
    before = [message.event_id for _, message in gym.got]
    gym.wait(130)
    later = [message.event_id for _, message in gym.got][len(before) :]
    assert first not in later and second in later


def test_it_is_nobody_s_alert_and_one_that_names_nothing_disturbs_nothing(gym: Gym) -> None:
    gym.event("alert_acknowledged", alert="01JDXYZABCDEFGHJKMNPQRSTVW")
    gym.wait(5)
    assert gym.got == []
    gym.event("stopped", Cause.FALL)
    gym.wait(1)
    assert len(gym.got) == 1
