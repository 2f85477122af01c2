"""Every pair of lasting troubles on a running belt stops no later than either alone, and the worse one is named."""

from itertools import combinations

import pytest

from firmware_py.core.frame import Cause, Decision
from tests.core.test_lock_outs import TROUBLES
from tests.support.scenes import Scene

LASTS_S = 1.0
# The worse stands first: a person's word, then the walker, then the device. Written from what a helper at the treadmill
# has to know first, not from the code.
WORST_FIRST = [
    Cause.STOP_BUTTON,
    Cause.REMOTE_STOP,
    Cause.FALL,
    Cause.DRIFT_REAR,
    Cause.DRIFT_FRONT,
    Cause.STANDSTILL,
    Cause.IMU,
    Cause.STEP_OFF,
    Cause.RANGE,
    Cause.LATE,
    Cause.NOT_WORN,
]
BLIND = {"range unplugged", "range silent", "nobody in the beam", "weak light", "everything unplugged"}
PLACES = {"past the rear line", "at the console"}
NAMES = [name for name in TROUBLES if name != "nothing"]
# One sensor has one trouble at a time, and nobody stands in two places.
SAME = [
    {"imu unplugged", "imu silent", "imu frozen", "imu flaky", "everything unplugged", "pod lies"},
    BLIND,
    {"late", "stalled"},
    {"supply", "real time", "configuration"},
    PLACES,
]
PAIRS = [(a, b) for a, b in combinations(NAMES, 2) if not any({a, b} <= same for same in SAME)]


def walks_into(*troubles: str) -> tuple[int | None, list[Decision]]:
    """An armed walker meets these troubles: the tick of the stop, None when nothing stops, and what was decided."""
    scene = Scene()
    scene.run(2.0)
    assert scene.press().run
    scene.run(1.0)
    start = len(scene.decisions)
    for _ in range(round(LASTS_S / 0.005)):
        change = {}
        for name in troubles:
            change |= TROUBLES[name](scene)
        scene.step(**change)
    decided = scene.decisions[start:]
    return next((n for n, d in enumerate(decided) if not d.run), None), decided


ALONE = {name: walks_into(name) for name in NAMES}


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_two_troubles_stop_no_later_than_the_first_of_them_alone(a: str, b: str) -> None:
    seen = [n for name in (a, b) if (n := ALONE[name][0]) is not None and not _hidden(name, (a, b))]
    both, _ = walks_into(a, b)
    if seen:
        assert both is not None and both <= min(seen)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_the_worse_of_two_troubles_is_the_one_that_is_named(a: str, b: str) -> None:
    wanted = [
        cause
        for name in (a, b)
        if not _hidden(name, (a, b)) and (cause := ALONE[name][1][-1].refusal) in WORST_FIRST
    ]
    _, decided = walks_into(a, b)
    if wanted:
        named = decided[-1].refusal
        assert named in WORST_FIRST
        assert WORST_FIRST.index(named) <= min(WORST_FIRST.index(cause) for cause in wanted)


def _hidden(name: str, pair: tuple[str, str]) -> bool:
    """A place that the range sensor cannot see is no trouble that can be named: the blind sensor is."""
    return name in PLACES and bool(BLIND & set(pair))
