"""Both passwords of a device are marked, all that knows them is used, and everything that was written is searched."""

import base64
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
import zstandard

from firmware_py.config import MqttConfig
from firmware_py.courier.events.mqtt import Broker
from tests.support.broker import ear, free_port, mosquitto
from tests.support.process import courier, guard, toml, wait_for

MARKS = ("Barley7Q", "Sesame4Z")  # in the broker's password and in the page's


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below `folder`, and what its compressed chunks hold."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.endswith("-password")):
        data = path.read_bytes()
        yield path.name, data
        at = 0
        while (at := data.find(zstandard.FRAME_HEADER, at)) >= 0:
            with suppress(zstandard.ZstdError):
                yield path.name, zstandard.ZstdDecompressor().decompressobj().decompress(data[at:])
            at += 4


def ask(port: int, path: str, password: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    login = base64.b64encode(f"x:{password}".encode()).decode()
    try:
        connection.request("GET", path, headers={"Authorization": f"Basic {login}"})
        answer = connection.getresponse()
        return str(answer.headers).encode() + answer.read()
    finally:
        connection.close()


def served(port: int) -> bool:
    try:
        return bool(ask(port, "/api/now", f"open {MARKS[1]}"))
    except OSError:
        return False


def test_no_password_is_in_a_log_a_trace_an_event_a_report_or_on_the_page(tmp_path: Path) -> None:
    for name, mark in zip(("mqtt", "page"), MARKS, strict=True):
        (tmp_path / f"{name}-password").write_text(f"open {mark}\n")
    port, answers = free_port(), []
    with mosquitto(tmp_path) as broker, ear(broker.port) as listener:
        config = toml(tmp_path, port, broker.port)
        text = config.read_text().replace("[mqtt]\n", f'password_file = "{tmp_path}/page-password"\n[mqtt]\n')
        config.write_text(f'{text}user = "rig"\npassword_file = "{tmp_path}/mqtt-password"\n')
        with courier(config) as process:
            wait_for(lambda: served(port))
            with guard(tmp_path, 2.0) as talking:
                listener.until("rearguard/rig/event/stopped", timeout_s=30)
                talking.stopped = True
                for wrong in (f"{MARKS[1]}", f"open {MARKS[1]} ", "x"):
                    answers.append(ask(port, f"/?password={wrong.strip().replace(' ', '+')}", wrong))
                wait_for(lambda: list((tmp_path / "state/incidents").glob("*.mcap")))
                (incident, *_) = (tmp_path / "state/incidents").glob("*.mcap")
                for path in ("/", "/api/setup", "/api/now", "/api/incidents", f"/incidents/{incident.stem}"):
                    answers.append(ask(port, path, f"open {MARKS[1]}"))
                time.sleep(1.1)  # a second of the recorder
            assert process.process is not None
            own = Path(f"/proc/{process.process.pid}")
            answers += [(own / "cmdline").read_bytes(), (own / "environ").read_bytes()]
            assert process.end() == 0
        everything = [
            *written(tmp_path),
            *(("answer", a) for a in answers),
            *((t, p) for t, p, _ in listener.received),
        ]
    assert {"courier.log", "events.sqlite", f"{incident.stem}.mcap"} <= {name for name, _ in everything}
    assert any(b"config_hash" in data for name, data in everything if name.endswith(".mcap")), (
        "not looked inside"
    )
    for mark in MARKS:
        for form in (mark.encode(), base64.b64encode(f"x:open {mark}".encode())):
            assert [name for name, data in everything if form in data] == []


def test_what_the_courier_writes_is_not_for_everybody(tmp_path: Path) -> None:
    config = toml(tmp_path)
    with courier(config) as process:
        wait_for(lambda: (tmp_path / "c.sock").exists() and (tmp_path / "state/events.sqlite").exists())
        assert stat.S_IMODE((tmp_path / "c.sock").stat().st_mode) & 0o007 == 0
        process.end()
    for path in (tmp_path / "state").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0, f"{path.name} can be written by others"


@pytest.mark.parametrize(("host", "tls", "warned"), [
    ("192.0.2.7", False, True),
    ("localhost", False, False),
    ("192.0.2.7", True, False),
])  # fmt: skip
def test_a_password_in_clear_text_is_warned_of(
    caplog: pytest.LogCaptureFixture, host: str, tls: bool, warned: bool
) -> None:
    broker = Broker(MqttConfig(host=host, tls=tls, user="rig"), "rig", None, lambda: None, lambda: None)
    broker.start()
    broker.close()
    assert ("in clear text" in caplog.text) == warned
