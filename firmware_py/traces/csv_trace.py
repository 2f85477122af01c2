"""Owns the CSV form of a trace. Must never guess: a cell that is not a number is an error with file, line and column.

A header line, then one row a frame; lines that begin with # are comments. `t_s` and the six IMU columns are
required; distance_m, belt_speed_m_s and reset_pressed may be missing. An empty cell is "no new sample".
Reading is streamed, and fast on purpose: the core limits the speed of a replay, not its file.
"""

import difflib
import gzip
import io
import math
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import IO

from firmware_py.core.frame import Frame
from firmware_py.traces.trace import Trace, check_rate
from sensors.advice import Failure
from sensors.samples import Fault, ImuSample, RangeSample

REQUIRED = (
    "t_s",
    "accel_x_m_s2",
    "accel_y_m_s2",
    "accel_z_m_s2",
    "gyro_x_rad_s",
    "gyro_y_rad_s",
    "gyro_z_rad_s",
)
COLUMNS = (*REQUIRED, "distance_m", "belt_speed_m_s", "reset_pressed")
_PRESSED = {"": False, "0": False, "1": True, "false": False, "true": True}
_LAST_NS = 2**63 - 1  # 292 years: what a clock of 64 bits counts
_RATE_ROWS = 1000  # the median step of the first rows is the rate


def read_csv(path: Path) -> Trace:
    """Open a CSV trace. Raises Failure: here for a bad header or start, from `frames` for a bad row further on."""
    header = _header(path)
    times_ns = [frame.t_ns for frame in islice(_frames(path, header), _RATE_ROWS)]
    if len(times_ns) < 2:
        raise Failure(
            f"{path}: {len(times_ns)} frame(s), at least 2 are needed. Usually a file that was cut short."
        )
    steps_ns = (b - a for a, b in pairwise(times_ns))
    return Trace(
        path,
        check_rate(path, median(steps_ns)),
        _frames(path, header),
        button_recorded="reset_pressed" in header and _any_press(path, header.index("reset_pressed")),
        feedback_recorded=False,
        distance_recorded="distance_m" in header,
    )


def write_csv(path: Path, frames: Iterable[Frame], comments: Iterable[str] = ()) -> int:
    """Write a new file (gzip by name) and return the number of frames. Raises FileExistsError.

    Floats keep every bit. A fault becomes an empty cell: why there was no sample is only kept in MCAP.
    """
    count = 0
    with path.open("xb") as raw, _packed(raw, path) as file:
        file.writelines(f"# {comment}\n" for comment in comments)
        file.write(",".join(COLUMNS) + "\n")
        for frame in frames:
            imu = frame.imu
            values = (*imu.accel_m_s2, *imu.gyro_rad_s) if isinstance(imu, ImuSample) else ("",) * 6
            distance_m = frame.belt.distance_m if isinstance(frame.belt, RangeSample) else ""
            speed_m_s = "" if frame.belt_speed_m_s is None else frame.belt_speed_m_s
            row = (*values, distance_m, speed_m_s, int(frame.reset_pressed))
            seconds, rest_ns = divmod(frame.t_ns, 1_000_000_000)
            file.write(f"{seconds}.{rest_ns:09d},{','.join(map(str, row))}\n")
            count += 1
    return count


def _packed(raw: IO[bytes], path: Path) -> io.TextIOWrapper:
    if path.name.endswith(".gz"):  # without name and time: the same frames give the same bytes
        return io.TextIOWrapper(gzip.GzipFile("", "wb", fileobj=raw, mtime=0), "utf-8", newline="")
    return io.TextIOWrapper(raw, "utf-8", newline="")


