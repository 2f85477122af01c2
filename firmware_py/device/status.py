"""`rearguard status`: is it guarding, since when, the last stop, what is wrong. Must never change anything."""

import json
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_py import __version__
from firmware_py.config import Config, load_of_device
from firmware_py.courier.sessions.history import STOPS, Past, moments, sessions
from firmware_py.device.service import COURIER, GUARD, shown
from firmware_py.guard.service import under_voltage
from firmware_py.storage.written import as_owner

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
    found = gather(load_of_device(config))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        for name, text in lines(found):
            typer.echo(f"{name:<14}{text}")
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
        "guarding": guard == "active" and line.startswith(RUNNING),
        "guard": guard,
        "guard_since": shown(GUARD, "ActiveEnterTimestamp"),
        "guard_restarts": int(shown(GUARD, "NRestarts") or 0),
        "guard_line": line,
        "courier": courier,
        "commissioned": settings.belt.commissioned,
        "under_voltage": under_voltage(),
        "last_stop": stop,
        "last_session": session,
        "page": f"http://{settings.page.host}:{settings.page.port}/" if settings.page.enabled else None,
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
    if found["guarding"]:
        now = "guarding; the belt may move"
    elif found["guard"] == "active":
        now = "the belt is off; press and release the arming button to arm"
    else:
        now = f"NOT guarding; the belt is off; the guard is {found['guard']}"
    shown_lines = [
        ("Device", f"{found['device']}, version {found['version']}"),
        ("Now", now),
        (
            "Guard",
            f"{found['guard']} since {found['guard_since'] or 'unknown'}, {found['guard_restarts']} restarts",
        ),
        ("", found["guard_line"]),
        ("Page", f"{found['courier']}, {found['page'] or 'not served'}"),
        ("Last stop", f"{stop['time']}: {stop['message'] or stop['cause']}" if stop else "none recorded"),
        (
            "Last walk",
            f"{session['started']}, {session['minutes']:.1f} minutes" if session else "none recorded",
        ),
        ("Treadmill", "measured" if found["commissioned"] else "NOT measured: run `sudo rearguard setup`"),
        ("Supply", "too weak since the start: use a better supply" if found["under_voltage"] else "fine"),
    ]
    return [(name, text) for name, text in shown_lines if text]
