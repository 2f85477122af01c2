"""Owns the self-contained report: one HTML file, no script, no request. Must never compute a score."""

from html import escape
from pathlib import Path

from firmware_py import __version__
from firmware_py.evaluation.datasets.trials import Dataset, Kind
from firmware_py.evaluation.results import charts, sheets
from firmware_py.evaluation.results.curves import ALL, Curves
from firmware_py.evaluation.results.tables import table_by
from firmware_py.evaluation.run.campaign import OURS, WARM, Excerpt, Result
from firmware_py.evaluation.run.score import EARLIEST_S, Outcome, Score

_STYLE = Path(__file__).with_name("page.css")
_MOST_EXCERPTS = 60


def render(dataset: Dataset, result: Result, harder: Result, curves: Curves) -> str:
    """The whole page."""
    scores = result.scores
    protocol = WARM if any(s.protocol == WARM for s in scores) else scores[0].protocol
    main = [s for s in scores if s.protocol == protocol]
    ours = [s for s in main if s.detector == OURS]
    people = len({s.person for s in ours})
    recordings = len({s.trial for s in ours if not s.reverse})
    sections = [
        f"<header><h1>Rearguard on recorded people: {escape(dataset.name)}</h1>"
        f"<p>{escape(dataset.about)}.<br>{_count(people, 'person', 'people')}, "
        f"{_count(recordings, 'recording', 'recordings')}, Rearguard {__version__}.</p>"
        "</header>",
        sheets.tiles(ours),
        _section("Detectors side by side", sheets.summary(scores), _RULES),
    ]
    falls = [s for s in main if s.kind is Kind.FALL_WALKING]
    if falls:
        sections.append(
            _section(
                "How long before the impact",
                f'<div class="two"><figure>{charts.lead_survival(falls)}</figure>'
                f"<figure>{charts.lead_by_activity([s for s in falls if s.detector == OURS])}</figure></div>"
                + charts.legend(_detectors(falls)),
                f"Left: the share of falls while walking ({protocol}) that were stopped at least so long before the "
                "impact; where a curve meets the left edge is what it stops at all. Right: each fall of ours by "
                "activity, the bar is the median; those on the zero line were not stopped in time, those on the upper "
                "edge even earlier.",
            )
        )
    if ALL in curves:
        sections.append(
            _section(
                "Trade-off",
                '<div class="two">'
                + "".join(f"<figure>{plot}</figure>" for plot in charts.trade_off(curves[ALL]))
                + "</div>"
                + charts.legend(list(dict.fromkeys(p.detector for p in curves[ALL]))),
                "Every trip level scaled at once, warm. Flat around 1 is good: the setting does not stand on an edge.",
            )
        )
        cards = "".join(f"<figure>{charts.sensitivity(n, p)}</figure>" for n, p in curves.items() if n != ALL)
        sections.append(
            _section(
                "Sensitivity of each setting",
                f'<div class="cards">{cards}</div>{charts.sensitivity_legend()}'
                f"<details><summary>In figures</summary>{sheets.settings(curves)}</details>",
                "One setting scaled, the others as shipped, warm.",
            )
        )
    if harder.scores:
        sections.append(
            _section(
                "Robustness",
                sheets.robustness(ours, harder.scores),
                "The same recordings, walk and fall alike, as a pod would give them that is turned, tilted, badly "
                "scaled, biased, noisier or read at another rate; joint: the trial put after the walk in a rougher "
                "way than in step and fitted in posture. Warm, falls while walking and all walks.",
            )
        )
    sections += _notable(result.excerpts, protocol)
    for what in ("activity", "person"):
        lines = table_by([s for s in main if s.detector == OURS], what)
        sections.append(
            f"<details><summary>By {what} ({OURS}, {protocol})</summary>{sheets.sheet(lines, 'group')}</details>"
        )
    if result.problems:
        items = "".join(f"<li>{escape(p)}</li>" for p in result.problems)
        sections.append(
            f"<details><summary>Skipped: {len(result.problems)}</summary><ul>{items}</ul></details>"
        )
    sections.append(_section("Limits", "", _LIMITS))
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(dataset.name)}: Rearguard on recorded people</title><style>{style}</style>"
        f"<main>{''.join(sections)}</main></html>\n"
    )


_RULES = (
    "Whole trials and hours, never windows. A fall counts as stopped when the belt was cut before the impact (the "
    f"video label, else the |a| peak) and not more than {EARLIEST_S:g} s before it; earlier stops are false. Cold: "
    "each trial alone, as if the walker had just got on. Warm: 60 s of that person's own walking first. Time-reversed: "
    "each walk played backward, the nearest thing on record to backward walking. Off: the belt was not running when "
    "the fall came. < /h: 95 % upper bound of the false stops an hour (exact Poisson)."
)
_LIMITS = (
    "All falls on record are acted, mostly by young people, over ground, out of forward walking. No public recording "
    "holds a fall from backward walking on a treadmill. Published threshold rules lose much of their sensitivity on "
    "real falls; expect that here too. Zero false stops in T hours only says that the rate is below 3/T an hour."
)


def _section(title: str, body: str, words: str = "") -> str:
    note = f'<p class="note">{escape(words)}</p>' if words else ""
    return f"<section><h2>{escape(title)}</h2>{note}{body}</section>"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _detectors(scores: list[Score]) -> list[str]:
    return list(dict.fromkeys(s.detector for s in scores))


def _notable(excerpts: list[Excerpt], protocol: str) -> list[str]:
    shown = sorted(
        (e for e in excerpts if e.t_s), key=lambda e: (e.score.protocol != protocol, e.score.outcome is None)
    )
    if not shown:
        return [
            _section(
                "Misses and false stops", "", "None: every fall while walking was stopped and no walk was."
            )
        ]
    cards = "".join(
        f"<figure><figcaption><b>{escape(_title(e.score))}</b> {escape(e.score.trial)}, {escape(e.score.protocol)}"
        f"</figcaption>{charts.excerpt(e)}</figure>"
        for e in shown[:_MOST_EXCERPTS]
    )
    more = f" The first {_MOST_EXCERPTS} of {len(shown)}." if len(shown) > _MOST_EXCERPTS else ""
    return [
        _section(
            "Misses and false stops",
            f'<div class="cards wide">{cards}</div>',
            "Each fall while walking that was not stopped in time or had a stop before it, and each stop of a walk: "
            "size of the acceleration, downward velocity against its limit, tilt. Before 0 (dotted): the walk."
            + more,
        )
    ]


def _title(score: Score) -> str:
    words = {Outcome.LATE: "late", Outcome.MISSED: "missed", Outcome.UNGUARDED: "not on"}
    if score.outcome in words:
        return f"{score.activity}: {words[score.outcome]}"
    return f"{score.activity}: false stop ({score.false_stops[0][1].partition(':')[0]})"
