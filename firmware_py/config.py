"""Owns every setting: its unit, span, default and the source of the number. Must never touch hardware.

People write degrees, millimetres, km/h and milliseconds in a TOML file; `Config.monitor_params` turns them into the
SI values of the core. A default that the core has, too, is taken from the core's own params. Unknown keys, wrong spans
and contradictions are refused all at once.
"""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import ValidationInfo

from firmware_py.core.monitor import MonitorParams
from sensors import lsm6dsox, mpu6050, tf_luna, vl53l1x
from sensors.advice import ConfigError as ConfigError

INSTALLED = Path("/etc/rearguard/config.toml")

_CORE = MonitorParams()
_DRIFT, _POSITION = _CORE.drift, _CORE.position
KM_H = 3.6  # km/h in one m/s
REAR_LINE_MAX_PERCENT = 70  # ISO 20957-6 6.5.3
LEAST_ROOM_MM = 200  # between the lines: less, and the walker has nowhere to stand
LEVEL_ANSWER_NS = 50_000_000  # F14: a level drive has no pulse watchdog to wait for
PULSE_TICKS = 2  # a magnet is seen for one tick and gone for one: faster pulses cannot be counted
AUTO = "auto"
ADDRESSES = {
    "lsm6dsox": lsm6dsox.ADDRESSES,
    "mpu6050": mpu6050.ADDRESSES,
    "vl53l1x": vl53l1x.ADDRESSES,
    "tf_luna": tf_luna.ADDRESSES,
}
"""Where each sensor can answer on the bus; the first is its usual place."""

# Pins of the header that no setting may name. SPI's (7 to 11) may be: SPI is off on a new system, and where it is on
# the kernel refuses the pin by name.
RESERVED_PINS = {
    **dict.fromkeys((0, 1), "belongs to the memory chip of add-on boards, which is read at boot"),
    **dict.fromkeys((2, 3), "belongs to the I2C bus: the sensors would go silent"),
    **dict.fromkeys((14, 15), "is the serial console's pin, which talks at boot"),
}
PULLED_UP = range(9)  # BCM2835 ARM peripherals, table 6-31: high from reset until a program takes the pin
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LONGEST_WORD = 255  # characters of a name, an address or a path
LARGEST_FILE = 65_536  # bytes of a configuration; the one that is shipped has 8,000
LONGEST_LINE = 1_000  # bytes; a key of 30,000 parts keeps the TOML reader busy for a minute
SAME_DIRECTION = 1e-3  # of a mounting's rows: lengths and right angles, as exact as six digits


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, validate_default=True, allow_inf_nan=False
    )


def _setting(default: Any, why: str, unit: str = "", ge: float | None = None, le: float | None = None) -> Any:
    """One setting: default, span, unit and purpose; config.toml and the error messages show all of them."""
    return Field(default, ge=ge, le=le, description=why, json_schema_extra={"unit": unit})


class _ChipConfig(_Section):
    """A sensor on the bus. Its address follows the sensor unless it is set."""

    sensor: str
    bus: int
    address: int

    @field_validator("address", mode="before", check_fields=False)
    @classmethod
    def _number(cls, value: Any, others: ValidationInfo) -> Any:
        """`auto` and text such as "0x6b" become the number."""
        if value in (AUTO, None):
            return ADDRESSES.get(others.data.get("sensor", ""), (0,))[0]
        try:
            return int(value, 0) if isinstance(value, str) else value
        except ValueError:
            return value


class DeckConfig(_Section):
    """The running surface, measured from its front (console) end."""

    length_mm: int = _setting(
        round(_DRIFT.deck_length_m * 1000),
        "length of the running surface; `rearguard commission` asks for it",
        "mm",
        800,
        2200,
    )
    rear_line_percent: float = _setting(
        round(100 * _DRIFT.rear_line_m / _DRIFT.deck_length_m, 3),
        "the walker is at rest before this part of the deck; ISO 20957-6 6.5.3 allows at most 70",
        "%",
        40,
        REAR_LINE_MAX_PERCENT,
    )
    front_line_mm: int = _setting(
        round(_DRIFT.front_line_m * 1000),
        "heels and back are this far from the console hood at least",
        "mm",
        0,
        600,
    )


