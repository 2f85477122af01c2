"""Owns the world around a guard in real time: walker, belt, chips on the bus, contactors, a finger on the button.

It is a process of its own, so that the guard has only its bus and its pins. Must never see a decision: it knows the
relay's pin and the lamp, as anybody in the room does.
"""

import argparse
import contextlib
import json
import os
import select
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from firmware_py.config import Config, load
from firmware_py.rig.harness.pins import DRIVEN, WIRED
from firmware_py.rig.world.acts import TIP, WALK
from firmware_py.rig.world.belt import BeltParams
from firmware_py.rig.world.hip import HipParams
from firmware_py.rig.world.ranging import RangingParams
from firmware_py.rig.world.scenarios import SCENARIOS
from firmware_py.rig.world.scene import Scene, Setup, State
from firmware_py.rig.world.switchgear import Contactors, Person
from sensors.emulated import (
    EmulatedBus,
    EmulatedLsm6dsox,
    EmulatedMpu6050,
    EmulatedTfLuna,
    EmulatedVl53l1x,
    handle,
)
from sensors.samples import Fault, Vec3

FINE_S = 0.005  # the emulated chip takes its own 25 ms: the scene must not add a second sampling to that
STEP_NS = 2_500_000  # a fixed grid, so that a seed is the same day however busy the machine
REPORT_NS = 40_000_000
MAGNET_M = 0.02


class World:
    """Everything outside the guard; `serve` runs it in real time."""

    def __init__(
        self,
        config: Config,
        scenario: str,
        seed: int,
        steady_s: float,
        bus: EmulatedBus | None = None,
        speed_m_s: float = BeltParams().speed_m_s,
        hip: HipParams | None = None,
        ranging: RangingParams | None = None,
    ) -> None:
        setup = Setup(
            deck_length_m=config.deck_length_m,
            mount=end_of_the_sensor(config),
            belt=BeltParams(speed_m_s=speed_m_s),
            ranging=replace(ranging or RangingParams(), period_s=FINE_S),
            steady_s=steady_s,
            hip=hip or HipParams(),
        )
        self.scene = Scene(scenario, seed, setup)
        self.bus = bus or EmulatedBus()
        self._imu = EmulatedLsm6dsox() if config.imu.sensor == "lsm6dsox" else EmulatedMpu6050()
        self._range = EmulatedVl53l1x() if config.range.sensor == "vl53l1x" else EmulatedTfLuna()
        self._config = config
        self._to_sensor_m = (config.range.zero_mm - config.range.half_body_mm) / 1000
        self.bus.attach(config.imu.address, self._imu)
        self.bus.attach(config.range.address, self._range)
        self._plugged = True
        self.contactors = Contactors(config.relay.drive == "pulse")
        self.person = Person()
        self.levels: dict[int, bool] = {}  # what the guard's inputs are wired to
        self._stop_pressed = False
        self._lamp = False
        self._t_ns: int | None = None
        self.state = self.scene.advance(0.0, run=False)
        self._wire(0)

    def drive(self, pin: int, level: bool, t_ns: int) -> None:
        """The guard drives one of its outputs."""
        if pin == self._config.relay.pin:
            self.contactors.drive(t_ns, level)
        elif pin == self._config.panel.lamp_pin:
            self._lamp = level

    def advance(self, t_ns: int) -> None:
        """Moves everything to `t_ns`."""
        if self._t_ns is None:
            self._t_ns = t_ns
        while t_ns - self._t_ns >= STEP_NS:
            self._t_ns += STEP_NS
            self.state = self.scene.advance(STEP_NS / 1e9, run=self.contactors.update(self._t_ns))
            self._feel(self.state)
            self.bus.advance(self._t_ns)
        self._wire(self._t_ns)

    def _feel(self, state: State) -> None:
        """Gives the chips what the scene measures, with their own axes, zero and status codes."""
        if state.accel_m_s2 is not None and state.gyro_rad_s is not None:
            self._imu.set(self._to_chip(state.accel_m_s2), self._to_chip(state.gyro_rad_s))
        elif self._plugged:
            self._plugged = False
            self.bus.detach(self._config.imu.address)
        distance_m = max(0.0, state.distance_m + self._to_sensor_m)
        if isinstance(self._range, EmulatedVl53l1x):
            status = {None: 9, Fault.NO_TARGET: 5}.get(
                state.range_fault, 4
            )  # UM2356: 4 weak, 5 nothing there
            self._range.set(distance_m, status)
        else:
            amplitude = 50 if state.range_fault is Fault.WEAK_SIGNAL else 1000
            self._range.set(0.0 if state.range_fault is Fault.NO_TARGET else distance_m, amplitude)

    def _to_chip(self, body: Vec3) -> Vec3:
        """The rows of `mounting` turn chip axes into body axes; its columns turn them back."""
        front, left, up = self._config.imu.mounting
        x, y, z = body
        return (
            front[0] * x + left[0] * y + up[0] * z,
            front[1] * x + left[1] * y + up[1] * z,
            front[2] * x + left[2] * y + up[2] * z,
        )

    def _wire(self, t_ns: int) -> None:
        config, pulled = self._config, self.contactors.pulled
        pitch_m = config.belt.hall_mm_per_pulse / 1000
        self.levels = {
            config.relay.readback_pin: pulled,
            config.panel.button_pin: not self.person.presses(t_ns, self._lamp, pulled),
            config.panel.stop_pin: self._stop_pressed,
            config.belt.hall_pin: self.scene.belt.travel_m % pitch_m >= MAGNET_M,
        }

    def do(self, asked: dict[str, Any]) -> None:
        """What the person on the belt does: `press`, `stop`, `belt_m_s` at the console, an `act`, `ragged` steps."""
        self._stop_pressed |= "stop" in asked  # and holds it
        if "press" in asked:  # False: waits until asked
            self.person = Person()
            self.person.armed = not asked["press"]
        if "belt_m_s" in asked:
            self.scene.belt.dial(float(asked["belt_m_s"]))
        if "ragged" in asked:
            self.scene.walker.ragged = float(asked["ragged"])
        if "act" in asked:
            self.scene.walker.do({act.name: act for act in (WALK, TIP)}[asked["act"]])

    def report(self, t_ns: int) -> dict[str, object]:
        """The truth, for the program that shows or judges the run."""
        state = self.state
        return {
            "t_ns": t_ns,
            "t_s": state.t_s,
            "position_m": state.position_m,
            "velocity_m_s": state.velocity_m_s,
            "belt_speed_m_s": state.belt_speed_m_s,
            "pulled": self.contactors.pulled,
            "last_edge_ns": self.contactors.last_edge_ns,
            "hazard_t_s": self.scene.hazard_t_s,
            "steps": state.steps,
        }


