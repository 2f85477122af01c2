"""Reads the waist part of FallAllD (Saleh, Abbas, Le Bouquin Jeannes 2020). Must never read another body place.

238 Hz, `S<person>_D3_A<activity>_T<trial>_A.dat` and `_G.dat`, rows `x,y,z` of integers, the fall near the middle.
Sensor axes: +X up, +Z forward, +Y right; all three gyro signs are inverted against the accelerometer.
"""

import re
from collections.abc import Iterator
from math import radians

from firmware_py.evaluation.datasets.classes import falls_backward, kind_of
from firmware_py.evaluation.datasets.files import RecordingError, SourceFile
from firmware_py.evaluation.datasets.trials import G_M_S2, Array, Dataset, Trial, checked, number_table

RATE_HZ = 238.0
_ACCEL_M_S2 = 0.000244 * G_M_S2  # LSM9DS1 datasheet, +-8 g
_GYRO_RAD_S = -radians(0.07)  # LSM9DS1 datasheet, +-2000 deg/s; the sign was checked against gravity

_FILE = re.compile(r"S(\d+)_D3_A(\d+)_T(\d+)_([AG])\.dat$", re.IGNORECASE)
# Recordings are cut around the fall, 10 s in. Jogging before it and getting up after it can peak higher.
_FALL_WITHIN_S = (8.0, 12.0)
_FILES_A_TRIAL = 2


def person_of(where: str) -> str | None:
    match = _FILE.search(where)
    return f"S{int(match[1]):02d}" if match else None


def body_frame(sensor: Array) -> Array:
    """x forward = Z, y left = -Y, z up = X."""
    return sensor[:, (2, 1, 0)] * (1.0, -1.0, 1.0)


def read(person: str, files: list[SourceFile]) -> Iterator[Trial | RecordingError]:
    """Every trial of one subject; in place of one that cannot be used, the reason."""
    pairs: dict[tuple[int, int], dict[str, SourceFile]] = {}
    for file in files:
        match = _FILE.search(file.name)
        assert match is not None
        pairs.setdefault((int(match[2]), int(match[3])), {})[match[4].upper()] = file
    for (activity, number), pair in pairs.items():
        name = f"{person}_A{activity:03d}_T{number:02d}"
        try:
            yield checked(_trial(person, activity, name, pair), _FALL_WITHIN_S)
        except RecordingError as error:
            yield error


def _trial(person: str, activity: int, name: str, pair: dict[str, SourceFile]) -> Trial:
    if len(pair) != _FILES_A_TRIAL:
        raise RecordingError(
            f"fallalld {name}: only its _{next(iter(pair))} file is there. Usually an incomplete copy: bring _A and _G."
        )
    accel, gyro = (number_table(pair[key].read(), 3, pair[key].where) for key in "AG")
    return Trial(
        dataset="fallalld",
        person=person,
        activity=str(activity),
        name=name,
        kind=kind_of("fallalld", str(activity)),
        rate_hz=RATE_HZ,
        accel_m_s2=body_frame(accel * _ACCEL_M_S2),
        gyro_rad_s=body_frame(gyro * _GYRO_RAD_S),
        backward=falls_backward("fallalld", str(activity)),
    )


DATASET = Dataset(
    name="fallalld",
    person_of=person_of,
    read=read,
    slow_walks=("20",),
    quick_walks=("22",),
    mounting_varies=True,
    about="FallAllD, waist, 238 Hz, clips at 8 g; acted falls; forward walking in trials of 20 s",
)
