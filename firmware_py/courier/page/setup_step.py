"""Owns what the page shows while somebody sets the device up: the step, large. Must never change anything.

device/setup/progress.py writes the step beside a lock that it holds for as long as it runs.
"""

import fcntl
import json
from pathlib import Path
from typing import Any


def setup_step(state_dir: Path) -> dict[str, Any] | None:
    """Number, title and request of the step; None while nobody sets the device up."""
    folder = state_dir / "setup"
    try:
        text = (folder / "step.json").read_text(encoding="utf-8")
        with (folder / "lock").open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None  # nobody holds the lock: set-up was killed
    except BlockingIOError:
        pass
    except OSError:
        return None
    try:
        step = json.loads(text)
        return {key: str(step[key]) for key in ("number", "of", "title", "text")}
    except (ValueError, KeyError, TypeError):
        return None
