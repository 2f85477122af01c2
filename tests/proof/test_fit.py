"""The rule as the search writes it agrees with the product, and the folds keep people apart."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.evidence import SignsParams, read, times
from firmware_py.core.body.fall import BalanceParams
from firmware_py.core.body.gait import Gait
from firmware_py.core.monitor import MonitorParams
from firmware_py.evaluation.datasets.table import DATASETS, people
from firmware_py.evaluation.run.campaign import run_job
from firmware_py.evaluation.run.job import COLD, WARM, Job
from tests.proof import fit, fit_signs, lying, sensitivity
from tests.proof.fit import Evidence, Known
from tests.support import people as made

SHIPPED = {name: getattr(BalanceParams(), name) for name in fit.START}


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two walks, a backward slip, and something else that goes down."""
    path = tmp_path_factory.mktemp("sisfall")
    for code, cadence_hz in (("D01", 1.6), ("D02", 2.0)):
        (path / f"{code}_SA01_R01.txt").write_bytes(made.sisfall_text(*made.walk(24.0, 200.0, cadence_hz)))
    for code in ("F02", "D08"):
        (path / f"{code}_SA01_R01.txt").write_bytes(made.sisfall_text(*made.backward_fall(200.0)))
    by_person, _ = people(DATASETS["sisfall"], [path])
    return Job("sisfall", "SA01", tuple(by_person["SA01"]), fit.SILENT, (WARM, COLD), kinds=fit.KINDS)


@pytest.fixture(scope="module")
def seen(person: Job) -> list[Known]:
    return fit.look(person)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"margin_m_s": 0.3},
        {"margin_m_s": -0.5, "floor_m_s": fit.LEAST_FLOOR_M_S},
        {"floor_m_s": 1.2},
        {"soon_s": 0.0, "lean_m_s": 0.0, "ahead_s": 0.3},
        {"vigour_s": 0.2, "thrown_m_s": 0.1, "leap_m_s": 0.05},
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_the_rule_in_columns_stops_where_the_product_stops(
    person: Job, seen: list[Known], plain: bool, changed: dict[str, float]
) -> None:
    figures = SHIPPED | changed
    signs = (
        SignsParams(least=1.0, most=1.0, hardly=replace(SignsParams().hardly, share=0.0))
        if plain
        else SignsParams()
    )
    product = MonitorParams(
        balance=BalanceParams(**figures, least_margin_m_s=figures["margin_m_s"], signs=signs)
    )
    agree(person, product, seen, Evidence.of(seen).stops(figures, None if plain else signs))


def agree(person: Job, product: MonitorParams, seen: list[Known], stops: fit.Ints) -> None:
    """The product with these parameters stops where the columns say."""
    scores = run_job(replace(person, params=product)).scores
    assert len(scores) == len(seen) == 12
    for score, known, at in zip(scores, seen, stops.tolist(), strict=True):
        assert (score.protocol, score.kind, score.person) == (known.protocol, known.kind, known.person)
        times = [t for t, rule in score.false_stops if rule.startswith("fall:")]
        if score.stop_s is not None and score.impact_s is not None and score.stop_s < score.impact_s:
            times.append(score.stop_s)
        assert at == (round(times[0] * known.rate_hz) if times else -1), (score.trial, score.protocol)


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        (sensitivity.ALL, 1.0),
        *((name, 0.5) for name in sensitivity.FIGURES),
        *((name, 3.0) for name in sensitivity.SIGNS),
    ],
)
def test_a_scaled_figure_stops_whom_it_stops_in_the_product(
    person: Job, seen: list[Known], name: str, scale: float
) -> None:
    evidence = Evidence.of(seen)
    figures, signs = sensitivity.scaled(evidence, name, scale)
    del figures["margin_m_s"]
    if name == "stride_m_s":
        signs = replace(signs, stride_of_usual=replace(signs.stride_of_usual, share=signs.stride_m_s.share))
    product = MonitorParams(balance=BalanceParams(**figures, signs=signs))
    agree(person, product, seen, evidence.stops(*sensitivity.scaled(evidence, name, scale)))


def test_each_row_says_what_was_scaled_and_all_levels_at_nothing_stop_everybody(seen: list[Known]) -> None:
    evidence = Evidence.of([k for k in seen if k.protocol == WARM])
    assert sensitivity.row(evidence, "floor_m_s", 0.5).startswith("| floor_m_s x 0.5 | ")
    assert sensitivity.row(evidence, sensitivity.ALL, 0.0).endswith("| 1 + 0 | 4 |")
    assert sensitivity.row(evidence, "floor_m_s", 9.0) == "| floor_m_s x 9 | 0.0 % |  | 0 + 0 | 0 |"
    assert len(set(sensitivity.settings())) == len(list(sensitivity.settings()))


