"""Owns the walker's side of the coach: the answers that come in, and the code at the treadmill that lets them.

The screen at the treadmill shows the code for a phone, and opens the questions itself: nobody needs a phone.

Must never know the guard, its link or its settings: all it holds is the coach, which can only speak.
"""

import asyncio
import ipaddress
import json
import socket
import time
from collections.abc import Callable
from io import BytesIO

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firmware_py.coach.live import Coach
from firmware_py.coach.questions import Refused
from firmware_py.config import LOOPBACK, Config

FORM = {"token", "question", "value"}


def routes(coach: Coach, config: Config) -> list[Route]:
    """POST /answer, the code that a phone scans, and the questions on the screen at the treadmill itself."""
    return [
        Route("/answer", _answer(coach), methods=["POST"]),
        Route("/answer-code.svg", _code(coach, config)),
        Route("/answer-here", _here(coach)),
    ]


def _answer(coach: Coach) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        try:
            sent = json.loads(await request.body())
            if not isinstance(sent, dict) or sent.keys() != FORM:
                raise ValueError
            token, question = sent["token"], sent["question"]
            if not isinstance(token, str) or not isinstance(question, str):
                raise ValueError
        except (ValueError, RecursionError):
            return JSONResponse({"refused": "An answer has a token, a question and a value."}, 400)
        try:
            said = await asyncio.to_thread(coach.answer, token, question, sent["value"], time.time())
        except Refused as reason:
            return JSONResponse({"refused": str(reason)}, 409)
        return JSONResponse({"taken": said})

    return answer


def _code(coach: Coach, config: Config) -> Callable[[Request], Response]:
    def code(request: Request) -> Response:
        if not _at_the_treadmill(request):
            return _elsewhere()
        if config.page.host in LOOPBACK or not coach.fitted:
            return Response("No phone can reach this page: see page.host.\n", 404, media_type="text/plain")
        import segno  # only here: nobody else needs it

        drawn = BytesIO()
        address = f"http://{socket.gethostname()}.local:{config.page.port}/answer.html#{coach.token}"
        segno.make(address, error="m").save(drawn, kind="svg", scale=6, border=3, dark="#000", light="#fff")
        return Response(drawn.getvalue(), media_type="image/svg+xml", headers={"cache-control": "no-store"})

    return code


def _here(coach: Coach) -> Callable[[Request], Response]:
    def here(request: Request) -> Response:
        if not _at_the_treadmill(request):
            return _elsewhere()
        return Response(status_code=303, headers={"location": f"/answer.html#{coach.token}"})

    return here


def _elsewhere() -> Response:
    return Response("Only the screen at the treadmill shows this code.\n", 403, media_type="text/plain")


def _at_the_treadmill(request: Request) -> bool:
    """This computer's own browser; a proxy on this computer that speaks for somebody else is not."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False