class BeltConfig(_Section):
    """How fast the belt may be and how it comes to rest."""

    ceiling_km_h: float = _setting(
        round(_DRIFT.belt_ceiling_m_s * KM_H, 3),
        "fastest belt speed in use; stands in when none is measured",
        "km/h",
        0.3,
        8.0,
    )
    coast_down_m_s2: float = _setting(
        _DRIFT.coast_down_m_s2,
        "deceleration after the cut; measured by `rearguard commission`",
        "m/s2",
        0.2,
        5.0,
    )
    stop_latency_ms: int = _setting(
        round(_DRIFT.stop_latency_s * 1000),
        "from the cut to the belt slowing; measured by `rearguard commission`",
        "ms",
        10,
        600,
    )
    direction: Literal["normal", "reverse"] = _setting(
        _POSITION.direction, "reverse: the belt runs toward the console and the walker faces it"
    )
    over_safe_speed: Literal["warn", "refuse"] = _setting(
        _DRIFT.over_safe_speed,
        "above the speed that the coast-down allows: only warn, or refuse to arm and stop",
    )
    commissioned: bool = _setting(
        _DRIFT.commissioned, "true once `rearguard commission` has measured this treadmill"
    )
    speed_sensor: Literal["none", "hall"] = _setting("none", "hall: a magnet on the roller and a hall switch")
    hall_pin: int = _setting(16, "GPIO of the hall switch", "BCM", 9, 27)
    hall_mm_per_pulse: float = _setting(
        150.0, "belt travel from pulse to pulse: roller circumference / magnets", "mm", 5, 600
    )


class ImuConfig(_ChipConfig):
    """The hip pod."""

    sensor: Literal["lsm6dsox", "mpu6050"] = _setting(
        "lsm6dsox", "mpu6050 covers 6050, 6500, 9250 and clones"
    )
    bus: int = _setting(1, "/dev/i2c-N", "", 0, 30)
    address: int = _setting(AUTO, "auto: follows the sensor; lsm6dsox 0x6a or 0x6b, mpu6050 0x68 or 0x69")
    mounting: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] = (
        _setting(
            ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
            "rows turn chip axes into x forward, y left, z up; written by `rearguard calibrate`",
        )
    )
    gyro_bias_deg_s: tuple[float, float, float] = _setting(
        (0.0, 0.0, 0.0), "subtracted from the gyro, chip axes; written by `rearguard calibrate`", "deg/s"
    )

    @model_validator(mode="after")
    def _is_a_rotation(self) -> Self:
        rows = self.mounting
        for i in range(3):
            for j in range(3):
                dot = sum(a * b for a, b in zip(rows[i], rows[j], strict=True))
                if abs(dot - (1.0 if i == j else 0.0)) > SAME_DIRECTION:
                    raise ValueError(
                        "mounting is not a rotation: rows must be of length 1 and at right angles"
                    )
        (a, b, c), (d, e, f), (g, h, i_) = rows
        if a * (e * i_ - f * h) - b * (d * i_ - f * g) + c * (d * h - e * g) < 0:
            raise ValueError("mounting mirrors the axes: one axis has the wrong sign")
        return self


class RangeConfig(_ChipConfig):
    """The distance sensor that sees where the walker stands."""

    sensor: Literal["vl53l1x", "tf_luna"] = _setting(
        "vl53l1x", "vl53l1x to 1.3 m; tf_luna for long or sunlit decks"
    )
    bus: int = _setting(1, "/dev/i2c-N", "", 0, 30)
    address: int = _setting(AUTO, "auto: follows the sensor; vl53l1x 0x29, tf_luna 0x10")
    mount: Literal["front", "rear"] = _setting(
        _POSITION.mount, "front: at the console looking rearward; rear: looking forward"
    )
    zero_mm: int = _setting(
        round(_POSITION.zero_m * 1000),
        "from the front edge (rear mount: the rear edge) to the sensor; positive when it sits outside the deck",
        "mm",
        -600,
        1000,
    )
    half_body_mm: int = _setting(
        round(_POSITION.half_body_m * 1000),
        "from the surface the sensor sees to the middle of the pelvis; 0 measures to the surface itself",
        "mm",
        0,
        300,
    )


class RelayConfig(_Section):
    """The contact in the treadmill's safety-key circuit. Energise to run, active high."""

    pin: int = _setting(
        17, "GPIO 9-27 have a pull-down at reset; 0-8 a pull-up and are refused", "BCM", 9, 27
    )
    drive: Literal["level", "pulse"] = _setting(
        "pulse", "pulse: toggled by the loop for the pulse watchdog of hardware.md"
    )
    readback: Literal["none", "contacts"] = _setting("contacts", "the force-guided contacts' auxiliary pair")
    readback_pin: int = _setting(22, "low (NC pair closed to ground) = both contactors dropped", "BCM", 9, 27)


