"""Owns the whole product as one deterministic function: step(frame) -> decision. Live, replay, rig and
evaluation all call it; same frames, same parameters, same version give bit-identical decisions.

Must never read a clock, touch anything, or raise: faults are values, time is in the frame.
"""

from dataclasses import InitVar, dataclass, field

from firmware_py.core.body.attitude import Attitude, AttitudeParams
from firmware_py.core.body.fall import Balance, BalanceParams, Limit
from firmware_py.core.body.fallen import Fallen, FallenParams
from firmware_py.core.body.gait import Gait, GaitParams
from firmware_py.core.body.turn import Turn
from firmware_py.core.deck.belt_speed import BeltSpeed
from firmware_py.core.deck.drift import Drift
from firmware_py.core.deck.params import DriftParams, PositionParams
from firmware_py.core.deck.rails import Rails
from firmware_py.core.deck.silence import LEAST_S, SILENT_S, answer_most_s, patience_s, walks_evenly
from firmware_py.core.frame import LOCK_OUTS, Cause, Decision, Finding, Frame, Phase, Signal
from firmware_py.core.health import Health, HealthParams
from firmware_py.core.latch import TABLE, Button, Latch
from firmware_py.core.place.position import Position
from firmware_py.core.spikes import SpikeGate, SpikeParams
from sensors.samples import Fault, ImuSample

_BRIDGED_S = 1.0  # a longer silence of the IMU is not bridged by one integration step

Reason = tuple[Cause | None, str, float, float]  # cause, rule, value, limit
_RUNNING: Reason = (None, "", 0.0, 0.0)
_POWER_ON: Reason = (Cause.POWER_ON, "", 0.0, 0.0)

