"""Drives the relay's pin low with the standard library alone: after a guard has ended, and before one starts.

Usage: pin_low.py CONFIG. Must never import anything of ours: it works when our packages do not.
A Pi kernel may keep a dead program's output at its last level; this makes that level low. The pin of the last start
is first, with four small modules imported; reading the configuration takes longer than all of that together.
After an end systemd starts it as root outside the sandbox, because building the sandbox takes longer than this program:
it opens the chip and becomes the guard's user before it reads or writes any file.
"""

import errno
import fcntl
import os
import struct
import sys
import time

DEFAULT_PIN = 17

# <linux/gpio.h>, version 2 of the interface
GPIO_GET_CHIPINFO = 0x8044B401
GPIO_V2_GET_LINE = 0xC250B407
FLAG_OUTPUT = 1 << 3
CHIP_INFO = struct.Struct("32s32sI")
LINE_REQUEST_BYTES = 592
CONSUMER_AT, FLAGS_AT, COUNT_AT = 256, 288, 560
BUSY_WAIT_S = 0.05


def configured(config: str) -> int:
    """The pin that the configuration names, the default when it cannot be read."""
    try:
        import tomllib  # here: it imports `re`, which takes most of this program's time

        return int(tomllib.loads(_read(config))["relay"]["pin"])
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_PIN


def remembered() -> int | None:
    """The pin at the last start: the configuration may have been edited since."""
    memory = _memory()
    try:
        return None if memory is None else int(_read(memory))
    except (OSError, ValueError):
        return None


def remember(pin: int) -> None:
    """Keeps the pin in the service's own runtime folder."""
    memory = _memory()
    if memory is not None:
        try:
            file = os.open(memory, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.write(file, b"%d" % pin)
            os.close(file)
        except OSError as error:
            _log(f"cannot remember the pin: {error}")


def _memory() -> str | None:
    folder = os.environ.get("RUNTIME_DIRECTORY")
    return f"{folder}/relay_pin" if folder else None


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 -- pathlib takes longer to import than all else here
        return file.read()


def step_down() -> None:
    """Root becomes the owner of the service's runtime folder: that user may have put links into it."""
    folder = os.environ.get("RUNTIME_DIRECTORY")
    if os.geteuid() or not folder:
        return
    owner = os.stat(folder)  # noqa: PTH116
    os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)


def header_chip() -> int:
    """A descriptor of the chip that carries the header: its label begins with pinctrl- on every Pi."""
    for number in range(16):
        try:
            chip = os.open(f"/dev/gpiochip{number}", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        info = bytearray(CHIP_INFO.size)
        try:
            fcntl.ioctl(chip, GPIO_GET_CHIPINFO, info)
        except OSError:
            info = bytearray(CHIP_INFO.size)
        if CHIP_INFO.unpack(info)[1].startswith(b"pinctrl-"):
            return chip
        os.close(chip)
    raise OSError(errno.ENODEV, "no /dev/gpiochip* has a label that begins with pinctrl-")


def drive_low(chip: int, pin: int) -> None:
    """Requests the line as an output at 0 and gives it back. Waits a moment for a dying owner to release it."""
    request = bytearray(LINE_REQUEST_BYTES)
    struct.pack_into("I", request, 0, pin)
    struct.pack_into("32s", request, CONSUMER_AT, b"rearguard-pin-low")
    struct.pack_into("Q", request, FLAGS_AT, FLAG_OUTPUT)
    struct.pack_into("I", request, COUNT_AT, 1)
    deadline_s = time.monotonic() + BUSY_WAIT_S
    while True:
        try:
            fcntl.ioctl(chip, GPIO_V2_GET_LINE, request)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(0.001)
        else:
            os.close(struct.unpack_from("i", request, LINE_REQUEST_BYTES - 4)[0])
            return


def main() -> int:
    config = sys.argv[1] if len(sys.argv) > 1 else "/etc/rearguard/config.toml"
    try:
        chip = header_chip()
    except OSError as error:
        _log(f"{error}. The pulse watchdog and the pull-down still hold the relay")
        return 1
    try:
        step_down()
    except OSError as error:
        _log(f"cannot give up root: {error}. Only the configured pin is driven low")
        return _low(chip, configured(config))
    last = remembered()
    failed = 0 if last is None else _low(chip, last)
    pin = configured(config)
    if pin != last:
        failed |= _low(chip, pin)
    remember(pin)
    return failed


def _low(chip: int, pin: int) -> int:
    try:
        drive_low(chip, pin)
    except OSError as error:
        _log(f"GPIO {pin} cannot be driven low: {error}. Pull the safety key")
        return 1
    return 0


def _log(what: str) -> None:
    sys.stderr.write(f"pin_low: {what}\n")


if __name__ == "__main__":
    sys.exit(main())
