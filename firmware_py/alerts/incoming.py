"""Owns what comes in: the courier's events become alerts, and so does a stop after which nobody shows a sign of life.

Must never write into the courier's database, and never read an event twice. Main thread only.
"""

import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_py.alerts import classes
from firmware_py.alerts.classes import Alert, Urgency
from firmware_py.alerts.store import Store

log = logging.getLogger(__name__)

BATCH = 200
SEEN = "seen_n"  # the mark: the newest event that was read
_UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError)

Add = Callable[[Alert, int | None], None]  # an alert, and how far the events were read


class Incoming:
    """`read` at every step. Raises sqlite3.Error; the next call opens the database anew."""

    def __init__(self, path: Path, store: Store, wall: Callable[[], float], add: Add) -> None:
        self._path, self._store, self._wall, self._add = path, store, wall, add
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        # device: a stop that waits for a sign of life
        self._stops: dict[str, tuple[dict[str, Any], float]] = {}
        self._faults: dict[str, Alert] = {}  # device: a fault at rest that may end by itself

    def read(self, now_s: float) -> None:
        """Everything new, and the stops whose minute is over."""
        try:
            if self._open():
                for n, time_s, text in self._new_events():
                    self._take(n, time_s, text)
        except sqlite3.Error:
            self._close()
            raise
        for device, (stop, time_s) in list(self._stops.items()):
            if now_s - time_s >= classes.NO_SIGN_S:
                del self._stops[device]
                self._add(classes.no_sign(stop, now_s), None)
        for device, fault in list(self._faults.items()):
            if now_s - fault.time_s >= classes.FAULT_STAYS_S:
                del self._faults[device]
                self._add(fault, None)

    def _open(self) -> bool:
        """Whether there is a database; a file that took the place of the one before is opened anew."""
        try:
            found = self._path.stat()
        except OSError:
            self._close()
            return False
        file = found.st_dev, found.st_ino
        if self._db is None or file != self._file:
            self._close()
            self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=2)
            if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone() is None:
                return False  # the courier is just making it
            self._file = file
            self._begin(self._db)
        return True

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _begin(self, db: sqlite3.Connection) -> None:
        """Where to go on: a new queue begins with the newest event, nobody is alerted of last year."""
        newest = int(db.execute("SELECT coalesce(max(n), 0) FROM events").fetchone()[0])
        seen = int(self._store.marked(SEEN) or -1)
        if seen < 0:
            self._store.mark(SEEN, str(newest))
            return
        if seen > newest:  # the courier has begun a new database
            self._store.mark(SEEN, "0")
        rows = db.execute(
            "SELECT time_s, event FROM events WHERE n <= ? AND n > ? AND time_s > ? ORDER BY n",
            (seen, seen - BATCH, self._wall() - 2 * max(classes.NO_SIGN_S, classes.FAULT_STAYS_S)),
        )
        for time_s, text in rows:  # what of the last minutes still waits
            with contextlib.suppress(*_UNREADABLE):
                event = json.loads(text)
                self._follow(event, time_s, classes.of_event(event, time_s))

    def _new_events(self) -> list[tuple[int, float, str]]:
        assert self._db is not None
        seen = int(self._store.marked(SEEN) or 0)
        query = "SELECT n, time_s, event FROM events WHERE n > ? ORDER BY n LIMIT ?"
        return self._db.execute(query, (seen, BATCH)).fetchall()

    def _follow(self, event: dict[str, Any], time_s: float, alert: Alert | None) -> Alert | None:
        """What of this alert is due now. A stop waits for a sign of life, and a fault at rest for its end."""
        device = classes.device_of(event)
        if classes.is_followed(event):
            self._stops[device] = event, time_s
        elif classes.is_sign_of_life(event):
            self._stops.pop(device, None)
        if not classes.is_health(event):
            return alert
        if alert is not None and alert.urgency is Urgency.CARE:
            self._faults.setdefault(device, alert)
            return None
        self._faults.pop(device, None)
        return alert

    def _take(self, n: int, time_s: float, text: str) -> None:
        """One event becomes an alert or not; either way it is not read again."""
        try:
            event = json.loads(text)
            alert = self._follow(event, time_s, classes.of_event(event, time_s))
            if (acknowledged := classes.acknowledged(event)) is not None:
                self._store.acknowledge(acknowledged, "mqtt", self._wall())
        except _UNREADABLE as error:
            log.warning("alerts: event %d cannot be read (%s) and concerns nobody", n, error)
            alert = None
        if alert is None:
            self._store.mark(SEEN, str(n))
        else:
            self._add(alert, n)
