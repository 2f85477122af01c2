"""Owns the ways to a person: webhook, ntfy, mail, and whatever apprise knows. Must never retry by itself: policy does.

A channel returns when the other side has said that it took the message (2xx, 250), and raises Unsent otherwise.
"""

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from typing import NamedTuple

from firmware_py.alerts.classes import Urgency
from firmware_py.alerts.people import Person

TIMEOUT_S = 4.0
_NTFY_PRIORITY = {Urgency.HELP: "5", Urgency.LOOK: "4", Urgency.CARE: "3", Urgency.COACH: "2"}


class Unsent(Exception):
    """The message was not taken; the text says why."""


class Message(NamedTuple):
    """One message, ready to be sent."""

    event_id: str
    urgency: Urgency
    time: str  # local, with offset
    device: str
    title: str
    text: str
    late: bool
    again: bool
    acknowledge: str  # a link; "" when there is none


def send(person: Person, message: Message) -> None:
    """Raises Unsent."""
    try:
        _WAYS[person.channel](person, message)
    except (OSError, smtplib.SMTPException, http.client.HTTPException, ValueError) as error:
        raise Unsent(f"{type(error).__name__}: {error}") from None


def _webhook(person: Person, message: Message) -> None:
    body = message._asdict() | {"urgency": message.urgency.value}
    _post(person.address, json.dumps(body).encode(), {"Content-Type": "application/json", **_bearer(person)})


def _ntfy(person: Person, message: Message) -> None:
    link = {"Actions": f"view, I am on my way, {message.acknowledge}"} if message.acknowledge else {}
    headers = {
        "X-Title": message.title.encode("ascii", "replace").decode(),
        "X-Priority": "3" if message.late else _NTFY_PRIORITY[message.urgency],
        "X-Tags": message.urgency.value,
        **link,
        **_bearer(person),
    }
    _post(person.address, f"{message.text}\n{message.time}".encode(), headers)


def _bearer(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"} if person.token else {}


def _post(address: str, body: bytes, headers: dict[str, str]) -> None:
    request = urllib.request.Request(address, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            answer.read(1000)
    except urllib.error.HTTPError as error:
        raise Unsent(f"the other side answered {error.code}") from None


def _mail(person: Person, message: Message) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = person.sender, person.address, message.title
    mail["Message-ID"] = f"<{message.event_id}.{'again' if message.again else 'first'}@{message.device}>"
    link = f"\n\nI am on my way: {message.acknowledge}" if message.acknowledge else ""
    mail.set_content(f"{message.text}\n\n{message.time}{link}\n")
    host, _, port = person.server.partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=TIMEOUT_S) as server:
        if server.has_extn("starttls") or person.user:
            server.starttls(context=ssl.create_default_context())
        if person.user:
            server.login(person.user, person.password)
        server.send_message(mail)


def _apprise(person: Person, message: Message) -> None:
    try:
        import apprise
    except ImportError:
        raise Unsent("apprise is not installed: pip install 'rearguard[alerts]'") from None
    link = f"\n{message.acknowledge}" if message.acknowledge else ""
    way = apprise.Apprise()
    if not way.add(person.address):
        raise Unsent("apprise does not know this address")
    if not way.notify(title=message.title, body=f"{message.text}\n{message.time}{link}"):
        raise Unsent("the other side did not take it")


_WAYS: dict[str, Callable[[Person, Message], None]] = {
    "webhook": _webhook,
    "ntfy": _ntfy,
    "mail": _mail,
    "apprise": _apprise,
}
