"""A whole courier on threads of this process, for tests of its page: real link, real sockets, real files."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from firmware_py.config import parse
from firmware_py.core.frame import Decision, Frame
from firmware_py.courier.process import Courier
from tests.support.broker import free_port
from tests.support.fake_guard import FakeGuard, decision, frame
from tests.support.process import wait_for


class Served:
    """A courier in this process, its page's port, and a guard to speak for."""

    def __init__(self, folder: Path, **page: Any) -> None:
        self.port = free_port()
        self._sent = 0
        self.folder = folder
        settings = {
            "courier": {"state_dir": str(folder / "state"), "socket": str(folder / "c.sock")},
            "page": {"port": self.port, **page},
        }
        self.courier = Courier(parse(settings))
        self._thread = threading.Thread(target=self.courier.run)
        self._thread.start()
        wait_for(lambda: self.courier.serving and self.courier.receiver.listening)
        self.guard = FakeGuard(str(folder / "c.sock"))

    def tick(self, f: Frame | None = None, d: Decision | None = None) -> None:
        now_ns = time.monotonic_ns()
        self.guard.tick(f or frame(now_ns), d or decision(now_ns))
        self._sent += 1

    def settle(self) -> None:
        """Wait until the courier has seen every tick that the link took."""
        wait_for(lambda: self.courier.live.ticks + self.guard.link.dropped_ticks == self._sent)

    def close(self) -> None:
        self.guard.link.close()
        self.courier.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()


Serving = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Call it with settings of [page]; a context manager that yields a Served."""

    @contextlib.contextmanager
    def served(**page: Any) -> Iterator[Served]:
        made = Served(tmp_path, **page)
        try:
            yield made
        finally:
            made.close()

    return served
