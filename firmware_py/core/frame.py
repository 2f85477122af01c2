"""Owns the values at the border of the core: what it may know of one tick, and what others may know of it.

Must never hold behaviour. Frame and Decision are NamedTuples: immutable like a frozen dataclass, but four
times cheaper to build, and they are built at every tick.
"""

from enum import Enum, IntEnum
from typing import NamedTuple

from sensors.samples import Fault, ImuSample, RangeSample


class Signal(IntEnum):
    """What a finding asks of the latch; the worst of a tick wins."""

    OK = 0
    RESET = 1
    UNHEALTHY = 2
    DANGER = 3


class Cause(Enum):
    """Why the belt is off, what is warned of, or why a press is refused. The value is the public word."""

    POWER_ON = "power_on"
    # the walker
    DRIFT_REAR = "drift_rear"
    DRIFT_FRONT = "drift_front"
    STANDSTILL = "standstill"
    STEP_OFF = "step_off"
    FALL = "fall"
    STUMBLE = "stumble"
    OVERSPEED = "overspeed"  # the belt is faster than the commissioned safe speed
    # people
    STOP_BUTTON = "stop_button"
    REMOTE_STOP = "remote_stop"
    # the device
    SETTLING = "settling"  # filters and checks have not seen enough yet
    IMU = "imu"
    RANGE = "range"
    BELT_SENSOR = "belt_sensor"
    NOT_WORN = "not_worn"
    RELAY_WELDED = "relay_welded"  # reads "run" though dropped: locked out until power-off
    RELAY_OPEN = "relay_open"  # reads "stopped" though pulled
    BUTTON_STUCK = "button_stuck"
    BELT_RUNAWAY = "belt_runaway"  # the belt moves on after the cut
    LATE = "late"
    SUPPLY = "supply"
    REALTIME = "realtime"
    CONFIG = "config"


# The belt did not obey: somebody has to pull the safety key. Once found, each outranks every other cause until it is
# cleared: a weld by power-off, a runaway by a belt that was measured at rest (P15).
LOCK_OUTS = frozenset({Cause.RELAY_WELDED, Cause.BELT_RUNAWAY})


class Phase(Enum):
    """How much the core knows about the walker's own gait."""

    WAITING = "waiting"  # nobody walks
    LEARNING = "learning"  # walking; thresholds at their ceilings until the gait is known
    GUARDING = "guarding"  # walking; thresholds are the walker's own


class Finding(NamedTuple):
    """What one detector says: the rule, the value that crossed, and the limit it crossed (units by the rule)."""

    signal: Signal
    cause: Cause
    rule: str
    value: float
    limit: float


class Frame(NamedTuple):
    """All that the core may know about one tick."""

    t_ns: int  # CLOCK_MONOTONIC, or the trace's own clock
    late_ns: int  # how late this tick woke after the first slot that has had no tick in time for its edge
    imu: ImuSample | Fault
    belt: RangeSample | Fault | None  # None: no new range reading this tick
    belt_speed_m_s: float | None  # None: not measured; the configured ceiling holds
    feedback: bool | None  # relay read-back: True = contacts say "run"; None = no read-back fitted
    reset_pressed: bool
    stop_pressed: bool = False
    stop_requested: bool = False  # the courier asks for a stop
    refusal: Cause | None = None  # the platform forbids arming: SUPPLY, REALTIME or CONFIG


class Decision(NamedTuple):
    """All that anybody else may know about one tick. None means: not known."""

    t_ns: int
    run: bool
    cause: Cause | None  # why the belt is off (latched), a lock-out first; None while running
    rule: str  # the rule behind the cause, "" when there is none
    value: float
    limit: float
    warning: Cause | None
    refusal: Cause | None  # while stopped: why a press would be refused now; None: a press is accepted
    phase: Phase
    position_m: float | None
    velocity_m_s: float | None
    rest_position_m: float | None  # where the walker would be when the belt has come to rest, if cut now
    stop_margin_m: float | None  # from there to the nearer line; negative: beyond it
    tilt_rad: float | None  # against the walker's own mean
    down_velocity_m_s: float | None  # of the hip a moment from now, the one that is judged (balance.py)
    down_velocity_limit_m_s: float | None  # the trip level in force now
    cadence_hz: float | None  # steps a second
    steps: int  # since arming
    belt_speed_m_s: float  # measured, or the ceiling
    soft_stop: bool  # ask the console for its own stop before the cut is due
    refused: Cause | None = None  # a press ended at this tick and was refused: why
