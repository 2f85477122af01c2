"""Every screen that a user meets in a terminal, in German: no English sentence is left on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_py import locale
from firmware_py.__main__ import build
from firmware_py.config import Config, load, reading
from firmware_py.courier.events.database import Outbox
from firmware_py.device import check as room
from firmware_py.device import enroll, service, status, support, update
from firmware_py.device.check.line import FAIL, Line
from firmware_py.device.language import in_words
from firmware_py.device.settings import save
from sensors.advice import Advice
from sensors.hints import HINTS
from tests.courier.sessions.test_history import plant
from tests.device.setup.support import Device
from tests.device.test_upkeep import bundle

# Words that no German sentence has. What stands in `...` is a command, what has a / or a _ in it a name.
ENGLISH = re.compile(
    r"\b(the|and|is|are|not|with|were|to|of|run|runs|usually|your|this|that|it|for|nothing|no|be|on|at|then)\b",
    re.IGNORECASE,
)
NAMES = re.compile(r"`[^`]*`|\S*(?:[/_=]|\.run)\S*|^[ +-].*=\w+$", re.MULTILINE)


def english(text: str) -> list[str]:
    return ENGLISH.findall(NAMES.sub("", text))


@pytest.fixture(autouse=True)
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The device's own configuration."""
    path = tmp_path / "etc/config.toml"
    path.parent.mkdir()
    values = Config().model_dump(mode="json")
    values["courier"] |= {"language": "de", "state_dir": str(tmp_path / "var"), "device_id": "halle"}
    values["courier"]["socket"] = str(tmp_path / "run/courier.sock")
    save(Config.model_validate(values), path)
    monkeypatch.setattr(reading, "INSTALLED", path)
    yield path
    locale.use(locale.ENGLISH)


def screen(*words: object) -> str:
    done = CliRunner().invoke(build([str(words[0])]), [str(word) for word in words])
    assert done.output
    return done.output


def test_the_words_that_are_looked_for_are_found() -> None:
    assert english("Usually it is the cable") == ["Usually", "it", "is", "the"]
    assert english("Meist das Kabel: `run the check` /is/the") == []


@pytest.mark.parametrize("state", ["active", "inactive", "failed", "activating"])
@pytest.mark.parametrize(
    "line",
    ["running", "stopped: fall, tilt_rad 2 of 1; a press is accepted", "stopped: ; a press is refused: imu"],
)
def test_status(state: str, line: str, german: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "LoadState": "loaded",
        "ActiveState": state,
        "StatusText": line,
        "StateChangeTimestamp": "Mon 2026-11-30 12:00:00 UTC",
    }
    monkeypatch.setattr(status, "shown", lambda _unit, what: values.get(what, ""))
    assert english(screen("status", "--config", german)) == []
    monkeypatch.setattr(status, "_newest", lambda read, _: WALK if read is status.sessions else STOP)
    assert english(screen("status", "--config", german)) == []


STOP = {
    "type": "stopped",
    "time": "2026-11-30T12:00:00.000Z",
    "cause": "fall",
    "rule": "tilt_rad",
    "message": "The walker fell.",
}
WALK = {"started": "2026-11-30T12:00:00.000Z", "minutes": 2.0}


def test_status_and_check_on_another_computer(german: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "shown", lambda _unit, _what: "")
    monkeypatch.setattr(room, "_has_a_board", lambda _config: False)
    assert english(screen("status")) == []
    assert "FEHLER" in (text := screen("check", "--seconds", "0.5")) and english(text) == []


def test_set_up_from_its_first_question_to_its_sheet(tmp_path: Path) -> None:
    device = Device(tmp_path / "device")
    messages = [*device.run(language="de").messages[2:], *device.run().messages]  # after the question of it
    texts = [str(m.get(key, "")) for m in messages for key in ("text", "title")]
    choices = [words for m in messages for words in m.get("choices", {}).values()]
    left = {text: found for text in [*texts, *choices] if (found := english(text))}
    assert left == {}
    assert load(device.config).belt.commissioned


def test_every_wrong_turn_of_set_up(tmp_path: Path) -> None:
    device = Device(tmp_path / "device")
    script = device.run(
        language="de",
        motor=["x", "ja"],
        key=["9", "clip"],
        deck=["lang", "700"],
        not_proved="leave",
        needed="leave",
    )
    more = device.after_the_needed(
        "alerts", alerts="ja", alert_name="x", alert_address=["x", "http://127.0.0.1:1/x"]
    )
    broker = device.after_the_needed("mqtt", mqtt="ja", broker="127.0.0.1", port=1)
    texts = [str(m.get("text", "")) for one in (script, more, broker) for m in one.messages]
    left = {text: found for text in texts if (found := english(text.replace("Connection refused", "")))}
    assert left == {}


