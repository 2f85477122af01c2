"""A stranger at the page: `python -m tests.support.flood PORT COUNT` holds COUNT idle connections, and opens each again
as soon as it is closed, as fast as it can. It ends when it is killed.
"""

import contextlib
import errno
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator


def hold(port: int, count: int) -> None:
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
            poll.register(one, select.EPOLLIN | select.EPOLLRDHUP)
        for number, _ in poll.poll(0.1):
            poll.unregister(number)
            held.pop(number).close()


@contextlib.contextmanager
def flooded(port: int, count: int) -> Iterator[None]:
    """As another user's program would: beside the courier, at the lowest priority."""
    words = [sys.executable, "-m", "tests.support.flood", str(port), str(count)]
    process = subprocess.Popen(words)
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    os.nice(19)
    hold(int(sys.argv[1]), int(sys.argv[2]))
