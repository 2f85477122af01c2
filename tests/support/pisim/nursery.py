"""Gives birth to guards cheaply: imports the program once and forks it for each repetition of a campaign.

Usage: python -m tests.support.pisim.nursery STAGE DEED ARGUMENTS-OF-RUN...   STAGE "-": nothing is sabotaged.
A child is the guard from its first line on, opens its own bus and pins and asks for its own rights; only the
imports are not repeated. Must never import lgpio before the fork: it starts a thread. One child at a time.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


class Guard:
    """One forked guard; the part of Popen that the tests use."""

    def __init__(self, nursery: "Nursery") -> None:
        self._nursery = nursery
        self._ended: int | None = None
        self.pid = int(nursery.ask())

    def poll(self) -> int | None:
        if self._ended is None and self._nursery.has_news():
            self._ended = int(self._nursery.hear())
        return self._ended

    def wait(self, timeout: float) -> int:
        if self._ended is None:
            if not self._nursery.has_news(timeout):
                raise subprocess.TimeoutExpired("guard", timeout)
            self._ended = int(self._nursery.hear())
        return self._ended

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


class Nursery:
    """The process that forks, seen from the test."""

    def __init__(self, words: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.pisim.nursery", *words],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, bufsize=0,
        )  # fmt: skip
        self.hear()  # it has imported everything

    def start(self) -> Guard:
        return Guard(self)

    def ask(self) -> bytes:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return self.hear()

    def hear(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery is gone: see guard.log"
        return line

    def has_news(self, timeout_s: float = 0.0) -> bool:
        return bool(select.select([self._process.stdout], [], [], timeout_s)[0])

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(20)
        self._log.close()


def _say(number: int) -> None:
    os.write(1, b"%d\n" % number)


def _serve(stage: str, deed: str, words: list[str]) -> None:
    import gpiozero  # noqa: F401 -- what `run` would import
    import smbus2  # noqa: F401

    import firmware_py.guard.process  # noqa: F401
    from firmware_py.__main__ import main
    from tests.support.pisim.sabotage import prepare

    _say(0)
    while os.read(0, 1):
        child = os.fork()
        if not child:
            code = 1
            with contextlib.suppress(BaseException):  # a traceback has been printed by then
                code = _guard(main, prepare, stage, deed, words)
            os._exit(code)
        _say(child)
        _say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _guard(main, prepare, stage: str, deed: str, words: list[str]) -> int:  # type: ignore[no-untyped-def]
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    if stage != "-":
        prepare(stage, deed)
    sys.argv = ["rearguard", "run", *words]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _serve(sys.argv[1], sys.argv[2], sys.argv[3:])