class PanelConfig(_Section):
    """Buttons, buzzer and lamp. -1 = not fitted."""

    button_pin: int = _setting(23, "arming button, to ground", "BCM", 9, 27)
    stop_pin: int = _setting(
        24, "stop button on the pod's cable, NC to ground: a broken wire is a stop", "BCM", -1, 27
    )
    buzzer_pin: int = _setting(25, "buzzer, active high", "BCM", -1, 27)
    lamp_pin: int = _setting(27, "lamp, active high", "BCM", -1, 27)
    soft_stop_pin: int = _setting(-1, "console stop contact, active high", "BCM", -1, 27)


class LoopConfig(_Section):
    """The real-time loop."""

    rate_hz: int = _setting(200, "ticks a second; a fall is seen as well at 100 Hz", "Hz", 100, 400)
    priority: int = _setting(50, "SCHED_FIFO priority", "", 1, 90)
    cpu: int = _setting(-1, "pin the loop to this core; -1 leaves it to the kernel", "", -1, 15)
    require_realtime: bool = _setting(False, "true: refuse to arm when the kernel refuses real-time rights")


class BalanceConfig(_Section):
    """Loss of balance."""

    stumbles: Literal["stop", "warn"] = _setting(
        _CORE.balance.stumbles, "a stumble that the walker may yet recover from: stop, or warn"
    )


class DriftConfig(_Section):
    """Drift toward an edge."""

    warn_mm: int = _setting(
        round(_DRIFT.warn_m * 1000),
        "warn by ear when the predicted resting point is this near to a line",
        "mm",
        0,
        500,
    )
    soft_stop: bool = _setting(
        _DRIFT.soft_stop, "pull the console's stop contact at the warning, the cut stays at its deadline"
    )
    standstill: bool = _setting(_DRIFT.standstill, "stop when the walker stands on a moving belt")


class CourierConfig(_Section):
    """Recording and explaining. Nothing here can start the belt."""

    state_dir: str = _setting("/var/lib/rearguard", "traces, incidents, events")
    socket: str = _setting("/run/rearguard/courier.sock", "where guard and courier meet")
    device_id: str = _setting("rearguard", "name in topics and events: letters, digits, - and _")
    language: Literal["en", "de"] = _setting("en", "of page, reports and messages")
    keep_days: int = _setting(
        30,
        "recordings older than this go, a pause counts for two days at most; incidents stay",
        "days",
        1,
        3650,
    )
    quota_mb: int = _setting(
        2000, "recordings beyond this go, oldest first; incidents stay", "MB", 50, 1_000_000
    )
    keep_events_days: int = _setting(
        90, "events are kept this long after the broker took them", "days", 1, 3650
    )


class MqttConfig(_Section):
    """The broker. The password comes from a systemd credential or a file of its own, never from here."""

    enabled: bool = _setting(False, "publish at all")
    host: str = _setting("localhost", "broker name or address")
    port: int = _setting(1883, "8883 with TLS", "", 1, 65535)
    tls: bool = _setting(False, "encrypt and check the broker's certificate")
    ca_file: str = _setting("", "certificate authority; empty: the system's")
    cert_file: str = _setting("", "this device's own certificate; `rearguard enroll` fetches it")
    key_file: str = _setting("", "the key of that certificate; it never leaves this device")
    user: str = _setting("", "empty: no login")
    password_file: str = _setting("", "empty: the systemd credential `mqtt_password` when there is one")
    root: str = _setting(
        "", "what stands before rearguard/ in every topic, such as gym/hall2; empty: nothing"
    )
    profile: Literal["home", "fleet"] = _setting(
        "home", "fleet: fewer messages, for many devices on one broker (docs/fleet.md)"
    )
    home_assistant: bool = _setting(True, "announce the device to Home Assistant")
    discovery_prefix: str = _setting("homeassistant", "as set in Home Assistant's MQTT integration")
    allow_remote_stop: bool = _setting(True, "a remote stop may be asked for; a remote start never")

    def topic(self, device: str, tail: str) -> str:
        """Where `tail` of this device stands on the broker: every topic of ours is made here."""
        return f"{self.root}/rearguard/{device}/{tail}" if self.root else f"rearguard/{device}/{tail}"


