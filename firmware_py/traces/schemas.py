"""Owns the topics of an MCAP trace and the JSON Schema of each. Must never decide or read files.

Foxglove and PlotJuggler read these; units are in the names. Times `*_ns` are the guard's monotonic clock; the
MCAP log time is the wall clock as the recorder knew it, the publish time is the monotonic one again.

Viewers take one plain type a property and nothing else: no list of types, no null, no object without `properties`.
So a number that is not known is left out of the message, and a word that there is none of is "none".
"""

from typing import Any

_INT = {"type": "integer"}
_NUMBER = {"type": "number"}
_TEXT = {"type": "string"}
_BOOL = {"type": "boolean"}
_OBJECT = {"type": "object", "properties": {}, "additionalProperties": True}
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
        {"version": _TEXT, "config": _OBJECT, "config_hash": _TEXT, "rate_hz": _NUMBER},
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
        {"exact": _BOOL, "state": _OBJECT},
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
            "reset_pressed": _BOOL,
            "stop_pressed": _BOOL,
            "stop_requested": _BOOL,
            "refusal": _TEXT,
        },
        {"belt_speed_m_s": _NUMBER, "feedback": _BOOL},
    ),
    IMU: _schema(
        IMU,
        "One tick, and the hip pod's reading in the body frame (x forward, y left, z up), or why there is none.",
        {"t_ns": _INT, "late_ns": _INT},
        {"sample_t_ns": _INT, "accel_m_s2": _VECTOR, "gyro_rad_s": _VECTOR, "fault": _TEXT},
    ),
    DECISION: _schema(
        DECISION,
        "What the core decided: when run, cause, warning or phase changes, and 20 times a second.",
        {
            "t_ns": _INT,
            "run": _BOOL,
            "cause": _TEXT,
            "rule": _TEXT,
            "warning": _TEXT,
            "refusal": _TEXT,
            "phase": _TEXT,
            "steps": _INT,
            "belt_speed_m_s": _NUMBER,
            "soft_stop": _BOOL,
            "refused": _TEXT,
        },
        {
            "value": _NUMBER,
            "limit": _NUMBER,
            "position_m": _NUMBER,
            "velocity_m_s": _NUMBER,
            "rest_position_m": _NUMBER,
            "stop_margin_m": _NUMBER,
            "tilt_rad": _NUMBER,
            "down_velocity_m_s": _NUMBER,
            "down_velocity_limit_m_s": _NUMBER,
            "cadence_hz": _NUMBER,
        },
    ),
    EVENT: _schema(
        EVENT,
        "Something that happened and that a person may want to know.",
        {"kind": _TEXT, "t_ns": _INT, "cause": _TEXT, "rule": _TEXT},
        {"value": _NUMBER, "limit": _NUMBER, "position_m": _NUMBER, "velocity_m_s": _NUMBER},
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

NO_WORD = "none"
WORDS = ("cause", "warning", "refusal", "refused")


def for_viewers(message: dict[str, Any]) -> dict[str, Any]:
    """The message as it is written: no null in it."""
    return {
        key: NO_WORD if value is None else value
        for key, value in message.items()
        if value is not None or key in WORDS
    }


def from_viewers(topic: str, message: dict[str, Any]) -> dict[str, Any]:
    """The message as it was before `for_viewers`: null for what is not known. Takes older files, too."""
    known = dict.fromkeys(SCHEMAS[topic]["properties"]) | message
    return known | {word: None for word in WORDS if known.get(word) == NO_WORD}
