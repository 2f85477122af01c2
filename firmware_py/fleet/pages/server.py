"""Owns the routes of the fleet page: who asks, may they, and what do they see. Must never command a device.

Two things can be written: "I am on the way" and the word that closes an incident. Both are forms with a token of the
session, so that another site cannot send them.
"""

import hmac
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, select_autoescape
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from firmware_py.fleet import access, keep, store, words
from firmware_py.fleet.access import Right, Viewer
from firmware_py.fleet.reports import Reports
from firmware_py.locale import current
from firmware_py.locale import translate as _
from sensors.advice import Failure

COOKIE = "fleet"
LONGEST_FORM_BYTES = 4_000
MINUTE_S = 60.0
LAST_PAGE = 10_000
SOON_S = 30 * 86_400.0  # a certificate that ends within this time is to be renewed
SEE_OTHER = 303
EARLIEST_S, LATEST_S = -62_000_000_000.0, 253_000_000_000.0  # years 5 and 9987, in every time zone
LOGINS_A_MINUTE = 20  # for everybody together: guessing is slow whoever guesses
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
REPORT_HEADERS = HEADERS | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox"
}
HERE = Path(__file__).parent


class Pages:
    """Everything a request needs."""

    def __init__(
        self,
        engine: Engine,
        secret: str,
        problem: Callable[[], str],
        wall: Callable[[], float],
        reports: Reports,
    ) -> None:
        self._reports = reports
        self._engine, self._secret, self._problem, self._wall = engine, secret, problem, wall
        self._logins: deque[float] = deque(maxlen=LOGINS_A_MINUTE)
        self._templates = Environment(loader=FileSystemLoader(HERE), autoescape=select_autoescape(["html"]))
        self._templates.globals |= {"_": _, "language": current}
        self._templates.filters |= {"health": words.health, "reason": words.reason, "cause": words.cause}
        self._templates.filters["event"] = lambda row: words.event(row["kind"], row["cause"])
        self._templates.filters["clock"] = _clock
        self._templates.filters["span"] = _span
        self._templates.filters["ago"] = lambda time_s: _span(self._wall() - time_s)

    # -- who asks ----------------------------------------------------------------------------------------

    def _viewer(self, request: Request) -> Viewer:
        """Who asks; a stranger is sent to the login."""
        with self._engine.connect() as db:
            viewer = access.of_ticket(db, self._secret, request.cookies.get(COOKIE, ""))
        if viewer is None:
            raise HTTPException(303, headers={"Location": "/login"})
        return viewer

    def _need(self, request: Request, right: Right) -> Viewer:
        viewer = self._viewer(request)
        if not viewer.may(right):
            raise HTTPException(403, words.refusal(viewer.role, right))
        return viewer

    def _token(self, request: Request) -> str:
        return hmac.new(self._secret.encode(), request.cookies.get(COOKIE, "").encode(), "sha256").hexdigest()

    def _show(self, request: Request, name: str, viewer: Viewer | None, **data: Any) -> HTMLResponse:
        told = {
            "viewer": viewer,
            "path": request.url.path,
            "Right": Right,
            "token": self._token(request),
            "problem": self._problem(),
            **data,
        }
        return HTMLResponse(self._templates.get_template(name).render(told), headers=HEADERS)

    async def _form(self, request: Request) -> dict[str, str]:
        """A short form with the session's token. Raises HTTPException."""
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LONGEST_FORM_BYTES:
            raise HTTPException(413, _("The form is too long."))
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        if request.url.path != "/login" and not hmac.compare_digest(
            form.get("token", ""), self._token(request)
        ):
            raise HTTPException(403, _("This form is too old. Go back, reload the page and try again."))
        return form

    # -- pages -------------------------------------------------------------------------------------------

    def login_page(self, request: Request) -> Response:
        return self._show(request, "login.html", None, wrong=False)

    async def log_in(self, request: Request) -> Response:
        form = await self._form(request)
        now_s = self._wall()
        if len(self._logins) == LOGINS_A_MINUTE and now_s - self._logins[0] < MINUTE_S:
            raise HTTPException(429, _("Too many tries. Wait a minute."))
        self._logins.append(now_s)
        viewer = await run_in_threadpool(self._check, form.get("name", ""), form.get("password", ""))
        if viewer is None:
            return self._show(request, "login.html", None, wrong=True)
        answer = RedirectResponse("/", 303, HEADERS)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE,
            access.ticket(self._secret, viewer),
            access.SESSION_S,
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return answer

    def _check(self, name: str, password: str) -> Viewer | None:
        with self._engine.connect() as db:
            return access.log_in(db, name[:60], password[:200])

    async def log_out(self, request: Request) -> Response:
        await self._form(request)
        answer = RedirectResponse("/login", 303, HEADERS)
        answer.delete_cookie(COOKIE)
        return answer

    def floor(self, request: Request) -> Response:
        viewer = self._need(request, Right.SEE_FLOOR)
        name = "tiles.html" if request.url.path == "/tiles" else "floor.html"
        site, now_s = request.query_params.get("site", "")[:64], self._wall()
        with self._engine.connect() as db:
            lines = [] if site else store.by_site(db, viewer.sites, now_s)
            many = sum(row["treadmills"] for row in lines) > store.MOST_TILES
            tiles = store.floor(db, viewer.sites, now_s, site, calls_only=many)
        return self._show(request, name, viewer, tiles=tiles, lines=lines if many else [], site=site)

    def device(self, request: Request) -> Response:
        viewer = self._need(request, Right.SEE_DEVICES)
        with self._engine.connect() as db:
            site = request.query_params.get("site", "")
            found = store.device(db, viewer.sites, request.path_params["name"], site)
        if found is None:
            raise HTTPException(404, _("There is no such treadmill here."))
        until_s = found["certificate_until_s"]
        found["certificate_soon"] = until_s is not None and until_s - self._wall() < SOON_S
        return self._show(request, "device.html", viewer, device=found)

    def incidents(self, request: Request) -> Response:
        viewer = self._need(request, Right.SEE_INCIDENTS)
        word, open_only = request.query_params.get("word", "")[:60], "open" in request.query_params
        page = _page_number(request.query_params.get("page", "0"))
        with self._engine.connect() as db:
            rows = store.find_incidents(db, viewer.sites, word, open_only, page)
        return self._show(
            request,
            "incidents.html",
            viewer,
            rows=rows,
            word=word,
            open_only=open_only,
            page=page,
            reports=bool(self._reports.address),
        )

    def report(self, request: Request) -> Response:
        """Fetched from the treadmill now, shown in a sandbox, and not kept; who reads it is."""
        viewer = self._need(request, Right.SEE_INCIDENTS)
        with self._engine.connect() as db:
            row = store.find_incident(db, viewer.sites, request.path_params["incident"])
        if row is None:
            raise HTTPException(404, _("There is no such incident here."))
        try:
            html = self._reports.fetch(row["site"], row["device"], row["time_s"])
        except Failure as error:
            raise HTTPException(502, str(error)) from None
        with self._engine.begin() as db:
            keep.note_reader(db, row["id"], viewer.name, self._wall())
        return HTMLResponse(html, headers=REPORT_HEADERS)

    def versions(self, request: Request) -> Response:
        viewer = self._need(request, Right.SEE_VERSIONS)
        with self._engine.connect() as db:
            rows = store.versions(db, viewer.sites)
            refusals = store.refusals(db) if store.ALL_SITES in viewer.sites else []
        return self._show(request, "versions.html", viewer, rows=rows, refusals=refusals)

    async def acknowledge(self, request: Request) -> Response:
        """Somebody is on the way to this treadmill: every open call of it is acknowledged."""
        viewer = self._need(request, Right.ACKNOWLEDGE)
        form = await self._form(request)
        await run_in_threadpool(self._acknowledge, viewer, form.get("device", "")[:64], form.get("site", ""))
        return RedirectResponse("/", 303, HEADERS)

    def _acknowledge(self, viewer: Viewer, device: str, site: str) -> None:
        with self._engine.begin() as db:
            store.acknowledge_all(db, viewer.sites, device, site, viewer.name, self._wall())

    async def close(self, request: Request) -> Response:
        viewer = self._need(request, Right.CLOSE)
        form = await self._form(request)
        if not form.get("word", "").strip():
            raise HTTPException(400, _("Say in a few words what it was."))
        await run_in_threadpool(self._close, viewer, form.get("id", "")[:150], form["word"].strip())
        return RedirectResponse("/incidents", 303, HEADERS)

    def _close(self, viewer: Viewer, incident: str, word: str) -> None:
        with self._engine.begin() as db:
            store.close(db, viewer.sites, incident, viewer.name, word, self._wall())

    async def failed(self, request: Request, error: Exception) -> Response:
        """Every refusal in words."""
        assert isinstance(error, HTTPException)
        if error.status_code == SEE_OTHER:
            return RedirectResponse("/login", 303, HEADERS)
        told = self._templates.get_template("refused.html").render(
            what=error.detail, viewer=None, incidents=request.url.path.startswith("/incidents/")
        )
        return HTMLResponse(told, error.status_code, HEADERS)


