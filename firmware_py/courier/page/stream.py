"""Owns the live stream to the viewers (server-sent events). Must never let a slow viewer cost the others anything.

An update is serialised once for all. A viewer holds the newest update of each kind, never a queue; one that
does not take its bytes within SEND_S is dropped.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send

SEND_S = 5.0
KEEPALIVE_S = 10.0
MAX_VIEWERS = 48  # a wall screen and every phone of a gym
_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


class Viewer:
    __slots__ = ("fresh", "news")

    def __init__(self) -> None:
        self.fresh: dict[str, bytes] = {}
        self.news = asyncio.Event()


class Stream:
    """Publish from the loop's thread; serve as an ASGI application."""

    def __init__(self) -> None:
        self._viewers: set[Viewer] = set()
        self._latest: dict[str, bytes] = {}
        self._closed = False
        self.dropped_viewers = 0

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def publish(self, kind: str, make: Callable[[], dict[str, Any]]) -> None:
        """Send `make()` to every viewer; without viewers it is not even made."""
        if not self._viewers:
            self._latest.pop(kind, None)
            return
        text = json.dumps(make(), separators=(",", ":"), allow_nan=False)
        data = self._latest[kind] = f"event: {kind}\ndata: {text}\n\n".encode()
        for viewer in self._viewers:
            viewer.fresh[kind] = data
            viewer.news.set()

    def close(self) -> None:
        """Let every viewer go."""
        self._closed = True
        for viewer in self._viewers:
            viewer.news.set()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._viewers) >= MAX_VIEWERS:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"10")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": b"Too many viewers. Close another page.\n"})
            return
        viewer = Viewer()
        viewer.fresh = dict(self._latest)
        self._viewers.add(viewer)
        gone = asyncio.create_task(_gone(receive))
        feed = asyncio.create_task(self._feed(viewer, send))
        try:
            await asyncio.wait((gone, feed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._viewers.discard(viewer)
            for task in (gone, feed):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task

    async def _feed(self, viewer: Viewer, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        body = b"retry: 1000\n\n" + b"".join(viewer.fresh.values())
        viewer.fresh.clear()
        while not self._closed:
            try:
                chunk = {"type": "http.response.body", "body": body, "more_body": True}
                await asyncio.wait_for(send(chunk), SEND_S)
            except TimeoutError:
                self.dropped_viewers += 1
                return
            body = b": still here\n\n"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(viewer.news.wait(), KEEPALIVE_S)
            viewer.news.clear()
            if viewer.fresh:
                body = b"".join(viewer.fresh.values())
                viewer.fresh.clear()
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
