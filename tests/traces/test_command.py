"""The commands: what a person and a program get back, and the exit code."""

import json
from pathlib import Path

import pytest
import typer
from mcap.reader import make_reader
from typer.testing import CliRunner

from firmware_py.traces.command import replay, trace
from firmware_py.traces.csv_trace import write_csv
from firmware_py.traces.replay import replay_file
from sensors.samples import ImuSample, RangeSample
from tests.traces.make import record, walk

app = typer.Typer()
app.command("replay")(replay)
app.add_typer(trace, name="trace")


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.csv.gz"
    write_csv(path, walk(12.0))
    return path


def test_json_is_one_object_a_trace_and_nothing_else(good: Path) -> None:
    code, out, err = run("replay", good, "--json")
    assert code == 0 and err == ""
    row = json.loads(out)
    assert list(row) == [
        "trace", "duration_s", "walking_s", "frames", "armed_t_s", "stops", "warnings", "decisions_sha256",
    ]  # fmt: skip
    assert row["trace"] == str(good) and row["frames"] == 2400
    assert row["duration_s"] == pytest.approx(12.0, abs=0.01) and 5 < row["walking_s"] <= 12
    assert len(row["decisions_sha256"]) == 64


def test_a_stop_has_the_published_fields(tmp_path: Path) -> None:
    path = tmp_path / "leaves.csv"
    write_csv(path, (f._replace(belt=None) if f.t_ns > 8e9 else f for f in walk(12.0)))
    _, out, _ = run("replay", path, "--json")
    (stop,) = json.loads(out)["stops"]
    assert list(stop) == ["t_s", "cause", "rule", "value", "limit", "position_m", "velocity_m_s"]
    assert stop["cause"] == "range" and 8.1 < stop["t_s"] < 8.3


def test_a_person_gets_a_table(good: Path) -> None:
    code, out, _ = run("replay", good)
    assert code == 0 and "armed" in out and "none" in out


def test_a_bad_trace_gets_its_own_line_and_the_good_ones_are_still_done(good: Path) -> None:
    bad = good.parent / "bad.csv"
    bad.write_text("nonsense\n")
    for jobs in (1, 2):
        code, out, err = run("replay", good.parent, good.parent / "gone.csv", "--json", "--jobs", jobs)
        assert code == 1
        assert json.loads(out)["trace"] == str(good)
        assert len(err.splitlines()) == 2
        assert str(bad) in err.splitlines()[0] and "no such file" in err.splitlines()[1]


def test_jobs_change_nothing_but_the_time(good: Path) -> None:
    record(good.parent / "other.mcap", 8.0)
    assert run("replay", good.parent, "--json") == run("replay", good.parent, "--json", "--jobs", 2)


def test_a_folder_without_traces_is_named(tmp_path: Path) -> None:
    code, _, err = run("replay", tmp_path)
    assert code == 1 and "no trace in this folder" in err


