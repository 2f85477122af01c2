"""The coach's speaker is silent in the tick in which the guard speaks, and for 5 s after; the buzzer is not its own."""

import io
import time
import wave
from itertools import pairwise
from typing import Any

import pytest

from firmware_py.coach.sound import QUIET_S, TONES, Speaker, aplay, beats, tone
from firmware_py.coach.walk.rhythm import SHARES
from firmware_py.core.frame import Cause
from tests.proof.coach_sound import beat, buzzer
from tests.support.fake_guard import decision, stopped
from tests.support.process import wait_for

SECOND_NS = 1_000_000_000


class Player:
    def __init__(self, sound: bytes) -> None:
        self.sound, self.killed_s = sound, 0.0

    def kill(self) -> None:
        self.killed_s = time.monotonic()

    def poll(self) -> int | None:
        return 0 if self.killed_s else None


class Heard:
    """A speaker whose players are kept."""

    def __init__(self, metronome_percent: int = 0) -> None:
        self.played: list[Player] = []
        self.speaker = Speaker(self._play, metronome_percent)
        self.speaker.hear(decision(SECOND_NS))

    def _play(self, sound: bytes) -> Player:
        self.played.append(Player(sound))
        return self.played[-1]

    def say(self, name: str) -> Player:
        before = len(self.played)
        self.speaker.say(name)
        wait_for(lambda: len(self.played) > before and not self.speaker._asked)
        return self.played[-1]


SPEAKS: dict[str, Any] = {
    "a warning": decision(2 * SECOND_NS, warning=Cause.DRIFT_REAR),
    "a stop": stopped(2 * SECOND_NS, Cause.FALL),
    "a refusal": decision(2 * SECOND_NS, refused=Cause.IMU),
    "a lock-out": stopped(2 * SECOND_NS, Cause.RELAY_WELDED),
}


@pytest.mark.parametrize("what", SPEAKS)
def test_a_sound_ends_within_the_tick_in_which_the_guard_speaks(what: str) -> None:
    heard = Heard()
    player = heard.say("done")
    began_s = time.monotonic()
    heard.speaker.hear(SPEAKS[what])
    assert player.killed_s
    assert player.killed_s - began_s < 0.05
    heard.speaker.close()


@pytest.mark.parametrize("what", SPEAKS)
def test_five_seconds_stay_silent(what: str) -> None:
    heard = Heard()
    heard.speaker.hear(SPEAKS[what])
    quiet_ns = int(QUIET_S * SECOND_NS)
    heard.speaker.hear(SPEAKS[what]._replace(t_ns=2 * SECOND_NS + quiet_ns - 1, warning=None, refused=None))
    assert heard.speaker.quiet
    heard.speaker.say("done")
    assert heard.played == []
    heard.speaker.hear(decision(2 * SECOND_NS + quiet_ns))
    assert heard.speaker.quiet == (what == "a lock-out")
    heard.speaker.close()


def test_after_a_stop_a_latched_cause_is_no_new_stop() -> None:
    heard = Heard()
    heard.speaker.hear(stopped(2 * SECOND_NS, Cause.DRIFT_REAR))
    heard.speaker.hear(stopped(8 * SECOND_NS, Cause.DRIFT_REAR))
    assert not heard.speaker.quiet
    heard.speaker.close()


def test_the_beat_is_off_by_default_and_ends_with_a_warning() -> None:
    silent = Heard()
    silent.speaker.beat(1.6)
    assert silent.played == []
    silent.speaker.close()
    heard = Heard(100)
    heard.speaker.beat(1.6)
    wait_for(lambda: bool(heard.played))
    heard.speaker.hear(SPEAKS["a warning"])
    wait_for(lambda: bool(heard.played[0].killed_s))
    heard.speaker.beat(1.6)
    assert len(heard.played) == 1
    heard.speaker.close()


@pytest.mark.parametrize("name", TONES)
def test_every_sound_is_a_short_wav_file(name: str) -> None:
    with wave.open(io.BytesIO(tone(name))) as file:
        assert file.getnchannels() == 1
        assert 0.2 < file.getnframes() / file.getframerate() < 1.0


def test_the_beats_come_at_their_period() -> None:
    with wave.open(io.BytesIO(beats(0.5, 10.0))) as file:
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    loud = [n / 8000 for n in range(len(samples)) if abs(samples[n]) > 3000]
    starts = [t for n, t in enumerate(loud) if n == 0 or t - loud[n - 1] > 0.1]
    assert len(starts) == 20
    assert all(b - a == pytest.approx(0.5, abs=0.005) for a, b in pairwise(starts))


def test_no_beat_sounds_like_a_warning_of_the_guard() -> None:
    """The buzzer is on for half of the time and for at least 60 ms; no beat for a tenth, or for 30 ms."""
    for margin_m in (0.0, 0.05, 0.1, 0.2):
        warning = buzzer(margin_m).figures()
        assert warning["on_ms"] >= 60 and warning["share"] == pytest.approx(0.5, abs=0.03), margin_m
    for cadence_hz in (0.5, 1.0, 1.5, 2.0, 3.0):
        for share in SHARES:
            clicks = beat(1 / (cadence_hz * share)).figures()
            assert clicks["on_ms"] <= 30 and clicks["share"] < 0.1, (cadence_hz, share)


def test_without_a_player_nothing_is_asked_and_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert aplay("default") is None
    speaker = Speaker(None, 100)
    speaker.say("done")
    speaker.beat(1.6)
    speaker.close()
