"""Owns what the page shows of set-up: the step, large, and the sheet that it made. Must never change anything.

device/setup/progress.py writes the step beside a lock that it holds for as long as it runs.
"""

import fcntl
import json
from pathlib import Path
from typing import Any

from firmware_py.config import Config


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


def sheet_of(config: Config) -> bytes | None:
    """The sheet, unless it was made for other settings: its safe speed may be another one."""
    try:
        html = (Path(config.courier.state_dir) / "setup" / "sheet.html").read_bytes()
    except OSError:
        return None
    return html if config.hash.encode() in html else None
