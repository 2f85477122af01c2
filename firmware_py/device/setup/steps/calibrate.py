"""Step 7: how the pod sits on the walker, from standing and leaning. Must never guess which side is the front."""

from math import sqrt

from firmware_py.config import Config
from firmware_py.device.calibrate import AXES, record, solve, with_result
from firmware_py.device.settings import save
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.guard.service import only_instance
from firmware_py.locale import translate as _
from sensors.advice import Failure
from sensors.samples import ImuSample, Vec3

STAND_S, LEAN_S = 10.0, 3.0
LEAST_LEAN = 0.17  # sine of 10 degrees
CLEAR = 0.85  # the chip axis must lie within 32 degrees of where the person leaned


def calibrate(setup: Setup) -> Outcome:
    """Writes mounting and bias."""
    config = setup.config
    with only_instance(config.guard_lock):
        setup.talk.ask(ask.WEAR)
        standing = _record(setup, config, STAND_S)
        setup.talk.ask(ask.LEAN)
        leaning = _record(setup, config, LEAN_S)
    result = solve(standing, front(standing, leaning))
    save(with_result(config, result), setup.path)
    text = _("The pod sits well: gravity {gravity} g, tilted by {tilt} degrees.")
    return Outcome(True, text.format(gravity=f"{result.gravity_g:.2f}", tilt=f"{result.tilt_deg:.0f}"))


def _record(setup: Setup, config: Config, seconds: float) -> list[ImuSample]:
    return record(config, seconds, setup.machine.open_bus, setup.machine.sleep)


def front(standing: list[ImuSample], leaning: list[ImuSample]) -> Vec3:
    """The chip axis that points to the wearer's front. Raises Failure when the lean is small or oblique.

    A person who leans forward tips their front down: seen from the chip, "up" moves toward their back.
    """
    up, tipped = _up(standing), _up(leaning)
    along = sum(a * b for a, b in zip(up, tipped, strict=True))
    moved = [along * a - b for a, b in zip(up, tipped, strict=True)]
    size = sqrt(sum(c * c for c in moved))
    if size < LEAST_LEAN:
        raise Failure(
            "calibrate: the lean was too small to see the front",
            "Usually the pod is loose, or nobody leaned",
            "lean further from the hips, and try again",
        )
    axis = max(AXES.values(), key=lambda one: sum(a * m for a, m in zip(one, moved, strict=True)))
    if sum(a * m for a, m in zip(axis, moved, strict=True)) < CLEAR * size:
        raise Failure(
            "calibrate: the lean was not along a side of the pod",
            "Usually the pod is turned on the belt, or you leaned sideways",
            "straighten it, lean straight forward, and try again",
        )
    return axis


def _up(samples: list[ImuSample]) -> Vec3:
    """The mean direction of gravity's reaction, length 1."""
    x, y, z = (sum(s.accel_m_s2[i] for s in samples) for i in range(3))
    size = sqrt(x * x + y * y + z * z) or 1.0
    return (x / size, y / size, z / size)