def end_of_the_sensor(config: Config) -> Literal["front", "rear"]:
    """Where the scene has the sensor: it counts places in the direction the belt runs, like the core."""
    if config.belt.direction == "normal":
        return config.range.mount
    return "rear" if config.range.mount == "front" else "front"


def serve(world: World, directory: Path) -> None:
    """Bus and pins for one guard after another, and a line of truth on stdout every 40 ms, until stdout closes.

    Whoever connects to person.sock may ask the person on the belt to do something: one JSON object a message.
    """
    bus, pins, person = (_listen(directory / f"{name}.sock") for name in ("bus", "pins", "person"))
    sent: dict[socket.socket, dict[int, bool]] = {}
    poll = select.poll()
    known = {s.fileno(): s for s in (bus, pins, person)}
    askers: set[socket.socket] = set()
    for number in known:
        poll.register(number, select.POLLIN)
    report_ns = 0
    while True:
        ready = poll.poll(1)
        now_ns = time.monotonic_ns()
        world.advance(now_ns)
        for number, _ in ready:
            it = known[number]
            if it is bus or it is pins or it is person:
                guest, _ = it.accept()
                guest.setblocking(False)
                known[guest.fileno()] = guest
                poll.register(guest, select.POLLIN)
                if it is pins:
                    sent[guest] = {}
                if it is person:
                    askers.add(guest)
            elif not (
                _asked(it, world)
                if it in askers
                else _pins_changed(it, world)
                if it in sent
                else handle(it, world.bus)
            ):
                poll.unregister(it)
                del known[number]
                sent.pop(it, None)
                askers.discard(it)
                it.close()
        for guest, levels in sent.items():
            new = {pin: level for pin, level in world.levels.items() if levels.get(pin) != level}
            if new:
                levels.update(new)
                with contextlib.suppress(OSError):  # it has gone; the next read shows it
                    guest.send(b"".join(WIRED.pack(pin, level) for pin, level in new.items()))
        if now_ns >= report_ns:
            report_ns = now_ns + REPORT_NS
            print(json.dumps(world.report(now_ns)), flush=True)  # noqa: T201


def _pins_changed(guest: socket.socket, world: World) -> bool:
    try:
        message = guest.recv(4096)
    except OSError:
        return False
    for pin, level, t_ns in DRIVEN.iter_unpack(message):
        world.drive(pin, bool(level), t_ns)
    return bool(message)


def _asked(guest: socket.socket, world: World) -> bool:
    message = guest.recv(4096)
    if message:
        world.do(json.loads(message))
    return bool(message)


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen(4)
    return listener


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--scenario", choices=SCENARIOS, default="walk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steady-s", type=float, default=5.0)
    parser.add_argument("--speed-m-s", type=float, default=BeltParams().speed_m_s)
    asked = parser.parse_args(argv)
    with contextlib.suppress(OSError):  # hardware does not wait for other programs; without the right it may
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(40))
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        world = World(
            load(asked.config), asked.scenario, asked.seed, asked.steady_s, speed_m_s=asked.speed_m_s
        )
        serve(world, asked.directory)


if __name__ == "__main__":
    main(sys.argv[1:])
