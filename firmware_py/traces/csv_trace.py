"""Owns the CSV form of a trace. Must never guess: a cell that is not a number is an error with file, line and column.

A header line, then one row a frame; lines that begin with # are comments. `t_s` and the six IMU columns are
required; distance_m, belt_speed_m_s and reset_pressed may be missing. An empty cell is "no new sample".
What a spreadsheet makes of it is read, too: semicolons or tabs, quotes, decimal commas, UTF-16, blank rows.
Reading is streamed, and fast on purpose: the core limits the speed of a replay, not its file.
"""

import contextlib
import difflib
import gzip
import io
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple

from firmware_py.core.frame import Frame
from firmware_py.storage.written import replacing
from firmware_py.traces.tables import plausible, text
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
_NOT_A_FRAME = (ValueError, OverflowError, KeyError)
_Pick = Callable[[list[str]], tuple[str, ...]]
_LAST_NS = 2**63 - 1  # 292 years: what a clock of 64 bits counts
SPEED_ROWS = 20  # one row of so many: a belt does not change its unit
RATE_ROWS = 1000  # the median step of the first rows is the rate


class _Head(NamedTuple):
    """The columns of a file, which character parts them, and the line they stand in."""

    columns: list[str]
    separator: str
    line: int
    blank: int  # columns without a name at the right, as a spreadsheet leaves them


def read_csv(path: Path, judge: bool = False) -> Trace:
    """Open a CSV trace. Raises Failure: here for a bad header or start, from `frames` for a bad row further on.

    `judge`: numbers that no body on a treadmill gives are refused, too.
    """
    head = _head(path)
    first = list(islice(_frames(path, head, []), RATE_ROWS))
    times_ns = [frame.t_ns for frame in first]
    if len(first) < 2:
        raise Failure(
            f"{path}: {len(first)} frame(s), at least 2 are needed. Usually a file that was cut short."
        )
    steps_ns = (b - a for a, b in pairwise(times_ns))
    notes: list[str] = []
    rate_hz = check_rate(path, median(steps_ns))
    speeds_m_s = _some_speeds(path, head)
    if judge:
        plausible.check(path, first, speeds_m_s)
    return Trace(
        path,
        rate_hz,
        _frames(path, head, notes),
        button_recorded="reset_pressed" in head.columns and _any_press(path, head),
        feedback_recorded=False,
        distance_recorded="distance_m" in head.columns,
        usual_distance_m=plausible.usual_distance(first),
        usual_speed_m_s=plausible.usual_speed(speeds_m_s),
        notes=notes,
    )


def write_csv(path: Path, frames: Iterable[Frame], comments: Iterable[str] = ()) -> int:
    """Write a new file (gzip by name) and return the number of frames. Raises FileExistsError.

    Floats keep every bit. A fault becomes an empty cell: why there was no sample is only kept in MCAP.
    """
    count = 0
    with replacing(path, overwrite=False) as raw, _packed(raw, path) as file:
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


def _head(path: Path) -> _Head:
    lines = text.numbered_lines(path)
    number, line = next(lines, (0, ""))
    separator = text.announced(line)
    if separator:
        number, line = next(lines, (0, ""))
    if not number:
        raise Failure(f"{path}: no header line. The file is empty: record or export it again.")
    separator = separator or text.separator_of(line, COLUMNS)
    header = text.cells_of(line, separator)
    blank = 0
    while header and not header[-1]:
        header.pop()
        blank += 1
    if len(header) == 1 and (sign := text.other_separator(line, COLUMNS)):
        raise Failure(f"{path}: line {number}: {text.parted_by(sign)}.")
    for column in header:
        if column not in COLUMNS:
            raise _unknown(path, number, column)
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise Failure(
            f"{path}: line {number}: no column {', '.join(missing)}. A trace needs {', '.join(REQUIRED)}."
        )
    if len(set(header)) < len(header):
        raise Failure(f"{path}: line {number}: a column appears twice. Keep one of them.")
    return _Head(header, separator, number, blank)


def _unknown(path: Path, number: int, column: str) -> Failure:
    near = difflib.get_close_matches(column.lower(), COLUMNS, 1, 0.4)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(COLUMNS)}."
    return Failure(
        f"{path}: line {number}: unknown column {column!r}; {hint} A table of another program: `rearguard trace import "
        "--columns`."
    )


def _rows(path: Path, head: _Head) -> Iterator[tuple[int, str]]:
    """Numbered lines below the header. Those of another separator come as they would stand in a plain file."""
    lines = text.numbered_lines(path)
    for number, _ in lines:
        if number >= head.line:
            break
    if head.separator == ",":
        return lines
    return ((number, text.plain(line, head.separator)) for number, line in lines)


