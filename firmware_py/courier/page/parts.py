"""Owns the health list of the page: a line for each part of the device. Must never show old data as healthy."""

from collections.abc import Callable
from typing import Any, TypeVar

from firmware_py.config import Config
from firmware_py.core.frame import Frame
from firmware_py.courier.page.live import Live
from firmware_py.locale import spoken
from firmware_py.locale import translate as _
from sensors.advice import Advice
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
        return [_part(_("Safety monitor"), BAD, _("no data. See `systemctl status rearguard-guard`."))]
    late = live.counters.get("late_ticks")
    lines = {
        _("Safety monitor"): (
            OK,
            _("running") if late is None else _counted(_("running, late {count} times"), late),
        ),
        _("Hip sensor"): _reading(live.imu, lambda _sample: config.imu.sensor),
        _("Distance sensor"): _reading(live.distance, lambda seen: f"{seen.distance_m:.2f} m"),
        _("Belt sensor"): _belt_sensor(frame, fitted=config.belt.speed_sensor != "none"),
        _("Relay contacts"): _contacts(frame.feedback, decision.run),
        _("Real-time rights"): _rights(live.hello.get("realtime")),
    }
    return [_part(name, *line) for name, line in lines.items() if line is not None]


def courier_parts(health: dict[str, Any], page_problem: str) -> list[Part]:
    """The same for the courier's own parts; `health` is Health.figures()."""
    recording = health["recording"]
    lines: dict[str, Line | None] = {
        _("Link"): (
            OK if health["guard_connected"] else BAD,
            _counted(_("{count} readings dropped"), health["dropped_ticks"]),
        ),
        _("Events"): _working(
            health["events_problem"], _counted(_("{count} waiting"), health["events_waiting"])
        ),
        _("MQTT"): (OFF, _("not switched on"))
        if health["broker_connected"] is None
        else _working(health["broker_problem"], _connected(health["remote_stop"])),
        _("Recording"): _working(
            recording["problem"], _counted(_("{count} readings lost"), recording["lost_frames"])
        ),
        _("Storage"): _storage(health["storage_free_mb"]),
        _("Page"): (BAD, _known(page_problem)) if page_problem else None,
    }
    return [_part(name, *line) for name, line in lines.items() if line is not None]


def _connected(remote_stop: str) -> str:
    return _("connected") if remote_stop in ("ready", "off") else _("connected; remote stop is being tried")


def _part(name: str, state: str, text: str) -> Part:
    return {"name": name, "state": state, "text": text}


def _counted(text: str, count: Any) -> str:
    return text.format(count=count)


def _working(problem: str, text: str) -> Line:
    return (BAD, _known(problem)) if problem else (OK, text)


def _known(problem: str) -> str:
    """A problem, a line each, in the language of the page; log and MQTT have it in English."""
    return " ".join(map(spoken, problem.splitlines()))


def _reading(sample: T | Fault | None, text: Callable[[T], str]) -> Line | None:
    """None before the first reading."""
    if sample is None:
        return None
    return (BAD, str(Advice(*map(_, HINTS[sample])))) if isinstance(sample, Fault) else (OK, text(sample))


def _contacts(feedback: bool | None, run: bool) -> Line:
    if feedback is None:
        return OFF, _("no read-back fitted")
    return OK if feedback == run else BAD, _("run") if feedback else _("off")


def _rights(asked: Any) -> Line | None:
    """None when the guard sent no list of what it asked the system for."""
    if not isinstance(asked, list):
        return None
    refused = [str(a.get("what")) for a in asked if isinstance(a, dict) and not a.get("ok")]
    if not refused:
        return OK, _("granted")
    return OFF, _("refused: {rights}; times may vary").format(rights=", ".join(refused))


def _storage(free_mb: int | None) -> Line:
    if free_mb is None:
        return BAD, _("cannot be read")
    room = f"{free_mb} MB" if free_mb < IN_GB_MB else f"{free_mb // 1000} GB"
    return (OK if free_mb >= LOW_STORAGE_MB else BAD), _("{room} free").format(room=room)


def _belt_sensor(frame: Frame, fitted: bool) -> Line:
    if frame.belt_speed_m_s is not None:
        return OK, f"{frame.belt_speed_m_s * 3.6:.1f} km/h"
    return (BAD, _("no reading")) if fitted else (OFF, _("not fitted: the highest belt speed is assumed"))
