"""Every form of question takes what it says it takes, and answers anything else with what is expected."""

import io
import json
from typing import Any

import pytest

from firmware_py.device.setup.talk import Back, JsonFront, Leave, Question, Talk, Wrong, expected, read

NUMBER = Question("n", "How long?", "number", None, (), 800, 2200, "mm")
CHOICE = Question("c", "Which?", "choice", None, (("one", "The first"), ("two", "The second")))
YES_NO = Question("y", "So?", "yes_no")


@pytest.mark.parametrize("typed", ["800", "2200", 1400, "1400 mm", "1400,5"])
def test_a_number_within_its_span_is_taken(typed: Any) -> None:
    assert 800 <= read(NUMBER, typed) <= 2200


@pytest.mark.parametrize("typed", ["799.9", "2200.1", "long", "", None, "nan", "inf", "-1400", True, [1400]])
def test_any_other_is_answered_with_the_span(typed: Any) -> None:
    with pytest.raises(Wrong, match=r"800 \.\.\. 2200 mm"):
        read(NUMBER, typed)


@pytest.mark.parametrize(("typed", "value"), [("1", "one"), ("2", "two"), ("TWO", "two"), (1, "one")])
def test_a_choice_is_its_number_or_its_word(typed: Any, value: str) -> None:
    assert read(CHOICE, typed) == value


@pytest.mark.parametrize("typed", ["0", "3", "", "first", "²", "9" * 5000])
def test_no_choice_is_answered_with_the_numbers(typed: Any) -> None:
    with pytest.raises(Wrong, match="1, 2"):
        read(CHOICE, typed)


@pytest.mark.parametrize(
    ("typed", "value"), [("yes", True), ("Y", True), (True, True), ("no", False), (False, False)]
)
def test_yes_and_no_in_words_and_as_json(typed: Any, value: bool) -> None:
    assert read(YES_NO, typed) is value


def test_neither_yes_nor_no_is_asked_again() -> None:
    with pytest.raises(Wrong, match="Yes or no"):
        read(YES_NO, "perhaps")


@pytest.mark.parametrize("typed", ["", "  ", None, True, "yes", "OK"])
def test_done_is_enter_or_a_yes(typed: Any) -> None:
    assert read(Question("d", "Key out?"), typed) is True


@pytest.mark.parametrize("typed", ["no", "wait", "0", False, 5])
def test_who_types_anything_else_has_not_done_it_yet(typed: Any) -> None:
    with pytest.raises(Wrong, match="Press Enter when it is done"):
        read(Question("d", "Key out?"), typed)


@pytest.mark.parametrize("form", ["text", "secret"])
@pytest.mark.parametrize("typed", ["\x1b[A", "a\x00b", "caf\udce9", "x" * 501, ["a"], {"a": 1}])
def test_what_no_person_meant_to_type_is_no_text(form: Any, typed: Any) -> None:
    with pytest.raises(Wrong, match="short text is expected"):
        read(Question("t", "Name?", form), typed)


def test_blanks_are_no_text() -> None:
    with pytest.raises(Wrong):
        read(Question("t", "Name?", "text", "gym"), "  ")


def test_enter_takes_the_default_as_if_it_was_typed() -> None:
    assert read(YES_NO._replace(default="no"), "") is False
    assert read(CHOICE._replace(default="two"), None) == "two"


def test_every_form_says_what_it_expects() -> None:
    for form in ("done", "yes_no", "choice", "number", "text", "secret"):
        assert expected(Question("k", "?", form)).endswith(".")  # type: ignore[arg-type]


class Lines:
    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def answer(self, _question: Question) -> Any:
        return self.answers.pop(0)


def test_a_wrong_answer_is_asked_again_with_what_is_expected() -> None:
    front = Lines("7", "1400")
    assert Talk(front, lambda _question: None).ask(NUMBER) == 1400
    assert [message["kind"] for message in front.sent] == ["question", "refused", "question"]


def test_back_is_a_way_out_of_every_question() -> None:
    for question in (NUMBER, CHOICE, YES_NO, Question("d", "Ready?"), Question("t", "Name?", "text")):
        with pytest.raises(Back):
            Talk(Lines(" Back "), lambda _question: None).ask(question)


def test_a_secret_is_never_shown_as_a_default() -> None:
    front = Lines("x")
    Talk(front, lambda _question: None).ask(Question("s", "Password?", "secret"), "hidden")
    assert "hidden" not in json.dumps(front.sent)


def test_what_nobody_does_within_a_minute_was_not_seen() -> None:
    waited: list[float] = []
    assert not Talk(Lines(), lambda _question: None).watch(YES_NO, lambda: False, waited.append)
    assert sum(waited) == pytest.approx(60)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('{"answer": 5}\n', 5),
        ('"two"\n', "two"),
        ("two words\n", "two words"),
        ("{}\n", None),
        ("[" * 100_000 + "\n", "[" * 100_000),
        ("9" * 5000 + "\n", "9" * 5000),
    ],
)
def test_json_answers_are_values_objects_or_plain_words(
    line: str, value: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    front = JsonFront()
    front.send({"kind": "note", "text": "ü"})
    assert front.answer(YES_NO) == value
    assert json.loads(capsys.readouterr().out) == {"kind": "note", "text": "ü"}


def test_the_end_of_the_answers_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(Leave):
        JsonFront().answer(YES_NO)
