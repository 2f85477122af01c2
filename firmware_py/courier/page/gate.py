"""Owns who may ask for what: method, host name, password, rate, and the headers every answer carries.

Must never let anything through that could change the device: only GET and HEAD exist.
"""

import base64
import binascii
import hmac
import ipaddress
import socket
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS_PER_S = 20.0
BURST = 80.0
FAILURES = 5  # wrong passwords from one address before it must wait
FAILURE_WAIT_S = 60.0
ADDRESSES = 256  # how many clients are remembered
MAX_TARGET = 512  # bytes of path and query
MAX_HEADERS = 8192  # bytes

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
        self._password = password
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            reason = self._refusal(scope)
            if reason is None:
                await self._app(scope, receive, _with_headers(send))
            else:
                await _refuse(_with_headers(send), *reason)

    def _refusal(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        headers = dict(scope["headers"])
        client = scope["client"][0] if scope.get("client") else ""
        if not self._within_rate(client):
            return 429, "Too many requests. Wait a moment.", {"retry-after": "5"}
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "This page only shows; nothing can be sent to it.", {"allow": "GET, HEAD"}
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            return (
                413,
                "Requests must not have a body.",
                {},
            )  # what follows is not read: the connection is closed
        if len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > MAX_TARGET:
            return 414, "This address is too long.", {}
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
            return 431, "These headers are too long.", {}
        if not _own_name(headers.get(b"host", b"").decode("latin-1")):
            return 421, "This host name is not the device's. Use its IP address or its own name.", {}
        return self._login(headers.get(b"authorization", b""), client) if self._password is not None else None

    def _within_rate(self, client: str) -> bool:
        now_s = self._now_s()
        left, seen_s = self._buckets.pop(client, (BURST, now_s))
        left = min(BURST, left + (now_s - seen_s) * REQUESTS_PER_S) - 1.0
        self._buckets[client] = max(left, -1.0), now_s
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return left >= 0.0

    def _login(self, header: bytes, client: str) -> tuple[int, str, dict[str, str]] | None:
        now_s = self._now_s()
        failed, failed_s = self._failures.get(client, (0, now_s))
        if failed >= FAILURES and now_s - failed_s < FAILURE_WAIT_S:
            return 429, "Too many wrong passwords. Wait a minute.", {"retry-after": "60"}
        if header:
            if self._fits(header):
                self._failures.pop(client, None)
                return None
            self._failures[client] = (failed + 1 if now_s - failed_s < FAILURE_WAIT_S else 1), now_s
            if len(self._failures) > ADDRESSES:
                self._failures.popitem(last=False)
        challenge = 'Basic realm="Rearguard", charset="UTF-8"'
        return 401, "A password is needed. Any user name will do.", {"www-authenticate": challenge}

    def _fits(self, header: bytes) -> bool:
        kind, _, value = header.partition(b" ")
        try:
            _, _, given = base64.b64decode(value, validate=True).partition(b":")
        except binascii.Error:
            return False
        return kind.lower() == b"basic" and hmac.compare_digest(given, (self._password or "").encode())


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
