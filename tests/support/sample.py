"""Makes docs/sample-incident and docs/sample-fall, .html and .png, anew: python -m tests.support.sample

A walker of the rig drifts to the rear, or falls, in simulated time; the real loop decides, the real recorder writes the
incident. The fall is on a slow belt without a sensor: on another the rules of drift are there first.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from firmware_py import __version__
from firmware_py.__main__ import build
from firmware_py.config import Config, parse
from firmware_py.core.events import Event
from firmware_py.core.frame import Decision, Frame
from firmware_py.courier.recording.recorder import Tape
from firmware_py.guard.link import Link
from firmware_py.rig.harness.whole import Whole
from firmware_py.traces.mcap_writer import plain

DOCS = Path(__file__).parents[2] / "docs"
WALL_NS = 1_772_700_000_000_000_000  # 5 March 2026
HALL, NO_BELT_SENSOR = parse({"belt": {"speed_sensor": "hall"}}), Config()
# name: configuration, scenario, seed, belt speed
SAMPLES: dict[str, tuple[Config, str, int, float]] = {
    "sample-incident": (HALL, "drift", 3, 0.45),
    "sample-fall": (NO_BELT_SENSOR, "fall", 1, 0.3),
}
STEADY_S, AFTER_S, MOST_S = 30.0, 12.0, 120.0


class ToTape(Link):
    """Stands where the link to the courier stands."""

    def __init__(self, config: Config, tape: Tape) -> None:
        hello = {
            "version": __version__, "config": config.model_dump(mode="json"), "config_hash": config.hash,
            "rate_hz": config.loop.rate_hz, "boot_id": "sample", "simulated": True,
        }  # fmt: skip
        super().__init__("", hello)
        self._tape = tape
        tape.hello(hello)

    @property
    def connected(self) -> bool:
        return True

    def connect(self, t_ns: int) -> bool:
        return t_ns == 0

    def tick(self, frame: Frame, decision: Decision) -> None:
        self._tape.tick(frame, decision, WALL_NS + frame.t_ns)

    def event(self, event: Event) -> None:
        self._tape.event(plain(event))

    def state(self, state: Mapping[str, Any]) -> None:
        self._tape.monitor_state(dict(state))

    def counters(self, counters: Mapping[str, Any]) -> None:
        del counters

    def poll(self, t_ns: int) -> bool:
        return t_ns < 0


def record(folder: Path, config: Config, scenario: str, seed: int, speed_m_s: float) -> Path:
    """The trace of one incident."""
    tape = Tape(folder, 1000, 30)
    links = [ToTape(config, tape)]
    with Whole(config, scenario, seed, STEADY_S, speed_m_s=speed_m_s, links=links) as whole:
        ran, stopped_s, t_s = False, 0.0, 0.0
        while t_s < MOST_S and (not stopped_s or t_s < stopped_s + AFTER_S):
            decision = whole.tick()
            t_s += 1 / config.loop.rate_hz
            stopped_s = stopped_s or (t_s if ran and not decision.run else 0.0)
            ran = decision.run
    tape.close()
    (incident,) = (folder / "incidents").glob("*.mcap")
    return incident


def main() -> None:
    for name, what in SAMPLES.items():
        with tempfile.TemporaryDirectory() as folder:
            incident = record(Path(folder), *what)
            pages = ["--html", str(DOCS / f"{name}.html"), "--png", str(DOCS / f"{name}.png")]
            done = CliRunner().invoke(build(["report"]), ["report", str(incident), *pages])
            print(done.output)
            assert done.exit_code == 0


if __name__ == "__main__":
    main()
