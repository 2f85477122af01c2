"""Owns the alerts process: its threads, one step of all that is due, and what is asked of it from outside.

Must never stop because a database cannot be used now: it is tried again at the next step.

| thread  | it owns                                                                    |
|---------|----------------------------------------------------------------------------|
| main    | both databases, and what is due; the only one that decides                 |
| senders | one for each person; asks a channel and hands back what came of it         |
| server  | the acknowledge page, when an address for it is set                        |
"""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from firmware_py.alerts import channels, policy
from firmware_py.alerts.classes import ALARM_TEST, MONTHLY_TEST, Alert, Urgency
from firmware_py.alerts.incoming import Incoming
from firmware_py.alerts.outgoing import TEST, Outgoing, Send
from firmware_py.alerts.people import People
from firmware_py.alerts.policy import Rules
from firmware_py.alerts.store import KEEP_S, Store

log = logging.getLogger(__name__)

POLL_S = 0.2
SELF_TEST_S = 30 * 86_400.0
SELF_TESTED = "self_test_s"  # the mark
ANSWER_S = 5.0  # somebody looks at the acknowledge page and waits


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
        self._store, self._people, self._rules, self._wall = store, people, rules, wall
        self._wake = threading.Event()
        self._senders = senders or ThreadPoolExecutor(max(1, len(people.to)), "alerts-sender")
        self._acknowledged: queue.SimpleQueue[tuple[str, Future[bool]]] = queue.SimpleQueue()
        self._incoming = Incoming(events, store, wall, self._add)
        self._outgoing = Outgoing(store, people, rules, wall, self._senders, self._wake.set, send, link_base)
        store.take_up({person.name for person in people.to})

    # -- the server's thread -----------------------------------------------------------------------------

    def acknowledge(self, event_id: str) -> bool | None:
        """Stops the repeats. True: this was the first; None: it could not be written now."""
        answer: Future[bool] = Future()
        self._acknowledged.put((event_id, answer))
        self._wake.set()
        try:
            return answer.result(ANSWER_S)
        except (TimeoutError, sqlite3.Error):
            return None

    # -- the main thread ---------------------------------------------------------------------------------

    def run(self, stopping: threading.Event, alive: Callable[[], None]) -> None:
        """Until `stopping`; `alive` is called each time all is well."""
        while not stopping.is_set():
            self._wake.wait(POLL_S)
            self._wake.clear()
            self.step()
            alive()
        self._senders.shutdown(wait=True, cancel_futures=True)
        self._outgoing.take_results()

    def step(self) -> None:
        """Everything that is due now. Trouble with a database is logged and tried again at the next step."""
        now_s = self._wall()
        try:
            self._outgoing.take_results()
            self._take_acknowledgements(now_s)
            self._incoming.read(now_s)
            self._self_test(now_s)
            while self._outgoing.send_due(now_s) and self._outgoing.take_results():
                pass
        except sqlite3.Error as error:
            log.error(
                "alerts: the database cannot be used now (%s). Usually a full disk: free some space.", error
            )

    def _take_acknowledgements(self, now_s: float) -> None:
        while not self._acknowledged.empty():
            event_id, answer = self._acknowledged.get()
            try:
                answer.set_result(self._store.acknowledge(event_id, "link", now_s))
            except sqlite3.Error as error:
                answer.set_exception(error)
                raise

    def _add(self, alert: Alert, seen_n: int | None = None) -> None:
        now_s = self._wall()
        local, created_s = datetime.fromtimestamp(now_s).astimezone(), min(alert.time_s, now_s)
        due = {}
        for person in self._people.to:
            first = policy.first_due_s(person.contact, alert.urgency, created_s, self._rules, local)
            if first is not None:
                due[person.name] = first
        self._store.add(alert, due, now_s, seen_n)

    def _self_test(self, now_s: float) -> None:
        """Once a month: alerts still work."""
        last = self._store.marked(SELF_TESTED)
        if last is None:
            self._store.mark(SELF_TESTED, str(now_s))
        elif not -SELF_TEST_S < now_s - float(last) < SELF_TEST_S:
            self._store.mark(SELF_TESTED, str(now_s))
            self._store.forget(now_s - KEEP_S)
            self._add(Alert(f"self-test-{now_s:.0f}", Urgency.CARE, now_s, "alerts", *MONTHLY_TEST))


def send_test(store: Store, names: list[str], now_s: float) -> str:
    """Queues a test alert to everybody, whatever the hour; its id."""
    alert = Alert(f"{TEST}{now_s:.3f}", Urgency.LOOK, now_s, "test", *ALARM_TEST)
    store.add(alert, dict.fromkeys(names, now_s), now_s)
    return alert.event_id
