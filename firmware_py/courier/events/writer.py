"""Owns the one thread that writes events: link -> disk -> acknowledge -> broker.

Must never acknowledge an event that is not on disk yet. What cannot be written now stays here (and with the guard)
and is tried again each second; nothing else waits for it.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from firmware_py.coach.diary import Row
from firmware_py.courier.events.database import SLICE, Outbox, damage, read_only
from firmware_py.courier.events.envelope import DATA, Envelope, Stamp, build, from_guard
from firmware_py.courier.events.mqtt import Broker
from firmware_py.courier.events.salvage import Found, salvage
from sensors.advice import in_short

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

RETRY_S = 1.0
ROOM = 4096  # events held in memory while the disk refuses; the guard keeps its own and sends again
TIDY_EVERY_S = 3600.0
TIDY_AGAIN_S = 60.0
UNPUBLISHED_MOST = 100_000  # some 80 MB
SESSIONS_MOST = 50_000  # ten a day for thirteen years
BATCH = 256
SETTLE_S = 2.0


class SessionRow(NamedTuple):
    """A session's state now; `ended_s` is None while it goes on."""

    id: str
    started_s: float
    ended_s: float | None
    summary: dict[str, Any]


class EventWriter:
    """Takes events from any thread. `acknowledge(seq)` is called once a guard's event is on disk."""

    def __init__(
        self,
        path: Path,
        own: Stamp,
        keep_days: int,
        acknowledge: Callable[[int], None],
        on_stored: Callable[[Envelope], None],
    ) -> None:
        self._path = path
        self._own = own
        self._acknowledge = acknowledge
        self._keep_s = keep_days * 86400.0
        self._on_stored = on_stored
        self._broker: Broker | None = None
        self._outbox: Outbox | None = None
        self._cursor = 0  # the last row that was sent
        self._own_seq = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._events: dict[tuple[str, int], tuple[Envelope, int | None]] = {}
        self._sessions: dict[str, SessionRow] = {}
        self._marks: dict[str, str] = {}
        self._rows: dict[str, Row] = {}  # of the coach, by key
        self._acknowledged: list[int] = []  # rows that the broker has, not marked as published yet
        self._next_tidy_s = 0.0
        self._suspect = self._reopen = False  # the file may be damaged; it is to be opened anew
        self._salvage: Iterator[Found] = iter(())
        self._trimmed = 0
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self.problem = ""
        self.refused = 0

    def start(self, broker: Broker | None) -> None:
        self._broker = broker
        self._thread.start()
        threading.Thread(target=self._check, name="check", daemon=True).start()

    def close(self, patience_s: float = 3.0) -> None:
        """Write what waits, if the disk lets us within `patience_s`. The thread closes the database."""
        self._closing = True
        self._wake.set()
        self._thread.join(patience_s)

    def open(self) -> Outbox | None:
        """The database, opened or tried again; None while the storage refuses. Before `start`, or on its thread."""
        if self._outbox is None:
            try:
                self._outbox = Outbox(self._path, check=self._suspect)
            except (sqlite3.Error, OSError) as error:
                self._refuse(error)
                return None
            self._cursor, self._suspect = 0, False
            if self._outbox.set_aside is not None:
                self._salvage = salvage(self._outbox.set_aside)
                detail = (
                    f"The event database was damaged and set aside as {self._outbox.set_aside.name}. A new one was "
                    "begun; what can be read is taken over."
                )
                self.record("storage_changed", part="events", ok=True, detail=detail, message=detail)
        return self._outbox

    # -- from any thread ---------------------------------------------------------------------------------

    def guard_event(self, stamp: Stamp, seq: int, raw: bytes, time_of: Callable[[int], float]) -> None:
        """An event of the guard; a re-sent one is recognised by (boot_id, seq)."""
        key = (stamp.boot_id, seq)
        if key not in self._events:
            self._put(from_guard(stamp, seq, raw, time_of), seq)

    def record(self, kind: str, **data: Any) -> None:
        """An event of the courier's own."""
        with self._lock:
            self._own_seq += 1
            seq = self._own_seq
        self._put(build(self._own, seq, kind, time.time(), time.monotonic_ns(), data), None)

    def session(self, row: SessionRow) -> None:
        with self._lock:
            self._sessions[row.id] = row
        self._wake.set()

    def row(self, row: Row) -> None:
        """A row of the coach; a later one of the same key replaces it."""
        with self._lock:
            self._rows[row.key] = row
        self._wake.set()

    def mark(self, name: str, value: str) -> None:
        with self._lock:
            self._marks[name] = value
        self._wake.set()

    def wake(self) -> None:
        """The broker has news."""
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Events not yet on disk."""
        return len(self._events)

    def _put(self, event: Envelope, seq: int | None) -> None:
        assert event.kind in DATA
        with self._lock:
            if len(self._events) >= ROOM:
                self.refused += 1  # a guard's event comes again; the courier's own is lost and counted
                return
            self._events[event.boot_id, event.seq] = event, seq
        self._wake.set()

    # -- the thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait(RETRY_S)
            self._wake.clear()
            closing = self._closing
            try:
                self._write()
                self._publish()
                if closing:
                    self._settle()
            except (sqlite3.Error, OSError) as error:
                self._refuse(error)
                if not closing:
                    time.sleep(RETRY_S)
                    self._wake.set()
            except Exception:
                log.exception("events: an unexpected mistake; trying again")
                time.sleep(RETRY_S)
            if closing and (self.problem or not (self._events or self._rows)):
                if self._outbox is not None:
                    self._outbox.close()
                return

    def _check(self) -> None:
        """On a thread of its own, beside everything else: read the whole file once after each start."""
        try:
            with closing(read_only(self._path)) as db:
                found = damage(db)
        except sqlite3.Error:
            return  # the writer finds out
        if found and not self._closing:
            self._suspect = self._reopen = True
            self._wake.set()

    def _write(self) -> None:
        if self._reopen and self._outbox is not None:
            self._reopen = False
            self._outbox.close()
            self._outbox = None
        outbox = self.open()
        if outbox is None:
            if self._closing:
                return
            raise OSError(self.problem)
        with self._lock:
            events = dict(islice(self._events.items(), BATCH))
            sessions, marks, rows = dict(self._sessions), dict(self._marks), dict(self._rows)
        if self._broker:
            self._acknowledged += self._broker.acknowledged()
        if events or sessions or marks or rows or self._acknowledged:
            self._store(outbox, events, sessions, marks, rows)
        if not self._closing:
            self._tidy(outbox)

    def _store(
        self,
        outbox: Outbox,
        events: dict[tuple[str, int], tuple[Envelope, int | None]],
        sessions: dict[str, SessionRow],
        marks: dict[str, str],
        rows: dict[str, Row],
    ) -> None:
        with outbox.transaction():
            outbox.keep(event for event, _ in events.values())
            for row in sessions.values():
                outbox.save_session(*row)
            for name, value in marks.items():
                outbox.mark(name, value)
            for coached in rows.values():
                outbox.run(coached)
            outbox.published(self._acknowledged, time.time())
        self._acknowledged.clear()
        with self._lock:
            _remove(self._events, events)
            _remove(self._sessions, sessions)
            _remove(self._marks, marks)
            _remove(self._rows, rows)
            if self._events:
                self._wake.set()
        self._written(events.values())

    def _tidy(self, outbox: Outbox) -> None:
        """One slice of housekeeping, in a transaction of its own: new events never wait for it."""
        try:
            if (found := next(self._salvage, None)) is not None:
                with outbox.transaction():
                    outbox.take_over(found)
                self._cursor = 0
                self._wake.set()
            elif time.monotonic() >= self._next_tidy_s:
                now_s = time.time()
                with outbox.transaction():
                    up_to = outbox.old_up_to(now_s, self._keep_s)
                    gone = outbox.forget(now_s - self._keep_s, self._broker is None, up_to=up_to)
                    trimmed = sum(outbox.trim(UNPUBLISHED_MOST, SESSIONS_MOST))
                outbox.give_back()
                self._trimmed += trimmed
                if max(gone, trimmed) >= SLICE:
                    self._wake.set()
                else:
                    self._next_tidy_s = time.monotonic() + TIDY_EVERY_S
                    self._report_trimmed()
        except sqlite3.OperationalError as error:  # no room to delete in: it is done when there is
            log.warning("events: housekeeping is put off (%s)", error)
            self._next_tidy_s = time.monotonic() + TIDY_AGAIN_S

    def _report_trimmed(self) -> None:
        if self._trimmed:
            detail = (
                f"{self._trimmed} of the oldest rows were dropped: more than {UNPUBLISHED_MOST} events wait for the "
                f"broker, or more than {SESSIONS_MOST} sessions are stored."
            )
            self._trimmed = 0
            log.warning("events: %s", detail)
            self.record("storage_changed", part="events", ok=True, detail=detail, message=detail)

    def _settle(self) -> None:
        """At a clean end: wait briefly for the broker, so that the next courier does not send these events again."""
        deadline_s = time.monotonic() + SETTLE_S
        while self._broker and self._broker.connected and time.monotonic() < deadline_s:
            if not (self._events or self._broker.in_flight()):
                break
            self._wake.wait(SETTLE_S / 20)
            self._wake.clear()
            self._write()
            self._publish()

    def _written(self, events: Iterable[tuple[Envelope, int | None]]) -> None:
        for event, seq in events:
            if seq is not None:
                self._acknowledge(seq)
            self._on_stored(event)
        if self.problem:
            detail = f"Events can be written again. Before: {self.problem}"
            self.problem = ""
            log.warning("%s", detail)
            self.record("storage_changed", part="events", ok=True, detail=detail, message=detail)

    def _publish(self) -> None:
        if self._broker is None or self._outbox is None:
            return
        if self._broker.overdue():
            self._cursor = 0
        while (room := self._broker.room()) > 0:
            flying = self._broker.in_flight() | set(self._acknowledged)
            rows = self._outbox.unpublished(self._cursor, room + len(flying))
            if not rows:
                return
            waiting = [row for row in rows if row.n not in flying][:room]
            sent = self._broker.send(waiting) if waiting else rows[-1].n
            if not sent:
                return
            self._cursor = sent

    def _refuse(self, error: Exception) -> None:
        """Log it once, drop a connection that may be broken, try again later."""
        if not self.problem:
            self.problem = (
                f"events: cannot write {self._path.name} ({in_short(error)}). Usually the disk is full, "
                "read-only or failing. Nothing is lost yet: the safety monitor keeps its events and sends them again."
            )
            log.error("%s", self.problem)
        full_or_busy = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)
        self._suspect |= getattr(error, "sqlite_errorcode", None) in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        )
        if self._outbox is not None and isinstance(error, sqlite3.DatabaseError) and not full_or_busy:
            self._outbox.close()
            self._outbox = None


def _remove(waiting: dict[K, V], written: dict[K, V]) -> None:
    """What was replaced meanwhile stays."""
    for key, value in written.items():
        if waiting.get(key) is value:
            del waiting[key]
