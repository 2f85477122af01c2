"""A wrong config says every mistake at once, in words with key, value, span and cure; a right one round-trips."""

import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from firmware_py.config import Config, ConfigError, limits, load, parse
from firmware_py.core.monitor import MonitorParams
from firmware_py.device.settings import annotated_toml


def mistakes(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    return str(caught.value).splitlines()


def test_the_defaults_are_those_that_replay_and_evaluation_promise() -> None:
    c = Config()
    assert c.deck_length_m == 1.40
    assert c.rear_line_m == pytest.approx(0.98)
    assert c.deck.front_line_mm == 150
    assert c.belt_ceiling_m_s == pytest.approx(0.9)
    assert (c.belt.coast_down_m_s2, c.belt.stop_latency_ms, c.loop.rate_hz) == (1.0, 150, 200)
    assert c.imu.mounting == ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def test_the_annotated_file_is_the_configuration() -> None:
    assert parse(tomllib.loads(annotated_toml(Config()))) == Config()


def test_a_changed_setting_survives_the_annotated_file() -> None:
    changed = parse(
        {"deck": {"length_mm": 1520}, "belt": {"direction": "reverse"}, "courier": {"device_id": "gym-3"}}
    )
    assert parse(tomllib.loads(annotated_toml(changed))) == changed
    assert changed.hash != Config().hash


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ({"deck": {"lenght_mm": 3}}, "config: deck.lenght_mm is not a setting; did you mean length_mm?"),
        ({"dek": {}}, "config: dek is not a setting; did you mean deck?"),
        ({"deck": 5}, "config: [deck] must be a section with settings of its own, not 5."),
        (
            {"deck": {"length_mm": 799}},
            "config: deck.length_mm = 799 must be a whole number from 800 to 2200 mm.",
        ),
        (
            {"deck": {"length_mm": "x"}},
            "config: deck.length_mm = 'x' must be a whole number from 800 to 2200 mm.",
        ),
        ({"belt": {"direction": "up"}}, 'config: belt.direction = \'up\' is none of: "normal", "reverse".'),
        ({"relay": {"pin": 8}}, "config: relay.pin = 8 must be a whole number from 9 to 27 BCM."),
        (
            {"relay": {"pin": 23}},
            "config: panel.button_pin and relay.pin share GPIO 23: give each a pin of its own",
        ),
        ({"imu": {"address": "6B"}}, "config: imu.address = '6B' must be auto or a number such as 0x6a."),
        ({"drift": {"soft_stop": "maybe"}}, "config: drift.soft_stop = 'maybe' must be true or false."),
    ],
)
def test_each_mistake_has_a_line_of_its_own(raw: dict[str, Any], line: str) -> None:
    assert mistakes(raw) == [line]


def test_an_unknown_key_with_no_near_name_lists_what_is_known() -> None:
    (line,) = mistakes({"deck": {"zzz": 3}})
    assert (
        line == "config: deck.zzz is not a setting; known here: length_mm, rear_line_percent, front_line_mm."
    )


def test_all_mistakes_are_reported_at_once() -> None:
    assert (
        len(
            mistakes(
                {"deck": {"length_mm": 3, "rear_line_percent": 71}, "belt": {"direction": "x"}, "nope": {}}
            )
        )
        == 4
    )


@pytest.mark.parametrize(("percent", "fine"), [(69.9, True), (70.0, True), (70.1, False)])
def test_a_rear_line_beyond_70_percent_is_refused(percent: float, fine: bool) -> None:
    raw = {"deck": {"rear_line_percent": percent}}
    if fine:
        assert parse(raw).deck.rear_line_percent == percent
    else:
        assert "70" in mistakes(raw)[0]


@pytest.mark.parametrize(("front_mm", "fine"), [(199, True), (200, False), (201, False)])
def test_the_walker_has_somewhere_to_stand(front_mm: int, fine: bool) -> None:
    raw = {"deck": {"length_mm": 1000, "rear_line_percent": 40, "front_line_mm": front_mm}}
    assert fine or "nowhere to stand" in mistakes(raw)[0]
    if fine:
        parse(raw)


