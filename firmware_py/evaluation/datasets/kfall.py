"""Reads KFall (Yu, Jang, Xiong 2021, Front. Aging Neurosci. 13:692865). Must never invent a label.

Low back, 100 Hz, `S<nn>T<tt>R<rr>.csv` with TimeStamp(s), FrameCounter, AccX/Y/Z [g], GyrX/Y/Z [deg/s], Euler;
`SA<nn>_label.xlsx` gives the onset and impact frame of each fall, from video. Sensor axes: +Y down, +Z forward,
+X right. The set is given out by its authors on request only, so it is not shipped here; this reader follows
its description.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from math import radians
from xml.etree.ElementTree import ParseError

import numpy as np

from firmware_py.evaluation.datasets.classes import falls_backward, kind_of
from firmware_py.evaluation.datasets.files import RecordingError, SourceFile
from firmware_py.evaluation.datasets.trials import G_M_S2, Array, Dataset, Trial, checked

RATE_HZ = 100.0
_FILE = re.compile(r"SA?(\d+)T(\d+)R(\d+)\.csv$", re.IGNORECASE)
_LABELS = re.compile(r"SA?(\d+)_label\.xlsx$", re.IGNORECASE)
_TASK = re.compile(r"\((\d+)\)")  # "F15 (34)": the fall's own number, then the task number in the file names
_COLUMNS = ("FrameCounter", "AccX", "AccY", "AccZ", "GyrX", "GyrY", "GyrZ")


def person_of(where: str) -> str | None:
    name = where.rsplit("/", 1)[-1]
    match = _FILE.search(name) or _LABELS.search(name)
    return f"SA{int(match[1]):02d}" if match else None


def body_frame(sensor: Array) -> Array:
    """x forward = Z, y left = -X, z up = -Y."""
    return sensor[:, (2, 0, 1)] * (1.0, -1.0, -1.0)


def read(person: str, files: list[SourceFile]) -> Iterator[Trial | RecordingError]:
    """Every trial of one subject; in place of one that cannot be used, the reason."""
    labels: dict[tuple[int, int], tuple[int, int]] = {}
    for file in files:
        if _LABELS.search(file.name):
            try:
                labels |= parse_labels(file.read(), file.where)
            except RecordingError as error:
                yield error
    for file in files:
        match = _FILE.search(file.name)
        if match is None:
            continue
        task, repetition = int(match[2]), int(match[3])
        try:
            yield checked(_trial(person, task, file, labels.get((task, repetition))))
        except RecordingError as error:
            yield error


def _trial(person: str, task: int, file: SourceFile, label: tuple[int, int] | None) -> Trial:
    frames, values = _parse_csv(file.read(), file.where)
    onset = impact = None
    if kind_of("kfall", str(task)).is_fall and label is not None:
        # frames are counted from 1 and a few may be lost: look the number up instead of subtracting one
        onset, impact = (int(np.searchsorted(frames, frame)) for frame in label)
        if not onset < impact < len(frames):
            raise RecordingError(
                f"{file.where}: labelled frames {label} are not inside its {len(frames)} rows. "
                "Usually labels of another release: fetch both again."
            )
    return Trial(
        dataset="kfall",
        person=person,
        activity=f"T{task:02d}",
        name=file.name.removesuffix(".csv"),
        kind=kind_of("kfall", str(task)),
        rate_hz=RATE_HZ,
        accel_m_s2=body_frame(values[:, :3] * G_M_S2),
        gyro_rad_s=body_frame(values[:, 3:] * radians(1)),
        backward=falls_backward("kfall", str(task)),
        onset_index=onset,
        impact_index=impact,
        labelled=label is not None,
    )


def _parse_csv(data: bytes, where: str) -> tuple[Array, Array]:
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig", errors="replace")))
    header = [cell.strip().split("(")[0].split("[")[0].strip() for cell in next(rows, [])]
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        raise RecordingError(f"{where}: no column {', '.join(missing)}. Usually another kind of file.")
    wanted = [header.index(name) for name in _COLUMNS]
    table = []
    for number, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            table.append([float(row[i]) for i in wanted])
        except (ValueError, IndexError):
            raise RecordingError(
                f"{where}: line {number} is {','.join(row)[:40]!r}. Usually a broken download: fetch it again."
            ) from None
    if not table:
        raise RecordingError(f"{where}: a header and no rows. Usually a broken download: fetch it again.")
    values = np.array(table)
    return values[:, 0], values[:, 1:]


def parse_labels(data: bytes, where: str) -> dict[tuple[int, int], tuple[int, int]]:
    """(task, repetition) -> (onset frame, impact frame). A blank task cell means the task above it."""
    rows = _first_sheet(data, where)
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    columns = [
        next((i for i, cell in enumerate(header) if all(word in cell for word in words)), None)
        for words in (("task", "code"), ("trial",), ("onset",), ("impact",))
    ]
    if None in columns:
        raise RecordingError(
            f"{where}: no columns for task code, trial, onset and impact. Fetch the labels again."
        )
    task_at, trial_at, onset_at, impact_at = (c for c in columns if c is not None)
    labels: dict[tuple[int, int], tuple[int, int]] = {}
    task: int | None = None
    for row in rows[1:]:
        cells = [*row, *[""] * len(header)]
        if cells[task_at].strip():
            match = _TASK.search(cells[task_at])
            task = int(match[1]) if match else None
        try:
            trial, onset, impact = (int(float(cells[i])) for i in (trial_at, onset_at, impact_at))
        except ValueError:
            continue  # a fall that the authors could not label keeps its |a| peak
        if task is not None:
            labels[task, trial] = (onset, impact)
    return labels


def _first_sheet(data: bytes, where: str) -> list[list[str]]:
    """The cells as texts, blank ones as "". Raises RecordingError when it is not a workbook."""
    import openpyxl  # in the extra `evaluate`: only this data set needs it

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        return [["" if cell is None else str(cell) for cell in row] for row in rows]
    except (zipfile.BadZipFile, ParseError, EOFError, IndexError, KeyError, TypeError, ValueError) as error:
        raise RecordingError(
            f"{where}: not a workbook ({error}). Usually a page saved by mistake: fetch it again."
        ) from None


DATASET = Dataset(
    name="kfall",
    person_of=person_of,
    read=read,
    slow_walks=("T06",),
    quick_walks=("T07",),
    library="openpyxl",
    about="KFall, low back, 100 Hz, onset and impact labelled from video; acted falls of young adults",
)
