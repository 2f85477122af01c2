"""Owns fetching the report of an incident from its treadmill, when a person asks for it. Must never keep one.

Must never follow an address that a treadmill has named: the owner's settings say where treadmills are, and the names
that are put in are letters, digits, - and _. What comes back is shown in a sandbox (pages/server.py).
"""

import base64
import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from firmware_py.locale import translate as _
from sensors.advice import Failure

TIMEOUT_S = 10.0  # without a byte
PATIENCE_S = 30.0  # for the whole of it: a small computer replays the trace first
AT_ONCE = 4
NEAR_S = 5.0  # an incident's file is named by its second, an event by its millisecond
LARGEST_LIST, LARGEST_REPORT = 1_000_000, 8_000_000  # bytes
_NAME = re.compile(r"[A-Za-z0-9_.+:-]{1,120}")
_CHUNK = 65_536


class Reports:
    """`address` such as http://{device}.local:8765, "" when reports are not fetched."""

    def __init__(
        self, address: str, password_file: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.address, self._clock = address, clock
        self._password = Path(password_file) if password_file else None
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def fetch(self, site: str, device: str, time_s: float) -> bytes:
        """The report of the stop that this treadmill dates `time_s`. Raises Failure."""
        if not self.address:
            raise Failure(_("Reports are not fetched here. The owner can set device_page (docs/fleet.md)."))
        if not self._places.acquire(blocking=False):
            raise Failure(_("Several reports are being fetched. Try again in a minute."))
        try:
            end_s = self._clock() + PATIENCE_S
            base = self.address.format(device=device, site=site)
            found = self._get(base, "/api/incidents", LARGEST_LIST, end_s)
            return self._get(base, f"/incidents/{quote(_named(found, time_s))}", LARGEST_REPORT, end_s)
        finally:
            self._places.release()

    def _get(self, base: str, path: str, largest: int, end_s: float) -> bytes:
        parts = urlsplit(base)
        host, secure = parts.hostname or "", parts.scheme == "https"
        wire = (
            http.client.HTTPSConnection(
                host, parts.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
            )
            if secure
            else http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
        )
        try:
            wire.request("GET", path, headers=self._login())
            answer = wire.getresponse()
            if answer.status == http.client.UNAUTHORIZED:
                raise Failure(
                    _(
                        "The treadmill's page asks for another password. The owner can set device_password_file."
                    )
                )
            if answer.status != http.client.OK:  # nor is a redirection followed
                raise Failure(_("The treadmill has no such report. Look at its own page."))
            data = b""
            while part := answer.read1(_CHUNK):
                data += part
                if len(data) > largest or self._clock() > end_s:
                    raise Failure(_("The treadmill's answer is too long or too slow. Look at its own page."))
            return data
        except (OSError, http.client.HTTPException):
            raise Failure(
                _(
                    "The treadmill's page does not answer: it is off, or closed to the network. Try again later."
                )
            ) from None
        finally:
            wire.close()

    def _login(self) -> dict[str, str]:
        if self._password is None:
            return {}
        try:
            word = self._password.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            raise Failure(
                _(
                    "The password of the treadmills' pages cannot be read. The owner can set device_password_file."
                )
            ) from None
        return {"Authorization": "Basic " + base64.b64encode(f"fleet:{word}".encode()).decode()}


def _named(listed: bytes, time_s: float) -> str:
    """The name of the incident nearest to this time. Raises Failure."""
    near: list[tuple[float, str]] = []
    try:
        for row in json.loads(listed):
            off_s = abs(datetime.fromisoformat(str(row["time"])[:40]).timestamp() - time_s)
            if off_s <= NEAR_S and _NAME.fullmatch(str(row["name"])):
                near.append((off_s, str(row["name"])))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise Failure(_("The treadmill's list of incidents cannot be read. Look at its own page.")) from None
    if not near:
        raise Failure(
            _("The treadmill keeps no recording of this: it is older than its list, or nothing was recorded.")
        )
    return min(near)[1]
