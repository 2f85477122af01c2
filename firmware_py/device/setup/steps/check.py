"""Step 5: the wiring doctor, then every button and sensor by hand. Must never drive the relay."""

from collections.abc import Callable
from contextlib import ExitStack

from firmware_py.device.check import look
from firmware_py.device.check.line import FAIL
from firmware_py.device.language import in_words
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.device.setup.talk import Question
from firmware_py.guard.panel import NOT_FITTED, Panel
from firmware_py.guard.process import build_sensors
from firmware_py.guard.service import only_instance
from firmware_py.locale import spoken
from firmware_py.locale import translate as _
from sensors.samples import ImuSample, RangeSample

LATER = "commissioning"  # a step of its own
SECONDS = 5.0
NEARER_M = 0.10  # by how much a hand moves
HAND_READINGS = 5
TURNED_RAD_S = 1.0


def check(setup: Setup) -> Outcome:
    """Fails with the first line that fails, or the first request that nothing was seen of."""
    setup.talk.ask(ask.LAY_STILL)
    machine, config = setup.machine, setup.config
    failed = []
    for line in look(config, SECONDS, machine.root, machine.open_bus, machine.sleep):
        if line.name != LATER:
            setup.talk.show(str(line))
        failed += [line] if line.verdict == FAIL else []
    if failed:
        return Outcome(False, f"{spoken(failed[0].name)}: {in_words(failed[0].advice)}")
    unseen = _by_hand(setup)
    if unseen is not None:
        return Outcome(
            False,
            " ".join((_("Nothing was seen of this within a minute:"), _(unseen.text), _("Check its wire."))),
        )
    return Outcome(True, _("Wiring, buttons and sensors work."))


def _by_hand(setup: Setup) -> Question | None:
    """The first request that had no effect."""
    machine, config = setup.machine, setup.config
    with ExitStack() as held:
        held.enter_context(only_instance(config.guard_lock))
        machine.take_pins()
        panel = Panel(config.panel, config.belt)
        held.callback(panel.close)
        imu, belt = build_sensors(config, machine.open_bus, machine.sleep)
        imu.open()
        held.callback(imu.close)
        belt.open()
        held.callback(belt.close)
        requests: list[tuple[Question, Callable[[], bool]]] = [
            (ask.PRESS, _press_and_release(panel.reset_pressed))
        ]
        if config.panel.stop_pin != NOT_FITTED:
            requests.append((ask.STOP_BUTTON, _press_and_release(panel.stop_pressed)))
        requests.append((ask.WAVE, _hand(lambda: belt.poll(machine.clock_ns()))))
        requests.append((ask.TURN, lambda: _turned(imu.read(machine.clock_ns()))))
        return next((r for r, seen in requests if not setup.talk.watch(r, seen, machine.sleep)), None)


def _press_and_release(pressed: Callable[[], bool]) -> Callable[[], bool]:
    """True once it was released, pressed and released again: a broken wire reads pressed."""
    wanted = [False, True, False]

    def seen() -> bool:
        if wanted and pressed() is wanted[0]:
            wanted.pop(0)
        return not wanted

    return seen


def _hand(poll: Callable[[], object]) -> Callable[[], bool]:
    """True once the distance has changed by NEARER_M."""
    distances: list[float] = []

    def seen() -> bool:
        reading = poll()
        if isinstance(reading, RangeSample):
            distances.append(reading.distance_m)
        return len(distances) >= HAND_READINGS and max(distances) - min(distances) > NEARER_M

    return seen


def _turned(reading: object) -> bool:
    return isinstance(reading, ImuSample) and max(map(abs, reading.gyro_rad_s)) > TURNED_RAD_S
