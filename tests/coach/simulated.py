"""The person of `rearguard demo --scenario session` in simulated time: real monitor and session, in some seconds."""

from collections.abc import Iterator
from dataclasses import replace

from firmware_py.coach.phases import Stage
from firmware_py.coach.plan.plans import Plans
from firmware_py.coach.plan.programme import Dose, Programme
from firmware_py.coach.record import Record
from firmware_py.coach.session import Session
from firmware_py.coach.view import view_of
from firmware_py.config import Config
from firmware_py.courier.sessions.sessions import Sessions
from firmware_py.rig.demo.session import SPEED_M_S, Person
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.acts import TIP, WALK
from firmware_py.rig.world.scene import Scene, Setup

RATE_HZ = 200.0
LONGEST_S = 600.0
DOSE = Dose(speed_km_h=1.6, set_s=60, sets=2, pause_s=30)
START_S = 1_800_000_000.0


class SimulatedHands:
    """Console, button and answers without processes."""

    def __init__(self, loop: ClosedLoop, session: Session) -> None:
        self._loop, self._session = loop, session

    def console(self, **asked: object) -> None:
        scene = self._loop.scene
        if "press" in asked:
            self._loop.armed_t_s = None if asked["press"] else 0.0
        if "belt_m_s" in asked:
            scene.belt.dial(float(str(asked["belt_m_s"])))
        if "ragged" in asked:
            scene.walker.ragged = float(str(asked["ragged"]))
        if "act" in asked:
            scene.walker.do(TIP if asked["act"] == "tip" else WALK)

    def answer(self, question: str, value: object) -> None:
        self._session.answer(question, value)


def play(seed: int) -> Iterator[tuple[float, str, Session]]:
    """Every cue as it comes: time, kind, session. The last one is the end."""
    setup = Setup()
    scene = Scene("walk", seed, replace(setup, belt=replace(setup.belt, speed_m_s=SPEED_M_S)))
    loop = ClosedLoop(scene, Config().monitor_params(), RATE_HZ, hall=True)
    plan = Programme(start=DOSE, goal=DOSE)
    record = Record(
        "demo-1", "demo", "rig", START_S, START_S, DOSE.model_dump(), "The first session.", "", False, True, 1
    )  # fmt: skip
    session = Session(record, plan)
    walks = Sessions(Config().drift.warn_mm / 1000, lambda *_: None)
    person = Person(SimulatedHands(loop, session))
    next_look_s = 0.0
    while session.stage is not Stage.END:
        d = loop.step()
        t_s = d.t_ns / 1e9
        assert loop.frame is not None
        walks.update(loop.frame, d, "rig", START_S + t_s)
        cue = session.tick(loop.frame, d, START_S + t_s, walks.second, walks.window)
        if t_s >= next_look_s:  # the page shows the coach once a second
            next_look_s = t_s + 1.0
            shown = view_of(session, None, Plans({}, []), False)
            person.look(t_s, shown, loop.run, scene.belt.speed_m_s)
        if cue is not None:
            yield t_s, cue.kind, session
        if t_s > LONGEST_S:
            session.close(START_S + t_s)
    yield t_s, "end", session
