"""Makes the pictures of the page in docs/images anew, the moving one, too: python -m tests.support.pictures

A real courier and a real Chromium; the walker is invented (fake_guard.py).
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support import moving
from tests.support.broker import free_port
from tests.support.chromium import Browser, browser
from tests.support.process import courier, toml, wait_for

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SCENE_S = 24  # fake_guard.py walks for 12 s; the charts show 20


def photograph(page: Browser, scene: str, size: tuple[int, int], pictures: dict[str, bool]) -> None:
    """One scene; `pictures`: file name -> dark."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        with courier(toml(folder, port=port)):
            wait_for((folder / "c.sock").exists)
            fake = [sys.executable, "-m", "tests.support.fake_guard", str(folder / "c.sock"), scene]
            guard = subprocess.Popen(fake)
            try:
                time.sleep(2)
                page.open(f"http://127.0.0.1:{port}/", *size)
                time.sleep(SCENE_S)
                for picture, dark in pictures.items():
                    page.size(*size, dark)
                    time.sleep(1)
                    page.screenshot(IMAGES / picture)
            finally:
                guard.kill()
                guard.wait()


def main() -> None:
    moving.main()
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as page:
        photograph(page, "running", (1280, 1400), {"page-running.png": False})
        phone = {"page-stopped-phone.png": False, "page-stopped-phone-dark.png": True}
        photograph(page, "fall", (390, 844), phone)


if __name__ == "__main__":
    main()
