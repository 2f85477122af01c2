"""Owns the treadmill, the chips and the person that set-up meets: they do what they are asked, and nothing else.

`do(key)` is the person; chips and pins show what follows. Must never know a configuration but the pins' numbers.
"""

from collections.abc import Callable
from math import cos, radians, sin
from random import Random

from firmware_py.config import Config
from firmware_py.device.commission.bench import STEP_S
from firmware_py.rig.harness.commissioning import RigBench, RigPerson
from firmware_py.rig.world.switchgear import Contactors
from sensors.emulated import EmulatedBus, EmulatedLsm6dsox, EmulatedVl53l1x
from sensors.imu import STANDARD_GRAVITY_M_S2
from sensors.samples import Vec3

IMU_ADDRESS, RANGE_ADDRESS = 0x6B, 0x29  # the pod's chip at its second address, as some boards have it
STEP_NS = round(STEP_S * 1e9)
ONE_SHOT_NS = 38_000_000  # the outside pulse watchdog as hardware.md measures it: 33 to 46 ms
BIAS_RAD_S = (0.009, -0.005, 0.003)
PRESS_NS = (500_000_000, 900_000_000)  # after the request: pressed, released
LEAN_DEG, SWAY_RAD_S, TURN_RAD_S = 25.0, 0.02, 2.0
NO_TARGET = 5  # UM2356: nothing there
HAND_M = 0.25


class Stage:
    """`levels` are the guard's inputs; `advance` moves everything to a time."""

    def __init__(self, config: Config, seed: int = 1, bus: EmulatedBus | None = None) -> None:
        self.bus = bus or EmulatedBus()
        self._pins = config
        self._random = Random(f"stage {seed}")
        self.bench = RigBench(seed, config, STEP_S)
        self._person = RigPerson(self.bench)
        self._imu, self._range = EmulatedLsm6dsox(), EmulatedVl53l1x()
        self.bus.attach(IMU_ADDRESS, self._imu)
        self.bus.attach(RANGE_ADDRESS, self._range)
        self.contactors = Contactors(config.relay.drive == "pulse", ONE_SHOT_NS)
        self._pose = "table"
        self._waves = False
        self._pressed: dict[str, int] = {}  # which button was asked for, and when
        self.t_ns = self.bus.t_ns
        self.levels: dict[int, bool] = {}
        self._wire()

    def do(self, key: str) -> None:
        """What the person does when set-up asks for `key`."""
        if key in _ACTS:
            _ACTS[key](self)
        if key in ("box", "drop") or key.startswith("mark_"):
            self._person.act(key)

    def drive(self, pin: int, level: bool, t_ns: int) -> None:
        """The device drives one of its outputs."""
        if pin == self._pins.relay.pin:
            self.contactors.drive(t_ns, level)

    def advance(self, t_ns: int) -> None:
        while t_ns - self.t_ns >= STEP_NS:
            self.t_ns += STEP_NS
            reading = self.bench.step(self.contactors.update(self.t_ns))
            if self._waves:
                self._range.set(0.3 + HAND_M * abs(sin(self.t_ns / 4e8)))
            elif reading.distance_m is not None:
                self._range.set(reading.distance_m)
            elif self.bench.face_m is None:
                self._range.set(0.0, NO_TARGET)
            self._imu.set(*self._felt())
            self.bus.advance(self.t_ns)
        self._wire()

    def sleep(self, seconds: float) -> None:
        """Simulated time passes."""
        self.advance(self.t_ns + max(STEP_NS, round(seconds * 1e9)))

    def _felt(self) -> tuple[Vec3, Vec3]:
        """Acceleration and rotation in chip axes: the pod is worn with +x up and +z to the back."""
        noise = self._random.gauss
        lean = radians(LEAN_DEG) if self._pose == "lean" else 0.0
        x, z = (0.0, 1.0) if self._pose == "table" else (cos(lean), sin(lean))
        sway = SWAY_RAD_S if self._pose in ("stand", "lean") else 0.0005
        spin = TURN_RAD_S if self._pose == "turn" else 0.0
        accel = (STANDARD_GRAVITY_M_S2 * x, 0.0, STANDARD_GRAVITY_M_S2 * z)
        a, b, c = BIAS_RAD_S
        gyro = (a + spin + noise(0, sway), b + noise(0, sway), c + noise(0, sway))
        return (accel[0] + noise(0, 0.02), noise(0, 0.02), accel[2] + noise(0, 0.02)), gyro

    def _wire(self) -> None:
        pins = self._pins
        self.levels = {
            pins.relay.readback_pin: self.contactors.pulled,
            pins.panel.button_pin: not self._presses("press"),
            pins.panel.stop_pin: self._presses("stop_button"),
        }

    def _presses(self, key: str) -> bool:
        since_ns = self.t_ns - self._pressed.get(key, self.t_ns)
        return PRESS_NS[0] <= since_ns < PRESS_NS[1]

    def _lay_still(self) -> None:
        self._pose, self._waves = "table", False
        self._person.act("box")

    def _press(self, key: str) -> None:
        self._pressed[key] = self.t_ns

    def _wave(self) -> None:
        self._waves = True

    def _take(self, pose: str) -> None:
        self._pose, self._waves = pose, False


_ACTS: dict[str, Callable[[Stage], None]] = {
    "lay_still": Stage._lay_still,
    "press": lambda stage: stage._press("press"),
    "stop_button": lambda stage: stage._press("stop_button"),
    "wave": Stage._wave,
    "turn": lambda stage: stage._take("turn"),
    "key_out": lambda stage: stage._take("table"),
    "wear": lambda stage: stage._take("stand"),
    "lean": lambda stage: stage._take("lean"),
}
