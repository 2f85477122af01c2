"""Owns `rearguard setup --rig`: the real set-up on a simulated treadmill, in a folder of its own, in simulated time.

Must never touch the computer: name, reboot and services are only shown.
"""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_py.config import Config, load, parse
from firmware_py.device.settings import save
from firmware_py.device.setup.command import AS_JSON, STEP, front_end, guided, must_be_a_step
from firmware_py.device.setup.machine import Machine
from firmware_py.device.setup.talk import Front, Question
from firmware_py.locale import translate as _
from firmware_py.rig.harness.pins import wired
from firmware_py.rig.harness.stage import Stage
from sensors.advice import HardwareError
from sensors.i2c import Bus

BOOT = "# For more options see the documentation\ndtparam=audio=on\n[all]\nenable_uart=0\n"
# What the simulated person answers where the usual answer will not do.
ANSWERS: dict[str, Any] = {
    "motor": "yes", "key": "clip", "key_stops": "yes", "low_voltage": "yes", "by_themselves": "yes",
    "password": "walk-backward", "password_again": "walk-backward",
    "needed": "leave", "not_proved": "leave",
}  # fmt: skip


class RigMachine(Machine):
    """A Raspberry Pi that is a folder, a simulated treadmill, and time that passes when somebody waits."""

    simulated = True

    def __init__(self, root: Path, stage: Stage) -> None:
        self.root = root
        self.command = f"rearguard setup --rig --folder {root}"
        self.stage = stage
        self.log: list[str] = []

    def shown(self, key: str) -> None:
        self.stage.do(key)

    def open_bus(self, number: int) -> Bus:
        return Bus(self.stage.bus, f"rig-{number}")

    def take_pins(self) -> None:
        """Wired since the start."""

    def clock_ns(self) -> int:
        return self.stage.t_ns

    def sleep(self, seconds: float) -> None:
        self.stage.sleep(seconds)

    def armed(self) -> bool:
        return False

    def stop_guard(self) -> None:
        self.log.append("guard stopped")

    def start_guard(self) -> bool:
        self.log.append("guard started")
        return True

    def show_page(self) -> None:
        self.log.append("page shown")

    def boot_id(self) -> str:
        return (self.root / "boot_id").read_text(encoding="ascii")

    def has_bus(self, _number: int) -> bool:
        return "dtparam=i2c_arm=on" in (self.root / "boot/firmware/config.txt").read_text(encoding="utf-8")

    def reboot(self) -> None:
        self.rebooting = True
        (self.root / "boot_id").write_text(f"{self.boot_id()}+", encoding="ascii")

    def name(self) -> str:
        return "rearguard"

    def set_name(self, name: str) -> bool:
        self.log.append(f"name {name}")
        return True

    def address(self) -> str | None:
        return "192.0.2.7"


class Wires:
    """The pins, wired to the stage in this process."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def drive(self, pin: int, level: bool) -> None:
        self._stage.drive(pin, level, self._stage.t_ns)

    def levels(self) -> dict[int, bool]:
        return self._stage.levels


class Typing:
    """In front of another front end: types the simulated person's answers."""

    def __init__(self, front: Front, stage: Stage) -> None:
        self._front = front
        self._answers = ANSWERS | {"deck": round(stage.bench.length_m * 1000)}
        self._answers["deck_length"] = self._answers["deck"]

    def send(self, message: dict[str, Any]) -> None:
        self._front.send(message)

    def answer(self, question: Question) -> Any:
        answer = self._answers.get(question.key, "")
        hidden = "*" * len(str(answer)) if question.form == "secret" else answer
        self._front.send({"kind": "typed", "text": str(hidden)})
        return answer


def prepare(folder: Path) -> Path:
    """The folder as a freshly installed device, unless one is in it already. Returns the path of its configuration."""
    path = folder / "etc/rearguard/config.toml"
    if not path.exists():
        for name in ("boot/firmware", "etc/rearguard", "run", "var"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "boot/firmware/config.txt").write_text(BOOT, encoding="utf-8")
        (folder / "boot_id").write_text("1", encoding="ascii")
        settings = Config().model_dump(mode="json")
        settings["courier"] |= {"state_dir": str(folder / "var"), "socket": str(folder / "run/courier.sock")}
        save(parse(settings), path)
    return path


def setup(
    step: STEP = "",
    folder: Annotated[
        Path | None,
        typer.Option(help="The simulated device; none: a new one in the folder for temporary files."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which of the simulated treadmills.")] = 1,
    auto: Annotated[bool, typer.Option("--auto", help="The simulated person types, too.")] = False,
    as_json: AS_JSON = False,
) -> None:
    """Set a simulated device up: the same steps, and nobody has to stand on anything.

    Example: rearguard setup --rig --auto
    """
    must_be_a_step(step)
    room = (folder or Path(tempfile.mkdtemp(prefix="rearguard-setup-"))).resolve()
    try:
        path = prepare(room)
    except OSError as error:
        raise HardwareError(
            f"setup: cannot use {room}: {error.strerror}",
            "Usually the disk is full, or the folder belongs to somebody else",
            "free some space, or name another --folder",
        ) from None
    stage = Stage(load(path), seed)
    front = front_end(as_json)
    with wired(Wires(stage)):
        while True:
            machine = RigMachine(room, stage)
            try:
                guided(Typing(front, stage) if auto else front, machine, path, step)
            except typer.Exit:
                if not machine.rebooting:
                    raise
            front.send({"kind": "note", "text": _("The simulated device has restarted. Set-up goes on.")})
