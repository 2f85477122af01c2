"""Tables as other programs leave them: read as they are meant, or refused with what they are and what to do."""

import gzip
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.core.frame import Frame
from firmware_py.traces.csv_trace import read_csv, write_csv
from firmware_py.traces.replay import open_trace, replay_file
from firmware_py.traces.tables.foreign import read_foreign
from firmware_py.traces.tables.presets import PRESETS, Form, with_columns
from firmware_py.traces.trace import Trace
from sensors.advice import Failure
from sensors.samples import ImuSample, RangeSample
from tests.traces.make import HEADER, ROW, walk

NAMES = ["t", "ax", "ay", "az", "gx", "gy", "gz"]
COLUMNS = "time=t,accel_x=ax,accel_y=ay,accel_z=az,gyro_x=gx,gyro_y=gy,gyro_z=gz"
COUNTED = "time,accel_x,accel_y,accel_z,gyro_x,gyro_y,gyro_z"
Row = list[str]


def rows(seconds: float = 6.0) -> list[Row]:
    """A walk, in our units."""
    found = []
    for frame in walk(seconds, 100):
        assert isinstance(frame.imu, ImuSample)
        values = (*frame.imu.accel_m_s2, *frame.imu.gyro_rad_s)
        found.append([f"{frame.t_ns / 1e9:.3f}", *(f"{value:.6f}" for value in values)])
    return found


def told(folder: Path, table: list[Row], head: Row = NAMES, sep: str = ",", columns: str = COLUMNS) -> Trace:
    """What reading makes of this table."""
    path = folder / "t.csv"
    path.write_text("".join(sep.join(row) + "\n" for row in [head, *table]))
    return read_foreign(path, with_columns(Form(), columns))


def timed(form: Callable[[timedelta], str]) -> list[Row]:
    return [[form(timedelta(seconds=float(row[0]))), *row[1:]] for row in rows()]


NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLOCKS = [
    lambda t: (NOON + t).isoformat(),
    lambda t: (NOON + t).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    lambda t: (NOON + t).isoformat(" ", "microseconds").removesuffix("+00:00"),
    lambda t: f'"{(NOON + t).isoformat(" ", "milliseconds").removesuffix("+00:00").replace(".", ",")}"',
    lambda t: (NOON + t).time().isoformat("microseconds"),
]


@pytest.mark.parametrize("clock", CLOCKS)
def test_dates_and_times_of_day_are_read_as_seconds(
    tmp_path: Path, clock: Callable[[timedelta], str]
) -> None:
    trace = told(tmp_path, timed(clock))
    assert [frame.t_ns for frame in trace.frames] == [n * 10_000_000 for n in range(600)]
    dated = clock(timedelta(0)).strip('"').startswith("2026")
    assert trace.wall_offset_ns == (round(NOON.timestamp() * 1e9) if dated else 0)


def test_a_date_of_another_order_is_named_with_the_form_that_is_read(tmp_path: Path) -> None:
    with pytest.raises(
        Failure, match=r"line 2: t = '01.05.2026 12:00:00.000000' is not.*2026-05-31T12:00:00"
    ):
        told(tmp_path, timed(lambda t: (NOON + t).strftime("%d.%m.%Y %H:%M:%S.%f")))


def test_times_of_day_that_pass_midnight_are_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"does not come after.*midnight"):
        told(tmp_path, timed(lambda t: (NOON + timedelta(hours=12, seconds=-3) + t).strftime("%H:%M:%S.%f")))


def test_a_counter_that_begins_again_is_named(tmp_path: Path) -> None:
    table = [[str((round(float(row[0]) * 1000) + 64_000) % 65_536), *row[1:]] for row in rows()]
    with pytest.raises(Failure, match=r"does not come after.*counter that began again"):
        told(tmp_path, table)


def test_the_newest_row_first_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"line 3: .*newest row first: sort"):
        told(tmp_path, rows()[::-1])
    ours = tmp_path / "ours.csv"
    ours.write_text(f"{HEADER}\n0.02,{ROW},,,\n0.01,{ROW},,,\n0.00,{ROW},,,\n")
    with pytest.raises(Failure, match=r"line 3: .*newest row first: sort"):
        read_csv(ours)


@pytest.mark.parametrize("sep", ["~", ":", "^", "/"])
def test_another_separator_is_named(tmp_path: Path, sep: str) -> None:
    with pytest.raises(Failure, match=r"cells are parted by .*save it with commas"):
        told(tmp_path, rows(), sep=sep)
    ours = tmp_path / "ours.csv"
    ours.write_text(f"{HEADER}\n0.00,{ROW},,,\n".replace(",", sep))
    with pytest.raises(Failure, match=r"cells are parted by .*save it with commas"):
        read_csv(ours)


def test_a_table_without_a_header_is_named(tmp_path: Path) -> None:
    first, *rest = rows()
    with pytest.raises(Failure, match=r"no header line.*--columns time,accel_x"):
        told(tmp_path, rest, first)
    assert len(list(told(tmp_path, rest, first, columns=COUNTED).frames)) == 600


