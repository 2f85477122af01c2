"""Step 2: the lines of the Raspberry Pi's config.txt, with a backup and a restart. Must never take a line away."""

from firmware_py.device.settings import write_whole
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.device.setup.talk import Leave
from firmware_py.locale import translate as _

PLACES = ("boot/firmware/config.txt", "boot/config.txt")
BACKUP = "config.txt.before-rearguard"
HEAD = "# Rearguard: hardware.md, section config.txt"


def lines(relay_pin: int) -> tuple[str, ...]:
    """What the board needs. The firmware takes the rest of a line as the value: no comment behind one."""
    return (
        "dtparam=i2c_arm=on",
        "dtparam=i2c_arm_baudrate=400000",
        "dtparam=strict_gpiod",
        f"gpio={relay_pin}=ip,pd",
        "dtoverlay=disable-bt",
    )


def with_lines(text: str, wanted: tuple[str, ...]) -> str:
    """The file with what it lacks at its end, in a section that counts for every model."""
    there = {line.strip() for line in text.splitlines()}
    missing = [line for line in wanted if line not in there]
    if not missing:
        return text
    return "\n".join([text.rstrip("\n"), "", "[all]", HEAD, *missing]).lstrip("\n") + "\n"


def board(setup: Setup) -> Outcome:
    """Writes the lines after a yes, restarts after a yes, and looks at the result after the restart."""
    machine, talk, progress = setup.machine, setup.talk, setup.progress
    path = next((p for place in PLACES if (p := machine.root / place).exists()), None)
    if path is None:
        return Outcome(
            False, _("There is no config.txt: this is no Raspberry Pi, or its boot disk is not mounted.")
        )
    before = path.read_text(encoding="utf-8", errors="surrogateescape")
    after = with_lines(before, lines(setup.config.relay.pin))
    if after != before:
        talk.show(_("{path} gets these lines at its end:").format(path=path))
        talk.show("\n".join(f"+{line}" for line in _added(before, after)))
        if not talk.ask(ask.WRITE_BOOT):
            return Outcome(
                False, _("{path} was not changed. The sensors need these lines.").format(path=path)
            )
        progress.note("boot_id", machine.boot_id())  # first, so that a power cut cannot hide the restart
        backup = path.with_name(BACKUP)
        if not backup.exists():
            write_whole(backup, before)
        write_whole(path, after)
        talk.show(_("Written: {path}. The file as it was: {backup}").format(path=path, backup=backup))
    if progress.noted("boot_id") == machine.boot_id():
        if talk.ask(ask.REBOOT):
            machine.reboot()
            text = _("The device restarts. Log in again and type `{command}`.")
            raise Leave(text.format(command=machine.command))
        return Outcome(False, _("The lines count after a restart."))
    progress.note("boot_id", None)
    bus = setup.config.imu.bus
    if not machine.has_bus(bus):
        return Outcome(
            False,
            _("/dev/i2c-{bus} is missing after the restart. Usually another line switches it off.").format(
                bus=bus
            ),
        )
    return Outcome(True, _("config.txt has every line, and the sensor bus is there."))


def _added(before: str, after: str) -> list[str]:
    return after.removeprefix(before.rstrip("\n")).strip("\n").splitlines()
