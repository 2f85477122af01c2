"""The report for a physiotherapist: one page, one row a set, and a FHIR bundle that a validator accepts."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle

from firmware_py import locale
from firmware_py.coach.report import fhir, files, page
from firmware_py.coach.report.account import AD2_NOISE
from tests.coach.course import CUT_SHORT, course
from tests.support.chromium import FOUND, browser

SIX_WEEKS = course()


def test_six_weeks_are_eighteen_sessions_and_no_plan_is_broken() -> None:
    assert len(SIX_WEEKS.past) == 18
    goal = SIX_WEEKS.plan.goal
    for before, after in zip(SIX_WEEKS.past, SIX_WEEKS.past[1:], strict=False):
        a, b = before.done().dose, after.done().dose
        assert not (b.speed_km_h > a.speed_km_h and b.incline_percent > a.incline_percent)
        assert b.speed_km_h <= goal.speed_km_h
    assert sum(r.stepped_up for r in SIX_WEEKS.past) == 4  # and no more unseen


def test_the_page_says_what_was_done_and_what_it_cannot_see() -> None:
    html = page.render(SIX_WEEKS)
    for words in ("18 / 18", "Next: ", "cannot see", "Pain", "T. Herapist", SIX_WEEKS.next.reason):
        assert words in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "<script" not in html


def test_the_page_escapes_what_people_wrote() -> None:
    plan = SIX_WEEKS.plan.model_copy(update={"author": "<script>alert(1)</script>"})
    assert "<script>" not in page.render(replace(SIX_WEEKS, plan=plan))


def test_who_walked_alone_where_company_was_asked_for_is_in_the_report() -> None:
    alone = SIX_WEEKS.past[0].of(SIX_WEEKS.past[0].plain())
    alone.spotter, alone.answers["company"] = True, "alone"
    line = "Walked alone where company was asked for: 1 sessions"
    assert line in page.render(replace(SIX_WEEKS, past=[alone]))
    assert "Walked alone" not in page.render(SIX_WEEKS)


@pytest.mark.alone
@pytest.mark.skipif(not FOUND, reason="chromium is not installed: sh tests/system-packages.sh test")
@pytest.mark.parametrize("spoken", ["en", "de"])
def test_it_prints_on_one_sheet_of_a4(tmp_path: Path, spoken: str) -> None:
    locale.use(spoken)
    try:
        (tmp_path / "report.html").write_text(page.render(course()), encoding="utf-8")
    finally:
        locale.use(locale.ENGLISH)
    with browser(tmp_path / "profile") as chromium:
        chromium.open((tmp_path / "report.html").as_uri())
        printed = chromium.call("Page.printToPDF", preferCSSPageSize=True, deadline_s=60.0)["data"]
    pdf = base64.b64decode(printed)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    assert re.search(rb"/MediaBox\s*\[0 0 59\d(\.\d+)? 84\d", pdf)


def test_one_session_is_enough_for_a_page() -> None:
    html = page.render(replace(SIX_WEEKS, past=SIX_WEEKS.past[:1]))
    assert "1 / 3" in html


def test_the_band_is_the_own_noise_about_the_first_three_sessions() -> None:
    [ad2] = [s for s in SIX_WEEKS.quality() if "Ad2" in s.name]
    first = [v for _, v in ad2.points[:3]]
    assert (ad2.low, ad2.high) == pytest.approx((sum(first) / 3 - AD2_NOISE, sum(first) / 3 + AD2_NOISE))


def test_only_sessions_at_the_same_speed_are_compared() -> None:
    speeds = {r.done().dose.speed_km_h for r in SIX_WEEKS.past}
    assert len(speeds) > 1
    [cadence] = [s for s in SIX_WEEKS.quality() if s.name == "Cadence"]
    assert len(cadence.points) < len(SIX_WEEKS.past)


def test_the_table_has_one_row_a_set() -> None:
    rows = list(csv.DictReader(io.StringIO(files.as_csv(SIX_WEEKS))))
    assert len(rows) == len(SIX_WEEKS.sets)
    cut = [row for row in rows if row["ended"] == "cut short"]
    assert {row["session"] for row in cut} == {str(CUT_SHORT)}
    assert cut[0]["cause"] == "drift_rear"
    assert cut[0]["speed_measured_m_s"] == ""  # not known, not zero


def test_no_cell_of_the_table_is_a_formula() -> None:
    evil = SIX_WEEKS.past[0].of(SIX_WEEKS.past[0].plain())
    evil.walker = "=cmd()"
    assert "\n=" not in files.as_csv(replace(SIX_WEEKS, past=[evil]))


def test_everything_kept_comes_out_and_can_be_read_again() -> None:
    out = json.loads(json.dumps(files.as_json(SIX_WEEKS)))
    assert [type(SIX_WEEKS.past[0]).of(s).plain() for s in out["sessions"]] == [
        r.plain() for r in SIX_WEEKS.past
    ]


def test_the_bundle_is_valid_fhir_and_names_nobody() -> None:
    text = json.dumps(fhir.bundle(SIX_WEEKS))
    bundle = Bundle.model_validate_json(text)
    kinds = [entry.resource.__resource_type__ for entry in bundle.entry or []]
    assert kinds.count("Patient") == 1
    assert kinds.count("Observation") == len(kinds) - 1 >= 5 * len(SIX_WEEKS.past)
    codes = {c.code for e in (bundle.entry or [])[1:] for c in e.resource.code.coding}
    assert {"73985-4", "55411-3", "55423-8", "72514-3"} <= codes
    assert '"name"' not in text


def test_every_id_of_the_bundle_is_used_once_and_stays_the_same() -> None:
    bundle = fhir.bundle(SIX_WEEKS)
    ids = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(ids)) == len(ids)
    assert bundle == fhir.bundle(SIX_WEEKS)
