"""Owns the page's routes and its server. Must never write, and never serve a file that is not on its list.

The one address that takes something is the coach's (answers.py).
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from firmware_py.coach.live import Coach
from firmware_py.config import Config
from firmware_py.core.deck.stopping import mark_m
from firmware_py.courier.page import answers
from firmware_py.courier.page.connections import Connections, accept
from firmware_py.courier.page.gate import Gate
from firmware_py.courier.page.pages import files
from firmware_py.courier.page.passwords import network_of
from firmware_py.courier.page.setup_step import sheet_of
from firmware_py.courier.page.stream import Stream
from firmware_py.courier.recording.index import IncidentIndex
from firmware_py.courier.sessions.history import sessions as past_sessions
from firmware_py.report.command import html_of
from sensors.advice import in_short

log = logging.getLogger(__name__)

RETRY_S = 10.0
REQUEST_S = 10.0  # a client without a whole request by then is disconnected
BACKLOG = 64
LARGEST_PASSWORD = 4_096  # bytes
PAST_SESSIONS = 20  # at once
DIGITS = 15  # of the number of an incident or a session
# A report is one self-contained file with its style inside; it still may load and run nothing.
_REPORT_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
}


class Shown(NamedTuple):
    """What the page may show. `now()`: health of every part and the session; `recent()`: the rows of the charts."""

    config: Config
    stream: Stream
    now: Callable[[], dict[str, Any]]
    recent: Callable[[], list[dict[str, Any]]]
    coach: Coach | None = None


def application(shown: Shown, password: str | None) -> Gate:
    """The whole page as an ASGI application."""
    config = shown.config
    folder = Path(config.courier.state_dir)
    reporting = threading.Lock()  # one report at a time: each replays its trace

    def setup(_: Request) -> Response:
        return JSONResponse(
            {
                "device": config.courier.device_id,
                "deck_m": config.deck_length_m,
                "front_m": config.front_line_m,
                "rear_m": config.rear_line_m,
                "mark_m": mark_m(config.monitor_params().drift),
                "warn_m": config.drift.warn_mm / 1000,
                "reverse": config.belt.direction == "reverse",
            }
        )

    def now(_: Request) -> Response:
        return JSONResponse(shown.now())

    def recent(_: Request) -> Response:
        return JSONResponse(shown.recent())

    def history(request: Request) -> Response:
        try:
            found = past_sessions(folder / "events.sqlite", PAST_SESSIONS, _before(request)).rows
            return Response(json.dumps(found, allow_nan=False), media_type="application/json")
        except sqlite3.Error:
            return JSONResponse([])

    index = IncidentIndex(folder / "incidents")

    def incidents(request: Request) -> Response:
        return Response(index.page(_before(request)), media_type="application/json")

    def report(request: Request) -> Response:
        with reporting:
            html = html_of(folder / "incidents", request.path_params["name"])
        if html is None:
            return Response("There is no such incident.\n", 404, media_type="text/plain")
        return Response(html, media_type="text/html", headers=_REPORT_HEADERS)

    def sheet(_: Request) -> Response:
        html = sheet_of(config)
        if html is None:
            text = "There is no sheet for these settings. `sudo rearguard setup sheet` makes one.\n"
            return Response(text, 404, media_type="text/plain")
        return Response(html, media_type="text/html", headers=_REPORT_HEADERS)

    routes = [_file(path, *what) for path, what in files().items()]
    routes += [
        Route("/api/stream", shown.stream),
        Route("/api/setup", setup),
        Route("/api/now", now),
        Route("/api/recent", recent),
        Route("/api/sessions", history),
        Route("/api/incidents", incidents),
        Route("/incidents/{name}", report),
        Route("/sheet", sheet),
    ]
    if shown.coach is not None:
        routes += answers.routes(shown.coach, config)
    listed = Starlette(routes=routes)
    # An address that is not on the list is not found, never redirected.
    listed.router.redirect_slashes = False
    return Gate(listed, password)


def _before(request: Request) -> int | None:
    """The number that a further page of a list begins below; None for its first page."""
    text = request.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else None


def _file(path: str, body: bytes, media_type: str) -> Route:
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        return Response(body, media_type=media_type, headers={"etag": tag})

    return Route(path, answer)


class _Impatient(H11Protocol):
    """Closes a connection that has not sent a whole request in REQUEST_S: slow clients hold no connection."""

    open: ClassVar[Connections]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.open.admit(self, network_of(self.client[0] if self.client else "")):
            transport.abort()
        self._watch = self.loop.call_later(REQUEST_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        self.open.leave(self)
        super().connection_lost(exc)

    @property
    def idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def drop(self) -> None:
        self.transport.abort()

    def _look(self) -> None:
        if self.idle:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(REQUEST_S, self._look)


def _bounded() -> type[_Impatient]:
    """The protocol with a count of its own."""
    return type("Bounded", (_Impatient,), {"open": Connections()})


class _Server(uvicorn.Server):
    """The courier handles the signals."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()

    def protocol(self) -> asyncio.Protocol:
        """For a connection that was taken elsewhere."""
        made: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


async def serve(shown: Shown, stopping: asyncio.Event, report_problem: Callable[[str], None]) -> None:
    """Serve until `stopping`; a port that is taken is tried again every RETRY_S. `report_problem("")`: it works."""
    page = shown.config.page
    while not stopping.is_set():
        try:
            password = _password(Path(page.password_file)) if page.password_file else None
            listening = _listen(page.host, page.port)
        except (OSError, ValueError) as error:
            problem = (
                f"page: cannot serve at {page.host}:{page.port} ({in_short(error)}). Usually the port is taken, or "
                "page.password_file cannot be read or is empty: `sudo rearguard setup network` sets a new password. "
                "Everything else goes on; trying again."
            )
            log.error("%s", problem)
            report_problem(problem)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), RETRY_S)
            continue
        report_problem("")
        log.info("page: http://%s:%d/", page.host, listening.getsockname()[1])
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a line for each garbage request
        server = _Server(
            uvicorn.Config(
                application(shown, password),
                http=_bounded(),
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,  # anybody could write them
                timeout_keep_alive=5,
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=8192,
            )
        )
        running = asyncio.create_task(server.serve([]))  # it is given connections, and listens nowhere itself
        taking = asyncio.create_task(accept(listening, server.protocol))
        ended = asyncio.create_task(stopping.wait())
        await asyncio.wait((running, ended), return_when=asyncio.FIRST_COMPLETED)
        taking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await taking
        listening.close()
        shown.stream.close()
        server.should_exit = True
        ended.cancel()
        await running


def _password(path: Path) -> str:
    """Raises OSError or ValueError when there is none: an empty one would open the page to everybody."""
    with path.open("rb") as file:
        found = file.read(LARGEST_PASSWORD).decode("utf-8-sig").strip()
    if not found:
        raise ValueError(f"{path} is empty")
    return found


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
