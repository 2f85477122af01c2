"""Owns the `rearguard rig` commands: campaigns and a drawing of one run. Must never compute a figure itself."""

import json
import os
from typing import Annotated

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
