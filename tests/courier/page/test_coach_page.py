"""The coach in a real Chromium: questions answered on a phone, time left, and one cue on the walker's screen."""

import time
from pathlib import Path

import pytest

from firmware_py.coach import diary
from firmware_py.core.frame import Cause
from tests.courier.conftest import Serving
from tests.support.chromium import FOUND, browser
from tests.support.fake_guard import decision, frame
from tests.support.process import wait_for

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not FOUND, reason="chromium is not installed: sh tests/system-packages.sh test"),
]
TEXT = "document.getElementById('{}').textContent"
TAP = "[...document.querySelectorAll('button')].find((b) => b.textContent === '{}').click()"


def test_a_walker_answers_on_the_phone_and_sees_the_time_left(tmp_path: Path, serving: Serving) -> None:
    (tmp_path / "state" / "programmes").mkdir(parents=True)
    (tmp_path / "state" / "programmes" / "anna.toml").touch()
    with serving() as served, browser(tmp_path / "profile") as page:
        at = f"http://127.0.0.1:{served.port}"
        coach = served.courier.coach
        wait_for(lambda: coach.view().get("walker") == "anna")
        page.open(f"{at}/answer-here", 390, 844)
        page.until("document.querySelectorAll('fieldset').length === 2")
        assert "Laces are tied." in page.value("document.body.innerText")
        assert "For the person beside the treadmill:" in page.value("document.body.innerText")
        assert "At the side rail is your place." in page.value("document.body.innerText")
        page.value(TAP.format("Yes, somebody is here"))
        page.until("document.querySelectorAll('fieldset').length === 1")
        page.value(TAP.format("Yes"))
        wait_for(lambda: coach._session is not None and len(coach._session.record.answers) == 2)
        assert page.value("document.documentElement.scrollWidth <= innerWidth")

        began_ns = time.monotonic_ns()

        def walk(seconds: int, **changes: object) -> None:
            nonlocal began_ns
            for _ in range(seconds):
                began_ns += 1_000_000_000
                served.tick(frame(began_ns), decision(began_ns, **changes))
            served.settle()

        walk(30)
        page.open(f"{at}/walk", 1920, 1080)
        page.until(TEXT.format("left") + ".endsWith(' left')")
        page.open(at, 1280, 900)
        page.until(TEXT.format("coach-set") + " === 'Set 1 of 2'")
        assert page.value("document.getElementById('coach-here').hidden")  # nobody taps while walking
        walk(95)
        page.open(f"{at}/walk", 1920, 1080)
        walk(1)
        page.until(TEXT.format("left") + ".startsWith('This set is done.')", 8)
        assert page.value("document.documentElement.scrollHeight <= innerHeight")
        walk(1, warning=Cause.DRIFT_REAR)
        page.until(TEXT.format("left") + ".startsWith('Pause')")
        assert page.problems == []
    [record] = [*diary.unfinished(tmp_path / "state" / "events.sqlite")]
    assert record["record"]["answers"] == {"company": "here", "ready": "yes"}
