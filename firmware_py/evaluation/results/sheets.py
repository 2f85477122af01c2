"""Owns the tiles and tables of the evaluation page, as rows of text. Must never compute a score or draw a plot."""

from collections.abc import Iterable
from itertools import compress
from typing import NamedTuple

from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.results.curves import Curves
from firmware_py.evaluation.results.report import HEAD, cells, point_rows
from firmware_py.evaluation.results.tables import Line, summarize, table
from firmware_py.evaluation.run.job import OURS
from firmware_py.evaluation.run.score import Score


class Row(NamedTuple):
    """One row of a table. `css`: "first" of its group, "ours", both or neither; `sub`: the name is indented."""

    cells: list[str]
    css: str = ""
    sub: bool = False


class Sheet(NamedTuple):
    """A table. `css` "both": its first two columns are words."""

    head: list[str]
    rows: list[Row]
    css: str = ""


def tiles(ours: list[Score]) -> Iterable[tuple[str, str]]:
    """(figure, what it is)."""
    falls = [s for s in ours if s.kind is Kind.FALL_WALKING]
    walks = [s for s in ours if s.kind is Kind.WALK]
    if falls:
        line = summarize("", falls)
        yield f"{line.stopped_percent:.1f} %", f"of {line.falls} falls while walking stopped before impact"
        if line.lead_median_ms is not None:
            yield f"{line.lead_median_ms:.0f} ms", f"median lead, 5th percentile {line.lead_p5_ms:.0f} ms"
        if backward := [s for s in falls if s.backward]:
            line = summarize("", backward)
            yield f"{line.stopped_percent:.1f} %", f"of {line.falls} backward slips"
    if walks:
        line = summarize("", walks)
        what = f"false stops in {line.hours:.2f} h of walking, reversed copies included: below"
        yield str(line.false_stops), f"{what} {line.false_stops_per_hour_upper95:.1f} an hour"


def summary(scores: list[Score]) -> list[tuple[str, Sheet]]:
    """A table a protocol, detectors side by side."""
    protocols = dict.fromkeys(s.protocol for s in scores)
    return [(name, sheet(table([s for s in scores if s.protocol == name]), True)) for name in protocols]


def sheet(lines: list[Line], detectors: bool) -> Sheet:
    """The lines, group by group; `detectors`: with a column that names the detector of each."""
    numbers = [cells(line) for line in lines]
    shown = [any(column) for column in zip(*numbers, strict=True)]  # without falls, no columns about them
    rows: list[Row] = []
    last = ""
    for line, own in zip(lines, numbers, strict=True):
        first, last = line.group != last, line.group
        names = [line.group.strip() if first else "", *([line.detector] if detectors else [])]
        css = ("first " if first and detectors else "") + ("ours" if line.detector == OURS else "")
        rows.append(Row([*names, *compress(own, shown)], css, line.group.startswith(" ")))
    return Sheet(
        ["", *(["detector"] if detectors else []), *compress(HEAD, shown)], rows, "both" if detectors else ""
    )


def settings(curves: Curves) -> Sheet:
    """Every point of every curve, in figures."""
    head, *rows = point_rows(curves)
    return Sheet(head, [Row(row) for row in rows], "both")


def robustness(ours: list[Score], harder: list[Score]) -> Sheet:
    """One row a way in which the recordings were made harder."""
    variants = {"as recorded": [s for s in ours if s.kind in (Kind.FALL_WALKING, Kind.WALK)]}
    for score in harder:
        if score.detector == OURS:
            variants.setdefault(score.variant, []).append(score)
    rows = [_variant(name, scores) for name, scores in variants.items()]
    shown = [any(column) for column in zip(*rows, strict=True)]
    head = ("", "stopped", "lead ms", "p5", "false stops walking", "hours")
    return Sheet(list(compress(head, shown)), [Row(list(compress(row, shown))) for row in rows])


def _variant(name: str, scores: list[Score]) -> list[str]:
    falls = [s for s in scores if s.outcome is not None]
    walks = [s for s in scores if s.outcome is None]
    row = [name, *[""] * 5]
    if falls:
        line = summarize(name, falls)
        row[1] = f"{line.stopped_percent:.1f} %"
        if line.lead_median_ms is not None and line.lead_p5_ms is not None:
            row[2:4] = f"{line.lead_median_ms:.0f}", f"{line.lead_p5_ms:.0f}"
    if walks:
        line = summarize(name, walks)
        row[4:] = str(line.false_stops), f"{line.hours:.2f}"
    return row