class PageConfig(_Section):
    """The read-only page."""

    enabled: bool = _setting(True, "serve it")
    host: str = _setting("127.0.0.1", "0.0.0.0 shows it to the local network: set a password then")
    port: int = _setting(8765, "", "", 1, 65535)
    password_file: str = _setting("", "empty: no password, allowed on the loopback address only")


class AlertsConfig(_Section):
    """Telling people who do not look at the page. Who they are stands in a file of its own: addresses are secrets."""

    enabled: bool = _setting(False, "send alerts; needs people_file")
    people_file: str = _setting("/etc/rearguard/alerts.toml", "who is told, and how (docs/gym.md)")
    quiet: tuple[str, ...] = _setting(
        ("22:00-07:00",),
        'hours without notes, such as "mon-fri 22:00-06:30"; a fall or a stop is always sent',
    )
    repeat_s: int = _setting(60, "a possible fall is sent again until somebody acknowledges it", "s", 30, 600)
    link_address: str = _setting("", "http address of this device for the acknowledge link; empty: no link")
    link_host: str = _setting("0.0.0.0", "where the acknowledge page listens")
    link_port: int = _setting(8766, "its port", "", 1, 65535)


class CoachConfig(_Section):
    """What helps a walker to follow a plan. It shows and sounds; it cannot arm, stop or change a limit."""

    programmes: str = _setting(
        "", "folder of plans, NAME.toml for each walker; empty: programmes/ in courier.state_dir"
    )
    sound: Literal["none", "alsa"] = _setting("none", "alsa: a speaker of its own, never the guard's buzzer")
    sound_device: str = _setting("default", "ALSA name of that speaker; `aplay -L` lists them")
    metronome_percent: Literal[0, 95, 100, 105] = _setting(
        0, "0: off; else a beat at this share of the walker's own cadence", "%"
    )


