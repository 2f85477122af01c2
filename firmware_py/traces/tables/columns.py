"""Owns the columns of another program's table: finds them, whatever stands above them, and reads them as numbers.

Must never convert a unit but that of the time: foreign.py does the rest.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path

from firmware_py.traces.tables import plausible, text
from firmware_py.traces.tables.presets import ACCEL, GYRO, Form, factor_of
from sensors.advice import Failure
from sensors.samples import Vec3

EMPTY = {"", "nan", "na", "n/a", "null", "none", "-"}  # how programs write that there is no reading
HEADER_LINES = 60  # programs put notes above their table
WRAPS = {"samples": 2**16, "us": 2**32, "0.1ms": 2**32}  # counters of sensors begin again at these
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UPDATE_RATE = re.compile(r"update rate:?\s*([0-9.]+)", re.IGNORECASE)

Lines = list[str]


class Table:
    """The columns of one table as numbers. Raises Failure when one that is needed is not there."""

    def __init__(self, path: Path, lines: Lines, form: Form, columns: dict[str, str]) -> None:
        self._path = path
        self.notes: list[str] = []
        begin, separator = self._head(lines, form, columns)
        for role in ("time", *(ACCEL if "accel_x" in columns else ())):
            self._need(role, columns)
        self._rows = list(self._filled(lines, begin, separator))
        if not form.positions:
            self._check_widths()
        self.times_ns = self._times_ns(form, lines[:begin])

    def _filled(self, lines: Lines, begin: int, separator: str) -> Iterator[tuple[int, list[str]]]:
        """The rows that hold anything, without one of units below the header."""
        first = True
        for number, line in enumerate(lines[begin:], begin + 1):
            if text.is_blank(line) or line[0] == "#":
                continue
            cells = text.plain(line, separator).split(",")
            if first and not any(map(_is_number, cells)):
                self.notes.append("1 row without a number below the header was left out")
            else:
                yield number, cells
            first = False

    def _check_widths(self) -> None:
        """Raises Failure for a row with more cells than the header: its numbers stand under other names."""
        width, last = len(self.names), max(self._at.values(), default=0)
        short = sum(len(cells) <= last for _, cells in self._rows)
        if short:
            self.notes.append(
                f"{short} rows are shorter than the header: what they lack counts as no reading"
            )
        for number, cells in self._rows:
            if any(cells[width:]):
                raise Failure(
                    f"{self._path}: line {number}: {len(cells)} cells, the header has {width}. {text.DECIMAL_COMMAS}"
                )

    def _head(self, lines: Lines, form: Form, columns: dict[str, str]) -> tuple[int, str]:
        """The line below the header, and what parts the cells. Finds the columns, whatever stands above them."""
        if form.positions:
            self.names = list(form.positions)
            self._at = {role: n for n, role in enumerate(form.positions) if role != "-"}
            begin = next((n for n, line in enumerate(lines) if _numbers(line) >= len(self._at)), len(lines))
            return begin, _most_numbers(lines[begin]) if begin < len(lines) else ","
        best: tuple[int, int, str, list[str]] = (0, 0, ",", [])
        for n, line in enumerate(lines[:HEADER_LINES]):
            separator = text.separator_of(line, columns.values())
            names = text.cells_of(line, separator)
            folded = {name.casefold() for name in names}
            score = sum(name.casefold() in folded for name in columns.values())
            if score > best[0]:
                best = (score, n, separator, names)
        _, n, separator, self.names = best
        if not self.names:
            self.names = text.cells_of(lines[0], text.separator_of(lines[0], ())) if lines else []
        folded_names = [name.casefold() for name in self.names]
        for name in columns.values():
            if folded_names.count(name.casefold()) > 1:
                raise Failure(
                    f"{self._path}: {folded_names.count(name.casefold())} columns are called {name!r}. Usually the "
                    "files of two sensors side by side: rename them, or count the columns, "
                    f"`--columns {','.join(('time', *ACCEL, *GYRO))}`, with - for one to skip."
                )
        if len(self.names) == 1 and lines and (sign := text.other_separator(lines[n], columns.values())):
            raise Failure(f"{self._path}: line {n + 1}: {text.parted_by(sign)}.")
        self._at = {
            role: folded_names.index(name.casefold())
            for role, name in columns.items()
            if name.casefold() in folded_names
        }
        return n + 1, separator

    def _need(self, role: str, columns: dict[str, str]) -> None:
        if role in self._at:
            return
        if self.names and all(map(_is_number, self.names)):
            raise Failure(
                f"{self._path}: no header line. Usually a table of numbers alone: count its columns, "
                f"`--columns {','.join(('time', *ACCEL, *GYRO))}`, with - for one to skip."
            )
        raise Failure(
            f"{self._path}: no column {columns.get(role, role)!r}. Usually the export of another program or language: "
            f"name its columns, `--columns {role}=NAME,...`. Columns here: {', '.join(self.names)}."
        )

    def has(self, roles: tuple[str, ...]) -> bool:
        return all(role in self._at for role in roles)

    def vectors(self, roles: tuple[str, ...]) -> list[Vec3 | None]:
        """One of each row; None: no reading."""
        found: list[Vec3 | None] = []
        x, y, z = map(self.numbers, roles)
        for values in zip(x, y, z, strict=True):
            found.append(None if None in values else values)  # type: ignore[arg-type]
        return found

    def numbers(self, role: str) -> list[float | None]:
        return [self._number(number, cells, role) for number, cells in self._rows]

    def words(self, role: str) -> list[str]:
        at = self._at[role]
        return [cells[at] if at < len(cells) else "" for _, cells in self._rows]

    def _number(self, number: int, cells: list[str], role: str) -> float | None:
        at = self._at[role]
        cell = cells[at] if at < len(cells) else ""
        if cell.casefold() in EMPTY:
            return None
        try:
            value = float(cell)
        except ValueError:
            value = float("nan")
        if isfinite(value):
            return value
        cure = (
            "Leave it empty for no reading; write numbers without units and without marks between thousands."
        )
        if role == "time":
            cure = "A clock is read in seconds or as 2026-05-31T12:00:00.010 or 12:00:00.010."
        raise Failure(f"{self._path}: line {number}: {self.names[at]} = {cell!r} is not a number. {cure}")

    def _tick_ns(self, form: Form, above: Lines) -> float:
        """Nanoseconds of one step of the time column."""
        if form.time_unit != "samples":
            return factor_of(form.time_unit, plausible.TIME_NS)
        noted = UPDATE_RATE.search("".join(above))
        rate_hz = form.rate_hz or (float(noted[1]) if noted else 0.0)
        if rate_hz <= 0:
            raise Failure(
                f"{self._path}: the time counts samples, and nothing says how many there are in a second. Usually it "
                "was set in the program that recorded: add --rate-hz."
            )
        return 1e9 / rate_hz

    def _times_ns(self, form: Form, above: Lines) -> list[int]:
        """Nanoseconds on the program's own clock; rows that repeat the one before are dropped."""
        factor, wrap = self._tick_ns(form, above), WRAPS.get(form.time_unit, 0)
        times_ns: list[int] = []
        rows: list[tuple[int, list[str]]] = []
        ticks: int | float
        last: int | float = 0
        turns = dropped = 0
        for number, cells in self._rows:
            word = cells[self._at["time"]] if self._at["time"] < len(cells) else ""
            if ":" in word and not wrap and (date_ns := _date_ns(word)) is not None:
                t_ns = date_ns
            elif self._number(number, cells, "time") is None:
                dropped += 1
                continue
            else:
                ticks = int(word) if word.lstrip("-").isdigit() else float(word)
                if wrap and last - ticks > wrap // 2:
                    turns += wrap
                last = ticks
                t_ns = round((ticks + turns) * factor)
            if times_ns and t_ns <= times_ns[-1]:
                if cells == rows[-1][1]:
                    dropped += 1
                    continue
                why = (
                    "Usually the newest row first: sort the rows by time."
                    if len(times_ns) == 1 and t_ns < times_ns[0]
                    else "Usually two recordings in one file, a counter that began again, midnight between times of "
                    "day, or times that were rounded: split the file there, or export times with more digits."
                )
                raise Failure(
                    f"{self._path}: line {number}: the time {word} does not come after that of the row before it. {why}"
                )
            times_ns.append(t_ns)
            rows.append((number, cells))
        self._rows = rows
        if dropped:
            self.notes.append(f"{dropped} rows without a time of their own were left out")
        return times_ns


def _date_ns(word: str) -> int | None:
    """Nanoseconds since 1970, UTC where no zone is named, or since midnight; None for what is neither."""
    for day in ("", "1970-01-01T"):
        try:
            moment = datetime.fromisoformat(day + word)
        except ValueError:
            continue
        since = moment - (EPOCH if moment.tzinfo else EPOCH.replace(tzinfo=None))
        return since // timedelta(microseconds=1) * 1000
    return None


def _numbers(line: str) -> int:
    cells = text.plain(line, _most_numbers(line)).split(",")
    return sum(_is_number(cell) for cell in cells)


def _most_numbers(line: str) -> str:
    return max(
        text.SEPARATORS + " ",
        key=lambda sep: sum(_is_number(cell) for cell in text.plain(line, sep).split(",")),
    )


def _is_number(cell: str) -> bool:
    try:
        return isfinite(float(cell))
    except ValueError:
        return False
