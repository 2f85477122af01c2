"""A session fed with invented ticks: time is data."""

from typing import Any

from firmware_py.coach.plan.programme import Dose, Programme
from firmware_py.coach.record import Record
from firmware_py.coach.session import Session
from firmware_py.coach.walk.strides import Second, Window
from firmware_py.coach.words import Cue
from firmware_py.core.frame import Cause, Phase
from tests.support.fake_guard import decision, frame, stopped

RATE_HZ = 20
TICK_NS = 1_000_000_000 // RATE_HZ
DOSE = Dose(speed_km_h=1.6, set_s=120, sets=2, pause_s=60)
UPRIGHT = Second((0.0, 0.0, 9.81), 0.5, 1.6)


def session(dose: Dose = DOSE, number: int = 1, **record: Any) -> Session:
    made = Record(
        "anna-1", "anna", "", 1000.0, 1000.0, dose.model_dump(), "The first session.", "", False, True, number
    )
    for name, value in record.items():
        setattr(made, name, value)
    return Session(made, Programme())


class Walker:
    """Feeds a session; keeps every cue with the time at which it was said."""

    def __init__(self, fed: Session) -> None:
        self.session = fed
        self.t_s = 0.0
        self.cues: list[tuple[float, Cue]] = []
        self.second: Second | None = UPRIGHT
        self.window: Window | None = None

    @property
    def kinds(self) -> list[str]:
        return [cue.kind for _, cue in self.cues]

    def go(self, seconds: float, **changes: Any) -> "Walker":
        """Ticks of somebody who walks; `changes` to the decision."""
        for k in range(round(seconds * RATE_HZ)):
            self.t_s += 1 / RATE_HZ
            whole = (k + 1) % RATE_HZ == 0
            window = self.window if whole and round(self.t_s) % 10 == 0 else None
            self._feed(decision(round(self.t_s * 1e9), **changes), self.second if whole else None, window)
        return self

    def rest(self, seconds: float) -> "Walker":
        """Armed, but nobody walks: the treadmill stands."""
        for _ in range(round(seconds * RATE_HZ)):
            self.t_s += 1 / RATE_HZ
            self._feed(decision(round(self.t_s * 1e9), phase=Phase.WAITING), None, None)
        return self

    def stop(self, cause: Cause, seconds: float = 1.0) -> "Walker":
        """The guard has stopped the belt."""
        for _ in range(round(seconds * RATE_HZ)):
            self.t_s += 1 / RATE_HZ
            self._feed(stopped(round(self.t_s * 1e9), cause), None, None)
        return self

    def _feed(self, d: Any, second: Second | None, window: Window | None) -> None:
        cue = self.session.tick(frame(d.t_ns), d, 1000.0 + self.t_s, second, window)
        if cue is not None:
            self.cues.append((self.t_s, cue))
