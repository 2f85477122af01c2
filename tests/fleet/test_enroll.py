"""A treadmill gets a certificate for a code that works once; with it, it speaks for itself and for nobody else."""

import contextlib
import hashlib
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from starlette.exceptions import HTTPException
from typer.testing import CliRunner

from firmware_py.__main__ import build as commands_of
from firmware_py.config import Config, MqttConfig, load
from firmware_py.courier.events.login import attempt
from firmware_py.courier.events.mqtt import Broker
from firmware_py.device import enroll as device
from firmware_py.device.enroll import MARK_BYTES, SECRET_BYTES, ask, code_of, read_code
from firmware_py.device.settings import save
from sensors.advice import Failure
from tests.support.broker import FOUND, Mosquitto, by_certificate, free_port
from tests.support.engines import NATS
from tests.support.process import wait_for

x509 = pytest.importorskip("cryptography.x509", reason="the extra `fleet` is not installed")

from firmware_py.fleet.enroll import desk as desks  # noqa: E402
from firmware_py.fleet.enroll.authority import Authority  # noqa: E402
from firmware_py.fleet.enroll.desk import CODE_S, MINUTE_S, TRIES_A_MINUTE, Desk, opened  # noqa: E402

TOLD = {"root": "chain/hall", "host": "broker.example", "port": 8883}
NOW_S = time.time()


class Counter:
    """A desk with a clock that the test sets; it keeps whom it has enrolled."""

    def __init__(self, folder: Path) -> None:
        self.now_s = NOW_S
        self.authority = Authority(folder)
        self.noted: list[tuple[str, str, str]] = []
        self.desk = Desk(
            self.authority,
            lambda name, site, made: self.noted.append((name, site, made.subject.rfc4514_string())),
            TOLD,
            lambda: self.now_s,
        )

    def come(self, code: str, request: str | None = None) -> dict[str, Any]:
        secret, _ = read_code(code)
        return self.desk.enroll(secret, (request or device._request()[1]).encode())

    def refused(self, code: str, request: str | None = None) -> int:
        with pytest.raises(HTTPException) as refusal:
            self.come(code, request)
        return refusal.value.status_code


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path / "authority")


