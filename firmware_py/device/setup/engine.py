"""Owns the order of set-up: which step is next, again, back, and what is written down after each.

A step is done when its result is on the disk. One that was interrupted begins again at its first question.
The guard is stopped meanwhile. Must never prove anything itself, and never leave the guard stopped when it ends.
"""

import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from firmware_py.config import Config, load, parse
from firmware_py.device.language import in_words
from firmware_py.device.settings import save
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.machine import Machine
from firmware_py.device.setup.progress import Progress, sweep
from firmware_py.device.setup.talk import Back, Front, Leave, Question, Talk
from firmware_py.locale import mark
from firmware_py.locale import translate as _
from sensors.advice import ConfigError, Failure

FULL = mark("The disk is full: free some space.")
UNUSABLE = mark("{place} cannot be used ({reason}).")
NOT_KEPT = mark("This step could not be remembered. Do it again.")
LATER = mark("Left. Type `{command}` to go on here.")
PROVED = mark(
    "Everything is proved. Stand astride the belt, press and release to arm, then start the treadmill."
)
UNPROVED = mark("Not proved yet: {titles}. Type `{command}` to try again.")
UNCHANGED = mark("Nothing was changed.")
GUARD_UP = mark("The safety monitor works again. The treadmill stays off until you press the arming button.")
GUARD_DOWN = mark(
    "The safety monitor does not stay on. The treadmill stays off. Run `rearguard check` to see why."
)


class Outcome(NamedTuple):
    """How a step ended. `text` is for the person."""

    proved: bool
    text: str


class Setup:
    """What a step may use: the conversation, the machine, what is remembered, and the configuration as a file."""

    def __init__(self, front: Front, machine: Machine, path: Path) -> None:
        self.machine = machine
        self.path = path
        self.progress = Progress(Path(self.config.courier.state_dir) / "setup")
        sweep(path.parent)
        self._front = front
        self.talk = Talk(front, self._shown)
        self._step: dict[str, Any] = {}

    @property
    def config(self) -> Config:
        """As it is on the disk now."""
        return load(self.path if self.path.exists() else None)

    def change(self, **sections: dict[str, Any]) -> Config:
        """Writes the configuration with these settings in these sections. Raises ConfigError; nothing changed then."""
        changed = self.changed(**sections)
        save(changed, self.path)
        return changed

    def changed(self, **sections: dict[str, Any]) -> Config:
        """The same, not written yet. Raises ConfigError."""
        settings = self.config.model_dump(mode="json")
        for name, values in sections.items():
            settings[name] |= values
        return parse(settings)

    def begin(self, number: int, of: int, step: "Step") -> None:
        self.talk.asked = 0
        self._step = {"number": number, "of": of, "step": step.name, "title": _(step.title)}
        self.progress.show(self._step | {"text": ""})
        self.talk.send("step", **self._step)

    def _shown(self, question: Question) -> None:
        if self._step:
            self.progress.show(self._step | {"text": _(question.text)})
        self.machine.shown(question.key)


class Step(NamedTuple):
    """One step. `needed`: nothing goes on without it."""

    name: str
    title: str
    run: Callable[[Setup], Outcome]
    needed: bool = False


def run(setup: Setup, steps: Sequence[Step], only: str | None = None) -> bool:
    """Goes through the steps that are not done, or through one. True when every step is proved. Raises Failure."""
    if setup.machine.armed():
        raise Failure(
            "setup: the device is armed and the belt may move",
            "Somebody may be walking",
            "stop the treadmill, step off, then start this again",
        )
    todo = _todo(setup, steps, only)
    try:
        setup.machine.stop_guard()
        _through(setup, steps, todo)
    except (Leave, KeyboardInterrupt) as leave:
        later = _(LATER).format(command=" ".join(filter(None, (setup.machine.command, only))))
        setup.talk.send("left", text=str(leave) or later)
        return False
    finally:
        setup.progress.show(None)
        if not setup.machine.rebooting:
            up = setup.machine.start_guard()
            setup.talk.send("guard", up=up, text=_(GUARD_UP if up else GUARD_DOWN))
    unproved = [step for step in steps if not setup.progress.proved(step.name)]
    titles = ", ".join(_(step.title) for step in unproved)
    text = _(UNPROVED).format(titles=titles, command=setup.machine.command) if unproved else _(PROVED)
    setup.talk.send("end", proved=not unproved, unproved=[step.name for step in unproved], text=text)
    return not unproved if only is None else setup.progress.proved(only)


def _through(setup: Setup, steps: Sequence[Step], todo: Sequence[Step]) -> None:
    """One step after the other. Raises Leave."""
    at = 0
    while at < len(todo):
        step = todo[at]
        setup.begin(list(steps).index(step) + 1, len(steps), step)
        try:
            outcome = _attempt(setup, step)
        except Back:
            at = at if setup.talk.asked else max(0, at - 1)
            continue
        try:
            setup.progress.finish(step.name, *outcome)
        except OSError as error:
            outcome = Outcome(False, f"{_trouble(error)} {_(NOT_KEPT)}")
        setup.talk.send("result", step=step.name, **outcome._asdict())
        at += 1 if outcome.proved else _after_failure(setup, step)


def _todo(setup: Setup, steps: Sequence[Step], only: str | None) -> list[Step]:
    """The steps without a result; when all have one, those that are not proved. Raises Failure."""
    progress = setup.progress
    if only is None:
        fresh = [step for step in steps if progress.result(step.name) is None]
        return fresh or [step for step in steps if not progress.proved(step.name)]
    chosen = next(step for step in steps if step.name == only)
    for before in steps[: list(steps).index(chosen)]:
        if before.needed and not progress.proved(before.name):
            raise Failure(
                f"setup: the step `{before.name}` comes before `{only}`",
                "It is not proved yet",
                "run `rearguard setup`, which begins there",
            )
    return [chosen]


def _attempt(setup: Setup, step: Step) -> Outcome:
    """The outcome of one try; what goes wrong is an outcome, too."""
    try:
        return step.run(setup)
    except ConfigError as error:
        return Outcome(False, f"{in_words(error.advice)} {_(UNCHANGED)}")
    except Failure as failure:
        return Outcome(False, in_words(failure.advice))
    except OSError as error:
        return Outcome(False, f"{_trouble(error)} {_(UNCHANGED)}")


def _trouble(error: OSError) -> str:
    """The system's own words without its numbers; the folder, for the file may have a name for a moment only."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _(FULL)
    if error.filename is None:
        return f"{error.strerror}."
    return _(UNUSABLE).format(place=Path(error.filename).parent, reason=error.strerror)


def _after_failure(setup: Setup, step: Step) -> int:
    """By how many steps to go on. Raises Leave."""
    try:
        chosen = setup.talk.ask(ask.NEEDED if step.needed else ask.NOT_PROVED)
    except Back:
        return 0
    if chosen == "leave":
        raise Leave
    return 1 if chosen == "next" else 0