def test_the_look_itself_stops_nobody_and_ends_at_the_impact(seen: list[Known]) -> None:
    falls = [k for k in seen if k.impact is not None]
    assert len(falls) == 2
    for known in falls:
        assert known.impact == round(made.IMPACT_S * 200.0)
        assert len(known.at) == len(known.said) > 50
        assert np.all(np.diff(known.at) > 0) and known.at[-1] < known.impact


def test_nobody_is_scored_by_a_fit_that_saw_them() -> None:
    everybody = [
        Job(name, f"P{n}", (), MonitorParams())
        for name, many in zip(fit.SETS, (26, 6, 6), strict=True)
        for n in range(many)
    ]
    folds = fit.folds(everybody)
    for fitted, scored in folds.values():
        assert not {(j.dataset, j.person) for j in fitted} & {(j.dataset, j.person) for j in scored}
        assert len(fitted) + len(scored) == len(everybody)
    assert [len(fitted) for fitted, _ in folds.values()] == [6, 32, 19, 19]


def test_a_lost_fall_a_stopped_walk_and_late_leads_all_cost(seen: list[Known]) -> None:
    evidence = Evidence.of(seen)
    shipped = fit.worth(evidence, SHIPPED)
    assert fit.worth(evidence, SHIPPED | {"floor_m_s": 3.0}) < shipped, "no fall is seen"
    assert fit.worth(evidence, SHIPPED | {"floor_m_s": 1.2}) < shipped, "the fall is seen late"
    assert fit.worth(evidence, SHIPPED | {"margin_m_s": -2.0, "floor_m_s": 0.0}) < shipped, (
        "walks are stopped"
    )


def some_signs(count: int) -> dict[str, np.ndarray]:
    """Signs as a hip may give them, from nothing of each to all."""
    chance = np.random.default_rng(4)
    said = {}
    for name in fit_signs.NAMES:
        ramp = getattr(SignsParams(), name)
        said[name] = ramp.nothing + (ramp.whole - ramp.nothing) * chance.uniform(-0.5, 1.5, count)
    return said


def test_the_signs_in_columns_say_what_the_products_say() -> None:
    said = some_signs(300)
    said["sinking_s"][:50] = said["stride_m_s"][:50] = said["stride_of_usual"][:50] = 0.0
    for n, expected in enumerate(fit_signs.times(SignsParams(), said).tolist()):
        attitude = SimpleNamespace(**{name: float(said[name][n]) for name in fit_signs.NAMES})
        gait = SimpleNamespace(
            swing_m_s=float(said["stride_m_s"][n]),
            swing_of_usual=float(said["stride_of_usual"][n]),
            upward_speed_m_s=float(said["leapt_m_s"][n]),
        )
        signs = read(SignsParams(), cast(Attitude, attitude), cast(Gait, gait))
        assert times(SignsParams(), signs) == pytest.approx(expected, abs=1e-12)


def test_the_regression_finds_the_shares_that_made_the_samples() -> None:
    said, signs = some_signs(200_000), replace(SignsParams(), least=-99.0, most=99.0)
    signs = replace(signs, hardly=replace(signs.hardly, share=0.0))
    chance = np.random.default_rng(5)
    ratio = chance.uniform(0.0, 2.0, 200_000)
    odds = fit_signs.ODDS + 3.0 * (ratio - fit_signs.times(signs, said))
    falls = chance.uniform(size=len(odds)) < 1.0 / (1.0 + np.exp(-odds))
    found = fit_signs.regress(said, ratio, falls, np.ones(len(odds)))
    assert found.without == pytest.approx(signs.without, rel=0.1)
    for name in fit_signs.COLUMNS:
        assert getattr(found, name).share == pytest.approx(getattr(signs, name).share, rel=0.12), name
    assert found.stride_of_usual.share == found.stride_m_s.share


def test_the_signs_of_these_people_come_from_their_falls_and_everything_else(seen: list[Known]) -> None:
    signs = fit.signs_for(Evidence.of(seen), SHIPPED)
    assert np.isfinite(signs.without)
    assert signs.leapt_m_s.share <= 0.0 <= signs.tilting_rad_s.share


@pytest.mark.parametrize(("tips_deg", "stopped"), [(90.0, "1 of 1 | 0."), (60.0, "0 of 1 |  |")])
def test_with_the_fall_rule_silent_who_fell_and_lies_is_stopped_after_the_blow(
    person: Job, tmp_path: Path, tips_deg: float, stopped: str
) -> None:
    for file in person.files:
        (tmp_path / file.path.name).write_bytes(file.path.read_bytes())
    fall = made.sisfall_text(*made.backward_fall(200.0, tips_deg=tips_deg))
    (tmp_path / "F02_SA01_R01.txt").write_bytes(fall)
    files = tuple(people(DATASETS["sisfall"], [tmp_path])[0]["SA01"])
    told = list(lying.rows(run_job(replace(person, files=files, params=fit.SILENT)).scores))
    assert [row for row in told if row.startswith(f"| sisfall | warm | fall_walking | {stopped}")], told
    assert "| sisfall | warm | walk | 0 of 4 |  |" in told
