"""Owns who may ask for what: method, host name, password, rate, and the headers every answer carries.

Must never let anything through that could change the device. There are GET and HEAD, and one address that takes a small
JSON body: the walker's answers to the coach. Such a body comes from a page of ours (Origin), and comes rarely.
"""

import ipaddress
import socket
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from firmware_py.courier.page.passwords import Passwords, Refusal, network_of

REQUESTS_PER_S = 60.0  # a gym's screens behind one router: 48 of them, each asks about once a second
BURST = 600.0  # all of them load the page at once
ADDRESSES = 256  # how many clients are remembered
MAX_TARGET = 512  # bytes of path and query
MAX_HEADERS = 8192  # bytes
ANSWERS = b"/answer"  # the one address that takes a body
MAX_ANSWER = 512  # bytes
ANSWERS_PER_S = 0.5
ANSWERS_BURST = 12.0  # more than one session asks

_HEADERS = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    b"cache-control": b"no-cache",
}


class Gate:
    """An ASGI application in front of another. `password` None: no login is required."""

    def __init__(
        self, app: ASGIApp, password: str | None, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._passwords = None if password is None else Passwords(password, now_s)
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._answers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            reason = self._refusal(scope) or await self._login(scope)
            if reason is None:
                await self._app(scope, receive, _with_headers(send))
            else:
                await _refuse(_with_headers(send), *reason)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = dict(scope["headers"])
        client = network_of(_client(scope))
        if not self._within_rate(self._buckets, client, REQUESTS_PER_S, BURST):
            return 429, "Too many requests. Wait a moment.", {"retry-after": "5"}
        answers = scope["method"] == "POST" and scope.get("raw_path") == ANSWERS
        if scope["method"] not in ("GET", "HEAD") and not answers:
            return 405, "This page only shows; nothing can be sent to it.", {"allow": "GET, HEAD"}
        # What follows a body that is refused is not read: the connection is closed.
        if answers:
            if reason := _unfit_answer(headers):
                return reason
            if not self._within_rate(self._answers, client, ANSWERS_PER_S, ANSWERS_BURST):
                return 429, "Too many answers. Wait a minute.", {"retry-after": "20"}
        elif headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            return 413, "Requests must not have a body.", {}
        if len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > MAX_TARGET:
            return 414, "This address is too long.", {}
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
            return 431, "These headers are too long.", {}
        if not _own_name(headers.get(b"host", b"").decode("latin-1")):
            return 421, "This host name is not the device's. Use its IP address or its own name.", {}
        return None

    async def _login(self, scope: Scope) -> Refusal | None:
        if self._passwords is None:
            return None
        return await self._passwords.refusal(
            dict(scope["headers"]).get(b"authorization", b""), _client(scope)
        )

    def _within_rate(
        self, buckets: OrderedDict[str, tuple[float, float]], client: str, per_s: float, burst: float
    ) -> bool:
        now_s = self._now_s()
        left, seen_s = buckets.pop(client, (burst, now_s))
        left = min(burst, left + (now_s - seen_s) * per_s) - 1.0
        buckets[client] = max(left, -1.0), now_s
        if len(buckets) > ADDRESSES:
            buckets.popitem(last=False)
        return left >= 0.0


def _client(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _unfit_answer(headers: dict[bytes, bytes]) -> Refusal | None:
    """Why this cannot be an answer from a page of ours. A page of another site cannot send this type unasked."""
    length = headers.get(b"content-length", b"")
    if b"transfer-encoding" in headers or not length.isdigit() or not 0 < int(length) <= MAX_ANSWER:
        return 413, f"An answer has at most {MAX_ANSWER} bytes.", {}
    if headers.get(b"content-type", b"").split(b";")[0].strip() != b"application/json":
        return 415, "An answer is JSON.", {}
    origin, host = headers.get(b"origin", b""), headers.get(b"host", b"")
    if origin not in (b"http://" + host, b"https://" + host):
        return 403, "Answers are taken only from this device's own page.", {}
    if headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
        return 403, "Answers are taken only from this device's own page.", {}
    return None


def _own_name(host: str) -> bool:
    """An address, localhost or this machine's own name; a foreign name that points here is refused (rebinding)."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower()
    own = socket.gethostname().lower()
    if name in ("localhost", own, f"{own}.local", f"{own}.lan", f"{own}.home.arpa"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", []))
            names = {name.lower() for name, _ in given}
            message["headers"] = given + [(n, v) for n, v in _HEADERS.items() if n not in names]
        await send(message)

    return wrapped


async def _refuse(send: Send, status: int, text: str, headers: dict[str, str]) -> None:
    body = text.encode() + b"\n"
    sent = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    sent += [(k.encode(), v.encode()) for k, v in headers.items()] + [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
