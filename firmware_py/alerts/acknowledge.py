"""Owns the one thing that comes in: a signed link that stops the repeats of one alert. Must never do anything else.

GET shows a page with a button, and only the button's POST acknowledges. Mail programs open links by themselves.
"""

import hashlib
import hmac
from collections.abc import Callable
from html import escape
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from firmware_py.alerts.channels import ON_MY_WAY
from firmware_py.locale import current
from firmware_py.locale import translate as _

LONGEST_ID = 80


def token(secret: bytes, event_id: str) -> str:
    """32 hex digits that only this device can make."""
    return hmac.new(secret, event_id.encode(), hashlib.sha256).hexdigest()[:32]


def link(base: str, secret: bytes, event_id: str) -> str:
    """Where to acknowledge this alert; "" when no address of this device is set."""
    return f"{base.rstrip('/')}/ack/{event_id}/{token(secret, event_id)}" if base else ""


def app(secret: bytes, acknowledge: Callable[[str], bool | None]) -> Starlette:
    """`acknowledge(event_id)` returns whether this was the first, None when it could not be written. It may wait."""

    async def answer(request: Request) -> HTMLResponse:
        event_id, given = request.path_params["event_id"], request.path_params["token"]
        if len(event_id) > LONGEST_ID or not hmac.compare_digest(token(secret, event_id), given):
            return _page(
                _("This link is not valid"), _("It may be cut off. Open it from the message again."), 404
            )
        if request.method == "GET":
            what = _("This stops the reminders. It does not start the belt.")
            return _page(_("Are you on your way?"), what, button=True)
        first = await run_in_threadpool(acknowledge, event_id)
        if first is None:
            what = _("The reminders could not be stopped. Go all the same, and press again later.")
            return _page(_("Not saved"), what, 503, button=True)
        if first:
            return _page(_("Thank you"), _("The reminders stop. Nothing else has changed."))
        return _page(_("Thank you"), _("Somebody was faster. The reminders have stopped already."))

    return Starlette(routes=[Route("/ack/{event_id}/{token}", answer, methods=["GET", "POST"])])


def _page(title: str, text: str, status: int = 200, button: bool = False) -> HTMLResponse:
    form = f'<form method="post"><button>{_(ON_MY_WAY)}</button></form>' if button else ""
    headers: dict[str, Any] = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(
        f'<!doctype html><html lang="{current()}"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>body{{font:1.3rem/1.5 system-ui;margin:10vh auto;max-width:30rem;"
        "padding:0 1rem;color-scheme:light dark}button{font:inherit;padding:1rem 2rem;width:100%}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(text)}</p>{form}</html>",
        status,
        headers,
    )
