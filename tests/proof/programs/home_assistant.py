"""The real Home Assistant with a real mosquitto and the real courier (a fake guard): what a person would see in it.

    .venv/bin/python -m tests.proof.programs.home_assistant [FOLDER]

Prints one JSON line a check; FOLDER gets entities.md, a listing of the entities, and home-assistant.png, the device's
page in the front end. Home Assistant lives in a Debian root of its own (its Python is newer than ours), made in a
cache folder when it is missing (5 minutes). Where it cannot be had, or without root, the line says "not run" and why.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware_py.core.frame import Cause
from tests.proof.programs import ha_front_end
from tests.proof.programs.cache import CACHE, NotRun
from tests.support.broker import FOUND, free_port, mosquitto
from tests.support.process import TalkingGuard, courier, guard, wait_for

VERSION = "2026.2.0"
ROOT = CACHE / f"home-assistant-{VERSION}-with-front-end"
PACKAGES = "python3,python3-venv,python3-dev,g++,libc6-dev,ca-certificates,libffi-dev,libturbojpeg0"
# Home Assistant installs these when it needs them. Without them no list of services is made, and the front end stays at
# "Loading data".
AT_RUN_TIME = (
    *("hassil", "home-assistant-intents", "numpy", "mutagen", "av", "ha-ffmpeg"),
    *("PyTurboJPEG", "pymicro-vad", "pyspeex-noise"),
)
DOCS = Path(__file__).parents[3] / "docs" / "home-assistant.md"
OURS = (
    "etc/resolv.conf",
    "etc/pip.conf",
    "etc/ssl/certs/ca-certificates.crt",
)  # a network may have a CA of its own
START_S = 180.0
END_S = 60.0
DEVICE = "rearguard"


def make_root() -> None:
    """Make the Debian root with Home Assistant in it. Raises NotRun."""
    if os.geteuid() != 0:
        raise NotRun("needs root (chroot)")
    if not FOUND or not shutil.which("mmdebstrap"):
        raise NotRun("mosquitto or mmdebstrap is not installed: tests/system-packages.sh proof")
    if (ROOT / "ha/bin/hass").exists():
        return
    part = ROOT.with_name(ROOT.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    words = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={PACKAGES}", "trixie", str(part)]
    _run([*words, *_mirror()])
    for name in OURS:
        if Path("/", name).exists():
            (part / name).unlink(missing_ok=True)
            shutil.copy(Path("/", name), part / name)
    _run(["chroot", str(part), "python3", "-m", "venv", "/ha"])
    wanted = [f"homeassistant=={VERSION}", "paho-mqtt", "home-assistant-frontend"]
    clean = [
        "env",
        "PIP_CONSTRAINT=",
        *(f"{k}={v}" for k, v in os.environ.items() if k.startswith("PIP_INDEX")),
    ]
    pip = ["chroot", str(part), *clean, "/ha/bin/pip", "install", "-q"]
    _run([*pip, *wanted])
    (constraints,) = part.glob("ha/lib/python3*/site-packages/homeassistant/package_constraints.txt")
    _run([*pip, "-c", f"/{constraints.relative_to(part)}", *AT_RUN_TIME])
    part.rename(ROOT)


def _mirror() -> list[str]:
    """This computer's own Debian mirror, so that the root is made from the same place; none: Debian's own."""
    for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if found := re.search(r"https?://\S*/debian/?(?=\s|$)", path.read_text()):
                trusted = ["--aptopt=APT::Get::AllowUnauthenticated true"]
                return [f"deb [trusted=yes] {found[0]} trixie main", *trusted]
    return []


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotRun(f"{words[0]} {words[1]}: {done.stderr.strip()[-300:]}")


class HomeAssistant:
    """One configuration folder in the root; start and stop it as often as needed."""

    def __init__(self, broker_port: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="config-", dir=ROOT / "tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        probe = self.folder / "custom_components" / "proof"
        probe.mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("ha_probe.py"), probe / "__init__.py")
        manifest = {
            "domain": "proof",
            "name": "Proof",
            "version": "1.0.0",
            "documentation": "",
            "codeowners": [],
        }
        (probe / "manifest.json").write_text(json.dumps(manifest))
        (found,) = re.findall(r"```yaml\n(input_datetime:.*?)```", DOCS.read_text(), re.DOTALL)
        (self.folder / "configuration.yaml").write_text(
            f"homeassistant:\n  name: Proof\n  time_zone: Etc/UTC\nhttp:\n  server_port: {port}\n"
            f"  server_host: 127.0.0.1\nfrontend:\nproof:\n  broker_port: {broker_port}\n{found}"
        )

    def start(self) -> None:
        (self.folder / "states.json").unlink(missing_ok=True)
        inside = "/" + str(self.folder.relative_to(ROOT))
        words = ["chroot", str(ROOT), "/ha/bin/hass", "--skip-pip", "-c", inside]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}
        with (self.folder / "out.log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        wait_for((self.folder / "states.json").exists, START_S)

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:  # it has written its state; threads of its own hold it up
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def states(self) -> dict[str, dict[str, Any]]:
        """The device's entities. Automation and helper are not the device's."""
        with contextlib.suppress(OSError, ValueError):
            found = json.loads((self.folder / "states.json").read_text())
            return {k: v for k, v in found.items() if "rearguard" in k and not k.startswith("input_")}
        return {}

    def state(self, entity: str) -> str:
        return str(self.states.get(entity, {}).get("state", "missing"))

    def press(self, entity: str) -> None:
        line = {"domain": "button", "service": "press", "data": {"entity_id": entity}}
        with (self.folder / "calls.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def told(self) -> list[str]:
        """Messages that the documented automation sent."""
        path = self.folder / "told.jsonl"
        return (
            [json.loads(line)["message"] for line in path.read_text().splitlines()] if path.exists() else []
        )


def config(folder: Path, broker_port: int, **mqtt: Any) -> Path:
    settings = {"enabled": True, "host": "127.0.0.1", "port": broker_port, **mqtt}
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    path = folder / "config.toml"
    path.write_text(
        f'[courier]\nstate_dir = "{folder}/state"\nsocket = "{folder}/c.sock"\ndevice_id = "{DEVICE}"\n'
        "[page]\nenabled = false\n[mqtt]\n" + "\n".join(lines) + "\n"
    )
    return path


def report(check: str, **seen: Any) -> None:
    print(
        json.dumps({"program": f"Home Assistant {VERSION}", "check": check, "result": "passed"} | seen),
        flush=True,
    )


@contextlib.contextmanager
def walking(folder: Path) -> Iterator[TalkingGuard]:
    with guard(folder, round_s=3600) as talking:
        wait_for(lambda: talking.link.connected)
        yield talking


def stop(talking: TalkingGuard, cause: Cause) -> None:
    """Walk, then stop for `cause`."""
    talking.force = None
    time.sleep(1.0)
    talking.force = cause
    time.sleep(1.0)


def told_once(ha: HomeAssistant, before: int, words: str) -> float:
    """One message more, with `words`; the seconds between the stop's time in it and now."""
    wait_for(lambda: len(ha.told) > before, 60)
    time.sleep(3.0)
    assert len(ha.told) == before + 1, ha.told
    message = ha.told[-1]
    assert words in message, message
    year = time.gmtime().tm_year
    at = datetime.strptime(f"{year}.{message[:15]}+0000", "%Y.%d.%m. %H:%M:%S%z")
    return time.time() - at.timestamp()