@pytest.mark.parametrize("section", list(Config.model_fields))
def test_every_span_holds_at_its_ends_and_not_one_step_beyond(section: str) -> None:
    model = type(getattr(Config(), section))
    for key, field in model.model_fields.items():
        low, high = limits(field)
        for edge, step in ((low, -1), (high, 1)):
            if edge is None:
                continue
            with pytest.raises(ConfigError):
                parse({section: {key: edge + step * (1 if field.annotation is not float else 0.001)}})


PINS = [(section, name) for section, names in {
    "relay": ("pin", "readback_pin"), "belt": ("hall_pin",),
    "panel": ("button_pin", "stop_pin", "buzzer_pin", "lamp_pin", "soft_stop_pin"),
}.items() for name in names]  # fmt: skip
OUTPUTS = {"pin", "buzzer_pin", "lamp_pin", "soft_stop_pin"}
ELSEWHERE = {"relay": {"pin": 11, "readback_pin": 12}, "belt": {"hall_pin": 13, "speed_sensor": "hall"},
             "panel": {"button_pin": 18, "stop_pin": 19, "buzzer_pin": 20, "lamp_pin": 21}}  # fmt: skip


def test_every_setting_of_a_pin_is_in_the_table_above() -> None:
    model = Config().model_dump()
    named = {(section, key) for section, keys in model.items() for key in keys if key.split("_")[-1] == "pin"}
    assert named == set(PINS)


@pytest.mark.parametrize("pin", range(28))
@pytest.mark.parametrize(("section", "name"), PINS, ids="{0[0]}.{0[1]}".format)
def test_no_setting_takes_a_pin_that_the_board_needs_or_holds_up(section: str, name: str, pin: int) -> None:
    raw = {**ELSEWHERE, section: {**ELSEWHERE[section], name: pin}}
    spare = {p for s, keys in ELSEWHERE.items() for k, p in keys.items() if (s, k) != (section, name)}
    lowest = limits(type(getattr(Config(), section)).model_fields[name])[0] or 0
    fine = pin not in (0, 1, 2, 3, 14, 15) and pin not in spare and pin >= (9 if name in OUTPUTS else lowest)
    if fine:
        assert getattr(getattr(parse(raw), section), name) == pin
    else:
        (line,) = mistakes(raw)
        assert f"{section}.{name} = {pin}" in line or f"GPIO {pin}:" in line


@pytest.mark.parametrize(
    ("pin", "word"),
    [(1, "memory chip"), (2, "I2C"), (3, "I2C"), (8, "pulled up"), (14, "serial"), (15, "serial")],
)
def test_the_reason_a_pin_is_refused_is_given(pin: int, word: str) -> None:
    (line,) = mistakes({"panel": {"lamp_pin": pin}})
    assert line.startswith(f"config: panel.lamp_pin = {pin} ") and word in line


CHIPS = {"lsm6dsox": {0x6A, 0x6B}, "mpu6050": {0x68, 0x69}, "vl53l1x": {0x29}, "tf_luna": {0x10}}


@pytest.mark.parametrize("sensor", CHIPS)
def test_an_address_is_one_that_the_chosen_chip_can_have(sensor: str) -> None:
    section = "imu" if sensor in ("lsm6dsox", "mpu6050") else "range"
    for address in range(128):
        raw = {section: {"sensor": sensor, "address": address}}
        if address in CHIPS[sensor]:
            assert getattr(parse(raw), section).address == address
        else:
            (line,) = mistakes(raw)
            assert f"{section}.address = 0x{address:02x}" in line and "auto" in line


@pytest.mark.parametrize("sensor", CHIPS)
@pytest.mark.parametrize("written", ["", 'address = "auto"\n'])
def test_an_address_that_is_not_set_follows_the_sensor(sensor: str, written: str) -> None:
    section = "imu" if sensor in ("lsm6dsox", "mpu6050") else "range"
    config = parse(tomllib.loads(f'[{section}]\n{written}sensor = "{sensor}"\n'))
    assert getattr(config, section).address == min(CHIPS[sensor])
    again = annotated_toml(config)
    assert f'address = "auto"  # 0x{min(CHIPS[sensor]):02x}' in again
    assert parse(tomllib.loads(again)) == config


