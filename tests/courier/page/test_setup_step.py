"""The page shows the step of set-up only while set-up holds its lock, and only what has the form of a step."""

import fcntl
import json
from http.client import HTTPConnection
from pathlib import Path

import pytest

from firmware_py.courier.page.setup_step import setup_step
from tests.courier.conftest import Serving

STEP = {"number": 5, "of": 10, "step": "check", "title": "Check the wiring", "text": "Press the button now."}
SHOWN = {"number": "5", "of": "10", "title": "Check the wiring", "text": "Press the button now."}


def put(folder: Path, text: str) -> Path:
    (folder / "setup").mkdir(exist_ok=True)
    (folder / "setup/step.json").write_text(text)
    (folder / "setup/lock").touch()
    return folder / "setup/lock"


def test_the_step_is_shown_while_its_lock_is_held(tmp_path: Path) -> None:
    assert setup_step(tmp_path) is None
    lock = put(tmp_path, json.dumps(STEP))
    assert setup_step(tmp_path) is None
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert setup_step(tmp_path) == SHOWN
    assert setup_step(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"number": 5}', "null"])
def test_anything_else_is_no_step(tmp_path: Path, text: str) -> None:
    with put(tmp_path, text).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert setup_step(tmp_path) is None


def test_who_is_set_up_is_not_called_lost(serving: Serving) -> None:
    """The device's program is stopped meanwhile, and nothing is claimed of the belt: set-up runs it, too."""
    with serving() as served:
        live, folder = served.courier.live, Path(served.courier.config.courier.state_dir)
        assert live.view()["title"] == "No connection"
        with put(folder, json.dumps(STEP)).open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            shown = live.view()
        assert (shown["title"], shown["notice"], shown["tone"]) == ("Set-up", True, "offline")
        assert live.view()["title"] == "No connection"


def test_the_page_serves_the_sheet_once_there_is_one(serving: Serving) -> None:
    with serving() as served:

        def status_of(path: str) -> int:
            connection = HTTPConnection("127.0.0.1", served.port, timeout=5)
            connection.request("GET", path)
            status = connection.getresponse().status
            connection.close()
            return status

        assert status_of("/sheet") == 404
        config = served.courier.config
        folder = Path(config.courier.state_dir)
        put(folder, "")
        (folder / "setup/sheet.html").write_text("configuration 0123456789ab: never faster than 9 km/h")
        assert status_of("/sheet") == 404
        (folder / "setup/sheet.html").write_text(f"configuration {config.hash}: never faster than 1 km/h")
        assert status_of("/sheet") == 200
