"""What people touch, see and hear."""

from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from firmware_py.config import BeltConfig, PanelConfig
from firmware_py.core.frame import Cause, Decision
from firmware_py.guard.panel import FULL_MARGIN_M, Panel, Signals
from tests.support.moments import TICK_NS, decision

SECOND = 200  # ticks


def panel(**pins: int) -> Panel:
    return Panel(PanelConfig(**pins), BeltConfig(speed_sensor="hall"))


def settling(tick: int, run: bool = False, **changes: Any) -> Decision:
    """The belt runs, or no press is accepted yet."""
    return decision(tick, **{"run": run, "refusal": None if run else Cause.SETTLING, **changes})


def heard(signals: Signals, first: int, ticks: int, run: bool = False, **more: object) -> list[bool]:
    return [signals.update(settling(first + i, run, **more))[0] for i in range(ticks)]


def seen(signals: Signals, first: int, ticks: int, run: bool = False, **more: object) -> list[bool]:
    return [signals.update(settling(first + i, run, **more))[1] for i in range(ticks)]


def beeps(track: list[bool]) -> int:
    return sum(now and not before for before, now in zip([False, *track], track, strict=False))


def test_the_arming_button_to_ground_is_pressed_when_low(pins: MockFactory) -> None:
    it = panel()
    assert not it.reset_pressed()
    pins.pin(23).drive_low()
    assert it.reset_pressed()
    it.close()


def test_the_stop_button_is_pressed_when_its_wire_breaks(pins: MockFactory) -> None:
    it = panel()
    assert it.stop_pressed(), "nothing connected: the pull-up wins"
    pins.pin(24).drive_low()
    assert not it.stop_pressed()
    pins.pin(24).drive_high()
    assert it.stop_pressed()
    it.close()


def test_what_is_not_fitted_is_not_touched(pins: MockFactory) -> None:
    it = Panel(PanelConfig(stop_pin=-1, buzzer_pin=-1, lamp_pin=-1, soft_stop_pin=-1), BeltConfig())
    assert not it.stop_pressed()
    assert it.belt_speed_m_s(0) is None
    it.show(decision(0, run=True, soft_stop=True))
    assert {pin.info.name for pin in pins.pins.values()} == {"GPIO23"}
    it.close()


def test_outputs_are_low_from_the_start_and_after_the_end(pins: MockFactory) -> None:
    it = panel(soft_stop_pin=26)
    states = {n: [bool(s.state) for s in pins.pin(n).states] for n in (25, 27, 26)}
    assert states == {25: [False], 27: [False], 26: [False]}
    it.show(decision(0, run=True, soft_stop=True))
    assert all(pins.pin(n).state for n in (25, 27, 26))
    it.close()
    assert all(pins.pin(n).function == "input" for n in (25, 27, 26))


def test_the_soft_stop_follows_the_decision(pins: MockFactory) -> None:
    it = panel(soft_stop_pin=26)
    it.show(decision(0, run=True, soft_stop=True))
    it.show(decision(1, run=True, soft_stop=True))
    it.show(decision(2, run=True, soft_stop=False))
    assert [bool(s.state) for s in pins.pin(26).states] == [False, True, False]
    it.close()


def test_a_device_that_never_ran_is_silent_and_dark() -> None:
    signals = Signals()
    assert [signals.update(settling(i)) for i in range(3 * SECOND)] == [(False, False)] * (3 * SECOND)


def test_the_lamp_blinks_once_a_second_when_a_press_is_accepted_and_stays_on_while_running() -> None:
    signals = Signals()
    assert beeps(seen(signals, 0, 5 * SECOND, refusal=None)) == 5
    assert all(seen(signals, 5 * SECOND, SECOND, run=True))


def test_arming_gives_one_blip_and_then_silence() -> None:
    track = heard(Signals(), 0, SECOND, run=True)
    assert beeps(track) == 1
    assert sum(track) == 16, "80 ms"


def test_a_stop_sounds_for_one_and_a_half_seconds() -> None:
    signals = Signals()
    heard(signals, 0, SECOND, run=True)
    track = heard(signals, SECOND, 3 * SECOND, cause=Cause.FALL)
    assert track == [True] * 300 + [False] * 300


def test_the_warning_beeps_faster_toward_the_line() -> None:
    counts = []
    for margin in (None, FULL_MARGIN_M, 0.1, 0.0, -0.3):
        signals = Signals()
        heard(signals, 0, SECOND, run=True)
        track = heard(signals, SECOND, 3 * SECOND, run=True, warning=Cause.DRIFT_REAR, stop_margin_m=margin)
        counts.append(beeps(track))
    assert counts[0] == counts[1] == 5
    assert counts == sorted(counts)
    assert counts[-1] == counts[-2] >= 25, "120 ms apart, and no faster beyond the line"


def test_a_refused_press_gives_three_blips() -> None:
    signals = Signals()
    heard(signals, 0, SECOND)
    track = heard(signals, SECOND, 1, refused=Cause.IMU) + heard(signals, SECOND + 1, SECOND)
    assert beeps(track) == 3


@pytest.mark.parametrize("where", ["cause", "refusal"])
@pytest.mark.parametrize("cause", [Cause.RELAY_WELDED, Cause.BELT_RUNAWAY])
def test_contacts_or_a_belt_that_do_not_obey_sound_until_somebody_comes(where: str, cause: Cause) -> None:
    signals = Signals()
    track = [signals.update(settling(i, **{where: cause})) for i in range(60 * SECOND)]
    assert beeps([buzzer for buzzer, _ in track]) == 120
    assert beeps([lamp for _, lamp in track]) == 500


def test_a_hall_switch_says_nothing_before_two_pulses_and_zero_after_a_long_silence(
    pins: MockFactory,
) -> None:
    it = panel()
    said = []
    for tick in range(600):
        (pins.pin(16).drive_low if 40 <= tick < 44 or 80 <= tick < 84 else pins.pin(16).drive_high)()
        said.append(it.belt_speed_m_s(tick * TICK_NS))
    assert set(said[:80]) == {None}
    assert said[80] == pytest.approx(0.75)
    assert said[-1] == 0.0
    it.close()


def test_the_panel_reads_the_hall_switch(pins: MockFactory) -> None:
    it = panel()
    for tick in range(80):
        (pins.pin(16).drive_low if tick % 40 < 4 else pins.pin(16).drive_high)()
        said = it.belt_speed_m_s(tick * TICK_NS)
    assert said == pytest.approx(0.75)
    it.close()
