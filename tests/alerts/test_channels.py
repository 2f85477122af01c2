"""Each channel counts a message as sent only when the other side has said so."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from email.header import decode_header, make_header

import httpx
import pytest

from firmware_py.alerts import acknowledge
from firmware_py.alerts.channels import Message, Unsent, send
from firmware_py.alerts.classes import Urgency
from firmware_py.alerts.people import Person
from tests.support.phone import Phone, ringing

MESSAGE = Message(
    "id1", Urgency.HELP, "2026-11-27T12:00:00+01:00", "deck-7", "Title", "Text", False, False, "http://a/1"
)


@pytest.fixture
def phone() -> Iterator[Phone]:
    with ringing() as it:
        yield it


def person(phone: Phone, channel: str) -> Person:
    return Person.model_validate({"name": "x", "channel": channel, "address": phone.address, "token": "t0"})


def test_a_webhook_gets_the_whole_message_as_json(phone: Phone) -> None:
    send(person(phone, "webhook"), MESSAGE)
    headers, body = phone.got[0]
    assert json.loads(body) == MESSAGE._asdict() | {"urgency": "help"}
    assert headers["Authorization"] == "Bearer t0"


def test_ntfy_rings_loudest_for_help_and_softly_for_what_is_late(phone: Phone) -> None:
    send(person(phone, "ntfy"), MESSAGE)
    send(person(phone, "ntfy"), MESSAGE._replace(late=True))
    assert [headers["X-Priority"] for headers, _ in phone.got] == ["5", "3"]
    assert "http://a/1" in phone.got[0][0]["Actions"]


@pytest.mark.parametrize("answer", [400, 404, 429, 500, 503])
def test_an_answer_that_is_no_success_is_not_sent(phone: Phone, answer: int) -> None:
    phone.answer = answer
    with pytest.raises(Unsent, match=str(answer)):
        send(person(phone, "webhook"), MESSAGE)


@pytest.mark.parametrize(
    ("answer", "unsure"), [(500, False), (501, False), (502, True), (503, False), (504, True)]
)
def test_behind_a_proxy_it_may_have_arrived(phone: Phone, answer: int, unsure: bool) -> None:
    phone.answer = answer
    with pytest.raises(Unsent) as found:
        send(person(phone, "webhook"), MESSAGE)
    assert found.value.unsure is unsure


def test_who_takes_a_message_and_never_answers_may_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_py.alerts.channels.TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(Unsent) as found:
            send(Person(name="x", channel="webhook", address=address), MESSAGE)
    assert found.value.unsure


def test_where_nobody_listens_nothing_has_arrived() -> None:
    with pytest.raises(Unsent) as found:
        send(Person(name="x", channel="webhook", address="http://127.0.0.1:1/x"), MESSAGE)
    assert not found.value.unsure


def test_ntfy_gets_a_title_of_any_language_in_a_header(phone: Phone) -> None:
    send(person(phone, "ntfy"), MESSAGE._replace(title="Früher: gestürzt"))
    title = phone.got[0][0]["X-Title"]
    assert title.isascii()
    assert str(make_header(decode_header(title))) == "Früher: gestürzt"


def test_nobody_there_is_not_sent() -> None:
    nobody = Person(name="x", channel="webhook", address="http://127.0.0.1:1/x")
    with pytest.raises(Unsent, match=r"^Connection refused$"):
        send(nobody, MESSAGE)


def test_an_address_that_is_none_and_an_answer_that_is_no_http_are_not_sent() -> None:
    with pytest.raises(Unsent):
        send(Person(name="x", channel="webhook", address="http://127.0.0.1:port/x"), MESSAGE)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            with server.accept()[0] as one:
                one.recv(9999)
                one.sendall(b"220 this is mail\r\n")

        talker = threading.Thread(target=babble)
        talker.start()
        with pytest.raises(Unsent, match="BadStatusLine"):
            send(
                Person(name="x", channel="ntfy", address=f"http://127.0.0.1:{server.getsockname()[1]}"),
                MESSAGE,
            )
        talker.join()


def test_only_the_button_acknowledges_and_only_with_the_right_token() -> None:
    done: list[str] = []

    def first(event_id: str) -> bool | None:
        done.append(event_id)
        return {1: True, 2: False}.get(len(done))

    secret = b"s" * 32
    transport = httpx.ASGITransport(acknowledge.app(secret, first))

    def ask(method: str, path: str) -> httpx.Response:
        async def over_the_wire() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://gym") as client:
                return await client.request(method, path)

        return asyncio.run(over_the_wire())

    link = acknowledge.link("http://gym/", secret, "id1").removeprefix("http://gym")
    assert ask("GET", link).status_code == 200
    assert done == []  # a mail program that opens links has acknowledged nothing
    assert "Thank you" in ask("POST", link).text
    assert "faster" in ask("POST", link).text
    assert "Not saved" in ask("POST", link).text
    assert done == ["id1", "id1", "id1"]
    assert ask("POST", link[:-1] + ("0" if link[-1] != "0" else "1")).status_code == 404
    assert ask("POST", link.replace("id1", "id2")).status_code == 404
    assert ask("POST", "/ack/" + "x" * 500 + "/" + "0" * 32).status_code == 404
    assert len(done) == 3
