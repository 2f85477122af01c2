"""The monitor explored from every side: all words over an alphabet of what can happen, each letter 0.15 s long.

For every word, tick by tick, against a model that knows nothing of the implementation:
- the belt starts only at the release of a fresh press of 0.1 to 3 s, begun while stopped, with nothing wrong;
- a wrong letter stops the belt within its bound, and while it lasts the belt never starts.
The depth is 4 letters after settling here; 5 with REARGUARD_REPETITIONS=60 (three minutes), 6 with 1000 (half an hour).
Mutation testing sets REARGUARD_MODEL_DEPTH: for it two letters must do.
"""

import copy
import os
from dataclasses import dataclass
from typing import Any

from firmware_py.core.frame import Cause
from sensors.samples import Fault
from tests.proof.keep import keep
from tests.support.scenes import Scene

REPETITIONS = int(os.environ.get("REARGUARD_REPETITIONS", "1"))
DEPTH = int(os.environ.get("REARGUARD_MODEL_DEPTH", 4 + (REPETITIONS >= 60) + (REPETITIONS >= 1000)))
LETTER_TICKS = 30


@dataclass(frozen=True)
class Letter:
    name: str
    change: dict[str, Any]
    bound_ticks: int | None = None  # None: not wrong; else the belt is off by then, and nobody can start it
    position_m: float = 0.5


LETTERS = (
    Letter("good", {}),
    Letter("press", {"reset_pressed": True}),
    Letter("stop button", {"stop_pressed": True}, 0),
    Letter("press with stop button", {"stop_pressed": True, "reset_pressed": True}, 0),
    Letter("press with a dead imu", {"imu": Fault.NO_REPLY, "reset_pressed": True}, 6),
    Letter("remote stop", {"stop_requested": True}, 0),
    Letter("dead imu", {"imu": Fault.NO_REPLY}, 6),
    Letter("contact disagrees", {"feedback": "against"}, 21),
    Letter("late", {"late_ns": 9_000_000}, 4),
    Letter("behind the line", {}, 30, position_m=1.15),
)


class Model:
    """What a person would say of the button and the belt."""

    def __init__(self) -> None:
        self.running = False
        self.pressed_ticks = 0
        self.fresh = False
        self.seen_released = False
        self.wrong_ticks = 0
        self.wrong_during_press = False

    def check(self, letter: Letter, run: bool, pressed: bool, word: str) -> None:
        released = not pressed and self.pressed_ticks > 0
        valid = released and self.fresh and 20 <= self.pressed_ticks <= 600
        self.wrong_ticks = self.wrong_ticks + 1 if letter.bound_ticks is not None else 0
        if run and not self.running:
            assert valid, f"started without a fresh press: {word}"
            assert letter.bound_ticks is None or self.wrong_ticks <= letter.bound_ticks, (
                f"started while wrong: {word}"
            )
        if run and letter.bound_ticks is not None:
            assert self.wrong_ticks <= letter.bound_ticks, f"still running: {word}"
        if pressed:
            if self.pressed_ticks == 0:
                self.fresh = self.seen_released and not self.running
            self.fresh = self.fresh and not self.running
            self.pressed_ticks += 1
        else:
            self.pressed_ticks = 0
            self.seen_released = True
        self.running = run


def explore(scene: Scene, model: Model, depth: int, word: str) -> int:
    """Every word of so many letters from here; returns how many letters were played."""
    if depth == 0:
        return 0
    played = 0
    for letter in LETTERS:
        here, seen = copy.deepcopy(scene), copy.deepcopy(model)
        here.position_m = letter.position_m
        name = f"{word} / {letter.name}"
        for _ in range(LETTER_TICKS):
            change = dict(letter.change)
            if change.get("feedback") == "against":
                change["feedback"] = not (here.last is not None and here.last.run)
            decision = here.step(**change)
            seen.check(letter, decision.run, bool(change.get("reset_pressed")), name)
        here.decisions.clear()
        played += 1 + explore(here, seen, depth - 1, name)
    return played


def every_word(scene: Scene, model: Model, depth: int, start: str) -> int:
    """`explore` from one beginning, with a line for the table of figures."""
    played = explore(scene, model, depth, start)
    keep({"from": start, "letters_at_most": depth, "words": played, "ticks": played * LETTER_TICKS})
    return played


def settled(arm: bool) -> tuple[Scene, Model]:
    scene, model = Scene(), Model()
    good, press = LETTERS[0], LETTERS[1]
    for n in range(400 + (42 if arm else 0)):
        pressed = 400 <= n < 440
        decision = scene.step(reset_pressed=pressed)
        model.check(press if pressed else good, decision.run, pressed, "settling")
    scene.decisions.clear()
    assert scene.last is not None and scene.last.run == arm
    return scene, model


def test_no_word_starts_a_stopped_belt_but_a_fresh_press() -> None:
    assert every_word(*settled(arm=False), DEPTH, "stopped") == sum(
        len(LETTERS) ** n for n in range(1, DEPTH + 1)
    )


def test_no_word_keeps_a_running_belt_running_through_what_is_wrong() -> None:
    every_word(*settled(arm=True), DEPTH - 1, "running")


def test_the_exploration_does_start_the_belt_somewhere() -> None:
    scene, _ = settled(arm=False)
    scene.run(0.15, reset_pressed=True)
    assert scene.step().run


def test_from_power_on_with_the_button_held_no_word_starts_before_it_was_released() -> None:
    scene, model = Scene(), Model()
    for _ in range(400):
        model.check(LETTERS[1], scene.step(reset_pressed=True).run, True, "held from power-on")
    assert not model.running
    every_word(scene, model, max(2, DEPTH - 2), "held from power-on")


def test_power_on_is_a_stop_of_its_own() -> None:
    assert Scene().step().cause is Cause.POWER_ON
