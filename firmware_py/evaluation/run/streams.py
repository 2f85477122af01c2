"""Owns splicing recordings: the walk before a trial, and the gentle or rough splice between the two.

Must never change a trial after its splice, which takes half a second, or a second where its name says so.
"""

from dataclasses import dataclass
from math import acos, pi

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial.transform import Rotation

from firmware_py.evaluation.datasets.trials import Array, Dataset, Kind, Trial

WARM_UP_S = 60.0
SPLICE_S = 0.5
_STRIDE_S = 1.2
_ALIKE = np.array([1.0, 1.0, 1.0, 3.0, 3.0, 3.0])  # 1 rad/s of misfit is as bad as 3 m/s2
_MOUNTING_S = (3.0, 8.0)  # the least and most from which a trial's own mounting is read
_MOST_TURN_RAD = pi / 4  # more than this is another posture (lying, bent), not another mounting
_MOST_SCALE = 0.1


@dataclass(frozen=True, slots=True)
class Splice:
    """A plain way to put a trial after a walk."""

    fade_s: float = 0.0  # 0: a hard cut
    turned: bool = False  # the walk turned and scaled to the trial's mounting first
    pause_s: float = 0.0  # the walker stands still in between


# The published figures use this one: in step, in the trial's mounting, and the gyro shows the change of posture.
FIT = "fit"
SPLICES: dict[str, Splice] = {
    "hard": Splice(),
    "hard-turned": Splice(turned=True),
    "fade-0.1": Splice(0.1),
    "fade-0.5": Splice(0.5),
    "fade-0.5-turned": Splice(0.5, turned=True),
    "fade-1": Splice(1.0),
    "fade-1-turned": Splice(1.0, turned=True),
    "pause": Splice(0.5, pause_s=3.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What a detector sees: maybe a walk first, then the trial from `start` on."""

    rate_hz: float
    accel_m_s2: Array
    gyro_rad_s: Array
    start: int = 0
    shared: int = 0  # so much of the walk before it is the same for every trial with these walks

    def __len__(self) -> int:
        return len(self.accel_m_s2)


def cold(trial: Trial) -> Stream:
    return Stream(trial.rate_hz, trial.accel_m_s2, trial.gyro_rad_s)


def spliced_plainly(trial: Trial, walks: list[Trial], splice: Splice) -> Stream:
    """The trial after 60 s of the walks given, whatever it begins with: neither in step nor fitted in posture."""
    pieces = _pieces(walks, trial)
    if splice.turned:
        pieces = [_turned(piece, trial) for piece in pieces]
    own = np.hstack((trial.accel_m_s2, trial.gyro_rad_s))
    fade = round(splice.fade_s * trial.rate_hz)
    rows = pieces[0]
    for piece in pieces[1:]:
        rows = cross_fade(rows, piece, fade)
    shared = 0 if splice.turned else len(rows) - fade
    if splice.pause_s:
        rows = cross_fade(
            rows, _stands(own[: _splice_samples(trial.rate_hz)], splice.pause_s, trial.rate_hz), fade
        )
    start = len(rows) - fade
    rows = cross_fade(rows, own, fade)
    return Stream(trial.rate_hz, rows[:, :3], rows[:, 3:], start, shared)


def _stands(like: Array, seconds: float, rate_hz: float) -> Array:
    """A body that stands as these rows do on average, with enough noise not to look like a frozen sensor."""
    rows = np.zeros((round(seconds * rate_hz), 6))
    rows[:, :3] = like[:, :3].mean(axis=0)
    return rows + 0.02 * np.sin(np.arange(len(rows))[:, None] * np.arange(0.1, 0.7, 0.1))


def warm(trial: Trial, walks: list[Trial], mounting_varies: bool) -> Stream:
    """The trial after 60 s of the walks given (less if they are shorter, and up to a stride less to fit the steps).

    A trial that begins lying or bent double stays cold: nobody gets there from a walk in half a second except by
    falling. The belt was off in between.
    """
    pieces = _pieces(walks, trial)
    if mounting_varies:
        pieces = [_turned(piece, trial) for piece in pieces]
    rows = pieces[0]
    for piece in pieces[1:]:
        rows, _ = spliced(rows, piece, trial.rate_hz)
    shared = max(0, len(rows) - _splice_samples(trial.rate_hz) - round(_STRIDE_S * trial.rate_hz))
    if mounting_varies:
        shared = 0
    began = trial.accel_m_s2[: round(_STRIDE_S * trial.rate_hz)].mean(axis=0)
    if _angle_rad(rotation_between(pieces[-1][:, :3].mean(axis=0), began)) > _MOST_TURN_RAD:
        return cold(trial)
    rows, start = spliced(rows, np.hstack((trial.accel_m_s2, trial.gyro_rad_s)), trial.rate_hz)
    return Stream(trial.rate_hz, rows[:, :3], rows[:, 3:], start, shared)


def spliced(before: Array, after: Array, rate_hz: float) -> tuple[Array, int]:
    """Both in a row, and the index at which `after` begins: in the last stride of `before`, where they fit best."""
    overlap = _splice_samples(rate_hz)
    stride = min(round(_STRIDE_S * rate_hz), len(before) - overlap)
    places = sliding_window_view(before[len(before) - stride - overlap :], overlap, axis=0)
    misfit = (((places - after[:overlap].T) * _ALIKE[:, None]) ** 2).mean(axis=(1, 2))
    start = len(before) - stride - overlap + int(np.argmin(misfit))
    rows = cross_fade(before[: start + overlap], after, overlap)
    rows[start : start + overlap, 3:] += _turn_rad_s(before[start - stride : start], after[:stride], SPLICE_S)
    return rows, start


def walks_for(trial: Trial, trials: list[Trial], dataset: Dataset) -> list[Trial]:
    """Which recordings of the same person come first: slow, then quick, and never the trial itself.

    A reversed copy is warmed up by reversed copies: a walker does not turn round between warm-up and walk.
    """
    own = trial.name.removesuffix(" reversed")
    others = [t for t in trials if t.kind is Kind.WALK and t.name != own]
    slow = [t for t in others if t.activity in dataset.slow_walks]
    quick = [t for t in others if t.activity in dataset.quick_walks]
    halves = [
        _until(slow, WARM_UP_S / 2 if quick else WARM_UP_S),
        _until(quick, WARM_UP_S / 2 if slow else WARM_UP_S),
    ]
    return [t.time_reversed() if trial.reverse else t for half in halves for t in half]


def _turn_rad_s(before: Array, after: Array, within_s: float) -> Array:
    """The turn rate from one posture to the other: when gravity moves in the body, the gyro must show it."""
    turn = rotation_between(before[:, :3].mean(axis=0), after[:, :3].mean(axis=0))
    return np.asarray(Rotation.from_matrix(turn.T).as_rotvec() / within_s)


def cross_fade(before: Array, after: Array, samples: int) -> Array:
    """`after` begins while `before` ends: their overlap is blended, so nothing jumps."""
    weight = np.linspace(0.0, 1.0, samples + 2)[1:-1, None]
    blended = (1 - weight) * before[len(before) - samples :] + weight * after[:samples]
    return np.concatenate((before[: len(before) - samples], blended, after[samples:]))


def _splice_samples(rate_hz: float) -> int:
    return round(SPLICE_S * rate_hz)


def _until(walks: list[Trial], seconds: float) -> list[Trial]:
    chosen: list[Trial] = []
    for walk in walks:
        if sum(t.duration_s - SPLICE_S for t in chosen) >= seconds:
            break
        chosen.append(walk)
    return chosen


def _pieces(walks: list[Trial], trial: Trial) -> list[Array]:
    """The start of each walk, so that each half lasts 30 s and both 60 s up to the splice."""
    paces = {walk.activity for walk in walks}
    left_s = dict.fromkeys(paces, WARM_UP_S / len(paces))
    pieces = []
    for walk in walks:
        seconds = min(left_s[walk.activity], walk.duration_s - SPLICE_S)
        left_s[walk.activity] -= seconds
        if seconds > 0:
            samples = round((seconds + SPLICE_S) * trial.rate_hz)
            pieces.append(np.hstack((walk.accel_m_s2[:samples], walk.gyro_rad_s[:samples])))
    return pieces


def _standing(trial: Trial) -> int:
    """How many samples at the start show the mounting: everything well before a fall, within bounds."""
    least_s, most_s = _MOUNTING_S
    before_s = most_s if trial.impact_index is None else trial.impact_index / trial.rate_hz - least_s
    return round(min(most_s, max(least_s, before_s)) * trial.rate_hz)


def _turned(piece: Array, trial: Trial) -> Array:
    """A piece of walking as this trial's mounting and scale would have recorded it."""
    own = trial.accel_m_s2[: _standing(trial)].mean(axis=0)
    walked = piece[:, :3].mean(axis=0)
    scale = float(np.linalg.norm(own) / np.linalg.norm(walked))
    turn = rotation_between(walked, own)
    if _angle_rad(turn) > _MOST_TURN_RAD:
        return piece
    scale = min(1 + _MOST_SCALE, max(1 - _MOST_SCALE, scale))
    return np.hstack((piece[:, :3] @ turn.T * scale, piece[:, 3:] @ turn.T))


def _angle_rad(turn: Array) -> float:
    return acos(min(1.0, max(-1.0, float((np.trace(turn) - 1) / 2))))


def rotation_between(a: Array, b: Array) -> Array:
    """The smallest rotation that turns the direction of a into that of b (Rodrigues). Not for opposite vectors."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis = np.cross(a, b)
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + float(a @ b)))