class Config(_Section):
    """Everything a person may set. The defaults are those of replay and evaluation."""

    deck: DeckConfig = DeckConfig()
    belt: BeltConfig = BeltConfig()
    imu: ImuConfig = ImuConfig()
    range: RangeConfig = RangeConfig()
    relay: RelayConfig = RelayConfig()
    panel: PanelConfig = PanelConfig()
    loop: LoopConfig = LoopConfig()
    balance: BalanceConfig = BalanceConfig()
    drift: DriftConfig = DriftConfig()
    courier: CourierConfig = CourierConfig()
    mqtt: MqttConfig = MqttConfig()
    page: PageConfig = PageConfig()
    alerts: AlertsConfig = AlertsConfig()
    coach: CoachConfig = CoachConfig()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        wrong = [*self._wrong_pins(), *self._wrong_sensors()]
        if round((self.rear_line_m - self.front_line_m) * 1000, 3) <= LEAST_ROOM_MM:
            wrong.append(
                f"deck.front_line_mm and rear_line_percent leave {LEAST_ROOM_MM} mm or less between the lines: the "
                "walker has nowhere to stand"
            )
        if self.drift.soft_stop and self.panel.soft_stop_pin < 0:
            wrong.append(
                "drift.soft_stop has no contact to pull: wire one and set panel.soft_stop_pin (hardware.md)"
            )
        if self.page.enabled and self.page.host not in LOOPBACK and not self.page.password_file:
            wrong.append(
                f"page.host = {self.page.host} shows the page to the network: set page.password_file too"
            )
        wrong += self._wrong_words()
        if not self.courier.device_id.replace("-", "").replace("_", "").isalnum():
            wrong.append("courier.device_id takes letters, digits, - and _ only: it becomes a topic name")
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def _wrong_sensors(self) -> Iterator[str]:
        """Addresses that the chosen chip cannot have, and magnets too close together for the loop to count."""
        for name, chip in (("imu", self.imu), ("range", self.range)):
            known = ADDRESSES[chip.sensor]
            if chip.address not in known:
                answers = " or ".join(f"0x{one:02x}" for one in known)
                yield (
                    f"{name}.address = 0x{chip.address:02x} is none of {chip.sensor}: that answers at {answers}. Set "
                    f'{name}.address = "auto", or another {name}.sensor'
                )
        least_mm = round(PULSE_TICKS * self.belt_ceiling_m_s / self.loop.rate_hz * 1000, 6)
        if self.belt.speed_sensor == "hall" and self.belt.hall_mm_per_pulse < least_mm:
            yield (
                f"belt.hall_mm_per_pulse = {self.belt.hall_mm_per_pulse:g} gives more pulses at belt.ceiling_km_h than "
                f"loop.rate_hz = {self.loop.rate_hz} can count: use fewer magnets, at least {least_mm:.1f} mm apart"
            )

    def _wrong_words(self) -> Iterator[str]:
        for section in ("courier", "mqtt", "page"):
            for key, value in getattr(self, section):
                if isinstance(value, str) and (len(value) > LONGEST_WORD or not value.isprintable()):
                    yield f"{section}.{key} is longer than {LONGEST_WORD} characters or holds one that cannot be shown"
        for name, value in (
            ("mqtt.host", self.mqtt.host if self.mqtt.enabled else "off"),
            ("page.host", self.page.host if self.page.enabled else "off"),
            ("courier.state_dir", self.courier.state_dir),
            ("courier.socket", self.courier.socket),
        ):
            if not value.strip():
                yield f"{name} is empty: give it a value, or delete the line for the default"
        prefix = self.mqtt.discovery_prefix
        if set(prefix) & set("#+ ") or not all(prefix.split("/")):
            yield "mqtt.discovery_prefix must be a topic, like homeassistant: no wildcards, no blank or empty parts"
        if self.mqtt.root and not all(map(_is_root_part, self.mqtt.root.split("/"))):
            yield (
                "mqtt.root takes names of letters, digits, - and _ with / between them, like gym/hall2, and none of "
                "them is rearguard"
            )
        if bool(self.mqtt.cert_file) != bool(self.mqtt.key_file):
            yield "mqtt.cert_file and mqtt.key_file belong together: set both or none"
        if self.mqtt.cert_file and not self.mqtt.tls:
            yield "mqtt.cert_file needs mqtt.tls = true: without it no certificate is shown to anybody"

    def _wrong_pins(self) -> Iterator[str]:
        relay, belt, panel = self.relay, self.belt, self.panel
        outputs = {"relay.pin": relay.pin, "panel.buzzer_pin": panel.buzzer_pin, "panel.lamp_pin": panel.lamp_pin,
                   "panel.soft_stop_pin": panel.soft_stop_pin}  # fmt: skip
        inputs = {
            "relay.readback_pin": relay.readback_pin if relay.readback != "none" else -1,
            "belt.hall_pin": belt.hall_pin if belt.speed_sensor == "hall" else -1,
            "panel.button_pin": panel.button_pin,
            "panel.stop_pin": panel.stop_pin,
        }
        taken: dict[int, str] = {}
        for name, pin in {**outputs, **inputs}.items():
            if pin < 0:  # not fitted, or not in use
                continue
            if pin in RESERVED_PINS:
                yield f"{name} = {pin} {RESERVED_PINS[pin]}: use another of 9 to 27"
            elif name in outputs and pin in PULLED_UP:
                yield f"{name} = {pin} is pulled up at reset, so what it drives would be on at boot: use 9 to 27"
            if pin in taken:
                yield f"{name} and {taken[pin]} share GPIO {pin}: give each a pin of its own"
            taken[pin] = name

    @property
    def deck_length_m(self) -> float:
        return self.deck.length_mm / 1000

    @property
    def rear_line_m(self) -> float:
        return self.deck.length_mm * self.deck.rear_line_percent / 100_000

    @property
    def front_line_m(self) -> float:
        """The front line that the core enforces; whoever draws a front line uses this one.

        On a reverse belt the core's "front" is the rear edge, where the 70 % rule holds from the other side.
        """
        line_m = self.deck.front_line_mm / 1000
        if self.belt.direction == "normal":
            return line_m
        return max(line_m, (100 - REAR_LINE_MAX_PERCENT) / 100 * self.deck_length_m)

    @property
    def belt_ceiling_m_s(self) -> float:
        return self.belt.ceiling_km_h / KM_H

    def monitor_params(self) -> MonitorParams:
        """What the core must know, in SI units; figures that nobody may set are the core's own."""
        return replace(
            _CORE,
            balance=replace(_CORE.balance, stumbles=self.balance.stumbles),
            position=replace(
                _POSITION,
                mount=self.range.mount,
                direction=self.belt.direction,
                zero_m=self.range.zero_mm / 1000,
                half_body_m=self.range.half_body_mm / 1000,
                deck_length_m=self.deck_length_m,
            ),
            drift=replace(
                _DRIFT,
                deck_length_m=self.deck_length_m,
                rear_line_m=self.rear_line_m,
                front_line_m=self.front_line_m,
                coast_down_m_s2=self.belt.coast_down_m_s2,
                stop_latency_s=self.belt.stop_latency_ms / 1000,
                belt_ceiling_m_s=self.belt_ceiling_m_s,
                commissioned=self.belt.commissioned,
                warn_m=self.drift.warn_mm / 1000,
                soft_stop=self.drift.soft_stop,
                standstill=self.drift.standstill,
                over_safe_speed=self.belt.over_safe_speed,
            ),
            health=replace(_CORE.health, relay_answer_ns=LEVEL_ANSWER_NS)
            if self.relay.drive == "level"
            else _CORE.health,
        )

    @property
    def guard_lock(self) -> Path:
        """The lock file of whoever uses the bus and the pins: the guard, or a command in its place."""
        return Path(self.courier.socket).with_name("guard.lock")

    @property
    def hash(self) -> str:
        """Identifies the effective configuration in every trace and event: 12 hex digits of its SHA-256."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _is_root_part(part: str) -> bool:
    """Fit for MQTT and for NATS, where a dot or a blank would mean something."""
    return part != "rearguard" and part.isascii() and part.replace("-", "").replace("_", "").isalnum()


def load(path: Path | None) -> Config:
    """Read a TOML file (None: the defaults). Raises ConfigError with every mistake at once."""
    if path is None:
        return Config()
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE or any(len(line) > LONGEST_LINE for line in data.splitlines()):
            raise ConfigError(
                f"config: {path} has more than {LARGEST_FILE} bytes, or more than {LONGEST_LINE} in a line",
                "Usually a wrong file",
                "`rearguard config` prints one of the right form",
            )
        text = data.decode("utf-8")
    except OSError as error:
        raise ConfigError(
            f"config: cannot read {path}: {error.strerror}", do="Give --config the path of a TOML file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"config: {path} is not UTF-8 text", "Usually a wrong file, or one saved by a word processor"
        ) from None
    try:
        return parse(tomllib.loads(text))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, too
        raise ConfigError(
            f"config: {path} is not TOML: {error}", "Usually a missing quote or bracket on that line"
        ) from None


def load_of_device(path: Path | None) -> Config:
    """`path`, else the installed file, else the defaults: for commands of a person, never for the guard."""
    return load(path or (INSTALLED if INSTALLED.exists() else None))


def parse(raw: dict[str, Any]) -> Config:
    """Build a Config from plain values. Raises ConfigError with every mistake at once."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(explain(error, Config, "config")) from None


