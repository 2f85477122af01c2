"""Owns the phone of the demonstration: it takes what the alerts process sends, and shows it as a page (phone.html).

Must never reach a treadmill: its one button opens the link that came with the message.
"""

import json
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LONGEST = 64_000
PAGE = Path(__file__).with_name("phone.html")
OK, NO_CONTENT, NOT_FOUND = 200, 204, 404


@dataclass(frozen=True, slots=True)
class Got:
    """One message."""

    at_ns: int
    body: dict[str, Any]


class _Quiet(ThreadingHTTPServer):
    """A browser that goes away in the middle is no news."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...


class Phone:
    """Serves on a free port of this computer until `close`."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self._server = _Quiet(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def help(self) -> list[Got]:
        """The calls for help."""
        return [got for got in list(self.got) if got.body["urgency"] == "help"]

    def press(self) -> None:
        """Presses "I am on my way" under the newest call for help, as a person would. Raises OSError."""
        link = str(self.help()[-1].body["acknowledge"])
        with urllib.request.urlopen(urllib.request.Request(link, method="POST"), timeout=10) as answer:
            answer.read()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), LONGEST)
                phone.got.append(Got(time.monotonic_ns(), json.loads(self.rfile.read(length))))
                self._answer(NO_CONTENT, "", b"")

            def do_GET(self) -> None:
                if self.path == "/":
                    self._answer(OK, "text/html; charset=utf-8", PAGE.read_bytes())
                elif self.path == "/messages":
                    bodies = [got.body for got in reversed(phone.got)]
                    self._answer(OK, "application/json", json.dumps(bodies).encode())
                else:
                    self._answer(NOT_FOUND, "text/plain", b"")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        return Handler
