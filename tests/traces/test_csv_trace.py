"""The CSV form: what is written is read back, and whatever is wrong is named with file, line and column."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_py.core.frame import Frame
from firmware_py.traces.csv_trace import COLUMNS, read_csv, write_csv
from sensors.advice import Failure
from sensors.samples import Fault, ImuSample, RangeSample, Vec3
from tests.traces.make import HEADER, ROW, any_frame, walk

SHORT = ",".join(HEADER.split(",")[:7])


def written(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_columns_are_those_of_the_published_form() -> None:
    assert ",".join(COLUMNS) == HEADER


def _values(imu: ImuSample) -> tuple[Vec3, Vec3]:
    return imu.accel_m_s2, imu.gyro_rad_s


def as_csv_keeps_it(frame: Frame, count: int) -> Frame:
    """What is left of a frame in CSV: no lateness, no reasons, the sample's time is the frame's."""
    imu, belt = frame.imu, frame.belt
    imu = ImuSample(frame.t_ns, *_values(imu)) if isinstance(imu, ImuSample) else Fault.NOT_READY
    belt = RangeSample(frame.t_ns, belt.distance_m, count) if isinstance(belt, RangeSample) else None
    return Frame(frame.t_ns, 0, imu, belt, frame.belt_speed_m_s, None, frame.reset_pressed)


@given(st.lists(any_frame, min_size=2, max_size=20), st.sampled_from([".csv", ".csv.gz"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True)
def test_what_is_written_is_read_back_to_the_last_bit(
    tmp_path: Path, frames: list[Frame], suffix: str
) -> None:
    start_ns = frames[0].t_ns
    frames = [frame._replace(t_ns=start_ns + n * 5_000_000) for n, frame in enumerate(frames)]
    path = tmp_path / f"t{suffix}"
    path.unlink(missing_ok=True)
    assert write_csv(path, frames, ["a comment"]) == len(frames)
    trace = read_csv(path)
    expected, count = [], 0
    for frame in frames:
        count += isinstance(frame.belt, RangeSample)
        expected.append(as_csv_keeps_it(frame, count & 255))
    assert list(trace.frames) == expected
    assert trace.rate_hz == 200.0
    assert trace.button_recorded == any(frame.reset_pressed for frame in frames)


@pytest.mark.parametrize("rate_hz", [100, 200, 238])
def test_the_rate_is_the_median_step_of_the_trace(tmp_path: Path, rate_hz: int) -> None:
    rows = [f"{n / rate_hz:.6f},{ROW},0.5,," for n in range(300) if n % 50]  # rows are missing here and there
    assert read_csv(written(tmp_path, "\n".join([HEADER, *rows]))).rate_hz == pytest.approx(rate_hz, rel=1e-3)


def test_the_last_three_columns_may_be_missing_and_the_order_is_free(tmp_path: Path) -> None:
    trace = read_csv(written(tmp_path, f"# comment\n\n{SHORT}\n0.0,{ROW}\n# in between\n0.01,{ROW}\n"))
    assert not trace.distance_recorded and not trace.button_recorded
    assert [frame.belt for frame in trace.frames] == [None, None]
    turned = "reset_pressed," + SHORT
    trace = read_csv(written(tmp_path, f"{turned}\n0,0.0,{ROW}\n1,0.01,{ROW}\n"))
    assert trace.button_recorded
    assert [frame.reset_pressed for frame in trace.frames] == [False, True]


def test_an_empty_cell_is_no_new_sample(tmp_path: Path) -> None:
    text = f"{HEADER}\n0.00,{ROW},,,\n0.01,,,,,,,0.5,0.25,\n0.02,{ROW},0.6,0,1\n"
    first, second, third = read_csv(written(tmp_path, text)).frames
    assert first.belt is None and first.belt_speed_m_s is None and not first.reset_pressed
    assert second.imu is Fault.NOT_READY and second.belt_speed_m_s == 0.25
    assert isinstance(second.belt, RangeSample) and isinstance(third.belt, RangeSample)
    assert third.belt.count == second.belt.count + 1
    assert third.belt_speed_m_s == 0.0 and third.reset_pressed


def test_a_spreadsheets_byte_order_mark_and_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{SHORT}\r\n0.0,{ROW}\r\n0.01,{ROW}\r\n".encode())
    assert len(list(read_csv(path).frames)) == 2


GOOD = f"{HEADER}\n0.00,{ROW},0.5,,\n0.01,{ROW},0.5,,\n"
MALFORMED = [
    ("nothing at all", "", ["no header", "empty"]),
    ("only a header", HEADER + "\n", ["0 frame"]),
    ("one frame", f"{HEADER}\n0.0,{ROW},,,\n", ["1 frame"]),
    ("a misspelt column", GOOD.replace("distance_m", "distanc_m"), ["line 1", "did you mean distance_m?"]),
    ("another unit", GOOD.replace("distance_m", "distance_mm"), ["'distance_mm'", "did you mean distance_m?"]),
    ("a strange column", GOOD.replace("belt_speed_m_s", "@@@"), ["'@@@'", "known: t_s"]),
    ("no header", GOOD.split("\n", 1)[1], ["line 1", "unknown column '0.00'"]),
    ("a missing column", GOOD.replace("t_s,", "", 1), ["no column t_s", "A trace needs t_s"]),
    ("a column twice", GOOD.replace("reset_pressed", "t_s"), ["twice"]),
    ("slashes", GOOD.replace(",", "/"), ["line 1", "parted by /"]),
    ("a short row", GOOD + "0.02,1,2\n", ["line 4", "3 cells", "10"]),
    ("a long row", GOOD + f"0.02,{ROW},0.5,,,7\n", ["line 4", "11 cells"]),
    ("a word", GOOD + "0.02,a,0.2,9.81,0.01,0.02,0.03,0.5,,\n", ["line 4", "accel_x_m_s2 = 'a'", "not a number"]),
    ("not a number", GOOD + f"0.02,{ROW.replace('9.81', 'nan')},0.5,,\n", ["accel_z_m_s2 = nan", "not finite"]),
    ("infinite", GOOD + f"0.02,{ROW.replace('0.03', '-inf')},0.5,,\n", ["gyro_z_rad_s = -inf", "not finite"]),
    ("too large", GOOD + f"0.02,{ROW.replace('0.03', '1e999')},0.5,,\n", ["gyro_z_rad_s = 1e999", "not finite"]),
    ("half a sample", GOOD + "0.02,0.1,0.2,,0.01,0.02,0.03,0.5,,\n", ["accel_z_m_s2 is empty", "all six"]),
    ("no first axis", GOOD + "0.02,,0.2,9.81,0.01,0.02,0.03,0.5,,\n", ["accel_x_m_s2 is empty"]),
    ("no gyro", GOOD + "0.02,0.1,0.2,9.81,,,,0.5,,\n", ["gyro_x_rad_s is empty"]),
    ("an infinite distance", GOOD + f"0.02,{ROW},inf,,\n", ["distance_m = inf"]),
    ("an unknown speed", GOOD + f"0.02,{ROW},0.5,nan,\n", ["belt_speed_m_s = nan"]),
    ("half a press", GOOD + f"0.02,{ROW},0.5,,0.5\n", ["reset_pressed = '0.5'", "0 and 1"]),
    ("no time", GOOD + f",{ROW},0.5,,\n", ["line 4", "t_s = ''"]),
    ("infinite time", GOOD + f"inf,{ROW},0.5,,\n", ["t_s = inf"]),
    ("nanoseconds", GOOD + f"0.02,{ROW},,,\n9223372037,{ROW},,,\n", ["line 5", "t_s = 9223372037", "seconds"]),
    ("nanoseconds alone", GOOD + "0.02,,,,,,,,,\n9223372037,,,,,,,,,\n", ["t_s = 9223372037", "seconds"]),
    ("the same time twice", GOOD + f"0.01,{ROW},0.6,,\n", ["line 4", "0.01", "the same time twice", "rounded"]),
    ("time that runs back", GOOD + f"0.005,{ROW},0.5,,\n", ["does not come after"]),
    ("milliseconds", f"{HEADER}\n0,{ROW},,,\n10,{ROW},,,\n20,{ROW},,,\n", ["0.1 Hz", "milliseconds"]),
    ("microseconds as seconds", f"{HEADER}\n0,{ROW},,,\n0.0001,{ROW},,,\n", ["10000 Hz"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_what_is_malformed_is_named(tmp_path: Path, text: str, words: list[str]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(Failure) as caught:
        list(read_csv(path).frames)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_the_last_second_that_a_clock_counts_is_still_read(tmp_path: Path) -> None:
    rows = f"0.02,{ROW},0.5,,\n9223372036,{ROW},0.5,,\n"
    *_, last = read_csv(written(tmp_path, GOOD + rows)).frames
    assert last.t_ns == 9_223_372_036_000_000_000


def test_a_mistake_deep_in_the_file_is_found_with_its_own_line(tmp_path: Path) -> None:
    rows = [f"{n / 100},{ROW},0.5,," for n in range(3000)]
    rows[2499] = rows[2499].replace("9.81", "9,81")
    trace = read_csv(written(tmp_path, "\n".join([HEADER, *rows])))
    with pytest.raises(Failure, match=r"line 2501: 11 cells.*decimal comma"):
        list(trace.frames)


def test_bytes_that_are_not_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(GOOD.encode() + b"\xff\xfe\x00")
    with pytest.raises(Failure, match="not text"):
        list(read_csv(path).frames)


@pytest.mark.parametrize("keep", [0.01, 0.2, 0.9, 0.999])
def test_a_gzip_that_was_cut_short_is_named(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "t.csv.gz"
    write_csv(path, walk(5.0))
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * keep)])
    with pytest.raises(Failure, match="cut short"):
        list(read_csv(path).frames)


def test_a_gzip_with_a_flipped_bit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    write_csv(path, walk(5.0))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(Failure):
        list(read_csv(path).frames)


def test_text_under_a_gzip_name_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"cannot be read|gzip"):
        read_csv(written(tmp_path, GOOD, "t.csv.gz"))


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path, "precious")
    with pytest.raises(FileExistsError):
        write_csv(path, walk(0.1))
    assert path.read_text() == "precious"


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        write_csv(tmp_path / name, walk(1.0))
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).startswith(b"t_s,")
