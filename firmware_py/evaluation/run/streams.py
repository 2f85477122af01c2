"""Owns joining recordings: the walk before a trial and the seam between, gentle or rough.

Must never change a trial beyond its seam: half a second, or a second where the joint says so.
"""

from dataclasses import dataclass
from math import acos, pi

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial.transform import Rotation

from firmware_py.evaluation.datasets.trials import Array, Dataset, Kind, Trial

WARM_UP_S = 60.0
SEAM_S = 0.5
_STRIDE_S = 1.2
_ALIKE = np.array([1.0, 1.0, 1.0, 3.0, 3.0, 3.0])  # 1 rad/s of misfit is as bad as 3 m/s2
_MOUNTING_S = (3.0, 8.0)  # the least and most from which a trial's own mounting is read
_MOST_TURN_RAD = pi / 4  # more than this is another posture (lying, bent), not another mounting
_MOST_SCALE = 0.1


@dataclass(frozen=True, slots=True)
class Joint:
    """A plain way to put a trial after a walk, as somebody else might."""

    fade_s: float = 0.0  # 0: a hard cut
    turned: bool = False  # the walk turned and scaled to the trial's mounting first
    pause_s: float = 0.0  # the walker stands still in between


# The one for the figures: in step, in the trial's mounting, its change of posture felt by the gyro.
FIT = "fit"
JOINTS: dict[str, Joint] = {
    "hard": Joint(),
    "hard-turned": Joint(turned=True),
    "fade-0.1": Joint(0.1),
    "fade-0.5": Joint(0.5),
    "fade-0.5-turned": Joint(0.5, turned=True),
    "fade-1": Joint(1.0),
    "fade-1-turned": Joint(1.0, turned=True),
    "pause": Joint(0.5, pause_s=3.0),
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


def joined_plainly(trial: Trial, walks: list[Trial], joint: Joint) -> Stream:
    """The trial after 60 s of the walks given, whatever it begins with: neither in step nor fitted in posture."""
    pieces = _pieces(walks, trial)
    if joint.turned:
        pieces = [_turned(piece, trial) for piece in pieces]
    own = np.hstack((trial.accel_m_s2, trial.gyro_rad_s))
    fade = round(joint.fade_s * trial.rate_hz)
    rows = pieces[0]
    for piece in pieces[1:]:
        rows = cross_fade(rows, piece, fade)
    shared = 0 if joint.turned else len(rows) - fade
    if joint.pause_s:
        rows = cross_fade(rows, _stands(own[: _seam(trial.rate_hz)], joint.pause_s, trial.rate_hz), fade)
    start = len(rows) - fade
    rows = cross_fade(rows, own, fade)
    return Stream(trial.rate_hz, rows[:, :3], rows[:, 3:], start, shared)


def _stands(like: Array, seconds: float, rate_hz: float) -> Array:
    """A body that stands as the rows given do on average, alive enough not to be taken for a frozen sensor."""
    rows = np.zeros((round(seconds * rate_hz), 6))
    rows[:, :3] = like[:, :3].mean(axis=0)
    return rows + 0.02 * np.sin(np.arange(len(rows))[:, None] * np.arange(0.1, 0.7, 0.1))


def warm(trial: Trial, walks: list[Trial], mounting_varies: bool) -> Stream:
    """The trial after 60 s of the walks given (less if they are shorter, and up to a stride less to fit the steps).

    A trial that begins lying or bent double is left cold: nobody gets there out of a walk in half a second, except by
    falling. In between the belt was off.
    """
    pieces = _pieces(walks, trial)
    if mounting_varies:
        pieces = [_turned(piece, trial) for piece in pieces]
    rows = pieces[0]
    for piece in pieces[1:]:
        rows, _ = joined(rows, piece, trial.rate_hz)
    shared = max(0, len(rows) - _seam(trial.rate_hz) - round(_STRIDE_S * trial.rate_hz))
    if mounting_varies:
        shared = 0
    began = trial.accel_m_s2[: round(_STRIDE_S * trial.rate_hz)].mean(axis=0)
    if _angle_rad(rotation_between(pieces[-1][:, :3].mean(axis=0), began)) > _MOST_TURN_RAD:
        return cold(trial)
    rows, start = joined(rows, np.hstack((trial.accel_m_s2, trial.gyro_rad_s)), trial.rate_hz)
    return Stream(trial.rate_hz, rows[:, :3], rows[:, 3:], start, shared)


def joined(before: Array, after: Array, rate_hz: float) -> tuple[Array, int]:
    """Both in a row, and where `after` begins: within the last stride of `before`, where the two fit best."""
    seam = _seam(rate_hz)
    stride = min(round(_STRIDE_S * rate_hz), len(before) - seam)
    places = sliding_window_view(before[len(before) - stride - seam :], seam, axis=0)
    misfit = (((places - after[:seam].T) * _ALIKE[:, None]) ** 2).mean(axis=(1, 2))
    start = len(before) - stride - seam + int(np.argmin(misfit))
    rows = cross_fade(before[: start + seam], after, seam)
    rows[start : start + seam, 3:] += _turn_rad_s(before[start - stride : start], after[:stride], SEAM_S)
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
    """The turn rate from one posture to the other: gravity may not move in the body unfelt by the gyro."""
    turn = rotation_between(before[:, :3].mean(axis=0), after[:, :3].mean(axis=0))
    return np.asarray(Rotation.from_matrix(turn.T).as_rotvec() / within_s)


def cross_fade(before: Array, after: Array, samples: int) -> Array:
    """`after` begins while `before` ends: their overlap is blended, so nothing jumps."""
    weight = np.linspace(0.0, 1.0, samples + 2)[1:-1, None]
    seam = (1 - weight) * before[len(before) - samples :] + weight * after[:samples]
    return np.concatenate((before[: len(before) - samples], seam, after[samples:]))


def _seam(rate_hz: float) -> int:
    return round(SEAM_S * rate_hz)


def _until(walks: list[Trial], seconds: float) -> list[Trial]:
    chosen: list[Trial] = []
    for walk in walks:
        if sum(t.duration_s - SEAM_S for t in chosen) >= seconds:
            break
        chosen.append(walk)
    return chosen


def _pieces(walks: list[Trial], trial: Trial) -> list[Array]:
    """The start of each walk, so that the halves last 30 s each and all of it 60 s up to the seam."""
    paces = {walk.activity for walk in walks}
    left_s = dict.fromkeys(paces, WARM_UP_S / len(paces))
    pieces = []
    for walk in walks:
        seconds = min(left_s[walk.activity], walk.duration_s - SEAM_S)
        left_s[walk.activity] -= seconds
        if seconds > 0:
            samples = round((seconds + SEAM_S) * trial.rate_hz)
            pieces.append(np.hstack((walk.accel_m_s2[:samples], walk.gyro_rad_s[:samples])))
    return pieces


def _standing(trial: Trial) -> int:
    """How many samples at the start show the mounting: all that is well before a fall, within bounds."""
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
