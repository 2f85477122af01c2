"""Owns the form of every event: CloudEvents 1.0 in JSON, one pydantic model and one JSON Schema a type.

Must never lose what the guard sent: an event that fits no model is stored as `unreadable` with its raw text.
Run as a program it writes the JSON Schemas: python -m firmware_py.courier.events.envelope docs/events
"""

import hashlib
import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firmware_py.core.frame import Cause
from firmware_py.messages import RULES, of_event

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPE_PREFIX = "rearguard."
STOPPED = ("stopped", "stopped_by_fault")
ULID_PATTERN = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"


class Data(BaseModel):
    """What every event carries: where it came from, and under which version and configuration."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    boot_id: str = Field(max_length=64, description="names one start of the process that saw it")
    seq: int = Field(ge=0, description="counts the events of that start, without gaps")
    monotonic_ns: int = Field(description="the seeing process's own monotonic clock")
    config_hash: str = Field(max_length=64, description="names the effective configuration")
    version: str = Field(max_length=64)
    message: str = Field("", max_length=600, description="what, why and what to do, for a person")


class Moment(Data):
    """A change in what the guard decides."""

    cause: Cause | None = None
    rule: str = Field("", max_length=64)
    value: float | None = Field(None, description="what the rule saw; its unit is the rule's")
    limit: float | None = Field(None, description="the limit it crossed, same unit")
    position_m: float | None = Field(None, description="from the front edge of the deck toward the rear")
    velocity_m_s: float | None = Field(None, description="toward the rear is positive")


class SessionEnded(Data):
    """One walk, from arming to leaving the belt."""

    session_id: str
    started: str = Field(description="RFC 3339")
    ended: str = Field(description="RFC 3339")
    why_ended: Literal["left_belt", "stayed_stopped", "guard_lost", "courier_lost", "courier_stopped"]
    minutes: float = Field(ge=0, description="belt time while armed")
    steps: int = Field(ge=0)
    cadence_per_min: float | None = Field(description="mean while walking, steps a minute")
    speed_m_s: float | None = Field(description="mean walking speed; null when no belt sensor is fitted")
    distance_m: float | None = Field(description="walked over the belt; null when no belt sensor is fitted")
    in_zone_fraction: float | None = Field(description="share of belt time without a line near")
    position_mean_m: float | None = None
    position_sd_m: float | None = None
    position_min_m: float | None = None
    position_max_m: float | None = None
    drift_max_m_s: float | None = Field(None, description="fastest drift toward the rear")
    margin_min_m: float | None = Field(None, description="smallest distance of the resting point to a line")
    regularity_mean: float | None = Field(
        None, description="0 to 1: how much a stride is like the next (Ad2, 30 s)"
    )
    regularity_per_min: float | None = Field(None, description="its trend over the session, change a minute")
    near_misses: int = Field(0, ge=0, description="unsteady for a moment, and recovered")
    warnings: int = Field(ge=0)
    stops: int = Field(ge=0)


class Lost(Data):
    """Guard and courier lost sight of each other, or the courier did not end cleanly."""

    since: str | None = Field(None, description="RFC 3339; null when unknown")


class Gap(Data):
    """Telemetry that was not recorded. Events are never part of a gap."""

    why: Literal["storage", "link"]
    ticks: int = Field(ge=1)


class EventsMissing(Data):
    """The guard's own bounded memory gave up events before the courier came back."""

    guard_boot_id: str
    count: int = Field(ge=1)


class StorageChanged(Data):
    """The database or the recording became unusable or usable again."""

    part: Literal["events", "recording"]
    ok: bool
    detail: str = Field("", max_length=600)


class Acknowledged(Data):
    """Somebody said over MQTT that they are on the way; it ends the reminders of one alert and nothing else."""

    alert: str = Field(
        max_length=64, description="the id of the stop, or of the stop with -no-sign behind it"
    )


class Unreadable(Data):
    """An event that fits no known form, kept as it came."""

    raw: str


DATA: dict[str, type[Data]] = {
    "armed": Moment,
    "walking": Moment,
    "warning": Moment,
    "warning_cleared": Moment,
    "stopped": Moment,
    "stopped_by_fault": Moment,
    "reset_refused": Moment,
    "health_changed": Moment,
    "near_miss": Moment,
    "session_ended": SessionEnded,
    "guard_lost": Lost,
    "guard_found": Lost,
    "courier_lost": Lost,
    "recording_gap": Gap,
    "events_missing": EventsMissing,
    "storage_changed": StorageChanged,
    "alert_acknowledged": Acknowledged,
    "unreadable": Unreadable,
}


class Stamp(NamedTuple):
    """Where an event comes from: the part of every event's data that its maker does not choose."""

    device: str
    part: Literal["guard", "courier"]
    boot_id: str
    config_hash: str
    version: str