def _rows(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without comments and blank ones. Raises Failure for what is not text or not whole gzip."""
    number = 0
    try:
        with (gzip.open if path.name.endswith(".gz") else open)(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line[0] != "#" and line != "\n":
                    yield number, line
    except UnicodeDecodeError:
        raise Failure(
            f"{path}: not text after line {number}. Usually a damaged file or another format."
        ) from None
    except (EOFError, zlib.error, OSError) as error:
        raise Failure(
            f"{path}: cannot be read after line {number}: {error}. Usually a copy that was cut short: copy it again."
        ) from None


def _header(path: Path) -> list[str]:
    number, line = next(_rows(path), (0, ""))
    header = [cell.strip() for cell in line.split(",")]
    if not number:
        raise Failure(f"{path}: no header line. The file is empty: record or export it again.")
    for column in header:
        if column not in COLUMNS:
            near = difflib.get_close_matches(column, COLUMNS, 1, 0.4)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(COLUMNS)}."
            raise Failure(f"{path}: line {number}: unknown column {column!r}; {hint}")
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise Failure(
            f"{path}: line {number}: no column {', '.join(missing)}. The first {len(REQUIRED)} are required: "
            f"{','.join(COLUMNS)}"
        )
    if len(set(header)) < len(header):
        raise Failure(f"{path}: line {number}: a column appears twice. Keep one of them.")
    return header


def _any_press(path: Path, column: int) -> bool:
    """Does any row press the button? A row that is malformed is left to `_frames`."""
    return any(
        _PRESSED.get("".join(line.rstrip().split(",")[column : column + 1])) for _, line in _rows(path)
    )


def _frames(path: Path, header: list[str]) -> Iterator[Frame]:
    width = len(header)
    # a column that is missing is read from an empty cell put behind the last one
    pick = itemgetter(*(header.index(c) if c in header else width for c in COLUMNS))
    lines = _rows(path)
    next(lines)
    last_ns, count = None, 0
    for number, line in lines:
        cells = line.rstrip().split(",")
        cells.append("")
        try:
            t, ax, ay, az, gx, gy, gz, distance, speed, reset = pick(cells)
            t_ns = round(float(t) * 1e9)
            if ax:
                imu: ImuSample | Fault = ImuSample(
                    t_ns, (float(ax), float(ay), float(az)), (float(gx), float(gy), float(gz))
                )
            elif ay or az or gx or gy or gz:
                raise ValueError
            else:
                imu = Fault.NOT_READY
            belt = None
            if distance:
                count = (count + 1) & 255
                belt = RangeSample(t_ns, float(distance), count)
            speed_m_s = float(speed) if speed else None
            frame = Frame(t_ns, 0, imu, belt, speed_m_s, None, _PRESSED[reset])
            if len(cells) != width + 1 or abs(t_ns) > _LAST_NS:
                raise ValueError
            if speed_m_s is not None and not math.isfinite(speed_m_s):
                raise ValueError
        except (ValueError, OverflowError, IndexError, KeyError):
            raise _mistake(path, number, header, cells[:-1]) from None
        if last_ns is not None and t_ns <= last_ns:
            raise Failure(
                f"{path}: line {number}: t_s = {t} does not come after {last_ns / 1e9!r}. Usually two recordings in "
                "one file, or a clock that was set: split the file there."
            )
        last_ns = t_ns
        yield frame


def _mistake(path: Path, number: int, header: list[str], cells: list[str]) -> Failure:
    """Why this row is not a frame."""
    where = f"{path}: line {number}"
    if len(cells) != len(header):
        return Failure(
            f"{where}: {len(cells)} cells, the header has {len(header)}. Usually a row cut short, or a decimal comma: "
            "use a point."
        )
    row = dict(zip(header, cells, strict=True))
    for column, cell in row.items():
        if column == "reset_pressed":
            if cell not in _PRESSED:
                return Failure(f"{where}: reset_pressed = {cell!r} is none of 0 and 1.")
        elif cell or column == "t_s":
            try:
                finite = math.isfinite(float(cell))
            except ValueError:
                return Failure(
                    f"{where}: {column} = {cell!r} is not a number. Leave it empty for no new sample."
                )
            if not finite:
                return Failure(f"{where}: {column} = {cell} is not finite. Leave it empty for no new sample.")
    if abs(float(row["t_s"])) * 1e9 > _LAST_NS:
        return Failure(
            f"{where}: t_s = {row['t_s']} is more than 292 years. Usually another unit: t_s is in seconds."
        )
    empty = next((column for column in REQUIRED if not row[column]), None)
    if empty is not None:
        return Failure(
            f"{where}: {empty} is empty while other IMU columns are not. Usually a cut row: an IMU sample has all six "
            "values, or none for no new sample."
        )
    return Failure(f"{where}: numbers so large that they cannot be added up. Usually a damaged row.")
