"""Owns the demonstration: world, guard and courier as real processes, watched from outside and judged.

Must never reach into the guard: it listens at the link like a second courier, and to the world's own account.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.live import Live

from firmware_py.config import Config, load
from firmware_py.core.frame import Decision
from firmware_py.core.wire import DECISION_SIZE, FRAME_SIZE, unpack_decision
from firmware_py.edge.link import ACK, EVENT, TICK
from firmware_py.rig.view import STORIES, picture, result_table

STEADY_S = 5.0  # walking at speed before the hazard
PATIENCE_S = 40.0  # a run that has come to nothing by then is over
REST_S = 1.0  # looked at for so long after the belt has come to rest
EXPECTED: dict[str, tuple[str | None, ...]] = {
    "walk": (None,),
    "drift": ("drift_rear",),
    "standstill": ("standstill", "drift_rear"),
    "fall": ("fall",),
    "front": ("drift_front",),
    "unplug": ("imu",),
}
CARRIED = ("drift", "standstill")  # here the promise is a place: at rest before the rear line


class Stop(NamedTuple):
    """The moment at which the guard decided, as it said it."""

    decision: Decision
    belt_speed_m_s: float


class Run:
    """One scenario being played: what the guard has said and what the world knows."""

    def __init__(self, config: Config, scenario: str) -> None:
        self.config, self.scenario = config, scenario
        self.decision: Decision | None = None
        self.truth: dict[str, Any] | None = None
        self.armed_ns: int | None = None
        self.stop: Stop | None = None
        self.last_edge_ns = 0
        self.rest_ns: int | None = None
        self.rest_m: float | None = None
        self.events: list[str] = []

    def decided(self, decision: Decision) -> None:
        before, self.decision = self.decision, decision
        if decision.run and self.armed_ns is None:
            self.armed_ns = decision.t_ns
        if before is not None and before.run and not decision.run and self.stop is None:
            self.stop = Stop(decision, self.truth["belt_speed_m_s"] if self.truth else 0.0)

    def saw(self, truth: dict[str, Any]) -> None:
        self.truth = truth
        if self.stop is not None:
            self.last_edge_ns = truth["last_edge_ns"]
            if truth["belt_speed_m_s"] <= 0.0 and not truth["pulled"] and self.rest_ns is None:
                self.rest_ns, self.rest_m = truth["t_ns"], truth["position_m"]

    def told(self, event: dict[str, Any]) -> None:
        since_s = (event["t_ns"] - (self.armed_ns or event["t_ns"])) / 1e9
        cause = f": {event['cause'].replace('_', ' ')}" if event["cause"] else ""
        self.events.append(f"{since_s:6.2f} s  {event['kind'].replace('_', ' ')}{cause}")

    def over(self, seconds: float) -> bool:
        """Nothing more will happen that this scenario wants to show."""
        if self.truth is None:
            return False
        now_ns = self.truth["t_ns"]
        if self.rest_ns is not None:
            return bool(now_ns - self.rest_ns > REST_S * 1e9)
        if self.scenario == "walk" and self.armed_ns is not None:
            return bool(now_ns - self.armed_ns > seconds * 1e9)
        return bool(self.truth["t_s"] > max(PATIENCE_S, seconds))

    def result(self) -> dict[str, Any]:
        """The line that `--json` prints."""
        stop, truth, config = self.stop, self.truth, self.config
        cause = stop.decision.cause.value if stop and stop.decision.cause else None
        period_ns = 1_000_000_000 // config.loop.rate_hz
        late_ns = max(0, self.last_edge_ns - stop.decision.t_ns) if stop else 0
        t_s = truth["t_s"] - (truth["t_ns"] - stop.decision.t_ns) / 1e9 if stop and truth else None
        ran = self.armed_ns is not None
        line = {
            "scenario": self.scenario,
            "stopped": stop is not None,
            "cause": cause,
            "rule": stop.decision.rule if stop else None,
            "t_s": t_s and round(t_s, 3),
            "reaction_ticks": late_ns // period_ns if stop else None,
            "position_m_at_rest": self.rest_m and round(self.rest_m, 3),
            "rear_line_m": round(config.rear_line_m, 3),
            "belt_speed_m_s_at_cut": stop and round(stop.belt_speed_m_s, 3),
            "hazard_t_s": round(truth["hazard_t_s"], 3) if truth and truth["hazard_t_s"] else None,
        }
        held = self.scenario not in CARRIED or (self.rest_m is not None and self.rest_m <= config.rear_line_m)
        line["as_expected"] = ran and cause in EXPECTED[self.scenario] and held and late_ns < period_ns
        return line


def play(run: Run, config_file: Path, room: Path, seconds: float, seed: int) -> Iterator[None]:
    """Plays one scenario; yields whenever there is something new to look at. Raises RuntimeError."""
    room.mkdir()
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.bind(str(room / "view.sock"))
        listener.listen(1)
        module = (sys.executable, "-m")
        world = held.enter_context(_process(
            [*module, "firmware_py.rig.world", str(room), "--config", str(config_file), "--scenario", run.scenario,
             "--seed", str(seed), "--steady-s", str(STEADY_S)], room / "world.log", stdout=subprocess.PIPE))  # fmt: skip
        assert world.stdout is not None
        truths = held.enter_context(world.stdout)
        truths.readline()  # the world stands
        guard = held.enter_context(_process(
            [*module, "firmware_py", "run", "--config", str(config_file), "--world", str(room)],
            room / "guard.log"))  # fmt: skip
        sockets = {listener.fileno(): listener}
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(truths, select.POLLIN)
        while not run.over(seconds):
            if guard.poll() is not None:
                raise RuntimeError(f"demo: the guard has ended:\n{(room / 'guard.log').read_text()}")
            for number, _ in poll.poll(200):
                if number == truths.fileno():
                    line = truths.readline()
                    if not line:
                        raise RuntimeError(f"demo: the world has ended:\n{(room / 'world.log').read_text()}")
                    run.saw(json.loads(line))
                    yield
                elif number == listener.fileno():
                    guest, _ = listener.accept()
                    sockets[guest.fileno()] = held.enter_context(guest)
                    poll.register(guest, select.POLLIN)
                elif not _heard(sockets[number], run):
                    poll.unregister(number)


def _heard(guest: socket.socket, run: Run) -> bool:
    message = guest.recv(1 << 20)
    if message[:1] == TICK:
        run.decided(unpack_decision(message[1 + FRAME_SIZE : 1 + FRAME_SIZE + DECISION_SIZE]))
    elif message[:1] == EVENT:
        event = json.loads(message[9:])
        run.told(event)
        guest.send(ACK + message[1:9])
    return bool(message)


@contextlib.contextmanager
def _process(command: list[str], log: Path, stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """One of ours, ended by its id on the way out."""
    with log.open("wb") as out:
        it = subprocess.Popen(command, stdout=stdout or out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            yield it
        finally:
            it.send_signal(signal.SIGTERM)
            try:
                it.wait(5)
            except subprocess.TimeoutExpired:
                it.kill()
                it.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def demo(
    scenario: Annotated[str, typer.Option(help=" | ".join((*STORIES, "all")))] = "all",
    seconds: Annotated[float, typer.Option(min=3, help="How long the walk scenario runs.")] = 10.0,
    headless: Annotated[bool, typer.Option(help="No picture; for programs and for terminals that cannot.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a scenario on stdout.")] = False,
    seed: Annotated[int, typer.Option(help="Another person, another day.")] = 1,
) -> None:
    """The whole product on this computer: a walker on a belt, the guard, the courier and its page.

    Example: rearguard demo --scenario standstill
    """
    if scenario not in (*STORIES, "all"):
        typer.echo(f"demo: no scenario {scenario}; there are {', '.join(STORIES)} and all.", err=True)
        raise typer.Exit(2)
    console = Console(stderr=True)
    names = list(STORIES) if scenario == "all" else [scenario]
    headless = headless or as_json or not console.is_terminal
    state = Path(tempfile.mkdtemp(prefix="rearguard-demo-"))
    port = _free_port()
    config_file = state / "config.toml"
    config_file.write_text(
        f"[courier]\nstate_dir = {json.dumps(str(state))}\nsocket = {json.dumps(str(state / 'courier.sock'))}\n"
        f'device_id = "demo"\n[page]\nport = {port}\n'
    )
    config = load(config_file)
    lines = []
    page = f"page http://127.0.0.1:{port}"
    try:
        with contextlib.ExitStack() as held:
            held.enter_context(_process(
                [sys.executable, "-m", "firmware_py", "courier", "--config", str(config_file)],
                state / "courier.log"))  # fmt: skip
            console.print(f"demo: {page}, recordings in {state}")
            live = None if headless else held.enter_context(Live(console=console, auto_refresh=False, screen=True))
            for i, name in enumerate(names):
                run = Run(config, name)
                shown_s = 0.0
                for _ in play(run, config_file, state / f"room-{name}", seconds, seed):
                    if live is not None and time.monotonic() - shown_s > 1 / 15:
                        shown_s = time.monotonic()
                        live.update(picture(config, name, f"{i + 1}/{len(names)}", run.decision, run.truth,
                                            run.events[-4:], f"{page} · Ctrl-C ends", console.width), refresh=True)  # fmt: skip
                lines.append(run.result())
                if as_json:
                    print(json.dumps(lines[-1]), flush=True)  # noqa: T201
    except RuntimeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        os.write(2, b"\n")
    if not as_json:
        result_table(Console(), lines)
    if not all(line["as_expected"] for line in lines):
        raise typer.Exit(1)
