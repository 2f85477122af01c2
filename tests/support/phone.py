"""A phone that takes what a channel posts, and answers as a test tells it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class Phone(HTTPServer):
    """Takes what is posted, and answers as it is told."""

    answer = 200

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                phone.got.append((dict(self.headers), body))
                self.send_response(phone.answer)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hall"


@contextmanager
def ringing() -> Iterator[Phone]:
    """A phone that is on."""
    it = Phone()
    thread = threading.Thread(target=it.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield it
    finally:
        it.shutdown()
        thread.join()
        it.server_close()
