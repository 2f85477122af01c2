"""Owns what Home Assistant knows of the device: one retained device discovery payload (2024.12 or newer).

Must never announce anything that could start the belt: no switch, no select, no number; at most a stop button.
Topics are written in full: only entity payloads, not this form, are documented to expand a `~`.
"""

import json
from typing import Any, NamedTuple

from firmware_py.config import MqttConfig
from firmware_py.core.frame import Cause
from firmware_py.courier.events.envelope import DATA

REST_S = {"home": 30.0, "fleet": 60.0}  # the longest pause between two states, by mqtt.profile


class Announcement(NamedTuple):
    """Where and what is announced, and the topic at which Home Assistant reports its own start."""

    topic: str
    payload: str
    status_topic: str


def topic_of(prefix: str, device: str) -> str:
    """Where this device is announced."""
    return f"{prefix}/device/rearguard_{device}/config"


def announcement(device: str, version: str, mqtt: MqttConfig) -> Announcement:
    """What Home Assistant is to know of this device."""
    base = mqtt.topic(device, "").rstrip("/")
    payload = {
        "dev": {
            "ids": [f"rearguard_{device}"],
            "name": "Rearguard" if device == "rearguard" else f"Rearguard {device}",
            "mf": "Rearguard",
            "mdl": "Backward treadmill safety monitor",
            "sw": version,
        },
        "o": {"name": "rearguard", "sw": version},
        "avty": [{"t": f"{base}/status"}],
        "qos": 1,
        "cmps": _components(device, base, mqtt.allow_remote_stop, int(3 * REST_S[mqtt.profile])),
    }
    text = json.dumps(payload, separators=(",", ":"))
    return Announcement(topic_of(mqtt.discovery_prefix, device), text, f"{mqtt.discovery_prefix}/status")


def _components(device: str, base: str, remote_stop: bool, expire_s: int) -> dict[str, Any]:
    state, health = f"{base}/state", f"{base}/health"
    words = [cause.value for cause in Cause]

    def entity(key: str, platform: str, name: str, **options: Any) -> dict[str, Any]:
        return {"p": platform, "uniq_id": f"rearguard_{device}_{key}", "name": name, **options}

    def binary(key: str, name: str, template: str, topic: str = state, **options: Any) -> dict[str, Any]:
        template = "{{ 'ON' if " + template + " else 'OFF' }}"
        return entity(key, "binary_sensor", name, stat_t=topic, val_tpl=template, exp_aft=expire_s, **options)

    def sensor(key: str, name: str, template: str, topic: str = state, **options: Any) -> dict[str, Any]:
        template = "{{ " + template + " }}"
        return entity(key, "sensor", name, stat_t=topic, val_tpl=template, exp_aft=expire_s, **options)

    diagnostic = {"topic": health, "ent_cat": "diagnostic"}
    event = (
        "{{ {'event_type': value_json.type[10:], 'id': value_json.id, 'message': value_json.data.message, "
        "'cause': value_json.data.cause | default(none), 'time': value_json.time} | tojson }}"
    )
    stop_facts = (
        "{{ {'id': value_json.id, 'message': value_json.data.message, "
        "'cause': value_json.data.cause} | tojson }}"
    )
    made = {
        "running": binary("running", "Belt may run", "value_json.run", dev_cla="running"),
        "danger": binary("danger", "Stopped for safety", "value_json.danger", dev_cla="safety"),
        "problem": binary("problem", "Device problem", "value_json.problem", dev_cla="problem"),
        "warning": binary("warning", "Warning", "value_json.warning is not none", ic="mdi:alert"),
        "guard": binary("guard", "Guard", "value_json.guard_connected", dev_cla="connectivity", **diagnostic),
        "events": entity("events", "event", "Events", stat_t=f"{base}/event/+", evt_typ=sorted(DATA), val_tpl=event),
        "cause": sensor("cause", "Stop cause", "value_json.cause or 'none'", dev_cla="enum", ops=["none", *words],
                        ic="mdi:help-circle"),
        "advice": sensor("advice", "Advice", "value_json.do[:250]", ic="mdi:information"),
        "last_stop": sensor("last_stop", "Last stop", "value_json.time", topic=f"{base}/last_stop",
                            dev_cla="timestamp", json_attr_t=f"{base}/last_stop", json_attr_tpl=stop_facts),
        "position": sensor("position", "Position", "value_json.position_m", unit_of_meas="m", dev_cla="distance",
                           stat_cla="measurement"),
        "cadence": sensor("cadence", "Cadence", "value_json.cadence_per_min", unit_of_meas="steps/min",
                          stat_cla="measurement", ic="mdi:walk"),
        "minutes": sensor("minutes", "Session minutes", "value_json.session_minutes", unit_of_meas="min",
                          dev_cla="duration", ic="mdi:timer"),
        "dropped": sensor("dropped", "Link drops", "value_json.dropped_ticks", **diagnostic, ic="mdi:lan"),
        "lateness": sensor("lateness", "Loop lateness p99", "value_json.lateness_p99_ms", **diagnostic,
                           unit_of_meas="ms", dev_cla="duration"),
        "waiting": sensor("waiting", "Events waiting", "value_json.events_waiting", **diagnostic,
                          ic="mdi:tray-full"),
        "free": sensor("free", "Storage free", "value_json.storage_free_mb", **diagnostic, unit_of_meas="MB",
                       dev_cla="data_size"),
    }  # fmt: skip
    del made["last_stop"]["exp_aft"]  # the last stop never expires
    made["stop"] = {"p": "button"}  # nothing but its platform: Home Assistant removes it
    if remote_stop:
        allowed = "{{ 'offline' if value_json.remote_stop == 'not permitted' else 'online' }}"
        made["stop"] = entity(
            "stop", "button", "Stop the belt", cmd_t=f"{base}/command/stop", pl_prs="stop", ic="mdi:stop",
            avty=[{"t": f"{base}/status"}, {"t": health, "val_tpl": allowed}], avty_mode="all",
        )  # fmt: skip
    return made
