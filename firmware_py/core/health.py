"""Owns the question "may what the device says be trusted?": sensors, relay, button, supply and the tick itself.

Must never judge the walker. It speaks at every tick at which anything is stale, frozen, flaky, implausible,
late or unproven, and is silent only when all of it is good: unknown is unhealthy.
"""

from dataclasses import dataclass
from math import cos, radians

from firmware_py.core.frame import Cause, Finding, Frame, Signal
from sensors.samples import Fault, ImuSample

_NOBODY = (Fault.NO_TARGET, Fault.WEAK_SIGNAL)


@dataclass(frozen=True, slots=True)
class HealthParams:
    """Limits of trust. Seconds and SI; each with its source."""

    imu_max_age_s: float = 0.025  # promise P6; a sample of this age is too old
    range_max_age_s: float = 0.150  # promise P6; likewise
    flaky_limit_s: float = 0.025  # bad time, drained at a quarter when good: F08, half bad within 100 ms
    frozen_limit_s: float = 0.200  # F07: 250 ms; real IMUs dither by several counts between ticks
    spike_accel_m_s2: float = 40.0  # one sample that jumps further than this is doubted once (F08)
    spike_accel_m_s3: float = 4000.0  # ... plus this per second between samples
    spike_gyro_rad_s: float = 6.0
    spike_gyro_rad_s2: float = 600.0
    accel_max_m_s2: float = 170.0  # beyond the 16 g range of the chips
    gyro_max_rad_s: float = 40.0  # beyond the 2000 deg/s range of the chips
    wake_s: float = 1.0  # after power-on sensors may be silent for so long before they are called broken
    settle_s: float = 0.5  # clean data before a press is accepted
    # Pulse watchdog 50 ms + contacts 10 ms + margin; 0.05 with a level drive (F14).
    relay_answer_s: float = 0.100
    gap_max_s: float = 0.060  # P2: the pulse watchdog has dropped by then; only a person starts again
    # The shortest time that a one-shot outside holds after its edge, less a millisecond.
    one_shot_s: float = 0.032
    late_per_s: int = 3  # more late ticks than this within a second (F12); forgotten a second after the last
    # At arming the pod stands upright within this, as at each step (gait.py); on 26 people it sat 0-48 deg tilted [S].
    worn_tilt_rad: float = radians(60.0)
    loose_tilt_rad: float = radians(75.0)  # under somebody who walks on (gait.py) it hangs loose: F20
    loose_s: float = 0.3
    runaway_m_s: float = 0.1  # F21: the belt still moves ...
    runaway_s: float = 3.0  # ... this long after the cut


class SpikeGate:
    """Doubts a sample that jumps further than a body can, once; believes it when the next one agrees."""

    __slots__ = ("_accel", "_doubted", "_gyro", "_p", "_t_ns")

    def __init__(self, params: HealthParams) -> None:
        self._p = params
        self._t_ns = 0
        self._accel = (0.0, 0.0, 0.0)
        self._gyro = (0.0, 0.0, 0.0)
        self._doubted = True  # the first sample has nothing to be compared with

    def check(self, imu: ImuSample) -> ImuSample | Fault:
        """The sample, or BAD_VALUE in its place."""
        p = self._p
        ax, ay, az = imu.accel_m_s2
        gx, gy, gz = imu.gyro_rad_s
        bx, by, bz = self._accel
        hx, hy, hz = self._gyro
        dt_s = (imu.t_ns - self._t_ns) * 1e-9
        self._t_ns, self._accel, self._gyro = imu.t_ns, imu.accel_m_s2, imu.gyro_rad_s
        accel_step = p.spike_accel_m_s2 + p.spike_accel_m_s3 * dt_s
        gyro_step = p.spike_gyro_rad_s + p.spike_gyro_rad_s2 * dt_s
        jumped = (
            abs(ax - bx) > accel_step
            or abs(ay - by) > accel_step
            or abs(az - bz) > accel_step
            or abs(gx - hx) > gyro_step
            or abs(gy - hy) > gyro_step
            or abs(gz - hz) > gyro_step
        )
        if jumped and not self._doubted:
            self._doubted = True
            return Fault.BAD_VALUE
        self._doubted = False
        top_a, top_g = p.accel_max_m_s2, p.gyro_max_rad_s
        if (
            -top_a <= ax <= top_a
            and -top_a <= ay <= top_a
            and -top_a <= az <= top_a
            and -top_g <= gx <= top_g
            and -top_g <= gy <= top_g
            and -top_g <= gz <= top_g
        ):
            return imu
        return Fault.BAD_VALUE


