"""Tables of spreadsheets and other programs: read as they are meant, or refused with what they are."""

import gzip
import zipfile
from collections.abc import Callable
from itertools import product
from math import pi
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.core.frame import Frame
from firmware_py.traces.csv_trace import read_csv, write_csv
from firmware_py.traces.replay import open_trace
from firmware_py.traces.tables import plausible, text
from firmware_py.traces.tables.foreign import read_foreign
from firmware_py.traces.tables.presets import PRESETS, Form, axes_of, factor_of, with_columns
from sensors.advice import Failure
from sensors.samples import Fault, ImuSample, RangeSample
from tests.traces.make import HEADER, ROW, walk

G = 9.80665
ROWS = [HEADER.split(","), *([f"{n / 100:.2f}", *ROW.split(","), "0.55", "", ""] for n in range(1, 40))]


def table(separator: str, comma: bool, quote: str) -> str:
    cell = str if quote == "none" else '"{}"'.format
    point = (lambda word: word.replace(".", ",")) if comma else str
    head, *rest = ROWS
    lines = [separator.join(head if quote == "cells" else map(cell, head))]
    lines += [
        separator.join(point(word) if quote == "none" else cell(point(word)) for word in row) for row in rest
    ]
    return "\n".join(lines) + "\n"


PLAIN = table(",", False, "none")
SHAPES = [
    (separator, comma, quote)
    for separator, comma, quote in product(",;\t|", (False, True), ("none", "all", "cells"))
    if not (separator == "," and comma and quote == "none")  # that one cannot be told apart
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


def frames_of(path: Path) -> list[Frame]:
    return list(read_csv(path).frames)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    path = tmp_path_factory.mktemp("plain") / "t.csv"
    path.write_text(PLAIN)
    return frames_of(path)


@pytest.mark.parametrize(("separator", "comma", "quote"), SHAPES)
def test_separators_quotes_and_decimal_commas_change_nothing(
    tmp_path: Path, expected: list[Frame], separator: str, comma: bool, quote: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table(separator, comma, quote))
    assert frames_of(path) == expected


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_change_nothing(tmp_path: Path, expected: list[Frame], encoding: str, packed: bool) -> None:
    data = table(";", True, "none").replace("\n", "\r\n").encode(encoding)
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    assert frames_of(path) == expected


def test_a_comment_in_latin_1_does_no_harm_and_a_number_in_it_is_found(
    tmp_path: Path, expected: list[Frame]
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"# Gr\xfc\xdfe, m/s\xb2\n" + PLAIN.encode())
    assert frames_of(path) == expected
    path.write_bytes(PLAIN.encode() + f"0.40,{ROW}\xb2,0.5,,\n".encode("latin-1"))
    with pytest.raises(Failure, match="line 41: not text"):
        frames_of(path)


def test_an_announced_separator_is_taken(tmp_path: Path, expected: list[Frame]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sep=;\n" + table(";", True, "none"))
    assert frames_of(path) == expected


@pytest.mark.parametrize(
    "tail", [",,,,,,,,,\n" * 3, ",,,\n", '"","",""\n', ",,,,,,,,,,,,,,\n", " \n", ";;;\n"]
)
def test_a_blank_tail_is_left_out_and_counted(tmp_path: Path, expected: list[Frame], tail: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(PLAIN + tail)
    trace = read_csv(path)
    assert list(trace.frames) == expected
    assert trace.notes == [f"{tail.count(chr(10))} blank rows were left out"]


def test_blank_columns_at_the_right_are_left_out_but_a_value_there_is_named(
    tmp_path: Path, expected: list[Frame]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(PLAIN.replace("\n", ",,\n"))
    assert frames_of(path) == expected
    path.write_text(PLAIN.replace("\n", ",,\n") + f"0.40,{ROW},,,,7,\n")
    with pytest.raises(Failure, match="line 41: 12 cells, the header has 10"):
        frames_of(path)


def test_a_decimal_comma_beside_commas_shifts_no_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(PLAIN + "0.40,0.1,0.2,9,81,0.01,0.02,0.03,,,\n")
    with pytest.raises(Failure, match=r"11 cells.*decimal commas"):
        frames_of(path)


@pytest.mark.parametrize("cell", ["1.234,5", "1,234.5", "9.81 m/s2", "1 234"])
def test_a_number_with_thousands_or_a_unit_is_named(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table(";", False, "none") + f"0.40;{cell};0.2;9.81;0.01;0.02;0.03;;;\n")
    with pytest.raises(Failure, match=r"accel_x_m_s2 = .*is not a number"):
        frames_of(path)


def test_a_repeated_row_is_left_out_and_the_same_time_with_other_values_is_named(
    tmp_path: Path, expected: list[Frame]
) -> None:
    path = tmp_path / "t.csv"
    last = PLAIN.splitlines()[-1]
    path.write_text(PLAIN + last + "\n" + last)
    trace = read_csv(path)
    assert list(trace.frames) == expected
    assert trace.notes == ["2 rows that repeat the row before them were left out"]
    path.write_text(PLAIN + last.replace("0.55", "0.56"))
    with pytest.raises(Failure, match="the same time twice, with other values"):
        frames_of(path)


# ---------------------------------------------------------------- units


def scaled(accel: float = 1, gyro: float = 1, metre: float = 1, seconds: float = 12) -> list[Frame]:
    """A walk as a program with other units would write it into our columns."""
    found = []
    for frame in walk(seconds, 100):
        assert isinstance(frame.imu, ImuSample)
        (ax, ay, az), (gx, gy, gz) = frame.imu.accel_m_s2, frame.imu.gyro_rad_s
        imu = ImuSample(frame.t_ns, (ax * accel, ay * accel, az * accel), (gx * gyro, gy * gyro, gz * gyro))
        belt = frame.belt
        if isinstance(belt, RangeSample):
            belt = RangeSample(belt.t_ns, belt.distance_m * metre, belt.count)
        found.append(frame._replace(imu=imu, belt=belt))
    return found


WRONG_UNITS = [
    ({"accel": 1 / G}, r"mean acceleration reads 1\..*--accel-unit g`"),
    ({"accel": 1000 / G}, "mg or cm/s2.*--accel-unit mg"),
    ({"accel": 100.0}, "mg or cm/s2"),
    ({"accel": 3.28084}, "--accel-unit ft/s2"),
    ({"accel": 1000.0}, "--accel-unit mm/s2"),
    ({"accel": 2048 / G}, "raw counts .2048"),
    ({"accel": 16384 / G}, "raw counts .16384"),
    ({"accel": 0.5}, "0.50 g in m/s2.*LSM6DSO32"),
    ({"accel": 2.0}, "another scale"),
    ({"accel": 0.02}, "gravity was taken out"),
    ({"gyro": 180 / pi}, "--gyro-unit deg/s"),
    ({"gyro": 180_000 / pi}, "--gyro-unit mdeg/s"),
    ({"gyro": 0.0}, "gyroscope was not recorded"),
    ({"gyro": pi / 180}, "converted from degrees"),
    ({"metre": 1000.0}, "--distance-unit mm"),
    ({"metre": 100.0}, "--distance-unit cm"),
    ({"metre": 0.0}, "zeros that stand for no reading"),
    ({"metre": -1.0}, "no walker is there"),
]


@pytest.mark.parametrize(("factors", "words"), WRONG_UNITS, ids=[str(row[0]) for row in WRONG_UNITS])
def test_a_wrong_unit_is_refused_and_named(tmp_path: Path, factors: dict[str, float], words: str) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, scaled(**factors))
    with pytest.raises(Failure, match=words):
        open_trace(path)


def test_degrees_are_noticed_in_somebody_who_stands_still(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(PLAIN.replace("0.01,0.02,0.03", "0.8,-1.1,0.4"))
    with pytest.raises(Failure, match=r"while the acceleration stands still.*--gyro-unit deg/s"):
        open_trace(path)


@pytest.mark.parametrize(("g", "fits"), [(0.79, False), (0.8, True), (1.0, True), (1.2, True), (1.21, False)])
def test_gravity_is_believed_from_0_8_to_1_2_g(tmp_path: Path, g: float, fits: bool) -> None:
    path = tmp_path / "t.csv"
    path.write_text(PLAIN.replace("0.1,0.2,9.81", f"0,0,{g * G + (1e-9 if g < 1 else -1e-9):.9f}"))
    if fits:
        open_trace(path)
    else:
        with pytest.raises(Failure, match="the mean acceleration"):
            open_trace(path)


STEPS = [
    (5.0, "--time-unit ms"), (10.0, "--time-unit ms"), (5000.0, "--time-unit us"), (5e6, "--time-unit ns"),
    (1.0, "counts samples or milliseconds"), (0.1, "too slow"), (0.0001, "bursts"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "words"), STEPS)
def test_a_clock_of_another_unit_is_named(tmp_path: Path, step: float, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(HEADER + "\n" + "".join(f"{n * step:.6f},{ROW},,,\n" for n in range(100)))
    with pytest.raises(Failure, match=words):
        open_trace(path)


def test_times_of_arrival_in_bursts_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    times = [n // 5 * 0.05 + n % 5 * 0.002 for n in range(200)]
    path.write_text(HEADER + "\n" + "".join(f"{t:.6f},{ROW},,,\n" for t in times))
    with pytest.raises(Failure, match="times come in bursts"):
        open_trace(path)


@pytest.mark.parametrize(("speed", "words"), [(2.5, None), (3.2, "km/h or mph"), (900.0, "mm/s")])
def test_a_belt_speed_of_another_unit_is_named(tmp_path: Path, speed: float, words: str | None) -> None:
    path = tmp_path / "t.csv"
    path.write_text(PLAIN.replace(",0.55,,", f",0.55,{speed},"))
    if words is None:
        open_trace(path)
    else:
        with pytest.raises(Failure, match=words):
            open_trace(path)


@pytest.mark.parametrize(
    ("vector", "name"), [("0,9.81,0", "y"), ("-9.81,0,0", "-x"), ("0,0,-9.81", "-z"), ("8.6,0,4.8", "x")]
)
def test_a_sensor_worn_another_way_is_named(tmp_path: Path, vector: str, name: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(PLAIN.replace("0.1,0.2,9.81", vector))
    with pytest.raises(Failure, match=f"gravity is read on {name},") as caught:
        open_trace(path)
    assert ("--accel-inverted" in str(caught.value)) == (name == "-z")


def test_somebody_who_falls_and_lies_in_a_short_file_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lying = [line.replace("0.1,0.2,9.81", "9.7,0.2,0.9") for line in PLAIN.splitlines()[1:]]
    rows = [f"{n / 100:.2f}," + lying[0].split(",", 1)[1] for n in range(150, 600)]
    upright = [f"{n / 100:.2f}," + PLAIN.splitlines()[1].split(",", 1)[1] for n in range(150)]
    path.write_text("\n".join([HEADER, *upright, *rows]))
    open_trace(path)


# ---------------------------------------------------------------- other programs


def sensor(
    name: str, axes: Callable[[ImuSample], tuple[float, float, float]], seconds: float, late_ns: int
) -> str:
    """One file of Sensor Logger: nanoseconds of the epoch, z before y before x."""
    lines = ["time,seconds_elapsed,z,y,x"]
    for frame in walk(seconds, 100):
        assert isinstance(frame.imu, ImuSample), name
        x, y, z = axes(frame.imu)
        t_ns = 1_760_000_000_123_456_789 + frame.t_ns + late_ns
        lines.append(f"{t_ns},{frame.t_ns / 1e9:.6f},{z!r},{y!r},{x!r}")
    return "\n".join(lines) + "\n"


def phone(folder: Path, seconds: float = 6.0) -> Path:
    """Worn upright: the phone's y points up, its x to the right."""

    def turned(v: tuple[float, float, float]) -> tuple[float, float, float]:
        return -v[1], v[2], -v[0]

    folder.mkdir()
    accel = sensor("accel", lambda imu: turned(imu.accel_m_s2), seconds, 0)
    gyro = sensor("gyro", lambda imu: turned(imu.gyro_rad_s), seconds, 3_000_000)
    (folder / "TotalAcceleration.csv").write_text(accel)
    (folder / "Gyroscope.csv").write_text(gyro)
    (folder / "Metadata.csv").write_text("version,device name\n3,phone\n")
    return folder


PHONE = Form(
    **{
        **{name: getattr(PRESETS["sensor-logger"], name) for name in Form.__dataclass_fields__},
        "axes": "x=-z,y=-x,z=y",
    }
)


@pytest.mark.parametrize("packed", [False, True])
def test_a_phones_two_files_become_one_trace_in_the_body_frame(tmp_path: Path, packed: bool) -> None:
    source = phone(tmp_path / "walk")
    if packed:
        with zipfile.ZipFile(tmp_path / "walk.zip", "w") as archive:
            for path in source.iterdir():
                archive.write(path, f"walk-2026/{path.name}")
        source = tmp_path / "walk.zip"
    trace = read_foreign(source, PHONE)
    frames, original = list(trace.frames), list(walk(6.0, 100))[1:]
    assert trace.rate_hz == 100 and trace.wall_offset_ns == 1_760_000_000_123_456_789
    assert len(frames) == len(original)
    before = [frame.imu for frame in walk(6.0, 100)]
    for n, (frame, true) in enumerate(zip(frames, original, strict=True)):
        assert isinstance(frame.imu, ImuSample) and isinstance(true.imu, ImuSample)
        assert frame.imu.accel_m_s2 == pytest.approx(true.imu.accel_m_s2)
        last = before[n]
        assert isinstance(last, ImuSample)
        between = [a + (b - a) * 0.7 for a, b in zip(last.gyro_rad_s, true.imu.gyro_rad_s, strict=True)]
        assert frame.imu.gyro_rad_s == pytest.approx(between)


def test_a_gap_in_one_sensor_is_not_filled(tmp_path: Path) -> None:
    source = phone(tmp_path / "walk")
    lines = (source / "Gyroscope.csv").read_text().splitlines()
    (source / "Gyroscope.csv").write_text("\n".join(lines[:100] + lines[140:]))
    missing = [frame for frame in read_foreign(source, PHONE).frames if frame.imu is Fault.NOT_READY]
    assert len(missing) == 41


def test_one_file_of_a_phone_alone_is_named(tmp_path: Path) -> None:
    source = phone(tmp_path / "walk")
    with pytest.raises(Failure, match=r"holds no turn rates.*give the folder or .zip"):
        read_foreign(source / "TotalAcceleration.csv", PHONE)
    (source / "Gyroscope.csv").unlink()
    with pytest.raises(Failure, match="holds no turn rates"):
        read_foreign(source, PHONE)
    (source / "TotalAcceleration.csv").unlink()
    with pytest.raises(Failure, match=r"none of TotalAcceleration.csv.*Files here: Metadata.csv"):
        read_foreign(source, PHONE)


PHYPHOX = [
    "Time (s)",
    *(f"Acceleration {a} (m/s^2)" for a in "xyz"),
    *(f"Gyroscope {a} (rad/s)" for a in "xyz"),
]


@pytest.mark.parametrize(
    ("separator", "comma"), [(",", False), ("\t", False), (";", False), ("\t", True), (";", True)]
)
def test_phyphox_is_read_in_each_of_its_exports(tmp_path: Path, separator: str, comma: bool) -> None:
    lines = [separator.join(f'"{name}"' for name in PHYPHOX)]
    for frame in walk(5.0, 100):
        assert isinstance(frame.imu, ImuSample)
        values = [frame.t_ns / 1e9, *frame.imu.accel_m_s2, *frame.imu.gyro_rad_s]
        cells = [f"{value:.9E}" for value in values]
        lines.append(separator.join(cell.replace(".", ",") if comma else cell for cell in cells))
    path = tmp_path / "Raw Data.csv"
    path.write_text("\n".join(lines))
    frames = list(read_foreign(path, PRESETS["phyphox"]).frames)
    assert len(frames) == 500 and isinstance(frames[7].imu, ImuSample)
    assert frames[7].t_ns == 70_000_000


XSENS = "PacketCounter\tSampleTimeFine\tYear\tAcc_X\tAcc_Y\tAcc_Z\tGyr_X\tGyr_Y\tGyr_Z\tRoll"


def xsens(first: int, note: str = "// Update Rate: 100.0Hz") -> str:
    lines = ["// General information:", "//  MT Manager version: 2022.2.0", note, XSENS]
    for n, frame in enumerate(walk(5.0, 100)):
        assert isinstance(frame.imu, ImuSample)
        values = [*frame.imu.accel_m_s2, *frame.imu.gyro_rad_s]
        lines.append(
            "\t".join([str((first + n) % 65536), "NaN", "NaN", *(f"{v:.6f}" for v in values), "0.1"])
        )
    return "\n".join(lines) + "\n"


def test_xsens_counts_samples_beyond_the_turn_of_its_counter(tmp_path: Path) -> None:
    path = tmp_path / "MT_0001.txt"
    path.write_text(xsens(65_400))
    frames = list(read_foreign(path, PRESETS["xsens"]).frames)
    assert [frame.t_ns for frame in frames] == [n * 10_000_000 for n in range(500)]


def test_xsens_without_its_rate_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "MT_0001.txt"
    path.write_text(xsens(0, "//"))
    with pytest.raises(Failure, match="--rate-hz"):
        read_foreign(path, PRESETS["xsens"])


def test_xsens_dot_is_in_degrees_and_microseconds_and_its_free_acceleration_is_no_acceleration(
    tmp_path: Path,
) -> None:
    lines = ["sep=,", "DeviceTag:,D1", "PacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z"]
    for n, frame in enumerate(walk(5.0, 100)):
        assert isinstance(frame.imu, ImuSample)
        degrees = [value * 180 / pi for value in frame.imu.gyro_rad_s]
        cells = [n, (2**32 - 1_000_000 + n * 10_000) % 2**32, *frame.imu.accel_m_s2, *degrees]
        lines.append(",".join(map(str, cells)))
    path = tmp_path / "D1.csv"
    path.write_text("\n".join(lines))
    frames = list(read_foreign(path, PRESETS["xsens-dot"]).frames)
    assert len(frames) == 500 and frames[-1].t_ns == 4_990_000_000
    path.write_text("\n".join(lines).replace("Acc_", "FreeAcc_"))
    with pytest.raises(Failure, match=r"no column 'Acc_X'.*Columns here: PacketCounter.*FreeAcc_X"):
        read_foreign(path, PRESETS["xsens-dot"])


def test_columns_can_be_named_or_counted(tmp_path: Path, expected: list[Frame]) -> None:
    named, counted = tmp_path / "named.csv", tmp_path / "counted.csv"
    rest = "\n".join(f"x;{row}" for row in table(";", True, "none").split("\n")[1:-1])
    named.write_text("note;ts;ax;ay;az;wx;wy;wz;d;v;b\n" + rest)
    counted.write_text(rest)
    pairs = "time=ts,accel_x_m_s2=ax,accel_y=ay,accel_z=az,gyro_x=wx,gyro_y=wy,gyro_z=wz,distance=d"
    count = "-,time,accel_x,accel_y,accel_z,gyro_x,gyro_y,gyro_z,distance"
    for path, columns in ((named, pairs), (counted, count)):
        frames = list(read_foreign(path, with_columns(Form(), columns)).frames)
        assert [frame._replace(t_ns=0, imu=frame.imu, belt=None) for frame in frames[:1]]
        assert [f.imu.accel_m_s2 for f in frames if isinstance(f.imu, ImuSample)] == [
            f.imu.accel_m_s2 for f in expected if isinstance(f.imu, ImuSample)
        ]
        assert frames[0].t_ns == 0 and frames[1].t_ns == 10_000_000
        assert all(isinstance(frame.belt, RangeSample) for frame in frames)


@pytest.mark.parametrize("text_", ["x=y,y=x,z=z", "x=x,y=y", "x=x,y=x,z=z", "north"])
def test_axes_that_no_way_of_wearing_gives_are_refused(text_: str) -> None:
    with pytest.raises(ValueError, match="--axes"):
        axes_of(text_)


def test_units_are_names_or_factors() -> None:
    assert factor_of("g", plausible.ACCEL_M_S2) == G and factor_of("0.0012", plausible.ACCEL_M_S2) == 0.0012
    for wrong in ("gee", "-1", "nan", "0"):
        with pytest.raises(ValueError, match="is none of"):
            factor_of(wrong, plausible.ACCEL_M_S2)
    with pytest.raises(ValueError, match="none of time"):
        with_columns(Form(), "acceleration=ax")


def test_a_zip_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "walk.zip"
    path.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(Failure, match="cannot be unpacked"):
        read_foreign(path, PHONE)


def test_a_short_text_is_never_taken_for_utf_16() -> None:
    assert text.encoding_of(b"") == "utf-8-sig" and text.encoding_of(b"t_s") == "utf-8-sig"


# ---------------------------------------------------------------- as it is

UNLIKELY = [
    ("somebody lies", lambda text: text.replace("0.1,0.2,9.81", "9.7,0.2,0.9")),
    ("somebody jogs", lambda text: text.replace("0.1,0.2,9.81", "0.1,0.2,12.4")),
    ("somebody spins", lambda text: text.replace("0.01,0.02,0.03", "0.01,0.02,13.0")),
]


@pytest.mark.parametrize(("change"), [row[1] for row in UNLIKELY], ids=[row[0] for row in UNLIKELY])
@pytest.mark.parametrize("form", [[], ["--accel-unit", "m/s2"]])
def test_what_is_unlikely_is_refused_with_a_way_out_that_works(
    tmp_path: Path, change: Callable[[str], str], form: list[str]
) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "t.mcap"
    table.write_text(change(PLAIN))
    words = ["trace", "import", str(table), str(out), *form]
    refused = CliRunner().invoke(build(["trace"]), words)
    assert refused.exit_code == 1 and "`rearguard trace import --as-is`" in refused.stderr
    assert not out.exists()
    taken = CliRunner().invoke(build(["trace"]), [*words, "--as-is"])
    assert taken.exit_code == 0, taken.stderr
    assert len(list(open_trace(out).frames)) == len(PLAIN.splitlines()) - 1
