"""The columns of the fit stop where the product stops, and the folds keep people apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_py.core.body.fall import BalanceParams, figures
from firmware_py.core.monitor import MonitorParams
from firmware_py.evaluation.datasets.table import DATASETS, people
from firmware_py.evaluation.run.campaign import run_job
from firmware_py.evaluation.run.job import COLD, WARM, Job
from tests.proof import fit, lying, sensitivity
from tests.proof.fit import Evidence, Known
from tests.support import people as made

SHIPPED = {name: figures(BalanceParams())[name] for name in fit.START}


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
        {"base_m_s": 0.3},
        {"base_m_s": 0.1, "floor_m_s": 0.2},
        {"floor_m_s": 1.2},
        {"soon_s": 0.0, "lean": 0.0},
        {"brisk steps": 0.5, "pod moved": 9.0, "most_drop_m_s2": 1.0},
        {"base_m_s": 9.0, "sunk_m": 0.06},
        {"base_m_s": 9.0, "sunk_m": 9.0, "lean_rad": 0.6},
    ],
)
def test_the_columns_stop_where_the_product_stops(
    person: Job, seen: list[Known], changed: dict[str, float]
) -> None:
    product = fit.params(SHIPPED | changed)
    agree(person, product, seen, Evidence.of(seen).stops(product.balance))


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


def test_each_row_says_what_was_scaled_and_all_levels_at_nothing_stop_everybody(seen: list[Known]) -> None:
    evidence = Evidence.of([k for k in seen if k.protocol == WARM])
    assert sensitivity.row(evidence, "floor_m_s", 0.5).startswith("| floor_m_s x 0.5 | ")
    assert sensitivity.row(evidence, sensitivity.ALL, 0.0).endswith("| 0 + 0 | 1 + 0 | 4 |")
    assert (
        sensitivity.row(evidence, sensitivity.ALL, 99.0)
        == "| all thresholds x 99 | 0.0 % |  | 0 + 0 | 0 + 0 | 0 |"
    )
    assert len(set(sensitivity.settings())) == len(list(sensitivity.settings()))


def test_the_look_itself_stops_nobody_and_ends_at_the_impact(seen: list[Known]) -> None:
    falls = [k for k in seen if k.impact is not None]
    assert len(falls) == 2
    for known in falls:
        assert known.impact == round(made.IMPACT_S * 200.0)
        assert len(known.at) == len(known.rows) > 50
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
    assert fit.worth(evidence, SHIPPED | {"base_m_s": 0.0, "floor_m_s": 0.0}) < shipped, "walks are stopped"


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
