"""Owns what the page shows while no device runs behind it: a text that another program of this computer has left there.

The demonstration announces its next scene, and set-up stops what sends data.
Must never hide the state of a device that is connected.
"""

import json
from pathlib import Path

from firmware_py.courier.page.setup_step import setup_step
from firmware_py.messages import SETTING_UP, Message
from firmware_py.storage.written import write_text


class Notice:
    """One message in a file of the courier's folder. Nobody waits for it: a damaged one is none."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "notice.json"

    def write(self, title: str, what: str, do: str) -> None:
        """Replace the notice in one step. Raises OSError."""
        write_text(self._path, json.dumps([title, what, do]))

    def read(self) -> Message | None:
        """The notice, or None when there is none."""
        try:
            title, what, do = json.loads(self._path.read_text(encoding="utf-8"))
            return Message(str(title), str(what), "", str(do))
        except (OSError, ValueError, TypeError):
            return SETTING_UP.translated() if setup_step(self._path.parent) else None
