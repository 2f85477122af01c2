"""Many simulated treadmills that speak the devices' MQTT, and a ledger of what they sent.

    .venv/bin/python -m tests.proof.load mqtt://127.0.0.1:1883 --devices 1000 --seconds 60

The envelopes are made by the courier's own models; topics, retained flags, QoS and last wills are the courier's. What
is not acknowledged is sent again after a reconnect, as the outbox does. The pace is the courier's `fleet` profile, with
three belts in ten running; events come at the given rate.
`--connections` below the number of devices lets one connection carry several.
"""

import argparse
import asyncio
import contextlib
import heapq
import itertools
import json
import random
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from firmware_py.core.frame import Cause
from firmware_py.courier.events.envelope import Stamp, build, rfc3339
from firmware_py.courier.publisher import PACES

ON_S, OFF_S, HEALTH_S = PACES["fleet"]
ON_SHARE = 0.3  # of the treadmills, at the busiest hour
IN_FLIGHT = 20  # events a connection has under way, as a courier has
KEEPALIVE_S = 60
RETRY_S = 4.0  # the mean wait before the next attempt to connect
VERSION = "0.1.0"
CONNECT, CONNACK, PUBLISH, PUBACK, PINGREQ, DISCONNECT = 0x10, 0x20, 0x30, 0x40, 0xC0, 0xE0


class Load(NamedTuple):
    """How much, for how long."""

    devices: int
    seconds: float
    events_per_s: float
    connections: int = 0  # 0: one a device
    sites: int = 0  # 0: one for twenty treadmills
    root: str = "chain"
    most_per_s: float = 500.0
    seed: int = 1


def site_of(load: Load, number: int) -> str:
    return f"site-{number % (load.sites or max(1, load.devices // 20))}"


class Device:
    """One treadmill: where it publishes, and what it has sent."""

    def __init__(self, load: Load, number: int, chance: random.Random) -> None:
        self.name, self.site = f"deck-{number}", site_of(load, number)
        self.base = f"{load.root}/{self.site}/rearguard/{self.name}"
        self.stamp = Stamp(self.name, "guard", f"{chance.getrandbits(64):016x}", "c0ffee", VERSION)
        self.seq = 0
        self.on = chance.random() < ON_SHARE
        self.warning = False

    def state(self) -> bytes:
        """As `Live.state` of a courier makes it, with what the publisher adds."""
        return json.dumps({
            "tone": "warning" if self.warning else "guarding" if self.on else "ready", "run": self.on, "cause": None,
            "warning": "drift_rear" if self.warning else None, "refusal": None, "danger": False, "problem": False,
            "phase": "guarding" if self.on else "stopped",
            "what": "You are near the rear edge." if self.warning else "Guarding." if self.on else "The belt is off.",
            "do": "Walk toward the console." if self.warning else "Press stop at any time.",
            "position_m": 0.61, "cadence_per_min": 96.0 if self.on else None, "steps": 412, "session_minutes": 3.1,
            "time": rfc3339(time.time()),
        }, separators=(",", ":")).encode()  # fmt: skip

    def health(self) -> bytes:
        """As `Health.figures` of a courier makes it."""
        return json.dumps({
            "guard_connected": True, "guard_version": VERSION, "courier_version": VERSION, "config_hash": "c0ffee",
            "dropped_ticks": 0, "dropped_events": 0, "late_ticks": 3, "lateness_p99_ms": 0.4, "refused_packets": 0,
            "events_waiting": 0, "events_problem": "", "storage_free_mb": 21_000, "broker_connected": True,
            "broker_problem": "", "remote_stop": "ready", "refused_commands": 0,
            "recording": {"ok": True, "incidents": 2, "lost_frames": 0, "free_mb": 21_000},
        }, separators=(",", ":")).encode()  # fmt: skip

    def event(self, chance: random.Random) -> tuple[str, bytes]:
        """The next event; of five hundred, one is a fall."""
        kind = chance.choices(
            ["warning", "warning_cleared", "armed", "walking", "stopped"], [40, 40, 8, 8, 4]
        )[0]
        cause = None
        if kind == "stopped":
            cause = Cause.FALL if chance.random() < 0.05 else Cause.DRIFT_REAR
        self.seq += 1
        data = {
            "cause": cause.value if cause else None,
            "position_m": 0.7,
            "velocity_m_s": 0.1,
            "message": "m" * 80,
        }
        made = build(self.stamp, self.seq, kind, time.time(), time.monotonic_ns(), data)
        return f"{self.base}/event/{kind}", made.text.encode()


