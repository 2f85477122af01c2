"""Owns the few seconds around a miss or a false stop that the report plots. Must never change what is played."""

from math import degrees

from firmware_py.core.frame import Decision
from firmware_py.evaluation.datasets.trials import G_M_S2, Kind
from firmware_py.evaluation.run.job import Excerpt
from firmware_py.evaluation.run.score import Outcome, Score
from firmware_py.evaluation.run.streams import Stream

_BEFORE_S, _AFTER_S = 3.0, 1.0  # what an excerpt shows around the moment it is about
_RATE_HZ = 100.0


def is_notable(score: Score) -> bool:
    """Worth a plot: a walking fall that was not stopped, or a stop while the subject only walked."""
    if score.kind is Kind.WALK:
        return bool(score.false_stops)
    return score.kind is Kind.FALL_WALKING and (
        score.outcome is not Outcome.STOPPED or bool(score.false_stops)
    )


class ExcerptRecorder:
    """Give `watch` to the replayer, from the first sample of the stream that is not shared with other trials."""

    def __init__(self, score: Score, stream: Stream) -> None:
        missed = score.outcome not in (None, Outcome.STOPPED)
        centre_s = score.impact_s if missed else score.false_stops[0][0]
        assert centre_s is not None
        self.excerpt = Excerpt(score)
        self._stream = stream
        rate_hz = stream.rate_hz
        self._first, self._last = (centre_s - _BEFORE_S) * rate_hz, (centre_s + _AFTER_S) * rate_hz
        self._every = max(1, round(rate_hz / _RATE_HZ))
        # Counts from the first sample of the trial: the seconds before its splice explain what happens just after.
        self._index = stream.shared - stream.start

    def watch(self, decision: Decision) -> None:
        index, excerpt = self._index, self.excerpt
        self._index += 1
        if not self._first <= index <= self._last or index % self._every:
            return
        ax, ay, az = self._stream.accel_m_s2[self._stream.start + index].tolist()
        excerpt.t_s.append(round(index / self._stream.rate_hz, 3))
        excerpt.accel_g.append(round((ax * ax + ay * ay + az * az) ** 0.5 / G_M_S2, 3))
        excerpt.down_m_s.append(decision.down_velocity_m_s)
        excerpt.limit_m_s.append(decision.down_velocity_limit_m_s)
        excerpt.tilt_deg.append(None if decision.tilt_rad is None else degrees(decision.tilt_rad))
