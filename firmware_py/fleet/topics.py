"""Owns what one MQTT message of a device means. Pure: bytes and a clock in, a value out. Must never raise.

Whatever a device, or somebody else, publishes: it becomes a value, or a Refused with the reason, and is counted.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

LONGEST_BYTES = 64_000
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # of a device or a site
_KIND = re.compile(r"[a-z_]{1,40}")
_BOOT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"[!-~]{1,80}")
_LARGEST_SEQ = 2**53


class Status(NamedTuple):
    """The device is connected, or its last will says that it is not. `retained`: the broker kept it for us."""

    site: str
    device: str
    online: bool
    retained: bool = False


class Picture(NamedTuple):
    """The newest state or health of a device. `kind` is "state" or "health".

    A retained one may be as old as the device has been silent. `clock_s` is what the device takes the time for.
    """

    site: str
    device: str
    kind: str
    text: str
    retained: bool = False
    tone: str = ""
    version: str = ""
    clock_s: float | None = None


class Event(NamedTuple):
    """One event. `(device, boot_id, seq)` names it for ever."""

    site: str
    device: str
    boot_id: str
    seq: int
    part: str
    id: str
    kind: str
    cause: str
    version: str
    time_s: float
    text: str


class Refused(NamedTuple):
    """A message that is not used, and why."""

    site: str
    device: str
    reason: str


Message = Status | Picture | Event | Refused


def read(root: str, topic: str, payload: bytes, retained: bool = False) -> Message:
    """`root` is what stands before "rearguard/" on this broker; the site is its last part, or "gym"."""
    site, device, tail = _parts(root, topic)
    if not device:
        return Refused("", "", "foreign topic")
    if len(payload) > LONGEST_BYTES:
        return Refused(site, device, "too long")
    if tail == "status":
        return Status(site, device, payload == b"online", retained)
    try:
        text = payload.decode("utf-8")
        data = json.loads(text)
    except (ValueError, RecursionError):
        return Refused(site, device, "not JSON")
    if not isinstance(data, dict):
        return Refused(site, device, "not an object")
    if tail in ("state", "health"):
        tone = _tone(data) if tail == "state" else ""
        version, clock_s = _word(data.get("guard_version"), 40), _time(data.get("time"))
        return Picture(site, device, tail, text, retained, tone, version, clock_s)
    if tail.startswith("event/"):
        return _event(site, device, tail.removeprefix("event/"), data, text)
    return Refused(site, device, "not for the fleet")


def _parts(root: str, topic: str) -> tuple[str, str, str]:
    """Site, device and the rest; three empty strings when the topic is not one of ours."""
    before, found, after = topic.partition("rearguard/")
    device, _, tail = after.partition("/")
    prefix = f"{root}/" if root else ""
    if not found or not before.startswith(prefix) or (before and not before.endswith("/")):
        return "", "", ""
    site = before.rstrip("/").split("/")[-1] or "gym"
    return (site, device, tail) if NAME.fullmatch(device) and NAME.fullmatch(site) else ("", "", "")


def _tone(state: dict[str, Any]) -> str:
    """What the tile of a device shows that sends this state."""
    if state.get("problem"):
        return "fault"
    if state.get("run"):
        return "warning" if state.get("warning") else "walking"
    return "stopped" if state.get("danger") else "ready"


def _event(site: str, device: str, kind: str, data: dict[str, Any], text: str) -> Event | Refused:
    """A CloudEvents envelope that says the same device as its topic."""
    about = data.get("data")
    if not isinstance(about, dict) or not _KIND.fullmatch(kind):
        return Refused(site, device, "not an event")
    boot_id, seq, name = about.get("boot_id"), about.get("seq"), data.get("id")
    source = str(data.get("source", ""))[:200].split("/")
    if source[2:3] != [device]:
        return Refused(site, device, "says another device")
    if not (isinstance(boot_id, str) and isinstance(name, str)):
        return Refused(site, device, "has no name")
    if not (
        _BOOT.fullmatch(boot_id) and _ID.fullmatch(name)
    ):  # a database takes neither NUL nor half a character
        return Refused(site, device, "has no name")
    if type(seq) is not int or not 0 <= seq < _LARGEST_SEQ:
        return Refused(site, device, "has no number")
    time_s = _time(data.get("time"))
    if time_s is None:
        return Refused(site, device, "has no time")
    cause, version = _word(about.get("cause"), 40), _word(about.get("version"), 40)
    part = "courier" if source[3:4] == ["courier"] else "guard"
    return Event(site, device, boot_id, seq, part, name, kind, cause, version, time_s, text)


def _word(value: Any, most: int) -> str:
    """A short text that every database takes: no NUL, no half of a character, no line end."""
    return "".join(c for c in value[:most] if c.isprintable()) if isinstance(value, str) else ""


def _time(value: Any) -> float | None:
    """RFC 3339; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(str(value)[:40])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
