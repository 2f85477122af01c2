"""Owns what was done: sessions and answers in the courier's database, a walker's whole past, and forgetting it.

Must never hold a name that a person did not choose: a walker is a short word or a card's random key.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from firmware_py.coach.record import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS coached(
    id TEXT PRIMARY KEY,
    walker TEXT NOT NULL,
    started_s REAL NOT NULL,
    ended_s REAL,
    record TEXT NOT NULL,
    state TEXT
);
CREATE TABLE IF NOT EXISTS answers(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    walker TEXT NOT NULL,
    time_s REAL NOT NULL,
    question TEXT NOT NULL,
    value TEXT NOT NULL,
    set_number INTEGER NOT NULL,
    UNIQUE(session, question, set_number)
);
"""
WALKER = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")  # a short name, or the random key of a card

SAVE = (
    "INSERT INTO coached VALUES(?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET ended_s = excluded.ended_s, "
    "record = excluded.record, state = excluded.state"
)
APPEND = (
    "INSERT INTO answers(session, walker, time_s, question, value, set_number) VALUES(?,?,?,?,?,?) "
    "ON CONFLICT DO NOTHING"
)

LATELY_S = 1800.0  # an open session that was stored within this time may still be walked


class Row(NamedTuple):
    """One statement for the database, to be run by its only writer. A later one of the same key replaces it."""

    key: str
    sql: str
    values: tuple[Any, ...]


def save(record: Record, state: dict[str, Any] | None) -> Row:
    """Store a session; `state` while it goes on."""
    saved = None if state is None else json.dumps(state)
    values = (record.id, record.walker, record.started_s, record.ended_s, json.dumps(record.plain()), saved)
    return Row(f"coached {record.id}", SAVE, values)


def append(record: Record, time_s: float, question: str, value: object) -> Row:
    """Store an answer; the table only grows, and takes each question once."""
    number = len(record.sets)
    values = (record.id, record.walker, time_s, question, json.dumps(value), number)
    return Row(f"answer {record.id} {question} {number}", APPEND, values)


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=2)) as db:
        yield db


def past(database: Path, walker: str) -> list[Record]:
    """This walker's finished sessions with at least one set, oldest first. No database yet: nothing done yet."""
    if not database.exists():
        return []
    query = "SELECT record FROM coached WHERE walker = ? AND ended_s IS NOT NULL ORDER BY started_s"
    try:
        with _reading(database) as db:
            rows = db.execute(query, (walker,)).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # written by a version without a coach
            return []
        raise
    return [record for row in rows if (record := Record.of(json.loads(row[0]))).sets]


def unfinished(database: Path) -> list[dict[str, Any]]:
    """The saved state of sessions that a killed courier left open, newest first."""
    if not database.exists():
        return []
    query = "SELECT state FROM coached WHERE ended_s IS NULL AND state IS NOT NULL ORDER BY started_s DESC"
    try:
        with _reading(database) as db:
            return [json.loads(row[0]) for row in db.execute(query)]
    except sqlite3.OperationalError:
        return []


def walks_now(database: Path, walker: str, now_s: float) -> bool:
    """Whether a session of this walker is open and was stored lately. Raises sqlite3.Error."""
    if not database.exists():
        return False
    with _reading(database) as db, suppress(sqlite3.OperationalError):  # written by a version without a coach
        rows = db.execute(
            "SELECT record FROM coached WHERE walker = ? AND ended_s IS NULL AND state IS NOT NULL", (walker,)
        ).fetchall()
        return any(now_s - json.loads(row[0])["seen_s"] < LATELY_S for row in rows)
    return False


def forget(database: Path, walker: str, wait_s: float = 10.0) -> tuple[int, int]:
    """Remove every row of a walker, overwrite its pages, and empty the log. (sessions, answers) that went.

    Raises sqlite3.Error.
    """
    if not database.exists():
        return 0, 0
    with closing(sqlite3.connect(database, timeout=wait_s, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete=ON")
        db.executescript(SCHEMA)
        sessions = db.execute("DELETE FROM coached WHERE walker = ?", (walker,)).rowcount
        answers = db.execute("DELETE FROM answers WHERE walker = ?", (walker,)).rowcount
        if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise sqlite3.OperationalError("another program holds its log")
    return sessions, answers


def forget_set_aside(database: Path, walker: str) -> list[Path]:
    """Remove every damaged database beside this one that names the walker, and return them.

    Rows cannot be taken out of a damaged file for certain. What could be read of it stands in the new database.
    """
    found = [
        path
        for path in database.parent.glob(f"{database.stem}-damaged-*")
        if walker.encode() in path.read_bytes()
    ]
    for path in found:
        path.unlink()
    return found
