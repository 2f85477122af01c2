"""Owns asking systemd about the services and stopping them. Must never start a belt: only the button arms."""

import subprocess

from sensors.advice import Failure

GUARD, COURIER, ALERTS = "rearguard-guard", "rearguard-courier", "rearguard-alerts"


def systemctl(*words: str) -> bool:
    """True when systemctl did it; False, too, where there is none."""
    try:
        return subprocess.run(["systemctl", *words], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def shown(unit: str, what: str) -> str:
    """One property of a unit, empty where there is no systemd."""
    try:
        done = subprocess.run(
            ["systemctl", "show", "-P", what, unit], capture_output=True, check=False, text=True
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def armed() -> bool:
    """May the belt move now? The guard's own status line says so (guard/service.py)."""
    return shown(GUARD, "ActiveState") == "active" and shown(GUARD, "StatusText").startswith("running")


def refuse_while_armed(command: str) -> None:
    """Raises Failure while the belt may move."""
    if armed():
        raise Failure(
            f"{command}: the device is armed and the belt may move",
            "Somebody may be walking",
            "stop the treadmill, step off, then try again",
        )
