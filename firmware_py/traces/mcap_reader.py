"""Owns reading a recorded MCAP trace back into the frames it was made of. Must never pass on a damaged byte.

A file that was cut anywhere (kill, power cut, full disk) is read to its last complete chunk; every chunk's CRC is
checked, and reading ends before the first one that is wrong. The trace's notes name what was left out.
The chunks are taken apart here: ten times faster than the mcap package's own reader, which builds every record.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any

import zstandard

from firmware_py.core.frame import Cause, Frame
from firmware_py.traces import schemas as topic
from firmware_py.traces.trace import Trace, check_rate
from sensors.advice import Failure
from sensors.samples import Fault, ImuSample, RangeSample

MAGIC = b"\x89MCAP0\r\n"
CHANNEL, MESSAGE, CHUNK, DATA_END = 0x04, 0x05, 0x06, 0x0F  # MCAP specification, "Opcodes"
_RECORD = struct.Struct("<BQ")
_CHUNK = struct.Struct(
    "<QQQII"
)  # start, end, uncompressed size, uncompressed CRC, length of the compression's name
_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
_CHUNK_MAX_BYTES = 16 * 2**20  # no chunk of ours comes near: a larger one is a damaged length
_WANTED = (topic.CONFIG, topic.STATE, topic.RANGE, topic.INPUTS, topic.IMU, topic.CHECKPOINT, topic.GAP)

Item = tuple[str, dict[str, Any]]


def read_mcap(path: Path) -> Trace:
    """Open an MCAP trace. Raises Failure for a file that holds no frames of ours."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path}: cannot be read: {error.strerror}. Check the path and the rights.") from None
    if not data.startswith(MAGIC) and not MAGIC.startswith(data):  # a kill may leave nothing, or part of it
        raise Failure(
            f"{path}: not MCAP. Usually another format under this name, or a file of zeros after a crash."
        )
    notes: list[str] = []
    clock: list[int] = []
    items = _items(path, data, notes, clock, _WANTED)
    config = next(items, None)
    if config is None or config[0] != topic.CONFIG:
        why = f"{notes[0]}; it" if notes else "it"
        raise Failure(
            f"{path}: {why} holds no frames of ours. Usually cut in its first second, or another program's."
        )
    after = next(items, None)
    try:
        about = config[1]
        trace = Trace(
            path,
            check_rate(path, 1e9 / about["rate_hz"]),
            iter(()),
            button_recorded=about.get("button_recorded", True),
            feedback_recorded=about.get("feedback_recorded", True),
            distance_recorded=about.get("distance_recorded", True),
            config=about["config"],
            config_hash=about["config_hash"],
            simulated=about.get("simulated") is True,
            version=about["version"],
            wall_offset_ns=clock[0],
            notes=notes,
        )
        if after is not None and after[0] == topic.STATE:
            trace.state = after[1]["state"]
            if not after[1]["exact"]:
                notes.append(
                    "samples were lost on the way to the recorder: the state at the start is near, not exact"
                )
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise _another_form(path, "config or state", 0, error) from None
    trace.frames = _frames(trace, chain([] if after is None else [after], items))
    return trace


def _frames(trace: Trace, items: Iterator[Item]) -> Iterator[Frame]:
    belt: RangeSample | Fault | None = None
    inputs: tuple[Any, ...] = (None, None, False, False, False, None)
    imu: ImuSample | Fault
    count, last_ns = 0, -1
    name = ""
    try:
        for name, message in items:
            if name == topic.IMU:
                t_ns = _whole(message["t_ns"])
                if "fault" in message:
                    imu = Fault(message["fault"])
                else:
                    ax, ay, az = message["accel_m_s2"]
                    gx, gy, gz = message["gyro_rad_s"]
                    imu = ImuSample(_whole(message["sample_t_ns"]), (ax, ay, az), (gx, gy, gz))
                if t_ns <= last_ns:
                    raise ValueError(f"t_ns = {t_ns} does not come after {last_ns}")
                last_ns = t_ns
                count += 1
                yield Frame(t_ns, _whole(message["late_ns"]), imu, belt, *inputs)
                belt = None
            elif name == topic.RANGE:
                if "fault" in message:
                    belt = Fault(message["fault"])
                else:
                    count_255 = _whole(message["count"], 255)
                    belt = RangeSample(_whole(message["sample_t_ns"]), message["distance_m"], count_255)
            elif name == topic.INPUTS:
                refusal = message["refusal"]
                inputs = (
                    _speed(message["belt_speed_m_s"]),
                    None if message["feedback"] is None else _flag(message["feedback"]),
                    _flag(message["reset_pressed"]),
                    _flag(message["stop_pressed"]),
                    _flag(message["stop_requested"]),
                    Cause(refusal) if refusal else None,
                )
            elif name == topic.CHECKPOINT:
                trace.checkpoints[message["frames"]] = message["decisions_sha256"]
            elif name == topic.GAP:
                trace.notes.append(
                    f"{message['frames']} frames are missing before {message['t_ns'] / 1e9:g} s: {message['why']}"
                )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _another_form(trace.path, name, count, error) from None