_STOP_BUTTON = Finding(Signal.DANGER, Cause.STOP_BUTTON, "stop_button", 1.0, 0.0)
_REMOTE_STOP = Finding(Signal.DANGER, Cause.REMOTE_STOP, "remote_stop", 1.0, 0.0)
_NOT_SETTLED = Finding(Signal.UNHEALTHY, Cause.SETTLING, "settled", 0.0, 1.0)
# Beyond any healthy chip (SisFall's read 0.85 to 1.09 g): another chip or scale, and limits in m/s2 do not hold.
_GRAVITY_G = (0.8, 1.2)
_NO_GRAVITY = Finding(Signal.UNHEALTHY, Cause.IMU, "gravity_g", 0.0, 1.0)
_STUCK = Finding(Signal.UNHEALTHY, Cause.BUTTON_STUCK, "button_stuck", 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class MonitorParams:
    """Every parameter of the core, fixed before the first frame."""

    attitude: AttitudeParams = field(default_factory=AttitudeParams)
    gait: GaitParams = field(default_factory=GaitParams)
    balance: BalanceParams = field(default_factory=BalanceParams)
    fallen: FallenParams = field(default_factory=FallenParams)
    position: PositionParams = field(default_factory=PositionParams)
    drift: DriftParams = field(default_factory=DriftParams)
    health: HealthParams = field(default_factory=HealthParams)
    spikes: SpikeParams = field(default_factory=SpikeParams)


@dataclass(slots=True)
class Monitor:
    """Sees every frame once, in order, and decides whether the belt may move."""

    params: MonitorParams
    rate_hz: InitVar[float]
    attitude: Attitude = field(init=False)
    gait: Gait = field(init=False)
    balance: Balance = field(init=False)
    fallen: Fallen = field(init=False)
    turn: Turn = field(default_factory=Turn)
    position: Position = field(init=False)
    belt_speed: BeltSpeed = field(default_factory=BeltSpeed)
    drift: Drift = field(init=False)
    rails: Rails = field(default_factory=Rails)
    health: Health = field(init=False)
    spikes: SpikeGate = field(init=False)
    button: Button = field(default_factory=Button)
    _latch: Latch = Latch.STOPPED
    _reason: Reason = _POWER_ON
    _started: bool = False
    _t_ns: int = 0
    _imu_t_ns: int = 0
    _patience_s: float = LEAST_S
    _tick_ns: int = field(init=False)

    def __post_init__(self, rate_hz: float) -> None:
        p = self.params
        self.attitude = Attitude(p.attitude)
        self.gait = Gait(p.gait)
        self.balance = Balance(p.balance, rate_hz)
        self.fallen = Fallen(p.fallen)
        self.position = Position(p.position)
        self.drift = Drift(p.drift)
        self.health = Health(p.health, rate_hz)
        self.spikes = SpikeGate(p.spikes)
        self._tick_ns = round(1e9 / rate_hz)

    def step(self, frame: Frame) -> Decision:
        """One tick."""
        dt_ns = frame.t_ns - self._t_ns if self._started else self._tick_ns
        dt_s = dt_ns * 1e-9
        imu = self.spikes.check(frame.imu) if isinstance(frame.imu, ImuSample) else frame.imu
        fall = self._sense_body(imu, frame.belt_speed_m_s, dt_s)
        self._t_ns, self._started = frame.t_ns, True
        speed_m_s = self.belt_speed.update(frame.belt_speed_m_s, self.gait.phase is not Phase.WAITING, dt_s)
        carried = self._sense_deck(frame, speed_m_s, dt_s)
        ill = self._judge_device(frame, imu, dt_ns)
        locked_out = ill if ill and ill.cause in LOCK_OUTS else None
        finding = locked_out or _person(frame) or fall or carried or ill
        refused = self._turn_latch(frame, finding)
        reason = locked_out[1:] if locked_out else self._reason
        return self._decision(frame.t_ns, reason, finding, refused, speed_m_s)

    def _sense_body(self, imu: ImuSample | Fault, belt_m_s: float | None, dt_s: float) -> Finding | None:
        """Takes a new sample of the pod; a finding when the walker loses balance or has fallen."""
        if not isinstance(imu, ImuSample):
            return None
        if self._started:
            dt_s = (imu.t_ns - self._imu_t_ns) * 1e-9
        self._imu_t_ns = imu.t_ns
        if not 0.0 < dt_s <= _BRIDGED_S:
            return None
        attitude, gait = self.attitude, self.gait
        attitude.update(imu, dt_s)
        self.turn.update(imu.gyro_rad_s, attitude.up, dt_s)
        gait.update(attitude, dt_s)
        falls = self.balance.update(attitude, gait, belt_m_s, dt_s)
        has_fallen = self.fallen.update(imu, attitude, self.balance.watching, dt_s)
        return falls or has_fallen

    def _sense_deck(self, frame: Frame, speed_m_s: float | None, dt_s: float) -> Finding | None:
        """Takes a new range reading; a finding when the walker would come to rest beyond a line."""
        self._patience_s = self._range_patience_s(speed_m_s)
        self.position.update(frame.t_ns, frame.belt, self.gait.cadence_hz, self._patience_s)
        gait = self.gait
        carried = self.drift.update(self.position, gait.phase, speed_m_s, dt_s)
        stopped_stepping = gait.phase is Phase.WAITING and gait.steps > 0
        aside = self.rails.update(self.position, self.attitude, stopped_stepping, speed_m_s, dt_s)
        return carried or aside

    def _range_patience_s(self, speed_m_s: float | None) -> float:
        """How long the range may be without a believed reading at this tick."""
        position, gait, attitude = self.position, self.gait, self.attitude
        if position.age_s < SILENT_S:  # nothing to be patient about: spares nearly every tick the work
            return LEAST_S
        if self._latch is not Latch.RUNNING or not (self.rails.in_place or walks_evenly(gait, attitude)):
            return LEAST_S
        drift = self.params.drift
        belt_m_s = drift.belt_ceiling_m_s if speed_m_s is None else speed_m_s
        margin_m = self.drift.stop_margin_m or 0.0
        longest_s = patience_s(drift, position.believed_m, position.velocity_m_s, belt_m_s, margin_m)
        return min(longest_s, answer_most_s(self.health.range_fault))

    def _judge_device(self, frame: Frame, imu: ImuSample | Fault, dt_ns: int) -> Finding | None:
        """A finding when the device cannot be trusted, or cannot be armed yet."""
        attitude, position = self.attitude, self.position
        running = self._latch is Latch.RUNNING
        ill = self.health.update(
            frame, imu, dt_ns, running, position.age_s, self._patience_s, attitude.up[2], self.gait.loose
        )
        if ill is not None or running:
            return ill
        if not (attitude.settled and position.known):
            return _NOT_SETTLED
        least_g, most_g = _GRAVITY_G
        if not least_g <= attitude.gravity_g <= most_g:
            return _NO_GRAVITY
        return _STUCK if self.button.stuck else None

    def _turn_latch(self, frame: Frame, finding: Finding | None) -> Cause | None:
        """Applies the worst signal of the tick; returns why a press that ended at this tick is refused."""
        latch, button = self._latch, self.button
        wrong = finding.cause if finding else None
        pressed = button.update(frame.t_ns, frame.reset_pressed, latch is Latch.STOPPED, wrong)
        unfound = Signal.RESET if pressed and button.spoiled is None else Signal.OK
        signal = finding.signal if finding else unfound
        self._latch = TABLE[latch, signal]
        if self._latch is not latch:
            if finding:
                self._reason = self.turn.named(finding)[1:]
            else:
                self._arm()
        if not pressed:
            return None
        return wrong if wrong in LOCK_OUTS else button.spoiled

    def _arm(self) -> None:
        """Another person may have got on: what was learned of the last one is forgotten."""
        self._reason = _RUNNING
        self.gait.relearn()
        self.balance.relearn()
        self.fallen.relearn()
        self.turn.relearn()
        self.drift.relearn()

    def _decision(
        self,
        t_ns: int,
        reason: Reason,
        finding: Finding | None,
        refused: Cause | None,
        speed_m_s: float | None,
    ) -> Decision:
        """What others may know of this tick."""
        attitude, gait, balance = self.attitude, self.gait, self.balance
        position, drift = self.position, self.drift
        run = self._latch is Latch.RUNNING
        cause, rule, value, limit = reason
        settled, known = attitude.settled, position.known
        return Decision(
            t_ns,
            run,
            cause,
            rule,
            value,
            limit,
            drift.warning or balance.warning or self.belt_speed.warning,
            finding.cause if finding and not run else None,
            gait.phase,
            position.position_m if known else None,
            position.velocity_m_s if known else None,
            drift.rest_position_m,
            drift.stop_margin_m,
            attitude.tilt_rad if settled else None,
            balance.down_velocity_m_s if settled else None,
            balance.down_velocity_limit_m_s,
            gait.cadence_hz,
            gait.steps,
            self.params.drift.belt_ceiling_m_s if speed_m_s is None else speed_m_s,
            drift.soft_stop and run,
            refused,
        )

    def fall_limit(self) -> Limit | None:
        """The limit of the last step and the motion it comes from; None while nobody is watched. Changes nothing."""
        return self.balance.limit(self.attitude) if self.balance.watching else None


def _person(frame: Frame) -> Finding | None:
    """A stop that a person asks for, at the device or from afar."""
    if frame.stop_pressed:
        return _STOP_BUTTON
    return _REMOTE_STOP if frame.stop_requested else None
