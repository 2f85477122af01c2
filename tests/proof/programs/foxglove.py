"""The shipped layout over a recording, in the real Foxglove Studio, headless.

    .venv/bin/python -m tests.proof.programs.foxglove RECORDING.mcap PICTURE.png

The npm package holds the whole application as a bundle; foxglove.html hands it React, one file and one layout.
"""

import base64
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.proof.programs.cache import NotRun, npm
from tests.support.chromium import FOUND, Browser, browser

ROOT = Path(__file__).resolve().parents[3]
LAYOUT = ROOT / "docs" / "foxglove-layout.json"
PACKAGES = ("@foxglove/studio-base@1.48.0", "react@17.0.2", "react-dom@17.0.2")
SIZE = (1600, 1000)
START_S = 600  # the bundle has 56 MB
SETTLE_S, DRAW_S = (
    4.0,
    90.0,
)  # the charts are drawn in workers that report nothing: until two pictures are equal
LEGEND = 0.4  # the left part of a panel: the legend, which is coloured without data
PANEL = "[data-testid^='panel-mouseenter-container ']"


@dataclass(slots=True)
class Seen:
    """What the program showed."""

    topics: list[str]
    problems: list[str]
    panels: dict[str, int]  # panel -> coloured pixels beside the legend; letters for a panel of text


class Files(SimpleHTTPRequestHandler):
    """The host page, the recording, the layout, and the packages."""

    def __init__(self, *rest: Any, packages: Path, recording: Path, layout: Path, **named: Any) -> None:
        page = Path(__file__).with_name("foxglove.html")
        self._named = {"/": page, "/recording.mcap": recording, "/layout.json": layout}
        self._packages = packages
        super().__init__(*rest, **named)

    def translate_path(self, path: str) -> str:
        path = path.partition("?")[0]
        return str(self._named.get(path) or self._packages / path.lstrip("/"))

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@contextmanager
def served(recording: Path, layout: Path) -> Iterator[str]:
    packages = npm("foxglove-1.48", *PACKAGES)
    handler = partial(Files, packages=packages, recording=recording, layout=layout)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def look(recording: Path, picture: Path, layout: Path = LAYOUT) -> Seen:
    """Open `recording` with `layout`, go to its end and keep a picture. Raises NotRun."""
    if FOUND is None:
        raise NotRun("chromium is not installed (Debian: apt-get install chromium)")
    with (
        served(recording, layout) as url,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser(Path(profile)) as page,
    ):
        page.open(url, *SIZE)
        _wait(page, "window.seen.presence === 'PRESENT'")
        _wait(page, f"document.querySelectorAll({json.dumps(PANEL)}).length > 0")
        page.value("window.seen.player.seekPlayback(window.seen.end)")
        _drawn(page, picture)
        seen = page.value("({topics: window.seen.topics, problems: window.seen.problems})")
        return Seen(sorted(seen["topics"]), seen["problems"] + page.problems, _panels(page, picture))


def _wait(page: Browser, condition: str) -> None:
    end_s = time.monotonic() + START_S
    while not _holds(page, condition):
        assert time.monotonic() < end_s, f"never came true: {condition}; {page.problems}"
        time.sleep(0.2)


def _holds(page: Browser, condition: str) -> bool:
    try:
        return bool(page.value(condition))
    except AssertionError:  # the bundle is being read: the page answers later
        return False


def _drawn(page: Browser, picture: Path) -> None:
    end_s, last = time.monotonic() + DRAW_S, b""
    while time.monotonic() < end_s:
        time.sleep(SETTLE_S)
        page.screenshot(picture)
        if picture.read_bytes() == last:
            return
        last = picture.read_bytes()


def _panels(page: Browser, picture: Path) -> dict[str, int]:
    found = page.value(
        f"[...document.querySelectorAll({json.dumps(PANEL)})].map(p => {{ const r = p.getBoundingClientRect(); "
        "return {name: p.dataset.testid.split(' ')[1], text: p.innerText, chart: p.querySelector('canvas') !== null, "
        f"box: [r.x + r.width * {LEGEND}, r.y + 40, r.width * {1 - LEGEND}, r.height - 40].map(Math.round)}}}})"
    )
    data = base64.b64encode(picture.read_bytes()).decode()
    drawn = page.value(f"window.coloured('{data}', {json.dumps([panel['box'] for panel in found])})")
    return {
        panel["name"]: count if panel["chart"] else len(panel["text"].partition("\n")[2])
        for panel, count in zip(found, drawn, strict=True)
    }


def main() -> None:
    recording, picture = map(Path, sys.argv[1:3])
    sys.stdout.write(json.dumps(asdict(look(recording, picture)), indent=1) + "\n")


if __name__ == "__main__":
    main()
