"""Owns one light treadmill of a simulated gym: the rig's walker, the real monitor, events on disk, the real MQTT of a
device. Must never claim to be a guard: there is no process, no relay and no clock of its own.
"""

import json
import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.core.events import EventFinder
from firmware_py.core.frame import Cause, Decision
from firmware_py.courier.answered import MESSAGE, Answered
from firmware_py.courier.events.database import Outbox, Unpublished
from firmware_py.courier.events.envelope import Envelope, Stamp, build, from_guard
from firmware_py.courier.page.live import Live
from firmware_py.courier.publisher import Publisher
from firmware_py.rig.gym.story import Part, part_of
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.acts import WALK
from firmware_py.rig.world.belt import BeltParams
from firmware_py.rig.world.scenarios import SCENARIOS
from firmware_py.rig.world.scene import Scene, Setup

RATE_HZ = 200
SLICE_S = 0.02
LOOK_S = 0.5  # how often answers are looked for
MOST_BEHIND_S = 1.0  # a computer that is busy for longer slows the gym down
NOBODY_S = 1e9  # a press of this age: nobody will press


class Machine:
    """One treadmill. `tick` belongs to one thread; the network is paho's own."""

    def __init__(self, number: int, part: Part, config: Config, outbox: Outbox) -> None:
        self.name = config.courier.device_id
        self._part, self._outbox = part, outbox
        belt = BeltParams(speed_m_s=SCENARIOS[part.scenario].demo_speed_m_s)
        scene = Scene(part.scenario, part.seed or number, Setup(steady_s=part.steady_s, belt=belt))
        self._loop = ClosedLoop(scene, config.monitor_params(), RATE_HZ, hall=True)
        if not part.used:
            self._loop.armed_t_s = -NOBODY_S
        self._finder = EventFinder()
        self._stamp = Stamp(self.name, "guard", os.urandom(8).hex(), config.hash, __version__)
        self._seq = 0
        self._waiting: deque[Unpublished] = deque()
        self._stopped_t_s: float | None = None
        self._live = Live()
        self._live.hello = {"version": __version__}
        self._publisher = Publisher(config, lambda: None, lambda: None, lambda *_: None)
        self._publisher.start(None, None)
        self.decision: Decision | None = None
        self.fell_ns: int | None = None  # our clock, when the fall was decided

    def tick(self) -> None:
        """One tick: the walker moves, the monitor decides, what people should know goes on its way."""
        decision = self._loop.step()
        assert self._loop.frame is not None
        before, self.decision = self.decision, decision
        urgent = self._live.tick(self._loop.frame, decision)
        if before is not None and before.run and not decision.run:
            self._stopped_t_s = decision.t_ns / 1e9
            if self._part.scenario == "fall":
                self.fell_ns = time.monotonic_ns()
        self._go_on(decision)
        events = self._finder.update(decision)
        if events:
            self._keep([{**event._asdict(), "cause": _word(event.cause)} for event in events])
        if urgent:
            self._publisher.update(True, self._state, self._health)

    def tend(self) -> None:
        """Now and then: what waits goes to the broker, and the state when it is due."""
        self._publisher.update(False, self._state, self._health)
        broker = self._publisher.broker
        if broker is None:
            return
        broker.acknowledged()
        while self._waiting and broker.room() > 0 and broker.send([self._waiting[0]]):
            self._waiting.popleft()

    def close(self) -> None:
        self._publisher.close()

    def _go_on(self, decision: Decision) -> None:
        """After a while the walker arms again and walks."""
        part, stopped_t_s = self._part, self._stopped_t_s
        if stopped_t_s is None or part.again_s is None or decision.t_ns / 1e9 < stopped_t_s + part.again_s:
            return
        self._stopped_t_s = None
        self._loop.scene.walker.do(WALK)
        self._loop.armed_t_s = None  # presses the button until the belt may run

    def _keep(self, sent: list[dict[str, Any]]) -> None:
        """On disk, where the alerts process reads it; then to the broker."""
        made = []
        for fields in sent:
            self._seq += 1
            raw = json.dumps(fields | {"seq": self._seq}).encode()
            made.append(from_guard(self._stamp, self._seq, raw, lambda _t_ns: time.time()))
        self._store(made)

    def answered(self, alert: str) -> None:
        """Somebody pressed the link in a message: an event, as the courier makes it."""
        self._seq += 1
        data = {"alert": alert, "message": MESSAGE}
        stamp = self._stamp._replace(part="courier")
        self._store([build(stamp, self._seq, "alert_acknowledged", time.time(), time.monotonic_ns(), data)])

    def _store(self, made: list[Envelope]) -> None:
        with self._outbox.transaction():
            self._outbox.keep(made)
        for envelope in made:
            self._publisher.stored(envelope)
            self._waiting.append(Unpublished(envelope.seq, envelope.kind, envelope.text))

    def _state(self) -> dict[str, Any]:
        return self._live.state() | {"session_minutes": None}

    def _health(self) -> dict[str, Any]:
        return {"guard_connected": True, "guard_version": __version__, "courier_version": __version__}


class Floor(threading.Thread):
    """All treadmills, in real time, on one thread."""

    def __init__(self, count: int, state: Path, port: int) -> None:
        super().__init__(name="gym", daemon=True)
        self._state, self._port, self._count = state, port, count
        self._ending = threading.Event()
        self.machines: list[Machine] = []
        self.problem = ""

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # whoever watches must know why nothing moves any more
            self.problem = f"{type(error).__name__}: {error}"

    def _run(self) -> None:
        outbox = Outbox(self._state / "events.sqlite")
        made = [
            Machine(n, part_of(n, self._count), self._config(n), outbox) for n in range(1, self._count + 1)
        ]
        self.machines = made
        answers = Answered(self._state / "alerts.sqlite", time.time())
        next_s = look_s = time.monotonic()
        while not self._ending.wait(max(0.0, next_s - time.monotonic())):
            next_s = max(next_s + SLICE_S, time.monotonic() - MOST_BEHIND_S)
            for machine in made:
                for _ in range(round(SLICE_S * RATE_HZ)):
                    machine.tick()
                machine.tend()
            if time.monotonic() - look_s >= LOOK_S:
                look_s = time.monotonic()
                for answer in answers.new():
                    next(m for m in made if m.name == answer.device).answered(answer.alert)
        for machine in made:
            machine.close()
        outbox.close()

    def _config(self, number: int) -> Config:
        courier = {"device_id": f"deck-{number}", "state_dir": str(self._state)}
        mqtt = {
            "enabled": True, "host": "127.0.0.1", "port": self._port, "home_assistant": False,
            "allow_remote_stop": False,
        }  # fmt: skip
        return Config.model_validate({"courier": courier, "mqtt": mqtt})

    def end(self) -> None:
        self._ending.set()
        self.join(10)


def _word(cause: Cause | None) -> str | None:
    return cause.value if cause is not None else None
