"""The courier as a process of its own, to be killed, frozen and started again; a guard that sends without a pause."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from firmware_py.core.frame import Cause
from tests.support.fake_guard import RATE_HZ, FakeGuard, decision, frame, stopped


def toml(folder: Path, port: int = 0, mqtt_port: int = 0, **courier: object) -> Path:
    """A config file for a courier that lives in `folder`. Port 0: no page, no MQTT."""
    more = "".join(f"{key} = {value}\n" for key, value in courier.items())
    text = (
        f'[courier]\nstate_dir = "{folder}/state"\nsocket = "{folder}/c.sock"\ndevice_id = "rig"\n{more}'
        f"[page]\nenabled = {str(port > 0).lower()}\nport = {port or 8765}\n"
        f'[mqtt]\nenabled = {str(mqtt_port > 0).lower()}\nhost = "127.0.0.1"\nport = {mqtt_port or 1883}\n'
    )
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


class CourierProcess:
    def __init__(self, config: Path, environment: dict[str, str] | None = None) -> None:
        self._config = config
        self._environment = {**os.environ, **(environment or {})}
        self._log = config.with_name("courier.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "firmware_py", "courier", "--config", str(self._config)]
        self.process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=self._environment, cwd=Path(__file__).parents[2]
        )

    def signal(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def end(self, patience_s: float = 10.0) -> int:
        """A good end; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        code = self.process.wait(patience_s)
        self.process = None
        return code

    @property
    def log(self) -> str:
        return self._config.with_name("courier.log").read_text(encoding="utf-8")

    def close(self) -> None:
        self.kill()
        self._log.close()


class TalkingGuard(FakeGuard):
    """Walks in real time on a thread; warns, stops and arms again every `round_s`. Measures its own lateness."""

    def __init__(self, path: str, round_s: float = 1.0) -> None:
        super().__init__(path)
        self._round_ns = int(round_s * 1e9)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self.lateness_us: list[float] = []
        self.work_us: list[float] = []
        self.stopped = False  # True: only ticks and what is not acknowledged yet, no new events
        self.force: Cause | None = None  # stop for this cause now
        self._thread.start()

    def _talk(self) -> None:
        began_ns = next_ns = time.monotonic_ns()
        ticks = 0
        while not self._ending.is_set():
            next_ns += 1_000_000_000 // RATE_HZ
            wait_ns = next_ns - time.monotonic_ns()
            if wait_ns > 0:
                time.sleep(wait_ns / 1e9)
            now_ns = time.monotonic_ns()
            self.lateness_us.append((now_ns - next_ns) / 1e3)
            part = 0.0 if self.stopped else (now_ns - began_ns) % self._round_ns / self._round_ns
            d = decision(now_ns)
            if self.force is not None:
                d = stopped(now_ns, self.force)
            elif part > 0.8:
                d = stopped(now_ns, Cause.DRIFT_REAR)
            elif part > 0.6:
                d = decision(now_ns, warning=Cause.DRIFT_REAR)
            self.tick(frame(now_ns, feedback=d.run), d)
            ticks += 1
            if ticks % RATE_HZ == 0:
                self.counters()
            self.work_us.append((time.monotonic_ns() - now_ns) / 1e3)

    def end(self) -> None:
        self._ending.set()
        self._thread.join(5)
        assert not self._thread.is_alive()
        self.link.close()


def wait_for(condition: Callable[[], object], timeout_s: float = 60.0, step_s: float = 0.02) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "never came true"
        time.sleep(step_s)


def of_unit(name: str) -> dict[str, str]:
    """The environment that systemd gives this unit."""
    unit = Path(__file__).parents[2].joinpath(f"systemd/rearguard-{name}.service").read_text(encoding="utf-8")
    (words,) = [
        line.removeprefix("Environment=") for line in unit.splitlines() if line.startswith("Environment=")
    ]
    return dict(word.split("=", 1) for word in words.split())


@contextlib.contextmanager
def courier(config: Path, environment: dict[str, str] | None = None) -> Iterator[CourierProcess]:
    """A started courier that is gone afterwards."""
    made = CourierProcess(config, environment)
    made.start()
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def guard(folder: Path, round_s: float = 1.0) -> Iterator[TalkingGuard]:
    made = TalkingGuard(str(folder / "c.sock"), round_s)
    try:
        yield made
    finally:
        made.end()