class Envelope(NamedTuple):
    """An event ready to be stored: its columns and its JSON text."""

    id: str
    boot_id: str
    seq: int
    kind: str
    time_s: float
    text: str


def ulid(time_s: float, boot_id: str, seq: int) -> str:
    """A ULID whose 80 "random" bits are a digest of (boot_id, seq): the same event gives the same half everywhere."""
    digest = hashlib.sha256(f"{boot_id}/{seq}".encode()).digest()[:10]
    number = (int(time_s * 1000) & (1 << 48) - 1) << 80 | int.from_bytes(digest)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def rounded(value: float | None, digits: int) -> float | None:
    """None also for what is not finite: JSON has no word for it."""
    return None if value is None or not math.isfinite(value) else round(value, digits)


def rfc3339(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def build(
    stamp: Stamp, seq: int, kind: str, time_s: float, monotonic_ns: int, data: dict[str, Any]
) -> Envelope:
    """The envelope of one event. Raises pydantic.ValidationError when `data` does not fit the type."""
    common = {
        "boot_id": stamp.boot_id,
        "seq": seq,
        "monotonic_ns": monotonic_ns,
        "config_hash": stamp.config_hash,
        "version": stamp.version,
    }
    made = DATA[kind].model_validate(data | common)
    name = ulid(time_s, stamp.boot_id, seq)
    event = {
        "specversion": "1.0",
        "id": name,
        "source": f"/rearguard/{stamp.device}/{stamp.part}",
        "type": TYPE_PREFIX + kind,
        "time": rfc3339(time_s),
        "datacontenttype": "application/json",
        "dataschema": _data_schema_id(kind),
        "data": made.model_dump(mode="json"),
    }
    return Envelope(name, stamp.boot_id, seq, kind, time_s, json.dumps(event, separators=(",", ":")))


def from_guard(stamp: Stamp, seq: int, raw: bytes, time_of: Any) -> Envelope:
    """The envelope of what the guard sent; `time_of(t_ns)` gives wall time. What fits no model is `unreadable`."""
    t_ns = 0
    try:
        sent = json.loads(raw)
        kind, t_ns = str(sent.pop("kind")), int(sent.pop("t_ns"))
        if DATA.get(kind) is not Moment:
            raise ValueError(f"the guard sends no event {kind}")
        if kind not in STOPPED:  # what another event caused is not this one's
            sent["rule"] = ""
        for key in ("value", "limit"):
            given = sent.get(key)
            if (
                sent.get("rule") not in RULES
                or not isinstance(given, int | float)
                or not math.isfinite(given)
            ):
                sent[key] = None  # a button has no figure
        return build(stamp, seq, kind, time_of(t_ns), t_ns, sent | {"message": _message(kind, sent)})
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, ValidationError) as error:
        text = raw[:20_000].decode("utf-8", "replace")
        why = f"An event of the guard could not be read: {type(error).__name__}. Restart guard and courier together."
        return build(stamp, seq, "unreadable", time_of(t_ns), t_ns, {"raw": text, "message": why})


def _message(kind: str, sent: dict[str, Any]) -> str:
    cause = Cause(sent["cause"]) if sent.get("cause") else None
    return of_event(kind, cause, sent.get("rule") or "", sent.get("value"), sent.get("limit"))


def _data_schema_id(kind: str) -> str:
    """Names the schema of `data` alone, as CloudEvents asks for it."""
    return f"urn:rearguard:event:{kind}:data:1"


def data_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of `data` of one event type: what `dataschema` names."""
    made = {"$schema": DIALECT, "$id": _data_schema_id(kind)}
    return made | DATA[kind].model_json_schema(mode="serialization")


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the whole envelope of one event type; it holds that of its data."""
    attributes: dict[str, dict[str, Any]] = {
        "specversion": {"const": "1.0"},
        "id": {
            "type": "string",
            "pattern": ULID_PATTERN,
            "description": "unique for ever: deduplicate by it",
        },
        "source": {"type": "string", "pattern": "^/rearguard/[A-Za-z0-9_-]+/(guard|courier)$"},
        "type": {"const": TYPE_PREFIX + kind},
        "time": {"type": "string", "format": "date-time", "description": "wall time of the event, UTC"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"const": _data_schema_id(kind), "description": "names the schema of `data`"},
        "data": {"$ref": _data_schema_id(kind)},
    }
    return {
        "$schema": DIALECT,
        "$id": f"urn:rearguard:event:{kind}:1",
        "title": TYPE_PREFIX + kind,
        "type": "object",
        "properties": attributes,
        "required": list(attributes),
        "additionalProperties": False,
        "$defs": {"data": data_schema(kind)},
    }


def write_schemas(folder: Path) -> None:
    """One `<type>.schema.json` a type."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in DATA:
        text = json.dumps(schema(kind), indent=2, sort_keys=True) + "\n"
        (folder / f"{kind}.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