@pytest.mark.parametrize("written", ["0x6B", "0x6b", "107"])
def test_an_address_may_be_written_as_text(written: str) -> None:
    config = parse({"imu": {"address": written}})
    assert config.imu.address == 0x6B
    assert "address = 0x6b" in annotated_toml(config)


def test_an_address_that_is_no_number_is_refused() -> None:
    assert "imu.address = '6B'" in mistakes({"imu": {"address": "6B"}})[0]
    assert "imu.address" in mistakes({"imu": {"address": True}})[0]
    assert len(mistakes({"imu": {"sensor": "lsm", "address": "auto"}})) == 1


@pytest.mark.parametrize(("mm", "fine"), [(8.9, False), (9.0, True), (9.1, True)])
def test_magnets_too_close_for_the_loop_to_count_are_refused(mm: float, fine: bool) -> None:
    raw = {"belt": {"speed_sensor": "hall", "hall_mm_per_pulse": mm}}
    assert fine or "fewer magnets" in mistakes(raw)[0]
    if fine:
        parse(raw)
    parse({"belt": {"hall_mm_per_pulse": mm}})


def test_on_a_reverse_belt_the_room_is_that_between_the_lines_that_hold() -> None:
    raw = {"deck": {"length_mm": 1000, "rear_line_percent": 49}, "belt": {"direction": "reverse"}}
    assert "nowhere to stand" in mistakes(raw)[0]


def test_pins_that_are_not_in_use_may_be_shared() -> None:
    parse({"belt": {"hall_pin": 17}})
    assert "share GPIO 17" in mistakes({"belt": {"hall_pin": 17, "speed_sensor": "hall"}})[0]
    parse({"relay": {"readback": "none", "readback_pin": 17}})


@pytest.mark.parametrize(("pin", "fine"), [(-1, False), (9, True), (26, True)])
def test_a_soft_stop_without_a_contact_is_refused(pin: int, fine: bool) -> None:
    raw = {"drift": {"soft_stop": True}, "panel": {"soft_stop_pin": pin}}
    assert fine or "panel.soft_stop_pin" in mistakes(raw)[0]
    if fine:
        parse(raw)
    parse({"panel": {"soft_stop_pin": pin}})


@pytest.mark.parametrize(
    ("mounting", "word"),
    [
        ([[1, 0, 0], [0, 1, 0], [0, 0, -1]], "mirrors"),
        ([[1, 0, 0], [0, 1, 0], [0, 0.1, 1]], "not a rotation"),
        ([[2, 0, 0], [0, 1, 0], [0, 0, 1]], "not a rotation"),
    ],
)
def test_a_mounting_that_is_no_rotation_is_refused(mounting: list[list[float]], word: str) -> None:
    assert word in mistakes({"imu": {"mounting": mounting}})[0]


def test_a_page_for_the_network_needs_a_password() -> None:
    assert "password" in mistakes({"page": {"host": "0.0.0.0"}})[0]
    parse({"page": {"host": "0.0.0.0", "password_file": "/etc/rearguard/page-password"}})
    parse({"page": {"host": "0.0.0.0", "enabled": False}})


@pytest.mark.parametrize("name", ["a/b", "Küche", "ラン", "a b", ""])
def test_a_device_id_that_cannot_be_a_topic_is_refused(name: str) -> None:
    """Home Assistant passes over an announcement with other letters than a to z in its topic."""
    assert "topic" in mistakes({"courier": {"device_id": name}})[0]


