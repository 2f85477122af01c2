"""A configuration that was emptied, or lost what commissioning measured, does not arm, and says why (P9)."""

import json
from pathlib import Path
from typing import Any

import pytest

from firmware_py.config import Config, load, parse
from firmware_py.device.settings import save
from firmware_py.storage import record

MEASURED: dict[str, dict[str, Any]] = {
    "belt": {"commissioned": True, "coast_down_m_s2": 0.6, "stop_latency_ms": 300, "ceiling_km_h": 4.0},
    "deck": {"length_mm": 1310, "rear_line_percent": 55.0, "front_line_mm": 200},
    "range": {"zero_mm": 40, "half_body_mm": 120},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    record.keep(parse(MEASURED), path)
    save(parse(MEASURED), path)
    return path


def why(path: Path) -> str:
    return record.missing(load(path), path)


def with_one(section: str, key: str, value: Any) -> Config:
    return parse({**MEASURED, section: {**MEASURED[section], key: value}})


def test_what_was_measured_arms(file: Path) -> None:
    assert why(file) == ""


def test_the_defaults_without_a_file_and_a_file_without_a_record_arm(tmp_path: Path) -> None:
    assert record.missing(Config(), None) == ""
    save(Config(), tmp_path / "config.toml")
    assert why(tmp_path / "config.toml") == ""


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but words\n"])
@pytest.mark.parametrize("recorded", [False, True])
def test_a_file_without_any_setting_does_not_arm(file: Path, text: str, recorded: bool) -> None:
    file.write_text(text)
    if not recorded:
        record.path_of(file).unlink()
    assert "has no setting at all" in why(file)
    assert "folder kept beside it" in why(file)


def test_the_defaults_after_commissioning_do_not_arm_and_each_lost_figure_is_named(file: Path) -> None:
    save(Config(), file)
    for key in (
        "belt.commissioned",
        "belt.coast_down_m_s2",
        "belt.stop_latency_ms",
        "deck.rear_line_percent",
    ):
        assert key in why(file)
    assert "rearguard commission" in why(file)


LOOSER: list[tuple[str, str, Any, Any]] = [
    ("belt", "coast_down_m_s2", 0.61, 0.59),
    ("belt", "stop_latency_ms", 299, 301),
    ("belt", "ceiling_km_h", 3.9, 4.1),
    ("deck", "rear_line_percent", 55.1, 54.9),
    ("deck", "front_line_mm", 199, 201),
]


@pytest.mark.parametrize(("section", "key", "looser", "stricter"), LOOSER, ids=[row[1] for row in LOOSER])
def test_a_person_may_be_stricter_than_what_was_measured_and_never_looser(
    file: Path, section: str, key: str, looser: Any, stricter: Any
) -> None:
    assert f"{section}.{key} = {looser}" in record.missing(with_one(section, key, looser), file)
    assert record.missing(with_one(section, key, stricter), file) == ""


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("belt", "commissioned", False), ("belt", "direction", "reverse"), ("deck", "length_mm", 1311),
     ("deck", "length_mm", 1309), ("range", "zero_mm", 41), ("range", "half_body_mm", 119), ("range", "mount", "rear")],
)  # fmt: skip
def test_what_has_no_strict_side_must_stay_as_measured(
    file: Path, section: str, key: str, value: Any
) -> None:
    assert f"{section}.{key} = {value}" in record.missing(with_one(section, key, value), file)


def test_a_setting_that_commissioning_does_not_measure_may_change(file: Path) -> None:
    assert record.missing(parse({**MEASURED, "drift": {"warn_mm": 100}}), file) == ""


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"belt.commissioned": true}', "\ud800"])
def test_a_damaged_record_does_not_arm(file: Path, text: str) -> None:
    record.path_of(file).write_bytes(text.encode(errors="surrogatepass"))
    assert why(file) != ""


def test_a_file_that_went_away_between_two_looks_does_not_arm(file: Path) -> None:
    config = load(file)
    file.unlink()
    assert "cannot be read" in record.missing(config, file)


def test_the_record_is_plain_json_beside_the_configuration(file: Path) -> None:
    assert record.path_of(file).name == "config.commissioned.json"
    assert json.loads(record.path_of(file).read_text())["belt.coast_down_m_s2"] == 0.6
