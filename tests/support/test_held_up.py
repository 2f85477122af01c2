"""What excuses a test on a computer whose host takes its time, and what does not."""

from collections.abc import Iterator

import pytest

from tests import conftest
from tests.support import held_up
from tests.support.held_up import TAKEN_S, Busy, stolen_s


def judged(monkeypatch: pytest.MonkeyPatch, taken_s: float, ends: Exception) -> None:
    """A test that ends so, while the host took that much time."""
    readings: Iterator[float] = iter((100.0, 100.0 + taken_s))
    monkeypatch.setattr(conftest, "stolen_s", lambda: next(readings))
    test = conftest.pytest_pyfunc_call()
    next(test)
    test.throw(ends)


def test_a_late_guard_is_not_judged_while_the_host_takes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"the host took 0.2 s .*: always late"):
        judged(monkeypatch, 2 * TAKEN_S, Busy("always late"))


def test_a_late_guard_fails_on_a_computer_that_nobody_takes_time_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Busy):
        judged(monkeypatch, TAKEN_S / 2, Busy("always late"))


def test_nothing_else_is_ever_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="61 ms"):
        judged(monkeypatch, 2 * TAKEN_S, AssertionError("off after 61 ms"))


def test_the_account_is_the_eighth_number_of_all_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "cpu  1 2 3 4 5 6 7 250 9 10\ncpu0 1 2 3 4 5 6 7 99 9 10\n"
    monkeypatch.setattr(held_up.Path, "read_text", lambda _self, encoding: text)
    monkeypatch.setattr(held_up.os, "sysconf", lambda _name: 100)
    assert stolen_s() == 2.5
