"""Owns the desk at which treadmills enrol: one-time codes, and a small server that is open only while they are awaited.

Must never take a code twice, late, or from who guesses; a code stands here only as its hash.
"""

import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firmware_py.device.enroll import SECRET_BYTES, code_of
from firmware_py.fleet.enroll.authority import Authority
from sensors.advice import Failure

CODE_S = 15 * 60.0
TRIES_A_MINUTE = 10  # wrong codes of everybody together
MINUTE_S = 60.0
LARGEST_BODY = 8_000  # bytes

Note = Callable[
    [str, str, x509.Certificate], None
]  # device, site, certificate: raises what a database raises


class Place(NamedTuple):
    """Whom a code is for, and what the treadmill is told."""

    device: str
    site: str
    expires_s: float


class Desk:
    """`note` stores an enrolment; `told` is what every treadmill is told besides: root, host and port of the broker."""

    def __init__(
        self, authority: Authority, note: Note, told: dict[str, Any], wall: Callable[[], float]
    ) -> None:
        self._authority, self._note, self._told, self._wall = authority, note, told, wall
        self._places: dict[bytes, Place] = {}
        self._wrong: deque[float] = deque(maxlen=TRIES_A_MINUTE)
        self._lock = threading.Lock()
        self._serving = 0
        self.done: list[str] = []  # treadmills that have fetched theirs

    def code(self, device: str, site: str) -> str:
        """A new code for this treadmill. It is shown once; what stays is its hash."""
        secret = secrets.token_bytes(SECRET_BYTES)
        self._places[hashlib.sha256(secret).digest()] = Place(device, site, self._wall() + CODE_S)
        return code_of(secret, self._authority.fingerprint)

    @property
    def awaits(self) -> bool:
        """A code still works, or somebody is being served."""
        now_s = self._wall()
        with self._lock:
            return self._serving > 0 or any(now_s < place.expires_s for place in self._places.values())

    def enroll(self, secret: bytes, request_pem: bytes) -> dict[str, Any]:
        """What the treadmill gets for its code. Raises HTTPException."""
        now_s = self._wall()
        now = datetime.fromtimestamp(now_s, UTC)
        with self._lock:
            if len(self._wrong) == TRIES_A_MINUTE and now_s - self._wrong[0] < MINUTE_S:
                raise HTTPException(429, "Too many wrong codes. Wait a minute.")
            key = hashlib.sha256(secret).digest()
            place = self._places.get(key)
            if place is None or now_s >= place.expires_s:
                self._wrong.append(now_s)
                raise HTTPException(
                    403, "This code does not work: it was used, it is too old, or it is mistyped."
                )
            try:
                certificate = self._authority.sign(request_pem, place.device, now)
            except ValueError as error:
                raise HTTPException(400, f"The request for a certificate cannot be used: {error}") from None
            del self._places[key]  # first: whatever happens next, it worked once
            self._serving += 1
        try:
            self._note(place.device, place.site, certificate)
            self.done.append(place.device)
        finally:
            with self._lock:
                self._serving -= 1
        pem = certificate.public_bytes(Encoding.PEM).decode()
        return {"device": place.device, "site": place.site, "certificate": pem, **self._told}


def app(desk: Desk, authority: Authority) -> Starlette:
    """Two addresses: who we are, and a certificate for a code."""

    def who(_: Request) -> Response:
        return Response(authority.pem, media_type="application/x-pem-file")

    async def enroll(request: Request) -> Response:
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            raise HTTPException(413, "The request is too long.")
        try:
            asked = json.loads(await request.body())
            secret, pem = bytes.fromhex(asked["secret"]), str(asked["request"]).encode("ascii")
        except (ValueError, KeyError, TypeError, RecursionError):
            raise HTTPException(400, "This is no request for a certificate.") from None
        return JSONResponse(await run_in_threadpool(desk.enroll, secret, pem))

    async def failed(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"what": error.detail}, error.status_code)

    routes = [Route("/ca", who), Route("/enroll", enroll, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={HTTPException: failed})


@contextlib.contextmanager
def opened(desk: Desk, authority: Authority, folder: Path, host: str, port: int) -> Iterator[None]:
    """The desk's server, on a thread of its own, for the length of the block. Raises Failure."""
    authority.server("enroll", [], datetime.now(UTC))
    server = uvicorn.Server(
        uvicorn.Config(
            app(desk, authority),
            host=host,
            port=port,
            ssl_certfile=str(folder / "enroll.pem"),
            ssl_keyfile=str(folder / "enroll.key"),
            log_level="critical",
            access_log=False,
            limit_concurrency=50,
            proxy_headers=False,
        )
    )

    def run() -> None:
        with contextlib.suppress(SystemExit):  # the port is taken
            server.run()

    thread = threading.Thread(target=run, name="enroll", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise Failure(f"fleet: cannot listen at {host}:{port}", "", "choose another --port")
        time.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
