"""Owns the command `rearguard history`: past sessions and stops as a table, CSV or JSON.

Must never write to the database.
"""

import csv
import io
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from firmware_py import locale
from firmware_py.config import load_of_device
from firmware_py.core.frame import Cause
from firmware_py.courier.events.database import read_only
from firmware_py.courier.events.envelope import rfc3339
from firmware_py.courier.events.salvage import newest_first
from firmware_py.courier.receiver import object_of
from firmware_py.locale import mark, spoken
from firmware_py.locale import translate as _
from firmware_py.messages import headline
from firmware_py.storage.written import as_owner, write_text
from sensors.advice import Advice, Failure, in_short

STOPS = ("stopped", "stopped_by_fault")
INCIDENT_TYPES = (*STOPS, "warning")


def local(time: str, to: Literal["minutes", "seconds"]) -> str:
    """RFC 3339 in the time zone of this computer."""
    return datetime.fromisoformat(time).astimezone().replace(tzinfo=None).isoformat(" ", to)


def _percent(value: float | None, digits: int = 0, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.{digits}%}"


def _short(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


# One session in one line, in local time; CSV and JSON hold every figure. Metres and metres a second.
SESSION_COLUMNS: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    (mark("started"), lambda w: local(w["started"], "minutes")),
    (mark("min"), lambda w: f"{w['minutes']:.1f}"),
    (mark("steps"), lambda w: str(w["steps"])),
    (mark("/min"), lambda w: _short(w.get("cadence_per_min"), 0)),
    (mark("speed"), lambda w: _short(w.get("speed_m_s"), 2)),
    (mark("zone"), lambda w: _percent(w.get("in_zone_fraction"))),
    (mark("place"), lambda w: f"{_short(w.get('position_mean_m'), 2)}±{_short(w.get('position_sd_m'), 2)}"),
    (mark("drift"), lambda w: _short(w.get("drift_max_m_s"), 2)),
    (mark("margin"), lambda w: _short(w.get("margin_min_m"), 2)),
    (mark("regular"), lambda w: _percent(w.get("regularity_mean"))),
    (mark("trend/min"), lambda w: _percent(w.get("regularity_per_min"), 1, "+")),
    (mark("near"), lambda w: str(w.get("near_misses", 0))),
    (mark("warned"), lambda w: str(w["warnings"])),
    (mark("stops"), lambda w: str(w["stops"])),
)


class Past(NamedTuple):
    """What a database holds, newest first, and how many rows of it could not be read or shown."""

    rows: list[dict[str, Any]]
    unreadable: int = 0
    damaged: bool = False  # the file itself: more rows may be missing


def sessions(database: Path, limit: int, before: int | None = None) -> Past:
    """Finished sessions with their number `n`, those before number `before` if given. Raises sqlite3.Error."""
    question = (
        "SELECT rowid AS n, summary FROM sessions WHERE ended_s IS NOT NULL AND rowid < ? ORDER BY rowid DESC"
    )
    return _past(database, "sessions", question, (2**62 if before is None else before,), limit, _session)


def moments(database: Path, limit: int, types: tuple[str, ...] = INCIDENT_TYPES) -> Past:
    """Stops and warnings. Raises sqlite3.Error."""
    question = (
        f"SELECT type, time_s, event FROM events WHERE type IN ({','.join('?' * len(types))}) ORDER BY n DESC"
    )
    return _past(database, "events", question, types, limit, partial(_moment, types))


def _past(
    database: Path,
    table: str,
    question: str,
    values: tuple[Any, ...],
    limit: int,
    shown: Callable[[Any], dict[str, Any] | None],
) -> Past:
    """One bad row costs itself only. A damaged file is read row by row."""
    with closing(read_only(database)) as db:
        try:
            return Past(*_shown(db.execute(question, values), limit, shown))
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return Past(*_shown(newest_first(database, table), limit, shown), damaged=True)


def _shown(
    rows: Iterable[Any], limit: int, shown: Callable[[Any], dict[str, Any] | None]
) -> tuple[list[dict[str, Any]], int]:
    found: list[dict[str, Any]] = []
    unreadable = 0
    for row in rows:
        try:
            one = shown(row)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError):
            unreadable += 1
            continue
        if one is not None:
            found.append(one)
            if len(found) == limit:
                break
    return found, unreadable


