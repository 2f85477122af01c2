"""Owns running detectors over a data set: one subject is one job, so jobs share nothing but the code.

Must never score (score.py) or print (results/report.py).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from firmware_py.evaluation.datasets.table import DATASETS, read_person
from firmware_py.evaluation.datasets.trials import Dataset, Kind, Trial
from firmware_py.evaluation.run.job import Job, Result
from firmware_py.evaluation.run.subject import Runner
from firmware_py.evaluation.run.variants import VARIANTS


def run_jobs(jobs: list[Job], processes: int, done: Callable[[Job], None]) -> Result:
    """All jobs, results in the order of the jobs whatever the number of processes."""
    results: dict[int, Result] = {}
    if processes <= 1:
        for number, job in enumerate(jobs):
            results[number] = run_job(job)
            done(job)
    else:
        with ProcessPoolExecutor(processes) as pool:
            waiting = {pool.submit(run_job, job): number for number, job in enumerate(jobs)}
            for future in as_completed(waiting):
                number = waiting[future]
                results[number] = future.result()
                done(jobs[number])
    total = Result()
    for number in sorted(results):
        total.scores += results[number].scores
        total.problems += results[number].problems
        total.excerpts += results[number].excerpts
    return total


def run_job(job: Job) -> Result:
    """One subject: every trial, cold and warm, and the time-reversed copies of the walks."""
    dataset, trials, problems = read(job)
    result = Result(problems=problems)
    for protocol in job.protocols:
        runner = Runner(job, dataset, trials, protocol)
        for trial in with_reversed(trials, job.kinds):
            runner.run(trial, result)
    return result


def read(job: Job) -> tuple[Dataset, list[Trial], list[str]]:
    """The subject's trials, made harder if the job says so, and a line for each that was skipped."""
    dataset = DATASETS[job.dataset]
    trials, problems = read_person(dataset, job.person, job.files)
    return dataset, [VARIANTS[job.variant](t) for t in trials] if job.variant else trials, problems


def with_reversed(trials: list[Trial], kinds: tuple[Kind, ...]) -> Iterator[Trial]:
    """The trials of these kinds, each walk followed by its time-reversed copy."""
    for trial in trials:
        if trial.kind in kinds:
            yield trial
            if trial.kind is Kind.WALK:
                yield trial.time_reversed()
