"""Owns the measured figures of this product on this machine: step, tick, lateness, replay, memory, start.

Must never be a test: a machine that is busy is slow, and that is not a mistake of the program.
"""

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from firmware_py.config import Config, load
from firmware_py.core.frame import Frame
from firmware_py.core.monitor import Monitor
from firmware_py.core.wire import FRAME_SIZE, unpack_frame
from firmware_py.guard.link import TICK, Link
from firmware_py.rig.bench.latency import compare, points
from firmware_py.rig.harness.processes import real_guard, settle
from firmware_py.rig.harness.whole import Whole
from firmware_py.traces.csv_trace import write_csv
from firmware_py.traces.replay import replay_file
from sensors.advice import HardwareError
from sensors.emulated import EmulatedBus

RIG_S = 60.0  # of walking, for step, tick and replay
LATENESS_S = 10.0
SHARES = {"median": 0.5, "p99": 0.99, "p999": 0.999}
WARM_UP = 400  # ticks not counted: caches, and dictionaries that grow


def percentiles(values_ns: list[int]) -> dict[str, float]:
    """Microseconds."""
    return {name: round(value / 1000, 2) for name, value in points(values_ns, SHARES).items()}


@contextmanager
def as_the_guard_runs(priority: int) -> Iterator[None]:
    """At the guard's own priority where that is granted, so that the figures are not those of other programs."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class TimedBus(EmulatedBus):
    """The emulated chips, and how long they took: that time is the emulation's, not ours."""

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__()
        self._clock = clock
        self.spent_ns = 0

    def i2c_rdwr(self, *i2c_msgs: Any) -> None:
        start_ns = self._clock()
        super().i2c_rdwr(*i2c_msgs)
        self.spent_ns += self._clock() - start_ns


def tick_and_step(
    config: Config, room: Path, clock: Callable[[], int] = time.perf_counter_ns, seconds: float = RIG_S
) -> tuple[list[int], list[int], list[Frame]]:
    """A whole loop on emulated chips and mock pins in simulated time: ns of each tick without the bus, of each step.

    With a `clock` that counts instructions: instructions.
    """
    tick_ns: list[int] = []
    frames: list[Frame] = []
    with ExitStack() as held:
        listener = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.bind(str(room / "courier.sock"))
        listener.listen(1)
        link = Link(str(room / "courier.sock"), {})
        held.callback(link.close)
        bus = TimedBus(clock)
        whole = held.enter_context(Whole(config, "walk", 1, 5.0, links=[link], bus=bus, clock=clock))
        link.connect(0)
        courier = held.enter_context(listener.accept()[0])
        courier.setblocking(False)
        for _ in range(int(seconds * config.loop.rate_hz)):
            whole.advance()
            bus.spent_ns = 0
            start_ns = clock()
            whole.loop.tick(whole.t_ns, 0)
            tick_ns.append(clock() - start_ns - bus.spent_ns)
            frames.extend(_drained(courier))
    return tick_ns[WARM_UP:], list(_steps(config, frames, clock))[WARM_UP:], frames


def _drained(courier: socket.socket) -> Iterator[Frame]:
    while True:
        try:
            message = courier.recv(1 << 20)
        except BlockingIOError:
            return
        if message[:1] == TICK:
            yield unpack_frame(message[1 : 1 + FRAME_SIZE])


def _steps(config: Config, frames: list[Frame], clock: Callable[[], int]) -> Iterator[int]:
    monitor = Monitor(config.monitor_params(), config.loop.rate_hz)
    for frame in frames:
        start_ns = clock()
        monitor.step(frame)
        yield clock() - start_ns


def replay_speed(frames: list[Frame], room: Path) -> float:
    """Seconds of recording replayed in a second, from a CSV trace."""
    path = room / "walk.csv"
    write_csv(path, frames)
    start_s = time.perf_counter()
    replay_file(path)
    return (frames[-1].t_ns - frames[0].t_ns) / 1e9 / (time.perf_counter() - start_s)


def measure(room: Path) -> dict[str, Any]:
    """Every figure of the plain bench."""
    config_file, _ = settle(room)
    config = load(config_file)
    with as_the_guard_runs(config.loop.priority):
        tick_ns, step_ns, frames = tick_and_step(config, room)
    outside = real_guard(config_file, room / "guard", LATENESS_S)
    return {
        "step_us": percentiles(step_ns),
        "tick_us": percentiles(tick_ns),
        "lateness_us": percentiles(outside.late_ns),
        "replay_x": round(replay_speed(frames, room)),
        "guard_rss_mb": round(outside.resident_mb, 1),
        "ready_s": round(outside.ready_s, 3),
        "realtime_granted": outside.realtime,
    }


def compare_latency(room: Path, seconds: float) -> dict[str, Any]:
    """Our loop beside cyclictest."""
    config_file, _ = settle(room)
    turn = iter(("idle", "load"))
    return compare(
        lambda: [ns / 1000 for ns in real_guard(config_file, room / next(turn), seconds).late_ns],
        seconds, config_file, room,
    )  # fmt: skip


def bench(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    latency: Annotated[
        bool, typer.Option("--latency", help="Instead: our loop beside cyclictest, idle and under load.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, help="With --latency: of each of the four runs.")] = 30.0,
) -> None:
    """Measures this machine: about 20 s; close other programs for figures worth keeping.

    Example: rearguard bench --json
    """
    with tempfile.TemporaryDirectory(prefix="rearguard-bench-") as room:
        try:
            figures = compare_latency(Path(room), seconds) if latency else measure(Path(room))
        except RuntimeError as error:
            typer.echo(f"bench: the guard has ended:\n{error}", err=True)
            raise typer.Exit(1) from None
        except HardwareError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(3) from None
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        table = _latency_table(figures) if latency else _table(figures)
        Console(width=None if sys.stdout.isatty() else 110).print(table)


def _table(figures: dict[str, Any]) -> Table:
    table = Table("figure", "median", "p99", "p99.9", title=_machine())
    for key, value in figures.items():
        table.add_row(key, *([str(v) for v in value.values()] if isinstance(value, dict) else [str(value)]))
    return table


def _latency_table(figures: dict[str, Any]) -> Table:
    table = Table("", "", "p50", "p99", "p99.9", "max", title=_machine())
    for name, rows in figures.items():
        for what, values in rows.items():
            table.add_row(name, what, *(f"{value:.1f}" for value in values.values()))
    return table


def _machine() -> str:
    return f"Rearguard on {os.uname().machine}, {os.cpu_count()} cores"