def main(folder: Path | None) -> int:
    try:
        make_root()
    except NotRun as why:
        print(json.dumps({"program": f"Home Assistant {VERSION}", "result": "not run", "why": str(why)}))
        return 0
    everything(folder)
    return 0


def everything(kept: Path | None) -> None:
    """Every check in turn, on one broker; listing and picture go to the folder `kept`. Raises AssertionError."""
    with tempfile.TemporaryDirectory() as place, mosquitto(Path(place)) as broker:
        ha = HomeAssistant(broker.port)
        try:
            _all(ha, broker, Path(place), kept or Path(place))
        except BaseException:
            print((ha.folder / "out.log").read_text()[-4000:], file=sys.stderr)
            print(json.dumps(ha.states, indent=1)[-6000:], ha.told, file=sys.stderr)
            raise
        finally:
            ha.close()


def _all(ha: HomeAssistant, broker: Any, folder: Path, kept: Path) -> None:
    ha.start()
    path = config(folder, broker.port)
    with courier(path) as process, walking(folder) as talking:
        wait_for(lambda: ha.state("binary_sensor.rearguard_belt_may_run") == "on", 60)
        wait_for(lambda: ha.state("sensor.rearguard_position") not in ("unknown", "unavailable", "missing"))
        report("entities appear by themselves", entities=len(ha.states))
        (kept / "entities.md").write_text(listed(ha.states))
        _front_end(ha, kept / "home-assistant.png")

        told = len(ha.told)
        stop(talking, Cause.FALL)
        wait_for(lambda: ha.state("binary_sensor.rearguard_stopped_for_safety") == "on")
        late_s = told_once(ha, told, "lost balance")
        event = ha.states["event.rearguard_events"]
        assert event["time"].endswith("Z") and event["event_type"], event
        report("a stop is told once, with its time", seconds_after=round(late_s, 1))

        ha.press("button.rearguard_stop_the_belt")
        wait_for(lambda: talking.stop_asked)
        report("the stop button reaches the guard")

        _broker_gone(ha, broker, talking)
        _home_assistant_restarts(ha, talking)

        process.end()
        wait_for(lambda: ha.state("binary_sensor.rearguard_belt_may_run") == "unavailable")
        config(folder, broker.port, allow_remote_stop=False)
        process.start()
        wait_for(lambda: "button.rearguard_stop_the_belt" not in ha.states)
        wait_for(lambda: ha.state("binary_sensor.rearguard_guard") == "on")
        report("without a remote stop the button is removed")

        talking.end()
        began_s = time.monotonic()
        wait_for(lambda: ha.state("binary_sensor.rearguard_guard") == "off")
        report("the guard's end is shown", seconds=round(time.monotonic() - began_s, 1))

        process.end()
        config(folder, broker.port, home_assistant=False)
        process.start()
        wait_for(lambda: not [entity for entity in ha.states if not entity.startswith("automation.")])
        report("home_assistant = false removes every entity")


