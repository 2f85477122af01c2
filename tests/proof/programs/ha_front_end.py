"""The front end of a running Home Assistant in a headless Chromium: the page of our device, as a person sees it.

It is asked for as a new owner's browser would: the owner is made, the first steps are passed over, the login is put
where the front end keeps it. Must never change anything else in Home Assistant.
"""

import json
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.proof.programs.cache import NotRun
from tests.support.chromium import FOUND, Browser, browser

SIZE = (1280, 800)
SETTLE_S = 4.0  # icons come one by one
DRAW_S = 120.0  # the bundle is read and compiled once
TOKEN_S = 1800
STEPS = ("core_config", "analytics", "integration")  # of the first visit, after the owner was made
# The front end draws in shadow roots, which innerText does not enter.
TEXT = (
    "(function deep(node) { return node.nodeType === 3 ? node.data : [node.shadowRoot, ...node.childNodes]"
    ".filter(Boolean).filter(n => !['STYLE', 'SCRIPT'].includes(n.nodeName)).map(deep).join(' ') })(document.body)"
)
DEVICES = (
    "document.querySelector('home-assistant').hass.callWS({type: 'config/device_registry/list'})"
    ".then(all => all.filter(one => one.manufacturer === 'Rearguard').map(one => one.id))"
)


def login(url: str) -> str:
    """Make the owner of a Home Assistant without any, and return what the front end keeps of the login."""
    client = f"{url}/"
    owner = {
        "client_id": client,
        "name": "Proof",
        "username": "proof",
        "password": "proof-proof",
        "language": "en",
    }
    code = _ask(f"{url}/api/onboarding/users", owner)["auth_code"]
    grant = {"grant_type": "authorization_code", "code": code, "client_id": client}
    tokens = _ask(f"{url}/auth/token", urllib.parse.urlencode(grant).encode())
    for step in STEPS:
        _ask(
            f"{url}/api/onboarding/{step}",
            {"client_id": client, "redirect_uri": client},
            tokens["access_token"],
        )
    expires_ms = round((time.time() + TOKEN_S) * 1000)
    return json.dumps({**tokens, "hassUrl": url, "clientId": client, "expires": expires_ms})


def look(url: str, tokens: str, picture: Path, wanted: list[str]) -> None:
    """Open the device's page, wait until all `wanted` texts are there, and keep a picture.

    Raises NotRun without a browser, AssertionError when one never comes.
    """
    if FOUND is None:
        raise NotRun("chromium is not installed (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, browser(Path(profile)) as page:
        page.open(f"{url}/manifest.json")
        page.value(f"localStorage.setItem('hassTokens', {json.dumps(tokens)})")
        page.open(f"{url}/", *SIZE)
        (device,) = _until(page, DEVICES, lambda ids: len(ids) == 1)
        page.open(f"{url}/config/devices/device/{device}", *SIZE)
        _until(page, TEXT, lambda text: all(word in text for word in wanted))
        time.sleep(SETTLE_S)
        page.screenshot(picture)


def _until(page: Browser, expression: str, holds: Any) -> Any:
    end_s, seen = time.monotonic() + DRAW_S, None
    while time.monotonic() < end_s:
        try:
            if holds(seen := page.value(expression)):
                return seen
        except AssertionError:  # the front end is being read: it answers later
            pass
        time.sleep(0.5)
    raise AssertionError(f"the front end never showed it: {str(seen)[-2000:]} {page.problems}")


def _ask(url: str, body: dict[str, Any] | bytes, token: str = "") -> Any:
    form = isinstance(body, bytes)
    head = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
    if token:
        head["Authorization"] = f"Bearer {token}"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, head), timeout=30) as answer:
        return json.loads(answer.read())
