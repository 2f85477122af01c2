"""Owns the command `rearguard history`: past sessions and stops as a table, CSV or JSON.

Must never write to the database.
"""

import contextlib
import csv
import io
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from firmware_py.config import load
from firmware_py.courier.events.database import read_only
from firmware_py.courier.events.envelope import rfc3339
from firmware_py.courier.receiver import object_of
from firmware_py.storage.written import write_text
from sensors.advice import Failure

INCIDENT_TYPES = ("stopped", "stopped_by_fault", "warning")


def _local(time: str, to: Literal["minutes", "seconds"]) -> str:
    """RFC 3339 in the time zone of this computer."""
    return datetime.fromisoformat(time).astimezone().replace(tzinfo=None).isoformat(" ", to)


def _percent(value: float | None, digits: int = 0, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.{digits}%}"


def _short(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


# One session in one line, in local time; CSV and JSON hold every figure. Metres and metres a second.
SESSION_COLUMNS: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("started", lambda w: _local(w["started"], "minutes")),
    ("min", lambda w: f"{w['minutes']:.1f}"),
    ("steps", lambda w: str(w["steps"])),
    ("/min", lambda w: _short(w.get("cadence_per_min"), 0)),
    ("speed", lambda w: _short(w.get("speed_m_s"), 2)),
    ("zone", lambda w: _percent(w.get("in_zone_fraction"))),
    ("place", lambda w: f"{_short(w.get('position_mean_m'), 2)}±{_short(w.get('position_sd_m'), 2)}"),
    ("drift", lambda w: _short(w.get("drift_max_m_s"), 2)),
    ("margin", lambda w: _short(w.get("margin_min_m"), 2)),
    ("regular", lambda w: _percent(w.get("regularity_mean"))),
    ("trend/min", lambda w: _percent(w.get("regularity_per_min"), 1, "+")),
    ("near", lambda w: str(w.get("near_misses", 0))),
    ("warned", lambda w: str(w["warnings"])),
    ("stops", lambda w: str(w["stops"])),
)


def sessions(database: Path, limit: int) -> list[dict[str, Any]]:
    """Finished sessions, newest first. Raises sqlite3.Error."""
    with closing(read_only(database)) as db:
        rows = db.execute(
            "SELECT summary FROM sessions WHERE ended_s IS NOT NULL ORDER BY rowid DESC LIMIT ?", (limit,)
        )
        return list(_readable(row["summary"] for row in rows))


def _readable(texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """A row that is no object of plain figures costs itself only."""
    for text in texts:
        with contextlib.suppress(ValueError, RecursionError):
            yield object_of(text.encode("utf-8", "replace"))


def moments(database: Path, limit: int) -> list[dict[str, Any]]:
    """Stops and warnings, newest first. Raises sqlite3.Error."""
    marks = ",".join("?" * len(INCIDENT_TYPES))
    with closing(read_only(database)) as db:
        rows = db.execute(
            f"SELECT type, time_s, event FROM events WHERE type IN ({marks}) ORDER BY n DESC LIMIT ?",
            (*INCIDENT_TYPES, limit),
        )
        found = []
        for row in rows:
            data = json.loads(row["event"])["data"]
            keys = ("cause", "rule", "value", "limit", "position_m", "velocity_m_s", "message")
            found.append(
                {"type": row["type"], "time": rfc3339(row["time_s"])} | {k: data.get(k) for k in keys}
            )
        return found


def history(
    config: Annotated[Path | None, typer.Option(help="TOML file; without it the defaults hold.")] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write the sessions here instead of showing them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many sessions and so many moments.")] = 50,
) -> None:
    """Show past sessions, stops and warnings.

    Example: rearguard history --csv sessions.csv
    """
    database = Path(load(config).courier.state_dir) / "events.sqlite"
    try:
        walks, found = sessions(database, limit), moments(database, limit)
    except sqlite3.Error as error:
        raise Failure(
            f"history: cannot read {database} ({error})",
            "Usually the courier has not run yet, or --config names another courier.state_dir",
            "start the courier, or name its configuration",
        ) from None
    if csv_file is not None:
        _write_csv(csv_file, walks)
    elif as_json:
        for walk in walks:
            typer.echo(json.dumps({"session": walk}))
        for moment in found:
            typer.echo(json.dumps({"moment": moment}))
    else:
        _show(walks, found)


def _write_csv(path: Path, walks: list[dict[str, Any]]) -> None:
    columns = list(walks[0]) if walks else ["session_id", "started", "ended"]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(walks)
    try:
        write_text(path, table.getvalue())
    except OSError as error:
        raise Failure(
            f"history: cannot write {path}: {error.strerror}",
            "Usually the folder is missing or belongs to another user",
            "name another file",
        ) from None
    typer.echo(f"{len(walks)} sessions written to {path}", err=True)


def _show(walks: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Sessions", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, _ in SESSION_COLUMNS:
        table.add_column(name, justify="left" if name == "started" else "right", no_wrap=True)
    for w in walks:
        table.add_row(*(cell(w) for _, cell in SESSION_COLUMNS))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    table = Table(title="Stops and warnings", title_justify="left", box=SIMPLE_HEAD)
    for name in ("time", "what", "cause", "rule", "value", "limit"):
        table.add_column(name, justify="right" if name in ("value", "limit") else "left", no_wrap=True)
    for m in found:
        cells = (m["cause"], m["rule"], m["value"], m["limit"])
        table.add_row(_local(m["time"], "seconds"), m["type"], *(_text(cell) for cell in cells))
    console.print(table)


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