MQTT = {"enabled": True, "host": "broker"}
CONTRADICTIONS = [
    ({"mqtt": MQTT | {"ca_file": "/etc/ca.pem"}}, "mqtt.ca_file needs mqtt.tls"),
    ({"mqtt": MQTT | {"password_file": "/etc/word"}}, "mqtt.password_file needs mqtt.user"),
    ({"mqtt": MQTT | {"host": "mqtt://broker"}}, "mqtt.host is a name or an address"),
    ({"mqtt": MQTT | {"host": "broker:8883"}}, "mqtt.host is a name or an address"),
    ({"mqtt": MQTT | {"host": "user@broker"}}, "mqtt.host is a name or an address"),
    ({"page": {"host": "http://0.0.0.0", "password_file": "/etc/word"}}, "page.host is a name or an address"),
    ({"courier": {"state_dir": "state"}}, "courier.state_dir must begin with /"),
    ({"courier": {"socket": "c.sock"}}, "courier.socket must begin with /"),
    ({"courier": {"socket": "/run/" + "a" * 103}}, "courier.socket is longer than the 107 bytes"),
    ({"courier": {"socket": "/run/" + "ü" * 52}}, "courier.socket is longer than the 107 bytes"),
    (
        {"courier": {"socket": "/var/lib/r", "state_dir": "/var/lib/r/"}},
        "courier.socket and courier.state_dir",
    ),
    ({"alerts": {"enabled": True, "link_address": "http://d", "link_port": 8765}}, "alerts.link_port"),
    ({"alerts": {"enabled": True, "link_address": "d:8766"}}, "alerts.link_address must begin with http"),
    ({"drift": {"warn_mm": 415}}, "drift.warn_mm = 415 leaves no place without a warning"),
]


@pytest.mark.parametrize(("raw", "line"), CONTRADICTIONS, ids=[row[1] for row in CONTRADICTIONS])
def test_settings_that_contradict_each_other_are_refused(raw: dict[str, Any], line: str) -> None:
    (found,) = mistakes(raw)
    assert found.startswith(f"config: {line}")


@pytest.mark.parametrize(
    "raw",
    [
        {"mqtt": MQTT | {"ca_file": "/etc/ca.pem", "tls": True, "password_file": "/w", "user": "rig"}},
        {"mqtt": MQTT | {"host": "fd00::7"}},
        {"mqtt": MQTT | {"host": "::1"}},
        {"mqtt": {"host": "mqtt://broker", "ca_file": "/etc/ca.pem"}},  # not enabled
        {"courier": {"socket": "/run/" + "a" * 102}},
        {"alerts": {"enabled": True, "link_port": 8765}},  # no link, so no port
        {
            "alerts": {"enabled": True, "link_address": "http://d", "link_port": 8765},
            "page": {"enabled": False},
        },
        {"drift": {"warn_mm": 414}},
    ],
)
def test_settings_that_only_look_alike_are_taken(raw: dict[str, Any]) -> None:
    parse(raw)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    """A Windows editor puts it there; the reader of TOML called it a missing quote."""
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbf[deck]\r\nlength_mm = 1500\r\n")
    assert load(tmp_path / "c.toml").deck.length_mm == 1500


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[belt]\ncoast_down_m_s2 = 0,6  # measured\n", "decimal comma: write 0.6"),
        ("deck.length_mm = 1500\ndeck.length_mm = 1600\n", "a name that stands twice"),
        ("[deck]\n[deck]\n", "a name that stands twice"),
        ("[courier]\ndevice_id = \u201chall\u201d\n", "quotes of a word processor"),
        ("[courier]\ndevice_id = hall\n", "missing quote"),
    ],
)
def test_what_an_editor_made_of_the_toml_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ConfigError, match=f"line 2.*{why}"):
        load(tmp_path / "c.toml")


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*--config"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "c.toml")


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[deck]\nlength_mm = \n")
    with pytest.raises(ConfigError, match="line 2"):
        load(tmp_path / "c.toml")


def test_no_file_means_the_defaults() -> None:
    assert load(None) == Config()


