"""The messages: whole, short, in the walker's own words, and the same ones for a decision wherever it is shown."""

import re
from collections.abc import Iterator

import pytest

from firmware_py import messages
from firmware_py.core.body.turn import STOPPED_BY
from firmware_py.core.events import DEVICE_CAUSES
from firmware_py.core.frame import LOCK_OUTS, Cause
from firmware_py.messages import (
    EVENTS,
    FALLEN,
    GUARDING,
    LEARNING,
    NO_DATA,
    READY,
    RULES,
    STOPS,
    WENT_SILENT,
    Message,
    figures,
    headline,
    of_event,
    of_stop,
    of_warning,
    rule_sentence,
    tone_and_message,
)
from tests.support.fake_guard import decision, stopped

MOST_WORDS = 25
SHOWN = [
    *STOPS.values(),
    messages.SANK,
    messages.LEANED,
    messages.TURNED_ROUND,
    messages.FELL_TURNING,
    *messages.WARNINGS.values(),
    FALLEN,
    GUARDING,
    LEARNING,
    READY,
    NO_DATA,
    WENT_SILENT,
]


def texts() -> Iterator[str]:
    for message in SHOWN:
        yield from message
    yield from EVENTS.values()
    yield from (rule_sentence(rule, 1.23, 4.56) for rule in RULES)


def test_no_sentence_is_longer_than_a_reader_keeps_in_mind() -> None:
    for text in texts():
        for sentence in re.split(r"(?<=[.?!])\s", text):
            assert len(sentence.split()) <= MOST_WORDS, sentence


def test_no_text_holds_a_word_that_only_its_maker_knows() -> None:
    for text in texts():
        plain = re.sub(r"`[^`]*`", "", text)  # a command is typed as it is called
        assert not re.search(
            r"\b(guard|courier|ticks?|errno|core|rule)\b|[a-z]_[a-z]+(?<!realtime)\b", plain
        ), text
        assert not re.search(r"\b(forward|behind)\b|drift(ed|ing) back|walk back", plain.lower()), text
        assert not re.search(r"\d\.\d{4}", text), text


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_what_why_and_what_to_do(cause: Cause) -> None:
    for message in (STOPS[cause], of_warning(cause), FALLEN):
        assert len(message.title) <= 24  # read from three metres
        for text in message[1:]:
            assert text[0].isupper()
            assert text.endswith(".")
            assert "  " not in text


def test_who_may_arm_again_after_a_stop_reads_how() -> None:
    stays = {Cause.SETTLING, Cause.RELAY_WELDED, Cause.RELAY_OPEN, Cause.BUTTON_STUCK}
    stays |= {Cause.BELT_RUNAWAY, Cause.SUPPLY, Cause.REALTIME, Cause.CONFIG}
    how = "Stand astride the belt. Press and release the button to arm, then start the treadmill."
    assert {cause for cause, message in STOPS.items() if not message.do.endswith(how)} == stays


def test_the_message_follows_the_decision() -> None:
    lies = stopped(0, Cause.FALL)._replace(rule="lies_after_blow")
    assert tone_and_message(None) == ("offline", NO_DATA)
    assert tone_and_message(decision(0))[0] == "running"
    assert tone_and_message(decision(0, warning=Cause.DRIFT_REAR)) == (
        "warning",
        of_warning(Cause.DRIFT_REAR),
    )
    assert tone_and_message(stopped(0, Cause.POWER_ON)) == ("ready", READY)
    assert tone_and_message(stopped(0, Cause.POWER_ON, refusal=Cause.SETTLING))[0] == "stopped"
    assert tone_and_message(stopped(0, Cause.POWER_ON, refusal=Cause.IMU))[0] == "fault"
    assert tone_and_message(stopped(0, Cause.FALL)) == ("stopped", STOPS[Cause.FALL])
    assert tone_and_message(lies) == ("stopped", FALLEN)
    assert tone_and_message(stopped(0, Cause.RELAY_WELDED))[1].title == "Do not use"


def test_nobody_is_said_to_have_left_a_belt_that_nobody_was_on() -> None:
    _tone, message = tone_and_message(stopped(0, Cause.POWER_ON, refusal=Cause.STEP_OFF))
    pressed = of_event("reset_refused", Cause.STEP_OFF, "", None, None)
    for text in (message.what, pressed):
        assert "nobody on the belt" in text
        assert "left" not in text
    assert tone_and_message(stopped(0, Cause.STEP_OFF))[1] == STOPS[Cause.STEP_OFF]


