"""Reads the text export of Xsens MT Manager: some lines of text, a header, tab-separated numbers.

Must never guess a column: they are found by name.
"""

from collections.abc import Callable

import numpy as np

from firmware_py.evaluation.datasets.classes import kind_of
from firmware_py.evaluation.datasets.files import RecordingError, SourceFile
from firmware_py.evaluation.datasets.trials import Array, Trial, checked

RATE_HZ = 100.0  # MTw Awinda, as exported in both sets that use it
_COLUMNS = ("Acc_X", "Acc_Y", "Acc_Z", "Gyr_X", "Gyr_Y", "Gyr_Z")
_COUNTER_WRAPS_AT = 65536
_FEWEST_ROWS = 2  # to interpolate between
_LONGEST_GAP = 50  # half a second of lost packets is bridged, more is another recording


def walk(
    file: SourceFile,
    body_frame: Callable[[Array], Array],
    dataset: str,
    person: str,
    activity: str,
    name: str,
) -> Trial:
    """One recording of walking, turned into the body's frame. Raises RecordingError."""
    accel, gyro = parse(file.read(), file.where)
    return checked(
        Trial(
            dataset=dataset,
            person=person,
            activity=activity,
            name=name,
            kind=kind_of(dataset, activity),
            rate_hz=RATE_HZ,
            accel_m_s2=body_frame(accel),
            gyro_rad_s=body_frame(gyro),
        )
    )


def parse(data: bytes, where: str) -> tuple[Array, Array]:
    """Specific force (m/s2) and turn rate (rad/s) in sensor axes, lost packets bridged in a straight line."""
    lines = data.decode("utf-8", errors="replace").splitlines()
    header = next((i for i, line in enumerate(lines) if "Acc_X" in line.split("\t")), None)
    if header is None:
        raise RecordingError(
            f"{where}: no header with Acc_X. Usually another kind of file: export it as text again."
        )
    names = lines[header].split("\t")
    missing = [name for name in ("PacketCounter", *_COLUMNS) if name not in names]
    if missing:
        raise RecordingError(
            f"{where}: no column {', '.join(missing)}. Export it again with all inertial data."
        )
    wanted = [names.index(name) for name in ("PacketCounter", *_COLUMNS)]
    rows = []
    for number, line in enumerate(lines[header + 1 :], header + 2):
        cells = line.split("\t")
        if not line.strip():
            continue
        try:
            rows.append([float(cells[i]) if cells[i].strip() else np.nan for i in wanted])
        except (ValueError, IndexError):
            if number == len(lines):  # cut short while writing
                break
            raise RecordingError(
                f"{where}: line {number} is {line[:40]!r}. Usually a broken download: fetch it again."
            ) from None
    if not rows:
        raise RecordingError(f"{where}: a header and no rows. Usually an aborted recording: leave it out.")
    table = np.array(rows)
    values = _bridged(table[:, 0], table[:, 1:], where)
    return values[:, :3], values[:, 3:]


def _bridged(counter: Array, values: Array, where: str) -> Array:
    """The rows on an even grid: the packet counter shows which are lost; empty cells count as lost."""
    steps = np.diff(counter) % _COUNTER_WRAPS_AT
    at = np.concatenate(([0.0], np.cumsum(steps)))
    whole = np.isfinite(values).all(axis=1) & np.isfinite(counter)
    gaps = np.diff(at[whole]) if np.isfinite(at).all() else np.array([np.inf])
    if whole.sum() < _FEWEST_ROWS or gaps.max() > _LONGEST_GAP or gaps.min() <= 0:
        raise RecordingError(
            f"{where}: more than {_LONGEST_GAP / RATE_HZ:.1f} s of packets are lost. Usually a radio gap: leave it out."
        )
    grid = np.arange(at[whole][0], at[whole][-1] + 1)
    return np.column_stack([np.interp(grid, at[whole], values[whole, i]) for i in range(values.shape[1])])
