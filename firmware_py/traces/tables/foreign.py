"""Owns recordings of other programs: a table, or a folder or .zip with a file for each sensor, becomes a trace.

Must never guess: what no preset or option names is refused with the columns that are there. Phones write one file for
each sensor; the turn rates are then taken between their neighbours, at the times of the acceleration.
"""

import io
import zipfile
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from firmware_py.core.frame import Frame
from firmware_py.traces.tables import plausible, text
from firmware_py.traces.tables.columns import Lines, Table
from firmware_py.traces.tables.presets import ACCEL, GYRO, Form, axes_of, factor_of
from firmware_py.traces.trace import Trace, check_rate
from sensors.advice import Failure
from sensors.samples import Fault, ImuSample, RangeSample, Vec3

GAP_STEPS = 5  # turn rates further apart than so many of their steps are not joined by a line
EPOCH_NS = 10**18  # a time from here on is a wall clock: 2001 and later
LARGEST_MEMBER = 200_000_000  # bytes; six hours of a phone at 100 Hz
FILES_NAMED = 12  # in a message
PRESSED = {"1": True, "true": True, "0": False, "false": False}


def read_foreign(path: Path, form: Form) -> Trace:
    """Open a recording of another program. Raises Failure for the file, ValueError for the form."""
    files = _files(path)
    main = Table(path, files[_pick(path, form.files, files)](), form, form.columns)
    gyro_file = next((name for name in form.gyro_files if name in files), None)
    if main.has(GYRO):
        rates = main.vectors(GYRO)
    elif gyro_file is not None:
        other = Table(path, files[gyro_file](), form, form.gyro_columns)
        rates = _between(main.times_ns, other.times_ns, other.vectors(GYRO))
    else:
        raise Failure(
            f"{path}: holds no turn rates. Usually the file of one sensor: give the folder or .zip that holds the "
            f"gyroscope's file, too. Columns here: {', '.join(main.names)}."
        )
    begin_ns = main.times_ns[0] if main.times_ns else 0
    frames = list(_frames(main, rates, form, begin_ns))
    if len(frames) < 2:
        raise Failure(
            f"{path}: {len(frames)} rows in which both sensors were read; at least 2 are needed. Usually a recording "
            "that was cut short, or files of two recordings."
        )
    speeds_m_s = [frame.belt_speed_m_s for frame in frames if frame.belt_speed_m_s]
    if not form.as_is:
        plausible.check(path, frames[: plausible.FRAMES], speeds_m_s)
    return Trace(
        path,
        check_rate(path, median(b.t_ns - a.t_ns for a, b in pairwise(frames))),
        iter(frames),
        button_recorded=any(frame.reset_pressed for frame in frames),
        feedback_recorded=False,
        distance_recorded=main.has(("distance",)),
        usual_distance_m=plausible.usual_distance(frames),
        usual_speed_m_s=plausible.usual_speed(speeds_m_s),
        wall_offset_ns=begin_ns if begin_ns >= EPOCH_NS else 0,
        notes=main.notes,
    )


