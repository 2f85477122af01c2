"""Every decoder of outside bytes: its examples, what once broke it, blind changes. tests/proof/fuzz.py goes deeper."""

import json
import os
import random
import struct
from collections.abc import Iterator

import pytest

from firmware_py.core.wire import pack_decision, pack_frame
from firmware_py.traces import mcap_chunks
from tests.proof.fuzz import TARGETS, _courier, _mcap_seeds, _walked, attempt, chunk_of
from tests.traces.make import HEADER, ROW

pytestmark = pytest.mark.longer

CHANGES = 40 * int(os.environ.get("REARGUARD_REPETITIONS", "1"))


@pytest.fixture(scope="module", autouse=True)
def _courier_ends() -> Iterator[None]:
    yield
    _courier().recorder.close()


def one(packet: bytes) -> bytes:
    """As link_to_courier takes it."""
    return len(packet).to_bytes(2, "little") + packet


def event(seq: int, **changed: object) -> bytes:
    told = {"kind": "armed", "t_ns": 1, "cause": None, "rule": "", "value": 0.0, "limit": 0.0, **changed}
    return one(b"E" + struct.pack("<Q", seq) + json.dumps(told).encode())


def decision(**changed: object) -> bytes:
    return pack_decision(_walked()[0][1]._replace(**changed))


def running(t_ns: int, **changed: object) -> bytes:
    """A tick of a belt that runs."""
    said = decision(t_ns=t_ns, run=True, cause=None, **changed)
    return one(b"T" + pack_frame(_walked()[0][0]._replace(t_ns=t_ns, belt_speed_m_s=0.5)) + said)


HALF_A_PAIR = (
    b'H{"boot_id": "\\ud800", "config_hash": "\\ud800", "version": "\\ud800", "config": {}, "rate_hz": 200}'
)
HELLO = one(
    b'H{"boot_id": "b", "version": "1", "config_hash": "x", "config": {}, "realtime": [], "rate_hz": 200}'
)
TICK = one(b"T" + pack_frame(_walked()[0][0]) + pack_decision(_walked()[0][1]))
ODDLY = ("link_to_courier", "mcap_messages", "state")  # begin with the place of something odd
NAN, INF = float("nan"), float("inf")
ROWS = f"{HEADER}\n0.00,{ROW},0.5,,\n"

# target -> inputs that it once did not bear
BROKE: dict[str, list[bytes]] = {
    "decision": [decision(belt_speed_m_s=NAN), decision(tilt_rad=INF), decision(t_ns=-1)],
    "frame": [pack_frame(_walked()[0][0]._replace(belt_speed_m_s=INF))],
    "link_to_courier": [
        event(1 << 63),
        event(1, t_ns=1 << 70),
        event(1, t_ns=-1),
        one(HALF_A_PAIR) + event(1),
        one(b'H{"boot_id": "b"}') + TICK,
        one(
            b"T"
            + pack_frame(_walked()[0][0])
            + decision(belt_speed_m_s=1e308, tilt_rad=1e308, cadence_hz=1e308)
        ),
        HELLO + running(9 * 10**18, cadence_hz=1e308, velocity_m_s=-1e308) + running(1, cadence_hz=1e308),
        HELLO + one(b'C{"lateness_us": {"p99": "inf"}}') + running(1_000_000_000),
    ],
    "csv": [
        f"{ROWS}1e300,{ROW},0.5,,\n".encode(),
        f"{ROWS}0.01,1e308,1e308,1e308,0,0,0,0.5,,\n".encode(),
        f"{ROWS}0.01,{ROW},0.5,,\n0.02,{ROW},0.5,,\n9223372037,{ROW},0.5,,\n".encode(),
    ],
    "config": [b"[deck]\nlength_mm = " + b"[" * 2000],
    "http": [b"\xffGET /incidents/%2e%2e%2f HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"],
    "mcap": [
        mcap_chunks.MAGIC + struct.pack("<BQ", mcap_chunks.DATA_END, 0),
        _mcap_seeds()[2] + b"\x0f" + bytes(9),
        chunk_of(100, 0, b"zstd", b"\x28\xb5\x2f\xfd\xe0" + (1 << 44).to_bytes(8, "little") + b"\x01\0\0"),
    ],
}


def tried(name: str) -> Iterator[bytes]:
    """The examples, then examples with a few bytes changed, cut, doubled or put in from another."""
    seeds = TARGETS[name].seeds()
    yield from seeds
    chance = random.Random(name)
    for _ in range(CHANGES):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(0, 4)):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(4):
                case 0:
                    data[at : at + 1] = chance.randbytes(1)
                case 1:
                    del data[at : at + chance.choice((1, 2, 8, 1000))]
                case 2:
                    other = chance.choice(seeds)
                    start = chance.randrange(len(other) + 1)
                    data[at:at] = other[start : start + 64]
                case _:
                    data[at : at + 8] = chance.choice(
                        (bytes(8), b"\xff" * 8, b"1e300", b"NaN", b"[{}]", b"-1")
                    )
        if name in ODDLY:
            data[:3] = chance.randbytes(1) + b"\0" + chance.randbytes(1)
        yield bytes(data)


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, some in BROKE.items() for data in some])
def test_what_once_broke_a_decoder_is_refused_or_borne(name: str, data: bytes) -> None:
    attempt(TARGETS[name], bytes(3) + data if name == "link_to_courier" else data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_decoder_raises_nothing_but_its_documented_error(name: str) -> None:
    for data in tried(name):
        attempt(TARGETS[name], data)
