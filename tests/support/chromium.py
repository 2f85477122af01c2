"""A real Chromium, driven over its debugging pipe: no driver, no port, no packages."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_py.rig.harness.processes import end

FOUND = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One page. Every call waits for its answer; `deadline_s` bounds all of them."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.problems: list[str] = []  # console errors, exceptions, requests that were refused
        self.requests: list[str] = []

    def call(self, method: str, deadline_s: float = 20.0, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end_s = time.monotonic() + deadline_s
        while True:
            answer = self._next(end_s)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]  # type: ignore[no-any-return]
            self._note(answer)

    def _next(self, end_s: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end_s - time.monotonic()))
            assert ready, "chromium does not answer"
            data = os.read(self._read, 1 << 20)
            assert data, "chromium has gone"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)  # type: ignore[no-any-return]

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(params["exceptionDetails"])[:500])
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.problems.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])

    def open(self, url: str, width: int = 1280, height: int = 800, dark: bool = False) -> None:
        if self._session is None:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        self.size(width, height, dark)
        self.call("Page.navigate", url=url)
        end_s = time.monotonic() + 20
        while (message := self._next(end_s)).get("method") != "Page.loadEventFired":
            self._note(message)

    def size(self, width: int, height: int, dark: bool) -> None:
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def value(self, expression: str) -> Any:
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, deadline_s=30.0
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, condition: str, timeout_s: float = 25.0) -> None:
        """Wait, inside the page, until a JavaScript condition holds."""
        wait = (
            f"new Promise((yes, no) => {{ const end = Date.now() + {timeout_s * 1000}; const look = () => "
            f"({condition}) ? yes(true) : Date.now() > end ? yes(false) : setTimeout(look, 20); look(); }})"
        )
        if not self.value(wait):
            raise AssertionError(f"never came true: {condition}\n{self.value('document.body.innerText')}")

    def screenshot(self, path: Path, full: bool = False) -> None:
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A headless Chromium that is gone afterwards."""
    assert FOUND
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    script = f'exec {FOUND} 3<&{to_read} 4>&{from_write} "$@"'
    process = subprocess.Popen(
        [
            "bash", "-c", script, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank",
        ],
        pass_fds=(to_read, from_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_read)
    os.close(from_write)
    try:
        yield Browser(to_write, from_read)
    finally:
        os.close(to_write)
        os.close(from_read)
        end(process)
