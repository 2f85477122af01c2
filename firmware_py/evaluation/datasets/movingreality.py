"""Reads MovingReality (Ensink et al. 2024, Sensors 24:710; MIT). Must never read a leg sensor.

Subjects after a stroke walk forward on an instrumented treadmill: lumbar Xsens MTw2, 100 Hz, 2-3 min a trial.
`<study>_pp<NN>/Xsens/exported<NNN>/MT_*.txt`; `sensorspec.json` names the lumbar sensor, `corresponding_files.txt`
the trials. Sensor axes: +X up, +Z out of the lower back (rearward), tilted up by the lordosis.
"""

import json
import re
from collections.abc import Iterator

from firmware_py.evaluation.datasets import xsens
from firmware_py.evaluation.datasets.files import RecordingError, SourceFile
from firmware_py.evaluation.datasets.trials import Array, Dataset, Trial

_PERSON = re.compile(r"pp(\d+)", re.IGNORECASE)
_FOLDER = re.compile(r"(exported\d+)/[^/]*$")
_TRIAL_NAME = re.compile(r"(\S+)\.c3d\s*=\s*(exported\d+)")


def person_of(where: str) -> str | None:
    folder, person = _FOLDER.search(where), _PERSON.search(where)
    if person is None or (folder is None and not where.endswith("corresponding_files.txt")):
        return None
    return f"pp{int(person[1]):02d}"


def body_frame(sensor: Array) -> Array:
    """x forward = -Z, y left = Y, z up = X."""
    return sensor[:, (2, 1, 0)] * (-1.0, 1.0, 1.0)


def read(person: str, files: list[SourceFile]) -> Iterator[Trial | RecordingError]:
    """Every trial of one subject; in place of one that cannot be used, the reason."""
    names: dict[str, str] = {}
    folders: dict[str, list[SourceFile]] = {}
    for file in files:
        if (match := _FOLDER.search(file.where)) is not None:
            folders.setdefault(match[1], []).append(file)
        elif file.name == "corresponding_files.txt":
            text = file.read().decode("utf-8", errors="replace")
            names |= {m[2]: m[1].rsplit("_", 1)[-1] for m in _TRIAL_NAME.finditer(text)}
    for folder, inside in folders.items():
        recordings = [f for f in inside if f.name.startswith("MT_") and f.name.endswith(".txt")]
        if not recordings:
            continue  # the recording failed on the day: its folder holds only the sensor list
        try:
            file = _lumbar(folder, inside, recordings)
            activity = _activity(names.get(folder, "walk"))
            yield xsens.walk(file, body_frame, "movingreality", person, activity, f"{person}_{folder}")
        except RecordingError as error:
            yield error


def _activity(name: str) -> str:
    """1Reg, 2Reg: regular walking; FBPO, FBIC, 2FB: walking with feedback. The recording number is dropped."""
    return re.sub(r"0\d$", "", name)


def _lumbar(folder: str, inside: list[SourceFile], recordings: list[SourceFile]) -> SourceFile:
    for spec in (f for f in inside if f.name.startswith("sensorspec.json")):
        try:
            ending = str(json.loads(spec.read())["lumbar"])
        except (ValueError, KeyError, TypeError):
            raise RecordingError(
                f"{spec.where}: does not name the lumbar sensor. Usually a damaged file: fetch it again."
            ) from None
        for file in recordings:
            if file.name.endswith(ending):
                return file
    if len(recordings) == 1:
        return recordings[0]
    raise RecordingError(
        f"{folder}: {len(recordings)} sensors and no word which is lumbar. Usually an incomplete copy: "
        "bring its sensorspec.json."
    )


DATASET = Dataset(
    name="movingreality",
    person_of=person_of,
    read=read,
    slow_walks=("1Reg", "2Reg", "2FB", "FBPO", "FBIC", "walk"),
    quick_walks=(),
    about="MovingReality, lower back, 100 Hz; people after a stroke walking forward on a treadmill; no falls",
)