def _front_end(ha: HomeAssistant, picture: Path) -> None:
    """A person finds every entity on the device's page."""
    names = [str(seen["friendly_name"]).removeprefix("Rearguard ") for seen in ha.states.values()]
    try:
        ha_front_end.look(ha.url, ha_front_end.login(ha.url), picture, names)
    except NotRun as why:
        report("the front end shows the device", result="not run", why=str(why))
    else:
        report("the front end shows the device", names=len(names), picture_kb=picture.stat().st_size // 1000)


def _broker_gone(ha: HomeAssistant, broker: Any, talking: TalkingGuard) -> None:
    told = len(ha.told)
    broker.kill()
    wait_for(lambda: ha.state("binary_sensor.rearguard_belt_may_run") == "unavailable")
    stop(talking, Cause.DRIFT_REAR)
    time.sleep(5.0)
    broker.start()
    wait_for(lambda: ha.state("binary_sensor.rearguard_belt_may_run") == "off", 90)
    late_s = told_once(ha, told, "rear")
    assert late_s > 5.0, "the time is that of the stop, not of the message"
    report("a stop while the broker was away is told once, with its own time", seconds_after=round(late_s, 1))


def _home_assistant_restarts(ha: HomeAssistant, talking: TalkingGuard) -> None:
    told = len(ha.told)
    ha.end()
    ha.start()
    wait_for(lambda: ha.state("sensor.rearguard_last_stop") not in ("unknown", "unavailable", "missing"), 60)
    time.sleep(3.0)
    assert len(ha.told) == told, ha.told
    report("after a restart the entities are back and nothing is told again")
    ha.end()
    stop(talking, Cause.STANDSTILL)
    ha.start()
    late_s = told_once(ha, told, "")
    report("a stop while Home Assistant was off is told once", seconds_after=round(late_s, 1))


def listed(states: dict[str, dict[str, Any]]) -> str:
    """The device's entities as a Markdown table."""
    rows = [
        f"| {seen.get('friendly_name', '')} | `{entity}` | "
        f"{' '.join(filter(None, (seen['state'], seen.get('unit_of_measurement', ''))))} |"
        for entity, seen in sorted(states.items())
        if not entity.startswith("automation.")
    ]
    return "\n".join(["| name | entity | state while somebody walks |", "|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