def app(
    engine: Engine,
    secret: str,
    problem: Callable[[], str],
    wall: Callable[[], float] = time.time,
    reports: Reports | None = None,
) -> Starlette:
    """`problem()` is what is wrong with the broker, "" when nothing is."""
    it = Pages(engine, secret, problem, wall, reports or Reports(""))
    routes = [
        Route("/", it.floor),
        Route("/tiles", it.floor),
        Route("/login", it.login_page, methods=["GET"]),
        Route("/login", it.log_in, methods=["POST"]),
        Route("/logout", it.log_out, methods=["POST"]),
        Route("/device/{name}", it.device),
        Route("/incidents", it.incidents),
        Route("/incidents/{incident}/report", it.report),
        Route("/versions", it.versions),
        Route("/acknowledge", it.acknowledge, methods=["POST"]),
        Route("/close", it.close, methods=["POST"]),
        Route("/fleet.css", _file("fleet.css", "text/css")),
        Route("/fleet.js", _file("fleet.js", "text/javascript")),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: it.failed})


def _file(name: str, kind: str) -> Callable[[Request], Response]:
    text = (HERE / name).read_text(encoding="utf-8")
    return lambda _request: Response(text, media_type=kind, headers={"X-Content-Type-Options": "nosniff"})


def _page_number(text: str) -> int:
    return min(int(text[:9]), LAST_PAGE) if text.isdecimal() else 0


def _clock(time_s: float) -> str:
    """Local time. A device whose clock is off by centuries is shown, too."""
    time_s = min(max(time_s, EARLIEST_S), LATEST_S)
    return datetime.fromtimestamp(time_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _span(seconds: float) -> str:
    """How long, in the unit that a person would use."""
    for unit, size in ((_("days"), 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
