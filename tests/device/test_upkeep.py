"""Update, backup, restore, support and status: what they refuse, what they keep, and what never leaves the device."""

import hashlib
import json
import os
import platform
import shutil
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import Config, load
from firmware_py.device import backup, service, status, support, update
from firmware_py.device.settings import save
from firmware_py.storage import record
from sensors.advice import ConfigError, Failure

THEM = 65534  # nobody
COMMANDS = ["update", "rollback", "backup", "restore", "support", "status"]


class Device:
    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        (self.state / "incidents").mkdir(parents=True)
        (self.state / "incidents/2026-05-04-fall.mcap").write_bytes(b"a fall")
        self.config = folder / "config.toml"
        settings = Config().model_dump(mode="json")
        settings["courier"] |= {"state_dir": str(self.state), "socket": str(folder / "run/courier.sock")}
        settings["mqtt"] |= {
            "user": "grandma",
            "host": "home.example",
            "password_file": str(folder / "secret"),
            "root": "annas",
        }
        settings["alerts"]["link_address"] = "http://annas.example/"
        save(Config.model_validate(settings), self.config)
        (folder / "secret").write_text("hunter2\n")
        (folder / "page_password").write_text("hunter2\n")
        self.database("first")

    def database(self, text: str) -> None:
        with closing(sqlite3.connect(self.state / "events.sqlite")) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE IF NOT EXISTS t(x)")
            db.execute("DELETE FROM t")
            db.execute("INSERT INTO t VALUES(?)", (text,))
            db.commit()

    def read(self) -> str:
        with closing(sqlite3.connect(self.state / "events.sqlite")) as db:
            return str(db.execute("SELECT x FROM t").fetchone()[0])


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    for module in (backup, service, support, status, update):
        for name in ("armed", "systemctl"):
            monkeypatch.setattr(module, name, lambda *_words: False, raising=False)
    return Device(tmp_path)


def run(*words: object) -> Result:
    return CliRunner().invoke(build(COMMANDS), [str(word) for word in words])


