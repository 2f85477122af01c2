"""Owns the cue for hips that tip forward, against the walker's own base. Must never speak of the back, knees or head.

Specification
  Base    the mean pitch of the first 30 s of walking, taken anew each session and after each change of incline: the
          same person's base moves by 2 degrees from one day to the next.
  Cue     the mean of 5 s is more than 10 degrees forward of the base for 8 s. Again after 10 s below 6 degrees, 60 s
          after the last cue, and at most three times a set. A lean the other way belongs to balance and is not cued.
  Off     on inclines above 5 % unless the base was taken there.

Above 10 degrees the recorded walks give one false cue in 1.8 h; above 8 degrees they give three (docs/coach.md).
"""

from collections import deque
from dataclasses import dataclass, field
from math import atan2, degrees
from statistics import fmean

from firmware_py.coach.walk.strides import Second

BASE_S = 30
MEAN_S = 5
TIPPED_DEG = 10.0
TIPPED_S = 8
UPRIGHT_DEG = 6.0
UPRIGHT_S = 10
BETWEEN_S = 60
MOST_A_SET = 3
STEEP_PERCENT = 5.0


@dataclass(slots=True)
class Posture:
    """`second` is True at the second that asks for a cue."""

    tipped_deg: float | None = None  # 5 s mean, forward of the base
    tipped_s: int = 0  # this set: time beyond TIPPED_DEG ...
    judged_s: int = 0  # ... of so much
    cues: int = 0  # this set
    _base_deg: list[float] = field(default_factory=list)
    _newest_deg: deque[float] = field(default_factory=lambda: deque(maxlen=MEAN_S))
    _beyond_s: int = 0
    _below_s: int = 0
    _ready: bool = True
    _since_cue_s: int = BETWEEN_S

    def new_set(self) -> None:
        """The base stays; the counts begin again."""
        self.cues = self.tipped_s = self.judged_s = self._beyond_s = 0

    def new_base(self) -> None:
        """The deck's incline has changed, or the pod was moved."""
        self._base_deg = []
        self._newest_deg.clear()
        self.tipped_deg = None

    @property
    def share_tipped(self) -> float | None:
        """Of this set's time; None: nothing was judged."""
        return self.tipped_s / self.judged_s if self.judged_s else None

    def second(self, s: Second) -> bool:
        """One second of walking."""
        x, _, z = s.accel_m_s2
        forward_deg = degrees(
            atan2(-x, z)
        )  # at rest gravity reads backward along x when the hips tip forward
        self._since_cue_s += 1
        if len(self._base_deg) < BASE_S:
            self._base_deg.append(forward_deg)
            return False
        self._newest_deg.append(forward_deg)
        if len(self._newest_deg) < MEAN_S:
            return False
        self.tipped_deg = fmean(self._newest_deg) - fmean(self._base_deg)
        self.judged_s += 1
        self.tipped_s += self.tipped_deg > TIPPED_DEG
        self._beyond_s = self._beyond_s + 1 if self.tipped_deg > TIPPED_DEG else 0
        self._below_s = self._below_s + 1 if self.tipped_deg < UPRIGHT_DEG else 0
        self._ready = self._ready or self._below_s >= UPRIGHT_S
        due = self._ready and self._beyond_s >= TIPPED_S
        if not due or self._since_cue_s < BETWEEN_S or self.cues >= MOST_A_SET:
            return False
        self._ready = False
        self._since_cue_s = 0
        self.cues += 1
        return True
