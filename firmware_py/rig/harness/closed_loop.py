"""Owns the loop in simulated time: scene, frame, monitor, relay. Must never give the monitor the truth."""

from firmware_py.core.frame import Decision, Frame
from firmware_py.core.monitor import Monitor, MonitorParams
from firmware_py.rig.world.belt import Hall
from firmware_py.rig.world.scene import Scene, State
from sensors.samples import Fault, ImuSample, RangeSample

_PRESS_S, _EVERY_S = 0.2, 0.8  # a person presses until the belt may run


class ClosedLoop:
    """`step` advances person, belt and monitor by one tick. The first stop ends the pressing."""

    __slots__ = (
        "_dt_s",
        "_hall",
        "_press_s",
        "armed_t_s",
        "decision",
        "frame",
        "monitor",
        "run",
        "scene",
        "state",
    )

    def __init__(self, scene: Scene, params: MonitorParams, rate_hz: float, hall: bool) -> None:
        self.scene = scene
        self.monitor = Monitor(params, rate_hz)
        self._dt_s = 1.0 / rate_hz
        self._hall = Hall() if hall else None
        self._press_s = 0.0
        self.run = False
        self.armed_t_s: float | None = None
        self.state: State | None = None
        self.decision: Decision | None = None
        self.frame: Frame | None = None

    def step(self) -> Decision:
        scene, dt_s = self.scene, self._dt_s
        state = scene.advance(dt_s, self.run)
        speed = self._hall.advance(dt_s, scene.belt.travel_m) if self._hall is not None else None
        self._press_s = (self._press_s + dt_s) % _EVERY_S
        pressed = self.armed_t_s is None and self._press_s < _PRESS_S
        self.frame = frame_of(state, speed, self.run, pressed)
        decision = self.monitor.step(self.frame)
        if decision.run and self.armed_t_s is None:
            self.armed_t_s = state.t_s
        self.run = decision.run
        self.state, self.decision = state, decision
        return decision


def frame_of(state: State, belt_speed_m_s: float | None, feedback: bool, pressed: bool) -> Frame:
    """The frame that the drivers would make of this moment."""
    t_ns = round(state.t_s * 1e9)
    imu: ImuSample | Fault = Fault.NO_REPLY
    if state.accel_m_s2 is not None and state.gyro_rad_s is not None:
        imu = ImuSample(t_ns, state.accel_m_s2, state.gyro_rad_s)
    belt: RangeSample | Fault | None = None
    if state.range_fresh:
        belt = state.range_fault or RangeSample(t_ns, state.distance_m, state.range_count)
    return Frame(t_ns, 0, imu, belt, belt_speed_m_s, feedback, pressed)
