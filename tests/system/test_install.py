"""The installer in a root folder of its own, with a make-believe systemd: what it writes, switches and refuses."""

import errno
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SYSTEMD = Path("systemd").resolve()


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SYSTEMD / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


load("mounts")
preflight = load("preflight")
install = load("install")


class FakeSystem:
    """A systemd in which everything is as the test says."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.status = "stopped: power_on"
        self.state = "active"
        self.works_with = lambda: True

    def run(self, *command: str) -> bool:
        self.ran.append(command)
        return True

    def show(self, unit: str, what: str) -> str:
        return {"StatusText": self.status, "ActiveState": self.state}[what]

    def works(self, unit: str) -> bool:
        return bool(self.works_with())  # type: ignore[no-untyped-call]


class Device:
    """A root folder, a source tree whose environment is a stub, and an installer over both."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.source = folder / "root", folder / "source"
        self.root.mkdir()
        (self.root / "etc").mkdir()
        (self.root / "etc/os-release").write_text('PRETTY_NAME="Pi OS"\nVERSION_CODENAME=bookworm\n')
        shutil.copytree(SYSTEMD, self.source / "systemd", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("firmware_py", "sensors"):
            (self.source / name).mkdir()
            (self.source / name / "__init__.py").write_text("")
        (self.source / "README.md").write_text("")
        (self.source / "hardware.md").write_text("")
        self.version("1.0")
        self.make_venv("exit 0")
        self.system = FakeSystem()
        self.monkeypatch = monkeypatch
        monkeypatch.setattr(install, "SOURCE", self.source)

    def version(self, number: str) -> None:
        (self.source / "pyproject.toml").write_text(f'[project]\nversion = "{number}"\n')

    def make_venv(self, rearguard: str) -> None:
        """`rearguard` is what the installed command does."""
        script = self.source / "systemd/make-venv"
        script.write_text(f'#!/bin/sh\nmkdir -p "$1/bin"\nprintf "#!/bin/sh\\n{rearguard}\\n" > "$1/bin/rearguard"\n'
                          'chmod +x "$1/bin/rearguard"\n')  # fmt: skip
        script.chmod(0o755)

    def installer(self, dry: bool = False) -> install.Installer:  # type: ignore[name-defined]
        return install.Installer(self.root, self.system, dry)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir()}


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    old = os.umask(0o022)
    yield Device(tmp_path, monkeypatch)
    os.umask(old)


