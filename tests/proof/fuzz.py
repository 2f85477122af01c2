"""Owns the table of everything that takes bytes from outside, and runs coverage-guided fuzzing (atheris) over it.

    .venv/bin/python -m tests.proof.fuzz                      every target, 60 s each, JSON lines
    .venv/bin/python -m tests.proof.fuzz csv mcap --seconds 600

Each target may raise its documented error and nothing else, and says of what it let through that it is well formed.
The corpus starts from the project's own examples and is kept in out/fuzz; an input that breaks a target is kept there
too and belongs into tests/proof/test_fuzz.py. Needs `pip install -e .[proof]`; `make test` runs the table without it.
"""

import argparse
import asyncio
import gzip
import json
import logging
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from paho.mqtt.client import MQTTMessage
from uvicorn import Config as ServerConfig
from uvicorn.server import ServerState

from firmware_py.config import Config, ConfigError, load, parse
from firmware_py.core.frame import Decision, Frame
from firmware_py.core.monitor import Monitor
from firmware_py.core.state import StateError, restore, save
from firmware_py.core.wire import pack_decision, pack_frame, unpack_decision, unpack_frame
from firmware_py.courier.events.commands import STOP_WORDS
from firmware_py.courier.events.database import Outbox
from firmware_py.courier.events.home_assistant import Announcement
from firmware_py.courier.events.mqtt import Broker
from firmware_py.courier.page import server
from firmware_py.courier.page.stream import Stream
from firmware_py.courier.process import Courier
from firmware_py.device.settings import annotated_toml
from firmware_py.guard.link import ACK, COUNTERS, EVENT, HEARD_AT_ONCE, HELLO, STATE, STOP, TICK, Link
from firmware_py.traces import mcap_chunks
from firmware_py.traces import schemas as topic
from firmware_py.traces.csv_trace import write_csv
from firmware_py.traces.mcap_writer import McapWriter
from firmware_py.traces.replay import replay_file, replay_frames
from sensors import lsm6dsox, mpu6050, tf_luna, vl53l1x
from sensors.advice import Failure, HardwareError
from sensors.emulated import (
    EmulatedBus,
    EmulatedLsm6dsox,
    EmulatedMpu6050,
    EmulatedTfLuna,
    EmulatedVl53l1x,
)
from sensors.i2c import ERRNO_FAULTS, Bus
from sensors.samples import Fault, ImuSample, RangeSample
from tests.traces.make import about, walk

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out" / "fuzz"
MOST_BYTES = 4096
TICK_NS = 5_000_000


class Target(NamedTuple):
    """`run` takes any bytes and raises nothing but `allowed`; `seeds` are good or nearly good examples."""

    run: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]


@cache
def room() -> Path:
    """One folder for the files of this process, in memory where there is such a place."""
    memory = Path("/dev/shm")
    held = tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory if memory.is_dir() else None)
    _HELD.append(held)  # until the process ends
    return Path(held.name)


_HELD: list[Any] = []


# -- chips: whole drivers on a wire that does as the bytes say ----------------------------------------


class MeddledBus(EmulatedBus):
    """An honest chip; each byte of the script lets one transfer pass, fail with an errno, or answer other bytes."""

    def __init__(self, script: bytes) -> None:
        super().__init__()
        self._script = script

    def transfer(self, messages: Any) -> bytes:
        what, self._script = self._script[:1], self._script[1:]
        if b"\xe0" <= what < b"\xf0":
            numbers = [*ERRNO_FAULTS, 71]
            raise OSError(numbers[what[0] % len(numbers)], "meddled")
        answer = super().transfer(messages)
        if what >= b"\xf0":
            planted, self._script = self._script[: len(answer)], self._script[len(answer) :]
            answer = planted + answer[len(planted) :]
        return answer


