"""Advice: one form for every message, and three errors for three exit codes."""

import pickle

import pytest

from sensors.advice import Advice, ConfigError, Failure, HardwareError, in_short, suggestion


@pytest.mark.parametrize(
    ("advice", "text"),
    [
        (Advice("no reply", "Usually a loose wire", "check it"), "no reply. Usually a loose wire: check it."),
        (Advice("no reply", do="check the wire"), "no reply. Check the wire."),
        (Advice("no reply", "Usually a loose wire"), "no reply. Usually a loose wire."),
        (Advice("no reply"), "no reply"),
    ],
)
def test_a_message_reads_what_then_why_then_what_to_do(advice: Advice, text: str) -> None:
    assert str(advice) == text


@pytest.mark.parametrize(("kind", "exit_code"), [(Failure, 1), (ConfigError, 2), (HardwareError, 3)])
def test_an_error_carries_its_advice_and_exit_code_from_one_process_to_another(
    kind: type[Failure], exit_code: int
) -> None:
    error = pickle.loads(pickle.dumps(kind("no reply", "Usually a loose wire", "check it")))
    assert type(error) is kind
    assert error.advice == Advice("no reply", "Usually a loose wire", "check it")
    assert str(error) == "no reply. Usually a loose wire: check it."
    assert error.exit_code == exit_code


@pytest.mark.parametrize(
    ("typed", "text"), [("drfit", "Did you mean drift?"), ("quux", "There are: walk, drift.")]
)
def test_a_wrong_name_is_met_with_the_nearest_or_with_all(typed: str, text: str) -> None:
    assert suggestion(typed, iter(("walk", "drift"))) == text


def test_the_systems_reason_has_neither_its_number_nor_a_path() -> None:
    assert in_short(FileNotFoundError(2, "No such file or directory", "/a")) == "No such file or directory"
    assert in_short(ValueError("too long")) == "too long"
