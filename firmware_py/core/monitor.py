"""Owns the whole product as one deterministic function: step(frame) -> decision. Live, replay, rig and
evaluation all call it; same frames, same parameters, same version give bit-identical decisions.

Must never read a clock, touch anything, or raise: faults are values, time is in the frame.
"""

from dataclasses import dataclass, field

from firmware_py.core.body.attitude import Attitude, AttitudeParams
from firmware_py.core.body.fall import Balance, BalanceParams, Limit
from firmware_py.core.body.fallen import Fallen, FallenParams
from firmware_py.core.body.gait import Gait, GaitParams
from firmware_py.core.deck.drift import Drift
from firmware_py.core.deck.params import DriftParams, PositionParams
from firmware_py.core.deck.position import Position
from firmware_py.core.frame import Cause, Decision, Finding, Frame, Phase, Signal
from firmware_py.core.health import Health, HealthParams, SpikeGate
from firmware_py.core.latch import TABLE, Button, Latch
from sensors.samples import ImuSample

_NO_STEP_S = 1.0  # a longer silence of the IMU is not bridged by one integration step
_DOUBT_M_S = 0.1  # a belt sensor that reads less than this ...
_DOUBT_S = 2.0  # ... while somebody walks for this long is not believed: the ceiling holds


@dataclass(frozen=True, slots=True)
class MonitorParams:
    """Everything the core may be told before it starts."""

    attitude: AttitudeParams = field(default_factory=AttitudeParams)
    gait: GaitParams = field(default_factory=GaitParams)
    balance: BalanceParams = field(default_factory=BalanceParams)
    fallen: FallenParams = field(default_factory=FallenParams)
    position: PositionParams = field(default_factory=PositionParams)
    drift: DriftParams = field(default_factory=DriftParams)
    health: HealthParams = field(default_factory=HealthParams)


