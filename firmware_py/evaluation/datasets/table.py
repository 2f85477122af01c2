"""Owns the list of data sets and the subjects in them. Must never read a value."""

from collections.abc import Iterable
from pathlib import Path

from firmware_py.evaluation.datasets import fallalld, ipol, kfall, movingreality, sisfall
from firmware_py.evaluation.datasets.files import RecordingError, SourceFile, find
from firmware_py.evaluation.datasets.trials import Dataset, Trial

DATASETS: dict[str, Dataset] = {
    d.name: d for d in (sisfall.DATASET, fallalld.DATASET, kfall.DATASET, movingreality.DATASET, ipol.DATASET)
}


def people(dataset: Dataset, paths: list[Path]) -> tuple[dict[str, list[SourceFile]], list[str]]:
    """The files of each subject, found by file name, and a line for each file that could not be opened."""
    found, problems = find(paths)
    by_person: dict[str, list[SourceFile]] = {}
    for file in found:
        person = dataset.person_of(file.where)
        if person is not None:
            by_person.setdefault(person, []).append(file)
    return dict(sorted(by_person.items())), problems


def read_person(dataset: Dataset, person: str, files: Iterable[SourceFile]) -> tuple[list[Trial], list[str]]:
    """The usable trials of one subject, and a line for each recording that was skipped."""
    trials: list[Trial] = []
    problems: list[str] = []
    for item in dataset.read(person, list(files)):
        if isinstance(item, RecordingError):
            problems.append(str(item))
        else:
            trials.append(item)
    return trials, problems
