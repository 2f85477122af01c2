"""Every reader turns its publisher's files into the same walker, and says plainly what it cannot use."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_py.evaluation.datasets.table import DATASETS, people, read_person
from firmware_py.evaluation.datasets.trials import G_M_S2, Kind, Trial
from tests.support import people as made

Write = Callable[[Path, np.ndarray, np.ndarray, str], None]


def sisfall(folder: Path, accel: np.ndarray, gyro: np.ndarray, activity: str) -> None:
    (folder / f"{activity}_SA01_R01.txt").write_bytes(made.sisfall_text(accel, gyro))


def fallalld(folder: Path, accel: np.ndarray, gyro: np.ndarray, activity: str) -> None:
    for letter, data in zip("AG", made.fallalld_text(accel, gyro), strict=True):
        (folder / f"S01_D3_A{activity}_T01_{letter}.dat").write_bytes(data)


def kfall(folder: Path, accel: np.ndarray, gyro: np.ndarray, activity: str) -> None:
    (folder / f"S06T{activity}R01.csv").write_bytes(made.kfall_csv(accel, gyro))


def movingreality(folder: Path, accel: np.ndarray, gyro: np.ndarray, activity: str) -> None:
    place = folder / "1019_pp01" / "Xsens" / "exported000"
    place.mkdir(parents=True)
    (place / "MT_012000E0_000-000_00B47791.txt").write_bytes(made.xsens_text(accel, gyro, -1))
    (place / "MT_012000E0_000-000_00B4778E.txt").write_bytes(b"a foot")
    (place / "sensorspec.json.txt").write_text('{"leftfoot": "00B4778E.txt", "lumbar": "47791.txt"}')
    (folder / "1019_pp01" / "corresponding_files.txt").write_text("1019_MR001_1Reg02.c3d = exported000")


def ipol(folder: Path, accel: np.ndarray, gyro: np.ndarray, activity: str) -> None:
    (folder / "2-3_lb.txt").write_bytes(made.xsens_text(accel, gyro, 1))
    (folder / "2-3_lf.txt").write_bytes(b"a foot")
    (folder / "2-3.json").write_text('{"UTurnBoundaries": [500, 700]}')


SETS: dict[str, tuple[Write, float, str, str, str]] = {
    "sisfall": (sisfall, 200.0, "F02", "SA01", "F02"),
    "fallalld": (fallalld, 238.0, "107", "S01", "107"),
    "kfall": (kfall, 100.0, "34", "SA06", "T34"),
    "movingreality": (movingreality, 100.0, "", "pp01", "1Reg"),
    "ipol": (ipol, 100.0, "", "P02", "walk and turn"),
}


def read_only_trial(name: str, path: Path) -> tuple[list[Trial], list[str]]:
    by_person, problems = people(DATASETS[name], [path])
    trials: list[Trial] = []
    for person, files in by_person.items():
        good, bad = read_person(DATASETS[name], person, files)
        trials += good
        problems += bad
    return trials, problems


@pytest.mark.parametrize("name", SETS)
def test_a_recording_comes_back_in_the_body_frame_in_si_units(name: str, tmp_path: Path) -> None:
    write, rate_hz, activity, person, known_as = SETS[name]
    accel, gyro = made.backward_fall(rate_hz, 12.0)
    accel[round(made.IMPACT_S * rate_hz)] = accel[round(made.IMPACT_S * rate_hz) + 1]
    accel[round(10 * rate_hz)] = (20.0, 0.0, 45.0)
    write(tmp_path, accel, gyro, activity)
    (trial,), problems = read_only_trial(name, tmp_path)
    assert problems == []
    assert (trial.person, trial.activity, trial.rate_hz) == (person, known_as, rate_hz)
    np.testing.assert_allclose(trial.accel_m_s2, accel, atol=0.03)
    np.testing.assert_allclose(trial.gyro_rad_s, gyro, atol=0.002)
    if trial.kind.is_fall:
        assert trial.kind is Kind.FALL_WALKING
        assert trial.backward
        assert trial.impact_index == round(10 * rate_hz)


@pytest.mark.parametrize("name", SETS)
def test_at_rest_up_is_plus_z_and_leaning_back_turns_gravity_the_way_the_gyro_says(
    name: str, tmp_path: Path
) -> None:
    write, rate_hz, activity, _, _ = SETS[name]
    seconds, rate_rad_s = 12.0, np.radians(4)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = -rate_rad_s * t
    accel = np.column_stack([-np.sin(pitch), 0 * t, np.cos(pitch)]) * G_M_S2
    gyro = np.column_stack([0 * t, np.full_like(t, -rate_rad_s), 0 * t])
    write(tmp_path, accel, gyro, activity)
    (trial,), _ = read_only_trial(name, tmp_path)
    assert trial.accel_m_s2[0] == pytest.approx((0, 0, G_M_S2), abs=0.05)
    assert trial.accel_m_s2[-1, 0] > 5.0  # chest toward the sky: forward points up
    up = trial.accel_m_s2 / G_M_S2
    turned = -np.cross(trial.gyro_rad_s, up)  # du/dt = -w x u
    moved = np.gradient(up, 1 / rate_hz, axis=0)
    assert np.abs((turned - moved)[5:-5].mean(axis=0)).max() < 0.005


@pytest.mark.parametrize(
    ("name", "activity", "kind"),
    [
        *(("sisfall", a, Kind.WALK) for a in ("D01", "D02")),
        *(("sisfall", a, Kind.LEAVES_WALKING) for a in ("D03", "D07", "D17", "D19")),
        ("sisfall", "D18", Kind.STUMBLE),
        *(("sisfall", a, Kind.FALL_WALKING) for a in ("F01", "F03", "F04", "F06")),
        ("sisfall", "F05", Kind.FALL_JOGGING),
        *(("sisfall", a, Kind.FALL_OTHER) for a in ("F07", "F15")),
        *(("fallalld", a, Kind.WALK) for a in ("019", "020", "021", "022")),
        *(("fallalld", a, Kind.LEAVES_WALKING) for a in ("018", "024", "027", "043", "044")),
        ("fallalld", "023", Kind.STUMBLE),
        *(("fallalld", a, Kind.FALL_WALKING) for a in ("101", "106", "111", "112")),
        *(("fallalld", a, Kind.FALL_JOGGING) for a in ("121", "126")),
        *(("fallalld", a, Kind.FALL_OTHER) for a in ("113", "120", "127", "135")),
        *(("kfall", a, Kind.WALK) for a in ("06", "07")),
        *(("kfall", a, Kind.LEAVES_WALKING) for a in ("01", "08", "09", "19")),
        ("kfall", "10", Kind.STUMBLE),
        *(("kfall", a, Kind.FALL_OTHER) for a in ("20", "27")),
        *(("kfall", a, Kind.FALL_WALKING) for a in ("28", "30", "32", "33", "34")),
        ("kfall", "31", Kind.FALL_JOGGING),
        ("movingreality", "", Kind.WALK),
        ("ipol", "", Kind.WALK),
    ],
)
def test_each_activity_counts_on_its_own_line(name: str, activity: str, kind: Kind, tmp_path: Path) -> None:
    write, rate_hz, *_ = SETS[name]
    write(tmp_path, *made.walk(13.0, rate_hz), activity)
    (trial,), _ = read_only_trial(name, tmp_path)
    assert trial.kind is kind
    assert trial.backward == (name + activity in ("sisfallF02", "fallalld107", "kfall34"))


def test_getting_up_after_a_fall_or_jogging_before_it_is_not_taken_for_the_impact(tmp_path: Path) -> None:
    accel, gyro = made.walk(20.0, 238.0)
    accel[10 * 238] = (0, 0, 30)
    for other_s in (3, 15):
        accel[other_s * 238] = (0, 0, 60)
    fallalld(tmp_path, accel, gyro, "107")
    (trial,), _ = read_only_trial("fallalld", tmp_path)
    assert trial.impact_index == 2380


def test_a_knock_at_the_start_is_not_taken_for_the_impact(tmp_path: Path) -> None:
    accel, gyro = made.backward_fall(200.0)
    accel[100] = (0, 0, 90)
    sisfall(tmp_path, accel, gyro, "F03")
    (trial,), _ = read_only_trial("sisfall", tmp_path)
    assert trial.impact_index == made.IMPACT_S * 200


LABELS = [
    ["Task Code (Task ID)", "Description", "Trial ID", "Fall_onset_frame", "Fall_impact_frame"],
    ["F14 (33)", "sideways", 1, 200, 300],
    [None, None, 2, 210, 310],
    ["F15 (34)", "backward", 1, 520, 601],
    [None, None, 2, 530, None],
]


def test_kfall_labels_count_frames_from_one_and_blank_tasks_mean_as_above(tmp_path: Path) -> None:
    kfall(tmp_path, *made.backward_fall(100.0), "34")
    kfall(tmp_path, *made.backward_fall(100.0), "33")
    (tmp_path / "S06T33R02.csv").write_bytes((tmp_path / "S06T33R01.csv").read_bytes())
    (tmp_path / "S06T34R02.csv").write_bytes((tmp_path / "S06T34R01.csv").read_bytes())
    (tmp_path / "SA06_label.xlsx").write_bytes(made.workbook(LABELS))
    trials, problems = read_only_trial("kfall", tmp_path)
    assert problems == []
    found = {t.name: (t.onset_index, t.impact_index, t.labelled) for t in trials}
    assert found == {
        "S06T33R01": (199, 299, True),
        "S06T33R02": (209, 309, True),
        "S06T34R01": (519, 600, True),
        "S06T34R02": (None, 600, False),  # no label: the |a| peak
    }


def test_lost_xsens_packets_are_bridged_and_long_gaps_refused(tmp_path: Path) -> None:
    accel, gyro = made.walk(6.0, 100.0)
    lines = made.xsens_text(accel, gyro, 1).splitlines(keepends=True)
    (tmp_path / "1-1_lb.txt").write_bytes(b"".join(lines[:103] + lines[106:]))
    (tmp_path / "1-2_lb.txt").write_bytes(b"".join(lines[:103] + lines[163:]))
    (trial,), (problem,) = read_only_trial("ipol", tmp_path)
    assert len(trial.accel_m_s2) == 600
    np.testing.assert_allclose(trial.accel_m_s2, accel, atol=0.2)
    assert "packets are lost" in problem


ROW = b"   2,-255,  17, -27, 121,-208, -70,-982, 234;\n"
XSENS_HEADER = b"PacketCounter\tAcc_X\tAcc_Y\tAcc_Z\tGyr_X\tGyr_Y\tGyr_Z\n"


@pytest.mark.parametrize(
    ("name", "file", "data", "words"),
    [
        ("sisfall", "D01_SA01_R01.txt", b"", "no line of numbers"),
        ("sisfall", "D01_SA01_R01.txt", b"<html>not found</html>\n" * 9, "line 1"),
        ("sisfall", "D01_SA01_R01.txt", ROW * 700 + b"1,2,3;\n" + ROW * 50, "line 701"),
        ("sisfall", "D01_SA01_R01.txt", ROW * 20, "too short"),
        ("sisfall", "D01_SA01_R01.txt", b"0,0,0,0,0,0,0,0,0;\n" * 900, "0.00 g"),
        ("sisfall", "D01_SA01_R01.txt", b"nan,-255,0,0,0,0,0,0,0;\n" * 900, "no number"),
        ("sisfall", "SA01.zip", b"PK not really", "not a zip"),
        ("fallalld", "S01_D3_A020_T01_A.dat", b"4098,0,0\n" * 900, "only its _A file"),
        ("fallalld", "S01_D3_A020_T01_G.dat", b"x", "only its _G file"),
        ("kfall", "S06T06R01.csv", b"a,b,c\n1,2,3\n", "no column FrameCounter"),
        ("kfall", "S06T06R01.csv", b"FrameCounter,AccX,AccY,AccZ,GyrX,GyrY,GyrZ\n", "no rows"),
        (
            "kfall",
            "S06T06R01.csv",
            b"FrameCounter,AccX,AccY,AccZ,GyrX,GyrY,GyrZ\n1,0,-1,0,0,0,oops\n",
            "line 2",
        ),
        ("kfall", "SA06_label.xlsx", b"<html>", "not a workbook"),
        ("kfall", "SA06_label.xlsx", made.workbook([["a", "b"], [1, 2]]), "no columns for task code"),
        ("ipol", "1-1_lb.txt", b"nothing here", "no header"),
        ("ipol", "1-1_lb.txt", b"PacketCounter\tAcc_X\n1\t9.8\n", "no column Acc_Y"),
        ("ipol", "1-1_lb.txt", XSENS_HEADER, "no rows"),
        ("ipol", "1-1_lb.txt", XSENS_HEADER + b"1\t9.8\t0\t0\t0\t0\tx\n2\t9.8\t0\t0\t0\t0\t0\n", "line 2"),
        ("movingreality", "1019_pp01/exported000/MT_1_47791.txt", b"//\n", "no header"),
    ],
)
def test_what_cannot_be_used_is_skipped_with_the_reason(
    name: str, file: str, data: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    trials, (problem,) = read_only_trial(name, tmp_path)
    assert trials == []
    assert words in problem
    assert problem.count(". ") >= 1  # what happened, then why and what to do


def test_accelerometer_and_gyro_of_different_length_are_refused(tmp_path: Path) -> None:
    fallalld(tmp_path, *made.walk(13.0, 238.0), "020")
    path = tmp_path / "S01_D3_A020_T01_G.dat"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-9]))
    trials, (problem,) = read_only_trial("fallalld", tmp_path)
    assert trials == []
    assert "rows of accel" in problem


def test_labels_of_another_release_are_refused(tmp_path: Path) -> None:
    kfall(tmp_path, *made.backward_fall(100.0), "34")
    rows = [*LABELS[:3], ["F15 (34)", "backward", 1, 900, 5000]]
    (tmp_path / "SA06_label.xlsx").write_bytes(made.workbook(rows))
    trials, (problem,) = read_only_trial("kfall", tmp_path)
    assert trials == []
    assert "(900, 5000)" in problem


def test_a_last_line_cut_short_costs_one_sample_and_not_the_recording(tmp_path: Path) -> None:
    (tmp_path / "D01_SA01_R01.txt").write_bytes(ROW * 900 + b"   2,-25")
    (trial,), problems = read_only_trial("sisfall", tmp_path)
    assert problems == []
    assert len(trial.accel_m_s2) == 900


def test_a_movingreality_folder_without_word_on_its_sensors_is_refused_when_there_are_two(
    tmp_path: Path,
) -> None:
    movingreality(tmp_path, *made.walk(6.0, 100.0), "")
    (tmp_path / "1019_pp01/Xsens/exported000/sensorspec.json.txt").unlink()
    trials, (problem,) = read_only_trial("movingreality", tmp_path)
    assert trials == []
    assert "which is lumbar" in problem
    (tmp_path / "1019_pp01/Xsens/exported000/sensorspec.json").write_text("[]")
    assert "does not name the lumbar sensor" in read_only_trial("movingreality", tmp_path)[1][0]


def test_folders_zips_and_zips_in_zips_give_the_same_people(tmp_path: Path) -> None:
    text = made.sisfall_text(*made.walk(4.0, 200.0))
    loose = tmp_path / "loose" / "SA01"
    loose.mkdir(parents=True)
    (loose / "D01_SA01_R01.txt").write_bytes(text)
    (loose / "Readme.txt").write_text("not a trial")
    inner = tmp_path / "SA01.zip"
    with zipfile.ZipFile(inner, "w") as z:
        z.writestr("SA01/D01_SA01_R01.txt", text)
        z.writestr("__MACOSX/SA01/D01_SA01_R01.txt", b"")
    outer = tmp_path / "outer" / "SisFall.zip"
    outer.parent.mkdir()
    with zipfile.ZipFile(outer, "w") as z:
        z.writestr("SisFall_dataset/SA01.zip", inner.read_bytes())
    for path in (tmp_path / "loose", loose / "D01_SA01_R01.txt", inner, outer.parent):
        (trial,), problems = read_only_trial("sisfall", path)
        assert (trial.person, trial.name, problems) == ("SA01", "D01_SA01_R01", [])
