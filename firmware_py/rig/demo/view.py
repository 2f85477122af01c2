"""Owns the terminal picture of a demonstration: the deck, the state in big words, and why. Must never judge.

Everything about the guard comes from its decisions; only the hollow walker and the belt come from the rig.
"""

from collections.abc import Sequence
from math import degrees
from typing import Any

from rich import box
from rich.align import Align
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from firmware_py.config import Config
from firmware_py.core.frame import Cause, Decision
from firmware_py.messages import of_stop, rule_sentence, tone_and_message
from firmware_py.rig.demo.account import Run

COLOURS = {
    "offline": "grey50",
    "running": "green3",
    "warning": "orange1",
    "ready": "deep_sky_blue1",
    "stopped": "red3",
    "fault": "magenta3",
}
WHY_LINES = 6
EVENTS_SHOWN = 2
WHOLE = 80, 24  # a terminal shows the whole picture from this size on; a smaller one goes without the figures
INK = {
    "offline": "white",
    "running": "black",
    "warning": "black",
    "ready": "black",
    "stopped": "white",
    "fault": "white",
}


def deck(config: Config, decision: Decision | None, true_m: float | None, width: int) -> Text:
    """The running surface, in the direction the belt runs from left to right, with its lines and the walker on it."""
    length_m = config.deck_length_m

    def column(at_m: float) -> int:
        return min(width - 1, max(0, int(at_m / length_m * width)))

    front, rear = column(config.front_line_m), column(config.rear_line_m)
    cells = [("─", "dim") if front <= i <= rear else ("▒", "red3") for i in range(width)]
    cells[front] = cells[rear] = ("┃", "bold red1")
    if true_m is not None:
        cells[column(true_m)] = ("○", "")
    if decision is not None and decision.position_m is not None:
        at = column(decision.position_m)
        if decision.rest_position_m is not None and decision.run:
            _draw_way(cells, at, column(decision.rest_position_m))
        cells[at] = ("●", "bold")
    ends = ("console", "rear") if config.belt.direction == "normal" else ("rear", "console")
    return Text.assemble((f"{ends[0]} ▐", ""), *cells, (f"▌ {ends[1]}", ""))


def _draw_way(cells: list[tuple[str, str]], at: int, rest: int) -> None:
    """From the walker to the place where they would rest; the lines stay visible."""
    for i in range(min(at, rest), max(at, rest) + 1):
        if cells[i][0] in "─○":
            cells[i] = ("═", "dark_orange3")
    cells[rest] = ("◆", "bold dark_orange3")


def picture(run: Run, number: str, foot: str, width: int, height: int) -> RenderableType:
    """One moment of a run, for a terminal of this size."""
    decision, truth = run.decision, run.truth
    tone, message = tone_and_message(decision, simulated=True)
    colour = COLOURS[tone]
    title = message.title.upper()
    big = Padding(
        Text(" ".join(title) if 2 * len(title) < width - 18 else title),
        (1, 6),
        style=f"bold {INK[tone]} on {colour}",
        expand=False,
    )
    why = Text(message.what, style="bold")
    if decision is not None and not decision.run:
        why.append(
            f"\n{rule_sentence(decision.rule, decision.value, decision.limit) or message.why}",
            style="default",
        )
    why.append(f"\n{message.do}", style="")
    body: list[RenderableType] = [
        Align.center(Text(run.scenario.sentence, style="italic")),
        Align.center(big),
        Text(),
        Align.center(why, vertical="top", height=WHY_LINES),  # so that the deck does not jump about
        Text(),
        Align.center(deck(run.config, decision, truth["position_m"] if truth else None, min(width - 24, 96))),
        Align.center(Text("● walker as measured   ◆ resting point if cut now   ○ truth   ┃ lines", "dim")),
    ]
    if width >= WHOLE[0] and height >= WHOLE[1]:
        recent = Text("\n".join(run.events[-EVENTS_SHOWN:]) or " ")
        body += [Text(), Align.center(_figures(decision, truth)), Text(), recent]
    return Panel(
        Group(*body),
        title=f"[bold]Rearguard[/] · {run.scenario.name} {number}",
        subtitle=f"{foot}",
        box=box.ROUNDED,
        border_style=colour,
        padding=(0, 2),
    )


def _figures(d: Decision | None, truth: dict[str, Any] | None) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(justify="right")
    table.add_row(
        _figure("position", d and d.position_m, "{:.2f} m"),
        _figure("velocity", d and d.velocity_m_s, "{:+.2f} m/s"),
        _figure("rests at", d.rest_position_m if d and d.run else None, "{:.2f} m"),
        _figure("stop margin", d.stop_margin_m if d and d.run else None, "{:.2f} m"),
    )
    table.add_row(
        _figure("belt", truth and truth["belt_speed_m_s"], "{:.2f} m/s"),
        _figure("tilt", degrees(d.tilt_rad) if d and d.tilt_rad is not None else None, "{:.1f}°"),
        _figure("down", d and d.down_velocity_m_s, "{:+.2f} m/s"),
        _figure("its limit", d and d.down_velocity_limit_m_s, "{:.2f} m/s"),
    )
    table.add_row(
        _figure("contacts", truth and ("pulled" if truth["pulled"] else "dropped"), "{}"),
        _figure("gait", d and d.phase.value, "{}"),
        _figure("cadence", d and d.cadence_hz, "{:.2f}/s"),
        _figure("steps", d and d.steps, "{}"),
    )
    return table


def _figure(name: str, value: Any, form: str) -> Text:
    return Text.assemble((f"{name} ", "dim"), ("-" if value is None else form.format(value), "bold"))


def result_table(lines: Sequence[dict[str, Any]]) -> Table:
    """What each scenario came to."""
    table = Table(title="What happened", box=box.SIMPLE_HEAD)
    for name in ("scene", "stopped by", "at rest", "rear line", ""):
        table.add_column(name)
    for line in lines:
        rest = line["position_m_at_rest"]
        table.add_row(
            line["scenario"],
            of_stop(Cause(line["cause"]), line["rule"], simulated=True).title
            if line["cause"]
            else "nothing: it ran on",
            "" if rest is None else f"{rest:.2f} m",
            f"{line['rear_line_m']:.2f} m",
            "[green]as expected[/]" if line["as_expected"] else "[bold red]NOT as expected[/]",
        )
    return table