def _whole(value: Any, most: int = 2**63 - 1) -> int:
    if type(value) is not int or not -most <= value <= most:
        raise ValueError(f"{value!r} is not a whole number up to {most}")
    return value


def _flag(value: Any) -> bool:
    if value is not True and value is not False:
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _speed(value: Any) -> float | None:
    if value is None:
        return None
    if not isfinite(value):
        raise ValueError(f"a speed of {value!r} m/s")
    return float(value)


def _another_form(path: Path, name: str, count: int, error: Exception) -> Failure:
    return Failure(
        f"{path}: a message on {name!r} after frame {count} has another form than ours ({error!r}). Usually a file of "
        "another program or version."
    )


def read_topic(path: Path, name: str) -> list[dict[str, Any]]:
    """Every message of one topic, as far as the file is whole. Raises Failure, OSError."""
    return [message for _, message in _items(path, path.read_bytes(), [], [], (name,))]


def _items(
    path: Path, data: bytes, notes: list[str], clock: list[int], wanted: tuple[str, ...]
) -> Iterator[Item]:
    """(topic, payload) in file order. Decoding a whole chunk at once halves the cost of JSON."""
    for names, payloads in _chunks(data, notes, clock, wanted):
        try:
            yield from zip(names, json.loads(b"[" + b",".join(payloads) + b"]"), strict=True)
        except (ValueError, RecursionError):
            raise Failure(f"{path}: messages are not JSON. Usually a file of another program.") from None


def _chunks(
    data: bytes, notes: list[str], clock: list[int], wanted: tuple[str, ...]
) -> Iterator[tuple[list[str], list[bytes]]]:
    """The wanted messages of each whole and unharmed chunk; the first harm ends it and is noted."""
    channels: dict[int, str] = {}
    unpacker = zstandard.ZstdDecompressor()
    position, frames = len(MAGIC), 0
    while position + _RECORD.size <= len(data):
        opcode, length = _RECORD.unpack_from(data, position)
        start = position + _RECORD.size
        if start + length > len(data):
            break
        if opcode == DATA_END:
            crc = int.from_bytes(data[start : start + 4], "little")
            if crc and crc != zlib.crc32(memoryview(data)[:position]):
                notes.append(
                    "the file was changed after it was written (CRC of the whole): something may be missing"
                )
            return
        if opcode == CHUNK:
            try:
                records = _unpacked(data, start, unpacker)
                names, payloads, sequence, offset_ns = _take_apart(records, channels, wanted)
            except (struct.error, zstandard.ZstdError, ValueError) as error:
                notes.append(f"damaged after frame {frames}: {error}; the rest is left out")
                return
            if topic.IMU in wanted and sequence is not None and sequence != frames:
                notes.append(f"damaged after frame {frames}: a chunk is missing; the rest is left out")
                return
            frames += names.count(topic.IMU)
            clock.append(offset_ns)
            yield names, payloads
        position = start + length
    notes.append(f"cut short: read to the last complete chunk, {frames} frames")


def _unpacked(data: bytes, start: int, unpacker: zstandard.ZstdDecompressor) -> bytes:
    """The records inside the chunk at `start`. Raises ValueError or ZstdError when a byte is wrong."""
    _, _, size, crc, name_length = _CHUNK.unpack_from(data, start)
    if size > _CHUNK_MAX_BYTES or name_length > 8:
        raise ValueError("impossible chunk")
    at = start + _CHUNK.size
    compression = data[at : at + name_length]
    at += name_length
    (packed_size,) = struct.unpack_from("<Q", data, at)
    packed = data[at + 8 : at + 8 + packed_size]
    if compression == b"zstd":
        # zstandard allocates the size that the compressed bytes claim, whatever the limit.
        if zstandard.frame_content_size(packed) > size:
            raise ValueError("impossible chunk")
        packed = unpacker.decompress(packed, max_output_size=size)
    elif compression:
        raise ValueError(f"compression {compression!r}")
    if zlib.crc32(packed) != crc:
        raise ValueError("CRC is wrong")
    return packed


def _take_apart(
    records: bytes, channels: dict[int, str], wanted: tuple[str, ...]
) -> tuple[list[str], list[bytes], int | None, int]:
    """Topic and payload of each wanted message, the number of the first frame among them, wall minus own clock."""
    names: list[str] = []
    payloads: list[bytes] = []
    first: int | None = None
    log_ns = publish_ns = 0
    position, end = 0, len(records)
    record, message, header = _RECORD.unpack_from, _MESSAGE.unpack_from, _MESSAGE.size
    while position < end:
        opcode, length = record(records, position)
        position += 9
        if opcode == MESSAGE:
            channel, sequence, log_ns, publish_ns = message(records, position)
            name = channels.get(channel)
            if name is not None:
                names.append(name)
                payloads.append(records[position + header : position + length])
                if first is None and name == topic.IMU:
                    first = sequence
        elif opcode == CHANNEL:
            number, _, name_length = struct.unpack_from("<HHI", records, position)
            name = records[position + 8 : position + 8 + name_length].decode()
            if name in wanted:
                channels[number] = name
        position += length
    return names, payloads, first, log_ns - publish_ns