def test_the_core_gets_in_si_what_people_wrote_in_their_units() -> None:
    params = parse(
        {
            "deck": {"length_mm": 1500, "front_line_mm": 200},
            "belt": {
                "ceiling_km_h": 3.6,
                "coast_down_m_s2": 0.5,
                "stop_latency_ms": 200,
                "over_safe_speed": "refuse",
            },
            "range": {"mount": "rear", "zero_mm": 50},
            "relay": {"drive": "level"},
            "balance": {"stumbles": "warn"},
        }
    ).monitor_params()
    assert params.drift.deck_length_m == 1.5
    assert params.drift.rear_line_m == pytest.approx(1.05)
    assert params.drift.front_line_m == 0.2
    assert params.drift.belt_ceiling_m_s == pytest.approx(1.0)
    assert (params.drift.coast_down_m_s2, params.drift.stop_latency_s) == (0.5, 0.2)
    assert params.drift.over_safe_speed == "refuse"
    assert (params.position.mount, params.position.zero_m) == ("rear", 0.05)
    assert params.health.relay_answer_ns == 50_000_000
    assert params.balance.stumbles == "warn"


def test_the_core_alone_and_the_default_configuration_decide_alike() -> None:
    assert Config().monitor_params() == MonitorParams()


@pytest.mark.parametrize(
    ("direction", "front_mm", "line_m"),
    [
        ("normal", 150, 0.15),
        ("normal", 421, 0.421),
        ("reverse", 0, 0.42),
        ("reverse", 419, 0.42),
        ("reverse", 420, 0.42),
        ("reverse", 421, 0.421),
    ],
)
def test_on_a_reverse_belt_the_front_line_keeps_the_70_percent_from_the_other_side(
    direction: str, front_mm: int, line_m: float
) -> None:
    config = parse({"belt": {"direction": direction}, "deck": {"front_line_mm": front_mm}})
    assert config.front_line_m == pytest.approx(line_m)
    assert config.monitor_params().drift.front_line_m == config.front_line_m


@pytest.mark.parametrize(
    "text",
    [
        "[imu]\ngyro_bias_deg_s = [nan, 0.0, 0.0]",
        "[imu]\nmounting = [[nan, 0, 0], [0, 1, 0], [0, 0, 1]]",
        "[belt]\nceiling_km_h = inf",
        "[mqtt]\nenabled = true\nhost = ''",
        "[mqtt]\nhost = '" + "x" * 300 + "'",
        "[mqtt]\ndiscovery_prefix = 'home/#'",
        "[mqtt]\ndiscovery_prefix = ''",
        "[mqtt]\ndiscovery_prefix = 'home/'",
        "[courier]\nsocket = ' '",
        "[courier]\nstate_dir = 'a\\u0000b'".replace("'", '"'),
        "[page]\nport = " + "9" * 900,
        "[page]\nport = " + "9" * 5000,
        "a." * 30_000 + "a = 1",
        "# x\n" * 20_000,
    ],
)
def test_what_no_person_would_set_is_refused_with_a_sentence_and_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    began_s = time.monotonic()
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert time.monotonic() - began_s < 5.0
    assert str(refused.value).startswith("config: ") and len(str(refused.value)) < 2000


@pytest.mark.parametrize("root", ["gym", "gym/hall2", "a_b/c-d/e"])
def test_a_root_stands_before_every_topic(root: str) -> None:
    mqtt = parse({"mqtt": {"root": root}}).mqtt
    assert mqtt.topic("deck-7", "command/stop") == f"{root}/rearguard/deck-7/command/stop"
    assert parse({}).mqtt.topic("deck-7", "state") == "rearguard/deck-7/state"


@pytest.mark.parametrize(
    "root", ["/gym", "gym/", "gym//hall", "gym/+", "#", "g m", "hall.2", "rearguard", "ü"]
)
def test_a_root_that_a_broker_could_read_otherwise_is_refused(root: str) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.root"):
        parse({"mqtt": {"root": root}})


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"cert_file": "c.pem", "tls": True}, "belong together"),
        ({"key_file": "k.pem", "tls": True}, "belong together"),
        ({"cert_file": "c.pem", "key_file": "k.pem"}, r"mqtt\.tls"),
    ],
)
def test_a_certificate_needs_its_key_and_tls(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse({"mqtt": settings})
