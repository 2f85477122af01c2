"""The `rearguard evaluate` command. Must never compute a score itself."""

import os
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from firmware_py import config as configuration
from firmware_py.evaluation.datasets.table import DATASETS, people
from firmware_py.evaluation.results import curves, page, report
from firmware_py.evaluation.run import campaign
from firmware_py.evaluation.run.campaign import COLD, WARM, Job, Result
from firmware_py.evaluation.run.streams import FIT, JOINTS
from firmware_py.evaluation.run.variants import VARIANTS

_ALL_JOINTS = "all"


class DatasetName(StrEnum):
    """Which published set the paths hold."""

    sisfall = "sisfall"
    fallalld = "fallalld"
    kfall = "kfall"
    movingreality = "movingreality"
    ipol = "ipol"


class ProtocolName(StrEnum):
    """Each trial alone, after 60 s of own walking, or one after the other."""

    warm = "warm"
    cold = "cold"
    both = "both"


def evaluate(
    dataset: Annotated[DatasetName, typer.Argument(help="Which data set the paths hold.")],
    paths: Annotated[
        list[Path], typer.Argument(help="Folders, zips, or folders of zips, as downloaded.", exists=True)
    ],
    peers: Annotated[bool, typer.Option(help="Score the published rules side by side.")] = False,
    protocol: Annotated[
        ProtocolName, typer.Option(help="cold: each trial alone. warm: 60 s of own walking first.")
    ] = ProtocolName.both,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")
    ] = False,
    trials: Annotated[bool, typer.Option("--trials", help="With --json: a line for each trial too.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained report with plots.")] = None,
    person: Annotated[
        list[str] | None, typer.Option("--people", help="Only these, e.g. --people SA01,SA02.")
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Also with turned, scaled, biased, noisy and resampled sensors."),
    ] = False,
    joint: Annotated[
        str,
        typer.Option(
            help=f"How a trial is put after the walk: {FIT}, {', '.join(JOINTS)}; or {_ALL_JOINTS}: {FIT}, then "
            "walks and falls while walking with each of the others."
        ),
    ] = FIT,
    with_curves: Annotated[
        bool,
        typer.Option("--curves", help="Also the trade-off and each threshold's sensitivity curve (long)."),
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="A config.toml; without it the defaults.", exists=True)
    ] = None,
) -> None:
    """Score the core on recorded people: falls stopped before impact, false stops an hour.

    Example: rearguard evaluate sisfall ~/data/sisfall --peers --html report.html
    """
    words = Console(stderr=True)
    if joint not in (FIT, _ALL_JOINTS, *JOINTS):
        words.print(f"evaluate: {joint} is no joint. There are {FIT}, {', '.join(JOINTS)} and {_ALL_JOINTS}.")
        raise typer.Exit(2)
    chosen = DATASETS[dataset.value]
    by_person, problems = people(chosen, paths)
    wanted = {name.strip() for names in person or [] for name in names.split(",") if name.strip()}
    unknown = sorted(wanted - by_person.keys())
    if unknown:
        words.print(
            f"evaluate: no {', '.join(unknown)} there. People found: {', '.join(by_person) or 'none'}."
        )
        raise typer.Exit(2)
    if not by_person:
        words.print(
            f"evaluate: no {dataset.value} recording under {', '.join(map(str, paths))}. Usually the wrong folder or "
            "data set: point to what was downloaded, with its own file names."
        )
        raise typer.Exit(1)
    params = configuration.load(config).monitor_params()
    protocols = (WARM, COLD) if protocol is ProtocolName.both else (protocol.value,)
    base = [
        Job(
            chosen.name,
            name,
            tuple(files),
            params,
            protocols,
            FIT if joint == _ALL_JOINTS else joint,
            peer_scale=1.0 if peers else None,
            excerpts=html is not None,
        )
        for name, files in by_person.items()
        if not wanted or name in wanted
    ]
    result = _run("trials", base, jobs, words)
    result.problems[:0] = problems
    if not result.scores:
        for problem in result.problems[:20]:
            words.print(problem)
        words.print("evaluate: no usable trial. See above for why each recording was skipped.")
        raise typer.Exit(1)
    runs = []
    if joint == _ALL_JOINTS:
        runs += [
            replace(curves.walking_only(job, f"joint: {name}"), joint=name) for name in JOINTS for job in base
        ]
    if robustness:
        runs += [curves.walking_only(job, name, variant=name) for name in VARIANTS for job in base]
    harder = _run("harder recordings", runs, jobs, words) if runs else Result()
    points: curves.Curves = {}
    if with_curves:
        points = curves.collect(_run("curves", curves.plan(base), jobs, words))
    if json:
        for line in report.json_lines(
            chosen.name, result.scores + harder.scores, points, result.problems, trials
        ):
            typer.echo(line)
    else:
        # a pipe has no width of its own: give the table what it needs
        console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
        report.print_tables(console, chosen.about, result.scores + harder.scores)
        if points:
            report.print_curves(console, points)
    if result.problems:
        words.print(
            f"{len(result.problems)} recordings skipped; the first: {result.problems[0]}", highlight=False
        )
    if html is not None:
        html.write_text(page.render(chosen, result, harder, points), encoding="utf-8")
        words.print(f"report: {html}", highlight=False)


def _run(what: str, jobs: list[Job], processes: int, console: Console) -> Result:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=len(jobs))
        return campaign.run_jobs(jobs, processes, lambda _: progress.advance(task))