def _files(path: Path) -> dict[str, Callable[[], Lines]]:
    """How to read the lines of each file that `path` holds; a single file goes by the name ""."""
    if path.is_dir():
        return {p.name: partial(_lines, p) for p in sorted(path.iterdir()) if p.is_file()}
    if path.suffix != ".zip":
        return {"": partial(_lines, path)}
    try:
        with zipfile.ZipFile(path) as archive:
            return {Path(name).name: partial(_unzipped, path, name) for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise Failure(
            f"{path}: cannot be unpacked: {error}. Usually a copy that was cut short: copy it again."
        ) from None


def _lines(path: Path) -> Lines:
    return [line for _, line in text.numbered_lines(path, comments=True)]


def _unzipped(path: Path, name: str) -> Lines:
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(name).file_size
            if size > LARGEST_MEMBER:
                raise Failure(f"{path}: {name} has {size} bytes, more than any walk. Usually another file.")
            data = archive.read(name)
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise Failure(
            f"{path}: {name} cannot be unpacked: {error}. Usually a damaged copy: copy it again."
        ) from None
    return list(io.StringIO(data.decode(text.encoding_of(data[:2048]), "replace"), newline=None))


def _pick(path: Path, wanted: tuple[str, ...], files: dict[str, Callable[[], Lines]]) -> str:
    for name in ("", *wanted):
        if name in files:
            return name
    raise Failure(
        f"{path}: holds none of {', '.join(wanted) or 'the files that a preset names'}. Usually the export of another "
        f"program: choose its --preset, or give one file. Files here: {', '.join([*files][:FILES_NAMED])}."
    )


def _between(wanted_ns: list[int], times_ns: list[int], values: list[Vec3 | None]) -> list[Vec3 | None]:
    """The value at each wanted time on the line between its two neighbours; None outside and in gaps."""
    known = [(t_ns, value) for t_ns, value in zip(times_ns, values, strict=True) if value is not None]
    if len(known) < 2:
        return [None] * len(wanted_ns)
    times = [t_ns for t_ns, _ in known]
    most_ns = GAP_STEPS * median(b - a for a, b in pairwise(times))
    found: list[Vec3 | None] = []
    for t_ns in wanted_ns:
        after = bisect_left(times, t_ns)
        if after < len(times) and times[after] == t_ns:
            found.append(known[after][1])
            continue
        if not 0 < after < len(times) or times[after] - times[after - 1] > most_ns:
            found.append(None)
            continue
        (t0, a), (t1, b) = known[after - 1], known[after]
        share = (t_ns - t0) / (t1 - t0)
        x, y, z = (p + (q - p) * share for p, q in zip(a, b, strict=True))
        found.append((x, y, z))
    return found


def _frames(main: Table, rates: list[Vec3 | None], form: Form, begin_ns: int) -> Iterator[Frame]:
    """The frames from the first to the last row in which both sensors were read; time counts from `begin_ns`."""
    axes = axes_of(form.axes)
    accel = factor_of(form.accel_unit, plausible.ACCEL_M_S2) * (-1 if form.inverted else 1)
    gyro = factor_of(form.gyro_unit, plausible.GYRO_RAD_S)
    metre = factor_of(form.distance_unit, plausible.DISTANCE_M)
    speed = factor_of(form.speed_unit, plausible.SPEED_M_S)
    nothing: list[float | None] = [None] * len(main.times_ns)
    distances = main.numbers("distance") if main.has(("distance",)) else nothing
    speeds = main.numbers("belt_speed") if main.has(("belt_speed",)) else nothing
    presses = main.words("reset_pressed") if main.has(("reset_pressed",)) else [""] * len(main.times_ns)
    rows = list(zip(main.times_ns, main.vectors(ACCEL), rates, distances, speeds, presses, strict=True))
    both = [n for n, row in enumerate(rows) if row[1] is not None and row[2] is not None]
    count = 0
    for own_ns, a, w, distance, belt, press in rows[both[0] : both[-1] + 1] if both else ():
        t_ns = own_ns - begin_ns
        imu: ImuSample | Fault = Fault.NOT_READY
        if a is not None and w is not None:
            imu = ImuSample(t_ns, _turned(a, axes, accel), _turned(w, axes, gyro))
        reading = None
        if distance is not None:
            count = (count + 1) & 255
            reading = RangeSample(t_ns, distance * metre, count)
        pressed = PRESSED.get(press.casefold(), False)
        yield Frame(t_ns, 0, imu, reading, None if belt is None else belt * speed, None, pressed)


def _turned(vector: Vec3, axes: list[tuple[int, int]], factor: float) -> Vec3:
    (x, sx), (y, sy), (z, sz) = axes
    return vector[x] * sx * factor, vector[y] * sy * factor, vector[z] * sz * factor