def _drive(data: bytes, chip: Any, address: int, driver: Any, kinds: tuple[type, ...]) -> None:
    bus = MeddledBus(data[1:])
    bus.attach(address, chip)
    sensor = driver(Bus(bus), address, sleep=bus.sleep)
    with suppress(HardwareError):
        sensor.open()
    for tick in range(data[0] % 16 if data else 1):
        if hasattr(sensor, "read"):
            chip.set((0.01 * tick, 0.0, 9.8), (0.0, 0.1, 0.0))
        bus.advance(bus.t_ns + TICK_NS)
        read = sensor.read if hasattr(sensor, "read") else sensor.poll
        seen = read(bus.t_ns)
        assert isinstance(seen, kinds), seen
        assert isinstance(sensor.recheck(), (Fault, type(None)))
    sensor.close()


def _lsm6dsox(data: bytes) -> None:
    assert isinstance(lsm6dsox.decode(data), (tuple, Fault))
    _drive(data, EmulatedLsm6dsox(), lsm6dsox.ADDRESS, lsm6dsox.Lsm6dsox, (ImuSample, Fault))


def _mpu6050(data: bytes) -> None:
    assert isinstance(mpu6050.decode(data), (tuple, Fault))
    _drive(data, EmulatedMpu6050(), mpu6050.ADDRESS, mpu6050.Mpu6050, (ImuSample, Fault))


def _vl53l1x(data: bytes) -> None:
    assert isinstance(vl53l1x.decode(data), (tuple, Fault))
    _drive(data, EmulatedVl53l1x(), vl53l1x.ADDRESS, vl53l1x.Vl53l1x, (RangeSample, Fault, type(None)))


def _tf_luna(data: bytes) -> None:
    assert isinstance(tf_luna.decode(data), (float, Fault))
    _drive(data, EmulatedTfLuna(), tf_luna.ADDRESS, tf_luna.TfLuna, (RangeSample, Fault, type(None)))


def _chip_seeds() -> list[bytes]:
    """Good all the way; an answer replaced at each place; an errno at each place."""
    honest = bytes(40)
    seeds = [b"\x0f" + honest, b"\x0f" + honest + b"\xf0" + bytes(range(17)), b"\x04" + honest + b"\xff" * 60]
    for bytes_of_a_burst in (8, 12, 14, 17):
        seeds.append(bytes(bytes_of_a_burst))
    return seeds + [b"\x05" + honest[:at] + b"\xe3" for at in (0, 3, 20, 30)]


# -- the link, both ends ----------------------------------------


@cache
def _walked() -> list[tuple[Frame, Decision]]:
    config = Config()
    return list(replay_frames(walk(2.0), Monitor(config.monitor_params(), 200.0)))


def _frame(data: bytes) -> None:
    frame = unpack_frame(data)
    assert unpack_frame(pack_frame(frame)) == frame


def _decision(data: bytes) -> None:
    told = pack_decision(unpack_decision(data))
    assert pack_decision(unpack_decision(told)) == told


def packets(data: bytes) -> Iterator[bytes]:
    """Two bytes of length, so many bytes, and so on."""
    while len(data) > 2:
        length = int.from_bytes(data[:2], "little")
        yield data[2 : 2 + length]
        data = data[2 + length :]


ODD = (
    None,
    "null",
    "1e400",
    "NaN",
    "-1",
    "9" * 30,
    "9" * 400,
    '"x"',
    '"\\ud800"',
    "[]",
    "{}",
    "true",
    "1.5",
    "[[1]]",
    "[" * 2000,
    "[" * 400 + "]" * 400,
)
_JSON_VALUE = re.compile(rb'(?<=[:\[,])\s*(?:"[^"]*"|[-+.\w]+|\[\]|\{\})(?!\s*:)')


def oddly(data: bytes) -> bytes:
    """JSON in which the value that the first two bytes name is one of the odd ones, named by the third."""
    odd, text = ODD[data[2] % len(ODD)] if len(data) > 2 else None, data[3:]
    found = list(_JSON_VALUE.finditer(text)) if odd else []
    if odd is None or not found:
        return text
    at = found[int.from_bytes(data[:2], "little") % len(found)]
    return text[: at.start()] + odd.encode() + text[at.end() :]


def plain(*some: bytes) -> list[bytes]:
    """Seeds for `oddly`: as they are, and a few with something odd in them."""
    return [
        bytes((n, 0, odd)) + text for text in some for n, odd in ((0, 0), (3, 2), (9, 7), (20, 8), (40, 1))
    ]


