"""Reads SisFall (Sucerquia, Lopez, Vargas-Bonilla 2017, Sensors 17:198). Must never read its third sensor.

Waist, 200 Hz, `<code>_<subject>_<repetition>.txt`: ADXL345 xyz, ITG3200 xyz, MMA8451Q xyz as integers. The MMA
clips at 8 g in hundreds of files, so the ADXL345 (16 g) is used. Sensor axes: +Y down, +Z forward, +X right.
"""

import re
from collections.abc import Iterator
from math import radians

from firmware_py.evaluation.datasets.classes import falls_backward, kind_of
from firmware_py.evaluation.datasets.files import RecordingError, SourceFile
from firmware_py.evaluation.datasets.trials import G_M_S2, Array, Dataset, Trial, checked, number_table

RATE_HZ = 200.0
_ACCEL_M_S2 = 32 / 8192 * G_M_S2  # ADXL345: +-16 g in 13 bits (the set's readme)
# ITG3200 datasheet section 3.1. The set's readme (4000/65536) reads about 14 % low against gravity.
_GYRO_RAD_S = radians(1 / 14.375)

_FILE = re.compile(r"([DF]\d\d)_(S[AE]\d\d)_R(\d\d)\.txt$", re.IGNORECASE)
# Nobody falls in the first two seconds, but a knock at the start of F03_SA13_R04 peaks higher than its fall.
_FALL_WITHIN_S = (2.0, 1e6)


def person_of(where: str) -> str | None:
    match = _FILE.search(where)
    return match[2].upper() if match else None


def body_frame(sensor: Array) -> Array:
    """x forward = Z, y left = -X, z up = -Y."""
    return sensor[:, (2, 0, 1)] * (1.0, -1.0, -1.0)


def read(person: str, files: list[SourceFile]) -> Iterator[Trial | RecordingError]:
    """Every trial of one subject; in place of one that cannot be used, the reason."""
    for file in files:
        match = _FILE.search(file.name)
        assert match is not None
        activity = match[1].upper()
        try:
            raw = number_table(file.read(), 9, file.where)
            yield checked(
                Trial(
                    dataset="sisfall",
                    person=person,
                    activity=activity,
                    name=file.name.removesuffix(".txt"),
                    kind=kind_of("sisfall", activity),
                    rate_hz=RATE_HZ,
                    accel_m_s2=body_frame(raw[:, :3] * _ACCEL_M_S2),
                    gyro_rad_s=body_frame(raw[:, 3:6] * _GYRO_RAD_S),
                    backward=falls_backward("sisfall", activity),
                ),
                _FALL_WITHIN_S,
            )
        except RecordingError as error:
            yield error


DATASET = Dataset(
    name="sisfall",
    person_of=person_of,
    read=read,
    slow_walks=("D01",),
    quick_walks=("D02",),
    about="SisFall, waist, 200 Hz; acted falls of young adults; older adults did no falls; forward walking",
)
