"""Owns the judgement that a walker loses balance. Must never judge before somebody walks, and never excuse a hip that
has sunk farther than steps sink.

Three rules. The first compares the downward velocity of the hip, a moment ahead, with a limit. The limit starts at
`base_m_s`. Table `EXPLAINS` raises it by what explains a hip that goes down, table `EVIDENCE` lowers it by what speaks
for a fall, and it is never below `floor_m_s`. The second is for a knee that gives way and for a faint straight down:
nothing explains a hip that has sunk by `sunk_m`, farther than steps do, and still goes down. The third is for a slow
lean, which is no faster than a step: the trunk tips away from the walker's own posture.

The tables are the rule: `velocity` and `limit` loop over their rows. The report, the fit and the sweeps call the same
two functions (with `numpy.clip` for whole columns of moments), so the rule is written once.
"""

from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field, fields, replace
from math import inf, radians
from typing import Any, Literal, NamedTuple

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.gait import Gait
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause, Finding, Phase, Signal

MOVING_M_S = 0.1  # a belt that is measured to be faster carries somebody

Clip = Callable[[Any, float, float], Any]


def clip(value: float, low: float, high: float) -> float:
    """The value within its bounds; what is no number counts as the upper one."""
    return low if value < low else value if value < high else high


class Motion(NamedTuple):
    """What the rule sees of one moment. For `numpy.clip` each field is a column of moments."""

    down_velocity_m_s: float
    up_accel_m_s2: float
    vigour_m_s2: float  # mean upward acceleration of the last second
    sideways_m_s: float
    tilt_rad: float  # away from the walker's own posture
    height_lost_m: float


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: no `weight_m_s` up to `start`, all of it from `full` on, in the unit of the feature."""

    name: str
    feature: str  # a field of Motion
    start: float
    full: float
    weight_m_s: float
    sentence: str  # for the report; {value}, {degrees} and {cm} are filled in

    def term_m_s(self, motion: Motion, within: Clip = clip) -> Any:
        """What this row is worth at this moment."""
        share = (getattr(motion, self.feature) - self.start) / (self.full - self.start)
        return self.weight_m_s * within(share, 0.0, 1.0)


# What explains a hip that goes down. A brisk walker bounces more, and a falling body does not push itself up. A pod
# that slips reads part of gravity as a thrust sideways, and misses the same part downward.
EXPLAINS = (
    Row("brisk steps", "vigour_m_s2", 0.0, 2.5, 4.0, "Brisk steps push the hip up, {value:.1f} m/s\u00b2 on average"),
    Row("pod moved", "sideways_m_s", 0.5, 1.5, 1.5, "The pod reads a thrust sideways that no hip has"),
)  # fmt: skip
# What speaks for a fall.
EVIDENCE = (
    Row("lean", "tilt_rad", 0.0, 0.45, 2.4, "The trunk leans {degrees:.0f}\u00b0 away from its usual posture"),
    Row("height lost", "height_lost_m", 0.0, 0.08, 2.64, "The hip has lost {cm:.0f} cm of height"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BalanceParams:
    """What a loss of balance is. Figures without another source are fitted: docs/balance.md."""

    stumbles: Literal["stop", "warn"] = "stop"
    base_m_s: float = 1.9  # the limit of a hip that stands still
    floor_m_s: float = 0.35  # the lowest limit
    soon_s: float = 0.15  # the velocity judged is that of so much later, at the acceleration of now ...
    most_drop_m_s2: float = 4.0  # ... but no more than this downward: a stumble jerks, a body falls slower
    vigour_tau_s: float = 1.0  # about two steps
    explains: tuple[Row, ...] = EXPLAINS
    evidence: tuple[Row, ...] = EVIDENCE
    # And at least two samples, whatever the rate, and however long apart: one bad one stops nothing.
    hold_s: float = 0.0075
    sunk_m: float = 0.075  # no step of a walk that is known lowers the hip so far ...
    sinking_m_s: float = 0.1  # ... and still lowers it so fast
    lean_rad: float = radians(33.0)  # from the own posture, away from upright: no walk leans so far
    lean_s: float = 0.05
    recovery_m_s: float = 0.25  # stumbles = "warn": how far beyond the limit a recovery is still hoped for
    warning_s: float = 2.0  # and how long the warning stays


_ONLY_WARNING = ("recovery_m_s", "warning_s")  # with stumbles = "stop" they stop nobody


def figures(p: BalanceParams) -> dict[str, float]:
    """The figures that decide who is stopped, by name; of each row its weight."""
    own = {f.name: getattr(p, f.name) for f in fields(p) if f.name not in _ONLY_WARNING}
    return {n: v for n, v in own.items() if isinstance(v, float)} | {
        row.name: row.weight_m_s for row in (*p.explains, *p.evidence)
    }


def with_figures(p: BalanceParams, other: Mapping[str, float]) -> BalanceParams:
    """The same rule with other values for some of its `figures`."""

    def table(rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple(replace(row, weight_m_s=other.get(row.name, row.weight_m_s)) for row in rows)

    own: dict[str, Any] = {f.name: other[f.name] for f in fields(p) if f.name in other}
    return replace(p, explains=table(p.explains), evidence=table(p.evidence), **own)


def velocity_m_s(p: BalanceParams, motion: Motion, within: Clip = clip) -> Any:
    """The downward velocity that is judged."""
    return motion.down_velocity_m_s - p.soon_s * within(motion.up_accel_m_s2, -p.most_drop_m_s2, inf)


def limit_m_s(p: BalanceParams, motion: Motion, within: Clip = clip) -> Any:
    """The limit of the velocity that is judged."""
    limit = p.base_m_s
    for row in p.explains:
        limit = limit + row.term_m_s(motion, within)
    for row in p.evidence:
        limit = limit - row.term_m_s(motion, within)
    return within(limit, p.floor_m_s, inf)


class Limit(NamedTuple):
    """The limit of one moment and the motion that it comes from."""

    motion: Motion
    m_s: float


@dataclass(slots=True)
class Balance:
    """Watches every sample of the pod."""

    params: BalanceParams
    rate_hz: InitVar[float]
    watching: bool = False  # somebody walks, or stands on a belt that moves
    warning: Cause | None = None
    vigour_m_s2: float = 0.0
    down_velocity_m_s: float = 0.0  # a moment ahead: the one that is judged
    down_velocity_limit_m_s: float = field(init=False)
    _on_belt: bool = False
    _warned_s: float = 0.0
    _tick_s: float = field(init=False)
    _falls: LeakyTimer = field(init=False)
    _stumbles: LeakyTimer = field(init=False)
    _sinks: LeakyTimer = field(init=False)
    _leans: LeakyTimer = field(init=False)

    def __post_init__(self, rate_hz: float) -> None:
        p = self.params
        self._tick_s = 1.0 / rate_hz
        hold_s = max(p.hold_s, 1.5 / rate_hz)
        self._falls, self._stumbles, self._sinks = (LeakyTimer(hold_s) for _ in range(3))
        self._leans = LeakyTimer(p.lean_s)
        self.relearn()

    def relearn(self) -> None:
        """Forget the walker."""
        self._on_belt = False
        self._warned_s = 0.0
        self.warning = None
        self._wait()

    def _wait(self) -> None:
        self.watching = False
        self._falls.clear()
        self._stumbles.clear()
        self._sinks.clear()
        self._leans.clear()
        self.down_velocity_limit_m_s = self.params.base_m_s

    def motion(self, attitude: Attitude) -> Motion:
        """What the rule sees at this moment."""
        return Motion(
            attitude.down_velocity_m_s,
            attitude.up_accel_m_s2,
            self.vigour_m_s2,
            attitude.sideways_m_s,
            attitude.tilt_rad,
            attitude.height_lost_m,
        )

    def update(self, attitude: Attitude, gait: Gait, belt_m_s: float | None, dt_s: float) -> Finding | None:
        """One sample of the pod and the measured speed of the belt, if any; a finding when balance is lost."""
        p = self.params
        up_accel = attitude.up_accel_m_s2
        share = dt_s / (p.vigour_tau_s + dt_s)
        self.vigour_m_s2 += share * ((up_accel if up_accel > 0.0 else 0.0) - self.vigour_m_s2)
        motion = self.motion(attitude)
        down = self.down_velocity_m_s = velocity_m_s(p, motion)
        if self.warning is not None:
            self._warned_s += dt_s
            if self._warned_s > p.warning_s:
                self.warning = None
        # Who stands upright on a moving belt is watched before the first step, and still when they tip over.
        moves = belt_m_s is not None and belt_m_s > MOVING_M_S
        self._on_belt = moves and (self._on_belt or attitude.up[2] > gait.params.upright)
        if gait.phase is Phase.WAITING and not self._on_belt:
            self._wait()
            return None
        self.watching = True
        falls = self._judge_fall(down, limit_m_s(p, motion))
        sinks = self._judge_sink(attitude, gait.phase is Phase.GUARDING)
        leans = self._judge_lean(attitude)
        return falls or sinks or leans

    def _judge_fall(self, down: float, limit: float) -> Finding | None:
        # A sample counts for a tick, however long ago the last one was: after a lost one it is still one sample.
        p, tick_s = self.params, self._tick_s
        if p.stumbles == "warn":
            if self._stumbles.update(down > limit, tick_s):
                self.warning, self._warned_s = Cause.STUMBLE, 0.0
            limit += p.recovery_m_s
        self.down_velocity_limit_m_s = limit
        if self._falls.update(down > limit, tick_s):
            return Finding(Signal.DANGER, Cause.FALL, "down_velocity_m_s", down, limit)
        return None

    def _judge_sink(self, attitude: Attitude, known: bool) -> Finding | None:
        p, lost_m = self.params, attitude.height_lost_m
        sinks = known and lost_m > p.sunk_m and attitude.down_velocity_m_s > p.sinking_m_s
        if self._sinks.update(sinks, self._tick_s):
            return Finding(Signal.DANGER, Cause.FALL, "height_lost_m", lost_m, p.sunk_m)
        return None

    def _judge_lean(self, attitude: Attitude) -> Finding | None:
        p = self.params
        leans = attitude.leaning_away and attitude.tilt_rad > p.lean_rad
        if self._leans.update(leans, self._tick_s):
            return Finding(Signal.DANGER, Cause.FALL, "tilt_rad", attitude.tilt_rad, p.lean_rad)
        return None

    def limit(self, attitude: Attitude) -> Limit:
        """What `update` judges by at this moment, before any hope of recovery; changes nothing."""
        motion = self.motion(attitude)
        return Limit(motion, limit_m_s(self.params, motion))
