"""Owns the database: events until long after the broker has them, and one row a session.

Must never delete a file, and never report an event as stored before the commit is on disk (WAL, synchronous=FULL).
One thread writes; readers open their own connection with `read_only`.
"""

import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from firmware_py.coach import diary
from firmware_py.courier.ages import ages
from firmware_py.courier.events.envelope import Envelope
from firmware_py.courier.events.salvage import Found, last_event, readable
from firmware_py.courier.receiver import object_of

log = logging.getLogger(__name__)

DAY_S = 86_400.0
SLICE = 500  # rows or pages of housekeeping at once
NEWEST_STAY = 5000  # events; some 4 MB

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    boot_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    time_s REAL NOT NULL,
    event TEXT NOT NULL,
    published_s REAL,
    UNIQUE(boot_id, seq)
);
CREATE INDEX IF NOT EXISTS unpublished ON events(n) WHERE published_s IS NULL;
CREATE TABLE IF NOT EXISTS sessions(
    id TEXT PRIMARY KEY,
    started_s REAL NOT NULL,
    ended_s REAL,
    summary TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS days(k INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL, time_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS marks(name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Unpublished(NamedTuple):
    n: int
    type: str
    event: str


class Outbox:
    """The writing side. Every method may raise sqlite3.Error (full, read-only or failing storage)."""

    def __init__(self, path: Path, check: bool = False) -> None:
        """`check` reads the whole file, which takes seconds after years: after ready, or when something is wrong."""
        self.path = path
        self.set_aside: Path | None = None  # where a corrupt predecessor went
        try:
            self._db = _open(path)
            if check and (found := damage(self._db)):
                self._db.close()
                raise sqlite3.DatabaseError(found)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # full, read-only, locked: the file may be sound
            self._begin_anew(error)

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        self.set_aside = self.path.with_name(f"{self.path.stem}-damaged-{time.time_ns()}{self.path.suffix}")
        for tail in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{tail}").rename(f"{self.set_aside}{tail}")
        log.error(
            "events: %s is damaged (%s). Usually a failing card or a file copied while in use. It was set aside as "
            "%s and a new one begun; what can be read is taken over. Replace the card if this happens again.",
            self.path,
            error,
            self.set_aside.name,
        )
        self._db = _open(self.path)
        last = last_event(self.set_aside)
        if last:  # what is taken over keeps its number, and new events come behind it
            self._db.execute("INSERT INTO sqlite_sequence(name, seq) VALUES('events', ?)", (last,))

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on disk when it returns."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def keep(self, events: Iterable[Envelope]) -> int:
        """Store what is not there yet, inside a transaction of the caller's; how many were new."""
        new = 0
        for e in events:
            new += self._db.execute(
                "INSERT INTO events(id, boot_id, seq, type, time_s, event) VALUES(?,?,?,?,?,?) "
                "ON CONFLICT DO NOTHING",
                (e.id, e.boot_id, e.seq, e.kind, e.time_s, e.text),
            ).rowcount
        return new

    def unpublished(self, after_n: int, limit: int) -> list[Unpublished]:
        rows = self._db.execute(
            "SELECT n, type, event FROM events WHERE published_s IS NULL AND n > ? ORDER BY n LIMIT ?",
            (after_n, limit),
        )
        return [Unpublished(*row) for row in rows]

    def published(self, numbers: Iterable[int], now_s: float) -> None:
        self._db.executemany("UPDATE events SET published_s = ? WHERE n = ?", [(now_s, n) for n in numbers])

    def take_over(self, found: Found) -> None:
        """Insert salvaged rows, inside a transaction of the caller's."""
        marks = ",".join("?" * len(found.columns.split(",")))
        self._db.executemany(
            f"INSERT OR IGNORE INTO {found.table}({found.columns}) VALUES({marks})", found.rows
        )

    def forget(
        self,
        before_s: float,
        unpublished_too: bool,
        newest_stay: int = NEWEST_STAY,
        up_to: int = 2**62,
        most: int = SLICE,
    ) -> int:
        """Drop events that the broker received before `before_s`; without a broker, those that are older.

        The newest stay whatever their date, and so does what is behind number `up_to`: a clock may have been set. At
        most `most` go at once: deleting needs room in the log, and new events come first.
        """
        age = "coalesce(published_s, time_s)" if unpublished_too else "published_s"
        return self._db.execute(
            f"DELETE FROM events WHERE n IN (SELECT n FROM events WHERE {age} < ? AND n <= ? "
            "AND n <= (SELECT max(n) FROM events) - ? ORDER BY n LIMIT ?)",
            (before_s, up_to, newest_stay, most),
        ).rowcount

    def old_up_to(self, now_s: float, keep_s: float) -> int:
        """The number of the last event that is certainly older than `keep_s`; notes the day, inside a transaction."""
        days = self._db.execute("SELECT n, time_s FROM days ORDER BY k").fetchall()
        if not days or abs(now_s - days[-1][1]) >= DAY_S:
            self._db.execute(
                "INSERT INTO days(n, time_s) SELECT coalesce(max(n), 0), ? FROM events", (now_s,)
            )
        passed_s = ages([time_s for _, time_s in days], now_s)
        return max((n for (n, _), age_s in zip(days, passed_s, strict=True) if age_s > keep_s), default=0)

    def trim(self, most_unpublished: int, most_sessions: int, most: int = SLICE) -> tuple[int, int]:
        """Drop the oldest beyond these counts, at most `most` at once; how many events and sessions went."""
        (waiting,) = self._db.execute("SELECT count(*) FROM events WHERE published_s IS NULL").fetchone()
        (walks,) = self._db.execute("SELECT count(*) FROM sessions").fetchone()
        self._db.execute(
            "DELETE FROM events WHERE n IN (SELECT n FROM events WHERE published_s IS NULL ORDER BY n LIMIT ?)",
            (events := max(0, min(most, waiting - most_unpublished)),),
        )
        self._db.execute(
            "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions ORDER BY rowid LIMIT ?)",
            (sessions := max(0, min(most, walks - most_sessions)),),
        )
        return events, sessions

    def give_back(self) -> None:
        """Return free pages to the disk, a slice at a time; outside a transaction."""
        self._db.execute(f"PRAGMA incremental_vacuum({SLICE})").fetchall()

    def last(self, types: tuple[str, ...]) -> str | None:
        """The newest event of these types, as JSON text."""
        marks = ",".join("?" * len(types))
        row = self._db.execute(
            f"SELECT event FROM events WHERE type IN ({marks}) ORDER BY n DESC LIMIT 1", types
        ).fetchone()
        return row[0] if row else None

    def last_seq(self, boot_id: str) -> int:
        """The highest sequence number stored for one start of a process; 0 when there is none."""
        row = self._db.execute("SELECT max(seq) FROM events WHERE boot_id = ?", (boot_id,)).fetchone()
        return int(row[0] or 0)

    def save_session(
        self, name: str, started_s: float, ended_s: float | None, summary: dict[str, Any]
    ) -> None:
        self._db.execute(
            "INSERT INTO sessions VALUES(?,?,?,?) ON CONFLICT(id) DO UPDATE SET ended_s = excluded.ended_s, "
            "summary = excluded.summary",
            (name, started_s, ended_s, json.dumps(summary)),
        )

    def run(self, row: diary.Row) -> None:
        """What the coach wants stored, inside a transaction of the caller's."""
        self._db.execute(row.sql, row.values)

    def open_sessions(self) -> list[tuple[str, dict[str, Any]]]:
        """Sessions whose end was never written: the courier was killed during a walk."""
        rows = self._db.execute("SELECT id, summary FROM sessions WHERE ended_s IS NULL")
        found = []
        for name, summary in rows:
            with contextlib.suppress(ValueError, RecursionError):  # a bad row costs itself only
                found.append((name, object_of(summary.encode("utf-8", "replace"))))
        return found

    def mark(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO marks VALUES(?,?)", (name, value))

    def marked(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        if not path.stat().st_size:
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")  # counts for a new file only
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA journal_size_limit=4000000")
        db.executescript(_SCHEMA + diary.SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def damage(db: sqlite3.Connection) -> str:
    """What is wrong with the file; "" when nothing is. Reads all of it."""
    try:
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        return ""  # locked or gone: nothing is known
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else found


def read_only(path: Path) -> sqlite3.Connection:
    """A reader's own connection. Raises sqlite3.OperationalError when there is no database yet."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.text_factory = readable
    return db
