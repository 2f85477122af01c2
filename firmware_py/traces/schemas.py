"""Owns the topics of an MCAP trace and the JSON Schema of each. Must never hold behaviour.

Foxglove and PlotJuggler read these; units are in the names. Times `*_ns` are the guard's monotonic clock; the
MCAP log time is the wall clock as the recorder knew it, the publish time is the monotonic one again.
"""

from typing import Any

_INT = {"type": "integer"}
_NUMBER = {"type": "number"}
_MAYBE_NUMBER = {"type": ["number", "null"]}
_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_BOOL = {"type": "boolean"}
_VECTOR = {"type": "array", "items": _NUMBER, "minItems": 3, "maxItems": 3}


def _schema(
    topic: str, what: str, required: dict[str, Any], optional: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"rearguard.{topic}",
        "description": what,
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


IMU, RANGE, INPUTS, DECISION = "imu", "range", "inputs", "decision"
EVENT, CONFIG, STATE, CHECKPOINT, GAP = "event", "config", "state", "checkpoint", "gap"

SCHEMAS: dict[str, dict[str, Any]] = {
    CONFIG: _schema(
        CONFIG,
        "What the trace was recorded with. Its first message.",
        {"version": _TEXT, "config": {"type": "object"}, "config_hash": _TEXT, "rate_hz": _NUMBER},
        {
            "boot_id": _TEXT,
            "simulated": _BOOL,
            "button_recorded": _BOOL,
            "feedback_recorded": _BOOL,
            "distance_recorded": _BOOL,
        },
    ),
    STATE: _schema(
        STATE,
        "The monitor's whole state before the first frame, for a trace that begins while it runs.",
        {"exact": _BOOL, "state": {"type": "object"}},
    ),
    RANGE: _schema(
        RANGE,
        "A new reading of the deck sensor, or why there is none; belongs to the imu message after it.",
        {"t_ns": _INT},
        {"sample_t_ns": _INT, "distance_m": _NUMBER, "count": _INT, "fault": _TEXT},
    ),
    INPUTS: _schema(
        INPUTS,
        "The slow inputs, when one of them changes; they hold from the imu message after it.",
        {
            "t_ns": _INT,
            "belt_speed_m_s": _MAYBE_NUMBER,
            "feedback": {"type": ["boolean", "null"]},
            "reset_pressed": _BOOL,
            "stop_pressed": _BOOL,
            "stop_requested": _BOOL,
            "refusal": _MAYBE_TEXT,
        },
    ),
    IMU: _schema(
        IMU,
        "One tick, and the hip pod's reading in the body frame (x forward, y left, z up), or why there is none.",
        {"t_ns": _INT, "late_ns": _INT},
        {"sample_t_ns": _INT, "accel_m_s2": _VECTOR, "gyro_rad_s": _VECTOR, "fault": _TEXT},
    ),
    DECISION: _schema(
        DECISION,
        "What the core said: when run, cause, warning or phase changes, and 20 times a second.",
        {
            "t_ns": _INT,
            "run": _BOOL,
            "cause": _MAYBE_TEXT,
            "rule": _TEXT,
            "value": _MAYBE_NUMBER,
            "limit": _MAYBE_NUMBER,
            "warning": _MAYBE_TEXT,
            "refusal": _MAYBE_TEXT,
            "phase": _TEXT,
            "position_m": _MAYBE_NUMBER,
            "velocity_m_s": _MAYBE_NUMBER,
            "rest_position_m": _MAYBE_NUMBER,
            "stop_margin_m": _MAYBE_NUMBER,
            "tilt_rad": _MAYBE_NUMBER,
            "down_velocity_m_s": _MAYBE_NUMBER,
            "down_velocity_limit_m_s": _MAYBE_NUMBER,
            "cadence_hz": _MAYBE_NUMBER,
            "steps": _INT,
            "belt_speed_m_s": _NUMBER,
            "soft_stop": _BOOL,
            "refused": _MAYBE_TEXT,
        },
    ),
    EVENT: _schema(
        EVENT,
        "A moment worth telling a person.",
        {
            "kind": _TEXT,
            "t_ns": _INT,
            "cause": _MAYBE_TEXT,
            "rule": _TEXT,
            "value": _MAYBE_NUMBER,
            "limit": _MAYBE_NUMBER,
            "position_m": _MAYBE_NUMBER,
            "velocity_m_s": _MAYBE_NUMBER,
        },
    ),
    CHECKPOINT: _schema(
        CHECKPOINT,
        "SHA-256 over the bytes of all decisions since the first frame of this file, once a second.",
        {"t_ns": _INT, "frames": _INT, "decisions_sha256": _TEXT},
    ),
    GAP: _schema(
        GAP,
        "Frames that could not be kept before this point, and why.",
        {"t_ns": _INT, "frames": _INT, "why": _TEXT},
    ),
}
