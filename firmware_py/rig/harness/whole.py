"""Owns a whole device in one process and in simulated time: world, emulated chips, real drivers, relay on mock pins,
monitor and loop. Must never differ from the guard in anything between the wire of a chip and the pin of the relay.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from firmware_py.config import Config
from firmware_py.core.frame import Cause, Decision
from firmware_py.core.monitor import Monitor
from firmware_py.guard.link import Link
from firmware_py.guard.loop import Loop
from firmware_py.guard.panel import Panel
from firmware_py.guard.process import build_sensors
from firmware_py.guard.relay import Relay
from firmware_py.notify import ServiceManager
from firmware_py.rig.harness.pins import wired
from firmware_py.rig.harness.world import World
from firmware_py.rig.world.belt import BeltParams
from firmware_py.rig.world.hip import HipParams
from firmware_py.rig.world.ranging import RangingParams
from sensors.emulated import EmulatedBus
from sensors.i2c import Bus


class DirectWires:
    """The pins of the guard, wired to a world in this process."""

    def __init__(self, world: World) -> None:
        self._world = world

    def drive(self, pin: int, level: bool) -> None:
        self._world.drive(pin, level, self._world.bus.t_ns)

    def levels(self) -> dict[int, bool]:
        return self._world.levels


class Whole:
    """Use it in a `with`; each `tick` is one period of the loop. `clock` is the one of the loop: simulated time."""

    def __init__(
        self,
        config: Config,
        scenario: str,
        seed: int,
        steady_s: float,
        hip: HipParams | None = None,
        ranging: RangingParams | None = None,
        speed_m_s: float = BeltParams().speed_m_s,
        links: Sequence[Link] = (),
        bus: EmulatedBus | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.config = config
        self.bus = bus or EmulatedBus()
        self.t_ns = self.bus.t_ns
        self._links, self._clock = links, clock or (lambda: self.t_ns)
        self.world = World(config, scenario, seed, steady_s, self.bus, speed_m_s, hip, ranging)
        self.refusal: Cause | None = None  # what the platform forbids; the loop asks once a second
        self.decision: Decision | None = None
        self._period_ns = 1_000_000_000 // config.loop.rate_hz
        self._held = ExitStack()

    def __enter__(self) -> Self:
        config, held = self.config, self._held
        held.enter_context(wired(DirectWires(self.world)))
        imu, belt = build_sensors(config, lambda number: Bus(self.bus, f"rig-{number}"), self.bus.sleep)
        relay = held.enter_context(Relay(config.relay.pin, config.relay.drive, config.relay.readback_pin))
        panel = Panel(config.panel, config.belt)
        held.callback(panel.close)
        monitor = Monitor(config.monitor_params(), config.loop.rate_hz)
        self.loop = Loop(
            config.loop.rate_hz, imu, belt, relay, panel, monitor, self._links, ServiceManager(None),
            lambda: self.refusal, self._clock, lambda _: None,
        )  # fmt: skip
        imu.open()
        belt.open()
        self.t_ns = self.bus.t_ns  # opening the sensors took time
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def tick(self, late_ns: int = 0, skipped: int = 0) -> Decision:
        """One period later, or more when ticks are skipped: the world moves, then the guard ticks."""
        self.advance(skipped)
        self.decision = self.loop.tick(self.t_ns, late_ns)
        return self.decision

    def advance(self, skipped: int = 0) -> None:
        """Only the world: for a caller that ticks `loop` itself."""
        self.t_ns += self._period_ns * (1 + skipped)
        self.world.advance(self.t_ns)

    def run(self, seconds: float) -> Decision:
        """So many seconds of ticks."""
        for _ in range(round(seconds * self.config.loop.rate_hz) - 1):
            self.tick()
        return self.tick()
