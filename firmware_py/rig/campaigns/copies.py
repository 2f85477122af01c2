"""Owns a look into several futures of one run: each in a forked copy of the process. Must never change the original."""

import json
import os
from collections.abc import Callable
from typing import Any


def in_a_copy(watch: Callable[[], Any]) -> Any:
    """What `watch` returns in a forked copy of this process, by way of JSON."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, json.dumps(watch()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        result = pipe.read()
    os.waitpid(child, 0)
    return json.loads(result)
