"""Reads the IPOL healthy gait set (Voisard et al.). Must never read a foot sensor.

`<person>-<trial>_lb.txt`: lower back Xsens MTw, 100 Hz, m/s2 and rad/s, +X up, z slightly forward. Each person
stands, walks 10 m, turns, walks back and stops. The set is not shipped here; this reader follows its description.
"""

import re
from collections.abc import Iterator

from firmware_py.evaluation.datasets import xsens
from firmware_py.evaluation.datasets.files import RecordingError, SourceFile
from firmware_py.evaluation.datasets.trials import Array, Dataset, Trial

_FILE = re.compile(r"(?:^|/)(\d+)-(\d+)_lb\.txt$", re.IGNORECASE)


def person_of(where: str) -> str | None:
    match = _FILE.search(where)
    return f"P{int(match[1]):02d}" if match else None


def body_frame(sensor: Array) -> Array:
    """x forward = Z, y left = -Y, z up = X."""
    return sensor[:, (2, 1, 0)] * (1.0, -1.0, 1.0)


def read(person: str, files: list[SourceFile]) -> Iterator[Trial | RecordingError]:
    """Every trial of one subject; in place of one that cannot be used, the reason."""
    for file in files:
        try:
            name = file.name.removesuffix("_lb.txt")
            yield xsens.walk(file, body_frame, "ipol", person, "walk and turn", name)
        except RecordingError as error:
            yield error


DATASET = Dataset(
    name="ipol",
    person_of=person_of,
    read=read,
    slow_walks=("walk and turn",),
    quick_walks=(),
    about="IPOL healthy gait, lower back, 100 Hz; 10 m there and back with a turn; no falls",
)