class Health:
    """Counts what is bad, with a leak, and says the first thing that forbids running.

    Times are counted in whole nanoseconds, so that each limit holds to the tick.
    """

    __slots__ = (
        "_accel",
        "_clean_ns",
        "_frozen_ns",
        "_gyro",
        "_imu_bad_ns",
        "_imu_t_ns",
        "_late_ns",
        "_loose_cos",
        "_loose_ns",
        "_p",
        "_relay_ns",
        "_since_stop_ns",
        "_stall_ns",
        "_started",
        "_tick_ns",
        "_up_ns",
        "_welded",
        "_worn_cos",
        "range_fault",
    )

    def __init__(self, params: HealthParams, rate_hz: float) -> None:
        self._p = params
        self._tick_ns = round(1e9 / rate_hz)
        # The edges of a one-shot are two ticks apart; beyond this lateness it may have dropped between them.
        self._stall_ns = max(self._tick_ns, round(params.one_shot_s * 1e9) - 2 * self._tick_ns)
        self._worn_cos = cos(params.worn_tilt_rad)
        self._loose_cos = cos(params.loose_tilt_rad)
        self._accel = (0.0, 0.0, 0.0)
        self._gyro = (0.0, 0.0, 0.0)
        self._imu_t_ns = 0
        self._imu_bad_ns = 0
        self._frozen_ns = 0
        self._late_ns = 0
        self._relay_ns = 0
        self._loose_ns = 0
        self._since_stop_ns = 0
        self._clean_ns = 0
        self._up_ns = 0
        self._welded = False
        self._started = False
        self.range_fault: Fault = Fault.NOT_READY  # why there has been no range reading since the last one

    def update(
        self,
        frame: Frame,
        imu: ImuSample | Fault,
        dt_ns: int,
        running: bool,
        range_age_s: float,
        up_z: float,
        loose: bool,
    ) -> Finding | None:
        """One tick; `imu` is the frame's after the spike gate, `running` what the relay was told before it."""
        p = self._p
        finding = (
            self._imu(frame.t_ns, imu, dt_ns)
            or self._range(frame, range_age_s)
            or self._time(frame, dt_ns)
            or self._relay(frame, dt_ns, running)
            or self._worn(dt_ns, running, up_z, loose)
        )
        self._up_ns += dt_ns
        if finding is not None:
            self._clean_ns = 0
            if not running and self._up_ns < p.wake_s * 1e9:
                return _over(Cause.SETTLING, finding.rule, self._up_ns, p.wake_s)
            return finding
        self._clean_ns += dt_ns
        if running:
            return None
        if frame.refusal is not None:
            return _unhealthy(frame.refusal, "platform", 1.0, 0.0)
        return (
            _over(Cause.SETTLING, "clean_s", self._clean_ns, p.settle_s)
            if self._clean_ns < p.settle_s * 1e9
            else None
        )

    def _imu(self, t_ns: int, imu: ImuSample | Fault, dt_ns: int) -> Finding | None:
        p = self._p
        if isinstance(imu, ImuSample):
            self._imu_t_ns = imu.t_ns
            self._started = True
            self._imu_bad_ns = max(0, self._imu_bad_ns - dt_ns // 4)
            if imu.accel_m_s2 == self._accel and imu.gyro_rad_s == self._gyro:
                self._frozen_ns += dt_ns
                if self._frozen_ns >= p.frozen_limit_s * 1e9:
                    return _over(Cause.IMU, "imu_frozen_s", self._frozen_ns, p.frozen_limit_s)
            else:
                self._frozen_ns = 0
                self._accel, self._gyro = imu.accel_m_s2, imu.gyro_rad_s
        elif imu is not Fault.NOT_READY:
            self._imu_bad_ns = min(self._imu_bad_ns + dt_ns, round(4e9 * p.flaky_limit_s))
        if not self._started:
            return _unhealthy(Cause.IMU, "imu_never_seen", 1.0, 0.0)
        age_ns = t_ns - self._imu_t_ns
        if not -p.imu_max_age_s * 1e9 < age_ns < p.imu_max_age_s * 1e9:
            return _over(Cause.IMU, "imu_age_s", age_ns, p.imu_max_age_s)
        if self._imu_bad_ns >= p.flaky_limit_s * 1e9:
            return _over(Cause.IMU, "imu_flaky_s", self._imu_bad_ns, p.flaky_limit_s)
        return None

    def _range(self, frame: Frame, range_age_s: float) -> Finding | None:
        if isinstance(frame.belt, Fault):
            self.range_fault = frame.belt
        elif frame.belt is not None:
            self.range_fault = Fault.NOT_READY
        if range_age_s < self._p.range_max_age_s:
            return None
        # A sensor that answers "nobody there" is a walker who has left, not a broken sensor (F22).
        cause = Cause.STEP_OFF if self.range_fault in _NOBODY else Cause.RANGE
        return _unhealthy(cause, "range_age_s", range_age_s, self._p.range_max_age_s)

    def _time(self, frame: Frame, dt_ns: int) -> Finding | None:
        p = self._p
        if dt_ns > p.gap_max_s * 1e9 or dt_ns <= 0:
            return _over(Cause.LATE, "tick_gap_s", dt_ns, p.gap_max_s)
        # The contacts may have opened: further pulses would close them unasked.
        if frame.late_ns > self._stall_ns:
            return _over(Cause.LATE, "stall_s", frame.late_ns, self._stall_ns * 1e-9)
        self._late_ns = max(0, self._late_ns - p.late_per_s * dt_ns)
        if frame.late_ns > self._tick_ns:
            self._late_ns = min(self._late_ns + 1_000_000_000, 2 * p.late_per_s * 1_000_000_000)
        if self._late_ns > p.late_per_s * 1_000_000_000:
            return _over(Cause.LATE, "late_ticks", self._late_ns, p.late_per_s)
        return None

    def _relay(self, frame: Frame, dt_ns: int, running: bool) -> Finding | None:
        p = self._p
        if running:
            self._since_stop_ns = 0
        else:
            self._since_stop_ns += dt_ns
            speed = frame.belt_speed_m_s
            if speed is not None and speed > p.runaway_m_s and self._since_stop_ns > p.runaway_s * 1e9:
                return _unhealthy(Cause.BELT_RUNAWAY, "belt_speed_m_s", speed, p.runaway_m_s)
        if self._welded:
            return _over(Cause.RELAY_WELDED, "relay_answer_s", self._relay_ns, p.relay_answer_s)
        if frame.feedback is None or frame.feedback is running:
            self._relay_ns = 0
            return None
        self._relay_ns += dt_ns
        if self._relay_ns <= p.relay_answer_s * 1e9:
            # While stopped, "dropped" is not proven yet and a press waits; while running, contacts may still move.
            return (
                None if running else _over(Cause.SETTLING, "relay_answer_s", self._relay_ns, p.relay_answer_s)
            )
        self._welded = not running
        cause = Cause.RELAY_OPEN if running else Cause.RELAY_WELDED
        return _over(cause, "relay_answer_s", self._relay_ns, p.relay_answer_s)

    def _worn(self, dt_ns: int, running: bool, up_z: float, loose: bool) -> Finding | None:
        p = self._p
        if not running:
            self._loose_ns = 0
            return (
                _unhealthy(Cause.NOT_WORN, "pod_upright", up_z, self._worn_cos)
                if up_z < self._worn_cos
                else None
            )
        if not loose or up_z >= self._loose_cos:
            self._loose_ns = max(0, self._loose_ns - dt_ns // 4)
            return None
        self._loose_ns += dt_ns
        if self._loose_ns <= p.loose_s * 1e9:
            return None
        return _unhealthy(Cause.NOT_WORN, "pod_upright", up_z, self._loose_cos)


def _unhealthy(cause: Cause, rule: str, value: float, limit: float) -> Finding:
    return Finding(Signal.UNHEALTHY, cause, rule, value, limit)


def _over(cause: Cause, rule: str, value_ns: int, limit: float) -> Finding:
    return Finding(Signal.UNHEALTHY, cause, rule, value_ns * 1e-9, limit)