def test_update_backup_restore_and_support(
    german: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (service, update):
        monkeypatch.setattr(module, "systemctl", lambda *_words: False, raising=False)
    monkeypatch.setattr(support, "look", lambda *_words: [])
    (tmp_path / "text").write_text("x")
    at = ("--config", german)
    shown = [
        screen("update", bundle(tmp_path, "riscv64")),
        screen("update", bundle(tmp_path, digest="0" * 64)),
        screen("update", tmp_path / "text"),
        screen("rollback"),
        screen("backup", tmp_path / "b.zip", *at),
        screen("restore", tmp_path / "b.zip", *at),
        screen("restore", tmp_path / "text", *at),
        screen("support", tmp_path / "s.zip", *at),
        screen("backup", "/proc/no/b.zip", *at),
        screen("support", "/proc/no/s.zip", *at),
    ]
    monkeypatch.setattr(service, "armed", lambda: True)
    shown += [screen("update", "x"), screen("backup", "x", *at), screen("support", "x", *at)]
    names = re.compile(r"\(.*?\)")  # the library's own reason
    assert {text: found for text in shown if (found := english(names.sub("", text)))} == {}
    assert "halle" not in "".join(shown)


def test_alerts_from_an_empty_list_to_a_person_who_is_not_reached(german: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.toml"
    settings = load(german).model_dump(mode="json")
    settings["alerts"]["people_file"] = str(people)
    save(Config.model_validate(settings), german)
    at = ("--config", german)
    shown = [screen("alerts", "status", *at), screen("alerts", "run", *at), screen("alerts", "test", *at)]
    people.write_text("")
    shown += [screen("alerts", "test", *at)]
    people.write_text('[[to]]\nname = "wand"\nchannel = "webhook"\naddress = "http://127.0.0.1:1"\n')
    shown += [
        screen("alerts", "test", *at),
        screen("alerts", "mute", 5, *at),
        screen("alerts", "status", *at),
    ]
    shown += [screen("alerts", "ack", "x", *at), screen("alerts", "mute", 0, *at)]
    reason = re.compile(r"\(.*?\)")  # the system's own
    assert {text: found for text in shown if (found := english(reason.sub("", text)))} == {}


def test_history_and_report(german: Path, tmp_path: Path) -> None:
    at = ("--config", german)
    shown = [screen("history", *at), screen("report", "last", *at)]
    outbox = Outbox(tmp_path / "var/events.sqlite")
    plant(outbox, 1)
    plant(outbox, 2, summary="bad")
    outbox.close()
    shown += [screen("history", *at), screen("history", "--csv", tmp_path / "walks.csv", *at)]
    shown += [screen("history", "--csv", "/proc/no/walks.csv", *at)]
    assert "Gleichgewicht verloren" in shown[2]
    reason = re.compile(r"\(.*?\)")  # the system's own
    assert {text: found for text in shown if (found := english(reason.sub("", text)))} == {}


def test_enrolment(german: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, code = ("--config", german), enroll.code_of(bytes(9), bytes(16))
    shown = [
        screen("enroll", "127.0.0.1:1", "x", *at),
        screen("enroll", "ftp://x", code, *at),
        screen("enroll", "127.0.0.1:1", code, *at),
    ]
    told = {"courier": {"device_id": "deck-1"}, "mqtt": {"host": "broker", "port": 8883, "root": ""}}
    monkeypatch.setattr(enroll, "ask", lambda *_words: enroll.Got("a", "b", "c", told))
    shown += [screen("enroll", "broker:1", code, *at)]
    assert "deck-1" in shown[-1]
    assert {text: found for text in shown if (found := english(text))} == {}


def test_whatever_the_wiring_doctor_finds(german: Path) -> None:
    locale.use("de")
    for hint in HINTS.values():
        assert english(in_words(hint)) == []
        assert (
            english(
                str(
                    Line(
                        "imu cable",
                        FAIL,
                        hint._replace(what=f"5 errors in 9 reads (1%), mostly: {hint.what}"),
                    )
                )
            )
            == []
        )


@pytest.mark.parametrize(
    ("english_text", "german_text"),
    [
        ("512 MB free at /var", "512 MB frei in /var"),
        ("since boot: throttled, too warm", "seit dem Start: gedrosselt, zu warm"),
        ("broker:1883: does not answer", "broker:1883: antwortet nicht"),
        ("range elsewhere", "range an anderer Stelle"),
        ("a text that nobody knows", "a text that nobody knows"),
        ("", ""),
    ],
)
def test_a_filled_sentence_is_known_by_its_shape(english_text: str, german_text: str) -> None:
    assert locale.spoken(english_text) == english_text
    locale.use("de")
    assert locale.spoken(english_text) == german_text


def test_an_advice_keeps_its_form() -> None:
    locale.use("de")
    one = Advice(
        "rollback: nothing is installed here", "Usually this is the source tree", "run it on the device"
    )
    german = "rollback: Hier ist nichts installiert. Meist ist dies der Quellordner: am Gerät ausführen."
    assert in_words(one) == german
    assert in_words(Advice("x")) == "x"
