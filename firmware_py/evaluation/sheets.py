"""Owns the tiles and tables of the report as HTML. Must never compute a score or draw a plot."""

from html import escape

from firmware_py.evaluation.campaign import OURS
from firmware_py.evaluation.report import HEAD, cells
from firmware_py.evaluation.score import Score
from firmware_py.evaluation.tables import Line, summarize, table
from firmware_py.evaluation.trials import Kind


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
    head = (
        "<th></th>"
        + ("<th>detector</th>" if names == "both" else "")
        + "".join(f"<th>{h}</th>" for h in HEAD)
    )
    body, last = [], ""
    for line in lines:
        first = line.group != last
        last = line.group
        css = ("first " if first and names == "both" else "") + ("ours" if line.detector == OURS else "")
        indent = ' class="sub"' if line.group.startswith(" ") else ""
        name = f"<td{indent}>{escape(line.group.strip()) if first else ''}</td>"
        name += f"<td>{escape(line.detector)}</td>" if names == "both" else ""
        body.append(f'<tr class="{css}">{name}{"".join(f"<td>{escape(c)}</td>" for c in cells(line))}</tr>')
    return _html_table(names, head, body)


def _html_table(css: str, head: str, rows: list[str]) -> str:
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
        row = f"<td>{escape(name)}</td>"
        falls = [s for s in scores if s.outcome is not None]
        walks = [s for s in scores if s.outcome is None]
        if falls:
            line = summarize(name, falls)
            lead = "" if line.lead_median_ms is None else f"{line.lead_median_ms:.0f}"
            p5 = "" if line.lead_p5_ms is None else f"{line.lead_p5_ms:.0f}"
            row += f"<td>{line.stopped_percent:.1f} %</td><td>{lead}</td><td>{p5}</td>"
        else:
            row += "<td></td>" * 3
        if walks:
            line = summarize(name, walks)
            row += f"<td>{line.false_stops}</td><td>{line.hours:.2f}</td>"
        else:
            row += "<td></td>" * 2
        rows.append(f"<tr>{row}</tr>")
    head = "".join(f"<th>{h}</th>" for h in ("", "stopped", "lead ms", "p5", "false stops walking", "hours"))
    return _html_table("", head, rows)
