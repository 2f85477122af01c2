"""Owns writing a trace as MCAP. Must never lose a bit of a frame: floats are written so that they read back equal.

The messages of one tick come in the order range, inputs, imu, decision: the imu message closes the frame.
"""

import hashlib
import json
from enum import Enum
from math import isfinite
from typing import IO, Any

from mcap.writer import CompressionType, Writer

from firmware_py.core.events import Event
from firmware_py.core.frame import Decision, Frame
from firmware_py.core.wire import pack_decision
from firmware_py.traces import schemas as topic
from sensors.samples import ImuSample, RangeSample

CHUNK_BYTES = 16 * 1024  # 0.4 s at 200 Hz: what a power cut may cost
DECISION_STEP_NS = 50_000_000
CHECKPOINT_STEP_NS = 1_000_000_000
_WITH_UNKNOWNS = (topic.INPUTS, topic.DECISION, topic.EVENT)


class McapWriter:
    """Writes frames, decisions and events into an open file. OSError of the file passes through.

    `about` is the payload of the config topic (schemas.py); `wall_offset_ns` turns the monotonic clock into the
    wall clock for viewers.
    """

    def __init__(
        self,
        file: IO[bytes],
        about: dict[str, Any],
        state: dict[str, Any] | None = None,
        state_exact: bool = True,
        start_ns: int = 0,
        wall_offset_ns: int = 0,
    ) -> None:
        self._writer = Writer(file, CHUNK_BYTES, CompressionType.ZSTD, enable_data_crcs=True)
        self._writer.start(profile="rearguard", library=f"rearguard {about['version']}")
        self._channels = {}
        for name, schema in topic.SCHEMAS.items():
            schema_id = self._writer.register_schema(
                schema["title"], "jsonschema", json.dumps(schema).encode()
            )
            self._channels[name] = self._writer.register_channel(name, "json", schema_id)
        self._wall_offset_ns = wall_offset_ns
        self._inputs: tuple[object, ...] | None = None
        self._last: Decision | None = None
        self._decision_ns = self._checkpoint_ns = 0
        self._digest = hashlib.sha256()
        self.frames = 0
        self._decisions = 0
        self._write(topic.CONFIG, start_ns, about)
        if state is not None:
            self._write(topic.STATE, start_ns, {"exact": state_exact, "state": state})

    def frame(self, frame: Frame) -> None:
        """One tick."""
        t_ns, belt, imu, inputs = frame.t_ns, frame.belt, frame.imu, frame[4:]
        if isinstance(belt, RangeSample):
            self._write(
                topic.RANGE,
                t_ns,
                {"t_ns": t_ns, "sample_t_ns": belt.t_ns, "distance_m": belt.distance_m, "count": belt.count},
            )
        elif belt is not None:
            self._write(topic.RANGE, t_ns, {"t_ns": t_ns, "fault": belt.value})
        if inputs != self._inputs:
            self._inputs = inputs
            names = ("belt_speed_m_s", "feedback", "reset_pressed", "stop_pressed", "stop_requested")
            refusal = frame.refusal.value if frame.refusal else None
            values = {**dict(zip(names, inputs, strict=False)), "refusal": refusal}
            self._write(topic.INPUTS, t_ns, {"t_ns": t_ns, **values})
        message: dict[str, Any] = {"t_ns": t_ns, "late_ns": frame.late_ns}
        if isinstance(imu, ImuSample):
            message |= {"sample_t_ns": imu.t_ns, "accel_m_s2": imu.accel_m_s2, "gyro_rad_s": imu.gyro_rad_s}
        else:
            message["fault"] = imu.value
        self._write(topic.IMU, t_ns, message, self.frames)
        self.frames += 1

    def decision(self, decision: Decision) -> None:
        """The decision on the frame just written."""
        self._digest.update(pack_decision(decision))
        self._decisions += 1
        last, t_ns = self._last, decision.t_ns
        self._last = decision
        if (
            last is None
            or t_ns - self._decision_ns >= DECISION_STEP_NS
            or decision.run is not last.run
            or decision.cause is not last.cause
            or decision.warning is not last.warning
            or decision.phase is not last.phase
        ):
            self._decision_ns = t_ns
            self._write(topic.DECISION, t_ns, plain(decision))
        if t_ns - self._checkpoint_ns >= CHECKPOINT_STEP_NS:
            self._checkpoint()

    def event(self, event: Event | dict[str, Any]) -> None:
        """A moment, as found by the guard."""
        fields = event._asdict() if isinstance(event, Event) else event
        payload = {key: _plain(item) for key, item in fields.items()}
        self._write(topic.EVENT, int(fields["t_ns"]), payload)

    def gap(self, t_ns: int, frames: int, why: str) -> None:
        """So many frames before this point are missing."""
        self._write(topic.GAP, t_ns, {"t_ns": t_ns, "frames": frames, "why": why})

    def finish(self) -> None:
        """Write what makes the file whole. Does not close it."""
        if self._last is not None:
            self._checkpoint()
        self._writer.finish()  # type: ignore[no-untyped-call]

    def _checkpoint(self) -> None:
        assert self._last is not None
        t_ns = self._checkpoint_ns = self._last.t_ns
        payload = {"t_ns": t_ns, "frames": self._decisions, "decisions_sha256": self._digest.hexdigest()}
        self._write(topic.CHECKPOINT, t_ns, payload)

    def _write(self, name: str, t_ns: int, payload: dict[str, Any], sequence: int = 0) -> None:
        if name in _WITH_UNKNOWNS:
            payload = topic.for_viewers(payload)
        data = json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()
        self._writer.add_message(
            self._channels[name], max(0, t_ns + self._wall_offset_ns), data, max(0, t_ns), sequence
        )


def plain(value: Decision | Event) -> dict[str, Any]:
    """As JSON: enums by their public word, a figure that is not finite as null."""
    return {key: _plain(item) for key, item in value._asdict().items()}


def _plain(item: object) -> object:
    if isinstance(item, Enum):
        return item.value
    return None if isinstance(item, float) and not isfinite(item) else item
