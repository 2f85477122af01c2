"""Owns what set-up remembers: results of the steps, notes across a reboot, the step that the page shows, one lock.

Each write replaces the whole file in one step, so that a power cut leaves the old one or the new one.
Must never hold a password.
"""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import IO, Any

from firmware_py.device.settings import write_whole
from firmware_py.storage.written import as_owner
from sensors.advice import Failure, HardwareError

TRIES, TRY_S = 5, 0.1  # the page looks at the lock now and then, for a moment


def sweep(folder: Path) -> None:
    """Takes away what a power cut left of files that never took their place."""
    with as_owner(folder):
        for half in folder.glob(".*.new"):
            half.unlink()


class Progress:
    """`folder` is made when it is missing. Raises HardwareError when it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            with as_owner(folder):  # the page's own user owns the folder around it
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o755)
            self._held = self._lock()
        except OSError as error:
            raise HardwareError(
                f"setup: cannot use {folder}: {error.strerror}",
                "Usually it belongs to root, or the disk is full",
                "run it with sudo, or free some space",
            ) from None
        sweep(folder)
        self._data = self._read()

    def _lock(self) -> IO[str]:
        with as_owner(self._folder):
            held = (self._folder / "lock").open("a+")
        for _ in range(TRIES):
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return held
            except OSError:
                time.sleep(TRY_S)
        held.close()
        raise Failure(
            "setup: another set-up is open",
            "Only one can change the device",
            "finish it there, or close it with Ctrl-C",
        )

    def _read(self) -> dict[str, Any]:
        """What was remembered; nothing when the file is missing or unreadable: then the steps are done again."""
        try:
            data = json.loads((self._folder / "progress.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            data = {}
        results, notes = (data.get(key) if isinstance(data, dict) else None for key in ("results", "notes"))
        return {
            "results": results if isinstance(results, dict) else {},
            "notes": notes if isinstance(notes, dict) else {},
        }

    @contextmanager
    def _changed(self) -> Iterator[dict[str, Any]]:
        """What is remembered, to be changed. It counts once it is on the disk. Raises OSError."""
        changed = deepcopy(self._data)
        yield changed
        write_whole(self._folder / "progress.json", json.dumps(changed, indent=1), 0o600)
        self._data = changed

    def result(self, step: str) -> dict[str, Any] | None:
        """`proved`, `text` and `time` of a step that was done."""
        found = self._data["results"].get(step)
        return found if isinstance(found, dict) else None

    def proved(self, step: str) -> bool:
        return bool((self.result(step) or {}).get("proved"))

    def finish(self, step: str, proved: bool, text: str) -> None:
        done = {"proved": proved, "text": text, "time": time.strftime("%Y-%m-%d %H:%M")}
        with self._changed() as data:
            data["results"][step] = done

    def forget(self, *steps: str) -> None:
        with self._changed() as data:
            for step in steps:
                data["results"].pop(step, None)

    def note(self, name: str, value: str | None) -> None:
        """Kept across a reboot; None takes it away."""
        with self._changed() as data:
            if value is None:
                data["notes"].pop(name, None)
            else:
                data["notes"][name] = value

    def noted(self, name: str) -> str | None:
        found = self._data["notes"].get(name)
        return found if isinstance(found, str) else None

    def show(self, step: dict[str, Any] | None) -> None:
        """What the page shows to whoever stands at the treadmill; None: no set-up. A full disk costs only that."""
        path = self._folder / "step.json"
        if step is None:
            with as_owner(self._folder):
                path.unlink(missing_ok=True)
        else:
            with suppress(OSError):
                write_whole(path, json.dumps(step), 0o644)

    def close(self) -> None:
        self._held.close()
