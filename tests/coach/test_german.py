"""The coach in another language: every text that a walker or therapist reads differs from the English one."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firmware_py import locale
from firmware_py.coach import words
from firmware_py.coach.phases import Stage
from firmware_py.coach.plan.plans import Plans
from firmware_py.coach.plan.programme import Programme
from firmware_py.coach.questions import QUESTIONS, Refused
from firmware_py.coach.record import SetDone
from firmware_py.coach.report.page import render
from firmware_py.coach.view import view_of
from tests.coach.course import course
from tests.coach.walking import session

KEYS = {"stage", "kind", "key", "walker", "walkers", "value", "rest_until"}  # for programs, or a name
SAME = {"Pause", "min", "km", "cm"}  # in both languages


@pytest.fixture(autouse=True)
def back_to_english() -> Iterator[None]:
    yield
    locale.use(locale.ENGLISH)


def texts(shown: Any) -> Iterator[str]:
    if isinstance(shown, dict):
        yield from (text for key, value in shown.items() if key not in KEYS for text in texts(value))
    elif isinstance(shown, list):
        yield from (text for value in shown for text in texts(value))
    elif isinstance(shown, str):
        yield shown


def unchanged(of: Callable[[], Any], at_least: int) -> list[str]:
    """Texts that are the same in English and German, and should not be."""
    locale.use("en")
    english = list(texts(of()))
    locale.use("de")
    pairs = list(zip(english, texts(of()), strict=True))
    assert len(pairs) > at_least
    return [a for a, b in pairs if a == b and not set(re.findall("[A-Za-z]{2,}", a)) <= SAME]


def view(stage: Stage) -> dict[str, Any]:
    fed = session(stage=stage.value, number=2, reason=words.by(Programme()))
    if stage in (Stage.SET, Stage.PAUSE, Stage.ASK):
        fed.record.sets.append(SetDone(120.0))
    fed.cue = words.TIPPED
    return view_of(fed, None, Plans({"anna": Programme()}, []), True)


@pytest.mark.parametrize("stage", Stage)
def test_nothing_on_the_page_stays_english(stage: Stage) -> None:
    assert unchanged(lambda: view(stage), 5) == []


def test_nothing_in_the_report_stays_english() -> None:
    def report() -> list[str]:
        text = re.sub(r"<style>.*?</style>|<code>.*?</code>", "", render(course()), flags=re.DOTALL)
        return re.findall(r">\s*([^<]+?)\s*<", text)

    assert unchanged(report, 40) == []
    assert 'lang="de"' in render(course())


def test_a_refusal_is_in_the_language_in_use() -> None:
    locale.use("de")
    with pytest.raises(Refused, match="Diese Frage"):
        session().answer("pain", 3)
    assert QUESTIONS["talk"].shown()["choices"] == [
        {"value": "yes", "label": "Ja"},
        {"value": "no", "label": "Nein"},
    ]
