"""Page, walker's screen, reports and the sheet of set-up in Lighthouse: accessibility 100, in light and dark."""

import functools
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_py.config import Config
from firmware_py.device.setup.steps.sheet import page as sheet
from tests.proof.programs.cache import NotRun, npm
from tests.support.broker import free_port
from tests.support.chromium import FOUND
from tests.support.process import courier, guard, toml, wait_for

pytestmark = [
    pytest.mark.longer,
    pytest.mark.skipif(not FOUND, reason="not run: chromium is not installed"),
]

DOCS = Path(__file__).resolve().parents[3] / "docs"
REPORTS = ("sample-fall.html", "sample-incident.html")
SCHEMES = {"light": 1, "dark": 0}  # as Chromium's settings number them
CHROMIUM = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"


@pytest.fixture(scope="module")
def lighthouse() -> Path:
    try:
        return npm("lighthouse", "lighthouse@12") / ".bin" / "lighthouse"
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Name -> address: a live device that walks and stops, and files as a browser gets them."""
    folder, files, port = tmp_path_factory.mktemp("page"), tmp_path_factory.mktemp("files"), free_port()
    for name in REPORTS:
        (files / name).write_bytes((DOCS / name).read_bytes())
    results = {"Pod": {"proved": True, "text": "so"}, "Treadmill measured": None}
    (files / "sheet.html").write_text(sheet(Config(), "http://192.0.2.7:8765/", results, "2026-11-30"))
    handler = functools.partial(Quiet, directory=str(files))
    with (
        courier(toml(folder, port=port)),
        guard(folder, round_s=4.0) as talking,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served,
    ):
        threading.Thread(target=served.serve_forever, daemon=True).start()
        wait_for(lambda: talking.link.connected)
        page, static = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{served.server_port}"
        yield {
            "page": f"{page}/",
            "walk": f"{page}/walk",
            **{name: f"{static}/{name}" for name in (*REPORTS, "sheet.html")},
        }
        served.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """The test's output is enough."""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["page", "walk", *REPORTS, "sheet.html"])
def test_lighthouse_gives_accessibility_its_highest_mark(
    lighthouse: Path, addresses: dict[str, str], name: str, scheme: str, tmp_path: Path
) -> None:
    words = [
        str(lighthouse), addresses[name], "--quiet", "--only-categories=accessibility", "--output=json",
        f"--output-path={tmp_path}/found.json", "--max-wait-for-load=8000", "--no-enable-error-reporting",
        f"--chrome-flags={CHROMIUM} --blink-settings=preferredColorScheme={SCHEMES[scheme]}",
    ]  # fmt: skip
    environment = os.environ | {"CHROME_PATH": str(FOUND), "TMPDIR": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, text=True, timeout=180, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "found.json").read_text())
    wrong = {
        key: [item.get("node", {}).get("snippet") for item in audit.get("details", {}).get("items", [])]
        for key, audit in found["audits"].items()
        if audit["score"] is not None and audit["score"] < 1
    }
    assert found["categories"]["accessibility"]["score"] == 1, wrong
