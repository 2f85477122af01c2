"""Beat and softness: within their bounds, off by default, and never to be taken for the guard's warning."""

import pytest

from firmware_py.coach import sound
from firmware_py.coach.walk.rhythm import CADENCE_SPAN_HZ, SHARES, Metronome, beat_s, softness
from firmware_py.config import Config
from firmware_py.guard import panel


def test_the_metronome_is_off_unless_somebody_switches_it_on() -> None:
    assert Config().coach.metronome_percent == 0


@pytest.mark.parametrize("share", SHARES)
def test_a_beat_is_one_step_of_the_own_cadence(share: float) -> None:
    assert beat_s(1.6, share) == pytest.approx(1 / 1.6 / share)


@pytest.mark.parametrize(("cadence_hz", "share"), [(1.6, 0.89), (1.6, 1.11), (0.4, 1.0), (3.1, 1.0)])
def test_no_beat_outside_its_bounds(cadence_hz: float, share: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        beat_s(cadence_hz, share)


def test_it_waits_a_minute_sounds_three_and_rests_one() -> None:
    beat = Metronome()
    on = [s for s in range(600) if beat.sounds(float(s), True)]
    assert on == [*range(60, 240), *range(300, 480), *range(540, 600)]


def test_it_sounds_only_while_the_gait_is_known() -> None:
    assert not Metronome().sounds(100.0, False)


def test_it_gives_up_for_the_set_when_the_strides_grow_less_alike() -> None:
    beat = Metronome()
    assert beat.sounds(100.0, True, 0.61, 0.7)
    assert not beat.sounds(110.0, True, 0.6, 0.7)
    assert not beat.sounds(120.0, True, 0.7, 0.7)


def test_a_change_inside_the_own_noise_is_no_change() -> None:
    assert [softness(v, 100.0) for v in (91.1, 108.9)] == ["as usual", "as usual"]
    assert softness(90.9, 100.0) == "softer than your usual"
    assert softness(109.1, 100.0) == "firmer than your usual"


def test_a_click_is_shorter_than_half_of_the_shortest_beep_of_a_warning() -> None:
    """A warning is on for half of its period; a click is on for 25 ms of whatever beat: they never sound alike."""
    shortest_beep_s = panel.WARNING_PERIOD_NS[0] / 2e9
    assert shortest_beep_s / 2 > sound.CLICK_S
    fastest_beat_s = beat_s(CADENCE_SPAN_HZ[1], max(SHARES))
    assert sound.CLICK_S / fastest_beat_s < 0.1  # of the time; a warning sounds half of it
