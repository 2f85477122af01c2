"""Owns the health list of the page: a line for each part of the device. Must never show old data as healthy."""

from collections.abc import Callable
from typing import Any, TypeVar

from firmware_py.config import Config
from firmware_py.core.frame import Frame
from firmware_py.courier.page.live import Live
from sensors.hints import HINTS
from sensors.samples import Fault

LOW_STORAGE_MB = 200
IN_GB_MB = 10_000  # from here on free space is shown in GB
OK, BAD, OFF = "ok", "bad", "off"

T = TypeVar("T")
Part = dict[str, str]  # a line of the page's health list: name, state (ok, bad, off), text
Line = tuple[str, str]  # its state and text


def device_parts(live: Live, config: Config) -> list[Part]:
    """The sensors, the relay and the guard. A part without any reading yet has no line."""
    frame, decision = live.frame, live.decision
    if not live.fresh or frame is None or decision is None:
        return [_part("Safety monitor", BAD, "no data. See `systemctl status rearguard`.")]
    late = live.counters.get("late_ticks")
    lines = {
        "Safety monitor": (OK, f"running{'' if late is None else f', late {late} times'}"),
        "Hip sensor": _reading(live.imu, lambda _: config.imu.sensor),
        "Distance sensor": _reading(live.distance, lambda seen: f"{seen.distance_m:.2f} m"),
        "Belt sensor": _belt_sensor(frame, fitted=config.belt.speed_sensor != "none"),
        "Relay contacts": _contacts(frame.feedback, decision.run),
        "Real-time rights": _rights(live.hello.get("realtime")),
    }
    return [_part(name, *line) for name, line in lines.items() if line is not None]


def courier_parts(health: dict[str, Any], page_problem: str) -> list[Part]:
    """The same for the courier's own parts; `health` is Health.figures()."""
    recording = health["recording"]
    lines: dict[str, Line | None] = {
        "Link": (OK if health["guard_connected"] else BAD, f"{health['dropped_ticks']} readings dropped"),
        "Events": _working(health["events_problem"], f"{health['events_waiting']} waiting"),
        "MQTT": (OFF, "not switched on")
        if health["broker_connected"] is None
        else _working(health["broker_problem"], _connected(health["remote_stop"])),
        "Recording": _working(recording["problem"], f"{recording['lost_frames']} readings lost"),
        "Storage": _storage(health["storage_free_mb"]),
        "Page": (BAD, page_problem) if page_problem else None,
    }
    return [_part(name, *line) for name, line in lines.items() if line is not None]


def _connected(remote_stop: str) -> str:
    return "connected" if remote_stop in ("ready", "off") else "connected; remote stop is being tried"


def _part(name: str, state: str, text: str) -> Part:
    return {"name": name, "state": state, "text": text}


def _working(problem: str, text: str) -> Line:
    return (BAD, problem) if problem else (OK, text)


def _reading(sample: T | Fault | None, text: Callable[[T], str]) -> Line | None:
    """None before the first reading."""
    if sample is None:
        return None
    return (BAD, str(HINTS[sample])) if isinstance(sample, Fault) else (OK, text(sample))


def _contacts(feedback: bool | None, run: bool) -> Line:
    if feedback is None:
        return OFF, "no read-back fitted"
    return OK if feedback == run else BAD, "run" if feedback else "off"


def _rights(asked: Any) -> Line | None:
    """None when the guard sent no list of what it asked the system for."""
    if not isinstance(asked, list):
        return None
    refused = [str(a.get("what")) for a in asked if isinstance(a, dict) and not a.get("ok")]
    return (OFF, f"refused: {', '.join(refused)}; times may vary") if refused else (OK, "granted")


def _storage(free_mb: int | None) -> Line:
    if free_mb is None:
        return BAD, "cannot be read"
    room = f"{free_mb} MB free" if free_mb < IN_GB_MB else f"{free_mb // 1000} GB free"
    return (OK if free_mb >= LOW_STORAGE_MB else BAD), room


def _belt_sensor(frame: Frame, fitted: bool) -> Line:
    if frame.belt_speed_m_s is not None:
        return OK, f"{frame.belt_speed_m_s * 3.6:.1f} km/h"
    return (BAD, "no reading") if fitted else (OFF, "not fitted: the highest belt speed is assumed")
