"""Frees an I2C bus on which a chip holds SDA low: up to nine clocks, then STOP (I2C specification, 3.1.16).

Usage: free_bus.py CONFIG. Runs before a guard starts; must never run beside one, nor touch a bus that is free.
The kernel's GPIO interface cannot give GPIO 2 and 3 back to the I2C controller, so this needs root and the `pinctrl` of
Raspberry Pi OS. Without it, or on another bus, it does nothing.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time

SDA, SCL = 2, 3  # of bus 1, the header's
CLOCKS = 9
LOOKS = 3
LOOK_S = 0.01  # longer than any transfer: SDA that is low at every look is held
LOCK = "/run/rearguard/guard.lock"


def pinctrl(*words: object) -> str:
    """What the tool prints; raises when it fails."""
    command = ["pinctrl", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=5).stdout


def function_and_level(pin: int) -> tuple[str, bool]:
    """` 2: a0    pu | hi // GPIO2 = SDA1` is ("a0", True)."""
    state, _, level = pinctrl("get", pin).partition(":")[2].partition("|")
    return state.split()[0], level.split()[0] == "hi"


def low(pin: int) -> None:
    pinctrl("set", pin, "op", "dl")


def release(pin: int) -> None:
    """Open drain: never driven high, the pull-up lifts it."""
    pinctrl("set", pin, "ip", "pu")


def sda_is_high() -> bool:
    return function_and_level(SDA)[1]


def clock_free() -> None:
    release(SDA)
    for _ in range(CLOCKS):
        if sda_is_high():
            break
        low(SCL)
        release(SCL)
    low(SCL)
    low(SDA)
    release(SCL)
    release(SDA)


def is_held() -> bool:
    for look in range(LOOKS):
        time.sleep(LOOK_S if look else 0)
        if sda_is_high():
            return False
    return True


def bus_of(config: str) -> int:
    """The bus of the hip sensor; the header's when the file does not give it."""
    import tomllib

    try:
        with open(config, "rb") as file:  # noqa: PTH123 -- as lean as pin_low.py
            return int(tomllib.load(file)["imu"]["bus"])
    except (OSError, ValueError, KeyError, TypeError):
        return 1


def main() -> int:
    config = sys.argv[1] if len(sys.argv) > 1 else "/etc/rearguard/config.toml"
    if shutil.which("pinctrl") is None or bus_of(config) != 1:
        return 0
    if not is_held():
        return 0
    before = {pin: function_and_level(pin)[0] for pin in (SDA, SCL)}
    if not all(function.startswith("a") for function in before.values()):
        return _log(f"SDA is low, but GPIO {SDA} and {SCL} do not belong to the I2C controller: {before}", 1)
    try:
        clock_free()
    finally:
        for pin, function in before.items():
            pinctrl("set", pin, function, "pu")
    if is_held():
        return _log(
            "SDA is still held low after nine clocks. Unplug the pod, check its supply and the pull-ups", 1
        )
    return _log("SDA was held low; the bus is free again", 0)


def _log(what: str, code: int) -> int:
    sys.stderr.write(f"free_bus: {what}\n")
    return code


if __name__ == "__main__":
    try:
        lock = os.open(os.environ.get("REARGUARD_LOCK", LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        pass  # no guard has ever run since power-on
    else:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(_log("a guard runs: stop it first", 1))
    try:
        sys.exit(main())
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        sys.exit(_log(f"pinctrl: {error}", 1))