class Monitor:
    """Sees every frame once, in order, and says whether the belt may move."""

    __slots__ = (
        "_attitude",
        "_balance",
        "_belt_silent_s",
        "_button",
        "_cause",
        "_ceiling_m_s",
        "_drift",
        "_fallen",
        "_gait",
        "_gate",
        "_health",
        "_imu_t_ns",
        "_latch",
        "_limit",
        "_position",
        "_rule",
        "_started",
        "_t_ns",
        "_tick_ns",
        "_value",
    )

    def __init__(self, params: MonitorParams, rate_hz: float) -> None:
        self._tick_ns = round(1e9 / rate_hz)
        self._ceiling_m_s = params.drift.belt_ceiling_m_s
        self._gate = SpikeGate(params.health)
        self._attitude = Attitude(params.attitude, rate_hz)
        self._gait = Gait(params.gait, rate_hz)
        self._balance = Balance(params.balance, rate_hz)
        self._fallen = Fallen(params.fallen)
        self._position = Position(params.position)
        self._drift = Drift(params.drift)
        self._health = Health(params.health, rate_hz)
        self._button = Button()
        self._latch = Latch.STOPPED
        self._cause: Cause | None = Cause.POWER_ON
        self._rule = ""
        self._value = 0.0
        self._limit = 0.0
        self._started = False
        self._t_ns = 0
        self._imu_t_ns = 0
        self._belt_silent_s = 0.0

    def step(self, frame: Frame) -> Decision:
        """One tick."""
        t_ns = frame.t_ns
        dt_ns = t_ns - self._t_ns if self._started else self._tick_ns
        dt_s = dt_ns * 1e-9
        self._t_ns = t_ns
        attitude, gait, balance, position, drift = (
            self._attitude,
            self._gait,
            self._balance,
            self._position,
            self._drift,
        )
        stopped = self._latch is Latch.STOPPED

        imu = frame.imu
        fall: Finding | None = None
        if isinstance(imu, ImuSample):
            imu = self._gate.check(imu)
        if isinstance(imu, ImuSample):
            imu_dt_s = (imu.t_ns - self._imu_t_ns) * 1e-9 if self._started else dt_s
            self._imu_t_ns = imu.t_ns
            if 0.0 < imu_dt_s <= _NO_STEP_S:
                attitude.update(imu, imu_dt_s)
                gait.update(t_ns, attitude, imu_dt_s)
                lost = balance.update(t_ns, attitude, gait, drift.warning is not None, imu_dt_s)
                lies = self._fallen.update(imu, attitude, gait, imu_dt_s)
                fall = lost or lies
        self._started = True
        phase = gait.phase
        walking = phase is not Phase.WAITING

        speed_m_s = self._believed_speed_m_s(frame.belt_speed_m_s, walking, dt_s)
        position.update(t_ns, frame.belt, gait.cadence_hz)
        carried = drift.update(position, phase, speed_m_s, dt_s)
        ill = self._health.update(frame, imu, dt_ns, not stopped, position.age_s, attitude.up[2], gait.loose)
        if ill is None and stopped and not (attitude.settled and position.known):
            ill = Finding(Signal.UNHEALTHY, Cause.SETTLING, "settled", 0.0, 1.0)
        if ill is None and stopped and self._button.stuck:
            ill = Finding(Signal.UNHEALTHY, Cause.BUTTON_STUCK, "button_stuck", 1.0, 0.0)

        finding: Finding | None
        if frame.stop_pressed:
            finding = Finding(Signal.DANGER, Cause.STOP_BUTTON, "stop_button", 1.0, 0.0)
        elif frame.stop_requested:
            finding = Finding(Signal.DANGER, Cause.REMOTE_STOP, "remote_stop", 1.0, 0.0)
        else:
            finding = fall or carried or ill

        button = self._button
        pressed = button.update(
            t_ns, frame.reset_pressed, stopped, finding.cause if finding is not None else None
        )
        if finding is not None:
            signal = finding.signal
        else:
            signal = Signal.RESET if pressed and button.spoiled is None else Signal.OK
        latch = TABLE[self._latch, signal]
        if latch is not self._latch:
            self._latch = latch
            if finding is None:
                self._arm()
            else:
                self._cause, self._rule, self._value, self._limit = finding[1:]
        run = latch is Latch.RUNNING
        refusal = None if run or finding is None else finding.cause
        return Decision(
            t_ns,
            run,
            self._cause,
            self._rule,
            self._value,
            self._limit,
            drift.warning or balance.warning or self._belt_doubt(),
            refusal,
            phase,
            position.position_m if position.known else None,
            position.velocity_m_s if position.known else None,
            drift.rest_position_m,
            drift.stop_margin_m,
            attitude.tilt_rad if attitude.settled else None,
            balance.down_velocity_m_s if attitude.settled else None,
            balance.down_velocity_limit_m_s,
            gait.cadence_hz,
            gait.steps,
            self._ceiling_m_s if speed_m_s is None else speed_m_s,
            drift.soft_stop and run,
            button.spoiled if pressed else None,
        )

    def fall_limit(self) -> Limit | None:
        """The limit of the last step, and what it is made of; None while nobody walks. Changes nothing."""
        if self._gait.phase is Phase.WAITING:
            return None
        return self._balance.limit(self._attitude, self._gait)

    def _arm(self) -> None:
        """Another person may have got on: what was learned of the last one is forgotten."""
        self._cause, self._rule, self._value, self._limit = None, "", 0.0, 0.0
        self._gait.relearn()
        self._balance.relearn()
        self._fallen.relearn()
        self._drift.relearn()

    def _believed_speed_m_s(self, measured_m_s: float | None, walking: bool, dt_s: float) -> float | None:
        """The measured speed, or None (the ceiling holds) when there is none or nobody could walk at it."""
        if measured_m_s is None or not 0.0 <= measured_m_s <= 10.0:
            return None
        if measured_m_s < _DOUBT_M_S and walking:
            self._belt_silent_s += dt_s
        elif self._belt_silent_s <= _DOUBT_S or measured_m_s >= _DOUBT_M_S:
            self._belt_silent_s = 0.0
        return None if self._belt_silent_s > _DOUBT_S else measured_m_s

    def _belt_doubt(self) -> Cause | None:
        return Cause.BELT_SENSOR if self._belt_silent_s > _DOUBT_S else None