def _packed(*some: bytes) -> bytes:
    return b"".join(len(p).to_bytes(2, "little") + p for p in some)


class _Said:
    """A socket with a courier behind it that says these packets."""

    def __init__(self, said: list[bytes]) -> None:
        self._said = said

    def recv(self, most: int) -> bytes:
        if not self._said:
            raise BlockingIOError
        return self._said.pop(0)[:most]

    def send(self, message: bytes) -> int:
        return len(message)

    def close(self) -> None:
        pass


def _to_guard(data: bytes) -> None:
    said = [p for p in packets(data) if p][:HEARD_AT_ONCE]
    link = Link("", {})
    link._socket = _Said(list(said))  # type: ignore[assignment]
    assert link.poll(TICK_NS) == (STOP in said)


@cache
def _courier() -> Courier:
    return Courier(parse({"courier": {"state_dir": str(room() / "state"), "socket": str(room() / "c.sock")}}))


@cache
def _outbox() -> Outbox:
    return Outbox(room() / "fuzz.sqlite")


def _to_courier(data: bytes) -> None:
    """What a guard out of its mind says is refused or borne: what other threads then read can still be shown."""
    courier = _courier()
    for packet in packets(data[3:]):
        if packet:
            told = packet[1:] if packet[:1] == TICK else oddly(data[:3] + packet[1:])
            with suppress(Exception):  # as Receiver does with a packet that it refuses
                courier.receiver.dispatch(packet[0], told)
    for shown in (
        courier.live.view(),
        courier.live.state(),
        courier.health.now(),
        courier.health.state(),
        courier.health.figures(),
    ):
        json.dumps(shown, allow_nan=False).encode()
    kept = courier.events._events
    with _outbox().transaction():
        _outbox().keep(event for event, _ in kept.values())
    kept.clear()


def _courier_seeds() -> list[bytes]:
    frame, decision = _walked()[-1]
    config = Config()
    hello = {"boot_id": "b", "version": "1", "config": config.model_dump(mode="json"), "config_hash": config.hash,
             "rate_hz": 200, "pid": 1, "realtime": [{"what": "priority", "ok": False, "why": "x"}]}  # fmt: skip
    event = {"kind": "stopped", "t_ns": 1, "cause": "fall", "rule": "r", "value": 1.0, "limit": 0.5, "seq": 1}
    counters = {
        "ticks": 1,
        "late_ticks": 0,
        "dropped_ticks": 1,
        "dropped_events": 0,
        "lateness_us": {"p99": 1.0},
    }
    hello_packet = HELLO + json.dumps(hello).encode()
    tick = TICK + pack_frame(frame) + pack_decision(decision)
    told = EVENT + bytes((1, 0, 0, 0, 0, 0, 0, 0)) + json.dumps(event).encode()
    counted = COUNTERS + json.dumps(counters).encode()
    short = {"boot_id": "b", "version": "1", "config_hash": "x", "config": {}, "realtime": [], "rate_hz": 200}
    small = HELLO + json.dumps(short).encode()
    return plain(
        _packed(hello_packet, tick, told, counted),
        _packed(small, tick, counted),
        _packed(small, told, STATE + b'{"a":1}'),
        _packed(tick),
        _packed(counted),
    )


# -- traces ----------------------------------------


def _replayed(data: bytes, name: str) -> None:
    path = room() / name
    path.write_bytes(data)
    replay_file(path)


def _csv(data: bytes) -> None:
    _replayed(data, "t.csv.gz" if data[:2] == b"\x1f\x8b" else "t.csv")


def _csv_seeds() -> list[bytes]:
    path = room() / "seed.csv"
    path.unlink(missing_ok=True)
    write_csv(path, islice(walk(1.0), 12), ["a comment"])
    text = path.read_bytes()
    return [text, gzip.compress(text, mtime=0), text.replace(b",0\n", b",1\n"), text.replace(b"\n", b"\r\n")]


