"""Owns the words and numbers people and programs read: the terminal table and the JSON lines. Must never compute."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import compress
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from firmware_py.evaluation.score import Score
from firmware_py.evaluation.tables import Line, table, table_by


def print_tables(console: Console, title: str, scores: list[Score]) -> None:
    """The summary, detectors side by side."""
    lines = table(scores)
    for protocol, variant in dict.fromkeys((line.protocol, line.variant) for line in lines):
        console.print(
            f"\n[bold]{title}[/bold]\n{protocol}" + (f", {variant}" if variant else ""), highlight=False
        )
        sheet = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
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
HEAD = ("trials", "stopped", "late", "missed", "off", "lead ms", "p5", "false stops", "hours", "/h", "< /h")
_LEGEND = """\
stopped      of all falls, the share cut before the impact; lead: how long before
off          the belt was off, or not yet armed, when the fall came
false stops  before a fall, or any stop where nobody fell; hours: time the belt could run
< /h         95 % upper bound of the false stops an hour (exact Poisson)"""


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
    ]


def json_lines(dataset: str, scores: list[Score], problems: list[str], trials: bool) -> Iterator[str]:
    """One object a line: the summary, then by activity, by person, then what was skipped."""
    for record, lines in (
        ("summary", table(scores)),
        ("activity", table_by(scores, "activity")),
        ("person", table_by(scores, "person")),
    ):
        for line in lines:
            yield _json({"record": record, "dataset": dataset} | _line(line))
    if trials:
        for score in scores:
            yield _json({"record": "trial"} | asdict(score) | _enums(score))
    for problem in problems:
        yield _json({"record": "skipped", "dataset": dataset, "what": problem})


def _line(line: Line) -> dict[str, Any]:
    return asdict(line) | {"group": line.group.strip(), "stopped_percent": line.stopped_percent}


def _enums(score: Score) -> dict[str, Any]:
    return {"kind": score.kind.value, "outcome": score.outcome.value if score.outcome else None}


def _json(value: dict[str, Any]) -> str:
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in value.items()}
    return json.dumps(rounded, ensure_ascii=False, allow_nan=False)
