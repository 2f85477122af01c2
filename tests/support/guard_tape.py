"""A guard for the recorder's tests: ticks as they would come over the link, a stop at a chosen second."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.core.events import EventFinder
from firmware_py.core.frame import Decision, Frame
from firmware_py.core.monitor import Monitor
from firmware_py.core.state import save
from firmware_py.courier.recording.recorder import Tape
from firmware_py.traces.mcap_writer import plain
from firmware_py.traces.replay import Hand
from tests.traces.make import about, walk

WALL_NS = 1_760_000_000_000_000_000
HELLO: dict[str, Any] = {**about(), "version": __version__, "boot_id": "b007", "pid": 1, "realtime": []}


class Guard:
    """Steps a monitor through a walk; the stop button is pressed at these seconds."""

    def __init__(
        self,
        seconds: float,
        stops_s: tuple[float, ...] = (),
        start_ns: int = 0,
        rearm: bool = False,
        frames: Iterator[Frame] | None = None,
    ) -> None:
        self.monitor = Monitor(Config().monitor_params(), 200.0)
        self._frames = frames or (
            frame._replace(stop_pressed=any(0 <= (frame.t_ns - start_ns) / 1e9 - s < 0.1 for s in stops_s))
            for frame in walk(seconds, start_ns=start_ns)
        )
        self._hand = Hand(rearm)
        self.finder = EventFinder()

    def into(
        self, tape: Tape, lose: range = range(0), state: bool = True, about: dict[str, Any] | None = None
    ) -> list[Decision]:
        """Everything into the tape as the link brings it: tick, then events, then the state at a press."""
        decisions, was = [], False
        tape.hello({**HELLO, **(about or {})})
        for n, (frame, decision) in enumerate(self.ticks()):
            if n not in lose:
                tape.tick(frame, decision, WALL_NS + frame.t_ns)
            for event in self.finder.update(decision):
                tape.event(plain(event))
            pressed = frame.reset_pressed and not was and not decision.run
            was = frame.reset_pressed
            if state and (n == 0 or pressed):
                tape.monitor_state(save(self.monitor))
            if n % 200 == 199:
                tape.second((WALL_NS + frame.t_ns) / 1e9)
            decisions.append(decision)
        return decisions

    def ticks(self) -> Iterator[tuple[Frame, Decision]]:
        """One by one, as they happen: the state asked for between two ticks must be the one after the first of them."""
        hand, last = self._hand, None
        for frame in self._frames:
            if last is not None:
                frame = frame._replace(feedback=last.run, reset_pressed=hand.update(frame.t_ns, last))
            else:
                frame = frame._replace(feedback=False)
            last = self.monitor.step(frame)
            yield frame, last


def tape_in(folder: Path, quota_mb: int = 100, keep_days: float = 30) -> Tape:
    return Tape(folder, quota_mb, keep_days)