def _some_speeds(path: Path, head: _Head) -> list[float]:
    """The belt's speed in some rows of the whole table. A row that is malformed is left to `_frames`."""
    if "belt_speed_m_s" not in head.columns:
        return []
    column, found = head.columns.index("belt_speed_m_s"), []
    for _, line in islice(_rows(path, head), 0, None, SPEED_ROWS):
        with contextlib.suppress(ValueError):
            found.append(float("".join(text.plain(line, ",").split(",")[column : column + 1])))
    return found


def _any_press(path: Path, head: _Head) -> bool:
    """Does any row press the button? A row that is malformed is left to `_frames`."""
    column = head.columns.index("reset_pressed")
    for _, line in _rows(path, head):
        if '"' in line:
            line = text.plain(line, ",")
        if _PRESSED.get("".join(line.rstrip().split(",")[column : column + 1])):
            return True
    return False


def _frames(path: Path, head: _Head, notes: list[str]) -> Iterator[Frame]:
    width = len(head.columns)
    # a column that is missing is read from an empty cell put behind the last one
    pick = itemgetter(*(head.columns.index(c) if c in head.columns else width for c in COLUMNS))
    first_ns, last_ns, last_line, count, blank, repeated = 0, None, "", 0, 0, 0
    for number, line in _rows(path, head):
        try:
            frame = _frame(line.rstrip(), pick, width, count)
        except _NOT_A_FRAME:
            if text.is_blank(line):
                blank += 1
                continue
            frame = _second_look(path, number, line, head, pick, count)
        t_ns = frame.t_ns
        if last_ns is None:
            first_ns = t_ns
        elif t_ns <= last_ns:
            if line.rstrip() == last_line.rstrip():
                repeated += 1
                continue
            raise _out_of_order(path, number, t_ns, last_ns, at_once=last_ns == first_ns)
        last_ns, last_line = t_ns, line
        if frame.belt is not None:
            count += 1
        yield frame
    if blank:
        notes.append(f"{blank} blank rows were left out")
    if repeated:
        notes.append(f"{repeated} rows that repeat the row before them were left out")


def _frame(line: str, pick: _Pick, width: int, readings: int) -> Frame:
    """The frame of one plain row, after so many range readings. Raises _NOT_A_FRAME."""
    cells = line.split(",")
    if len(cells) != width:
        raise ValueError
    cells.append("")
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
    belt = RangeSample(t_ns, float(distance), (readings + 1) & 255) if distance else None
    speed_m_s = float(speed) if speed else None
    if abs(t_ns) > _LAST_NS or (speed_m_s is not None and not math.isfinite(speed_m_s)):
        raise ValueError
    return Frame(t_ns, 0, imu, belt, speed_m_s, None, _PRESSED[reset])


def _second_look(path: Path, number: int, line: str, head: _Head, pick: _Pick, readings: int) -> Frame:
    """A row with quotes, or with blank cells below blank columns. Raises Failure for any other."""
    cells = text.plain(line, ",").split(",")
    width = len(head.columns)
    if len(cells) == width + head.blank and not any(cells[width:]):
        del cells[width:]
    try:
        return _frame(",".join(cells), pick, width, readings)
    except _NOT_A_FRAME:
        raise _mistake(path, number, head.columns, cells) from None


def _out_of_order(path: Path, number: int, t_ns: int, last_ns: int, at_once: bool) -> Failure:
    where = f"{path}: line {number}: t_s = {t_ns / 1e9!r} does not come after {last_ns / 1e9!r}"
    if t_ns == last_ns:
        return Failure(
            f"{where}: the same time twice, with other values. Usually times that were rounded to too few digits: "
            "export them with more."
        )
    if at_once:
        return Failure(f"{where}. Usually the newest row first: sort the rows by time.")
    return Failure(
        f"{where}. Usually two recordings in one file, or a clock that was set: split the file there."
    )


def _mistake(path: Path, number: int, header: list[str], cells: list[str]) -> Failure:
    """Why this row is not a frame."""
    where = f"{path}: line {number}"
    if not all(cell.isprintable() for cell in cells):
        return Failure(f"{where}: not text. Usually a damaged file or another format.")
    if len(cells) != len(header):
        return Failure(f"{where}: {len(cells)} cells, the header has {len(header)}. {text.DECIMAL_COMMAS}")
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
                    f"{where}: {column} = {cell!r} is not a number. Leave it empty for no new sample; write numbers "
                    "without units and without marks between thousands."
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
