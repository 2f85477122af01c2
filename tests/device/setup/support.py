"""A set-up on the rig for tests: a folder as the device, a front end with a list of answers."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firmware_py.config import load
from firmware_py.device.setup.engine import Setup, run
from firmware_py.device.setup.steps import STEPS
from firmware_py.device.setup.talk import Leave, Question
from firmware_py.rig.harness.pins import wired
from firmware_py.rig.harness.setup import ANSWERS, RigMachine, Wires, prepare
from firmware_py.rig.harness.stage import Stage

USUAL = ANSWERS | {"deck": 1400, "deck_length": "", "needed": "leave", "not_proved": "leave"}


class Script:
    """Answers by key; a list is used up one after the other, then the usual answer. Keeps every message."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {
            key: list(value) if isinstance(value, list) else value for key, value in answers.items()
        }
        self.messages: list[dict[str, Any]] = []
        self.heard: Callable[[dict[str, Any]], None] = lambda _message: None

    def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self.heard(message)

    def answer(self, question: Question) -> Any:
        mine = self._answers.get(question.key)
        if isinstance(mine, list):
            if mine:
                return self._take(mine.pop(0))
        elif mine is not None:
            return self._take(mine)
        return USUAL.get(question.key, "")

    @staticmethod
    def _take(answer: Any) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["kind"] == kind]

    def results(self) -> dict[str, bool]:
        return {message["step"]: message["proved"] for message in self.of("result")}


class Device:
    """One simulated device in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = prepare(folder)

    @contextmanager
    def opened(self, script: Script) -> Iterator[Setup]:
        stage = Stage(load(self.config), 3)
        with wired(Wires(stage)):
            setup = Setup(script, RigMachine(self.folder, stage), self.config)
            try:
                yield setup
            finally:
                setup.progress.close()

    def run(self, only: str | None = None, **answers: Any) -> Script:
        script = Script(**answers)
        with self.opened(script) as setup:
            run(setup, STEPS, only)
        return script

    def all_of_it(self) -> Script:
        """Everything, with the restart in the middle."""
        self.run()
        return self.run()

    def after_the_needed(self, step: str, **answers: Any) -> Script:
        """One step, as if those that it needs were proved."""
        with self.opened(Script()) as setup:
            for one in STEPS:
                setup.progress.finish(one.name, True, "")
        return self.run(step, **answers)

    def cut_at(self, event: int, only: str) -> bool:
        """Runs one step in a process of its own, whose power is cut at its `event`th question or write.

        False when it ended before.
        """
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == CUT
        try:
            _cut_at(event)
            script = Script()
            script.heard = lambda message: _event() if message["kind"] in ("question", "do") else None
            with self.opened(script) as setup:
                run(setup, STEPS, only)
        finally:
            os._exit(0)


CUT = 9
_left: list[int] = []


def _event() -> None:
    _left[0] -= 1
    if _left[0] < 0:
        os._exit(CUT)


def _cut_at(event: int) -> None:
    """In the child: each write has two moments, before and after the rename."""
    _left[:] = [event]
    replace = Path.replace

    def counted(self: Path, target: Any) -> Path:
        _event()
        done = replace(self, target)
        _event()
        return done

    Path.replace = counted  # type: ignore[method-assign]


LEAVE = Leave("enough")
