"""Owns the figures of one walk, from arming to leaving the belt. Must never decide anything about the belt.

A session begins when the belt may run. It ends when the walker has left (STEP_OFF, or no target for a while) or
the belt has stayed off for two minutes; stops in between belong to it.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from firmware_py.coach.walk.strides import Second, Strides, Window
from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.core.near_miss import NearMisses
from firmware_py.courier.events.envelope import rfc3339, rounded, ulid
from sensors.samples import Fault, ImuSample, RangeSample

STAYED_STOPPED_S = 120.0
REGULARITIES_MOST = 2000  # one every 10 s: five and a half hours
TREND_POINTS = 3
LEFT_S = 5.0  # stopped, and the distance sensor sees nobody for this long


@dataclass(slots=True)
class Tally:
    """Running sums; plain numbers, so that an interrupted session can be finished after a restart."""

    id: str
    boot_id: str
    started_s: float
    seen_s: float
    belt_s: float = 0.0
    zone_s: float = 0.0
    steps: int = 0
    cadence_s: float = 0.0
    cadence_sum: float = 0.0
    speed_s: float = 0.0
    distance_m: float = 0.0
    position_s: float = 0.0
    position_sum: float = 0.0
    position_squares: float = 0.0
    position_min_m: float | None = None
    position_max_m: float | None = None
    drift_max_m_s: float | None = None
    margin_min_m: float | None = None
    regularity: list[tuple[float, float]] = field(default_factory=list)  # (minutes of belt time, value)
    near_misses: int = 0
    warnings: int = 0
    stops: int = 0

    def summary(self, why_ended: str, ended_s: float) -> dict[str, Any]:
        """The data of a session_ended event."""
        mean = self.position_sum / self.position_s if self.position_s else None
        variance = None if mean is None else max(self.position_squares / self.position_s - mean * mean, 0.0)
        values = [v for _, v in self.regularity]
        return {
            "session_id": self.id,
            "started": rfc3339(self.started_s),
            "ended": rfc3339(ended_s),
            "why_ended": why_ended,
            "minutes": round(self.belt_s / 60, 3),
            "steps": self.steps,
            "cadence_per_min": rounded(60 * self.cadence_sum / self.cadence_s if self.cadence_s else None, 1),
            "speed_m_s": rounded(self.distance_m / self.speed_s if self.speed_s else None, 3),
            "distance_m": rounded(self.distance_m if self.speed_s else None, 1),
            "in_zone_fraction": rounded(self.zone_s / self.position_s if self.position_s else None, 4),
            "position_mean_m": rounded(mean, 3),
            "position_sd_m": rounded(None if variance is None else math.sqrt(variance), 3),
            "position_min_m": rounded(self.position_min_m, 3),
            "position_max_m": rounded(self.position_max_m, 3),
            "drift_max_m_s": rounded(self.drift_max_m_s, 3),
            "margin_min_m": rounded(self.margin_min_m, 3),
            "regularity_mean": rounded(statistics.fmean(values) if values else None, 3),
            "regularity_per_min": rounded(_slope(self.regularity), 4),
            "near_misses": self.near_misses,
            "warnings": self.warnings,
            "stops": self.stops,
        }


class Sessions:
    """Feed it every tick. `on_end(tally, why, ended_s)` is called when a session is over, `on_near_miss(decision)` when
    a walker was unsteady and has recovered."""

    def __init__(
        self,
        zone_m: float,
        on_end: Callable[[Tally, str, float], None],
        on_near_miss: Callable[[Decision], None] = lambda _: None,
    ) -> None:
        self._zone_m = zone_m
        self._on_end = on_end
        self._on_near_miss = on_near_miss
        self._near_misses = NearMisses()
        self._strides = Strides()
        self.second: Second | None = None  # what this tick completed, for the coach
        self.window: Window | None = None
        self._last: Decision | None = None
        self._stopped_ns: int | None = None
        self._nobody_ns: int | None = None
        self.current: Tally | None = None

    def resume(self, saved: dict[str, Any], boot_id: str, now_s: float) -> bool:
        """Continue a session that a killed courier left open, if the same guard still runs."""
        try:
            tally = Tally(**saved)
        except TypeError:
            return False
        if tally.boot_id != boot_id or not 0 <= now_s - tally.seen_s < STAYED_STOPPED_S:
            return False
        tally.regularity = [(float(t), float(v)) for t, v in tally.regularity]
        self.current = tally
        return True

    def end(self, why: str, now_s: float) -> None:
        """Close the session that is open, if one is."""
        if self.current is not None:
            done, self.current = self.current, None
            self._on_end(done, why, now_s)

    def guard_lost(self, now_s: float) -> None:
        """The guard has disconnected: the next decision is not compared with its last."""
        self._last = None
        self.end("guard_lost", now_s)

    def update(self, frame: Frame, d: Decision, boot_id: str, now_s: float) -> None:
        """One tick; `now_s` is wall time."""
        last, self._last = self._last, d
        self.second = self.window = None
        if d.run and (last is None or not last.run):
            self._begin(boot_id, now_s)
        tally = self.current
        if tally is None:
            return
        tally.seen_s = now_s
        if self._near_misses.update(frame, d):
            tally.near_misses += 1
            self._on_near_miss(d)
        if d.warning is not None and (last is None or last.warning is None):
            tally.warnings += 1
        if d.run:
            if last is not None and last.run:
                self._walk(tally, frame, d, last)
            return
        if last is not None and last.run:
            tally.stops += 1
            self._stopped_ns, self._nobody_ns = d.t_ns, None
        self._end_if_left(frame, d, now_s)

    def _begin(self, boot_id: str, now_s: float) -> None:
        self._stopped_ns = self._nobody_ns = None
        self._strides.restart()
        if self.current is None:
            self.current = Tally(ulid(now_s, boot_id, int(now_s * 1000)), boot_id, now_s, now_s)

    def _walk(self, tally: Tally, frame: Frame, d: Decision, last: Decision) -> None:
        dt_s = min(max(0.0, (d.t_ns - last.t_ns) / 1e9), 0.1)
        tally.belt_s += dt_s
        tally.steps += max(0, d.steps - last.steps)
        if d.cadence_hz is not None:
            tally.cadence_s += dt_s
            tally.cadence_sum += d.cadence_hz * dt_s
        if frame.belt_speed_m_s is not None:
            tally.speed_s += dt_s
            tally.distance_m += max(0.0, frame.belt_speed_m_s - (d.velocity_m_s or 0.0)) * dt_s
        if d.position_m is not None:
            tally.position_s += dt_s
            tally.position_sum += d.position_m * dt_s
            tally.position_squares += d.position_m * d.position_m * dt_s
            tally.position_min_m = _least(tally.position_min_m, d.position_m)
            tally.position_max_m = _most(tally.position_max_m, d.position_m)
            if d.stop_margin_m is not None and d.stop_margin_m >= self._zone_m:
                tally.zone_s += dt_s
        if d.velocity_m_s is not None:
            tally.drift_max_m_s = _most(tally.drift_max_m_s, d.velocity_m_s)
        if d.stop_margin_m is not None:
            tally.margin_min_m = _least(tally.margin_min_m, d.stop_margin_m)
        if isinstance(frame.imu, ImuSample) and d.phase is not Phase.WAITING:
            strides = self._strides
            strides.update(d.t_ns, frame.imu.accel_m_s2, d.position_m, d.cadence_hz)
            self.second, self.window = strides.second, strides.window
            if strides.window is not None and len(tally.regularity) < REGULARITIES_MOST:
                tally.regularity.append((round(tally.belt_s / 60, 2), round(max(strides.window.ad2, 0.0), 3)))

    def _end_if_left(self, frame: Frame, d: Decision, now_s: float) -> None:
        if self._stopped_ns is None:
            self._stopped_ns = d.t_ns
        if d.cause is Cause.STEP_OFF:
            self.end("left_belt", now_s)
            return
        if isinstance(frame.belt, RangeSample):
            self._nobody_ns = None
        elif frame.belt is Fault.NO_TARGET:
            if self._nobody_ns is None:
                self._nobody_ns = d.t_ns
            if d.t_ns - self._nobody_ns >= LEFT_S * 1e9:
                self.end("left_belt", now_s)
                return
        if d.t_ns - self._stopped_ns >= STAYED_STOPPED_S * 1e9:
            self.end("stayed_stopped", now_s)


def snapshot(tally: Tally) -> dict[str, Any]:
    """What `Sessions.resume` takes."""
    return asdict(tally)


def _least(a: float | None, b: float) -> float:
    return b if a is None or b < a else a


def _most(a: float | None, b: float) -> float:
    return b if a is None or b > a else a


def _slope(points: list[tuple[float, float]]) -> float | None:
    """Least squares; None with too few points."""
    times, values = [t for t, _ in points], [v for _, v in points]
    return statistics.linear_regression(times, values).slope if len(set(times)) >= TREND_POINTS else None