def test_decimal_commas_beside_commas_shift_no_column(tmp_path: Path) -> None:
    table = [[str(n * 10), *(cell.replace(".", ",") for cell in row[1:])] for n, row in enumerate(rows())]
    with pytest.raises(Failure, match=r"line 2: 13 cells, the header has 7.*decimal commas"):
        told(tmp_path, table)


def test_a_blank_cell_at_the_end_of_each_row_does_no_harm(tmp_path: Path) -> None:
    assert len(list(told(tmp_path, [[*row, ""] for row in rows()]).frames)) == 600


def test_a_row_that_was_cut_short_is_left_empty_and_counted(tmp_path: Path) -> None:
    table = rows()
    table[300] = table[300][:4]
    trace = told(tmp_path, table)
    assert sum(not isinstance(frame.imu, ImuSample) for frame in trace.frames) == 1
    assert trace.notes == ["1 rows are shorter than the header: what they lack counts as no reading"]


def test_a_row_of_units_below_the_header_is_left_out(tmp_path: Path) -> None:
    units = ["s", "m/s2", "m/s2", "m/s2", "rad/s", "rad/s", "rad/s"]
    trace = told(tmp_path, [units, *rows()])
    assert len(list(trace.frames)) == 600
    assert trace.notes == ["1 row without a number below the header was left out"]


def test_a_column_name_that_stands_twice_is_never_chosen_from(tmp_path: Path) -> None:
    """The accelerations were taken for turn rates."""
    columns = "time=t,accel_x=x,accel_y=y,accel_z=z,gyro_x=x,gyro_y=y,gyro_z=z"
    with pytest.raises(ValueError, match=r"--columns: 'x' is given for accel_x and gyro_x"):
        with_columns(Form(), columns)
    columns = "time=t,accel_x=x,accel_y=y,accel_z=z,gyro_x=gx,gyro_y=gy,gyro_z=gz"
    with pytest.raises(Failure, match=r"2 columns are called 'x'.*count the columns"):
        told(tmp_path, rows(), ["t", "x", "y", "z", "x", "y", "z"], columns=columns)


@pytest.mark.parametrize("columns", ["time=t,time=ax", "time,time,accel_x", f"{COLUMNS},accel_z=gz"])
def test_a_role_that_is_named_twice_is_refused(columns: str) -> None:
    with pytest.raises(ValueError, match=r"--columns: (time|accel_z) is named twice"):
        with_columns(Form(), columns)


def test_a_name_with_commas_stands_in_quotes(tmp_path: Path) -> None:
    head = ["t", '"Acc, X"', '"Acc, Y"', '"Acc, Z"', *NAMES[4:]]
    columns = 'time=t,accel_x="Acc, X",accel_y="Acc, Y",accel_z="Acc, Z",gyro_x=gx,gyro_y=gy,gyro_z=gz'
    assert len(list(told(tmp_path, rows(), head, columns=columns).frames)) == 600


def test_a_typographers_minus_is_a_minus(tmp_path: Path) -> None:
    plain = list(told(tmp_path, rows()).frames)
    signed = [[cell.replace("-", "\u2212") for cell in row] for row in rows()]
    assert list(told(tmp_path, signed).frames) == plain
    ours = tmp_path / "ours.csv"
    ours.write_text(f"{HEADER}\n0.00,{ROW},,,\n0.01,\u2212{ROW},,,\n")
    _, frame = read_csv(ours).frames
    assert isinstance(frame.imu, ImuSample) and frame.imu.accel_m_s2[0] == -0.1


def test_a_number_with_its_unit_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"az = '9.81 m/s2' is not a number.*without units"):
        told(tmp_path, [[*row[:3], "9.81 m/s2", *row[4:]] for row in rows()])


def test_a_turn_rate_of_zero_alone_was_not_recorded(tmp_path: Path) -> None:
    """A slow walk, whose acceleration alone gives no reason to ask."""
    still = [[*row[:3], f"{9.81 + float(row[1]) * 0.3:.4f}", "0", "0", "0"] for row in rows()]
    with pytest.raises(Failure, match="gyroscope was not recorded"):
        told(tmp_path, still)


@pytest.mark.parametrize(
    ("inch", "words"), [(39.37, "in cm or in"), (100.0, "in cm or in"), (160.0, "in cm:")]
)
def test_inches_are_named_where_they_can_be(tmp_path: Path, inch: float, words: str) -> None:
    table = [[*row, f"{0.6 * inch:.2f}"] for row in rows()]
    with pytest.raises(Failure, match=words):
        told(tmp_path, table, [*NAMES, "d"], columns=COLUMNS + ",distance=d")


