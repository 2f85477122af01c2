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
    name: Annotated[str, typer.Argument(help="drift | standstill | walking | faults | pairs")],
    runs: Annotated[int, typer.Option(min=1, help="seeded runs; faults and pairs: of each row")] = 200,
    seed: Annotated[int, typer.Option(help="another seed is another set of runs")] = 1,
    hours: Annotated[float, typer.Option(min=0.0, help="walking only: hours instead of runs")] = 0.0,
    jobs: Annotated[int, typer.Option(min=0, help="processes; 0: one for each core")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line on stdout")] = False,
) -> None:
    """Run thousands of seeded walks and hazards: ours and each peer on the same ones, each fault, each pair.

    Exit code 1 when a fault was not within its bound. Example: rearguard rig campaign drift --runs 5000 --seed 1 --json
    """
    from firmware_py.rig.campaigns import campaign as detectors
    from firmware_py.rig.campaigns import faults, pairs

    console = Console(stderr=True)
    if name not in (*detectors.RUNS, "faults", "pairs"):
        known = ", ".join((*detectors.RUNS, "faults", "pairs"))
        console.print(f"campaign: {name} is none of: {known}.", highlight=False)
        raise typer.Exit(2)
    if hours > 0.0:
        runs = round(hours * 3600.0 / detectors.WALK_S)
    total = {"faults": faults.walks_of(runs), "pairs": pairs.jobs_of(runs)}.get(name, runs)
    cores = jobs or os.cpu_count() or 1
    with Progress(console=console, disable=not console.is_terminal and as_json) as progress:
        task = progress.add_task(f"{name}, seed {seed}", total=total)

        def done() -> None:
            progress.advance(task)

        if name == "faults":
            lines = list(faults.campaign(runs, seed, cores, done))
        elif name == "pairs":
            lines = list(pairs.campaign(runs, seed, cores, done))
        else:
            lines = list(detectors.campaign(name, runs, seed, cores, done))
    if as_json:
        for line in lines:
            typer.echo(json.dumps(line))
    else:
        Console().print(_table(lines, COLUMNS.get(name, DETECTOR_COLUMNS)))
    if not all(line.get("within_bound", True) for line in lines):
        raise typer.Exit(1)


DETECTOR_COLUMNS = {
    "detector": "detector",
    "runs": "runs",
    "hours": "hours",
    "past_line": "past line",
    "margin_m": "margin m",
    "detect_s": "seen s",
    "warned_before_s": "warned before s",
    "false_stops": "false stops",
    "false_stops_per_hour": "an hour",
}
COLUMNS = {
    "faults": {
        "fault": "fault",
        "what": "what",
        "runs": "runs",
        "found_by": "found by",
        "cut_s": "cut s",
        "open_s": "contacts open s",
        "bound_s": "bound s",
        "within_bound": "within",
    },
    "pairs": {
        "hazard": "hazard",
        "treadmill": "treadmill",
        "beside": "beside",
        "runs": "runs",
        "stopped_before_the_hazard": "stopped before",
        "missed": "missed",
        "cut_s": "cut s",
        "found_by": "found by",
    },
}


def _table(lines: list[dict[str, object]], columns: dict[str, str]) -> Table:
    table = Table(*columns.values())
    for line in lines:
        table.add_row(*(_words(line[key]) for key in columns))
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
    from firmware_py.rig.campaigns.draw import Run, svg
    from firmware_py.rig.harness.closed_loop import ClosedLoop
    from firmware_py.rig.world.scene import Scenario, Scene

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
