"""The page in a real Chromium, fed by a real courier: what a person sees, when, and what is never asked outside."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_py.core.frame import Cause
from tests.support.broker import free_port
from tests.support.chromium import FOUND, browser
from tests.support.process import TalkingGuard, courier, guard, toml, wait_for

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not FOUND, reason="chromium is not installed: sh tests/system-packages.sh test"),
]

LEAST_CONTRAST = """(() => {
  const part = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(part);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (element) => {
    const style = getComputedStyle(element);
    const [low, high] = [light(style.color), light(style.backgroundColor)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  for (const tone of ["running", "ready", "warning", "stopped", "fault", "offline"]) {
    document.body.dataset.tone = tone;
    found.push(contrast(document.getElementById("state")));
  }
  for (const ink of ["--ink", "--soft", "--accent", "--ok", "--bad"]) {
    const probe = document.createElement("i");
    document.body.append(probe);
    probe.style.color = `var(${ink})`;
    probe.style.backgroundColor = "var(--card)";
    found.push(contrast(probe));
    probe.remove();
  }
  return Math.min(...found);
})()"""
SHOWN_S = 0.5  # from the guard's decision to the eye


@contextmanager
def walking(folder: Path) -> Iterator[TalkingGuard]:
    with guard(folder) as talking:
        talking.stopped = True  # an even walk, no rounds
        yield talking


def test_a_person_watches_a_walk_a_stop_and_a_restart(tmp_path: Path) -> None:
    port = free_port()
    config = toml(tmp_path, port=port)
    with courier(config) as process, walking(tmp_path) as talking, browser(tmp_path / "profile") as page:
        wait_for(lambda: talking.link.connected)
        time.sleep(0.2)  # the page's socket follows the link's within milliseconds
        page.open(f"http://127.0.0.1:{port}/", 390, 844)
        page.until("document.body.dataset.tone === 'running'")
        page.until("document.querySelectorAll('#parts li').length === 11")

        # live: the walker moves on the deck, the numbers follow, the charts are drawn
        before = page.value("document.querySelector('#deck g').getAttribute('transform')")
        page.until(f"document.querySelector('#deck g').getAttribute('transform') !== '{before}'")
        page.until("Number(document.getElementById('n-position').textContent) > 0.4")
        assert page.value("document.querySelectorAll('.chart canvas').length") == 3
        assert page.value("document.documentElement.scrollWidth <= innerWidth")

        # a stop: how long from the decision until the page has changed
        took_s = []
        for cause, title in ((Cause.FALL, "Loss of balance"), (Cause.IMU, "Hip sensor fault")):
            decided: list[float] = []

            def decide(cause: Cause = cause, decided: list[float] = decided) -> None:
                decided.append(time.time())
                talking.force = cause

            threading.Timer(0.3, decide).start()
            shown_ms = page.value(
                "new Promise((yes) => { const title = document.getElementById('title'); new MutationObserver(() => "
                f"{{ if (title.textContent === '{title}') yes(Date.now()); }}).observe(title, "
                "{ childList: true, characterData: true, subtree: true }); })"
            )
            took_s.append(shown_ms / 1000 - decided[0])
            talking.force = None
            page.until("document.body.dataset.tone === 'running'")
        assert max(took_s) < SHOWN_S, took_s

        # the courier dies: the page shows it, and reconnects by itself
        process.kill()
        page.until("document.getElementById('title').textContent === 'No connection'")
        process.start()
        page.until("document.body.dataset.tone === 'running'", 15)

        # every size and scheme: nothing runs over the edge
        for width, height, dark in (
            (320, 568, False),
            (390, 844, True),
            (1280, 800, False),
            (1280, 800, True),
        ):
            page.size(width, height, dark)
            assert page.value("document.documentElement.scrollWidth <= innerWidth"), (width, dark)
        assert all(url.startswith(f"http://127.0.0.1:{port}/") for url in page.requests)
        refused = [problem for problem in page.problems if "ERR_CONNECTION_REFUSED" not in problem]
        assert [p for p in refused if "ERR_INCOMPLETE_CHUNKED_ENCODING" not in p] == []


def test_a_keyboard_and_a_screen_reader_find_their_way(tmp_path: Path) -> None:
    port = free_port()
    with (
        courier(toml(tmp_path, port=port)),
        walking(tmp_path) as talking,
        browser(tmp_path / "profile") as page,
    ):
        wait_for(lambda: talking.link.connected)
        time.sleep(0.2)
        page.open(f"http://127.0.0.1:{port}/")
        page.until("document.body.dataset.tone === 'running'")
        live = "document.querySelector('[aria-live=assertive]')"
        assert page.value(f"{live}.innerText.includes('Guarding')")
        assert page.value("document.querySelector('html').lang") == "en"
        assert page.value("[...document.querySelectorAll('section')].every(s => s.querySelector('h2'))")
        assert page.value("document.getElementById('deck').getAttribute('aria-label').includes('metres')")
        # the words that are read aloud do not change while nothing happens
        assert page.value(
            f"new Promise((yes) => {{ let n = 0; new MutationObserver(() => n++).observe({live}, "
            "{ childList: true, characterData: true, subtree: true }); setTimeout(() => yes(n), 600); })"
        ) == 0  # fmt: skip
        # text stands out from its ground in both schemes (WCAG AA: 4.5)
        for dark in (False, True):
            page.size(1280, 800, dark)
            page.value("document.querySelectorAll('*').forEach((e) => { e.style.transition = 'none'; })")
            assert page.value(LEAST_CONTRAST) >= 4.5, dark
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert page.value("document.activeElement.className") == "skip"