@pytest.mark.parametrize("command", ["update x", "rollback", "backup x", "restore x", "support x"])
def test_nothing_is_done_while_armed(device: Device, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "armed", lambda: True)
    refused = run(*command.split())
    assert refused.exit_code == 1 and "armed" in refused.stderr
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("state", "line", "is_armed"),
    [("active", "running", True), ("active", "running, warning: drift", True), ("active", "stopped: fall", False),
     ("failed", "running", False), ("", "", False)],
)  # fmt: skip
def test_armed_is_what_the_guard_reports(
    state: str, line: str, is_armed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {"ActiveState": state, "StatusText": line}
    monkeypatch.setattr(service, "shown", lambda _unit, what: shown[what])
    assert service.armed() is is_armed


def bundle(
    folder: Path, machine: str = platform.machine(), payload: bytes = b"wheels", digest: str = ""
) -> Path:
    file = folder / "rearguard-9.9.9.run"
    digest = digest or hashlib.sha256(payload).hexdigest()
    head = f"#!/bin/sh\n# Rearguard 9.9.9 for {machine}.\nversion=9.9.9\nmachine={machine}\n"
    head += f"payload_bytes={len(payload)}\npayload_sha256={digest}\n"
    file.write_bytes(head.encode() + payload)
    return file


def test_a_whole_bundle_for_this_computer_is_known(tmp_path: Path) -> None:
    assert update.examine(bundle(tmp_path)).version == "9.9.9"


@pytest.mark.parametrize("change", [slice(0, -1), slice(-1, None)])
def test_a_cut_and_a_longer_bundle_are_damaged(tmp_path: Path, change: slice) -> None:
    file = bundle(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[:-1] if change.stop == -1 else data + b"x")
    with pytest.raises(Failure, match=r"damaged.*nothing was changed"):
        update.examine(file)


def test_one_changed_byte_is_damage(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="checksum"):
        update.examine(bundle(tmp_path, digest="0" * 64))


def test_a_bundle_for_another_computer_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="is for riscv64 and this computer is"):
        update.examine(bundle(tmp_path, "riscv64"))


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"#!/bin/sh\n# Rearguard \nversion=1\n", b"\xff" * 5000]
)
def test_any_other_file_is_no_bundle(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(Failure, match="no bundle"):
        update.examine(tmp_path / "file")
    with pytest.raises(Failure, match="cannot be read"):
        update.examine(tmp_path / "missing")


def test_a_backup_brings_everything_back(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    assert run("backup", file, "--config", device.config).exit_code == 0
    before = device.config.read_text()
    device.config.write_text("[deck]\nlength_mm = 1500\n[courier]\n" + f'state_dir = "{device.state}"\n')
    device.database("second")
    (device.state / "incidents/2026-05-04-fall.mcap").unlink()
    (device.state / "incidents/2026-06-01-drift.mcap").write_bytes(b"later")
    restored = run("restore", file, "--config", device.config)
    assert restored.exit_code == 0, restored.stderr
    assert device.config.read_text() == before
    assert device.read() == "first"
    assert sorted(p.name for p in (device.state / "incidents").iterdir()) == [
        "2026-05-04-fall.mcap",
        "2026-06-01-drift.mcap",
    ]


def test_a_backup_brings_the_walkers_plans_back(device: Device, tmp_path: Path) -> None:
    plans, file = device.state / "programmes", tmp_path / "backup.zip"
    plans.mkdir()
    (plans / "anna.toml").write_text("sessions_a_week = 2\n")
    (plans / "notes.txt").write_text("no plan")
    (plans / "Bert.toml").write_text("no walker's name")
    assert run("backup", file, "--config", device.config).exit_code == 0
    shutil.rmtree(plans)
    restored = run("restore", file, "--config", device.config)
    assert restored.exit_code == 0, restored.stderr
    assert {p.name: p.read_text() for p in plans.iterdir()} == {"anna.toml": "sessions_a_week = 2\n"}
    assert "differs" not in run("restore", file, "--config", device.config).stderr, "the same plan"


def test_a_plan_that_was_changed_since_the_backup_stays_and_is_named(device: Device, tmp_path: Path) -> None:
    plans, file = device.state / "programmes", tmp_path / "backup.zip"
    plans.mkdir()
    for name in ("anna", "bert"):
        (plans / f"{name}.toml").write_text("sessions_a_week = 2\n")
    run("backup", file, "--config", device.config)
    (plans / "anna.toml").write_text("sessions_a_week = 3\n")
    restored = run("restore", file, "--config", device.config)
    assert restored.exit_code == 0
    assert (plans / "anna.toml").read_text() == "sessions_a_week = 3\n"
    assert "plan of anna" in restored.stderr and "bert" not in restored.stderr
    (plans / "anna.toml").unlink()
    run("restore", file, "--config", device.config)
    assert (plans / "anna.toml").read_text() == "sessions_a_week = 2\n"


def test_plans_in_a_folder_of_their_own_are_in_the_backup(device: Device, tmp_path: Path) -> None:
    plans, file = tmp_path / "plans", tmp_path / "backup.zip"
    plans.mkdir()
    (plans / "anna.toml").write_text("sessions_a_week = 2\n")
    settings = load(device.config).model_dump(mode="json")
    settings["coach"]["programmes"] = str(plans)
    save(Config.model_validate(settings), device.config)
    assert run("backup", file, "--config", device.config).exit_code == 0
    (plans / "anna.toml").unlink()
    assert run("restore", file, "--config", device.config).exit_code == 0
    assert (plans / "anna.toml").read_text() == "sessions_a_week = 2\n"


def moved(device: Device, place: Path) -> None:
    """From now on the device keeps its recordings elsewhere."""
    settings = load(device.config).model_dump(mode="json")
    settings["courier"]["state_dir"] = str(place)
    save(Config.model_validate(settings), device.config)


def test_sessions_go_where_the_restored_configuration_looks_for_them(device: Device, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "backup.zip", tmp_path / "elsewhere"
    run("backup", file, "--config", device.config)
    device.database("second")
    elsewhere.mkdir()
    moved(device, elsewhere)
    assert run("restore", file, "--config", device.config).exit_code == 0
    assert load(device.config).courier.state_dir == str(device.state) and device.read() == "first"
    assert not list(elsewhere.iterdir())


def test_a_folder_for_sessions_that_is_not_there_changes_nothing(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    run("backup", file, "--config", device.config)
    before = device.config.read_text()
    shutil.rmtree(device.state)
    refused = run("restore", file, "--config", device.config)
    assert refused.exit_code == 1 and f"{device.state} is not there" in refused.stderr
    assert device.config.read_text() == before and not device.state.exists()


def test_a_disk_without_room_for_the_backup_changes_nothing(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup.zip"
    run("backup", file, "--config", device.config)
    device.database("second")
    held = sum(map(len, backup.examine(file).values()))
    for free, code in ((held - 1, 1), (held, 0)):
        monkeypatch.setattr(
            shutil, "disk_usage", lambda _path, free=free: shutil._ntuple_diskusage(0, 0, free)
        )
        assert run("restore", file, "--config", device.config).exit_code == code
        assert device.read() == ("second" if code else "first")


def test_a_backup_that_is_less_cautious_than_the_last_measurement_says_that_it_will_not_arm(
    device: Device, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    run("backup", file, "--config", device.config)
    assert "measure" not in run("restore", file, "--config", device.config).stderr
    settings = load(device.config).model_dump(mode="json")
    settings["belt"]["coast_down_m_s2"] = settings["belt"]["coast_down_m_s2"] / 2
    record.keep(Config.model_validate(settings), device.config)
    restored = run("restore", file, "--config", device.config)
    assert restored.exit_code == 0 and "setup commission" in restored.stderr


def test_a_measured_backup_on_a_new_card_is_protected_as_before(device: Device, tmp_path: Path) -> None:
    """A configuration that loses its figures later must not arm there either."""
    file = tmp_path / "backup.zip"
    settings = load(device.config).model_dump(mode="json")
    settings["belt"]["commissioned"] = True
    measured = Config.model_validate(settings)
    save(measured, device.config)
    run("backup", file, "--config", device.config)
    run("restore", file, "--config", device.config)
    settings["belt"]["coast_down_m_s2"] *= 2
    assert "coast_down" in record.missing(Config.model_validate(settings), device.config)


def test_a_plan_that_cannot_be_written_leaves_the_rest_restored(device: Device, tmp_path: Path) -> None:
    plans, file = device.state / "programmes", tmp_path / "backup.zip"
    plans.mkdir()
    (plans / "anna.toml").touch()
    run("backup", file, "--config", device.config)
    shutil.rmtree(plans)
    plans.write_text("no folder")
    device.database("second")
    refused = run("restore", file, "--config", device.config)
    assert refused.exit_code == 1 and "all but the plans is restored" in refused.stderr
    assert device.read() == "first"


def test_no_password_is_in_a_backup_or_an_archive_for_support(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "CHECK_S", 0.01)
    monkeypatch.chdir(tmp_path)  # and back: lgpio, which `check` loads, goes to a folder of its own
    monkeypatch.setattr(support, "_log", lambda unit: f"{unit}: no connection to home.example:1883 (grandma)")
    files = tmp_path / "backup.zip", tmp_path / "support.zip"
    run("backup", files[0], "--config", device.config)
    assert run("support", files[1], "--config", device.config).exit_code == 0
    for file in files:
        with zipfile.ZipFile(file) as archive:
            assert not [name for name in archive.namelist() if b"hunter2" in archive.read(name)]
    with zipfile.ZipFile(files[1]) as archive:
        settings = json.loads(archive.read("config.json"))["mqtt"]
        assert {settings[key] for key in ("user", "host", "password_file")} == {"(set)"}
        text = b"".join(archive.read(name) for name in archive.namelist())
    for word in (b"grandma", b"home.example", b"annas"):
        assert word not in text


def _at(state: Path) -> Config:
    return Config.model_validate({"courier": {"state_dir": str(state)}})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read what others cannot")
@pytest.mark.parametrize("plant", ["a link", "a link on the way", "a FIFO"])
def test_what_another_user_plants_among_the_incidents_leads_root_nowhere(device: Device, plant: str) -> None:
    """The courier's user owns the folder; root makes the backup and sends the archive for support."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as room:
        place = Path(room)
        place.chmod(0o755)
        secret = place / "shadow"
        secret.write_text("hunter2")
        secret.chmod(0o600)
        state = Path(shutil.move(device.state, place / "state"))
        if plant == "a link":
            (state / "incidents/x.mcap").symlink_to(secret)
            (state / "programmes").mkdir()
            (state / "programmes/x.toml").symlink_to(secret)
            (state / "setup").mkdir()
            (state / "setup/progress.json").symlink_to(secret)
        elif plant == "a link on the way":
            (state / "incidents").rename(state / "was")
            (state / "incidents").symlink_to(place)
            (state / "setup").symlink_to(place)
            shutil.copy(secret, place / "progress.json")
            (place / "progress.json").chmod(0o600)
        else:
            os.mkfifo(state / "incidents/x.mcap")
            (state / "setup").mkdir()
            os.mkfifo(state / "setup/progress.json")
        for path in (state, *state.rglob("*")):
            os.chown(path, THEM, THEM, follow_symlinks=False)
        if plant == "a link on the way":
            with pytest.raises(PermissionError):
                list(backup._contents(device.config, _at(state)))
        else:
            found = [name for name, _ in backup._contents(device.config, _at(state))]
            assert found == ["config.toml", "events.sqlite", "incidents/2026-05-04-fall.mcap"]
        assert support._theirs(state / "setup/progress.json") == ""
        assert not [path for path in state.rglob("*") if path.lstat().st_uid != THEM]


def test_a_backup_that_cannot_be_written_leaves_nothing(device: Device, tmp_path: Path) -> None:
    refused = run("backup", tmp_path / "secret/b.zip", "--config", device.config)
    assert refused.exit_code == 1 and "cannot be written" in refused.stderr and "rrno" not in refused.stderr


def changed(file: Path, **contents: Any) -> Path:
    """The same backup with other files in it; the manifest is as told."""
    with zipfile.ZipFile(file) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held |= contents
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
    return file


@pytest.mark.parametrize(
    "name",
    ["/etc/shadow", "../x", "incidents/../../x", "incidents/.x", "config.tomlx", "a/b", "programmes/../x.toml",
     "programmes/x", "programmes/.toml"],
)  # fmt: skip
def test_a_backup_that_names_another_place_is_refused(device: Device, tmp_path: Path, name: str) -> None:
    file = tmp_path / "b.zip"
    run("backup", file, "--config", device.config)
    with zipfile.ZipFile(file) as archive:
        sums = json.loads(archive.read("manifest.json"))["files"]
    sums[name] = hashlib.sha256(b"x").hexdigest()
    changed(file, **{name: b"x", "manifest.json": json.dumps({"files": sums})})
    with pytest.raises(Failure, match="other files"):
        backup.examine(file)


def test_a_damaged_backup_changes_nothing(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    run("backup", file, "--config", device.config)
    before = device.config.read_text()
    changed(file, **{"config.toml": b"[deck]\n"})
    refused = run("restore", file, "--config", device.config)
    assert refused.exit_code == 1 and "checksum of config.toml is wrong" in refused.stderr
    assert device.config.read_text() == before and device.read() == "first"


def test_a_configuration_of_another_version_is_refused_before_anything_changes(
    device: Device, tmp_path: Path
) -> None:
    file = tmp_path / "b.zip"
    run("backup", file, "--config", device.config)
    text = b"[deck]\nwidth_mm = 500\n"
    with zipfile.ZipFile(file) as archive:
        sums = json.loads(archive.read("manifest.json"))["files"] | {
            "config.toml": hashlib.sha256(text).hexdigest()
        }
    changed(file, **{"config.toml": text, "manifest.json": json.dumps({"files": sums})})
    with pytest.raises(ConfigError, match="does not take"):
        backup._config_of(backup.examine(file)["config.toml"])
    assert run("restore", file, "--config", device.config).exit_code == 2
    assert device.read() == "first" and load(device.config).deck.length_mm == 1400


@pytest.mark.parametrize(
    ("line", "words"), [("running", "guarding"), ("stopped: power_on; a press is accepted", "belt is off")]
)
def test_status_says_on_one_screen_whether_it_guards(
    device: Device, line: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"LoadState": "loaded", "ActiveState": "active", "StatusText": line}
    values |= {"StateChangeTimestamp": "Mon 2026-11-30 20:37:47 UTC", "NRestarts": "0"}
    monkeypatch.setattr(status, "shown", lambda _unit, what: values[what])
    shown = run("status", "--config", device.config)
    assert words in shown.stdout and "NOT measured" in shown.stdout
    assert "on since 2026-11-30 20:37:47," in shown.stdout and "0.0.0.0" not in shown.stdout
    assert len(shown.stdout.splitlines()) <= 12
    found = json.loads(run("status", "--config", device.config, "--json").stdout)
    assert found["guarding"] is (line == "running") and found["ready"] is False


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stopped: fall, tilt_rad 1 of 0.9; a press is accepted", "lost balance"),
        ("stopped: fall; a press is refused: imu", "sensor"),
        ("stopped: power_on; a press is accepted", ""),
        ("stopped: of_a_later_version; a press is accepted", "of_a_later_version"),
    ],
)
def test_status_names_the_reason_in_words_and_never_the_rule(
    device: Device, line: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"LoadState": "loaded", "ActiveState": "active", "StatusText": line}
    monkeypatch.setattr(status, "shown", lambda _unit, what: values.get(what, ""))
    text = run("status", "--config", device.config).stdout
    assert words in text and "tilt_rad" not in text and "power_on" not in text


def test_status_of_a_guard_that_is_down_is_not_fine(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"LoadState": "loaded", "ActiveState": "failed"}
    monkeypatch.setattr(status, "shown", lambda _unit, what: values.get(what, ""))
    shown = run("status", "--config", device.config)
    assert shown.exit_code == 1 and "NOT guarding" in shown.stdout


def test_support_is_written_where_it_was_asked_for_although_the_pins_change_the_folder(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(support, "look", lambda *_words: os.chdir(tmp_path) or [])
    assert run("support", "--config", device.config).exit_code == 0
    assert (tmp_path / "here/rearguard-support.zip").exists()
    os.chdir(tmp_path / "here")


def test_status_on_another_computer_names_where_to_go(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "shown", lambda _unit, _what: "")
    shown = run("status", "--config", device.config)
    assert shown.exit_code == 1 and "not installed on this computer" in shown.stdout
    assert "unknown" not in shown.stdout and len(shown.stdout.splitlines()) == 3
