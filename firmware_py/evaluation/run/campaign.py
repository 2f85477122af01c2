"""Owns running detectors over people: one person is one job, so nothing is shared between jobs but the code.

Must never score (score.py) or print (report.py).
"""

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from math import degrees

from firmware_py.core.frame import Decision
from firmware_py.core.monitor import Monitor, MonitorParams
from firmware_py.evaluation.datasets.files import SourceFile
from firmware_py.evaluation.datasets.table import DATASETS, read_person
from firmware_py.evaluation.datasets.trials import G_M_S2, Dataset, Kind, Trial
from firmware_py.evaluation.run import peers
from firmware_py.evaluation.run.replay import REARM_S, Replayer, Stop
from firmware_py.evaluation.run.score import Outcome, Score, judge
from firmware_py.evaluation.run.side_by_side import ManySettings, Setting, first_stops
from firmware_py.evaluation.run.streams import FIT, JOINTS, Stream, cold, joined_plainly, walks_for, warm
from firmware_py.evaluation.run.variants import VARIANTS

OURS = "Rearguard"
COLD, WARM = "cold", "warm"
_PEER_RUN_IN_S = 20.0  # four time constants of the slowest filter a peer uses
_BEFORE_S, _AFTER_S = 3.0, 1.0  # what an excerpt shows around the moment it is about
_EXCERPT_HZ = 100.0


@dataclass(frozen=True, slots=True)
class Job:
    """Everything one process needs to know to evaluate one person."""

    dataset: str
    person: str
    files: tuple[SourceFile, ...]
    params: MonitorParams
    protocols: tuple[str, ...] = (COLD, WARM)
    joint: str = FIT  # how a trial is put after the walk
    variant: str = ""  # how the recordings are made harder
    label: str = ""  # what the scores are filed under
    kinds: tuple[Kind, ...] = tuple(Kind)
    peer_scale: float | None = None  # the peers are scored too, their thresholds scaled by so much
    excerpts: bool = False
    settings: tuple[Setting, ...] = ()  # scored side by side in place of the job's own parameters and label


@dataclass(slots=True)
class Excerpt:
    """A few seconds around a miss or a false stop, for a plot. Times are seconds of the trial."""

    score: Score
    t_s: list[float] = field(default_factory=list)
    accel_g: list[float] = field(default_factory=list)
    down_m_s: list[float | None] = field(default_factory=list)
    limit_m_s: list[float | None] = field(default_factory=list)
    tilt_deg: list[float | None] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """What came out of one job."""

    scores: list[Score] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    excerpts: list[Excerpt] = field(default_factory=list)


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
    """One person: every trial, cold and warm, and the time-reversed copies of the walks."""
    dataset, trials, problems = read(job)
    result = Result(problems=problems)
    for protocol in job.protocols:
        runner = Runner(job, dataset, trials, protocol)
        for trial in with_reversed(trials, job.kinds):
            runner.run(trial, result)
    return result


def read(job: Job) -> tuple[Dataset, list[Trial], list[str]]:
    """The person's trials, made harder if the job says so, and what had to be skipped."""
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


