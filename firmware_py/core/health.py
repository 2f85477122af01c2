"""Owns the question "may what the device says be trusted?": sensors, relay, button, supply and the tick itself.

Must never judge the walker. It reports a finding at every tick at which anything is stale, frozen, flaky, implausible,
late or unproven, and none only when all of it is good: unknown is unhealthy.
"""

from dataclasses import InitVar, dataclass, field
from math import cos, radians

from firmware_py.core.frame import Cause, Finding, Frame, Signal
from sensors.samples import Fault, ImuSample, Vec3

_SECOND_NS = 1_000_000_000
_NOBODY = (Fault.NO_TARGET, Fault.WEAK_SIGNAL)


@dataclass(frozen=True, slots=True)
class HealthParams:
    """Limits of trust, each with its source. Times are whole nanoseconds, so that each limit holds to the tick."""

    imu_max_age_ns: int = 25_000_000  # promise P6; a sample of this age is too old
    flaky_limit_ns: int = 25_000_000  # bad time, drained at a quarter when good: F08, half bad within 100 ms
    frozen_limit_ns: int = 200_000_000  # F07: 250 ms; real IMUs dither by several counts between ticks
    wake_ns: int = 1_000_000_000  # sensors may be silent for so long after power-on
    settle_ns: int = 500_000_000  # clean data before a press is accepted
    # Pulse watchdog 50 ms + contacts 10 ms + margin; 0.05 with a level drive (F14).
    relay_answer_ns: int = 100_000_000
    gap_max_ns: int = 60_000_000  # P2: the pulse watchdog has dropped by then; only a person starts again
    # The shortest time that a one-shot outside holds after its edge, less a millisecond.
    one_shot_ns: int = 32_000_000
    late_per_s: int = 3  # more late ticks than this within a second (F12); forgotten a second after the last
    # At arming the pod stands upright within this, as at each step (gait.py); on 26 people it sat 0-48 deg tilted [S].
    worn_tilt_rad: float = radians(60.0)
    loose_tilt_rad: float = radians(75.0)  # under somebody who walks on (gait.py) it hangs loose: F20
    loose_ns: int = 300_000_000
    runaway_m_s: float = 0.1  # F21: the belt still moves ...
    runaway_ns: int = 3_000_000_000  # ... this long after the cut
    rest_ns: int = 1_000_000_000  # measured no faster for this long, the belt has come to rest