def test_a_fresh_install_writes_what_it_says_and_starts_both_services(
    device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    device.installer().install()
    said = capsys.readouterr().out
    for path in install.SYSTEM_FILES.values():
        assert (device.root / path).exists()
        assert str(path) in said
    assert (device.root / "etc/rearguard/config.toml").read_text() == (SYSTEMD / "config.toml").read_text()
    assert device.installer().current().startswith("1.0-")
    assert ("systemctl", "restart", "--no-block", *install.UNITS, *install.ALSO_UNITS) in device.system.ran


def test_a_dry_run_says_the_same_and_touches_nothing(
    device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    before = device.files()
    device.installer(dry=True).install()
    assert device.files() == before
    assert device.system.ran == []
    assert "etc/systemd/system/rearguard-guard.service" in capsys.readouterr().out


def test_an_upgrade_keeps_the_configuration_and_the_version_before(device: Device) -> None:
    device.installer().install()
    config = device.root / "etc/rearguard/config.toml"
    config.write_text("# mine\n")
    first = device.installer().current()
    device.version("2.0")
    device.installer().install()
    assert device.installer().current().startswith("2.0-")
    assert device.installer().previous() == first
    assert config.read_text() == "# mine\n"


def test_the_same_version_again_changes_nothing(device: Device) -> None:
    device.installer().install()
    before = device.installer().current(), device.installer().previous(), device.files()
    device.installer().install()
    assert (device.installer().current(), device.installer().previous(), device.files()) == before


def test_a_version_that_does_not_stay_up_is_rolled_back(device: Device) -> None:
    device.installer().install()
    first = device.installer().current()
    unit = device.root / install.SYSTEM_FILES["rearguard-guard.service"]
    text = unit.read_text()
    device.version("2.0")
    (device.source / "systemd/rearguard-guard.service").write_text(text + "# of 2.0\n")
    device.system.works_with = lambda: device.installer().current() == first
    with pytest.raises(install.Refused, match=r"2\.0-.* does not run here"):
        device.installer().install()
    assert device.installer().current() == first
    assert unit.read_text() == text
    assert [path.name for path in (device.root / "opt/rearguard/versions").iterdir()] == [first]
    with pytest.raises(install.Refused, match="no earlier version"):
        device.installer().rollback()


def test_the_version_before_outlives_an_update_that_does_not_stay_up(device: Device) -> None:
    installed = []
    for number in ("1.0", "2.0"):
        device.version(number)
        device.installer().install()
        installed.append(device.installer().current())
    device.version("3.0")
    device.system.works_with = lambda: device.installer().current() == installed[1]
    with pytest.raises(install.Refused, match="does not run here"):
        device.installer().install()
    device.installer().rollback()
    assert device.installer().current() == installed[0]


def test_a_first_install_without_wiring_stays_and_says_what_to_do(
    device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    device.system.works_with = lambda: False
    device.installer().install()
    assert device.installer().current() is not None
    assert "rearguard check" in capsys.readouterr().out


@pytest.mark.parametrize("action", ["install", "rollback", "uninstall"])
def test_nothing_is_touched_while_armed(device: Device, action: str) -> None:
    device.installer().install()
    before, ran = device.files(), len(device.system.ran)
    device.version("2.0")
    device.system.status = "running"
    installer = device.installer()
    with pytest.raises(install.Refused, match="armed"):
        installer.uninstall(purge=False) if action == "uninstall" else getattr(installer, action)()
    assert device.files() == before
    assert len(device.system.ran) == ran


def test_somebody_who_arms_while_the_new_version_is_built_is_not_stopped(device: Device) -> None:
    device.installer().install()
    first, ran = device.installer().current(), len(device.system.ran)
    device.version("2.0")
    installer = device.installer()
    build = installer._build

    def armed_meanwhile(version: str) -> None:
        build(version)
        device.system.status = "running"

    device.monkeypatch.setattr(installer, "_build", armed_meanwhile)
    with pytest.raises(install.Refused, match="armed"):
        installer.install()
    assert device.installer().current() == first
    assert len(device.system.ran) == ran


def test_two_installations_at_once_are_one(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    """Who lost the connection in the middle types the command again."""
    words = ["uninstall", "--root", str(device.root)]
    with install.alone(device.root):
        assert install.main(words) == 1
    assert "another installation runs" in capsys.readouterr().out
    assert install.main(words) == 0


def test_a_full_disk_leaves_the_version_in_use_and_no_half_one(device: Device) -> None:
    device.installer().install()
    first = device.installer().current()
    device.version("2.0")

    def full(*_words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    device.monkeypatch.setattr(install.shutil, "copy2", full)
    with pytest.raises(install.Refused, match=r"No space left.*untouched"):
        device.installer().install()
    assert device.installer().current() == first
    assert [path.name for path in (device.root / "opt/rearguard/versions").iterdir()] == [first]


def test_a_version_that_refuses_the_configuration_is_never_switched_to(device: Device) -> None:
    device.installer().install()
    first = device.installer().current()
    device.version("2.0")
    device.make_venv("echo config: wrong >&2; exit 2")
    with pytest.raises(install.Refused, match="does not accept"):
        device.installer().install()
    assert device.installer().current() == first


def test_an_environment_that_cannot_be_built_leaves_no_half_version(device: Device) -> None:
    device.installer().install()
    first = device.installer().current()
    device.version("2.0")
    (device.source / "systemd/make-venv").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(install.Refused, match="untouched"):
        device.installer().install()
    assert device.installer().current() == first
    assert [path.name for path in (device.root / "opt/rearguard/versions").iterdir()] == [first]


def test_rollback_goes_back_and_forth(device: Device) -> None:
    device.installer().install()
    first = device.installer().current()
    device.version("2.0")
    device.installer().install()
    second = device.installer().current()
    device.installer().rollback()
    assert (device.installer().current(), device.installer().previous()) == (first, second)
    device.installer().rollback()
    assert device.installer().current() == second


def test_without_an_earlier_version_rollback_is_refused(device: Device) -> None:
    device.installer().install()
    with pytest.raises(install.Refused, match="no earlier version"):
        device.installer().rollback()


def test_uninstall_leaves_only_what_is_yours(device: Device) -> None:
    before = device.files()
    device.installer().install()
    device.installer().uninstall(purge=False)
    assert device.files() - before == {"etc/rearguard/config.toml"}
    ended = {command[-1] for command in device.system.ran if "disable" in command}
    assert ended == {Path(file).name for file in install.SYSTEM_FILES if file.endswith(".service")}
    device.installer().uninstall(purge=True)
    assert device.files() == before


def test_only_the_version_in_use_and_the_one_before_lie_around(device: Device) -> None:
    for number in range(1, 6):
        device.version(f"{number}.0")
        device.installer().install()
    assert len(list((device.root / "opt/rearguard/versions").iterdir())) == 2


def test_a_failing_check_stops_the_install_before_anything_is_written(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = preflight.Check("disk", preflight.FAIL, "12 MB free", "Make room")
    monkeypatch.setattr(install, "look", lambda _root: [failed])
    before = device.files()
    with pytest.raises(install.Refused, match="Make room"):
        device.installer().install()
    assert device.files() == before


def test_the_look_before_tells_a_pi_that_is_too_slow_and_one_that_starves(tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi Zero W Rev 1.1\0")
    (tmp_path / "sys/class/hwmon/hwmon1").mkdir(parents=True)
    (tmp_path / "sys/class/hwmon/hwmon1/in0_lcrit_alarm").write_text("1\n")
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "boot/firmware/config.txt").write_text(
        "dtparam=strict_gpiod\n#dtparam=i2c_arm_baudrate=400000\n"
    )
    found = {check.name: check.verdict for check in preflight.look(tmp_path, (3, 10))}
    assert found["model"] == preflight.FAIL
    assert found["python"] == preflight.FAIL
    assert found["power"] == preflight.WARN
    assert found["config.txt strict_gpiod"] == preflight.PASS
    assert found["config.txt i2c_arm_baudrate=400000"] == preflight.WARN


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        ("Raspberry Pi Model B Plus Rev 1.2", preflight.FAIL),
        ("Raspberry Pi Zero Rev 1.3", preflight.FAIL),
        ("Raspberry Pi Zero 2 W Rev 1.0", preflight.PASS),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", preflight.PASS),
        ("Raspberry Pi 4 Model B Rev 1.4", preflight.PASS),
    ],
)
def test_only_the_first_generation_is_too_slow(tmp_path: Path, model: str, verdict: str) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text(f"{model}\0")
    found = {check.name: check.verdict for check in preflight.look(tmp_path, (3, 11))}
    assert found["model"] == verdict


def test_a_setting_with_a_comment_behind_it_is_not_set(tmp_path: Path) -> None:
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "boot/firmware/config.txt").write_text("dtparam=strict_gpiod  # falls back\n")
    found = {check.name: check.verdict for check in preflight.look(tmp_path, (3, 11))}
    assert found["config.txt strict_gpiod"] == preflight.WARN


def test_every_check_that_is_not_a_pass_says_what_to_do(tmp_path: Path) -> None:
    checks = preflight.look(tmp_path, (3, 11))
    assert all(check.cure for check in checks if check.verdict != preflight.PASS and check.name != "power")


CONFIG_LINES = (
    "dtparam=i2c_arm=on",
    "dtparam=i2c_arm=on,i2c_arm_baudrate=400000",
    "dtparam=i2c=on",
    "dtparam=i2c_arm",
)


def test_without_i2c_anywhere_config_txt_is_the_cure(tmp_path: Path) -> None:
    (check,) = [check for check in preflight.look(tmp_path, (3, 11)) if check.name == "i2c"]
    assert (check.verdict, "dtparam=i2c_arm=on" in check.cure) == (preflight.WARN, True)


@pytest.mark.parametrize("line", CONFIG_LINES)
def test_a_line_that_is_in_config_txt_is_not_asked_for_again(tmp_path: Path, line: str) -> None:
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "boot/firmware/config.txt").write_text(line + "\n")
    (check,) = [check for check in preflight.look(tmp_path, (3, 11)) if check.name == "i2c"]
    assert "It is in config.txt" in check.cure and "dtparam" not in check.cure


@pytest.mark.parametrize("line", ["dtparam=i2c_arm=off", "#dtparam=i2c_arm=on", "dtparam=i2s=on"])
def test_a_line_that_does_not_switch_it_on_is_not_taken_for_one(tmp_path: Path, line: str) -> None:
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "boot/firmware/config.txt").write_text(line + "\n")
    (check,) = [check for check in preflight.look(tmp_path, (3, 11)) if check.name == "i2c"]
    assert "dtparam=i2c_arm=on" in check.cure


def test_a_bus_without_its_file_asks_for_the_module_and_for_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sys/bus/i2c/devices/i2c-1").mkdir(parents=True)
    (check,) = [check for check in preflight.look(tmp_path, (3, 11)) if check.name == "i2c"]
    assert check.verdict == preflight.WARN
    assert "modprobe i2c-dev" in check.cure and "dtparam" not in check.cure


def test_the_installer_loads_the_bus_s_module_now_and_at_each_boot(device: Device) -> None:
    device.installer().install()
    lines = (device.root / "etc/modules-load.d/rearguard.conf").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["i2c-dev"]
    ran = device.system.ran
    started = next(n for n, words in enumerate(ran) if words[:2] == ("systemctl", "restart"))
    assert ran.index(("modprobe", "i2c-dev")) < started


def test_no_test_loads_the_bus_s_module_for_the_product() -> None:
    for path in Path("tests/vm").rglob("*"):
        if path.is_file() and "modprobe" in (text := path.read_text(errors="replace")):
            calls = [
                line for line in text.splitlines() if "modprobe" in line and "--show-depends" not in line
            ]
            assert not [line for line in calls if "i2c-dev" in line], path


def test_a_rollback_to_a_version_without_one_of_the_files_removes_it(device: Device) -> None:
    device.installer().install()
    first = device.installer().current()
    device.version("2.0")
    device.installer().install()
    (device.root / f"opt/rearguard/versions/{first}/share/rearguard.modules.conf").unlink()
    device.installer().rollback()
    assert device.installer().current() == first
    assert not (device.root / "etc/modules-load.d/rearguard.conf").exists()


def test_an_install_onto_storage_that_forgets_is_refused(device: Device) -> None:
    (device.root / "proc/self").mkdir(parents=True)
    (device.root / "proc/self/mountinfo").write_text("29 1 0:25 / / rw - overlay overlayroot rw\n")
    before = device.files()
    with pytest.raises(install.Refused, match="forgets"):
        device.installer().install()
    assert device.files() == before
