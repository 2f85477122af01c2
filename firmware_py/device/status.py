"""`rearguard status`: is it guarding, since when, the last stop, what is wrong. Must never change anything."""

import json
import re
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_py import __version__
from firmware_py.config import Config, load_of_device
from firmware_py.core.frame import Cause
from firmware_py.courier.sessions.history import STOPS, Past, local, moments, sessions
from firmware_py.device.language import speak
from firmware_py.device.service import COURIER, GUARD, shown
from firmware_py.device.setup.machine import Machine
from firmware_py.device.setup.steps.network import address
from firmware_py.guard.service import under_voltage
from firmware_py.locale import mark
from firmware_py.locale import translate as _
from firmware_py.messages import of_stop
from firmware_py.storage.written import as_owner

STATES = {
    "active": mark("on"),
    "activating": mark("starting"),
    "inactive": mark("off"),
    "deactivating": mark("ending"),
    "failed": mark("failed"),
    "unknown": mark("unknown"),
}
WIDTH = 14
RUNNING = "running"  # how guard/service.py begins its line while the belt may move


def status(
    config: Annotated[
        Path | None, typer.Option(help="TOML file; else the installed one, else the defaults.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show on one screen whether it guards, since when, the last stop, and what is wrong. It may be run at any time.

    Example: rearguard status
    """
    speak(config)
    found = gather(load_of_device(config))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        for name, text in lines(found):
            typer.echo(f"{name:<{WIDTH}}{text}")
    raise typer.Exit(0 if found["ready"] else 1)


def gather(settings: Config) -> dict[str, Any]:
    """Everything that is shown, as values."""
    guard, courier = (shown(unit, "ActiveState") or "unknown" for unit in (GUARD, COURIER))
    line = shown(GUARD, "StatusText")
    database = Path(settings.courier.state_dir) / "events.sqlite"
    stop = _newest(partial(moments, types=STOPS), database)
    session = _newest(sessions, database)
    return {
        "device": settings.courier.device_id,
        "version": __version__,
        "installed": shown(GUARD, "LoadState") == "loaded",
        "guarding": guard == "active" and line.startswith(RUNNING),
        "guard": guard,
        "guard_since": shown(GUARD, "StateChangeTimestamp"),
        "guard_restarts": int(shown(GUARD, "NRestarts") or 0),
        "guard_line": line,
        "courier": courier,
        "commissioned": settings.belt.commissioned,
        "under_voltage": under_voltage(),
        "last_stop": stop,
        "last_session": session,
        "page": address(Machine(), settings.page) if settings.page.enabled else None,
        "config_hash": settings.hash,
        "ready": guard == courier == "active" and settings.belt.commissioned and not under_voltage(),
    }


def _newest(read: Callable[[Path, int], Past], database: Path) -> dict[str, Any] | None:
    try:
        with as_owner(database.parent):
            return next(iter(read(database, 1).rows), None)
    except (sqlite3.Error, OSError):
        return None


def lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The screen: what it is about, and the words."""
    stop, session = found["last_stop"], found["last_session"]
    if not found["installed"]:
        return [
            (_("Device"), _("none: Rearguard is not installed on this computer, and nothing guards here")),
            (_("Version"), found["version"]),
            ("", _("On the device `rearguard setup` leads on. Here `rearguard demo` needs no hardware.")),
        ]
    state = _(STATES.get(found["guard"], found["guard"]))
    if found["guarding"]:
        now = _("guarding; the belt may move")
    elif found["guard"] == "active":
        now = _("the belt is off; press and release the arming button to arm")
    else:
        now = _("NOT guarding; the belt is off; the program is: {state}").format(state=state)
    shown_lines = [
        (_("Device"), _("{name}, version {version}").format(name=found["device"], version=found["version"])),
        (_("Now"), now),
        ("", _reason(found["guard_line"])),
        (
            _("Program"),
            _("{state} since {time}, started again {times} times").format(
                state=state, time=_since(found["guard_since"]) or _("unknown"), times=found["guard_restarts"]
            ),
        ),
        (
            _("Page"),
            f"{_(STATES.get(found['courier'], found['courier']))}, {found['page'] or _('not served')}",
        ),
        (
            _("Last stop"),
            f"{local(stop['time'], 'seconds')}: {_sentence(stop)}" if stop else _("none recorded"),
        ),
        (
            _("Last walk"),
            _("{time}, {minutes} minutes").format(
                time=local(session["started"], "minutes"), minutes=f"{session['minutes']:.1f}"
            )
            if session
            else _("none recorded"),
        ),
        (
            _("Treadmill"),
            _("measured") if found["commissioned"] else _("NOT measured: run `sudo rearguard setup`"),
        ),
        (
            _("Supply"),
            _("too weak since the start: use a better supply") if found["under_voltage"] else _("fine"),
        ),
    ]
    return [(name, text) for name, text in shown_lines if text]


def _since(timestamp: str) -> str:
    """systemd's "Mon 2026-11-30 20:37:47 CET" without its weekday and zone: both are those of this computer."""
    return " ".join(timestamp.split()[1:3])


def _reason(line: str) -> str:
    """Why the belt is off or a press is refused, from the guard's own line (guard/service.py), in words."""
    refused = re.search(r"a press is refused: (\w+)$", line)
    stopped = re.match(r"stopped: (\w+)", line)
    found = refused or stopped
    try:
        message = of_stop(Cause(found[1]), "") if found and found[1] != Cause.POWER_ON.value else None
    except ValueError:
        return line
    return f"{message.what} {message.do}" if message else ""


def _sentence(stop: dict[str, Any]) -> str:
    """The stop in the language in use; as it was written when its cause is one of another version."""
    try:
        return of_stop(Cause(stop["cause"]), str(stop["rule"] or "")).what
    except ValueError:
        return str(stop["message"] or stop["cause"])