@dataclass(slots=True)
class Health:
    """Counts what is bad, with a leak, and reports the first thing that forbids running, a lock-out before all."""

    params: HealthParams
    rate_hz: InitVar[float]
    range_fault: Fault = Fault.NOT_READY  # why there has been no range reading since the last one
    _accel_m_s2: Vec3 = (0.0, 0.0, 0.0)
    _gyro_rad_s: Vec3 = (0.0, 0.0, 0.0)
    _imu_seen: bool = False
    _imu_t_ns: int = 0
    _imu_bad_ns: int = 0
    _frozen_ns: int = 0
    _late_ns: int = 0
    _relay_ns: int = 0  # for how long the read-back has not agreed
    _welded: bool = False
    _runaway_m_s: float = (
        0.0  # the speed of a belt that moved on after the cut; 0: none, or it has come to rest
    )
    _rest_ns: int = 0
    _loose_ns: int = 0
    _since_stop_ns: int = 0
    _clean_ns: int = 0
    _up_ns: int = 0
    _tick_ns: int = field(init=False)
    _stall_ns: int = field(init=False)
    _worn_cos: float = field(init=False)
    _loose_cos: float = field(init=False)

    def __post_init__(self, rate_hz: float) -> None:
        p = self.params
        self._tick_ns = round(1e9 / rate_hz)
        # The edges of a one-shot are two ticks apart; beyond this lateness it may have dropped between them.
        self._stall_ns = max(self._tick_ns, p.one_shot_ns - 2 * self._tick_ns)
        self._worn_cos = cos(p.worn_tilt_rad)
        self._loose_cos = cos(p.loose_tilt_rad)

    def update(
        self,
        frame: Frame,
        imu: ImuSample | Fault,
        dt_ns: int,
        running: bool,
        range_age_s: float,
        patience_s: float,
        up_z: float,
        loose: bool,
    ) -> Finding | None:
        """One tick; `imu` is the frame's after the spike gate, `running` what the relay was set to before it,
        `patience_s` how long the range may be silent now (deck/silence.py)."""
        p = self.params
        # Each is judged at every tick, whatever the others find: a timer that stands still hides its own fault.
        locked_out = self._locked_out(frame, dt_ns, running)
        imu_ill = self._imu(frame.t_ns, imu, dt_ns)
        range_ill = self._range(frame, range_age_s, patience_s)
        late = self._time(frame, dt_ns)
        relay_ill = self._relay(running)
        unworn = self._worn(dt_ns, running, up_z, loose)
        finding = imu_ill or range_ill or late or relay_ill or unworn
        self._up_ns += dt_ns
        if locked_out is not None:
            self._clean_ns = 0
            return locked_out
        if finding is not None:
            self._clean_ns = 0
            if not running and self._up_ns < p.wake_ns:
                return _over(Cause.SETTLING, finding.rule, self._up_ns, p.wake_ns)
            return finding
        self._clean_ns += dt_ns
        if running:
            return None
        if frame.refusal is not None:
            return _unhealthy(frame.refusal, "platform", 1.0, 0.0)
        if self._clean_ns < p.settle_ns:
            return _over(Cause.SETTLING, "clean_s", self._clean_ns, p.settle_ns)
        return None

    def _imu(self, t_ns: int, imu: ImuSample | Fault, dt_ns: int) -> Finding | None:
        p = self.params
        if isinstance(imu, ImuSample):
            self._imu_t_ns = imu.t_ns
            self._imu_seen = True
            self._imu_bad_ns = max(0, self._imu_bad_ns - dt_ns // 4)
            if imu.accel_m_s2 == self._accel_m_s2 and imu.gyro_rad_s == self._gyro_rad_s:
                self._frozen_ns += dt_ns
                if self._frozen_ns >= p.frozen_limit_ns:
                    return _over(Cause.IMU, "imu_frozen_s", self._frozen_ns, p.frozen_limit_ns)
            else:
                self._frozen_ns = 0
                self._accel_m_s2, self._gyro_rad_s = imu.accel_m_s2, imu.gyro_rad_s
        elif imu is not Fault.NOT_READY:
            self._imu_bad_ns = min(self._imu_bad_ns + dt_ns, 4 * p.flaky_limit_ns)
        if not self._imu_seen:
            return _unhealthy(Cause.IMU, "imu_never_seen", 1.0, 0.0)
        age_ns = t_ns - self._imu_t_ns
        if not -p.imu_max_age_ns < age_ns < p.imu_max_age_ns:
            return _over(Cause.IMU, "imu_age_s", age_ns, p.imu_max_age_ns)
        if self._imu_bad_ns >= p.flaky_limit_ns:
            return _over(Cause.IMU, "imu_flaky_s", self._imu_bad_ns, p.flaky_limit_ns)
        return None

    def _range(self, frame: Frame, range_age_s: float, patience_s: float) -> Finding | None:
        if isinstance(frame.belt, Fault):
            self.range_fault = frame.belt
        elif frame.belt is not None:
            self.range_fault = Fault.NOT_READY
        if range_age_s < patience_s:
            return None
        # A sensor that answers "nobody there" is a walker who has left, not a broken sensor (F22).
        cause = Cause.STEP_OFF if self.range_fault in _NOBODY else Cause.RANGE
        return _unhealthy(cause, "range_age_s", range_age_s, patience_s)

    def _time(self, frame: Frame, dt_ns: int) -> Finding | None:
        p = self.params
        if dt_ns > p.gap_max_ns or dt_ns <= 0:
            return _over(Cause.LATE, "tick_gap_s", dt_ns, p.gap_max_ns)
        # The contacts may have opened: further pulses would close them unasked.
        if frame.late_ns > self._stall_ns:
            return _unhealthy(Cause.LATE, "stall_s", frame.late_ns * 1e-9, self._stall_ns * 1e-9)
        self._late_ns = max(0, self._late_ns - p.late_per_s * dt_ns)
        if frame.late_ns > self._tick_ns:
            self._late_ns = min(self._late_ns + _SECOND_NS, 2 * p.late_per_s * _SECOND_NS)
        if self._late_ns > p.late_per_s * _SECOND_NS:
            return _unhealthy(Cause.LATE, "late_ticks", self._late_ns * 1e-9, p.late_per_s)
        return None

    def _locked_out(self, frame: Frame, dt_ns: int, running: bool) -> Finding | None:
        """Contacts that did not drop, or a belt that moves on after the cut. Neither depends on any other part."""
        p = self.params
        if not self._welded:
            agrees = frame.feedback is None or frame.feedback is running
            # A gap between two ticks shows nothing of the contacts meanwhile: one look never locks out.
            self._relay_ns = 0 if agrees else self._relay_ns + min(dt_ns, p.gap_max_ns)
        if running:
            self._since_stop_ns = 0
            return None
        self._since_stop_ns += dt_ns
        self._welded = self._welded or self._relay_ns > p.relay_answer_ns
        speed = frame.belt_speed_m_s
        if speed is not None and speed > p.runaway_m_s:
            self._rest_ns = 0
            if self._since_stop_ns > p.runaway_ns:
                self._runaway_m_s = speed
        elif speed is not None:
            self._rest_ns += dt_ns
            if self._rest_ns >= p.rest_ns:
                self._runaway_m_s = 0.0
        if self._welded:
            return _over(Cause.RELAY_WELDED, "relay_answer_s", self._relay_ns, p.relay_answer_ns)
        if self._runaway_m_s:
            return _unhealthy(Cause.BELT_RUNAWAY, "belt_speed_m_s", self._runaway_m_s, p.runaway_m_s)
        return None

    def _relay(self, running: bool) -> Finding | None:
        """Contacts that do not show what was asked of them, and are not welded."""
        limit_ns = self.params.relay_answer_ns
        if self._relay_ns == 0:
            return None
        if not running:  # "dropped" is not proven yet, and a press waits
            return _over(Cause.SETTLING, "relay_answer_s", self._relay_ns, limit_ns)
        if self._relay_ns <= limit_ns:  # the contacts may still move
            return None
        return _over(Cause.RELAY_OPEN, "relay_answer_s", self._relay_ns, limit_ns)

    def _worn(self, dt_ns: int, running: bool, up_z: float, loose: bool) -> Finding | None:
        p = self.params
        if not running:
            self._loose_ns = 0
            if up_z >= self._worn_cos:
                return None
            return _unhealthy(Cause.NOT_WORN, "pod_upright", up_z, self._worn_cos)
        if not loose or up_z >= self._loose_cos:
            self._loose_ns = max(0, self._loose_ns - dt_ns // 4)
            return None
        self._loose_ns += dt_ns
        if self._loose_ns <= p.loose_ns:
            return None
        return _unhealthy(Cause.NOT_WORN, "pod_upright", up_z, self._loose_cos)


def _unhealthy(cause: Cause, rule: str, value: float, limit: float) -> Finding:
    return Finding(Signal.UNHEALTHY, cause, rule, value, limit)


def _over(cause: Cause, rule: str, value_ns: int, limit_ns: int) -> Finding:
    return Finding(Signal.UNHEALTHY, cause, rule, value_ns * 1e-9, limit_ns / 1e9)
