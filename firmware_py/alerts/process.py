"""Owns the alerts process: reads the courier's events, stores alerts, sends what is due, forgets what is old.

Must never write into the courier's database, and never wait for one channel because of another.

| thread  | it owns                                                                    |
|---------|----------------------------------------------------------------------------|
| main    | both databases, and what is due; the only one that decides                 |
| senders | a few workers; each asks one channel and hands back what came of it        |
| server  | the acknowledge page, when an address for it is set                        |
"""

import contextlib
import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware_py.alerts import acknowledge, channels, classes, policy
from firmware_py.alerts.classes import Alert, Urgency
from firmware_py.alerts.people import People, Person
from firmware_py.alerts.policy import Rules
from firmware_py.alerts.store import KEEP_S, Delivery, Store

log = logging.getLogger(__name__)

POLL_S = 0.2
SENDERS = 4
BATCH = 200
POSTPONE_S = 30.0
TEST = "test-"  # begins the id of a test alert: it is sent whatever the hour
SELF_TEST_S = 30 * 86_400.0
_UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError)

Send = Callable[[Person, channels.Message], None]
Bundle = list[Delivery]  # one message to one person; several only of notes that can wait
Result = tuple[Bundle, str | None]  # None: sent; else why not


class Alerts:
    """One step at a time; the clock and the channels are handed in, so that a test can turn the hours."""

    def __init__(
        self,
        events: Path,
        store: Store,
        people: People,
        rules: Rules,
        send: Send = channels.send,
        wall: Callable[[], float] = time.time,
        link_base: str = "",
        senders: Executor | None = None,
    ) -> None:
        self._events_path, self._store, self._rules = events, store, rules
        self._people = {person.name: person for person in people.to}
        self._send, self._wall, self._link_base = send, wall, link_base
        self._secret = store.secret()
        self._events: sqlite3.Connection | None = None
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._acknowledged: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._senders = senders or ThreadPoolExecutor(SENDERS, "alerts-sender")
        self._unreached: set[str] = set()
        self._stops: dict[
            str, tuple[dict[str, Any], float]
        ] = {}  # device: a stop that waits for a sign of life

    # -- the server's thread -----------------------------------------------------------------------------

    def acknowledge(self, event_id: str) -> bool:
        """Stops the repeats. The answer is what is known now; the main thread writes it."""
        self._acknowledged.put(event_id)
        return True

    # -- the main thread ---------------------------------------------------------------------------------

    def run(self, stopping: threading.Event, alive: Callable[[], None]) -> None:
        """Until `stopping`; `alive` is called each time all is well."""
        while not stopping.wait(POLL_S):
            self.step()
            alive()
        self._senders.shutdown(wait=True, cancel_futures=True)
        self._take_results()

    def step(self) -> None:
        """Everything that is due now. Trouble with a database is logged and tried again at the next step."""
        now_s = self._wall()
        try:
            self._take_results()
            while not self._acknowledged.empty():
                self._store.acknowledge(self._acknowledged.get(), "link", now_s)
            for n, time_s, text in self._new_events():
                self._take(n, time_s, text)
            self._look_for_signs(now_s)
            self._self_test(now_s)
            for bundle in _bundles(self._store.due(now_s)):
                self._deliver(bundle, now_s)
        except sqlite3.Error as error:
            self._events = None
            log.error(
                "alerts: the database cannot be used now (%s). Usually a full disk: free some space.", error
            )

    def test(self) -> None:
        """A test alert to everybody, whatever the hour."""
        now_s = self._wall()
        text = "This is only a test. If you can read it, alerts reach you."
        alert = Alert(f"{TEST}{now_s:.3f}", Urgency.LOOK, now_s, "test", "Test of the alerts", text)
        self._store.add(alert, dict.fromkeys(self._people, now_s), now_s)

    def _new_events(self) -> Iterator[tuple[int, float, str]]:
        if self._events is None:
            if not self._events_path.exists():
                return
            self._events = sqlite3.connect(f"file:{self._events_path}?mode=ro", uri=True, timeout=2)
            self._remember_stops()
        seen = self._store.marked("seen_n")
        if seen is None:  # a new queue begins with the newest event: nobody is alerted of last year
            newest = self._events.execute("SELECT coalesce(max(n), 0) FROM events").fetchone()[0]
            self._store.mark("seen_n", str(newest))
            return
        rows = self._events.execute(
            "SELECT n, time_s, event FROM events WHERE n > ? ORDER BY n LIMIT ?", (int(seen), BATCH)
        ).fetchall()
        yield from rows

    def _remember_stops(self) -> None:
        """After a restart: which stops of the last minutes still wait for a sign of life."""
        assert self._events is not None
        seen = int(self._store.marked("seen_n") or 0)
        rows = self._events.execute(
            "SELECT time_s, event FROM events WHERE n <= ? AND n > ? AND time_s > ? ORDER BY n",
            (seen, seen - BATCH, self._wall() - 2 * classes.NO_SIGN_S),
        )
        for time_s, text in rows:
            with contextlib.suppress(*_UNREADABLE):
                self._follow(json.loads(text), time_s)

    def _follow(self, event: dict[str, Any], time_s: float) -> None:
        """A stop waits for a sign of life; a sign of life ends that."""
        if classes.is_followed(event):
            self._stops[classes.device_of(event)] = event, time_s
        elif classes.is_sign_of_life(event):
            self._stops.pop(classes.device_of(event), None)

    def _take(self, n: int, time_s: float, text: str) -> None:
        """One event becomes an alert or not; either way it is not read again."""
        try:
            event = json.loads(text)
            alert = classes.of_event(event, time_s)
            self._follow(event, time_s)
            if (acknowledged := classes.acknowledged(event)) is not None:
                self._store.acknowledge(acknowledged, "mqtt", self._wall())
        except _UNREADABLE as error:
            log.warning("alerts: event %d cannot be read (%s) and concerns nobody", n, error)
            alert = None
        if alert is None:
            self._store.mark("seen_n", str(n))
        else:
            self._add(alert, n)

    def _add(self, alert: Alert, seen_n: int | None = None) -> None:
        now_s = self._wall()
        local, created_s = datetime.fromtimestamp(now_s).astimezone(), min(alert.time_s, now_s)
        due = {}
        for name, person in self._people.items():
            first = policy.first_due_s(person.contact, alert.urgency, created_s, self._rules, local)
            if first is not None:
                due[name] = first
        self._store.add(alert, due, now_s, seen_n)

    def _look_for_signs(self, now_s: float) -> None:
        for device, (stop, time_s) in list(self._stops.items()):
            if now_s - time_s >= classes.NO_SIGN_S:
                del self._stops[device]
                self._add(classes.no_sign(stop, now_s))

    def _self_test(self, now_s: float) -> None:
        """Once a month: alerts still work."""
        last = self._store.marked("self_test_s")
        if last is None:
            self._store.mark("self_test_s", str(now_s))
        elif not -SELF_TEST_S < now_s - float(last) < SELF_TEST_S:
            self._store.mark("self_test_s", str(now_s))
            self._store.forget(now_s - KEEP_S)
            text = "The monthly test: alerts of this device still reach you."
            self._add(
                Alert(f"self-test-{now_s:.0f}", Urgency.CARE, now_s, "alerts", "Alerts still work", text)
            )

    def _deliver(self, bundle: Bundle, now_s: float) -> None:
        """Sends, postpones or drops one message that is due."""
        d = bundle[0]
        person = self._people.get(d.name)
        if person is None:
            for one in bundle:
                self._store.failed(one, "nobody of this name is on the list any more", None)
        elif d.acknowledged and (d.repeat > 0 or person.after_s > 0):
            self._store.drop(d)
        elif self._may_send(d, now_s):
            message = self._message(bundle, now_s)
            for one in bundle:
                self._store.sending(one)
            self._senders.submit(self._ask, bundle, person, message)
        else:
            for one in bundle:
                self._store.postpone(one, now_s + POSTPONE_S)

    def _may_send(self, d: Delivery, now_s: float) -> bool:
        if d.alert.event_id.startswith(TEST):
            return True
        local = datetime.fromtimestamp(now_s).astimezone()
        return policy.may_send(d.alert.urgency, self._rules, local, self._muted(now_s))

    def _message(self, bundle: Bundle, now_s: float) -> channels.Message:
        """What the person reads; several notes become one message."""
        d = bundle[0]
        alert = d.alert
        late = policy.is_late(alert.urgency, now_s - alert.time_s)
        again = any(one.again for one in bundle)
        title, text = alert.title, alert.text
        if len(bundle) > 1:
            title = f"{len(bundle)} notes"
            text = "\n".join(f"{one.alert.title} ({_clock(one.alert.time_s)})" for one in bundle)
        help_link = acknowledge.link(self._link_base, self._secret, alert.event_id)
        return channels.Message(
            event_id=alert.event_id,
            urgency=alert.urgency,
            time=datetime.fromtimestamp(alert.time_s).astimezone().isoformat(timespec="seconds"),
            device=alert.device,
            title=policy.title(title, alert.device, late, again),
            text=text,
            late=late,
            again=again,
            acknowledge=help_link if alert.urgency is Urgency.HELP else "",
        )

    def _ask(self, bundle: Bundle, person: Person, message: channels.Message) -> None:
        """A worker: asks the channel. Whatever a channel's library raises, the delivery is not lost."""
        try:
            self._send(person, message)
        except Exception as error:
            known = isinstance(error, channels.Unsent)
            self._results.put((bundle, str(error) if known else f"{type(error).__name__}: {error}"))
        else:
            self._results.put((bundle, None))

    def _take_results(self) -> None:
        now_s = self._wall()
        while not self._results.empty():
            bundle, problem = self._results.get()
            self._note(bundle[0].name, problem)
            for d in bundle:
                urgency = d.alert.urgency
                if problem is None:
                    late = policy.is_late(urgency, now_s - d.alert.time_s)
                    repeat_s = policy.next_repeat_s(
                        urgency, self._rules, now_s, d.repeat, d.acknowledged, late
                    )
                    self._store.sent(d, now_s, repeat_s)
                else:
                    due_s = policy.next_try_s(urgency, now_s, d.attempts + 1, d.stored_s)
                    self._store.failed(d, problem, due_s)

    def _note(self, name: str, problem: str | None) -> None:
        """One line when a person cannot be reached, one when they can again; not one a try."""
        if problem is not None and name not in self._unreached:
            log.warning("alerts: %s was not reached: %s. Messages wait and are tried again.", name, problem)
            self._unreached.add(name)
        elif problem is None and name in self._unreached:
            log.info("alerts: %s is reached again", name)
            self._unreached.discard(name)

    def _muted(self, now_s: float) -> bool:
        until = self._store.marked("muted_until_s")
        return until is not None and now_s < float(until)


def _bundles(due: list[Delivery]) -> list[Bundle]:
    """An urgent alert is a message of its own; the notes of one person that can wait are one message."""
    notes: dict[tuple[str, Urgency], Bundle] = {}
    found: list[Bundle] = []
    for d in due:
        if d.alert.urgency in classes.URGENT:
            found.append([d])
        else:
            notes.setdefault((d.name, d.alert.urgency), []).append(d)
    return found + list(notes.values())


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s).astimezone().strftime("%H:%M")
