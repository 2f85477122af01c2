"""A few repetitions of each act; `make proof` takes a thousand."""

import pytest

from firmware_py.rig.campaigns import acts
from firmware_py.rig.world.scenarios import ACTS, SCENARIOS


def test_every_act_is_a_scenario_that_can_be_played_alone() -> None:
    assert set(ACTS) <= set(SCENARIOS)
    assert not any(row.in_demo or row.act is None for row in ACTS.values())


@pytest.mark.parametrize("name", ACTS)
def test_an_act_ends_as_expected(name: str) -> None:
    seen = acts._run((1, name, 0))
    assert seen.right, seen


def test_a_stop_before_the_act_is_not_counted_and_wrong_repetitions_are_named() -> None:
    seen = [
        acts.Seen("look", n, decision, decision == "")
        for n, decision in enumerate(("", "before", "fall x", ""))
    ]
    line = acts._line("look", 7, seen)
    assert (line["runs"], line["stopped_before"], line["wrong"]) == (3, 1, [2])
    assert line["as_expected"] == pytest.approx(2 / 3, abs=1e-4)
    assert line["decisions"] == {"runs on": 2, "fall x": 1}
    assert line["within_bound"] is False


def test_a_campaign_has_a_line_for_each_act() -> None:
    lines = [acts._line(name, 1, []) for name in ACTS]
    assert [line["act"] for line in lines] == list(ACTS)
    assert all(line["within_bound"] for line in lines)
    assert acts.jobs_of(2) == 2 * len(ACTS)
