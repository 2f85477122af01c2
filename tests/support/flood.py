"""A stranger at the page: `python -m tests.support.flood PORT COUNT [WORDS]` holds COUNT connections, sends WORDS over
each and reads nothing. It opens each again as soon as it is closed, as fast as it can, and ends when it is killed.
"""

import contextlib
import errno
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator


def hold(port: int, count: int, words: bytes) -> None:
    """Never returns."""
    poll, held = select.epoll(), dict[int, socket.socket]()
    while True:
        while len(held) < count:
            one = socket.socket()
            one.setblocking(False)
            if one.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
                one.close()
                break
            held[one.fileno()] = one
            poll.register(one, select.EPOLLRDHUP | (select.EPOLLOUT if words else 0))
        for number, what in poll.poll(0.1):
            if what == select.EPOLLOUT:
                with contextlib.suppress(OSError):
                    held[number].send(words)
                poll.modify(number, select.EPOLLRDHUP)
                continue
            poll.unregister(number)
            held.pop(number).close()


@contextlib.contextmanager
def flooded(port: int, count: int, sent: str = "") -> Iterator[None]:
    """As another user's program would: beside the courier, at the lowest priority."""
    words = [sys.executable, "-m", "tests.support.flood", str(port), str(count), sent]
    process = subprocess.Popen(words)
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    os.nice(19)
    hold(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode())
