"""Owns the `rearguard rig` commands: campaigns and a drawing of one run. Must never compute a figure itself."""

import json
import os
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

rig = typer.Typer(help="A walker and a treadmill in closed loop: measure the detectors against each other.")


@rig.command()
def campaign(
    name: Annotated[str, typer.Argument(help="drift | standstill | walking")],
    runs: Annotated[int, typer.Option(min=1, help="seeded runs")] = 200,
    seed: Annotated[int, typer.Option(help="another seed is another set of runs")] = 1,
    hours: Annotated[float, typer.Option(min=0.0, help="walking only: hours instead of runs")] = 0.0,
    jobs: Annotated[int, typer.Option(min=0, help="processes; 0: one for each core")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line on stdout")] = False,
) -> None:
    """Run thousands of seeded walks and hazards, ours and each peer on the same ones.

    Example: rearguard rig campaign drift --runs 5000 --seed 1 --json
    """
    from firmware_py.rig.campaign import RUNS, WALK_S
    from firmware_py.rig.campaign import campaign as run

    console = Console(stderr=True)
    if name not in RUNS:
        console.print(f"campaign: {name} is none of: {', '.join(RUNS)}.", highlight=False)
        raise typer.Exit(2)
    if hours > 0.0:
        runs = round(hours * 3600.0 / WALK_S)
    with Progress(console=console, disable=not console.is_terminal and as_json) as progress:
        task = progress.add_task(f"{name}, seed {seed}", total=runs)
        lines = list(run(name, runs, seed, jobs or os.cpu_count() or 1, lambda: progress.advance(task)))
    if as_json:
        for line in lines:
            typer.echo(json.dumps(line))
    else:
        Console().print(_table(lines))


def _table(lines: list[dict[str, object]]) -> Table:
    table = Table(
        "detector",
        "runs",
        "hours",
        "past line",
        "margin m",
        "seen s",
        "warned before s",
        "false stops",
        "an hour",
    )
    for line in lines:
        table.add_row(
            *(
                _words(line[key])
                for key in (
                    "detector",
                    "runs",
                    "hours",
                    "past_line",
                    "margin_m",
                    "detect_s",
                    "warned_before_s",
                    "false_stops",
                    "false_stops_per_hour",
                )
            )
        )
    return table


def _words(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{k} {v}" for k, v in value.items() if v is not None)
    return "-" if value is None else str(value)


@rig.command()
def draw(
    scenario: Annotated[
        str, typer.Argument(help="walk | drift | standstill | freeze | fall | front | step_off | speed_up")
    ],
    output: Annotated[Path, typer.Option(help="SVG file to write")] = Path("run.svg"),
    seed: Annotated[int, typer.Option(help="which run")] = 1,
    seconds: Annotated[float, typer.Option(min=5.0, help="length of the run")] = 30.0,
) -> None:
    """Draw one run of the rig: where the walker was, what the device thought, when it warned and cut.

    Example: rearguard rig draw standstill --output standstill.svg
    """
    from firmware_py.config import Config
    from firmware_py.rig.closed_loop import ClosedLoop
    from firmware_py.rig.draw import Run, svg
    from firmware_py.rig.scene import Scenario, Scene

    if scenario not in get_args(Scenario):
        typer.echo(f"draw: {scenario} is none of: {', '.join(get_args(Scenario))}.", err=True)
        raise typer.Exit(2)
    params = Config().monitor_params()
    loop = ClosedLoop(Scene(cast(Scenario, scenario), seed), params, 200.0, hall=False)
    ticks = []
    for _ in range(round(seconds * 200.0)):
        decision = loop.step()
        assert loop.state is not None
        ticks.append((loop.state, decision))
    lines = params.drift
    output.write_text(
        svg(
            Run(f"{scenario}, seed {seed}", ticks, lines.deck_length_m, lines.front_line_m, lines.rear_line_m)
        ),
        encoding="utf-8",
    )
    typer.echo(f"written: {output}", err=True)
