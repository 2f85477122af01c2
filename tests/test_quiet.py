"""Quiet hours hold on the days and hours that are written, over midnight and both changes of the clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from firmware_py.config import parse as configured
from firmware_py.config.quiet import is_quiet, parse
from sensors.advice import ConfigError

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2026, 11, 27, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("span", "day", "clock", "quiet"),
    [
        ("mon-fri 22:00-06:30", 27, "21:59", False),
        ("mon-fri 22:00-06:30", 27, "22:00", True),
        ("mon-fri 22:00-06:30", 28, "06:29", True),  # Saturday morning belongs to Friday's night
        ("mon-fri 22:00-06:30", 28, "06:30", False),
        ("mon-fri 22:00-06:30", 28, "22:00", False),  # Saturday
        ("mon-fri 22:00-06:30", 30, "03:00", False),  # Monday morning belongs to Sunday's night
        ("12:00-14:00", 29, "13:59", True),
        ("12:00-14:00", 29, "14:00", False),
        ("sun 00:00-00:00", 29, "12:00", True),  # the whole day
        ("sat-mon 20:00-08:00", 30, "21:00", True),
        ("sat-mon 20:00-08:00", 24, "21:00", False),
    ],
)
def test_a_span_holds_from_its_first_to_its_last_minute(span: str, day: int, clock: str, quiet: bool) -> None:
    hour, minute = map(int, clock.split(":"))
    assert is_quiet((parse(span),), datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)) is quiet


@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])  # summer time begins, and ends
def test_a_night_in_which_the_clock_changes_is_quiet_from_end_to_end(month: int, day: int) -> None:
    span = (parse("22:00-07:00"),)
    start = datetime(2026, month, day - 1, 22, 0, tzinfo=BERLIN).timestamp()
    end = datetime(2026, month, day, 7, 0, tzinfo=BERLIN).timestamp()
    minutes = range(int(start), int(end), 60)
    assert all(is_quiet(span, datetime.fromtimestamp(t, BERLIN)) for t in minutes)
    assert not is_quiet(span, datetime.fromtimestamp(end, BERLIN))
    assert not is_quiet(span, datetime.fromtimestamp(start - 60, BERLIN))


@pytest.mark.parametrize(
    "text", ["", "22-06", "mon-xyz 22:00-06:00", "25:00-26:00", "mon 22:00", "22:60-06:00"]
)
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"alerts.quiet: .*mon-fri 22:00-06:30"):
        configured({"alerts": {"quiet": [text]}})


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ("", {0, 1, 2, 3, 4, 5, 6}),
        ("mon ", {0}),
        ("wed ", {2}),
        ("wed-wed ", {2}),
        ("mon-fri ", {0, 1, 2, 3, 4}),
        ("sat-mon ", {5, 6, 0}),
        ("mon-sun ", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_the_days_of_a_span_are_those_that_are_written(words: str, days: set[int]) -> None:
    assert parse(f"{words}22:00-06:00").days == days


@pytest.mark.parametrize(
    ("day", "hour", "minute", "quiet"),
    [(27, 11, 59, False), (27, 12, 0, True), (27, 13, 59, True), (27, 14, 0, False), (28, 12, 0, False)],
)
def test_a_span_within_a_day_begins_on_its_first_minute(
    day: int, hour: int, minute: int, quiet: bool
) -> None:
    span = (parse("fri 12:00-14:00"),)
    assert is_quiet(span, datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)) is quiet


@pytest.mark.parametrize(("day", "quiet"), [(27, False), (28, True), (29, False), (30, False)])
def test_only_the_morning_after_belongs_to_a_night(day: int, quiet: bool) -> None:
    span = (parse("fri 22:00-06:00"),)
    assert is_quiet(span, datetime(2026, 11, day, 3, 0, tzinfo=BERLIN)) is quiet
