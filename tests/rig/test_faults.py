"""A short run of the fault campaign and of the pairs; `make proof` takes many more."""

import pytest

from firmware_py.config import Config
from firmware_py.rig.campaigns import faults, pairs
from firmware_py.rig.harness.whole import Whole


@pytest.fixture(scope="module")
def lines() -> dict[str, dict[str, object]]:
    return {str(line["fault"]): line for line in faults.campaign(3 * faults.MOMENTS, 7, 2, lambda: None)}


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda f: f.ident)
def test_each_fault_ends_within_its_bound_and_no_harmless_one_stops(
    fault: faults.Planted, lines: dict[str, dict[str, object]]
) -> None:
    line = lines[fault.ident]
    assert line["within_bound"], line
    assert int(str(line["runs"])) >= faults.MOMENTS


@pytest.mark.parametrize(("cut_s", "open_s", "fine"), [
    (0.050, 0.110, True),
    (0.055, 0.110, False),
    (0.050, 0.111, False),
    (None, 0.110, False),
    (None, 0.050, True),
    (0.300, 0.050, True),
    (0.050, None, False),
])  # fmt: skip
def test_in_time_means_the_cut_and_the_contacts(
    cut_s: float | None, open_s: float | None, fine: bool
) -> None:
    assert faults._in_time(faults.Seen("F05", "walk", cut_s, open_s, "imu"), 0.050) == fine


@pytest.mark.parametrize("companion", pairs.COMPANIONS[:2], ids=lambda c: c.name)
@pytest.mark.parametrize("treadmill", pairs.TREADMILLS, ids=lambda t: t.name)
def test_a_hazard_is_caught_while_something_else_is_wrong(
    treadmill: pairs.Treadmill, companion: pairs.Companion
) -> None:
    for hazard in ("drift", "fall", "front"):
        seen = pairs._run((3, 1, hazard, treadmill, companion))
        assert seen.early or pairs._held(hazard, seen, 0.15, 0.98), seen


@pytest.mark.parametrize(("hazard", "seen", "held"), [
    ("fall", pairs.Seen("fall", "", "", 0.94, "fall", False, 0.5), True),
    ("fall", pairs.Seen("fall", "", "", 0.95, "fall", False, 0.5), False),
    ("drift", pairs.Seen("drift", "", "", 1.0, "x", False, 0.98), True),
    ("drift", pairs.Seen("drift", "", "", 1.0, "x", False, 0.981), False),
    ("front", pairs.Seen("front", "", "", 1.0, "x", False, 0.15), True),
    ("front", pairs.Seen("front", "", "", 1.0, "x", False, 0.149), False),
    ("step_off", pairs.Seen("step_off", "", "", 0.300, "x", False, None), True),
    ("step_off", pairs.Seen("step_off", "", "", 0.305, "x", False, None), False),
    ("drift", pairs.Seen("drift", "", "", None, "", False, 0.5), False),
])  # fmt: skip
def test_what_counts_as_caught(hazard: str, seen: pairs.Seen, held: bool) -> None:
    assert pairs._held(hazard, seen, 0.15, 0.98) == held


def test_the_whole_device_walks_and_is_left_alone() -> None:
    with Whole(Config(), "walk", 5, steady_s=30.0) as whole:
        assert whole.run(15.0).run
        assert whole.world.contactors.pulled
