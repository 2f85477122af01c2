"""Owns the list of incidents: an SQLite file beside their folder, made anew from the folder when it is missing.

Must never be the only place of anything, and never read more files than are new. The order is that in which incidents
came to be, whatever the clock was.
"""

import contextlib
import json
import logging
import sqlite3
import threading
from pathlib import Path
from typing import Any

from firmware_py.courier.receiver import object_of

log = logging.getLogger(__name__)

PAGE = 50
LARGEST_FACTS = 65_536  # bytes
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS incidents(n INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, facts TEXT)"
)


class IncidentIndex:
    """Asked from any thread; one of them looks, the others share its answer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._seen_ns = -1  # the folder's time when it was last looked at
        self._pages: dict[int, bytes] = {}
        self.files_read = 0

    def page(self, before: int | None = None) -> bytes:
        """A JSON list of at most PAGE incidents, newest first; those older than number `before`, when it is given."""
        key = before or 0
        with self._lock:
            self._look()
            if key not in self._pages:
                if len(self._pages) > PAGE:
                    self._pages.clear()
                self._pages[key] = json.dumps(self._rows(before)).encode()
            return self._pages[key]

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _look(self) -> None:
        try:
            changed_ns = self._folder.stat().st_mtime_ns
        except OSError:
            changed_ns = 0
        if changed_ns == self._seen_ns:
            return
        self._pages.clear()
        try:
            self._refresh()
        except sqlite3.Error as error:  # full, read-only or damaged: it is only a copy, memory does
            log.info("incidents: the index is made anew in memory (%s)", error)
            if self._db is not None:
                self._db.close()
            self._db = _open(Path(":memory:"))
            self._refresh()
        self._seen_ns = changed_ns

    def _refresh(self) -> None:
        if self._db is None:
            self._db = _open(self._folder.with_name("incidents.sqlite"))
        there = {path.stem for path in self._folder.glob("*.mcap")}
        known = {name for (name,) in self._db.execute("SELECT name FROM incidents")}
        self._db.execute("BEGIN")
        try:
            self._db.executemany("DELETE FROM incidents WHERE name = ?", [(name,) for name in known - there])
            for name in sorted(there - known):
                facts = facts_of(self._folder / f"{name}.json")
                self.files_read += 1
                self._db.execute("INSERT INTO incidents(name, facts) VALUES(?, ?)", (name, json.dumps(facts)))
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _rows(self, before: int | None) -> list[dict[str, Any]]:
        assert self._db is not None
        rows = self._db.execute(
            "SELECT n, name, facts FROM incidents WHERE n < ? ORDER BY n DESC LIMIT ?",
            (2**62 if before is None else before, PAGE),
        )
        return [described(name, json.loads(facts)) | {"n": n} for n, name, facts in rows]


def described(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """One incident of a list; one whose facts were lost in a power cut is named by its file."""
    moment, _, cause = name.partition("Z-")
    time = moment.replace("-", ":").replace(":", "-", 2) + "Z"
    return {"title": cause, "time": time, **facts, "name": name}


def facts_of(path: Path) -> dict[str, Any]:
    """The facts beside an incident; none when the file is missing, damaged, too large or no object of plain figures."""
    try:
        with path.open("rb") as file:
            return object_of(file.read(LARGEST_FACTS))
    except (OSError, ValueError, RecursionError) as error:
        log.debug("incidents: no facts in %s (%s)", path, error)
        return {}


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
    db.execute(_SCHEMA)
    return db