def test_a_wrong_config_is_exit_code_2(good: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[deck]\nlenght_mm = 1400\n")
    code, out, err = run("replay", good, "--config", wrong)
    assert code == 2 and out == "" and "did you mean length_mm?" in err


def test_a_config_changes_the_decisions(good: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[deck]\nrear_line_percent = 60\n")
    hashes = {
        json.loads(run("replay", good, "--json", *extra)[1])["decisions_sha256"]
        for extra in ([], ["--config", other])
    }
    assert len(hashes) == 2


def test_info_says_what_is_inside(good: Path) -> None:
    record(good.parent / "live.mcap", 3.0)
    code, out, _ = run("trace", "info", good.parent, "--json")
    assert code == 0
    csv_row, mcap_row = map(json.loads, out.splitlines())
    assert csv_row["frames"] == 2400 and csv_row["rate_hz"] == 200.0 and not csv_row["button_recorded"]
    assert mcap_row["frames"] == 600 and mcap_row["button_recorded"] and mcap_row["version"] == "0.0.test"
    assert "distance_readings" in run("trace", "info", good)[1]
    (good.parent / "zeros.mcap").write_bytes(b"\0" * 100)
    assert run("trace", "info", good.parent)[0] == 1


def test_import_and_export_keep_frames_and_decisions(good: Path, tmp_path: Path) -> None:
    mcap, back = tmp_path / "out.mcap", tmp_path / "back.csv.gz"
    assert run("trace", "import", good, mcap)[0] == 0
    assert run("trace", "export", mcap, back)[0] == 0
    rows = [json.loads(run("replay", path, "--json")[1]) for path in (good, mcap, back)]
    for row in rows:
        del row["trace"]
    assert rows[0] == rows[1] == rows[2]


def test_strict_fails_for_a_trace_that_never_armed(good: Path, tmp_path: Path) -> None:
    short = tmp_path / "short" / "short.csv"
    short.parent.mkdir()
    write_csv(short, walk(0.3))
    code, out, err = run("replay", short, "--json")
    assert code == 0 and json.loads(out)["armed_t_s"] is None and "never armed" in err
    assert run("replay", short, "--json", "--strict")[0] == 1
    assert run("replay", good, "--strict", "--json")[0] == 0


def test_strict_fails_for_other_decisions_than_recorded(tmp_path: Path) -> None:
    path, other = tmp_path / "t.mcap", tmp_path / "other.toml"
    record(path, 6.0)
    other.write_text("[deck]\nrear_line_percent = 60\n")
    assert run("replay", path, "--strict")[0] == 0
    assert run("replay", path, "--strict", "--config", other)[0] == 1


def in_g_and_degrees(path: Path) -> None:
    lines = ["t;ax;ay;az;wx;wy;wz;mm"]
    for frame in walk(12.0, 100):
        assert isinstance(frame.imu, ImuSample)
        accel = [value / 9.80665 for value in frame.imu.accel_m_s2]
        gyro = [value * 57.29577951308232 for value in frame.imu.gyro_rad_s]
        mm = round(frame.belt.distance_m * 1000) if isinstance(frame.belt, RangeSample) else ""
        lines.append(";".join(map(str, [frame.t_ns // 1_000_000, *accel, *gyro, mm])).replace(".", ","))
    path.write_text("\n".join(lines))


COLUMNS = "time=t,accel_x=ax,accel_y=ay,accel_z=az,gyro_x=wx,gyro_y=wy,gyro_z=wz,distance=mm"
UNITS = ("--accel-unit", "g", "--gyro-unit", "deg/s", "--distance-unit", "mm", "--time-unit", "ms")


def test_a_table_of_another_program_is_imported_with_its_columns_and_units(tmp_path: Path) -> None:
    source, mcap, true = tmp_path / "a.txt", tmp_path / "a.mcap", tmp_path / "true.csv"
    in_g_and_degrees(source)
    assert run("trace", "import", source, mcap, "--columns", COLUMNS, *UNITS)[0] == 0
    write_csv(true, walk(12.0, 100))
    rows = [json.loads(run("replay", path, "--json")[1]) for path in (mcap, true)]
    assert rows[0]["frames"] == rows[1]["frames"] and rows[0]["armed_t_s"] == rows[1]["armed_t_s"]
    assert rows[0]["stops"] == rows[1]["stops"] == []


def test_a_unit_that_is_not_named_is_found_and_nothing_is_written(tmp_path: Path) -> None:
    source, mcap = tmp_path / "a.txt", tmp_path / "a.mcap"
    in_g_and_degrees(source)
    code, _, err = run("trace", "import", source, mcap, "--columns", COLUMNS, *UNITS[2:])
    assert code == 1 and "--accel-unit g" in err and not mcap.exists()


@pytest.mark.parametrize(
    "option",
    [
        ("--preset", "vendor"),
        ("--accel-unit", "gee"),
        ("--axes", "x=y"),
        ("--columns", "speed=v"),
        ("--time-unit", "h"),
    ],
)
def test_an_option_that_names_nothing_is_exit_code_2(
    good: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    code, _, err = run("trace", "import", good, tmp_path / "a.mcap", *option)
    assert code == 2 and option[1].split("=")[0] in err and not (tmp_path / "a.mcap").exists()


def test_an_imported_file_agrees_with_its_own_decisions(good: Path, tmp_path: Path) -> None:
    mcap = tmp_path / "out.mcap"
    assert run("trace", "import", good, mcap)[0] == 0
    summary = replay_file(mcap)
    assert summary.agrees is True and summary.notes == []


def test_every_message_of_an_imported_file_has_the_time_of_its_frame(tmp_path: Path) -> None:
    """The configuration used to be dated 1970, and a recording lost its wall clock."""
    source, mcap = tmp_path / "live.mcap", tmp_path / "out.mcap"
    frames = record(source, 3.0)
    assert run("trace", "import", source, mcap)[0] == 0
    with mcap.open("rb") as file:
        times = [message.log_time for _, _, message in make_reader(file).iter_messages()]
    first_ns = 1_700_000_000_000_000_000 + frames[0].t_ns
    assert min(times) == first_ns and max(times) <= first_ns + 3_000_000_000


@pytest.mark.parametrize(("command", "name"), [("export", "out.csv"), ("import", "out.mcap")])
def test_a_conversion_never_overwrites_and_leaves_nothing_half(good: Path, command: str, name: str) -> None:
    out = good.parent / name
    out.write_text("precious")
    code, _, err = run("trace", command, good, out)
    assert code == 1 and "not overwritten" in err and out.read_text() == "precious"
    out.unlink()
    bad = good.parent / "bad.csv"
    bad.write_bytes(b"t_s\n")
    code, _, err = run("trace", command, bad, out)
    assert code == 1 and str(bad) in err and not out.exists()
    code, _, err = run("trace", command, good, good.parent / "out.txt")
    assert code == 2 and "must end in" in err