def _mcap_seeds() -> list[bytes]:
    path = room() / "seed.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file, about(), wall_offset_ns=1_700_000_000_000_000_000)
        for frame, decision in _walked()[:8]:
            writer.frame(frame)
            writer.decision(decision)
        writer.finish()
    whole = path.read_bytes()
    return [whole, whole[: len(whole) // 2], mcap_of(_messages_seeds()[0][3:])]


TOPICS = (topic.CONFIG, topic.STATE, topic.RANGE, topic.INPUTS, topic.IMU, topic.CHECKPOINT, topic.GAP)


def chunk_of(length: int, crc: int, compression: bytes, packed: bytes) -> bytes:
    """A file of one chunk, and what it says of its records: how long they are unpacked, and their CRC."""
    body = struct.pack("<QQQII", 0, 0, length, crc, len(compression)) + compression
    body += struct.pack("<Q", len(packed)) + packed
    return mcap_chunks.MAGIC + struct.pack("<BQ", mcap_chunks.CHUNK, len(body)) + body


def mcap_of(lines: bytes) -> bytes:
    """One unharmed chunk of messages: a line each, its first byte names the topic."""
    records, frames = b"", 0
    for number, name in enumerate(TOPICS):
        body = struct.pack("<HHI", number, 0, len(name)) + name.encode() + struct.pack("<II", 0, 0)
        records += struct.pack("<BQ", mcap_chunks.CHANNEL, len(body)) + body
    for line in lines.split(b"\n"):
        number = (line[0] if line else 0) % len(TOPICS)  # "1" is the first of the seven
        body = struct.pack("<HIQQ", number, frames, 2, 1) + line[1:]
        records += struct.pack("<BQ", mcap_chunks.MESSAGE, len(body)) + body
        frames += TOPICS[number] == topic.IMU
    return chunk_of(len(records), zlib.crc32(records), b"", records)


def _mcap(data: bytes) -> None:
    _replayed(data, "t.mcap")


def _messages(data: bytes) -> None:
    _replayed(mcap_of(oddly(data)), "t.mcap")


def _messages_seeds() -> list[bytes]:
    config = {"version": "", "config": {}, "config_hash": "", "rate_hz": 200.0}
    imu = {
        "t_ns": 5_000_000,
        "late_ns": 0,
        "sample_t_ns": 1,
        "accel_m_s2": [0, 0, 9.8],
        "gyro_rad_s": [0, 0, 0],
    }
    inputs = {"belt_speed_m_s": None, "feedback": False, "reset_pressed": False, "stop_pressed": False,
              "stop_requested": False, "refusal": "supply"}  # fmt: skip
    state = save(Monitor(Config().monitor_params(), 200.0))
    told: list[list[tuple[str, dict[str, Any]]]] = [
        [
            (topic.CONFIG, config),
            (topic.INPUTS, inputs),
            (topic.RANGE, {"sample_t_ns": 1, "distance_m": 0.5, "count": 1}),
            (topic.IMU, imu),
            (topic.GAP, {"frames": 3, "t_ns": 1, "why": "x"}),
            (topic.RANGE, {"fault": "no_target"}),
            (topic.IMU, {"t_ns": 10_000_000, "late_ns": 1, "fault": "no_reply"}),
            (topic.CHECKPOINT, {"frames": 2, "decisions_sha256": "00"}),
        ],
        [(topic.CONFIG, config), (topic.STATE, {"state": state, "exact": True}), (topic.IMU, imu)],
    ]
    lines = (b"\n".join(f"{1 + TOPICS.index(n)}{json.dumps(b)}".encode() for n, b in some) for some in told)
    return plain(*lines)


# -- state, config, MQTT, HTTP ----------------------------------------


def _state(data: bytes) -> None:
    monitor = Monitor(Config().monitor_params(), 200.0)
    before = json.dumps(save(monitor))
    try:
        restore(
            monitor, json.loads(oddly(data).decode("utf-8", "replace"))
        )  # json itself may recurse too deeply
    except StateError:
        assert json.dumps(save(monitor)) == before, "a refused state has changed something"
        raise


def _state_seeds() -> list[bytes]:
    fresh = Monitor(Config().monitor_params(), 200.0)
    used = Monitor(Config().monitor_params(), 200.0)
    for frame, _ in _walked():
        used.step(frame)
    return plain(*(json.dumps(save(m)).encode() for m in (fresh, used)))


def _config(data: bytes) -> None:
    path = room() / "config.toml"
    path.write_bytes(data)
    load(path).monitor_params()


def _config_seeds() -> list[bytes]:
    whole = annotated_toml(Config())
    bare = "\n".join(line for line in whole.splitlines() if line and line[0] != "#")
    return [bare.encode()] + [f"[{part}".encode() for part in bare.split("\n[")[1:]]


A_STOP = "01JDXYZABCDEFGHJKMNPQRSTVW"


def _command(data: bytes) -> None:
    """First byte: retained?; then the topic's tail up to a line's end; then the payload."""
    asked: list[bytes] = []
    config = parse({"mqtt": {"enabled": True}}).mqtt
    announced = Announcement("t", "p", "homeassistant/status")
    noted: list[str] = []
    broker = Broker(
        config, "d", announced, lambda: asked.append(data), lambda: None, on_acknowledged=noted.append
    )
    broker.commands.stopped(A_STOP)
    broker._client = SimpleNamespace(publish=lambda *_, **__: SimpleNamespace(mid=1))  # type: ignore[assignment]
    tail, _, payload = data[1:].partition(b"\n")
    message = MQTTMessage(topic=(broker.topic("") + tail.decode("utf-8", "replace")).encode())
    if tail == b"HA":
        message = MQTTMessage(topic=b"homeassistant/status")
    message.payload, message.retain = payload, data[:1] > b"\x7f"
    broker._message(message)
    meant = tail == b"command/stop" and payload in STOP_WORDS and not message.retain
    assert bool(asked) == meant
    assert set(noted) <= {A_STOP, f"{A_STOP}-no-sign"}


class _Wire(asyncio.Transport):
    """What the server sends to one client."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("127.0.0.1", 8080)})
        self.sent, self.closed = b"", False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@cache
def _page() -> tuple[asyncio.AbstractEventLoop, ServerConfig, _Complaints]:
    """The page as it is served, with a password; nobody counts how often this client asks."""
    courier = _courier()
    shown = server.Shown(courier.config, Stream(), courier.health.now, courier.live.recent)
    gate = server.application(shown, "sesame")
    gate._within_rate = lambda *_: True  # type: ignore[method-assign]
    config = ServerConfig(gate, http=server._bounded(), ws="none", lifespan="off", access_log=False, log_config=None,
                          server_header=False, h11_max_incomplete_event_size=8192)  # fmt: skip
    config.load()
    complaints = _Complaints()
    logging.getLogger("uvicorn.error").addHandler(complaints)
    return asyncio.new_event_loop(), config, complaints


def _request(data: bytes) -> None:
    """The first byte: with the right password or as it is."""
    if len(data) < 2:
        return  # nothing asked: no transport hands on nothing
    loop, config, complaints = _page()
    if data[:1] >= b"\x80":
        data = data.replace(b"\r\n", b"\r\nAuthorization: Basic OnNlc2FtZQ==\r\n", 1)
    wire = _Wire()
    asyncio.set_event_loop(loop)
    complaints.said.clear()

    async def asked() -> None:
        protocol = server._bounded()(config, ServerState(), {})
        protocol.connection_made(wire)
        protocol.data_received(data[1:])
        for _ in range(200):
            await asyncio.sleep(0)
            if wire.closed or protocol.cycle is None or protocol.cycle.response_complete:
                break
        protocol.connection_lost(None)
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)

    loop.run_until_complete(asked())
    assert not complaints.said, complaints.said
    status = re.match(rb"HTTP/1\.1 (\d+) ", wire.sent)
    if status and status[1] != b"400":  # 400: not HTTP at all, said before anything of ours is asked
        assert status[1] in b"200 304 401 403 404 405 413 414 415 421 429 431 503".split(), wire.sent
        head = wire.sent.partition(b"\r\n\r\n")[0].lower()
        assert b"x-content-type-options: nosniff" in head and b"frame-ancestors 'none'" in head, wire.sent


def _request_seeds() -> list[bytes]:
    paths = ["/", "/api/setup", "/api/now", "/api/stream", "/api/sessions", "/api/incidents", "/incidents/a-b",
             "/incidents/%2e%2e%2fx", "/static/app.js?x=1"]  # fmt: skip
    seeds = [f"\xff{m} {p} HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n" for p in paths for m in ("GET", "HEAD")]
    seeds += ["\x01POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"]
    seeds += [
        '\x01GET / HTTP/1.1\r\nHost: [::1]:8080\r\nAuthorization: Basic eDp5\r\nIf-None-Match: "x"\r\n\r\n'
    ]
    return [text.encode("latin-1") for text in seeds]


def _first(pack: Callable[[Any], bytes], which: int) -> Callable[[], list[bytes]]:
    return lambda: [pack(_walked()[n][which]) for n in (0, 1, 3, -1)]


TARGETS: dict[str, Target] = {
    "lsm6dsox": Target(_lsm6dsox, (), _chip_seeds),
    "mpu6050": Target(_mpu6050, (), _chip_seeds),
    "vl53l1x": Target(_vl53l1x, (), _chip_seeds),
    "tf_luna": Target(_tf_luna, (), _chip_seeds),
    "frame": Target(_frame, (ValueError,), _first(pack_frame, 0)),
    "decision": Target(_decision, (ValueError,), _first(pack_decision, 1)),
    "link_to_guard": Target(
        _to_guard, (), lambda: [_packed(ACK + bytes(8), STOP), _packed(STOP), _packed(b"A", b"XX")]
    ),
    "link_to_courier": Target(_to_courier, (), _courier_seeds),
    "csv": Target(_csv, (Failure,), _csv_seeds),
    "mcap": Target(_mcap, (Failure,), _mcap_seeds),
    "mcap_messages": Target(_messages, (Failure,), _messages_seeds),
    "state": Target(_state, (StateError, json.JSONDecodeError, RecursionError), _state_seeds),
    "config": Target(_config, (ConfigError,), _config_seeds),
    "mqtt_command": Target(
        _command,
        (),
        lambda: [b"\0command/stop\nstop", b"\xffcommand/stop\nSTOP", b"\0HA\nonline", b"\0x\nstop"],
    ),
    "http": Target(_request, (), _request_seeds),
}


def attempt(target: Target, data: bytes) -> None:
    """Runs a target once. Raises what breaks its promise."""
    with suppress(*target.allowed):
        target.run(data)


def alone(name: str, seconds: int) -> None:
    """In a process of its own, with everything of ours instrumented: fuzzes one target and never returns."""
    import atheris  # not needed by `make test`

    logging.disable(logging.WARNING)
    corpus = OUT / name
    corpus.mkdir(parents=True, exist_ok=True)
    target = TARGETS[name]
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    flags = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", "-timeout=10", "-rss_limit_mb=1500"]
    atheris.Setup(
        [name, str(corpus), f"-artifact_prefix={OUT}/{name}-", *flags], lambda data: attempt(target, data)
    )
    atheris.Fuzz()


_ALONE = """
import sys, atheris
with atheris.instrument_imports(include=["firmware_py", "sensors"]):
    from tests.proof import fuzz
fuzz.alone(sys.argv[1], int(sys.argv[2]))
"""


def fuzzed(name: str, seconds: int) -> dict[str, Any]:
    """What came of fuzzing one target."""
    words = [sys.executable, "-c", _ALONE, name, str(seconds)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    told = done.stdout + done.stderr
    runs = re.findall(r"^#(\d+)\s.*?cov: (\d+)", told, re.MULTILINE)
    broken = re.search(r"Uncaught Python exception: ===\n(.*)|SUMMARY: libFuzzer: (.*)", told)
    if done.returncode and not broken:
        print(told, file=sys.stderr)
    return {
        "target": name,
        "seconds": seconds,
        "inputs": int(runs[-1][0]) if runs else 0,
        "branches": int(runs[-1][1]) if runs else 0,
        "corpus": len(list((OUT / name).glob("*"))),
        "broken_by": None if done.returncode == 0 else (broken[1] or broken[2] if broken else "see above"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    options = parser.parse_args()
    broken = 0
    for name in options.targets:
        row = fuzzed(name, options.seconds)
        broken += row["broken_by"] is not None
        print(json.dumps(row), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
