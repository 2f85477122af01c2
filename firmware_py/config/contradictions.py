"""What no single span can refuse: settings that contradict each other, pins that are taken, names nothing can have.

Every function yields one line a mistake; `Config` asks them all and shows all lines at once.
"""

from collections.abc import Iterator

from firmware_py.config import quiet
from firmware_py.config.hardware import (
    ADDRESSES,
    ImuConfig,
    LoopConfig,
    PanelConfig,
    RangeConfig,
    RelayConfig,
)
from firmware_py.config.section import KM_H, Section
from firmware_py.config.services import LOOPBACK, AlertsConfig, CourierConfig, MqttConfig, PageConfig
from firmware_py.config.treadmill import BeltConfig, DriftConfig

LEAST_ROOM_MM = 200  # between the lines: less, and the walker has nowhere to stand
PULSE_TICKS = 2  # a magnet is seen for one tick and gone for one: faster pulses cannot be counted
LONGEST_SOCKET = 107  # bytes; sun_path of unix(7) has 108 with its end
LONGEST_WORD = 255  # characters of a name, an address or a path

# Pins of the header that no setting may name. SPI's (7 to 11) may be: SPI is off on a new system, and where it is on
# the kernel refuses the pin by name.
RESERVED_PINS = {
    **dict.fromkeys((0, 1), "belongs to the memory chip of add-on boards, which is read at boot"),
    **dict.fromkeys((2, 3), "belongs to the I2C bus: the sensors would go silent"),
    **dict.fromkeys((14, 15), "is the serial console's pin, which talks at boot"),
}
PULLED_UP = range(9)  # BCM2835 ARM peripherals, table 6-31: high from reset until a program takes the pin


def of_pins(relay: RelayConfig, belt: BeltConfig, panel: PanelConfig) -> Iterator[str]:
    """Pins that the board keeps for itself, outputs that would be on at boot, and pins with two users."""
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


def of_sensors(imu: ImuConfig, ranger: RangeConfig, belt: BeltConfig, loop: LoopConfig) -> Iterator[str]:
    """Addresses that the chosen chip cannot have, and magnets too close together for the loop to count."""
    for name, chip in (("imu", imu), ("range", ranger)):
        known = ADDRESSES[chip.sensor]
        if chip.address not in known:
            answers = " or ".join(f"0x{one:02x}" for one in known)
            yield (
                f"{name}.address = 0x{chip.address:02x} is none of {chip.sensor}: that answers at {answers}. Set "
                f'{name}.address = "auto", or another {name}.sensor'
            )
    least_mm = round(PULSE_TICKS * (belt.ceiling_km_h / KM_H) / loop.rate_hz * 1000, 6)
    if belt.speed_sensor == "hall" and belt.hall_mm_per_pulse < least_mm:
        yield (
            f"belt.hall_mm_per_pulse = {belt.hall_mm_per_pulse:g} gives more pulses at belt.ceiling_km_h than "
            f"loop.rate_hz = {loop.rate_hz} can count: use fewer magnets, at least {least_mm:.1f} mm apart"
        )


def of_lines(front_line_m: float, rear_line_m: float) -> Iterator[str]:
    """Two lines with no room between them."""
    if round((rear_line_m - front_line_m) * 1000, 3) <= LEAST_ROOM_MM:
        yield (
            f"deck.front_line_mm and rear_line_percent leave {LEAST_ROOM_MM} mm or less between the lines: the "
            "walker has nowhere to stand"
        )


def of_warning(drift: DriftConfig, front_line_m: float, rear_line_m: float) -> Iterator[str]:
    """A warning that never ends."""
    room_mm = round((rear_line_m - front_line_m) * 1000, 3)
    if LEAST_ROOM_MM < room_mm <= 2 * drift.warn_mm:
        yield (
            f"drift.warn_mm = {drift.warn_mm} leaves no place without a warning in the {room_mm:g} mm between the "
            "lines: less than half of that"
        )


def of_soft_stop(drift: DriftConfig, panel: PanelConfig) -> Iterator[str]:
    """A soft stop without its contact."""
    if drift.soft_stop and panel.soft_stop_pin < 0:
        yield "drift.soft_stop has no contact to pull: wire one and set panel.soft_stop_pin (hardware.md)"


