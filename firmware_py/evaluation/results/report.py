"""Owns the words and numbers people and programs read: the terminal table and the JSON lines. Must never compute."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import compress
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from firmware_py.evaluation.results.curves import Curves, Point
from firmware_py.evaluation.results.tables import Line, table, table_by
from firmware_py.evaluation.run.score import Score


def print_tables(console: Console, title: str, scores: list[Score]) -> None:
    """The summary, detectors side by side."""
    lines = table(scores)
    for protocol, variant in dict.fromkeys((line.protocol, line.variant) for line in lines):
        console.print(
            f"\n[bold]{title}[/bold]\n{protocol}" + (f", {variant}" if variant else ""), highlight=False
        )
        sheet = _sheet()
        sheet.add_column("", no_wrap=True)
        own = [line for line in lines if (line.protocol, line.variant) == (protocol, variant)]
        shown = [
            any(column) for column in zip(*map(cells, own), strict=True)
        ]  # without falls, no columns about them
        for words in compress(HEAD, shown):
            sheet.add_column(words, justify="right", no_wrap=True)
        group = ""
        for line in own:
            if line.group != group:
                sheet.add_row(f"[bold]{line.group}[/bold]")
                group = line.group
            sheet.add_row(f"    {line.detector}", *compress(cells(line), shown))
        console.print(sheet)
    console.print(_LEGEND, style="dim", highlight=False)


WIDTH = 110
HEAD = (
    "trials",
    "stopped",
    "late",
    "missed",
    "off",
    "lead ms",
    "p5",
    "false stops",
    "hours",
    "/h",
    "< /h",
    "watched",
)
_LEGEND = """\
stopped      of all falls, the share cut before the impact; lead: how long before
off          the belt was off, or not yet armed, when the fall came
false stops  before a fall, or any stop where nobody fell; hours: time the belt could run
< /h         95 % upper bound of the false stops an hour (exact Poisson)
watched      from the third step of a walk on, the share of time in which the fall rule is armed
A stop is false while somebody walks. It is right, and has no bound, where somebody leaves walking: sits, jogs."""

_CURVES_LEGEND = """\
x          how many times the shipped value
too early  falls before which the belt was stopped falsely
walks      false stops while somebody only walked, reversed copies included
others     trials that leave walking in which the belt was stopped"""


def cells(line: Line) -> list[str]:
    """The numbers of one line as text; what does not apply is empty."""
    fall = line.falls > 0
    return [
        str(line.trials),
        f"{line.stopped_percent:.1f} %" if line.stopped_percent is not None else "",
        str(line.late) if fall else "",
        str(line.missed) if fall else "",
        str(line.unguarded) if fall else "",
        f"{line.lead_median_ms:.0f}" if line.lead_median_ms is not None else "",
        f"{line.lead_p5_ms:.0f}" if line.lead_p5_ms is not None else "",
        f"{line.false_stops}" + (f" in {line.trials_with_false_stop}" if line.false_stops else ""),
        f"{line.hours:.2f}",
        f"{line.false_stops_per_hour:.2f}" if line.false_stops_per_hour is not None else "",
        f"{line.false_stops_per_hour_upper95:.1f}" if line.false_stops_per_hour_upper95 is not None else "",
        f"{line.watched_percent:.1f} %" if line.watched_percent is not None else "",
    ]


def print_curves(console: Console, curves: Curves) -> None:
    """Every point of every curve."""
    console.print("\n[bold]One setting scaled, the others as shipped, warm[/bold]", highlight=False)
    rows = point_rows(curves)
    sheet = _sheet()
    for number, words in enumerate(rows[0]):
        sheet.add_column(words, justify="right" if number > 1 else "left", no_wrap=True)
    for row in rows[1:]:
        sheet.add_row(*row)
    console.print(sheet)
    console.print(_CURVES_LEGEND, style="dim", highlight=False)


def _sheet() -> Table:
    return Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def point_rows(curves: Curves) -> list[list[str]]:
    """The points as text, the words of the columns first; a column that the data set leaves empty is left out."""
    rows = [["setting", "detector", "x", "stopped", "lead ms", "p5", "too early", "walks", "hours", "others"]]
    for point in (p for points in curves.values() for p in points):
        falls, walks, others = point.falls, point.walks, point.others
        lead, p5 = (falls.lead_median_ms, falls.lead_p5_ms) if falls else (None, None)
        rows.append(
            [
                point.setting,
                point.detector,
                f"{point.scale:g}",
                f"{falls.stopped} of {falls.falls}" if falls else "",
                f"{lead:.0f}" if lead is not None else "",
                f"{p5:.0f}" if p5 is not None else "",
                str(falls.trials_with_false_stop) if falls else "",
                str(walks.false_stops) if walks else "",
                f"{walks.hours:.2f}" if walks else "",
                f"{others.trials_with_false_stop} of {others.trials}" if others else "",
            ]
        )
    shown = [any(column[1:]) for column in zip(*rows, strict=True)]
    return [list(compress(row, shown)) for row in rows]


def json_lines(
    dataset: str, scores: list[Score], curves: Curves, problems: list[str], trials: bool
) -> Iterator[str]:
    """One object a line: the summary, then by activity, by person, the curves, then what was skipped."""
    for record, lines in (
        ("summary", table(scores)),
        ("activity", table_by(scores, "activity")),
        ("person", table_by(scores, "person")),
    ):
        for line in lines:
            yield _json({"record": record, "dataset": dataset} | _line(line))
    for point in (p for points in curves.values() for p in points):
        yield _json({"record": "curve", "dataset": dataset} | _point(point))
    if trials:
        for score in scores:
            yield _json({"record": "trial"} | asdict(score) | _enums(score))
    for problem in problems:
        yield _json({"record": "skipped", "dataset": dataset, "what": problem})


def _line(line: Line) -> dict[str, Any]:
    return asdict(line) | {"group": line.group.strip(), "stopped_percent": line.stopped_percent}


def _point(point: Point) -> dict[str, Any]:
    falls, walks, others = point.falls, point.walks, point.others
    return {
        "setting": point.setting,
        "detector": point.detector,
        "scale": point.scale,
        "falls": falls and falls.falls,
        "stopped_before_impact": falls and falls.stopped,
        "lead_median_ms": falls and falls.lead_median_ms,
        "lead_p5_ms": falls and falls.lead_p5_ms,
        "stopped_too_early": falls and falls.trials_with_false_stop,
        "walks_false_stops": walks and walks.false_stops,
        "walks_hours": walks and walks.hours,
        "others": others and others.trials,
        "others_stopped": others and others.trials_with_false_stop,
    }


def _enums(score: Score) -> dict[str, Any]:
    outcome = score.outcome.value if score.outcome else None
    return {"kind": score.kind.value, "class": score.kind.counts_as, "outcome": outcome}


def _json(value: dict[str, Any]) -> str:
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in value.items()}
    return json.dumps(rounded, ensure_ascii=False, allow_nan=False)
