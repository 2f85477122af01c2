"""Works out where a walker comes to rest when the belt is cut, and the lines, zone and safe speed that follow from it.

Must never depend on what a walker did before: pure functions of the deck, the belt and one position and velocity.

A walker whose steps are too short by a share of the belt's speed is carried by that share of the belt's way until
it rests: v x (latency + belt speed / (2 x coast-down)). [A] marks an assumption, docs/drift.md has the rest.
"""

from math import sqrt

from firmware_py.core.deck.params import DriftParams

REAR_PART = 0.70  # ISO 20957-6:2021 6.5.3; a line nearer the rear edge is not taken from any configuration
SLACK_M = 0.03  # error of one estimate: reading noise, sway, cloth on the walker's back
SPREAD_M = 0.23  # how far from home a walker may be when the feet stop: nearly 3 times a wander of 8 cm [A]
# A standstill near the rear limit is seen after SEE_S, and SEE_M more of way.
SEE_S, SEE_M = 0.22, 0.02
SEE_FRONT_M = 0.02  # more way toward the console until long steps are seen: 0.1 m/s for 0.2 s [A]
LATE_M = 0.03  # how far the estimate trails a walker who has just lengthened the steps
SURGE_S2 = (
    0.07  # times coast-down: feet follow a slowing belt up to 0.25 s late; its square, a little more [A]
)
USUAL_SURGE_M = 0.06  # the same for a belt that nobody measured: a guess must not be multiplied

CARRIED = 0.5  # share of belt speed x coasting time that a walker covers whose speed falls with the belt's
LONG_STEPS = 1.0  # the same for steps that stay too long until the belt stands


def rest_position_m(
    position_m: float,
    velocity_m_s: float,
    belt_speed_m_s: float,
    stop_latency_s: float,
    coast_down_m_s2: float,
    front_way: float = LONG_STEPS,
) -> float:
    """Where the walker is when the belt has come to rest, if it is cut now.

    Toward the rear the walker shares the belt's way: v / (2 a). Toward the console, steps that are too long stay so
    until the belt stands: v / a (`front_way` LONG_STEPS), or shorten with its speed (CARRIED).
    """
    coast_s = belt_speed_m_s / coast_down_m_s2
    return position_m + velocity_m_s * (
        stop_latency_s + (CARRIED if velocity_m_s > 0.0 else front_way) * coast_s
    )


def limits_m(params: DriftParams) -> tuple[float, float]:
    """Front and rear: where a walker who keeps the pace of a moving belt is stopped."""
    if params.commissioned:
        front_m = front_limit_m(params.front_line_m, params.coast_down_m_s2)
    else:
        front_m = params.front_line_m + SLACK_M + USUAL_SURGE_M
    return front_m, min(params.rear_line_m, REAR_PART * params.deck_length_m) - SLACK_M


def front_limit_m(front_line_m: float, coast_down_m_s2: float) -> float:
    """Where a measured belt is cut toward the console: the feet step on for a moment while it slows."""
    return front_line_m + SLACK_M + SURGE_S2 * coast_down_m_s2 + LATE_M


def mark_m(params: DriftParams) -> float:
    """Where to walk: the middle of a measured belt's zone at its fastest safe speed, else of the two limits."""
    lines = (params.rear_line_m, params.front_line_m)
    stop = (params.stop_latency_s, params.coast_down_m_s2)
    safe_m_s = safe_speed_m_s(*lines, *stop)
    if params.commissioned and safe_m_s > 0.0:
        front_m, rear_m = zone_m(*lines, min(safe_m_s, params.belt_ceiling_m_s), *stop)
    else:
        front_m, rear_m = limits_m(params)
    return 0.5 * (front_m + rear_m)


def zone_m(
    rear_line_m: float,
    front_line_m: float,
    belt_speed_m_s: float,
    stop_latency_s: float,
    coast_down_m_s2: float,
) -> tuple[float, float]:
    """Front and rear of the place to walk in: long steps are seen in time before the front limit, and a dead
    standstill ends before the rear line."""
    way_m = rest_position_m(SEE_M, belt_speed_m_s, belt_speed_m_s, SEE_S + stop_latency_s, coast_down_m_s2)
    return front_limit_m(front_line_m, coast_down_m_s2) + SEE_FRONT_M, rear_line_m - SLACK_M - way_m


def safe_speed_m_s(
    rear_line_m: float, front_line_m: float, stop_latency_s: float, coast_down_m_s2: float
) -> float:
    """The fastest belt that leaves a zone of twice SPREAD_M to walk in; 0 when there is no such belt.

    Solves v (see + latency) + v^2 / (2 a) = room.
    """
    front_m, rear_m = zone_m(rear_line_m, front_line_m, 0.0, stop_latency_s, coast_down_m_s2)
    room_m = rear_m - front_m - 2.0 * SPREAD_M
    if room_m <= 0.0:
        return 0.0
    wait_s = SEE_S + stop_latency_s
    return coast_down_m_s2 * (sqrt(wait_s * wait_s + 2.0 * room_m / coast_down_m_s2) - wait_s)
