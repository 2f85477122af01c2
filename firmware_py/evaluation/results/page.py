"""Owns what goes into page.html: one HTML file, no script, no request. Must never compute a score."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from firmware_py import __version__
from firmware_py.evaluation.datasets.trials import Dataset, Kind
from firmware_py.evaluation.results import charts, sheets
from firmware_py.evaluation.results.curves import ALL, Curves
from firmware_py.evaluation.results.tables import table_by
from firmware_py.evaluation.run.job import OURS, WARM, Excerpt, Result
from firmware_py.evaluation.run.score import EARLIEST_S, Outcome, Score
from firmware_py.plot import STYLE, Plot

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    undefined=StrictUndefined,
)
_MOST_EXCERPTS = 60
_OUTCOMES = {Outcome.LATE: "late", Outcome.MISSED: "missed", Outcome.UNGUARDED: "not on"}


def render(dataset: Dataset, result: Result, harder: Result, curves: Curves) -> str:
    """The whole page."""
    scores = result.scores
    protocol = WARM if any(s.protocol == WARM for s in scores) else scores[0].protocol
    main = [s for s in scores if s.protocol == protocol]
    ours = [s for s in main if s.detector == OURS]
    falls = [s for s in main if s.kind is Kind.FALL_WALKING]
    notable = _notable(result.excerpts, protocol)
    return _PAGES.get_template("page.html").render(
        dataset=dataset,
        version=__version__,
        chart_style=STYLE,
        protocol=protocol,
        ours=OURS,
        people=len({s.person for s in ours}),
        recordings=len({s.trial for s in ours if not s.reverse}),
        earliest_s=f"{EARLIEST_S:g}",
        tiles=sheets.tiles(ours),
        summary=sheets.summary(scores),
        leads=_leads(falls) if falls else None,
        trade_off=charts.trade_off(curves[ALL]) if ALL in curves else None,
        trade_off_legend=charts.legend(list(dict.fromkeys(p.detector for p in curves.get(ALL, [])))),
        sensitivity=[charts.sensitivity(name, points) for name, points in curves.items() if name != ALL],
        sensitivity_legend=charts.SENSITIVITY_LEGEND,
        settings=sheets.settings(curves) if ALL in curves else None,
        robustness=sheets.robustness(ours, harder.scores) if harder.scores else None,
        notable=[(_title(e.score), e.score, charts.excerpt(e)) for e in notable[:_MOST_EXCERPTS]],
        notable_count=len(notable),
        groups=[(what, sheets.sheet(table_by(ours, what), False)) for what in ("activity", "person")],
        problems=result.problems,
    )


def _leads(falls: list[Score]) -> tuple[list[Plot], charts.Legend]:
    ours = [s for s in falls if s.detector == OURS]
    detectors = list(dict.fromkeys(s.detector for s in falls))
    return [charts.lead_survival(falls), charts.lead_by_activity(ours)], charts.legend(detectors)


def _notable(excerpts: list[Excerpt], protocol: str) -> list[Excerpt]:
    """Those of the main protocol and the falls first."""
    drawn = [e for e in excerpts if e.t_s]
    return sorted(drawn, key=lambda e: (e.score.protocol != protocol, e.score.outcome is None))


def _title(score: Score) -> str:
    if score.outcome in _OUTCOMES:
        return f"{score.activity}: {_OUTCOMES[score.outcome]}"
    return f"{score.activity}: false stop ({charts.cause_of(score.false_stops[0][1])})"
