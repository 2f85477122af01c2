"""Position and drift over whole made-up hours of trouble: every figure to six digits as it was.

Nothing here says that a figure is right; the other files do. A change of any constant shows as a readable difference:
`pytest --update-golden`, and say why in the same commit.
"""

from collections.abc import Iterator
from math import pi, sin
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from firmware_py.core.deck.drift import Drift
from firmware_py.core.deck.params import DriftParams, PositionParams
from firmware_py.core.frame import Cause, Phase
from firmware_py.core.place.position import Position
from sensors.samples import Fault, RangeSample

GOLDEN = Path(__file__).with_name("golden.csv")
TICK_NS = 5_000_000
SECONDS = 90


class Walk(NamedTuple):
    """A walker in front of a sensor, on a belt."""

    position: PositionParams
    drift: DriftParams
    measured_m_s: float | None


WALKS = {
    "unmeasured": Walk(PositionParams(), DriftParams(soft_stop=True, belt_ceiling_m_s=1.34), None),
    "measured": Walk(PositionParams(), DriftParams(), 0.5),
    "commissioned, sensor at the rear": Walk(
        PositionParams(mount="rear"),
        DriftParams(commissioned=True, coast_down_m_s2=1.4, over_safe_speed="refuse"),
        0.3,
    ),
    "commissioned, ceiling": Walk(PositionParams(), DriftParams(commissioned=True), None),
}


class Walker:
    """Wanders, sways, drifts, freezes, lets a hand hang into the beam, and is sometimes not seen at all."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.at_m, self.drift_m_s, self.noise_m, self.sway_m, self.hand_m = 0.55, 0.0, 0.01, 0.012, 0.0
        self.cadence_hz: float | None = None
        self.off, self.until_s, self.hand_until_s = 1.0, 0.0, 0.0

    def seen_m(self, t_s: float, dt_s: float) -> float | None:
        r = self.random
        if t_s >= self.until_s:
            self.until_s = t_s + r.choice([1.0, 3.0, 9.0])
            self.drift_m_s = (
                r.choice([0.0, 0.0, 0.0, 0.06, 0.15, 0.3, 0.5, -0.1, -0.3]) if t_s > 12.0 else 0.0
            )
            self.noise_m, self.sway_m = r.choice([0.003, 0.01, 0.03]), r.choice([0.0, 0.012, 0.03])
            self.cadence_hz, self.off = r.choice([1.0, 1.6, 2.0, None]), r.choice([0.8, 1.0, 1.0, 1.1])
            self.hand_until_s = t_s + r.choice([0.0, 0.06, 0.2, 0.6])
            self.hand_m = r.choice([0.06, 0.2, 0.4])
            if not 0.25 < self.at_m < 0.85:
                self.at_m, self.drift_m_s = 0.55, 0.0
        self.at_m += dt_s * (self.drift_m_s + 0.04 * sin(0.7 * t_s))
        if r.random() < 0.02 or (t_s % 20.0) < 0.2:
            return None
        sway_m = self.sway_m * sin(2.0 * pi * (self.cadence_hz or 1.5) * self.off * t_s)
        return self.at_m + sway_m + r.gauss(0.0, self.noise_m)


def rows(name: str) -> Iterator[str]:
    walk, walker = WALKS[name], Walker(7)
    position, drift = Position(walk.position), Drift(walk.drift)
    shown: tuple[Cause | None, str | None] = (None, None)
    for n in range(1, SECONDS * 200):
        t_s = n * 0.005
        reading: RangeSample | Fault | None = None
        if n % 5 == 0:
            seen_m = walker.seen_m(t_s, 0.025)
            if seen_m is None:
                reading = Fault.NO_TARGET
            else:
                distance_m = (
                    seen_m if walk.position.mount == "front" else walk.position.deck_length_m - seen_m
                )
                distance_m -= walker.hand_m if t_s < walker.hand_until_s else 0.0
                reading = RangeSample(n * TICK_NS, distance_m + (0.9 if n % 4000 < 100 else 0.0), n % 256)
        if n % 6000 == 0:
            drift.relearn()
        phase = Phase.WAITING if t_s < 4.0 or walker.cadence_hz is None else Phase.GUARDING
        position.update(n * TICK_NS, reading, walker.cadence_hz if phase is Phase.GUARDING else None)
        found = drift.update(position, phase, walk.measured_m_s, 0.005)
        now = (drift.warning, found and found.rule)
        if now != shown or n % 250 == 0:
            shown = now
            yield ",".join(
                [
                    name.replace(",", ""),
                    f"{t_s:.3f}",
                    *(f"{value:d}" for value in (position.known, position.may_be_hand, position.rejected)),
                    f"{position.position_m:.6g}",
                    f"{position.velocity_m_s:.6f}",
                    f"{position.velocity_sigma_m_s:.6g}",
                    "" if drift.rest_position_m is None else f"{drift.rest_position_m:.6g}",
                    "" if drift.stop_margin_m is None else f"{drift.stop_margin_m:.6f}",
                    "" if drift.warning is None else drift.warning.value + " soft" * drift.soft_stop,
                    ""
                    if found is None
                    else f"{found.cause.value} {found.rule} {found.value:.6g} {found.limit:.6g}",
                ]
            )


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> list[str]:
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text("\n".join(row for name in WALKS for row in rows(name)) + "\n")
    return GOLDEN.read_text().splitlines()


@pytest.mark.parametrize("name", WALKS)
def test_every_figure_is_as_it_was(name: str, golden: list[str]) -> None:
    assert list(rows(name)) == [row for row in golden if row.startswith(name.replace(",", "") + ",")]


def test_the_walks_meet_every_finding_and_every_warning(golden: list[str]) -> None:
    text = "\n".join(golden)
    for found in (
        "drift_rear",
        "drift_front",
        "velocity_m_s",
        "step_off",
    ):
        assert f"{found} " in text, found
    for warning in (",drift_rear,", ",drift_front,", ",overspeed,", ",drift_rear soft,"):
        assert warning in text, warning
