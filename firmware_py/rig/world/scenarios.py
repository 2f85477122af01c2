"""Owns the table of scenarios: one row for each thing that may happen on the belt. Must never play one.

To add one, add a row. Where the feet or the hip do something new, add its function to acts.py. The demonstration, the
drawing and the campaigns find it here.
"""

from dataclasses import dataclass

from firmware_py.core.frame import Cause
from firmware_py.rig.world import acts
from firmware_py.rig.world.acts import CLIMB, DRIFT, FALL, LEAVE, STAND, WALK, Act


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row. `act` begins when the belt has held its speed for a while."""

    name: str
    sentence: str  # for the person who watches
    act: Act | None  # None: nothing happens, the person walks on
    expected: tuple[Cause | None, ...]  # causes of a stop that are right; None: the belt runs on
    carried: bool = False  # the promise is a place: at rest before the rear line
    speeds_up: bool = False  # the belt gains what the steps are too short
    unplugs: bool = False  # the hip pod is gone
    in_demo: bool = True  # played by `rearguard demo --scenario all`
    demo_speed_m_s: float = 0.45


_ROWS = (
    Scenario("walk", "a person walks backward, and nothing happens", None, (None,)),
    Scenario(
        "drift",
        "the steps get a little too short: the belt carries the walker to the rear",
        DRIFT,
        (Cause.DRIFT_REAR,),
        carried=True,
    ),
    Scenario(
        "standstill",
        "the walker stops walking on a moving belt",
        STAND,
        (Cause.STANDSTILL, Cause.DRIFT_REAR),
        carried=True,
    ),
    Scenario(
        "freeze",
        "the walker stands still in fright",
        STAND,
        (Cause.STANDSTILL, Cause.DRIFT_REAR),
        carried=True,
        in_demo=False,
    ),
    # The belt carries a person who falls: any of these may be found first. On a belt of 0.45 m/s the rule for standing
    # still is often first; on a slow belt the fall shows as itself.
    Scenario(
        "fall",
        "a slow walker trips and falls backward",
        FALL,
        (Cause.FALL, Cause.STUMBLE, Cause.STANDSTILL),
        demo_speed_m_s=0.30,
    ),
    Scenario(
        "front", "the steps get a little too long: heels toward the console", CLIMB, (Cause.DRIFT_FRONT,)
    ),
    Scenario(
        "step_off",
        "the walker steps off the side of a moving belt",
        LEAVE,
        (Cause.RANGE, Cause.STANDSTILL),
        in_demo=False,
    ),
    Scenario(
        "speed_up",
        "somebody leans on the + key, and the feet do not follow the faster belt",
        DRIFT,
        (Cause.DRIFT_REAR, Cause.STANDSTILL),
        carried=True,
        speeds_up=True,
        in_demo=False,
    ),
    Scenario("unplug", "somebody pulls the plug of the hip pod", WALK, (Cause.IMU,), unplugs=True),
)

# What people do while they walk, and what the device shall make of it. A stop by the line is right wherever the walker
# has come near it; where walking ends, a stop is right, but not necessary.
_STAY: tuple[Cause | None, ...] = (None,)
_MAY_STOP = (None, Cause.STANDSTILL, Cause.DRIFT_REAR, Cause.DRIFT_FRONT, Cause.FALL, Cause.STUMBLE)
ACTS = {
    row.name: row
    for row in (
        Scenario("look", "the walker looks over the shoulder", acts.LOOK, _STAY, in_demo=False),
        Scenario("reach", "the walker takes a bottle from the console", acts.REACH, _STAY, in_demo=False),
        Scenario("hitch", "the walker hitches the trousers", acts.HITCH, _STAY, in_demo=False),
        Scenario("cough", "the walker coughs three times", acts.COUGH, _STAY, in_demo=False),
        Scenario(
            "rails",
            "the walker takes the rails, leans on them, and lets go",
            acts.RAILS,
            _STAY,
            in_demo=False,
        ),
        Scenario(
            "hurry",
            "short steps, a warning, and a few quick steps away from the edge",
            acts.HURRY,
            _STAY,
            in_demo=False,
        ),
        Scenario("buckle", "a knee buckles and recovers", acts.BUCKLE, (None, Cause.STUMBLE), in_demo=False),
        Scenario("turn", "the walker turns round on the belt", acts.TURN, _MAY_STOP, in_demo=False),
        Scenario("bend", "the walker bends to the shoe while walking", acts.BEND, _MAY_STOP, in_demo=False),
        Scenario(
            "side_rails",
            "the walker steps onto the side rails of a moving belt",
            acts.SIDE,
            (Cause.STANDSTILL,),
            in_demo=False,
        ),
        Scenario(
            "sink",
            "a knee gives way: the walker sinks slowly at the rails, and the belt carries them",
            acts.SINK,
            (Cause.STANDSTILL, Cause.DRIFT_REAR, Cause.FALL),
            in_demo=False,
        ),
    )
}
SCENARIOS = {row.name: row for row in _ROWS} | ACTS
