"""Owns what the alerts process knows of people on the way: who pressed the link in a message. Must never write there.

Each answer becomes an event, so that whoever listens over MQTT sees it, too. Main thread.
"""

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

MESSAGE = "Somebody is on the way. The reminders of this alert end."  # of the event
BY_EVENT = "mqtt"  # these answers came as events in the first place
MOST = 50


class Answer(NamedTuple):
    """Somebody is on the way."""

    alert: str
    device: str
    time_s: float


class Answered:
    """`since_s`: up to where an earlier courier has told of them."""

    def __init__(self, path: Path, since_s: float) -> None:
        self._path, self.since_s = path, since_s

    def new(self) -> list[Answer]:
        """Since the last call; empty while there is no such database, or it cannot be read now."""
        found: list[Answer] = []
        with contextlib.suppress(sqlite3.Error):
            if self._path.exists():
                found = self._read()
        if found:
            self.since_s = found[-1].time_s
        return found

    def _read(self) -> list[Answer]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=0.1)) as db:
            rows = db.execute(
                "SELECT event_id, device, acknowledged_s FROM alerts WHERE acknowledged_s > ? AND acknowledged_by != ? "
                "ORDER BY acknowledged_s LIMIT ?",
                (self.since_s, BY_EVENT, MOST),
            )
            return [Answer(*row) for row in rows]
