"""Measures the coach's sound beside the guard's: how the two differ, and how soon the coach is silent.

    python -m tests.proof.coach_sound forms          both sounds, as the panel's pin and the speaker's file have them
    python -m tests.proof.coach_sound silence [N]    from sending a warning on the link to the end of the player

A player that stands in for `aplay` holds a pipe open until it is killed, so no speaker is needed and the end is seen
at once. What a sound card has buffered then is not measured here.
"""

import json
import os
import select
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from io import BytesIO
from itertools import groupby
from pathlib import Path
from statistics import median

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from firmware_py.coach.sound import TONES, beats, tone
from firmware_py.coach.walk.rhythm import CADENCE_SPAN_HZ, SHARES
from firmware_py.config import BeltConfig, PanelConfig
from firmware_py.core.frame import Cause, Decision, Phase
from firmware_py.guard.panel import FULL_MARGIN_M, Panel
from tests.support.fake_guard import FakeGuard, decision, frame
from tests.support.process import courier, toml, wait_for

TICK_NS = 5_000_000
PLAYER = """#!{python}
import time
with open({pipe!r}, "w") as pipe:
    pipe.write("plays")
    pipe.flush()
    time.sleep(10)
"""
PLAN = "longest_session_s = 1200\n[start]\nset_s = 60\nsets = 6\npause_s = 30\n[goal]\nset_s = 60\nsets = 6\n"


class Form:
    """How long something sounds, from start to start, and which share of the time."""

    def __init__(self, on: list[bool], step_s: float) -> None:
        runs = [(value, len(list(run)) * step_s) for value, run in groupby(on)][1:-1]  # cut runs say nothing
        self.on_s = [s for value, s in runs if value]
        self.off_s = [s for value, s in runs if not value]

    def figures(self) -> dict[str, float]:
        on, off = median(self.on_s), median(self.off_s)
        return {
            "on_ms": round(1000 * on, 1), "period_ms": round(1000 * (on + off), 1), "share": round(on / (on + off), 3),
        }  # fmt: skip


def buzzer(margin_m: float, seconds: float = 6.0) -> Form:
    """The buzzer's pin of a real panel on emulated pins, while the guard warns at this margin."""
    before, Device.pin_factory = Device.pin_factory, MockFactory()
    try:
        panel, pins = Panel(PanelConfig(), BeltConfig()), Device.pin_factory
        on = []
        for k in range(int(seconds / 0.005)):
            panel.show(decision((k + 1) * TICK_NS, warning=Cause.DRIFT_REAR, stop_margin_m=margin_m))
            on.append(bool(pins.pin(PanelConfig().buzzer_pin).state))
        panel.close()
    finally:
        Device.pin_factory.reset()
        Device.pin_factory = before
    return Form(on[100:], 0.005)  # without the blip of arming


def beat(period_s: float) -> Form:
    """The metronome as its file has it: where it is louder than a tenth of its loudest."""
    with wave.open(BytesIO(beats(period_s, 20.0))) as file:
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
        rate_hz = file.getframerate()
    loud = 0.1 * max(samples)
    step = rate_hz // 1000
    return Form([max(map(abs, samples[n : n + step])) > loud for n in range(0, len(samples), step)], 0.001)


def forms() -> dict[str, dict[str, float]]:
    found = {
        "warning_far": buzzer(FULL_MARGIN_M).figures(),
        "warning_near": buzzer(0.0).figures(),
        "beat_slow": beat(1 / (CADENCE_SPAN_HZ[0] * SHARES[0])).figures(),
        "beat_usual": beat(1 / 1.5).figures(),
        "beat_fast": beat(1 / (CADENCE_SPAN_HZ[1] * SHARES[-1])).figures(),
    }
    lengths = {name: sum(s for _, s in TONES[name]) for name in TONES}
    assert all(tone(name) for name in TONES)
    return found | {"tones_s": lengths}


def silence(times: int) -> list[float]:
    """Milliseconds from sending a warning to the last sign of life of a player, once a sound of a session."""
    late_ms: list[float] = []
    while len(late_ms) < times:
        with tempfile.TemporaryDirectory() as made:
            late_ms += _one_session(Path(made))
    return late_ms[:times]


def _one_session(folder: Path) -> Iterator[float]:
    pipe = folder / "played"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    programs = folder / "bin"
    programs.mkdir()
    player = programs / "aplay"
    player.write_text(PLAYER.format(python=sys.executable, pipe=str(pipe)), encoding="utf-8")
    player.chmod(0o755)
    plans = folder / "state" / "programmes"
    plans.mkdir(parents=True)
    (plans / "anna.toml").write_text(PLAN, encoding="utf-8")
    config = toml(folder)
    config.write_text(config.read_text(encoding="utf-8") + '[coach]\nsound = "alsa"\n', encoding="utf-8")
    with courier(config, {"PATH": f"{programs}:{os.environ['PATH']}"}) as process:
        wait_for(lambda: (folder / "c.sock").exists())
        guard, walker = FakeGuard(str(folder / "c.sock")), Walker()
        wait_for(lambda: bool(guard.link.connect(time.monotonic_ns()) or guard.link.connected))
        time.sleep(1.5)  # the first session is prepared within a second
        for n in range(11):  # six ends of sets, five ends of pauses
            walker.until_it_sounds(guard, reading, walks=n % 2 == 0)
            sent_ns = walker.send(guard, walker.decision(warning=Cause.DRIFT_REAR))
            yield (_end_ns(reading) - sent_ns) / 1e6
        guard.link.close()
        assert process.process is not None
    os.close(reading)


class Walker:
    """Sends a session with one tick a second of the guard's time, much faster than time itself."""

    def __init__(self) -> None:
        self.t_ns = 1_000_000_000

    def decision(self, **changes: object) -> Decision:
        return decision(self.t_ns, **changes)

    def send(self, guard: FakeGuard, d: Decision) -> int:
        sent_ns = time.monotonic_ns()
        guard.tick(frame(d.t_ns), d)
        return sent_ns

    def until_it_sounds(self, guard: FakeGuard, reading: int, walks: bool) -> None:
        """Walks, or rests, until a player plays. After a warning the coach stays silent for a while."""
        for _ in range(120):
            self.t_ns += 1_000_000_000
            self.send(guard, self.decision(**({} if walks else {"phase": Phase.WAITING})))
            time.sleep(0.01)
            if _plays(reading):
                return
        wait_for(lambda: _plays(reading), 5.0)


def _plays(reading: int) -> bool:
    try:
        return bool(os.read(reading, 100))
    except BlockingIOError:  # it plays on
        return False


def _end_ns(reading: int) -> int:
    """When the last player let go of the pipe."""
    readable, _, _ = select.select([reading], [], [], 5.0)
    assert readable, "the coach sounds on"
    now_ns = time.monotonic_ns()
    assert os.read(reading, 100) == b""
    return now_ns


def main(argv: list[str]) -> None:
    if argv[:1] == ["forms"]:
        print(json.dumps(forms(), indent=1))
        return
    late_ms = sorted(silence(int(argv[1]) if len(argv) > 1 else 55))
    figures = {"n": len(late_ms), "median_ms": round(median(late_ms), 1), "worst_ms": round(late_ms[-1], 1)}
    print(json.dumps(figures | {"load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main(sys.argv[1:])
