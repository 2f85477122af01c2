"""The settings of what records, publishes, shows and speaks: courier, MQTT, page, alerts, coach. None arms a belt."""

from typing import Literal

from firmware_py.config.section import Section, setting

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class CourierConfig(Section):
    """Recording and explaining. Nothing here can start the belt."""

    state_dir: str = setting("/var/lib/rearguard", "traces, incidents, events")
    socket: str = setting("/run/rearguard/courier.sock", "where guard and courier meet")
    device_id: str = setting("rearguard", "name in topics and events: letters, digits, - and _")
    language: Literal["en", "de"] = setting("en", "of page, reports and messages")
    keep_days: int = setting(
        30,
        "recordings older than this go, a pause counts for two days at most; incidents stay",
        "days",
        1,
        3650,
    )
    quota_mb: int = setting(
        2000, "recordings beyond this go, oldest first; incidents stay", "MB", 50, 1_000_000
    )
    keep_events_days: int = setting(
        90, "events are kept this long after the broker took them", "days", 1, 3650
    )


class MqttConfig(Section):
    """The broker. The password comes from a systemd credential or a file of its own, never from here."""

    enabled: bool = setting(False, "publish at all")
    host: str = setting("localhost", "broker name or address")
    port: int = setting(1883, "8883 with TLS", "", 1, 65535)
    tls: bool = setting(False, "encrypt and check the broker's certificate")
    ca_file: str = setting("", "certificate authority; empty: the system's")
    cert_file: str = setting("", "this device's own certificate; `rearguard enroll` fetches it")
    key_file: str = setting("", "the key of that certificate; it never leaves this device")
    user: str = setting("", "empty: no login")
    password_file: str = setting("", "empty: the systemd credential `mqtt_password` when there is one")
    root: str = setting("", "what stands before rearguard/ in every topic, such as gym/hall2; empty: nothing")
    profile: Literal["home", "fleet"] = setting(
        "home", "fleet: fewer messages, for many devices on one broker (docs/fleet.md)"
    )
    home_assistant: bool = setting(True, "announce the device to Home Assistant")
    discovery_prefix: str = setting("homeassistant", "as set in Home Assistant's MQTT integration")
    allow_remote_stop: bool = setting(True, "a remote stop may be asked for; a remote start never")

    def topic(self, device: str, tail: str) -> str:
        """Where `tail` of this device stands on the broker: every topic of ours is made here."""
        return f"{self.root}/rearguard/{device}/{tail}" if self.root else f"rearguard/{device}/{tail}"


class PageConfig(Section):
    """The read-only page."""

    enabled: bool = setting(True, "serve it")
    host: str = setting("127.0.0.1", "0.0.0.0 shows it to the local network: set a password then")
    port: int = setting(8765, "", "", 1, 65535)
    password_file: str = setting("", "empty: no password, allowed on the loopback address only")


class AlertsConfig(Section):
    """Telling people who do not look at the page. Who they are stands in a file of its own: addresses are secrets."""

    enabled: bool = setting(False, "send alerts; needs people_file")
    people_file: str = setting("/etc/rearguard/alerts.toml", "who is told, and how (docs/gym.md)")
    quiet: tuple[str, ...] = setting(
        ("22:00-07:00",),
        'hours without notes, such as "mon-fri 22:00-06:30"; a fall or a stop is always sent',
    )
    repeat_s: int = setting(60, "a possible fall is sent again until somebody acknowledges it", "s", 30, 600)
    link_address: str = setting("", "http address of this device for the acknowledge link; empty: no link")
    link_host: str = setting("0.0.0.0", "where the acknowledge page listens")
    link_port: int = setting(8766, "its port", "", 1, 65535)


class CoachConfig(Section):
    """What helps a walker to follow a plan. It shows and sounds; it cannot arm, stop or change a limit."""

    programmes: str = setting(
        "", "folder of plans, NAME.toml for each walker; empty: programmes/ in courier.state_dir"
    )
    sound: Literal["none", "alsa"] = setting("none", "alsa: a speaker of its own, never the guard's buzzer")
    sound_device: str = setting("default", "ALSA name of that speaker; `aplay -L` lists them")
    metronome_percent: Literal[0, 95, 100, 105] = setting(
        0, "0: off; else a beat at this share of the walker's own cadence", "%"
    )