def _text(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


def packet(kind: int, body: bytes) -> bytes:
    """One packet of MQTT 3.1.1."""
    length, head = len(body), bytearray([kind])
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def publish(topic: str, payload: bytes, mid: int = 0, retain: bool = False, again: bool = False) -> bytes:
    """`mid` 0: QoS 0, else QoS 1."""
    flags = (0x08 if again else 0) | (0x02 if mid else 0) | (0x01 if retain else 0)
    return packet(PUBLISH | flags, _text(topic) + (struct.pack(">H", mid) if mid else b"") + payload)


class Line(asyncio.Protocol):
    """One connection that carries some devices, and comes back by itself."""

    def __init__(
        self, hosts: Iterator[tuple[str, int]], name: str, devices: list[Device], tally: "Tally"
    ) -> None:
        self._hosts, self._name, self._devices, self._tally = hosts, name, devices, tally
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._mids = itertools.cycle(range(1, 65_536))
        self._outbox: list[tuple[str, bytes]] = []
        self._under_way: dict[int, tuple[str, bytes]] = {}
        self._closing = False
        self.connected = False

    @property
    def waiting(self) -> int:
        """Events that the broker has not taken yet."""
        return len(self._outbox) + len(self._under_way)

    async def connect(self, within_s: float) -> None:
        """At a random moment; tries until it succeeds."""
        await asyncio.sleep(random.uniform(0, within_s))
        while not self._closing and not self.connected:
            with contextlib.suppress(OSError, TimeoutError):
                host, port = next(self._hosts)
                await asyncio.wait_for(
                    asyncio.get_running_loop().create_connection(lambda: self, host, port), timeout=5
                )
                for _ in range(100):
                    if self.connected:
                        return
                    await asyncio.sleep(0.1)
                if self._transport:
                    self._transport.abort()
            await asyncio.sleep(RETRY_S * random.uniform(0.5, 1.5))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._received = transport, bytearray()
        will = f"{self._devices[0].base}/status"
        body = _text("MQTT") + bytes([4, 0x02 | 0x04 | 0x08 | 0x20]) + struct.pack(">H", KEEPALIVE_S)
        transport.write(packet(CONNECT, body + _text(self._name) + _text(will) + _text("offline")))

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 2:
            length = self._received[1]  # answers to a publisher are all short
            if len(self._received) < 2 + length:
                return
            kind, body = self._received[0] & 0xF0, bytes(self._received[2 : 2 + length])
            del self._received[: 2 + length]
            if kind == CONNACK and body[1] == 0:
                self._welcome()
            elif kind == PUBACK:
                self._under_way.pop(struct.unpack(">H", body)[0], None)
                self._tally.acknowledged += 1
                self._send_events()

    def connection_lost(self, exc: Exception | None) -> None:
        was, self.connected, self._transport = self.connected, False, None
        if was and not self._closing:
            self._tally.losses += 1
            self._tally.tasks.append(asyncio.get_running_loop().create_task(self.connect(2 * RETRY_S)))

    def _welcome(self) -> None:
        assert self._transport
        self.connected = True
        for device in self._devices:
            self._transport.write(publish(f"{device.base}/status", b"online", next(self._mids), retain=True))
            self._transport.write(publish(f"{device.base}/state", device.state()))
        again, self._under_way = list(self._under_way.values()), {}
        self._outbox = again + self._outbox
        self._send_events()

    def telemetry(self, topic: str, payload: bytes) -> None:
        """At most once, while connected; the fleet's profile lets the broker keep none of it."""
        if self.connected and self._transport and not self._transport.is_closing():
            self._tally.telemetry += 1
            self._transport.write(publish(topic, payload))

    def event(self, topic: str, payload: bytes) -> None:
        self._tally.events += 1
        self._outbox.append((topic, payload))
        self._send_events()

    def _send_events(self) -> None:
        while (
            self.connected
            and self._transport
            and not self._transport.is_closing()
            and self._outbox
            and len(self._under_way) < IN_FLIGHT
        ):
            mid = next(m for m in self._mids if m not in self._under_way)
            self._under_way[mid] = self._outbox.pop(0)
            self._transport.write(publish(*self._under_way[mid], mid))

    def ping(self) -> None:
        if self.connected and self._transport:
            self._transport.write(packet(PINGREQ, b""))

    def close(self) -> None:
        self._closing = True
        if self._transport:
            self._transport.write(packet(DISCONNECT, b""))
            self._transport.close()


class Tally:
    """What all lines together have done."""

    def __init__(self) -> None:
        self.events = self.acknowledged = self.telemetry = self.losses = 0
        self.most_waiting = 0
        self.tasks: list[asyncio.Task[None]] = []


class Result(NamedTuple):
    """`ledger`: how many events each start of each device has sent, numbered from 1."""

    ledger: dict[tuple[str, str], int]
    figures: dict[str, Any]


class Gym:
    """The whole load, in one thread of asyncio. `canary` may be asked to warn from another thread."""

    def __init__(self, url: str, load: Load) -> None:
        parts = urlsplit(url).netloc.split(",")
        self._hosts = [(p.rpartition(":")[0], int(p.rpartition(":")[2])) for p in parts]
        self._load, self._chance = load, random.Random(load.seed)
        self.devices = [Device(load, n, self._chance) for n in range(load.devices)]
        self._tally = Tally()
        count = min(load.connections or load.devices, load.devices)
        self.lines = [
            Line(
                itertools.cycle(self._turned(n)), f"load-{load.seed}-{n}", self.devices[n::count], self._tally
            )
            for n in range(count)
        ]
        self._loop: asyncio.AbstractEventLoop | None = None

    def _turned(self, n: int) -> list[tuple[str, int]]:
        return [self._hosts[(n + k) % len(self._hosts)] for k in range(len(self._hosts))]

    def line_of(self, number: int) -> Line:
        return self.lines[number % len(self.lines)]

    def warn(self, number: int, warning: bool) -> bool:
        """From any thread: this treadmill's state changes, and it publishes at once. False: it has no connection."""
        device, line = self.devices[number], self.line_of(number)
        if self._loop is None or not line.connected:
            return False
        device.on, device.warning = True, warning
        self._loop.call_soon_threadsafe(lambda: line.telemetry(f"{device.base}/state", device.state()))
        return True

    @property
    def connected(self) -> int:
        return sum(line.connected for line in self.lines)

    async def run(self, drain_s: float = 120.0) -> Result:
        """The load for its time; then nothing new until the broker has taken every event, at most `drain_s`."""
        self._loop = asyncio.get_running_loop()
        load, chance = self._load, self._chance
        ramp_s = max(1.0, len(self.lines) / 200)
        self._tally.tasks += [self._loop.create_task(line.connect(ramp_s)) for line in self.lines]
        while self.connected < len(self.lines):
            await asyncio.sleep(0.2)
        due = [(chance.uniform(0, ON_S if d.on else OFF_S), n, "state") for n, d in enumerate(self.devices)]
        due += [(chance.uniform(0, HEALTH_S), n, "health") for n in range(load.devices)]
        heapq.heapify(due)
        began_s = time.monotonic()
        events = pings = 0
        lateness_s = 0.0
        while (now_s := time.monotonic() - began_s) < load.seconds:
            while due[0][0] <= now_s:
                at_s, n, what = heapq.heappop(due)
                lateness_s = max(lateness_s, now_s - at_s)
                device = self.devices[n]
                payload = device.state() if what == "state" else device.health()
                self.line_of(n).telemetry(f"{device.base}/{what}", payload)
                again_s = HEALTH_S if what == "health" else ON_S if device.on else OFF_S
                heapq.heappush(due, (at_s + again_s, n, what))
            while events < now_s * load.events_per_s:
                events += 1
                n = chance.randrange(load.devices)
                self.line_of(n).event(*self.devices[n].event(chance))
            while pings < now_s * len(self.lines) / (KEEPALIVE_S / 2):
                self.lines[pings % len(self.lines)].ping()
                pings += 1
            self._tally.most_waiting = max(self._tally.most_waiting, sum(line.waiting for line in self.lines))
            await asyncio.sleep(0.02)
        took_s = time.monotonic() - began_s
        end_s = time.monotonic() + drain_s
        while any(line.waiting for line in self.lines) and time.monotonic() < end_s:
            await asyncio.sleep(0.1)
        left = sum(line.waiting for line in self.lines)
        for line in self.lines:
            line.close()
        await asyncio.sleep(0.2)
        tally = self._tally
        return Result(
            {(d.name, d.stamp.boot_id): d.seq for d in self.devices if d.seq},
            {
                "devices": load.devices,
                "connections": len(self.lines),
                "messages_per_s": round((tally.events + tally.telemetry) / took_s, 1),
                "events": tally.events,
                "not_taken": left,
                "lost_connections": tally.losses,
                "most_waiting": tally.most_waiting,
                "late_s": round(lateness_s, 2),
            },
        )


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("broker", help="mqtt://HOST:PORT,HOST:PORT,...")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--events", type=float, default=5, help="a second, of all devices together")
    parser.add_argument("--connections", type=int, default=0, help="0: one a device")
    parser.add_argument("--root", default="chain")
    given = parser.parse_args(words)
    load = Load(given.devices, given.seconds, given.events, given.connections, root=given.root)
    print(json.dumps(asyncio.run(Gym(given.broker, load).run()).figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