def _session(row: Any) -> dict[str, Any]:
    """Raises when it is no object of plain figures, or cannot be shown."""
    found = object_of(row["summary"].encode("utf-8", "replace"))
    for _name, cell in SESSION_COLUMNS:
        cell(found)
    return found | {"n": row["n"]}


def _moment(types: tuple[str, ...], row: Any) -> dict[str, Any] | None:
    """None for an event of another type. Raises when it cannot be shown."""
    if row["type"] not in types:
        return None
    data = object_of(row["event"].encode("utf-8", "replace"))["data"]
    keys = ("cause", "rule", "value", "limit", "position_m", "velocity_m_s", "message")
    time = rfc3339(row["time_s"])
    local(time, "seconds")
    return {"type": row["type"], "time": time} | {key: data.get(key) for key in keys}


def history(
    config: Annotated[
        Path | None, typer.Option(help="TOML file; else the installed one, else the defaults.")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write the sessions here instead of showing them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many sessions and so many moments.")] = 50,
) -> None:
    """Show past sessions, stops and warnings.

    Example: sudo rearguard history --csv sessions.csv
    """
    device = load_of_device(config).courier
    locale.use(device.language)
    database = Path(device.state_dir) / "events.sqlite"
    try:
        with as_owner(database.parent):
            walks, found = sessions(database, limit), moments(database, limit)
    except sqlite3.Error as error:
        with suppress(FileNotFoundError):
            database.stat()  # without sudo this raises, and the command line has words for it
        raise Failure(
            f"history: cannot read {database} ({error})",
            "Usually nobody has walked yet, or --config names another courier.state_dir",
            "name the configuration of the device",
        ) from None
    for walk in walks.rows:
        del walk["n"]
    if csv_file is not None:
        _write_csv(csv_file, walks.rows)
    elif as_json:
        for walk in walks.rows:
            typer.echo(json.dumps({"session": walk}))
        for moment in found.rows:
            typer.echo(json.dumps({"moment": moment}))
    else:
        _show(walks.rows, found.rows)
    _report_unreadable(database, walks, found)


def _report_unreadable(database: Path, *parts: Past) -> None:
    count, damaged = sum(part.unreadable for part in parts), any(part.damaged for part in parts)
    if damaged:
        what = f"history: {database} is damaged; what can be read is shown"
    elif count:
        what = f"history: {count} entries of {database} cannot be read and are left out"
    else:
        return
    why = "Usually a failing card, or power that went off while it was written"
    advice = Advice(what, why, "replace the card if it happens again")
    typer.echo(str(Advice(*map(spoken, advice))), err=True)


def _write_csv(path: Path, walks: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(key for walk in walks for key in walk)) or ["session_id", "started", "ended"]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(walks)
    try:
        write_text(path, table.getvalue())
    except OSError as error:
        raise Failure(
            f"history: cannot write {path} ({in_short(error)})",
            "Usually the folder is missing or belongs to another user",
            "name another file",
        ) from None
    typer.echo(_("Sessions written to {file}: {count}").format(file=path, count=len(walks)), err=True)


def _show(walks: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=_("Sessions"), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, _cell in SESSION_COLUMNS:
        table.add_column(_(name), justify="left" if name == "started" else "right", no_wrap=True)
    for w in walks:
        table.add_row(*(cell(w) for _name, cell in SESSION_COLUMNS))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    table = Table(title=_("Stops and warnings"), title_justify="left", box=SIMPLE_HEAD)
    for name in (_("time"), _("what")):
        table.add_column(name, no_wrap=True)
    for m in found:
        table.add_row(local(m["time"], "seconds"), _what(m))
    console.print(table)


def _what(moment: dict[str, Any]) -> str:
    """One line in the language in use; as it was written when its cause is one of another version."""
    try:
        return headline(moment["type"], Cause(moment["cause"]), str(moment["rule"] or ""))
    except ValueError:
        return str(moment["message"] or moment["type"])
