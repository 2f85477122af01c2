"""Owns what is due now: to whom, for the first time or again, on time or late. Pure: time and history are arguments.

Must never send an old alarm as if it were new, never wait for one channel because of another, and never give up in
silence: what could not be sent for a day is marked as given up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from firmware_py.alerts.classes import LATE_S, URGENT, Urgency
from firmware_py.config.quiet import Span, is_quiet
from firmware_py.locale import translate as _

RETRY_S = (1.0, 5.0, 15.0, 60.0, 300.0, 600.0)  # the last one again and again ...
URGENT_RETRY_S = (1.0, 2.0, 3.0)  # somebody may lie there: a network that returns is used within some seconds
PAUSE_S = 1.0  # after an attempt that took long
GIVE_UP_S = 24 * 3600.0  # ... for a day


class State(Enum):
    """Of one delivery: one alert to one person, one repeat."""

    WAITING = "waiting"
    SENDING = "sending"  # written before the channel is asked: found after a crash, it may have been sent
    SENT = "sent"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Rules:
    """How one device alerts."""

    quiet: tuple[Span, ...] = ()
    repeat_s: float = 60.0  # HELP again to the same people
    repeats: int = 10
    digest_hour: int = 8  # COACH is sent once a day, at this hour


@dataclass(frozen=True, slots=True)
class Contact:
    """One person or room. `after_s`: told only when nobody has acknowledged for so long."""

    name: str
    classes: frozenset[Urgency]
    after_s: float = 0.0


def is_late(urgency: Urgency, age_s: float) -> bool:
    """Whether this is told as something that happened earlier."""
    return age_s > LATE_S.get(urgency, float("inf"))


def may_send(urgency: Urgency, rules: Rules, local: datetime, muted: bool) -> bool:
    """Whether an alert of this class may go out now. HELP always may."""
    if urgency is Urgency.HELP:
        return True
    if muted:
        return False
    return urgency in URGENT or not is_quiet(rules.quiet, local)


def first_due_s(
    contact: Contact, urgency: Urgency, created_s: float, rules: Rules, local: datetime
) -> float | None:
    """When this contact is first told of an alert; None: never."""
    if urgency not in contact.classes:
        return None
    if urgency is Urgency.COACH:
        return digest_due_s(rules, local)
    return created_s + (contact.after_s if urgency is Urgency.HELP else 0.0)


def next_repeat_s(
    urgency: Urgency, rules: Rules, sent_s: float, repeat: int, acknowledged: bool, late: bool
) -> float | None:
    """When the same contact is told again after repeat number `repeat` was sent; None: no more."""
    if urgency is not Urgency.HELP or acknowledged or late or repeat >= rules.repeats:
        return None
    return sent_s + rules.repeat_s


def next_try_s(
    urgency: Urgency, asked_s: float, now_s: float, attempts: int, stored_s: float
) -> float | None:
    """When to try a failed delivery again; None: a day has passed, give up. `attempts` have failed so far.

    The wait counts from the moment at which the channel was asked: one that never answers has waited already.
    """
    table = URGENT_RETRY_S if urgency in URGENT else RETRY_S
    next_s = max(asked_s + table[min(attempts, len(table)) - 1], now_s + PAUSE_S)
    return next_s if next_s <= stored_s + GIVE_UP_S else None


def digest_due_s(rules: Rules, local: datetime) -> float:
    """When notes that can wait are sent together: the next time the clock shows the digest hour."""
    today = local.replace(hour=rules.digest_hour, minute=0, second=0, microsecond=0)
    return (today if today >= local else today + timedelta(days=1)).timestamp()


def title(base: str, device: str, late: bool, again: bool) -> str:
    """The first line that a phone shows."""
    text = _("Earlier: {text}").format(text=base) if late else base
    named = f"{text} ({device})"
    return _("{text} (again)").format(text=named) if again else named