class Runner:
    """Runs the trials of one person under one protocol; warmed-up walkers are kept and copied."""

    def __init__(self, job: Job, dataset: Dataset, trials: list[Trial], protocol: str) -> None:
        self._job = job
        self._dataset = dataset
        self._trials = trials
        self._protocol = protocol
        self._warmed: dict[tuple[str, ...], Replayer] = {}
        self._alone: dict[str, Runner] = {}  # by label

    def stream(self, trial: Trial) -> tuple[Stream, tuple[str, ...]] | None:
        """The trial as this protocol plays it, and what the walk before it is remembered by; None: no walk for it."""
        walks = walks_for(trial, self._trials, self._dataset) if self._protocol == WARM else []
        if self._protocol == WARM and not walks:
            return None
        stream = self._joined(trial, walks)
        return stream, tuple(walk.name for walk in walks) if stream.shared else ()

    def run(self, trial: Trial, result: Result) -> None:
        """One trial: its scores, or why there are none, are added to the result."""
        played = self.stream(trial)
        if played is None:
            result.problems.append(
                f"{trial.dataset} {trial.name}: no other walk of this person: not run warm."
            )
            return
        stream, key = played
        replayer = self.at_start(stream, key)
        replayer.feed(stream.accel_m_s2[stream.start :], stream.gyro_rad_s[stream.start :])
        if self._job.settings:
            self._each_setting(trial, stream, replayer, result)
            return
        score = self._judge(trial, stream, OURS, replayer.stops, replayer.armed_intervals(), self._job.label)
        result.scores.append(score)
        if self._job.peer_scale is not None:
            scales = {self._job.label: self._job.peer_scale}
            result.scores += self._peers(trial, stream, replayer.armed_intervals(), scales)
        if self._job.excerpts and _is_notable(score):
            result.excerpts.append(self._excerpt(score, trial, stream, key))

    def _each_setting(self, trial: Trial, stream: Stream, replayer: Replayer, result: Result) -> None:
        """A score for each setting. What is known is its first stop: where more would count, or where it would have
        kept the belt from starting, the setting gets a monitor of its own."""
        armed = replayer.armed_intervals()
        began = armed[0][0] if armed else len(stream.accel_m_s2)
        scales: dict[str, float] = {}
        for setting, stop in zip(self._job.settings, first_stops(replayer), strict=True):
            if stop is None or stop.at >= max(began, stream.start):
                until = len(stream.accel_m_s2) if stop is None else stop.at
                own = [(a, min(b, until)) for a, b in armed if a < until]
                stops = [] if stop is None else [stop]
                score = self._judge(trial, stream, OURS, stops, own, setting.label)
                if not score.false_stops:
                    result.scores.append(score)
                    if setting.peer_scale is not None:
                        scales[setting.label] = setting.peer_scale
                    continue
            self._by_itself(setting).run(trial, result)
        if scales:
            result.scores += self._peers(trial, stream, armed, scales)

    def _by_itself(self, setting: Setting) -> "Runner":
        if setting.label not in self._alone:
            job = replace(
                self._job,
                params=replace(self._job.params, balance=setting.balance),
                label=setting.label,
                peer_scale=setting.peer_scale,
                settings=(),
            )
            self._alone[setting.label] = Runner(job, self._dataset, self._trials, self._protocol)
        return self._alone[setting.label]

    def _joined(self, trial: Trial, walks: list[Trial]) -> Stream:
        if not walks:
            return cold(trial)
        if self._job.joint == FIT:
            return warm(trial, walks, self._dataset.mounting_varies)
        return joined_plainly(trial, walks, JOINTS[self._job.joint])

    def at_start(
        self, stream: Stream, key: tuple[str, ...], watch: Callable[[Decision], None] | None = None
    ) -> Replayer:
        """A walker who has done everything before the trial."""
        if key in self._warmed:  # never so for a stream that shares nothing: its key is empty
            replayer = copy.deepcopy(self._warmed[key])
        else:
            replayer = Replayer(self._monitor(stream.rate_hz), stream.rate_hz)
            replayer.feed(stream.accel_m_s2[: stream.shared], stream.gyro_rad_s[: stream.shared])
            if stream.shared:
                self._warmed[key] = copy.deepcopy(replayer)
        own = slice(stream.shared, stream.start)
        replayer.feed(stream.accel_m_s2[own], stream.gyro_rad_s[own], watch)
        return replayer

    def _monitor(self, rate_hz: float) -> Monitor:
        if self._job.settings:
            return ManySettings(self._job.params, self._job.settings, rate_hz)
        return Monitor(self._job.params, rate_hz)

    def _judge(
        self,
        trial: Trial,
        stream: Stream,
        detector: str,
        stops: list[Stop],
        armed: list[tuple[int, int]],
        label: str,
    ) -> Score:
        return judge(
            trial,
            [stop._replace(at=stop.at - stream.start) for stop in stops],
            [(a - stream.start, b - stream.start) for a, b in armed],
            detector,
            self._protocol,
            label,
        )

    def _peers(
        self, trial: Trial, stream: Stream, ours_armed: list[tuple[int, int]], scales: dict[str, float]
    ) -> Iterator[Score]:
        """The peers on the same stream, armed at the same moment, armed again as late after a stop; their thresholds
        scaled by each of these, filed under its label."""
        rate_hz = stream.rate_hz
        cut = max(0, stream.start - round(_PEER_RUN_IN_S * rate_hz))
        tail = Stream(rate_hz, stream.accel_m_s2[cut:], stream.gyro_rad_s[cut:], stream.start - cut)
        motion = peers.Motion(tail)
        first = max(tail.start, ours_armed[0][0] - cut) if ours_armed else len(tail)
        for label, scale in scales.items():
            for name, rule in peers.PEERS.items():
                hits, armed = peers.stops(rule(motion, scale), first, round(REARM_S * rate_hz))
                yield self._judge(trial, tail, name, [peers.as_stop(hit, name) for hit in hits], armed, label)

    def _excerpt(self, score: Score, trial: Trial, stream: Stream, key: tuple[str, ...]) -> Excerpt:
        centre_s = score.impact_s if score.outcome not in (None, Outcome.STOPPED) else score.false_stops[0][0]
        assert centre_s is not None
        rate_hz = trial.rate_hz
        first, last = (centre_s - _BEFORE_S) * rate_hz, (centre_s + _AFTER_S) * rate_hz
        every = max(1, round(rate_hz / _EXCERPT_HZ))
        excerpt = Excerpt(score)
        index = (
            stream.shared - stream.start
        )  # the seconds before a joint belong to what happens just after it

        def watch(decision: Decision) -> None:
            nonlocal index
            if first <= index <= last and index % every == 0:
                ax, ay, az = stream.accel_m_s2[stream.start + index].tolist()
                excerpt.t_s.append(round(index / rate_hz, 3))
                excerpt.accel_g.append(round((ax * ax + ay * ay + az * az) ** 0.5 / G_M_S2, 3))
                excerpt.down_m_s.append(decision.down_velocity_m_s)
                excerpt.limit_m_s.append(decision.down_velocity_limit_m_s)
                excerpt.tilt_deg.append(None if decision.tilt_rad is None else degrees(decision.tilt_rad))
            index += 1

        replayer = self.at_start(stream, key, watch)
        replayer.feed(stream.accel_m_s2[stream.start :], stream.gyro_rad_s[stream.start :], watch)
        return excerpt


def _is_notable(score: Score) -> bool:
    """Worth looking at: a walking fall that was not stopped, or a stop while somebody only walked."""
    if score.kind is Kind.WALK:
        return bool(score.false_stops)
    return score.kind is Kind.FALL_WALKING and (
        score.outcome is not Outcome.STOPPED or bool(score.false_stops)
    )