NO_TABLES = [
    (b"PK\x03\x04\x14\x00\x08", "t.csv", "a packed workbook or folder"),
    (b"PK\x03\x04\x14\x00\x08", "t.xlsx", "a packed workbook or folder"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "t.csv", "an old Excel workbook"),
    (gzip.compress(b"t,ax\n"), "t.csv", "packed with gzip"),
    (gzip.compress(gzip.compress(b"t,ax\n")), "t.csv.gz", "packed with gzip"),
    (b"SQLite format 3\x00....", "t.csv", "a database"),
    (b"PAR1\x15\x04", "t.csv", "a Parquet file"),
    (b"\x89HDF\r\n\x1a\n", "t.csv", "an HDF5 file"),
    (b"MATLAB 5.0 MAT-file", "t.csv", "a MATLAB file"),
    (b"\x89MCAP0\r\n", "t.csv", "an MCAP file"),
    (b'[{"sensor": "Accelerometer"}]', "t.json", "JSON"),
    (b"<!DOCTYPE html><html>", "t.csv", "a web page or XML"),
    (b"\x01\x02\x03\x1b[2J", "t.csv", "no text"),
]


@pytest.mark.parametrize(("data", "name", "words"), NO_TABLES, ids=[row[2] + row[1] for row in NO_TABLES])
def test_what_is_no_table_is_named_and_never_printed(
    tmp_path: Path, data: bytes, name: str, words: str
) -> None:
    """Control characters of a binary file used to reach the terminal as column names."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(Failure, match=words) as caught:
        read_foreign(path, with_columns(Form(), COLUMNS))
    assert str(caught.value).isprintable()
    if name.endswith((".csv", ".gz")):
        with pytest.raises(Failure, match=words):
            read_csv(path)


def test_a_path_that_is_not_there_is_no_copy_that_was_cut_short(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"cannot be read: No such file or directory. Check the path"):
        read_foreign(tmp_path / "no.csv", with_columns(Form(), COLUMNS))


def test_a_rate_without_samples_to_count_is_refused(tmp_path: Path) -> None:
    words = ["trace", "import", "a.csv", str(tmp_path / "a.mcap"), "--columns", COLUMNS, "--rate-hz", "100"]
    done = CliRunner().invoke(build(["trace"]), words)
    assert done.exit_code == 2 and "--time-unit samples" in done.stderr


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    """0.8 MB of gzip held one line of 800 MB: a traceback, or no memory left for the rest of the device."""
    path = tmp_path / "t.csv.gz"
    head = HEADER.encode() + b"\n"
    for begin, number in ((b"", 1), (head, 2)):
        path.write_bytes(gzip.compress(begin + b"1" * 200_000))
        with pytest.raises(Failure, match=f"line {number} has more than 100000 characters"):
            read_csv(path)


def test_a_packed_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "walk.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("TotalAcceleration.csv", "w") as file,
    ):
        for _ in range(201):
            file.write(b"0" * 1_000_000)
    with pytest.raises(Failure, match=r"TotalAcceleration\.csv has 201000000 bytes"):
        read_foreign(path, PRESETS["sensor-logger"])


# ---------------------------------------------------------------- units that are only wrong for this treadmill


def moving(path: Path, speed_m_s: float, metre: float = 1.0, still_s: float = 12.0) -> Path:
    """A walk on a belt that starts after `still_s`, longer than what is judged by its first seconds."""
    found: list[Frame] = []
    for frame in walk(still_s + 8.0, 100):
        belt = frame.belt
        if isinstance(belt, RangeSample):
            belt = RangeSample(belt.t_ns, belt.distance_m * metre, belt.count)
        found.append(
            frame._replace(belt=belt, belt_speed_m_s=speed_m_s if frame.t_ns > still_s * 1e9 else 0.0)
        )
    write_csv(path, found)
    return path


@pytest.mark.parametrize(("speed_m_s", "words"), [(5.0, "--speed-unit km/h"), (500.0, "--speed-unit mm/s")])
def test_a_belt_that_starts_late_is_looked_at_too(tmp_path: Path, speed_m_s: float, words: str) -> None:
    with pytest.raises(Failure, match=words):
        open_trace(moving(tmp_path / "t.csv", speed_m_s))


@pytest.mark.parametrize(("speed_m_s", "noted"), [(0.9, False), (0.91, True), (1.8, True)])
def test_a_belt_faster_than_its_ceiling_is_noted(tmp_path: Path, speed_m_s: float, noted: bool) -> None:
    notes = replay_file(moving(tmp_path / "t.csv", speed_m_s)).notes
    assert any("belt.ceiling_km_h" in note and "--speed-unit" in note for note in notes) is noted


@pytest.mark.parametrize(("metre", "noted"), [(1.0, False), (2.3, False), (2.4, True), (3.28, True)])
def test_a_distance_beyond_the_deck_is_noted(tmp_path: Path, metre: float, noted: bool) -> None:
    notes = replay_file(moving(tmp_path / "t.csv", 0.0, metre)).notes
    assert any("deck.length_mm" in note and "--distance-unit ft" in note for note in notes) is noted