@pytest.mark.parametrize("cause", [c for c in Cause if c in DEVICE_CAUSES])
def test_a_stop_by_the_device_itself_has_the_tone_of_a_fault(cause: Cause) -> None:
    assert tone_and_message(stopped(0, cause)) == ("fault", STOPS[cause])


def test_an_event_is_one_text_with_its_figure_and_one_line_without() -> None:
    stop = of_event("stopped", Cause.DRIFT_REAR, "rest_position_m", 0.991, 0.98)
    assert stop.startswith("The walker drifted toward the rear edge. A later stop")
    assert "come to rest reached 0.99 m; the limit was 0.98 m. Move toward the console." in stop
    assert headline("stopped", Cause.DRIFT_REAR, "rest_position_m") == "Belt cut: Too near the rear edge."
    assert of_event("warning", Cause.DRIFT_FRONT, "", None, None).endswith("Take shorter or slower steps.")
    assert headline("warning", Cause.DRIFT_FRONT, "") == "The buzzer warns: Ease off."
    assert of_event("reset_refused", Cause.IMU, "", None, None).startswith(
        "The press was refused. The hip sensor"
    )
    assert headline("reset_refused", Cause.IMU, "").endswith("is refused: Hip sensor fault.")
    assert of_event("health_changed", Cause.IMU, "", None, None).startswith(
        "The hip sensor gives no usable data."
    )
    assert of_event("health_changed", None, "", None, None) == EVENTS["health_changed"]
    assert headline("armed", None, "") == of_event("armed", None, "", None, None) == EVENTS["armed"]
    assert headline("warning_cleared", Cause.DRIFT_REAR, "") == EVENTS["warning_cleared"]
    assert headline("health_changed", None, "") == headline("health_changed", Cause.IMU, "") == ""
    assert of_event("session_ended", None, "", None, None) == headline("session_ended", None, "") == ""


@pytest.mark.parametrize("cause", sorted(LOCK_OUTS, key=lambda c: c.value))
def test_a_lock_out_that_is_found_is_a_line_of_its_own(cause: Cause) -> None:
    line = headline("health_changed", cause, "")
    assert line == f"{STOPS[cause].title}: {STOPS[cause].what}"
    assert "safety key" in STOPS[cause].do


@pytest.mark.parametrize(
    ("rule", "value", "limit", "expected"),
    [
        ("imu_age_s", 0.03, 0.025, ("30 ms", "25 ms")),
        ("beyond_deck_s", 1.5, 1.0, ("1.50 s", "1.00 s")),
        ("rest_position_m", 0.981, 0.98, ("0.981 m", "0.980 m")),
        ("rest_position_m", 0.98001, 0.98, ("0.98 m", "0.98 m")),
        ("down_velocity_m_s", 1.234, 1.1, ("1.23 m/s", "1.10 m/s")),
        ("pod_upright", 0.5, 0.8, ("0.50", "0.80")),
    ],
)
def test_a_value_and_its_limit_have_as_many_digits_as_tell_them_apart(
    rule: str, value: float, limit: float, expected: tuple[str, str]
) -> None:
    assert figures(rule, value, limit) == expected


@pytest.mark.parametrize("figure", [None, float("nan"), float("inf")])
def test_a_rule_without_a_figure_or_without_words_is_not_shown(figure: float | None) -> None:
    assert rule_sentence("imu_age_s", figure, 1.0) == rule_sentence("imu_age_s", 1.0, figure) == ""
    assert rule_sentence("stop_button", 1.0, 0.0) == rule_sentence("", 1.0, 0.0) == ""


def test_a_stop_by_lying_down_has_a_message_of_its_own() -> None:
    assert of_stop(Cause.FALL, "lies_after_blow") == FALLEN
    assert of_stop(Cause.FALL, "down_velocity_m_s") == STOPS[Cause.FALL]
    assert isinstance(FALLEN, Message)


@pytest.mark.parametrize("rule", sorted(STOPPED_BY))
def test_a_stop_after_a_turn_says_so_and_keeps_its_figure(rule: str) -> None:
    for cause in (Cause.STANDSTILL, Cause.DRIFT_REAR, Cause.DRIFT_FRONT):
        assert of_stop(cause, f"turned_{rule}") == messages.TURNED_ROUND
    fell = of_stop(Cause.FALL, f"turned_{rule}")
    assert (fell.title, fell.do) == (STOPS[Cause.FALL].title, STOPS[Cause.FALL].do)
    assert "turning round" in fell.what
    assert rule_sentence(f"turned_{rule}", 1.0, 0.5) == rule_sentence(rule, 1.0, 0.5) != ""
