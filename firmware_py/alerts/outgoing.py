"""Owns what goes out: who is sent what now, by a thread of each person's own, and what came of it.

Must never wait for one person because of another, and never have two messages to one person on the way.
"""

import logging
import queue
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime

from firmware_py.alerts import acknowledge, channels, policy
from firmware_py.alerts.classes import URGENT, Urgency
from firmware_py.alerts.people import People, Person
from firmware_py.alerts.policy import Rules
from firmware_py.alerts.store import Delivery, Store
from firmware_py.locale import translate as _

log = logging.getLogger(__name__)

POSTPONE_S = 30.0
TEST = "test-"  # begins the id of a test alert: it is sent whatever the hour
MUTED = "muted_until_s"  # the mark

Send = Callable[[Person, channels.Message], None]
Bundle = list[Delivery]  # one message to one person; several only of notes that can wait


class Result:
    """What came of one message. `problem` None: sent."""

    def __init__(self, bundle: Bundle, asked_s: float, problem: str | None, unsure: bool) -> None:
        self.bundle, self.asked_s, self.problem, self.unsure = bundle, asked_s, problem, unsure


class Outgoing:
    """`send_due` and `take_results` belong to the main thread. `news` is called from a worker that has finished."""

    def __init__(
        self,
        store: Store,
        people: People,
        rules: Rules,
        wall: Callable[[], float],
        senders: Executor,
        news: Callable[[], None],
        send: Send = channels.send,
        link_base: str = "",
    ) -> None:
        self._store, self._rules, self._wall = store, rules, wall
        self._people = {person.name: person for person in people.to}
        self._senders, self._news, self._send, self._link_base = senders, news, send, link_base
        self._secret = store.secret()
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._busy: set[str] = set()  # people with a message on the way
        self._unreached: set[str] = set()

    def send_due(self, now_s: float) -> bool:
        """The next message of everybody who waits for none. Whether there was one."""
        begun = len(self._busy)
        for name, person in self._people.items():
            if name not in self._busy:
                self._send_next(person, now_s)
        return len(self._busy) > begun

    def take_results(self) -> bool:
        """Writes down what the workers have found out. Whether there was anything."""
        taken = False
        while not self._results.empty():
            taken = True
            result = self._results.get()
            name = result.bundle[0].name
            self._busy.discard(name)
            self._log(name, result.problem)
            for d in result.bundle:
                self._write_down(d, result)
        return taken

    def _send_next(self, person: Person, now_s: float) -> None:
        for bundle in _bundles(self._store.due(person.name, now_s)):
            d = bundle[0]
            if d.acknowledged and (d.repeat > 0 or person.after_s > 0):
                self._store.drop(d)
            elif not self._may_send(d, now_s):
                for one in bundle:
                    self._store.postpone(one, now_s + POSTPONE_S)
            else:
                message = self._message(bundle, self._late(d, now_s))
                for one in bundle:
                    self._store.sending(one)
                self._busy.add(person.name)
                self._senders.submit(self._ask, bundle, person, message, now_s)
                return

    def _may_send(self, d: Delivery, now_s: float) -> bool:
        if d.alert.event_id.startswith(TEST):
            return True
        local = datetime.fromtimestamp(now_s).astimezone()
        until = self._store.marked(MUTED)
        return policy.may_send(
            d.alert.urgency, self._rules, local, until is not None and now_s < float(until)
        )

    def _late(self, d: Delivery, now_s: float) -> bool:
        """Whether this comes later than it should: a reminder should, and what goes to a person after some minutes."""
        after_s = self._people[d.name].after_s if d.alert.urgency is Urgency.HELP else 0.0
        return policy.is_late(
            d.alert.urgency, now_s - d.alert.time_s - after_s - d.repeat * self._rules.repeat_s
        )

    def _message(self, bundle: Bundle, late: bool) -> channels.Message:
        """What the person reads; several notes become one message."""
        alert = bundle[0].alert
        again = any(one.again for one in bundle)
        title, text = _(alert.title), _(alert.text)
        if len(bundle) > 1:
            title = _("{count} notes").format(count=len(bundle))
            text = "\n".join(f"{_(one.alert.title)} ({_clock(one.alert.time_s)})" for one in bundle)
        link = acknowledge.link(self._link_base, self._secret, alert.event_id)
        return channels.Message(
            event_id=alert.event_id,
            urgency=alert.urgency,
            time=datetime.fromtimestamp(alert.time_s).astimezone().isoformat(timespec="seconds"),
            device=alert.device,
            title=policy.title(title, alert.device, late, again),
            text=text,
            late=late,
            again=again,
            acknowledge=link if alert.urgency is Urgency.HELP else "",
        )

    def _ask(self, bundle: Bundle, person: Person, message: channels.Message, asked_s: float) -> None:
        """A worker: asks the channel. Whatever a channel's library raises, the delivery is not lost."""
        problem, unsure = None, False
        try:
            self._send(person, message)
        except channels.Unsent as error:
            problem, unsure = str(error), error.unsure
        except Exception as error:
            problem, unsure = f"{type(error).__name__}: {error}", True
        self._results.put(Result(bundle, asked_s, problem, unsure))
        self._news()

    def _write_down(self, d: Delivery, result: Result) -> None:
        now_s, urgency = self._wall(), d.alert.urgency
        if result.problem is None:
            late = self._late(d, now_s)
            again_s = policy.next_repeat_s(urgency, self._rules, now_s, d.repeat, d.acknowledged, late)
            self._store.sent(d, now_s, again_s)
        else:
            due_s = policy.next_try_s(urgency, result.asked_s, now_s, d.attempts + 1, d.stored_s)
            self._store.failed(d, result.problem, due_s, result.unsure)

    def _log(self, name: str, problem: str | None) -> None:
        """One line when a person cannot be reached, one when they can again; not one a try."""
        if problem is not None and name not in self._unreached:
            log.warning("alerts: %s was not reached: %s. Messages wait and are tried again.", name, problem)
            self._unreached.add(name)
        elif problem is None and name in self._unreached:
            log.info("alerts: %s is reached again", name)
            self._unreached.discard(name)


def _bundles(due: list[Delivery]) -> list[Bundle]:
    """An urgent alert is a message of its own; the notes of a class that can wait are one message."""
    notes: dict[Urgency, Bundle] = {}
    found: list[Bundle] = []
    for d in due:
        if d.alert.urgency in URGENT:
            found.append([d])
        else:
            notes.setdefault(d.alert.urgency, []).append(d)
    return found + list(notes.values())


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s).astimezone().strftime("%H:%M")
