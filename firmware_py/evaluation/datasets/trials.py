"""Owns what a recording is: one subject, one activity, one waist sensor in our body frame. Must never judge it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from firmware_py.evaluation.datasets.files import RecordingError, SourceFile

Array = NDArray[np.float64]

G_M_S2 = 9.80665
SHORTEST_S = 3.0  # shorter fragments hold no walk and no fall
_MEDIAN_G = (0.7, 1.3)  # worn by a person: outside it the columns or the scale are others


class Kind(Enum):
    """The line of the table that a trial belongs to."""

    WALK = "walk"
    FALL_WALKING = "fall_walking"
    FALL_JOGGING = "fall_jogging"
    FALL_OTHER = "fall_other"
    STUMBLE = "stumble"
    LEAVES_WALKING = "other"

    @property
    def counts_as(self) -> str:
        """The class by which a stop is judged (classes.py)."""
        if self.is_fall:
            return "fall"
        return {Kind.WALK: "walk-like", Kind.STUMBLE: "stumble"}.get(self, "leaves walking")

    @property
    def is_fall(self) -> bool:
        return self in (Kind.FALL_WALKING, Kind.FALL_JOGGING, Kind.FALL_OTHER)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One recording. Rows of `accel_m_s2` and `gyro_rad_s` are samples in the body frame: x forward, y left, z up."""

    dataset: str
    person: str
    activity: str
    name: str
    kind: Kind
    rate_hz: float
    accel_m_s2: Array
    gyro_rad_s: Array
    backward: bool = False  # a fall backward out of walking, the one this product exists for
    reverse: bool = False  # run backward in time
    onset_index: int | None = None  # labelled from video; None: no label
    impact_index: int | None = None  # labelled, or the |a| peak of a fall; None: not a fall
    labelled: bool = False

    @property
    def duration_s(self) -> float:
        return len(self.accel_m_s2) / self.rate_hz

    def time_reversed(self) -> "Trial":
        """The same walk run backward in time: what backward walking looks like, nearly, to the pelvis.

        With t -> -t positions stay, velocities and turn rates change sign and accelerations do not, so specific
        force keeps its sign in reversed order and the gyro flips. An approximation: push-off and landing forces
        of real backward walking are softer.
        """
        return replace(
            self,
            name=f"{self.name} reversed",
            reverse=True,
            accel_m_s2=np.ascontiguousarray(self.accel_m_s2[::-1]),
            gyro_rad_s=np.ascontiguousarray(-self.gyro_rad_s[::-1]),
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """How one published set is laid out, and how its subjects are warmed up."""

    name: str
    person_of: Callable[[str], str | None]  # from the way to a file; None: not a file of this set
    read: Callable[[str, list[SourceFile]], Iterator[Trial | RecordingError]]
    slow_walks: tuple[str, ...]  # activity codes for the 60 s of own walking
    quick_walks: tuple[str, ...]
    mounting_varies: bool = False  # the pod sits differently from trial to trial
    about: str = ""
    library: str = ""  # a package of the extra `evaluate` that its reader needs


def checked(trial: Trial, impact_within_s: tuple[float, float] = (0.0, 1e6)) -> Trial:
    """The trial, the impact of a fall filled in: the |a| peak within the given time.

    Raises RecordingError when it cannot be what its set describes.
    """
    accel, gyro = trial.accel_m_s2, trial.gyro_rad_s
    where = f"{trial.dataset} {trial.name}"
    if len(accel) != len(gyro):
        raise RecordingError(
            f"{where}: {len(accel)} rows of accel, {len(gyro)} of gyro. Usually a truncated file: fetch it again."
        )
    if trial.duration_s < SHORTEST_S:
        raise RecordingError(
            f"{where}: {trial.duration_s:.1f} s is too short to judge. Usually a fragment: leave it out."
        )
    if not (np.isfinite(accel).all() and np.isfinite(gyro).all()):
        raise RecordingError(
            f"{where}: holds a value that is no number. Usually a lost packet: fetch it again."
        )
    middle_g = float(np.median(np.linalg.norm(accel, axis=1))) / G_M_S2
    if not _MEDIAN_G[0] < middle_g < _MEDIAN_G[1]:
        raise RecordingError(
            f"{where}: the median acceleration is {middle_g:.2f} g, not about 1 g. Usually another sensor's columns "
            "or another scale: check which data set this is."
        )
    if not trial.kind.is_fall or trial.impact_index is not None:
        return trial
    first, last = (round(t_s * trial.rate_hz) for t_s in impact_within_s)
    return replace(trial, impact_index=first + int(np.argmax(np.linalg.norm(accel[first:last], axis=1))))


def number_table(data: bytes, columns: int, where: str) -> Array:
    """Rows of numbers separated by commas, semicolons, tabs or spaces. A last line cut short is dropped."""
    lines = [line for line in data.splitlines() if line.strip(b" \t;,\x00\x1a")]
    for attempt in (lines, lines[:-1]):
        values = _numbers(b" ".join(attempt))
        if values is not None and len(values) == columns * len(attempt) and attempt:
            return values.reshape(-1, columns)
    raise RecordingError(
        f"{where}: {_first_bad_line(lines, columns)} Usually a broken download: fetch it again."
    )


def _numbers(data: bytes) -> Array | None:
    try:
        return np.array(data.translate(_SEPARATORS).split(), dtype=np.float64)
    except ValueError:
        return None


_SEPARATORS = bytes.maketrans(b",;\t", b"   ")


def _first_bad_line(lines: list[bytes], columns: int) -> str:
    if not lines:
        return "no line of numbers in it."
    for number, line in enumerate(lines, 1):
        values = _numbers(line)
        if values is None or len(values) != columns:
            return f"line {number} is {line[:40].decode(errors='replace')!r}, not {columns} numbers."
    return f"does not hold {columns} numbers a line."
