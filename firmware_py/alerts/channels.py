"""Owns the ways to a person: webhook, ntfy, mail, and whatever apprise knows. Must never retry by itself: policy does.

A channel returns when the other side has said that it took the message (2xx, 250), and raises Unsent otherwise.
"""

import http.client
import json
import re
import smtplib
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from email.header import Header
from email.message import EmailMessage
from typing import NamedTuple

from firmware_py.alerts.classes import Urgency
from firmware_py.alerts.people import Person
from firmware_py.locale import mark
from firmware_py.locale import translate as _

ON_MY_WAY = mark("I am on my way")

TIMEOUT_S = 3.0
# Errors before anything can have arrived: no connection, or a clear no.
_REFUSED = (
    urllib.error.URLError,
    smtplib.SMTPResponseException,
    smtplib.SMTPRecipientsRefused,
    ConnectionRefusedError,
    socket.gaierror,
    ValueError,  # an address that is none
)
_SSL = re.compile(r"^\[SSL[^\]]*\] | \(_ssl\.c:\d+\)$")  # what OpenSSL puts around its words
_BEHIND_A_PROXY = (502, 504)  # the one behind it may have taken the message
_NTFY_PRIORITY = {Urgency.HELP: "5", Urgency.LOOK: "4", Urgency.CARE: "3", Urgency.COACH: "2"}


class Unsent(Exception):
    """Nobody has said that the message was taken; the text says why. `unsure`: it may have been, all the same."""

    def __init__(self, why: str, unsure: bool = False) -> None:
        super().__init__(why)
        self.unsure = unsure


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
    except _REFUSED as error:
        raise Unsent(_reason(error)) from None
    except (OSError, http.client.HTTPException, smtplib.SMTPException) as error:
        raise Unsent(_reason(error), unsure=True) from None


def _reason(error: Exception) -> str:
    """The system's own words without its numbers, where it has words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return _SSL.sub("", cause.strerror)
    return f"{type(error).__name__}: {error}"


def _webhook(person: Person, message: Message) -> None:
    body = message._asdict() | {"urgency": message.urgency.value}
    _post(person.address, json.dumps(body).encode(), {"Content-Type": "application/json", **_bearer(person)})


def _ntfy(person: Person, message: Message) -> None:
    link = {"Actions": f"view, {_(ON_MY_WAY)}, {message.acknowledge}"} if message.acknowledge else {}
    headers = {
        "X-Title": _header(message.title),
        "X-Priority": "3" if message.late else _NTFY_PRIORITY[message.urgency],
        "X-Tags": message.urgency.value,
        **link,
        **_bearer(person),
    }
    _post(person.address, f"{message.text}\n{message.time}".encode(), headers)


def _header(text: str) -> str:
    """A header holds ASCII; ntfy 2.4 and later reads this form of anything else (RFC 2047)."""
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=1000).encode()


def _bearer(person: Person) -> dict[str, str]:
    return {"Authorization": "Bearer " + person.token} if person.token else {}


def _post(address: str, body: bytes, headers: dict[str, str]) -> None:
    request = urllib.request.Request(address, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            answer.read(1000)
    except urllib.error.HTTPError as error:
        error.close()
        raise Unsent(f"the other side answered {error.code}", error.code in _BEHIND_A_PROXY) from None


def _mail(person: Person, message: Message) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = person.sender, person.address, message.title
    mail["Message-ID"] = f"<{message.event_id}.{'again' if message.again else 'first'}@{message.device}>"
    link = f"\n\n{_(ON_MY_WAY)}: {message.acknowledge}" if message.acknowledge else ""
    mail.set_content(f"{message.text}\n\n{message.time}{link}\n")
    host, _colon, port = person.server.partition(":")
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
        raise Unsent("the other side did not take it", unsure=True)  # it does not say more


_WAYS: dict[str, Callable[[Person, Message], None]] = {
    "webhook": _webhook,
    "ntfy": _ntfy,
    "mail": _mail,
    "apprise": _apprise,
}