# -- the code ------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES), st.binary(min_size=32, max_size=32))
def test_a_code_is_read_as_it_was_made_however_it_is_typed(secret: bytes, fingerprint: bytes) -> None:
    code = code_of(secret, fingerprint)
    for typed in (code, code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        assert read_code(typed) == (secret, fingerprint[:MARK_BYTES])


@pytest.mark.parametrize("code", ["", "abc", "a" * 39, "a" * 41, "1" * 40, "ü" * 40])
def test_what_is_no_code_is_said_so(code: str) -> None:
    with pytest.raises(Failure, match="no code"):
        read_code(code)


def test_a_code_works_once(counter: Counter) -> None:
    code = counter.desk.code("deck-7", "hall")
    assert counter.come(code)["device"] == "deck-7"
    assert counter.refused(code) == 403
    assert counter.noted == [("deck-7", "hall", "CN=deck-7")]


@pytest.mark.parametrize(("age_s", "works"), [(CODE_S - 1, True), (CODE_S, False), (CODE_S + 1, False)])
def test_a_code_ends_after_a_quarter_of_an_hour(counter: Counter, age_s: float, works: bool) -> None:
    code = counter.desk.code("deck-7", "hall")
    counter.now_s += age_s
    assert counter.desk.awaits == works
    if works:
        counter.come(code)
    else:
        assert counter.refused(code) == 403


@pytest.mark.parametrize(("wait_s", "status"), [(MINUTE_S - 1, 429), (MINUTE_S, None)])
def test_guessing_is_slow_for_everybody_together(counter: Counter, wait_s: float, status: int | None) -> None:
    right = counter.desk.code("deck-7", "hall")
    wrong = code_of(bytes(SECRET_BYTES), counter.authority.fingerprint)
    assert [counter.refused(wrong) for _ in range(TRIES_A_MINUTE + 1)] == [403] * TRIES_A_MINUTE + [429]
    counter.now_s += wait_s
    if status:
        assert counter.refused(right) == status
    else:
        counter.come(right)


@pytest.mark.parametrize("request_pem", ["", "no PEM", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_a_request_that_cannot_be_used_costs_no_code(counter: Counter, request_pem: str) -> None:
    code = counter.desk.code("deck-7", "hall")
    secret, _ = read_code(code)
    with pytest.raises(HTTPException) as refusal:
        counter.desk.enroll(secret, request_pem.encode())
    assert refusal.value.status_code == 400
    counter.come(code)


def test_the_code_stands_nowhere_but_as_its_hash(counter: Counter, tmp_path: Path) -> None:
    code = counter.desk.code("deck-7", "hall")
    secret, _ = read_code(code)
    assert list(counter.desk._places) == [hashlib.sha256(secret).digest()]


def test_what_a_request_says_of_itself_is_ignored(counter: Counter) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fleet")])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    made = x509.load_pem_x509_certificate(
        counter.come(counter.desk.code("deck-7", "hall"), pem)["certificate"].encode()
    )
    assert made.subject.rfc4514_string() == "CN=deck-7"
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [use._name for use in uses] == ["clientAuth"]
    days = (made.not_valid_after_utc - datetime.fromtimestamp(NOW_S, UTC)).days
    assert days > 9 * 365, "no end that everybody forgets"


# -- over the wire -------------------------------------------------------------------------------------------------


@contextmanager
def open_desk(counter: Counter) -> Iterator[str]:
    port = free_port()
    with opened(counter.desk, counter.authority, counter.authority._folder, "127.0.0.1", port):
        yield f"127.0.0.1:{port}"


def test_a_treadmill_enrols_and_its_key_stays_with_it(counter: Counter, tmp_path: Path) -> None:
    with open_desk(counter) as address:
        got = ask(address, counter.desk.code("deck-7", "hall"))
    (tmp_path / "own.pem").write_text(got.certificate)
    (tmp_path / "own.key").write_text(got.key)
    ssl.create_default_context().load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")  # they fit
    assert got.settings["mqtt"] == {"host": "broker.example", "port": 8883, "root": "chain/hall"}
    secret_part = got.key.splitlines()[1]
    for path in (tmp_path / "authority").iterdir():
        assert secret_part not in path.read_text()
    assert (tmp_path / "authority" / "ca.key").stat().st_mode & 0o077 == 0


def test_the_code_is_told_to_nobody_but_the_fleet_that_it_names(counter: Counter, tmp_path: Path) -> None:
    other = Counter(tmp_path / "other")
    code = counter.desk.code("deck-7", "hall")
    with open_desk(other) as address, pytest.raises(Failure, match="not the fleet"):
        ask(address, code)
    assert not other.desk._wrong  # it never asked for a certificate
    counter.come(code)  # so the code still works


def test_who_shows_the_right_authority_but_has_no_certificate_of_it_is_not_believed(
    counter: Counter, tmp_path: Path
) -> None:
    other = Counter(tmp_path / "other")
    other.authority.pem = counter.authority.pem  # told by everybody who asks
    with open_desk(other) as address, pytest.raises(Failure, match="cannot be believed"):
        ask(address, counter.desk.code("deck-7", "hall"))


def test_a_treadmill_cannot_play_the_fleet(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its certificate is of the same authority."""
    monkeypatch.setattr(Authority, "server", lambda self, name, _hosts, now: self.client(name, now))
    with open_desk(counter) as address, pytest.raises(Failure, match="cannot be believed"):
        ask(address, counter.desk.code("deck-7", "hall"))


@pytest.mark.parametrize("off", [timedelta(days=3), timedelta(days=-4000)])
def test_a_wrong_clock_is_named(counter: Counter, monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    real = Authority.server
    monkeypatch.setattr(
        Authority, "server", lambda self, name, hosts, now: real(self, name, hosts, now + off)
    )
    with open_desk(counter) as address, pytest.raises(Failure, match=r"by this device's clock.*timedatectl"):
        ask(address, counter.desk.code("deck-7", "hall"))


def test_without_openssl_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match="apt install openssl"):
        device._request()


def test_nobody_there_and_what_is_no_address_are_said(counter: Counter) -> None:
    code = counter.desk.code("deck-7", "hall")
    with pytest.raises(Failure, match="does not answer"):
        ask(f"127.0.0.1:{free_port()}", code)
    for address in ("http://x", "", "x:99999", "x:port"):
        with pytest.raises(Failure, match="no address"):
            ask(address, code)


plain = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=300) | st.lists(st.integers(), max_size=2)
)


@settings(deadline=None)
@given(
    st.fixed_dictionaries({"device_id": plain}),
    st.fixed_dictionaries({"host": plain, "port": plain, "root": plain}),
)
def test_a_hostile_fleet_sets_name_and_broker_and_nothing_else(
    courier: dict[str, Any], mqtt: dict[str, Any]
) -> None:
    before = Config()
    try:
        after = device._configured(before, {"courier": courier, "mqtt": mqtt}, Path("/etc/rearguard/fleet"))
    except Failure:
        return
    changed = {
        f"{section}.{key}"
        for section, values in after.model_dump().items()
        for key, value in values.items()
        if value != before.model_dump()[section][key]
    }
    assert changed <= {"courier.device_id"} | {
        f"mqtt.{key}" for key in ("host", "port", "root", "enabled", "tls", "ca_file", "cert_file", "key_file",
                                  "profile", "home_assistant")
    }  # fmt: skip
    assert after.monitor_params() == before.monitor_params()


# -- the whole way, with a real broker -----------------------------------------------------------------------------


class Fleet:
    """A fleet's folder, its commands, and two treadmills that have enrolled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "authority"
        self.toml = folder / "fleet.toml"
        self.toml.write_text(
            f'store = "sqlite:///{folder}/fleet.sqlite"\nroot = "chain"\ncertificates = "{self.authority}"\n'
        )

    def run(self, *words: str) -> str:
        done = CliRunner().invoke(commands_of(["fleet"]), ["fleet", *words, "--config", str(self.toml)])
        assert done.exit_code == 0, done.output
        return done.output

    def enroll(self, monkeypatch: pytest.MonkeyPatch, name: str) -> MqttConfig:
        """Both commands, as two people run them."""
        port, codes = free_port(), threading.Event()
        real, said = Desk.code, []

        def code(self: Desk, device: str, site: str) -> str:
            said.append(real(self, device, site))
            return said[-1]

        start = desks.opened

        @contextmanager
        def announced(*words: Any) -> Iterator[None]:
            with start(*words):
                codes.set()
                yield

        monkeypatch.setattr(Desk, "code", code)
        monkeypatch.setattr(desks, "opened", announced)
        output: list[str] = []
        words = ("enroll", name, "--site", "hall", "--host", "127.0.0.1", "--port", str(port))
        clerk = threading.Thread(target=lambda: output.append(self.run(*words)))
        clerk.start()
        assert codes.wait(10)
        home = self.folder / name
        home.mkdir(exist_ok=True)
        save(Config(), home / "config.toml")
        device.enroll(f"127.0.0.1:{port}", said[0], home / "config.toml")  # one CliRunner at a time
        clerk.join(10)
        assert f"{name} has its certificate." in output[0]
        monkeypatch.undo()
        made = load(home / "config.toml")
        assert made.courier.device_id == name
        assert (home / "fleet" / "device.key").stat().st_mode & 0o007 == 0
        return made.mqtt

    def broker(self) -> Mosquitto:
        acl = self.folder / "acl"
        acl.write_text(self.run("acl", "mosquitto"))
        acl.chmod(0o600)
        return Mosquitto(self.folder, by_certificate(self.authority, acl))


class Voice:
    """A client with one of the certificates; it keeps what it hears and which publications were refused."""

    def __init__(
        self,
        port: int,
        authority: Path,
        certificate: Path,
        key: Path,
        *hears: str,
        version: MQTTProtocolVersion = MQTTv5,
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answers: dict[int, bool] = {}
        self.up = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=version)
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(certificate, key)
        self._client.tls_set_context(context)
        self._client.on_connect = lambda c, *_: (
            c.subscribe([(topic, 1) for topic in hears]) if hears else None,
            self.up.set(),
        )
        self._client.on_message = lambda _c, _d, m: self.heard.append((m.topic, bytes(m.payload)))
        self._client.on_publish = lambda _c, _d, mid, code, _p: self.answers.update(
            {mid: not code.is_failure}
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.up.wait(10)

    def say(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def may(self, topic: str, payload: bytes = b"x") -> bool:
        mid = self._client.publish(topic, payload, qos=1).mid
        wait_for(lambda: mid in self.answers)
        return self.answers[mid]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def of_device(port: int, mqtt: MqttConfig, *hears: str) -> Voice:
    return Voice(port, Path(mqtt.ca_file), Path(mqtt.cert_file), Path(mqtt.key_file), *hears)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    it = Fleet(tmp_path)
    it.run("certificate", "broker", "--server", "127.0.0.1", "--server", "localhost")
    it.run("certificate", "fleet")
    it.run("certificate", "floor")
    return it


needs_broker = pytest.mark.skipif(
    not FOUND, reason="mosquitto is not installed: sh tests/system-packages.sh test"
)


@needs_broker
def test_each_speaks_for_itself_and_only_the_named_command(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = fleet.enroll(monkeypatch, "deck-1")
    fleet.enroll(monkeypatch, "deck-2")
    assert a.topic("deck-1", "state") == "chain/hall/rearguard/deck-1/state"
    server = fleet.broker()
    voices = []
    try:
        mine = of_device(server.port, a, "#")
        page = Voice(server.port, fleet.authority / "ca.pem", fleet.authority / "fleet.pem",
                     fleet.authority / "fleet.key", "#", "chain/+/rearguard/#")  # fmt: skip
        staff = Voice(server.port, fleet.authority / "ca.pem", fleet.authority / "floor.pem",
                      fleet.authority / "floor.key", "#")  # fmt: skip
        voices = [mine, page, staff]
        assert mine.may("chain/hall/rearguard/deck-1/state")
        refused = [
            "chain/hall/rearguard/deck-2/state", "chain/hall/rearguard/deck-2/event/stopped",
            "chain/hall/rearguard/deck-2/command/stop", "chain/pool/rearguard/deck-1/state",
            "rearguard/deck-1/state", "homeassistant/device/rearguard_deck-1/config",
        ]  # fmt: skip
        assert [topic for topic in refused if mine.may(topic)] == []
        for tail in ("state", "command/stop", "command/ack", "command/start", "event/armed"):
            assert not page.may(f"chain/hall/rearguard/deck-1/{tail}"), "the page writes nothing"
        assert staff.may("chain/hall/rearguard/deck-1/command/stop", b"no stop")
        assert staff.may("chain/hall/rearguard/deck-2/command/ack", b"x")
        for tail in ("state", "command/start", "command/arm", "event/armed", "command/stop/x"):
            assert not staff.may(f"chain/hall/rearguard/deck-1/{tail}")
        assert set(of_tail(page, "deck-1/state")) == {b"x"}
        assert of_tail(page, "deck-2/state") == []
        assert {topic for topic, _ in mine.heard} == {"chain/hall/rearguard/deck-1/command/stop"}
        assert staff.heard == []
    finally:
        for voice in voices:
            voice.close()
        server.kill()


def of_tail(voice: Voice, tail: str) -> list[bytes]:
    wait_for(lambda: len(voice.heard) >= 1)
    return [payload for topic, payload in voice.heard if topic.endswith(tail)]


@contextmanager
def courier_side(server: Mosquitto, mqtt: MqttConfig, name: str, **changes: Any) -> Iterator[Broker]:
    config = mqtt.model_copy(update={"host": "127.0.0.1", "port": server.port, **changes})
    broker = Broker(config, name, None, lambda: None, lambda: None)
    broker.start()
    try:
        yield broker
    finally:
        broker.close()


@needs_broker
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves a refused socket open
def test_the_courier_connects_with_its_certificate_until_that_is_revoked(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = fleet.enroll(monkeypatch, "deck-1")
    server = fleet.broker()
    try:
        with courier_side(server, a, "deck-1") as broker:
            wait_for(lambda: broker.remote_stop == "ready")
            assert broker.problem == ""
    finally:
        server.kill()
    again = fleet.enroll(
        monkeypatch, "deck-1"
    )  # a new certificate, and the old one is worth nothing any more
    server = fleet.broker()
    try:
        with courier_side(server, again, "deck-1") as broker:
            wait_for(lambda: broker.remote_stop == "ready")
    finally:
        server.kill()
    fleet.run("revoke", "deck-1")
    assert "deck-1" not in fleet.run("acl", "mosquitto")
    server = fleet.broker()
    try:
        with courier_side(server, again, "deck-1") as broker:
            wait_for(lambda: "does not take this device's certificate" in broker.problem)
            assert not broker.connected
    finally:
        server.kill()


@needs_broker
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves a refused socket open
def test_a_certificate_that_does_not_hold_names_the_clock(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = fleet.enroll(monkeypatch, "deck-1")
    authority = Authority(fleet.authority)
    for off, word in ((timedelta(days=3), "is not valid yet"), (timedelta(days=-4000), "has expired")):
        authority.server("broker", ["127.0.0.1"], datetime.now(UTC) + off)
        server = fleet.broker()
        try:
            with courier_side(server, a, "deck-1") as broker:
                wait_for(lambda word=word, broker=broker: word in broker.problem)
                assert "Usually the clock, which shows" in broker.problem and "timedatectl" in broker.problem
        finally:
            server.kill()
    authority.server("broker", ["127.0.0.1"], datetime.now(UTC))
    request = device._request()
    old = authority.sign(request[1].encode(), "deck-1", datetime.now(UTC) - timedelta(days=4000))
    from cryptography.hazmat.primitives.serialization import Encoding

    (fleet.folder / "old.pem").write_bytes(old.public_bytes(Encoding.PEM))
    (fleet.folder / "old.key").write_text(request[0])
    server = fleet.broker()
    try:
        expired = {"cert_file": str(fleet.folder / "old.pem"), "key_file": str(fleet.folder / "old.key")}
        with courier_side(server, a, "deck-1", **expired) as broker:
            wait_for(lambda: "this device's certificate has expired" in broker.problem)
            assert "a clock is wrong" in broker.problem
        checked = a.model_copy(update={"host": "127.0.0.1", "port": server.port, **expired})
        assert "has expired" in attempt(checked, "deck-1", 10.0), "and so does `rearguard check`"
    finally:
        server.kill()


@pytest.mark.skipif(not NATS, reason="nats-server is not installed: sh tests/system-packages.sh proof")
def test_nats_keeps_each_to_its_own_topics_too(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells nobody that a publication was refused, so the page's ear is the proof."""
    a, b = fleet.enroll(monkeypatch, "deck-1"), fleet.enroll(monkeypatch, "deck-2")
    port, pki = free_port(), fleet.authority
    settings = fleet.folder / "nats.conf"
    settings.write_text(
        f'server_name: n\nlisten: "127.0.0.1:{free_port()}"\n'
        f'jetstream {{ store_dir: "{fleet.folder}/js", max_file_store: 100MB, max_memory_store: 16MB }}\n'
        f'mqtt {{ listen: "127.0.0.1:{port}", tls {{ cert_file: "{pki}/broker.pem", key_file: "{pki}/broker.key", '
        f'ca_file: "{pki}/ca.pem", verify_and_map: true }} }}\n' + fleet.run("acl", "nats")
    )
    assert NATS
    server = subprocess.Popen(
        [NATS, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: listens(port), 20)
    voices: list[Voice] = []

    def voice(certificate: Path, key: Path, *hears: str) -> Voice:
        voices.append(Voice(port, pki / "ca.pem", certificate, key, *hears, version=MQTTv311))
        return voices[-1]

    try:
        page = voice(pki / "fleet.pem", pki / "fleet.key", "chain/+/rearguard/+/#")
        staff = voice(pki / "floor.pem", pki / "floor.key")
        first = voice(Path(a.cert_file), Path(a.key_file), a.topic("deck-1", "command/stop"))
        second = voice(Path(b.cert_file), Path(b.key_file), b.topic("deck-2", "command/stop"))
        base = "chain/hall/rearguard"
        for topic in (
            f"{base}/deck-2/state",
            f"{base}/deck-2/command/stop",
            "chain/pool/rearguard/deck-1/state",
        ):
            first.say(topic, b"not mine")
        for tail in ("command/start", "state", "event/armed"):
            staff.say(f"{base}/deck-1/{tail}", b"not staff's")
        for tail in ("command/stop", "command/start", "state"):
            page.say(f"{base}/deck-1/{tail}", b"not the page's")
        staff.say(f"{base}/deck-1/command/stop", b"stop")
        first.say(f"{base}/deck-1/event/stopped", b"mine")
        wait_for(lambda: len(page.heard) >= 2 and first.heard)
        assert sorted(page.heard) == [
            (f"{base}/deck-1/command/stop", b"stop"),
            (f"{base}/deck-1/event/stopped", b"mine"),
        ]
        assert first.heard == [(f"{base}/deck-1/command/stop", b"stop")]
        assert second.heard == []
    finally:
        for one in voices:
            one.close()
        server.terminate()
        server.wait(10)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 0.2).close()
        return True
    return False


def test_names_that_stand_for_somebody_else_are_refused(fleet: Fleet) -> None:
    for name, site in (
        ("fleet", "hall"),
        ("floor", "hall"),
        ("a b", "hall"),
        ("deck", "rearguard"),
        ("x.y", "z"),
    ):
        done = CliRunner().invoke(
            commands_of(["fleet"]), ["fleet", "enroll", name, "--site", site, "--config", str(fleet.toml)]
        )
        assert done.exit_code == 1, (name, done.output)
    done = CliRunner().invoke(
        commands_of(["fleet"]), ["fleet", "certificate", "deck-1", "--config", str(fleet.toml)]
    )
    assert done.exit_code == 1 and "taken for a treadmill" in done.output


def test_nothing_that_no_fleet_says_is_shown_with_what_a_terminal_obeys() -> None:
    assert device._said(json.dumps({"what": "no\x1b[2J<b>."}).encode()) == "no[2J<b>"
    for data in (b"", b"[]", b"\xff", b"[" * 50_000):
        assert device._said(data) == "the fleet refuses"
