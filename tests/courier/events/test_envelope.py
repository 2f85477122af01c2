import json
import re
import tempfile
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from firmware_py.config import MqttConfig
from firmware_py.core.frame import Cause
from firmware_py.courier.events.envelope import (
    DATA,
    TYPE_PREFIX,
    ULID_PATTERN,
    Moment,
    Stamp,
    build,
    from_guard,
    schema,
    ulid,
    write_schemas,
)
from firmware_py.courier.events.home_assistant import announcement

PUBLISHED = Path(__file__).parents[3] / "docs" / "events"
STAMP = Stamp("rig", "guard", "0123456789abcdef", "c0ffee", "0.1.0")
MOMENT = {"cause": None, "rule": "", "value": 0.0, "limit": 0.0, "position_m": None, "velocity_m_s": None}


def sent(kind: str, **changes: object) -> bytes:
    return json.dumps({"kind": kind, "t_ns": 5, "seq": 7, **MOMENT, **changes}).encode()


@cache
def published(kind: str) -> jsonschema.Draft202012Validator:
    text = (PUBLISHED / f"{kind}.schema.json").read_text()
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(json.loads(text), format_checker=checker)


def check(text: str) -> dict[str, object]:
    event = json.loads(text)
    published(event["type"].removeprefix(TYPE_PREFIX)).validate(event)
    return event  # type: ignore[no-any-return]


def test_the_published_schemas_are_those_of_the_code() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_schemas(Path(folder))
        made = {p.name: p.read_text() for p in Path(folder).iterdir()}
    assert made == {p.name: p.read_text() for p in PUBLISHED.glob("*.schema.json")}


@pytest.mark.parametrize("kind", DATA)
def test_each_schema_is_itself_valid_and_closed(kind: str) -> None:
    made = schema(kind)
    jsonschema.Draft202012Validator.check_schema(made)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"type": TYPE_PREFIX + kind}, made)


@pytest.mark.parametrize("kind", [k for k, model in DATA.items() if model.__name__ == "Moment"])
def test_every_moment_with_every_cause_fits_its_schema(kind: str) -> None:
    for cause in (None, *Cause):
        word, rule = (cause.value, "r") if cause else (None, "")
        raw = sent(kind, cause=word, rule=rule, value=float("inf"), limit=1.0)
        event = check(from_guard(STAMP, 7, raw, lambda t_ns: 1e9).text)
        assert event["type"] == TYPE_PREFIX + kind
        data = event["data"]
        assert isinstance(data, dict)
        assert data["seq"] == 7 and data["boot_id"] == STAMP.boot_id and data["monotonic_ns"] == 5
        assert data["value"] is None  # infinity is no JSON
        assert "against a limit" not in data["message"]


def test_a_stop_tells_what_why_the_figures_and_what_to_do() -> None:
    raw = sent("stopped", cause="drift_rear", rule="rest_position_m", value=1.01, limit=0.98, position_m=0.8)
    event = json.loads(from_guard(STAMP, 1, raw, lambda t_ns: 1e9).text)
    message = event["data"]["message"]
    assert "drifted toward the rear" in message and "reached 1.01 m; the limit was 0.98 m" in message
    assert "to arm" in message
    assert event["time"] == "2001-09-09T01:46:40.000Z"
    raw = sent("stopped", cause="fall", rule="lies_after_blow", value=0.1, limit=0.26)
    message = json.loads(from_guard(STAMP, 1, raw, lambda t_ns: 1e9).text)["data"]["message"]
    assert "has fallen" in message and "reached 0.10; the limit was 0.26" in message


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"kind":"stopped"}',
        b'{"kind":"session_ended","t_ns":1}',
        b'{"kind":"rm -rf","t_ns":1}',
        sent("stopped", cause="bored"),
        sent("armed", extra=1),
        sent("armed", position_m="NaN"),
        sent("armed", position_m=float("nan")),
        b'{"kind":"stopped","t_ns":1e999}',
        b"{" * 50_000,
    ],
)
def test_what_cannot_be_read_is_kept_as_it_came(raw: bytes) -> None:
    event = check(from_guard(STAMP, 3, raw, lambda t_ns: 1e9).text)
    assert event["type"] == "rearguard.unreadable"


def test_a_ulid_sorts_by_time_and_its_other_half_is_fixed_by_boot_and_sequence() -> None:
    early, late = ulid(1e9, "a", 1), ulid(1e9 + 0.001, "a", 1)
    assert re.match(ULID_PATTERN, early) and early < late
    assert early[10:] == late[10:] != ulid(1e9, "a", 2)[10:] != ulid(1e9, "b", 2)[10:]
    assert early == ulid(1e9, "a", 1)
    assert ulid(0.0, "a", 1)[:10] == "0000000000"


def test_an_event_of_the_courier_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="ticks"):
        build(STAMP, 1, "recording_gap", 0.0, 0, {"why": "storage"})