def of_alerts(alerts: AlertsConfig, page: PageConfig) -> Iterator[str]:
    """Quiet hours that are none, and an acknowledge page that nobody could open."""
    for span in alerts.quiet:
        try:
            quiet.parse(span)
        except ValueError as error:
            yield str(error)
    if not alerts.enabled or not alerts.link_address:
        return
    if not alerts.link_address.startswith(("http://", "https://")):
        yield "alerts.link_address must begin with http:// or https://: it becomes a link on a phone"
    if page.enabled and alerts.link_port == page.port:
        yield f"alerts.link_port and page.port share port {page.port}: give each a port of its own"


def of_services(courier: CourierConfig, mqtt: MqttConfig, page: PageConfig) -> Iterator[str]:
    """A page open to the network, words that nothing can show or find, names that are no topic."""
    if page.enabled and page.host not in LOOPBACK and not page.password_file:
        yield f"page.host = {page.host} shows the page to the network: set page.password_file too"
    yield from _of_words({"courier": courier, "mqtt": mqtt, "page": page})
    for name, value in (
        ("mqtt.host", mqtt.host if mqtt.enabled else "off"),
        ("page.host", page.host if page.enabled else "off"),
        ("courier.state_dir", courier.state_dir),
        ("courier.socket", courier.socket),
    ):
        if not value.strip():
            yield f"{name} is empty: give it a value, or delete the line for the default"
    yield from _of_hosts({"mqtt.host": (mqtt.enabled, mqtt.host), "page.host": (page.enabled, page.host)})
    yield from _of_paths(courier)
    yield from _of_mqtt(mqtt)
    name = courier.device_id.replace("-", "").replace("_", "")
    if not (name.isascii() and name.isalnum()):
        yield "courier.device_id takes letters a to z, digits, - and _ only: it becomes a topic name"


def _of_hosts(hosts: dict[str, tuple[bool, str]]) -> Iterator[str]:
    for name, (used, host) in hosts.items():
        if used and (set(host) & set("/@") or host.count(":") == 1):
            yield f"{name} is a name or an address alone, not {host!r}: port, user and TLS have settings of their own"


def _of_paths(courier: CourierConfig) -> Iterator[str]:
    """Guard and courier start in other folders, and both must find these."""
    for name, path in (("courier.state_dir", courier.state_dir), ("courier.socket", courier.socket)):
        if path.strip() and not path.startswith("/"):
            yield f"{name} must begin with /: the programs that use it start in folders of their own"
    if len(courier.socket.encode()) > LONGEST_SOCKET and len(courier.socket) <= LONGEST_WORD:
        yield f"courier.socket is longer than the {LONGEST_SOCKET} bytes that the path of a socket may have"
    if courier.socket.rstrip("/") == courier.state_dir.rstrip("/"):
        yield "courier.socket and courier.state_dir name the same place: the one is a socket, the other a folder"


def _of_words(sections: dict[str, Section]) -> Iterator[str]:
    for name, section in sections.items():
        for key, value in section:
            if isinstance(value, str) and (len(value) > LONGEST_WORD or not value.isprintable()):
                yield f"{name}.{key} is longer than {LONGEST_WORD} characters or holds one that cannot be shown"


def _of_mqtt(mqtt: MqttConfig) -> Iterator[str]:
    prefix = mqtt.discovery_prefix
    if set(prefix) & set("#+ ") or not all(prefix.split("/")):
        yield "mqtt.discovery_prefix must be a topic, like homeassistant: no wildcards, no blank or empty parts"
    if mqtt.root and not all(map(_is_root_part, mqtt.root.split("/"))):
        yield (
            "mqtt.root takes names of letters, digits, - and _ with / between them, like gym/hall2, and none of "
            "them is rearguard"
        )
    if mqtt.enabled and mqtt.ca_file and not mqtt.tls:
        yield "mqtt.ca_file needs mqtt.tls = true: without it nothing is encrypted, the password neither"
    if mqtt.enabled and mqtt.password_file and not mqtt.user:
        yield "mqtt.password_file needs mqtt.user: without a user nobody logs in"
    if bool(mqtt.cert_file) != bool(mqtt.key_file):
        yield "mqtt.cert_file and mqtt.key_file belong together: set both or none"
    if mqtt.cert_file and not mqtt.tls:
        yield "mqtt.cert_file needs mqtt.tls = true: without it no certificate is shown to anybody"


def _is_root_part(part: str) -> bool:
    """Fit for MQTT and for NATS, where a dot or a blank would mean something."""
    return part != "rearguard" and part.isascii() and part.replace("-", "").replace("_", "").isalnum()
