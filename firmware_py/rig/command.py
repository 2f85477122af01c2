"""Owns the `rearguard rig` commands: campaigns and a drawing of one run. Must never compute a figure itself."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from firmware_py.rig.world.scenarios import SCENARIOS
from firmware_py.storage.written import write_text
from sensors.advice import ConfigError, suggestion

rig = typer.Typer(
    help="A simulated walker and treadmill in closed loop: measure the detectors against each other. "
    "Example: rearguard rig campaign drift --runs 200",
    no_args_is_help=True,
)

DETECTOR_COLUMNS = {
    "detector": "detector",
    "runs": "runs",
    "hours": "hours",
    "past_line": "past line",
    "margin_m": "margin m",
    "detect_s": "seen s",
    "warned_before_s": "warned before s",
    "stops_per_hour": "false stops an hour",
    "causes": "by cause",
    "false_stops_per_hour": "drift an hour",
}
FAULT_COLUMNS = {
    "fault": "fault",
    "what": "what",
    "runs": "runs",
    "found_by": "found by",
    "cut_s": "cut s",
    "open_s": "contacts open s",
    "bound_s": "bound s",
    "within_bound": "within",
}
ACT_COLUMNS = {
    "act": "act",
    "what": "what",
    "runs": "runs",
    "as_expected": "as expected",
    "decisions": "decisions",
    "wrong": "wrong ones",
}
PAIR_COLUMNS = {
    "hazard": "hazard",
    "treadmill": "treadmill",
    "beside": "beside",
    "runs": "runs",
    "stopped_before_the_hazard": "stopped before",
    "missed": "missed",
    "cut_s": "cut s",
    "found_by": "found by",
}
LOCK_OUT_COLUMNS = {
    "hazard": "hazard",
    "belt_sensor": "belt sensor",
    "lock_out": "what fails",
    "runs": "runs",
    "never_cut": "never cut",
    "cut_later": "cut later than alone",
    "shown_s": "shown after s",
    "within_s": "bound s",
    "hidden": "hidden again",
    "shown_as": "shown as",
    "within_bound": "within",
}


class Campaign(NamedTuple):
    """What the command needs of one."""

    jobs_of: Callable[[int], int]  # the steps of the progress bar for so many runs
    lines: Callable[
        [int, int, int, Callable[[], None]], Iterator[dict[str, Any]]
    ]  # runs, seed, processes, done
    columns: dict[str, str]


def _campaigns() -> dict[str, Campaign]:
    from functools import partial

    from firmware_py.rig.campaigns import acts, campaign, faults, lock_outs, pairs
    from firmware_py.rig.campaigns.runs import RUNS

    found = {name: Campaign(int, partial(campaign.campaign, name), DETECTOR_COLUMNS) for name in RUNS}
    return found | {
        "faults": Campaign(faults.walks_of, faults.campaign, FAULT_COLUMNS),
        "acts": Campaign(acts.jobs_of, acts.campaign, ACT_COLUMNS),
        "lock-outs": Campaign(lock_outs.jobs_of, lock_outs.campaign, LOCK_OUT_COLUMNS),
        "pairs": Campaign(pairs.jobs_of, pairs.campaign, PAIR_COLUMNS),
    }


@rig.command()
def campaign(
    name: Annotated[
        str, typer.Argument(help="drift | silence | standstill | walking | acts | faults | pairs | lock-outs")
    ],
    runs: Annotated[
        int, typer.Option(min=1, help="Seeded runs; acts, faults, pairs and lock-outs: of each row.")
    ] = 200,
    seed: Annotated[int, typer.Option(help="Another seed is another set of runs.")] = 1,
    hours: Annotated[float, typer.Option(min=0.0, help="walking only: hours instead of runs.")] = 0.0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
) -> None:
    """Run thousands of seeded walks and hazards: our device and each peer on the same ones, each act, fault and pair.

    Exit code 1 when a fault, an act or a lock-out was not within its bound.

    Example: rearguard rig campaign drift --runs 5000 --seed 1 --json
    """
    from firmware_py.rig.campaigns.runs import WALK_S

    console = Console(stderr=True)
    known = _campaigns()
    if name not in known:
        raise ConfigError(f"campaign: there is no campaign {name}. {suggestion(name, known)}")
    if hours > 0.0:
        runs = round(hours * 3600.0 / WALK_S)
    asked = known[name]
    with Progress(console=console, disable=not console.is_terminal and as_json) as progress:
        task = progress.add_task(f"{name}, seed {seed}", total=asked.jobs_of(runs))
        lines = list(asked.lines(runs, seed, jobs or os.cpu_count() or 1, lambda: progress.advance(task)))
    if as_json:
        for line in lines:
            typer.echo(json.dumps(line))
    else:
        Console().print(_table(lines, asked.columns))
    if not all(line.get("within_bound", True) for line in lines):
        raise typer.Exit(1)


def _table(lines: list[dict[str, object]], columns: dict[str, str]) -> Table:
    table = Table(*columns.values())
    for line in lines:
        table.add_row(*(_words(line.get(key)) for key in columns))
    return table


def _words(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{k} {v}" for k, v in value.items() if v is not None)
    return "-" if value is None else str(value)


@rig.command()
def draw(
    scenario: Annotated[str, typer.Argument(help=" | ".join(SCENARIOS))],
    output: Annotated[Path, typer.Option(help="SVG file to write.")] = Path("run.svg"),
    seed: Annotated[int, typer.Option(help="Which run.")] = 1,
    seconds: Annotated[float, typer.Option(min=5.0, help="Length of the run.")] = 30.0,
) -> None:
    """Draw one run of the rig: where the walker was, where the device placed them, when it warned and cut.

    Example: rearguard rig draw standstill --output standstill.svg
    """
    from firmware_py.config import Config
    from firmware_py.rig.campaigns.draw import Run, svg
    from firmware_py.rig.harness.closed_loop import ClosedLoop
    from firmware_py.rig.world.scene import Scene

    if scenario not in SCENARIOS:
        raise ConfigError(f"draw: there is no scenario {scenario}. {suggestion(scenario, SCENARIOS)}")
    params, rate_hz = Config().monitor_params(), Config().loop.rate_hz
    loop = ClosedLoop(Scene(scenario, seed), params, rate_hz, hall=False)
    ticks = []
    for _ in range(round(seconds * rate_hz)):
        decision = loop.step()
        assert loop.state is not None
        ticks.append((loop.state, decision))
    lines = params.drift
    run = Run(f"{scenario}, seed {seed}", ticks, lines.deck_length_m, lines.front_line_m, lines.rear_line_m)
    write_text(output, svg(run))
    typer.echo(f"written: {output}", err=True)
