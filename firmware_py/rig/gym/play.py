"""Owns the demonstration of a gym: broker, treadmills, alerts, fleet page and a phone, until a person has seen enough.

Must never leave a process or a file behind, and never use a port that another program may reach from outside.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from select import select
from typing import Any

import typer
from rich.console import Console
from rich.live import Live

from firmware_py.courier.events.database import read_only
from firmware_py.rig.gym.machine import Floor, Machine
from firmware_py.rig.gym.phone import Phone
from firmware_py.rig.gym.story import faller_of
from firmware_py.rig.gym.view import Seen, picture
from firmware_py.rig.harness.processes import end, process
from sensors.advice import Failure

USUAL = Path("/usr/sbin/mosquitto")  # not on everybody's path
NAME, PASSWORD = "anna", "backward"
START_S = 30.0
FALL_S = 60.0  # the fall has happened by then
RING_S = 20.0  # the phone has rung by then
ANSWER_S = 25.0  # nobody has pressed the button on the phone: the demonstration does
PICTURE_S = 0.2
AFTER_S = 2.0
GOAL_MS = 2000


def play(count: int, words: Console, shown: bool, as_json: bool) -> bool:
    """Plays it. Whether the call for help was on the phone and could be acknowledged. Raises Failure."""
    broker = _broker()
    _fleet_is_installed()
    state = Path(tempfile.mkdtemp(prefix="rearguard-gym-"))
    try:
        with ExitStack() as held:
            gym = Gym(count, state, broker, held)
            if not shown:
                words.print(f"demo: the floor is at {gym.seen.page} (name {NAME}, password {PASSWORD})")
                words.print(f"demo: the phone is at {gym.seen.phone_page}")
                result = gym.run(lambda: None)
            else:
                with Live(console=words, auto_refresh=False, screen=True) as live:
                    show = _every(
                        PICTURE_S, lambda: live.update(picture(gym.seen, words.width), refresh=True)
                    )
                    result = gym.run(show)
                    if sys.stdin.isatty():
                        gym.stay(show)
        if as_json:
            typer.echo(json.dumps(result))
        else:
            words.print(_sentence(result))
        return bool(result["as_expected"])
    finally:
        shutil.rmtree(state, ignore_errors=True)


class Gym:
    """Everything that runs; `held` ends it in the opposite order."""

    def __init__(self, count: int, state: Path, broker: str, held: ExitStack) -> None:
        self._alerts = state / "alerts.sqlite"
        self.phone = held.enter_context(closing(Phone()))
        mqtt, page, link = _free_ports(3)
        (state / "mosquitto.conf").write_text(f"listener {mqtt} 127.0.0.1\nallow_anonymous true\n")
        held.enter_context(_program(state / "broker.log", [broker, "-c", str(state / "mosquitto.conf")]))
        _await_port(mqtt, "the broker", state / "broker.log")
        self.floor = Floor(count, state, mqtt)
        _write_alerts(state, self.phone.address, link)
        _write_fleet(state, mqtt, page)
        held.enter_context(
            process(state / "fleet.log", "firmware_py", "fleet", "run", "--config", state / "fleet.toml")
        )
        _await_port(page, "the floor page", state / "fleet.log")
        held.callback(self.floor.end)
        self.floor.start()
        self._wait(lambda: len(self.floor.machines) == count, START_S, lambda: None)
        held.enter_context(
            process(
                state / "alerts.log", "firmware_py", "alerts", "run", "--config", state / "alerts-config.toml"
            )
        )
        _await_port(link, "the alerts", state / "alerts.log")
        self.faller = f"deck-{faller_of(count)}"
        self.seen = Seen(
            self.floor.machines,
            self.phone,
            self.faller,
            f"http://127.0.0.1:{page}",
            self.phone.address,
            f"{NAME}, password {PASSWORD}",
        )

    def run(self, show: Callable[[], None]) -> dict[str, Any]:
        """From the first step to the answer on the phone; what came of it."""
        faller = next(m for m in self.floor.machines if m.name == self.faller)
        self._wait(lambda: faller.fell_ns is not None, FALL_S, show)
        self._wait(lambda: bool(self.phone.help()), RING_S, show)
        rung = self.phone.help()
        if rung:
            self._wait(self._answered, ANSWER_S if sys.stdin.isatty() else AFTER_S, show)
            if not self._answered():
                self.phone.press()
            self._wait(self._answered, AFTER_S, show)
        self._wait(lambda: False, AFTER_S, show)
        if self.floor.problem:
            raise RuntimeError(f"demo: the treadmills have ended: {self.floor.problem}")
        return self._result(faller)

    def stay(self, show: Callable[[], None]) -> None:
        """Until a person presses Enter."""
        self.seen.over = True
        while not select([sys.stdin], [], [], PICTURE_S)[0]:
            show()
        sys.stdin.readline()

    def _answered(self) -> bool:
        """Somebody has pressed the button on the phone, and it is written down."""
        with closing(read_only(self._alerts)) as db:
            row = db.execute(
                "SELECT 1 FROM alerts WHERE urgency = 'help' AND acknowledged_s IS NOT NULL"
            ).fetchone()
        self.seen.answered = row is not None
        return self.seen.answered

    def _result(self, faller: Machine) -> dict[str, Any]:
        """The line that `--json` prints."""
        rung = self.phone.help()
        help_ms = round((rung[0].at_ns - faller.fell_ns) / 1e6) if rung and faller.fell_ns else None
        return {
            "treadmills": len(self.floor.machines),
            "fell": self.faller,
            "help_ms": help_ms,
            "messages": len(self.phone.got),
            "answered": self.seen.answered,
            "as_expected": help_ms is not None
            and help_ms <= GOAL_MS
            and self.seen.answered
            and len(rung) == 1,
        }

    def _wait(self, condition: Callable[[], bool], longest_s: float, show: Callable[[], None]) -> None:
        deadline_s = time.monotonic() + longest_s
        while not condition() and not self.floor.problem and time.monotonic() < deadline_s:
            show()
            time.sleep(0.05)


def _every(period_s: float, show: Callable[[], None]) -> Callable[[], None]:
    """The same, not more often than that."""
    last_s = 0.0

    def shown() -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= period_s:
            last_s = time.monotonic()
            show()

    return shown


def _broker() -> str:
    """Where mosquitto is on this computer. Raises Failure."""
    found = shutil.which("mosquitto") or (str(USUAL) if USUAL.exists() else None)
    if found is None:
        raise Failure(
            "demo: a gym needs a broker, and mosquitto was not found on this computer",
            "It is not installed",
            "sudo apt install mosquitto",
        )
    return found


def _fleet_is_installed() -> None:
    try:
        import argon2  # noqa: F401
        import itsdangerous  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise Failure(
            f"demo: the floor page needs {error.name}",
            "It is not installed",
            "pip install 'rearguard[fleet]'",
        ) from None


def _write_alerts(state: Path, phone: str, link: int) -> None:
    (state / "alerts.toml").write_text(
        f'[[to]]\nname = "front desk"\nchannel = "webhook"\naddress = "{phone}"\nclasses = ["help", "look", "care"]\n'
    )
    (state / "alerts-config.toml").write_text(
        f"[courier]\nstate_dir = {json.dumps(str(state))}\n\n[alerts]\nenabled = true\nquiet = []\n"
        f"people_file = {json.dumps(str(state / 'alerts.toml'))}\nrepeat_s = 30\n"
        f'link_address = "http://127.0.0.1:{link}"\nlink_host = "127.0.0.1"\nlink_port = {link}\n'
    )


def _write_fleet(state: Path, mqtt: int, page: int) -> None:
    from firmware_py.fleet import access
    from firmware_py.fleet.store import open_store

    store = f"sqlite:///{state}/fleet.sqlite"
    (state / "fleet.toml").write_text(
        f'broker = "mqtt://127.0.0.1:{mqtt}"\nstore = "{store}"\nport = {page}\n'
        f"secret_file = {json.dumps(str(state / 'fleet.secret'))}\n"
    )
    engine = open_store(store)
    with engine.begin() as db:
        access.add(db, NAME, access.Role.OWNER, "*", PASSWORD)
    engine.dispose()


@contextmanager
def _program(log: Path, words: list[str]) -> Iterator[None]:
    """A program that is not ours; ended by its own id."""
    with log.open("wb") as output:
        it = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0)
        try:
            yield
        finally:
            end(it)


def _await_port(port: int, what: str, log: Path) -> None:
    """Raises RuntimeError with what the program said."""
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"demo: {what} does not start:\n{log.read_text(errors='replace')[-2000:]}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _sentence(result: dict[str, Any]) -> str:
    if result["help_ms"] is None:
        return "demo: NOT as expected: the call for help did not reach the phone."
    answered = "Somebody is on the way." if result["answered"] else "NOT as expected: nobody could answer it."
    return f"demo: the call for help was on the phone {result['help_ms']} ms after the fall was found. {answered}"
