"""Owns alerts and deliveries on disk (SQLite). Must never call something sent before the channel has taken it.

Two tables: an alert a row, and a delivery a row: one alert, one person, one repeat. One thread uses it.
"""

import secrets
import sqlite3
from pathlib import Path
from typing import NamedTuple

from firmware_py.alerts.classes import Alert, Urgency
from firmware_py.alerts.policy import State
from firmware_py.locale import mark

NOT_LISTED = mark("nobody of this name is on the list any more")
KEEP_S = 400 * 86_400.0
Way = tuple[str, int, State, int, str]  # of one delivery: name, repeat, state, attempts, problem

_SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts(
    event_id TEXT PRIMARY KEY,
    urgency TEXT NOT NULL,
    time_s REAL NOT NULL,
    stored_s REAL NOT NULL,
    device TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    acknowledged_s REAL,
    acknowledged_by TEXT
);
CREATE TABLE IF NOT EXISTS deliveries(
    event_id TEXT NOT NULL REFERENCES alerts(event_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    repeat INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_s REAL NOT NULL,
    sent_s REAL,
    again INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    PRIMARY KEY(event_id, name, repeat)
);
CREATE INDEX IF NOT EXISTS due ON deliveries(name, due_s) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS marks(name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Delivery(NamedTuple):
    """One message to one person. `again`: the same may have arrived before."""

    alert: Alert
    stored_s: float
    name: str
    repeat: int
    attempts: int
    again: bool
    acknowledged: bool


class Store:
    """Every method commits before it returns, and may raise sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.executescript(_SCHEMA)

    def take_up(self, names: set[str]) -> None:
        """For the one process that sends, at its start: what an earlier one left, to these people.

        What was being sent when it ended may have arrived: the next try says "again".
        """
        marks = ",".join("?" * len(names))
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("UPDATE deliveries SET state = 'waiting', again = 1 WHERE state = 'sending'")
            self._db.execute(
                "UPDATE deliveries SET state = 'given up', problem = ? "
                f"WHERE state = 'waiting' AND name NOT IN ({marks})",
                (NOT_LISTED, *names),
            )

    def close(self) -> None:
        self._db.close()

    def add(self, alert: Alert, due: dict[str, float], now_s: float, seen_n: int | None = None) -> bool:
        """Stores an alert, its first deliveries and how far the events were read, all or nothing. True: it is new."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            new = self._db.execute(
                "INSERT INTO alerts(event_id, urgency, time_s, stored_s, device, title, text) VALUES(?,?,?,?,?,?,?) "
                "ON CONFLICT DO NOTHING",
                (
                    alert.event_id,
                    alert.urgency.value,
                    alert.time_s,
                    now_s,
                    alert.device,
                    alert.title,
                    alert.text,
                ),
            ).rowcount
            if new:
                self._db.executemany(
                    "INSERT INTO deliveries(event_id, name, repeat, state, due_s) VALUES(?,?,0,'waiting',?)",
                    [(alert.event_id, name, due_s) for name, due_s in due.items()],
                )
            if seen_n is not None:
                self.mark("seen_n", str(seen_n))
            return bool(new)

    def due(self, name: str, now_s: float, limit: int = 50) -> list[Delivery]:
        """What is to be sent to this person now: calls for help first, then the oldest."""
        rows = self._db.execute(
            "SELECT a.event_id, a.urgency, a.time_s, a.device, a.title, a.text, a.stored_s, "
            "d.name, d.repeat, d.attempts, d.again, a.acknowledged_s IS NOT NULL "
            "FROM deliveries d JOIN alerts a USING(event_id) "
            "WHERE d.state = 'waiting' AND d.name = ? AND d.due_s <= ? "
            "ORDER BY a.urgency = 'help' DESC, d.due_s LIMIT ?",
            (name, now_s, limit),
        )
        return [
            Delivery(
                Alert(i, Urgency(u), t, dev, title, text),
                stored,
                name,
                repeat,
                tries,
                bool(again),
                bool(acked),
            )
            for i, u, t, dev, title, text, stored, name, repeat, tries, again, acked in rows
        ]

    def sending(self, d: Delivery) -> None:
        """Written before the channel is asked."""
        self._set(d, "state = 'sending', attempts = attempts + 1")

    def sent(self, d: Delivery, now_s: float, repeat_due_s: float | None) -> None:
        """The channel has taken it; the next repeat, if one is due, is a row of its own."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._set(d, "state = 'sent', problem = '', sent_s = ?", now_s)
            if repeat_due_s is not None:
                self._db.execute(
                    "INSERT OR IGNORE INTO deliveries(event_id, name, repeat, state, due_s, again) "
                    "VALUES(?,?,?,'waiting',?,1)",
                    (d.alert.event_id, d.name, d.repeat + 1, repeat_due_s),
                )

    def failed(self, d: Delivery, problem: str, due_s: float | None, unsure: bool = False) -> None:
        """Try again at `due_s`; None: given up. `unsure`: it may have arrived all the same."""
        again = d.again or unsure
        if due_s is None:
            self._set(d, "state = 'given up', problem = ?", problem[:300])
        else:
            self._set(d, "state = 'waiting', problem = ?, due_s = ?, again = ?", problem[:300], due_s, again)

    def postpone(self, d: Delivery, due_s: float) -> None:
        self._set(d, "due_s = ?", due_s)

    def drop(self, d: Delivery) -> None:
        """Not needed any more: somebody has acknowledged."""
        self._set(d, "state = 'given up', problem = 'acknowledged'")

    def acknowledge(self, event_id: str, by: str, now_s: float) -> bool:
        """Stops the repeats of one alert. False: there is no such alert, or somebody was first."""
        return bool(
            self._db.execute(
                "UPDATE alerts SET acknowledged_s = ?, acknowledged_by = ? "
                "WHERE event_id = ? AND acknowledged_s IS NULL",
                (now_s, by[:60], event_id),
            ).rowcount
        )

    def ways(self, event_id: str) -> list[Way]:
        """Every delivery of one alert; empty when there is no such alert."""
        rows = self._db.execute(
            "SELECT name, repeat, state, attempts, problem FROM deliveries WHERE event_id = ? ORDER BY name, repeat",
            (event_id,),
        )
        return [(name, repeat, State(state), tries, problem) for name, repeat, state, tries, problem in rows]

    def newest(self, limit: int = 20) -> list[tuple[Alert, str, list[Way]]]:
        """The newest alerts, by whom each was acknowledged ("" by nobody), and their deliveries: for people."""
        rows = self._db.execute(
            "SELECT event_id, urgency, time_s, device, title, text, "
            "CASE WHEN acknowledged_s IS NULL THEN '' ELSE acknowledged_by END FROM alerts "
            "ORDER BY time_s DESC LIMIT ?",
            (limit,),
        ).fetchall()
        return [(Alert(row[0], Urgency(row[1]), *row[2:6]), row[6], self.ways(row[0])) for row in rows]

    def forget(self, before_s: float) -> None:
        self._db.execute("DELETE FROM alerts WHERE time_s < ?", (before_s,))

    def mark(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO marks VALUES(?,?)", (name, value))

    def marked(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def secret(self) -> bytes:
        """The key that signs acknowledge links, made once."""
        self._db.execute("INSERT OR IGNORE INTO marks VALUES('secret', ?)", (secrets.token_hex(32),))
        return bytes.fromhex(self.marked("secret") or "")

    def _set(self, d: Delivery, what: str, *values: object) -> None:
        self._db.execute(
            f"UPDATE deliveries SET {what} WHERE event_id = ? AND name = ? AND repeat = ?",
            (*values, d.alert.event_id, d.name, d.repeat),
        )
