"""Owns reading an MCAP trace back into the frames it was made of. Must never guess what a frame was.

A file that was cut anywhere (kill, power cut, full disk) is read to its last complete chunk; reading ends before the
first byte that is wrong. The trace's notes name what was left out. Files that other tools rewrote are read, too:
their messages are first put into the order of time.
"""

import json
from collections.abc import Iterator
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any

from firmware_py.core.frame import Cause, Frame
from firmware_py.traces import schemas as topic
from firmware_py.traces.mcap_chunks import MAGIC, Container
from firmware_py.traces.trace import Trace, check_rate
from sensors.advice import Failure
from sensors.samples import Fault, ImuSample, RangeSample

# The order of the messages of one tick: the imu message closes the frame.
_WANTED = (topic.CONFIG, topic.STATE, topic.GAP, topic.RANGE, topic.INPUTS, topic.IMU, topic.CHECKPOINT)
_TOPICS_NAMED = 8  # of another program's file, in a message

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
    container = Container(data, _WANTED, topic.IMU)
    clock: list[int] = []
    items = _items(path, container, clock)
    if not container.straight:
        items = iter(_in_order(path, list(items)))
    config = next(items, None)
    if config is None or config[0] != topic.CONFIG:
        raise _not_ours(path, container)
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
            notes=container.notes,
        )
        if after is not None and after[0] == topic.STATE:
            trace.state = after[1]["state"]
            if not after[1]["exact"]:
                trace.notes.append(
                    "samples were lost on the way to the recorder: the state at the start is near, not exact"
                )
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise _another_form(path, "config or state", 0, error) from None
    trace.frames = _frames(trace, chain([] if after is None else [after], items))
    return trace


def read_topic(path: Path, name: str) -> list[dict[str, Any]]:
    """Every message of one topic in file order, as far as the file is whole. Raises Failure, OSError."""
    items = _items(path, Container(path.read_bytes(), (name,)), [])
    return [topic.from_viewers(name, message) for _, message in items]


def _items(path: Path, container: Container, clock: list[int]) -> Iterator[Item]:
    """(topic, payload) in file order. Decoding a whole chunk at once halves the cost of JSON."""
    for piece in container.pieces():
        clock.append(piece.wall_offset_ns)
        try:
            payloads = json.loads(b"[" + b",".join(piece.payloads) + b"]")
            yield from zip(piece.names, payloads, strict=True)
        except (ValueError, RecursionError):
            raise Failure(f"{path}: messages are not JSON. Usually a file of another program.") from None


def _in_order(path: Path, items: list[Item]) -> list[Item]:
    """The same messages in the order of their ticks, and within a tick in the order of writing."""
    ranks = {name: rank for rank, name in enumerate(_WANTED)}

    def moment(item: Item) -> tuple[int, int]:
        name, message = item
        t_ns = message.get("t_ns") if isinstance(message, dict) else None
        return (t_ns if type(t_ns) is int and name not in (topic.CONFIG, topic.STATE) else -1), ranks[name]

    items = sorted(items, key=moment)
    about = [message for name, message in items if name == topic.CONFIG]
    if any(message != about[0] for message in about):
        raise Failure(
            f"{path}: holds the frames of different recordings. Usually merged by another tool: replay the files that "
            "it was made of."
        )
    states = [item for item in items if item[0] == topic.STATE]
    rest = [item for item in items if item[0] not in (topic.CONFIG, topic.STATE)]
    return [*((topic.CONFIG, message) for message in about[:1]), *states[:1], *rest]


def _not_ours(path: Path, container: Container) -> Failure:
    """Why a sound or cut file gives no frame."""
    why = f"{container.notes[0]}; it" if container.notes else "it"
    if topic.IMU in container.topics and not container.notes:
        return Failure(
            f"{path}: holds no frames of ours that can be read: the message on {topic.CONFIG!r} is missing. Usually "
            "filtered by topic or time: keep that topic, or use the whole file."
        )
    if not container.topics:
        return Failure(f"{path}: {why} holds no frames of ours. Usually cut in its first second.")
    found = ", ".join(sorted(container.topics)[:_TOPICS_NAMED])
    return Failure(
        f"{path}: {why} holds no frames of ours but the topics {found}, written by "
        f"{container.library or 'an unnamed program'}. Usually a recording of another program: export its IMU as CSV, "
        "then use `rearguard trace import`."
    )


def _frames(trace: Trace, items: Iterator[Item]) -> Iterator[Frame]:
    belt: RangeSample | Fault | None = None
    inputs: tuple[Any, ...] = (None, None, False, False, False, None)
    count, last_ns, uncounted = 0, -1, 0
    name = ""
    try:
        for name, message in items:
            if name == topic.IMU:
                t_ns = _whole(message["t_ns"])
                imu = _imu(message)
                if t_ns <= last_ns:
                    raise ValueError(f"t_ns = {t_ns} does not come after {last_ns}")
                last_ns = t_ns
                count += 1
                yield Frame(t_ns, _whole(message["late_ns"]), imu, belt, *inputs)
                belt = None
            elif name == topic.RANGE:
                belt = _belt(message)
            elif name == topic.INPUTS:
                inputs = _inputs(message)
            elif name == topic.CHECKPOINT:
                # One that counts other frames than stand before it cannot be compared: some were filtered out.
                if (message["frames"], message["t_ns"]) == (count, last_ns):
                    trace.checkpoints[count] = message["decisions_sha256"]
                else:
                    uncounted += 1
            elif name == topic.GAP:
                trace.notes.append(
                    f"{message['frames']} frames are missing before {message['t_ns'] / 1e9:g} s: {message['why']}"
                )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _another_form(trace.path, name, count, error) from None
    if not count:
        raise Failure(f"{trace.path}: holds no frames. Usually a recording that ended before its first tick.")
    if uncounted:
        trace.notes.append(
            f"{uncounted} checkpoints count other frames than are here: the decisions after them are not compared"
        )


def _imu(message: dict[str, Any]) -> ImuSample | Fault:
    if "fault" in message:
        return Fault(message["fault"])
    ax, ay, az = message["accel_m_s2"]
    gx, gy, gz = message["gyro_rad_s"]
    return ImuSample(_whole(message["sample_t_ns"]), (ax, ay, az), (gx, gy, gz))


def _belt(message: dict[str, Any]) -> RangeSample | Fault:
    if "fault" in message:
        return Fault(message["fault"])
    count_255 = _whole(message["count"], 255)
    return RangeSample(_whole(message["sample_t_ns"]), message["distance_m"], count_255)


def _inputs(message: dict[str, Any]) -> tuple[Any, ...]:
    """The last six values of a Frame."""
    message = topic.from_viewers(topic.INPUTS, message)
    refusal = message["refusal"]
    return (
        _speed(message["belt_speed_m_s"]),
        None if message["feedback"] is None else _flag(message["feedback"]),
        _flag(message["reset_pressed"]),
        _flag(message["stop_pressed"]),
        _flag(message["stop_requested"]),
        Cause(refusal) if refusal else None,
    )


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
