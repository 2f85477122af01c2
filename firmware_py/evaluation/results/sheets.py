"""Owns the tiles and tables of the report as HTML. Must never compute a score or draw a plot."""

from collections.abc import Iterable
from html import escape
from itertools import compress

from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.results.curves import Curves
from firmware_py.evaluation.results.report import HEAD, cells, point_rows
from firmware_py.evaluation.results.tables import Line, summarize, table
from firmware_py.evaluation.run.campaign import OURS
from firmware_py.evaluation.run.score import Score


def tiles(ours: list[Score]) -> str:
    falls = [s for s in ours if s.kind is Kind.FALL_WALKING]
    walks = [s for s in ours if s.kind is Kind.WALK]
    tiles = []
    if falls:
        line = summarize("", falls)
        tiles.append(
            (f"{line.stopped_percent:.1f} %", f"of {line.falls} falls while walking stopped before impact")
        )
        if line.lead_median_ms is not None:
            tiles.append(
                (f"{line.lead_median_ms:.0f} ms", f"median lead, 5th percentile {line.lead_p5_ms:.0f} ms")
            )
        if backward := [s for s in falls if s.backward]:
            line = summarize("", backward)
            tiles.append((f"{line.stopped_percent:.1f} %", f"of {line.falls} backward slips"))
    if walks:
        line = summarize("", walks)
        tiles.append(
            (
                str(line.false_stops),
                f"false stops in {line.hours:.2f} h of walking, reversed copies included: below "
                f"{line.false_stops_per_hour_upper95:.1f} an hour",
            )
        )
    cards = "".join(f'<div class="tile"><b>{escape(n)}</b><span>{escape(w)}</span></div>' for n, w in tiles)
    return f'<div class="tiles">{cards}</div>'


def summary(scores: list[Score]) -> str:
    out = []
    for protocol in dict.fromkeys(s.protocol for s in scores):
        lines = table([s for s in scores if s.protocol == protocol])
        out.append(f"<h3>{escape(protocol)}</h3>{sheet(lines, 'both')}")
    return "".join(out)


def sheet(lines: list[Line], names: str) -> str:
    numbers = [cells(line) for line in lines]
    shown = [any(column) for column in zip(*numbers, strict=True)]  # without falls, no columns about them
    head = (
        "<th></th>"
        + ("<th>detector</th>" if names == "both" else "")
        + "".join(f"<th>{h}</th>" for h in compress(HEAD, shown))
    )
    body, last = [], ""
    for line, own in zip(lines, numbers, strict=True):
        first = line.group != last
        last = line.group
        css = ("first " if first and names == "both" else "") + ("ours" if line.detector == OURS else "")
        indent = ' class="sub"' if line.group.startswith(" ") else ""
        name = f"<td{indent}>{escape(line.group.strip()) if first else ''}</td>"
        name += f"<td>{escape(line.detector)}</td>" if names == "both" else ""
        body.append(
            f'<tr class="{css}">{name}{"".join(f"<td>{escape(c)}</td>" for c in compress(own, shown))}</tr>'
        )
    return _html_table(names, head, body)


def settings(curves: Curves) -> str:
    """Every point of every curve, in figures."""
    head, *rows = point_rows(curves)
    return _html_table("both", "".join(f"<th>{h}</th>" for h in head), map(_row, rows))


def _html_table(css: str, head: str, rows: Iterable[str]) -> str:
    return (
        f'<div class="sheet"><table class="{css}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def robustness(ours: list[Score], harder: list[Score]) -> str:
    variants = {"as recorded": [s for s in ours if s.kind in (Kind.FALL_WALKING, Kind.WALK)]}
    for score in harder:
        if score.detector == OURS:
            variants.setdefault(score.variant, []).append(score)
    rows = []
    for name, scores in variants.items():
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
        rows.append(row)
    shown = [any(column) for column in zip(*rows, strict=True)]
    words = ("", "stopped", "lead ms", "p5", "false stops walking", "hours")
    head = "".join(f"<th>{h}</th>" for h in compress(words, shown))
    return _html_table("", head, (_row(compress(row, shown)) for row in rows))


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in cells)}</tr>"
