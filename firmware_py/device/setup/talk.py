"""Owns the conversation of set-up as values: questions, what answers they take, and the lines of its JSON form.

Must never know what an answer is for. A front end (terminal, JSON, the rig) gets messages and gives answers.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

from firmware_py.locale import mark
from firmware_py.locale import translate as _

BACK = ("back", "zurück")
YES, NO = ("yes", "y", "true", "ja", "j"), ("no", "n", "false", "nein")
YES_OR_NO = mark("Yes or no is expected.")
A_TEXT = mark("A short text is expected.")
DONE = mark("Press Enter when it is done, or type back.")
LONGEST = 500  # characters of a text
LOOK_S = 0.02
PATIENCE_S = 60.0  # for a person to do what is asked


class Question(NamedTuple):
    """One question, or one request to do something. `key` names it in the JSON form."""

    key: str
    text: str
    form: Literal["done", "yes_no", "choice", "number", "text", "secret"] = "done"
    default: Any = None
    choices: tuple[tuple[str, str], ...] = ()  # value and its words
    low: float = 0.0
    high: float = 0.0
    unit: str = ""


class Wrong(Exception):
    """An answer that the question does not take; the message is what is expected."""


class Back(Exception):
    """The person wants to go back."""


class Leave(Exception):
    """Set-up ends here for now. The message is what to do next, "" to start the same command again."""


class Front(Protocol):
    """Whoever shows messages and gets answers."""

    def send(self, message: dict[str, Any]) -> None: ...
    def answer(self, question: Question) -> Any:
        """What was typed. Raises Leave when nobody will answer any more."""


class Talk:
    """What a step may do with the person. `shown` is called with everything that a person is asked."""

    def __init__(self, front: Front, shown: Callable[[Question], None]) -> None:
        self._front = front
        self._shown = shown
        self.asked = 0  # questions of this step so far

    def send(self, kind: str, **message: Any) -> None:
        self._front.send({"kind": kind, **message})

    def show(self, text: str) -> None:
        self.send("note", text=text)

    def ask(self, question: Question, default: Any = None) -> Any:
        """The answer, checked. A wrong one is asked for again, with what is expected. Raises Back or Leave."""
        if default is not None:
            question = question._replace(default=default)
        while True:
            self.send("question", **_shape(question))
            self._shown(question)
            typed = self._front.answer(question)
            if isinstance(typed, str) and typed.strip().lower() in BACK:
                raise Back
            try:
                value = read(question, typed)
            except Wrong as wrong:
                self.send("refused", key=question.key, text=str(wrong))
                continue
            self.asked += 1
            return value

    def watch(self, request: Question, seen: Callable[[], bool], sleep: Callable[[float], None]) -> bool:
        """Shows `request` and looks until `seen`; False after PATIENCE_S."""
        self.send("do", key=request.key, text=_(request.text))
        self._shown(request)
        looks = 0
        while looks * LOOK_S < PATIENCE_S:
            looks += 1
            if seen():
                self.send("seen", key=request.key)
                return True
            sleep(LOOK_S)
        return False


def read(question: Question, typed: Any) -> Any:
    """The value of an answer. Raises Wrong."""
    if typed in (None, "") and question.form not in ("done", "secret"):
        if question.default is None:
            raise Wrong(expected(question))
        typed = question.default
    return _READERS[question.form](question, typed)


def expected(question: Question) -> str:
    """What the question takes."""
    if question.form == "number":
        span = f"{question.low:g} ... {question.high:g} {question.unit}".strip()
        return _("A number is expected: {span}.").format(span=span)
    if question.form == "choice":
        numbers = ", ".join(str(number) for number in range(1, len(question.choices) + 1))
        return _("One of the numbers is expected: {numbers}.").format(numbers=numbers)
    return _({"yes_no": YES_OR_NO, "done": DONE}.get(question.form, A_TEXT))


def _done(question: Question, typed: Any) -> bool:
    if typed is None or str(typed).strip().lower() in ("", *YES, "ok"):
        return True
    raise Wrong(expected(question))


def _yes_no(question: Question, typed: Any) -> bool:
    word = str(typed).strip().lower()
    if word in YES or word in NO:
        return word in YES
    raise Wrong(expected(question))


def _choice(question: Question, typed: Any) -> str:
    values = [value for value, _words in question.choices]
    word = str(typed).strip().lower()
    by_number = {str(number): value for number, value in enumerate(values, 1)}
    if word in values or word in by_number:
        return by_number.get(word, word)
    raise Wrong(expected(question))


def _number(question: Question, typed: Any) -> float:
    try:
        value = float(str(typed).strip().removesuffix(question.unit).replace(",", "."))
    except ValueError:
        raise Wrong(expected(question)) from None
    if not question.low <= value <= question.high:  # not a number is refused here, too
        raise Wrong(expected(question))
    return value


def _text(question: Question, typed: Any) -> str:
    """An arrow key types characters, too, but none that can be printed."""
    text = "" if typed is None else str(typed)
    missing = question.form == "text" and not text.strip()
    if missing or isinstance(typed, list | dict) or len(text) > LONGEST or not text.isprintable():
        raise Wrong(expected(question))
    return text if question.form == "secret" else text.strip()


_READERS: dict[str, Callable[[Question, Any], Any]] = {
    "done": _done,
    "yes_no": _yes_no,
    "choice": _choice,
    "number": _number,
    "text": _text,
    "secret": _text,
}


def _shape(question: Question) -> dict[str, Any]:
    """The question as JSON: only the fields that its form has."""
    shape: dict[str, Any] = {"key": question.key, "text": _(question.text), "form": question.form}
    if question.choices:
        shape["choices"] = {value: _(words) for value, words in question.choices}
    if question.form == "number":
        shape |= {"low": question.low, "high": question.high, "unit": question.unit}
    if question.default is not None and question.form != "secret":
        shape["default"] = question.default
    return shape


class JsonFront:
    """One JSON object a line on stdout; on stdin one answer a line: a JSON value, or `{"answer": VALUE}`."""

    def send(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def answer(self, _question: Question) -> Any:
        line = sys.stdin.readline()
        if not line:
            raise Leave
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return line.rstrip("\n")
        return value.get("answer") if isinstance(value, dict) else value