def explain(error: ValidationError, model: type[BaseModel], file: str) -> str:
    """Every mistake in a line of its own: key, value, and what is allowed. `file` names what was read."""
    return "\n".join(_explain(dict(e), model, file) for e in error.errors())


def _explain(error: dict[str, Any], model: type[BaseModel], file: str) -> str:
    where = [str(part) for part in error["loc"]]
    key = ".".join(where)
    section = _section_of(model, where[0]) if where else None
    if error["type"] == "extra_forbidden":
        known = _names(section if section and len(where) > 1 else model)
        near = difflib.get_close_matches(where[-1], known, 1, 0.4)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}."
        return f"{file}: {key} is not a setting; {hint}"
    if error["type"] == "value_error":
        return "\n".join(f"{file}: {line}" for line in str(error["ctx"]["error"]).splitlines())
    value = error["input"]
    if not where:
        return f"{file}: it must be a table of settings, not {value!r}."
    if section and len(where) < 2:
        return f"{file}: [{key}] must be a section with settings of its own, not {value!r}."
    field = section.model_fields[where[1]] if section else model.model_fields[where[0]]
    return f"{file}: {key} = {value!r} {_span(field)}."


def _section_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model of a section of this name; None when it is a plain setting or nothing at all."""
    field = model.model_fields.get(name)
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _names(model: type[BaseModel]) -> list[str]:
    return list(model.model_fields)


def _span(field: FieldInfo) -> str:
    if get_args(field.annotation) and all(isinstance(a, str) for a in get_args(field.annotation)):
        return "is none of: " + ", ".join(f'"{a}"' for a in get_args(field.annotation))
    low, high = limits(field)
    kind = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(
        field.annotation if isinstance(field.annotation, type) else object, "of the form shown in config.toml"
    )
    span = f" from {low:g} to {high:g}" if low is not None and high is not None else ""
    return f"must be {kind}{span}{' ' + unit_of(field) if unit_of(field) else ''}"


def limits(field: FieldInfo) -> tuple[float | None, float | None]:
    """Smallest and largest value a setting takes, None where it has no such bound."""
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    return low, high


def unit_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""
