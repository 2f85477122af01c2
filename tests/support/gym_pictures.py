"""Makes the pictures of the gym in docs/images anew: python -m tests.support.gym_pictures

The demonstration itself (rearguard demo --gym 12) and a real Chromium, some seconds after the fall.
"""

import base64
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from firmware_py.fleet import access, store
from firmware_py.fleet.access import Role, Viewer
from firmware_py.fleet.pages.server import COOKIE
from firmware_py.rig.gym import play
from tests.support.chromium import Browser, browser
from tests.support.process import wait_for

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WALL, PHONE = (1920, 1080), (390, 600)


def photograph(page: Browser, name: str, size: tuple[int, int], scale: float) -> None:
    clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": scale}
    data = page.call("Page.captureScreenshot", format="png", clip=clip)["data"]
    (IMAGES / name).write_bytes(base64.b64decode(data))


def main() -> None:
    with ExitStack() as held:
        state = Path(held.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        profile = Path(held.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        page = held.enter_context(browser(profile))
        gym = play.Gym(12, state, play._broker(), held)
        wait_for(gym.phone.help, 120)
        page.open("about:blank")
        ticket = access.ticket(
            (state / "fleet.secret").read_text(), Viewer(play.NAME, Role.OWNER, (store.ALL_SITES,))
        )
        page.call("Network.setCookie", name=COOKIE, value=ticket, url=gym.seen.page)
        time.sleep(2)  # the floor has its news, too
        page.open(gym.seen.page + "/", *WALL)
        photograph(page, "gym-floor.png", WALL, 0.6)
        page.open(gym.phone.address + "/", *PHONE)
        page.until("document.querySelector('li.help')")
        photograph(page, "gym-phone.png", PHONE, 1.0)


if __name__ == "__main__":
    main()