# Home Assistant's device discovery, as documented: https://www.home-assistant.io/integrations/mqtt/
ENTITY = {
    "type": "object",
    "required": ["p", "uniq_id", "name"],
    "properties": {
        "p": {"enum": ["binary_sensor", "sensor", "event", "button"]},
        "uniq_id": {"type": "string", "pattern": "^[a-z0-9_-]+$"},
        "name": {"type": "string"},
        "stat_t": {"type": "string", "pattern": "^rearguard/"},
        "cmd_t": {"const": "rearguard/rig/command/stop"},
        "pl_prs": {"const": "stop"},
        "val_tpl": {"type": "string", "pattern": r"^\{\{ .* \}\}$"},
        "dev_cla": {"type": "string"},
        "ent_cat": {"const": "diagnostic"},
        "exp_aft": {"const": 90},
        "evt_typ": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "unit_of_meas": {"type": "string"},
        "stat_cla": {"enum": ["measurement", "total", "total_increasing"]},
        "ops": {"type": "array", "items": {"type": "string"}},
        "ic": {"type": "string", "pattern": "^mdi:"},
        "json_attr_t": {"type": "string", "pattern": "^rearguard/"},
        "json_attr_tpl": {"type": "string", "pattern": r"^\{\{ .* \}\}$"},
        "avty_mode": {"const": "all"},
        "avty": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["t"],
                "properties": {"t": {"type": "string"}, "val_tpl": {"type": "string"}},
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
    "allOf": [
        {
            "if": {"properties": {"p": {"enum": ["sensor", "binary_sensor", "event"]}}},
            "then": {"required": ["stat_t", "val_tpl"]},
        },
        {"if": {"properties": {"p": {"const": "event"}}}, "then": {"required": ["evt_typ"]}},
        {"if": {"properties": {"p": {"const": "button"}}}, "then": {"required": ["cmd_t"]}},
        {"if": {"required": ["ops"]}, "then": {"properties": {"dev_cla": {"const": "enum"}}}},
    ],
}
DISCOVERY = {
    "type": "object",
    "required": ["dev", "o", "cmps"],
    "properties": {
        "dev": {
            "type": "object",
            "required": ["ids", "name"],
            "properties": {
                "ids": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                **{k: {"type": "string"} for k in ("name", "mf", "mdl", "sw", "hw", "sn", "cu")},
            },
            "additionalProperties": False,
        },
        "o": {
            "type": "object",
            "required": ["name"],
            "properties": {k: {"type": "string"} for k in ("name", "sw", "url")},
            "additionalProperties": False,
        },
        "avty": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["t"],
                "properties": {"t": {"type": "string"}},
                "additionalProperties": False,
            },
        },
        "qos": {"enum": [0, 1, 2]},
        "cmps": {"type": "object", "additionalProperties": ENTITY},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize("remote_stop", [True, False])
def test_home_assistant_gets_a_device_it_accepts_and_nothing_that_starts(remote_stop: bool) -> None:
    topic, text, status = announcement("rig", "0.1.0", MqttConfig(allow_remote_stop=remote_stop))
    payload = json.loads(text)
    if not remote_stop:
        assert payload["cmps"].pop("stop") == {"p": "button"}  # Home Assistant removes what it knew
    jsonschema.validate(payload, DISCOVERY)
    assert status == "homeassistant/status"
    assert topic == "homeassistant/device/rearguard_rig/config"
    entities = payload["cmps"].values()
    assert len({e["uniq_id"] for e in entities}) == len(entities)
    commanding = [e for e in entities if "cmd_t" in e]
    assert [e["pl_prs"] for e in commanding] == (["stop"] if remote_stop else [])
    classes = {e.get("dev_cla") for e in entities if e["p"] == "binary_sensor"}
    assert {"safety", "problem", "connectivity"} <= classes
    assert set(payload["cmps"]["events"]["evt_typ"]) == set(DATA)
    assert set(payload["cmps"]["cause"]["ops"]) == {"none"} | {c.value for c in Cause}


def test_another_discovery_prefix_moves_the_announcement_and_the_birth_topic() -> None:
    made = announcement("rig", "0.1.0", MqttConfig(discovery_prefix="home/discovery"))
    assert made.topic == "home/discovery/device/rearguard_rig/config"
    assert made.status_topic == "home/discovery/status"


@pytest.mark.parametrize("kind", [k for k, form in DATA.items() if form is Moment])
@pytest.mark.parametrize("rule", ["down_velocity_m_s", "remote_stop", "stop_button", ""])
def test_only_a_stop_carries_a_rule_and_only_a_rule_with_a_figure_carries_one(kind: str, rule: str) -> None:
    raw = sent(kind, cause="fall", rule=rule, value=1.0, limit=0.5)
    data = check(from_guard(STAMP, 3, raw, lambda t_ns: 1e9).text)["data"]
    assert isinstance(data, dict)
    stop = kind in ("stopped", "stopped_by_fault")
    assert data["rule"] == (rule if stop else "")
    figures = (1.0, 0.5) if stop and rule == "down_velocity_m_s" else (None, None)
    assert (data["value"], data["limit"]) == figures
    assert "against a limit" not in str(data["message"]) and data["message"]


@pytest.mark.parametrize("kind", DATA)
def test_dataschema_names_a_schema_of_the_data_alone(kind: str) -> None:
    whole = schema(kind)
    name = whole["properties"]["dataschema"]["const"]
    held = whole["$defs"]["data"]
    assert held["$id"] == name != whole["$id"]
    assert "seq" in held["properties"] and "specversion" not in held["properties"]
