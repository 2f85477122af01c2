"""The `rearguard evaluate` command: what was asked, run and shown. Must never compute a score itself."""

import importlib.util
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
from firmware_py.evaluation.datasets.files import SourceFile
from firmware_py.evaluation.datasets.table import DATASETS, people
from firmware_py.evaluation.datasets.trials import Dataset
from firmware_py.evaluation.results import curves, page, report
from firmware_py.evaluation.run.campaign import run_jobs
from firmware_py.evaluation.run.job import COLD, WARM, Job, Result
from firmware_py.evaluation.run.streams import FIT, SPLICES
from firmware_py.evaluation.run.variants import VARIANTS
from firmware_py.storage.written import write_text
from sensors.advice import ConfigError, suggestion

_ALL_SPLICES = "all"
_PROBLEMS_SHOWN = 20


class DatasetName(StrEnum):
    """Which published set the paths hold."""

    sisfall = "sisfall"
    fallalld = "fallalld"
    kfall = "kfall"
    movingreality = "movingreality"
    ipol = "ipol"


class ProtocolName(StrEnum):
    """What a subject does before each trial."""

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
        list[str] | None, typer.Option("--people", help="Only these subjects, e.g. --people SA01,SA02.")
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Also with turned, scaled, biased, noisy and resampled sensors."),
    ] = False,
    splice: Annotated[
        str,
        typer.Option(
            "--splice",
            "--joint",
            help=f"How a trial is put after the walk: {FIT}, {', '.join(SPLICES)}; or {_ALL_SPLICES}: {FIT}, then "
            "walks and falls while walking with each of the others.",
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
    """Score the core on recorded subjects: falls stopped before the impact, false stops an hour.

    Exit code 1 when no trial can be used. Example: rearguard evaluate sisfall ~/data/sisfall --peers --html report.html
    """
    words = Console(stderr=True)
    if splice not in (FIT, _ALL_SPLICES, *SPLICES):
        known = (FIT, *SPLICES, _ALL_SPLICES)
        raise ConfigError(f"evaluate: there is no splice {splice}. {suggestion(splice, known)}")
    chosen = DATASETS[dataset.value]
    _require_library(chosen, words)
    subjects, problems = _subjects(chosen, paths, person or [], words)
    base = [
        Job(
            chosen.name,
            name,
            tuple(files),
            configuration.load(config).monitor_params(),
            (WARM, COLD) if protocol is ProtocolName.both else (protocol.value,),
            FIT if splice == _ALL_SPLICES else splice,
            peer_scale=1.0 if peers else None,
            excerpts=html is not None,
        )
        for name, files in subjects.items()
    ]
    result = _run("trials", base, jobs, words)
    result.problems[:0] = problems
    if not result.scores:
        for problem in result.problems[:_PROBLEMS_SHOWN]:
            words.print(problem)
        words.print("evaluate: no usable trial. See above for why each recording was skipped.")
        raise typer.Exit(1)
    harder = _run("harder recordings", _harder(base, splice == _ALL_SPLICES, robustness), jobs, words)
    points: curves.Curves = {}
    if with_curves:
        points = curves.collect(_run("curves", curves.plan(base), jobs, words))
    scores = result.scores + harder.scores
    if json:
        for line in report.json_lines(chosen.name, scores, points, result.problems, trials):
            typer.echo(line)
    else:
        # A pipe has no width of its own: give the table what it needs.
        console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
        report.print_tables(console, chosen.about, scores)
        if points:
            report.print_curves(console, points)
    if result.problems:
        words.print(
            f"{len(result.problems)} recordings skipped; the first: {result.problems[0]}", highlight=False
        )
    if html is not None:
        write_text(html, page.render(chosen, result, harder, points))
        words.print(f"report: {html}", highlight=False)


def _require_library(dataset: Dataset, words: Console) -> None:
    if dataset.library and importlib.util.find_spec(dataset.library) is None:
        words.print(
            f"evaluate: {dataset.name} needs the package {dataset.library}, which is not installed: it is optional. "
            f"Install it with `{sys.executable} -m pip install {dataset.library}`.",
            highlight=False,
            soft_wrap=True,  # a command to copy
        )
        raise typer.Exit(2)


def _subjects(
    dataset: Dataset, paths: list[Path], asked: list[str], words: Console
) -> tuple[dict[str, list[SourceFile]], list[str]]:
    """The files of each subject asked for (none: of all), and a line for each file that could not be opened."""
    found, problems = people(dataset, paths)
    wanted = {name.strip() for names in asked for name in names.split(",") if name.strip()}
    unknown = sorted(wanted - found.keys())
    if unknown:
        words.print(f"evaluate: no {', '.join(unknown)} there. People found: {', '.join(found) or 'none'}.")
        raise typer.Exit(2)
    if not found:
        words.print(
            f"evaluate: no {dataset.name} recording under {', '.join(map(str, paths))}. Usually the wrong folder or "
            "data set: point to what was downloaded, with its own file names."
        )
        raise typer.Exit(1)
    return {name: files for name, files in found.items() if not wanted or name in wanted}, problems


def _harder(base: list[Job], splices: bool, robustness: bool) -> list[Job]:
    """The same subjects with rougher splices, and with other sensors, as far as each is asked for."""
    jobs = []
    if splices:
        jobs += [
            replace(curves.walking_only(job, f"splice: {name}"), splice=name)
            for name in SPLICES
            for job in base
        ]
    if robustness:
        jobs += [curves.walking_only(job, name, variant=name) for name in VARIANTS for job in base]
    return jobs


def _run(what: str, jobs: list[Job], processes: int, console: Console) -> Result:
    if not jobs:
        return Result()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=len(jobs))
        return run_jobs(jobs, processes, lambda _: progress.advance(task))
