"""Owns the coach's speaker: a second output that the guard does not own. Must never sound while the guard speaks.

In a warning the guard's buzzer beeps every 0.12 to 0.6 s, for half of that time; a beat of the metronome is a click of
25 ms. A decision that carries a warning, a stop or a refusal ends the sound within that tick, and 5 s stay silent.

Sounds are made here, kept in memory and played by `aplay`, one process a sound. No `aplay`, no speaker: pages only.
"""

import array
import io
import logging
import math
import shutil
import subprocess
import tempfile
import threading
import wave
from collections.abc import Callable
from typing import IO, Protocol

from firmware_py.coach.walk.rhythm import ON_S, beat_s
from firmware_py.config import CoachConfig
from firmware_py.core.frame import Cause, Decision

log = logging.getLogger(__name__)

RATE_HZ = 8_000
QUIET_S = 5.0  # after a warning, a stop or a refusal
CLICK_S = 0.025
LOCKED_OUT = frozenset({Cause.RELAY_WELDED, Cause.BELT_RUNAWAY})
ACCENT_HZ, CLICK_HZ = 1500.0, 1000.0  # every second step is accented
VOLUME = 0.4
# Rising or falling pairs of soft tones: frequency in Hz, length in s. None repeats, so none is a beat.
TONES: dict[str, tuple[tuple[float, float], ...]] = {
    "done": ((660.0, 0.18), (880.0, 0.18), (1100.0, 0.35)),
    "enough": ((880.0, 0.25), (660.0, 0.4)),
    "tipped": ((740.0, 0.3),),
    "ready": ((660.0, 0.2), (880.0, 0.3)),
}


class Running(Protocol):
    """A player that plays."""

    def kill(self) -> None: ...
    def poll(self) -> int | None: ...


def tone(name: str) -> bytes:
    """The WAV file of one sound."""
    samples: list[float] = []
    for hz, length_s in TONES[name]:
        samples += _pip(hz, length_s)
    return _wav(samples)


def beats(period_s: float, seconds: float) -> bytes:
    """The WAV file of a metronome: a click each `period_s`, every second one accented."""
    pair: list[float] = []
    for hz in (ACCENT_HZ, CLICK_HZ):
        click = _pip(hz, CLICK_S)
        pair += click + [0.0] * (round(period_s * RATE_HZ) - len(click))
    return _wav(pair, max(1, int(seconds / (2.0 * period_s))))


def _pip(hz: float, length_s: float) -> list[float]:
    """A tone without a hard edge."""
    n = int(length_s * RATE_HZ)
    soft = max(1, n // 5)
    return [
        math.sin(2 * math.pi * hz * k / RATE_HZ) * min(1.0, k / soft, (n - 1 - k) / soft) for k in range(n)
    ]


def _wav(samples: list[float], repeated: int = 1) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(array.array("h", [round(32767 * VOLUME * v) for v in samples]).tobytes() * repeated)
    return made.getvalue()


def aplay(device: str) -> Callable[[bytes], Running] | None:
    """Starts one player with a WAV file; None when this computer has none."""
    program = shutil.which("aplay")
    if program is None:
        log.warning(
            "coach: no `aplay` here, so the coach stays silent. Install alsa-utils, or set coach.sound to none."
        )
        return None

    def play(sound: bytes) -> Running:
        with tempfile.TemporaryFile() as file:
            file.write(sound)
            file.seek(0)
            return _start([program, "-q", "-D", device, "-"], file)

    return play


def _start(command: list[str], sound: IO[bytes]) -> Running:
    return subprocess.Popen(command, stdin=sound, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Speaker:
    """`hear` every decision first; then `say` and `beat` are taken only when the guard is silent.

    A player is started on a thread of its own: starting one may take longer than a tick.
    """

    def __init__(self, play: Callable[[bytes], Running] | None, metronome_percent: int = 0) -> None:
        self._play = play
        self._share = metronome_percent / 100
        self._lock = threading.Lock()
        self._running: list[Running] = []
        self._quiet_until_ns = 0
        self._t_ns = 0
        self._ran = False
        self._asked: tuple[str, float] | None = None  # what is to sound next, and its beat
        self._beat_hz: float | None = None
        self._beat_until_ns = 0
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        if play is not None:
            self._thread = threading.Thread(target=self._run, name="speaker", daemon=True)
            self._thread.start()

    def hear(self, d: Decision) -> None:
        """One decision; the sound stops here when the guard has something to say."""
        self._t_ns = d.t_ns
        stopped, self._ran = self._ran and not d.run, d.run
        locked = not d.run and (
            d.cause in LOCKED_OUT or d.refusal in LOCKED_OUT
        )  # the buzzer sounds without end
        speaks = d.warning is not None or d.refused is not None or stopped or locked
        if speaks:
            self._quiet_until_ns = d.t_ns + int(QUIET_S * 1e9)
            if self._running or self._asked is not None:
                self._silence()

    @property
    def fitted(self) -> bool:
        return self._play is not None

    @property
    def quiet(self) -> bool:
        return self._t_ns < self._quiet_until_ns

    def say(self, name: str) -> None:
        """One sound, unless the guard has just spoken; a beat ends for it."""
        if self._play is not None and not self.quiet:
            self._silence()
            self._asked = (name, 0.0)
            self._wake.set()

    def beat(self, cadence_hz: float | None) -> None:
        """The walker's own cadence while the beat is to sound, else None."""
        if self._play is None or not self._share:
            return
        if cadence_hz is None or self.quiet:
            if self._beat_hz is not None:
                self._silence()
            return
        if self._beat_hz is None or self._t_ns >= self._beat_until_ns:
            self._silence()
            self._beat_hz, self._beat_until_ns = cadence_hz, self._t_ns + int(ON_S * 1e9)
            self._asked = ("beat", beat_s(cadence_hz, self._share))
            self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._silence()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _silence(self) -> None:
        with self._lock:
            self._asked, self._beat_hz = None, None
            for player in self._running:
                player.kill()
            self._running = []

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(1.0)
            self._wake.clear()
            asked = self._asked
            try:
                self._start_one(asked)
            except (OSError, ValueError) as error:
                log.warning("coach: the speaker does not play (%s)", error)

    def _start_one(self, asked: tuple[str, float] | None) -> None:
        assert self._play is not None
        with self._lock:
            self._running = [p for p in self._running if p.poll() is None]
        if asked is None:
            return
        name, period_s = asked
        made = beats(period_s, ON_S) if name == "beat" else tone(name)
        if self._asked is not asked:
            return
        player = self._play(made)
        with self._lock:
            if self._asked is asked:
                self._asked = None
                self._running.append(player)
            else:  # the guard spoke meanwhile
                player.kill()


def speaker_of(asked: CoachConfig) -> Speaker:
    """The speaker that the configuration asks for."""
    return Speaker(aplay(asked.sound_device) if asked.sound == "alsa" else None, asked.metronome_percent)
