"""Works out how long the range sensor may be without a believed reading before the belt is cut.

Must never allow a silence at whose end a walker whose feet stopped at the last believed reading comes to rest past a
line, and never one of more than MOST_S.

room       From the rest point of a dead standstill at the last believed place to the rear limit.
time       The belt carries the walker through that room at its own speed. CONFIRM_S of it is kept: readings that come
           back must agree with each other before they are believed (gate.py).
front      The same toward the console, for steps that become too long at the last believed reading.
too fast   Above its safe speed nobody's standstill can be stopped before the line, silence or not. There a silence may
           last as long as a standstill usually takes to be seen (SEEN_S): nobody who stands still in it is stopped much
           later than with a sensor. Not so near a limit that the belt carries the walker there meanwhile.
doubt      Only while the pod shows even steps and no lean, or a hip that is quiet in one place beside a belt that is
           measured to move (rails.py), may a silence last longer than LEAST_S. A sensor that reports that nobody is
           there is not silent, and one that reports a weak echo may mean the same (F22).

An IMU without fresh samples stops the belt long before LEAST_S (health.py), so its steps here are always fresh ones.
"""

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.gait import Gait
from firmware_py.core.deck.params import DriftParams
from firmware_py.core.deck.stopping import limits_m, rest_position_m, safe_speed_m_s
from firmware_py.core.frame import Phase
from sensors.samples import Fault

LEAST_S, MOST_S = 0.150, 0.400  # promise P6
MOST_WEAK_S = 0.290  # a weak echo may be a walker who has left: found within 300 ms (F22)
SEEN_S = 0.250  # a dead standstill at 2 mph, the median of `rig campaign standstill`: docs/drift.md
SILENT_S = 0.100  # a younger reading needs no patience
CONFIRM_S = 0.06
CHANGE_M_S = 0.10  # steps that become too long gain so much more on the belt [A]
MISSING_STEP = 1.5  # no step for so many of this walker's own: one is missing
LEANS_RAD = 0.20  # from the own posture: twice what steady walking shows [A]


def patience_s(
    params: DriftParams, at_m: float, velocity_m_s: float, speed_m_s: float, margin_m: float
) -> float:
    """The longest silence after a believed place and velocity on a belt of that speed, from LEAST_S to MOST_S.

    `margin_m`: from where a walker who keeps this velocity comes to rest to the nearer limit.
    """
    p = params
    front_m, rear_m = limits_m(p)
    stop = (speed_m_s, p.stop_latency_s, p.coast_down_m_s2)
    carried_m_s = max(speed_m_s, velocity_m_s, CHANGE_M_S)  # a belt that stands may start meanwhile
    to_rear_s = (rear_m - rest_position_m(at_m, carried_m_s, *stop)) / carried_m_s
    gains_m_s = CHANGE_M_S - min(velocity_m_s, 0.0)
    to_front_s = (rest_position_m(at_m, -gains_m_s, *stop) - front_m) / gains_m_s
    safe_m_s = safe_speed_m_s(p.rear_line_m, p.front_line_m, p.stop_latency_s, p.coast_down_m_s2)
    near = margin_m < (SEEN_S - LEAST_S) * speed_m_s
    least_s = SEEN_S if speed_m_s > safe_m_s and not near else LEAST_S
    return min(max(min(to_rear_s, to_front_s) - CONFIRM_S, least_s), MOST_S)


def walks_evenly(gait: Gait, attitude: Attitude) -> bool:
    """Whether the pod alone shows somebody who walks on: even steps, none missing, no lean."""
    if gait.phase is Phase.WAITING or gait.cadence_hz is None:
        return False
    if gait.since_step_s * gait.cadence_hz > MISSING_STEP:
        return False
    return attitude.tilt_rad < LEANS_RAD


def answer_most_s(range_fault: Fault) -> float:
    """The longest silence that this answer of the sensor allows."""
    if range_fault is Fault.NO_TARGET:
        return LEAST_S
    return MOST_WEAK_S if range_fault is Fault.WEAK_SIGNAL else MOST_S
