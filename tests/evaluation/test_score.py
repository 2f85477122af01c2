"""The judge itself is judged: by hand-made stops around a known impact."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson

from firmware_py.core.frame import Cause
from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.results.tables import group_of, poisson_upper95, summarize, table, table_by
from firmware_py.evaluation.run.replay import Stop
from firmware_py.evaluation.run.score import (
    EARLIEST_S,
    LATEST_S,
    ONSET_MARGIN_S,
    Outcome,
    Score,
    judge,
)
from tests.support.people import trial

RATE_HZ = 100.0
IMPACT = 600
FALL = trial(Kind.FALL_WALKING, RATE_HZ)
ALWAYS = [(0, 1000)]


def at(*indices: int) -> list[Stop]:
    return [Stop(index, Cause.FALL, "drop", 0.9, 0.8) for index in indices]


def fall(*indices: int, armed: list[tuple[int, int]] = ALWAYS, onset: int | None = None) -> Score:
    return judge(replace(FALL, onset_index=onset), at(*indices), armed, "x", "cold")


FIRST = IMPACT - round(EARLIEST_S * RATE_HZ)
LAST = IMPACT + round(LATEST_S * RATE_HZ)


@pytest.mark.parametrize(
    ("stop", "outcome", "lead_s", "false_stops"),
    [
        (IMPACT - 1, Outcome.STOPPED, 0.01, 0),
        (IMPACT, Outcome.LATE, None, 0),
        (IMPACT + 1, Outcome.LATE, None, 0),
        (LAST - 1, Outcome.LATE, None, 0),
        (LAST, Outcome.LATE, None, 0),
        (LAST + 1, Outcome.MISSED, None, 0),
        (FIRST + 1, Outcome.STOPPED, EARLIEST_S - 0.01, 0),
        (FIRST, Outcome.STOPPED, EARLIEST_S, 0),
        (FIRST - 1, Outcome.MISSED, None, 1),
    ],
)
def test_a_fall_is_decided_to_the_sample(
    stop: int, outcome: Outcome, lead_s: float | None, false_stops: int
) -> None:
    score = fall(stop)
    assert (score.outcome, score.lead_s, len(score.false_stops)) == (outcome, lead_s, false_stops)


@pytest.mark.parametrize(
    ("shift", "outcome"), [(-1, Outcome.MISSED), (0, Outcome.STOPPED), (1, Outcome.STOPPED)]
)
def test_with_a_video_label_the_onset_bounds_what_counts(shift: int, outcome: Outcome) -> None:
    onset = 540
    score = fall(onset - round(ONSET_MARGIN_S * RATE_HZ) + shift, onset=onset)
    assert score.outcome is outcome
    assert len(score.false_stops) == (outcome is Outcome.MISSED)


def test_the_first_stop_in_the_window_decides_and_a_later_one_does_not_help() -> None:
    assert fall(560, 640).lead_s == pytest.approx(0.4)
    assert fall(610).lead_s is None


def test_a_fall_without_any_stop_is_missed() -> None:
    assert fall().outcome is Outcome.MISSED


@pytest.mark.parametrize("armed", [[], [(0, FIRST)], [(IMPACT, 1000)]])
def test_a_fall_that_found_the_belt_off_is_never_called_detected(armed: list[tuple[int, int]]) -> None:
    assert fall(armed=armed).outcome is Outcome.UNGUARDED


def test_after_a_false_stop_and_a_new_start_the_fall_still_counts() -> None:
    score = fall(100, 570, armed=[(0, 100), (400, 570)])
    assert score.outcome is Outcome.STOPPED
    assert score.false_stops == ((1.0, "fall:drop"),)
    assert score.armed_s == pytest.approx(
        1.0
    )  # until the fall window opens: 0-1.00 s, and 4.00 s is inside it


def test_every_stop_of_a_walk_is_false_and_hours_are_those_in_which_the_belt_could_run() -> None:
    walk = trial(Kind.WALK, RATE_HZ)
    score = judge(walk, at(-5, 200, 700), [(-900, 200), (500, 700)], "x", "warm")
    assert score.outcome is None
    assert [t for t, _ in score.false_stops] == [2.0, 7.0]  # the one of the warm-up is not this trial's
    assert score.armed_s == pytest.approx(4.0)


@pytest.mark.parametrize("events", [0, 1, 2, 5, 40])
def test_the_upper_bound_is_the_mean_at_which_so_few_events_have_5_percent(events: int) -> None:
    assert poisson.cdf(events, poisson_upper95(events)) == pytest.approx(0.05)
    assert poisson_upper95(0) == pytest.approx(2.9957, abs=1e-4)


def test_a_line_adds_up_trials_leads_and_hours() -> None:
    scores = [fall(600 - lead // 10) for lead in range(100, 600, 10)] + [fall(600), fall(), fall(armed=[])]
    line = summarize("falls", scores)
    leads_ms = np.arange(100, 600, 10)
    assert (line.falls, line.stopped, line.late, line.missed, line.unguarded) == (53, 50, 1, 1, 1)
    assert line.lead_median_ms == pytest.approx(np.median(leads_ms))
    assert line.lead_p5_ms == pytest.approx(np.percentile(leads_ms, 5))
    assert line.stopped_percent == pytest.approx(100 * 50 / 53)


def test_false_stops_an_hour_and_their_bound() -> None:
    walk = trial(Kind.WALK, RATE_HZ, seconds=36.0)
    line = summarize(
        "walks", [judge(walk, at(50), [(0, 3600)], "x", "warm"), judge(walk, [], [(0, 3600)], "x", "warm")]
    )
    assert (line.false_stops, line.trials_with_false_stop) == (1, 1)
    assert line.hours == pytest.approx(0.02)
    assert line.false_stops_per_hour == pytest.approx(50)
    assert line.false_stops_per_hour_upper95 == pytest.approx(poisson_upper95(1) / 0.02)
    assert line.stopped_percent is None


def test_what_was_never_armed_has_no_rate() -> None:
    line = summarize("walks", [judge(trial(Kind.WALK), [], [], "x", "cold")])
    assert (line.hours, line.false_stops_per_hour, line.false_stops_per_hour_upper95) == (0, None, None)


def test_every_kind_has_its_own_line_and_backward_slips_two() -> None:
    groups = {
        kind: group_of(judge(replace(trial(kind), backward=False), [], ALWAYS, "x", "cold")) for kind in Kind
    }
    assert sorted(g for names in groups.values() for g in names) == sorted(
        [
            "falls while walking",
            "falls while jogging",
            "falls outside walking",
            "walking",
            "stumbles with recovery",
            "leaves walking",
        ]
    )
    assert group_of(fall()) == ["falls while walking", "  backward slips"]
    reverse = judge(trial(Kind.WALK).time_reversed(), [], ALWAYS, "x", "cold")
    assert group_of(reverse) == ["walking, time-reversed"]


def test_detectors_stand_side_by_side_and_protocols_apart() -> None:
    walk = trial(Kind.WALK)
    scores = [judge(walk, [], ALWAYS, who, how) for how in ("warm", "cold") for who in ("ours", "peer")]
    assert [(line.protocol, line.detector) for line in table(scores)] == [
        ("cold", "ours"),
        ("cold", "peer"),
        ("warm", "ours"),
        ("warm", "peer"),
    ]
    assert [line.group for line in table_by(scores, "activity")] == ["A1"] * 4
    assert [
        line.group for line in table_by([judge(walk.time_reversed(), [], ALWAYS, "x", "w")], "person")
    ] == ["P01 reversed"]
