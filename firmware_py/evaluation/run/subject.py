"""Owns playing the trials of one subject to our detector, and to the peers on the same streams. Must never judge."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

from firmware_py.core.frame import Decision
from firmware_py.core.monitor import Monitor
from firmware_py.evaluation.datasets.trials import Dataset, Kind, Trial
from firmware_py.evaluation.run import peers
from firmware_py.evaluation.run.excerpt import ExcerptRecorder, is_notable
from firmware_py.evaluation.run.job import OURS, WARM, Job, Result
from firmware_py.evaluation.run.replay import REARM_S, Replayer, Stop
from firmware_py.evaluation.run.score import Score, judge
from firmware_py.evaluation.run.side_by_side import ManySettings, Setting, first_stops
from firmware_py.evaluation.run.streams import FIT, SPLICES, Stream, cold, spliced_plainly, walks_for, warm

_PEER_RUN_IN_S = 20.0  # four time constants of the slowest filter a peer uses


class Runner:
    """Runs the trials of one subject under one protocol; warmed-up walkers are kept and copied."""

    def __init__(self, job: Job, dataset: Dataset, trials: list[Trial], protocol: str) -> None:
        self._job = job
        self._dataset = dataset
        self._trials = trials
        self._protocol = protocol
        self._warmed: dict[tuple[str, ...], Replayer] = {}
        self._alone: dict[str, Runner] = {}  # by label

    def stream(self, trial: Trial) -> tuple[Stream, tuple[str, ...]] | None:
        """The trial as this protocol plays it, and the key of the walk before it; None: there is no walk for it."""
        walks = walks_for(trial, self._trials, self._dataset) if self._protocol == WARM else []
        if self._protocol == WARM and not walks:
            return None
        stream = self._spliced(trial, walks)
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
        before = replayer.walked, replayer.watched
        replayer.feed(stream.accel_m_s2[stream.start :], stream.gyro_rad_s[stream.start :])
        if self._job.settings:
            self._each_setting(trial, stream, replayer, before, result)
            return
        score = self._judge(trial, stream, OURS, replayer.stops, replayer.armed_intervals(), self._job.label)
        score = _walked(score, replayer, before, stream.rate_hz)
        result.scores.append(score)
        if self._job.peer_scale is not None:
            scales = {self._job.label: self._job.peer_scale}
            result.scores += self._peers(trial, stream, replayer.armed_intervals(), scales)
        if self._job.excerpts and is_notable(score):
            recorder = ExcerptRecorder(score, stream)
            replayer = self.at_start(stream, key, recorder.watch)
            replayer.feed(
                stream.accel_m_s2[stream.start :], stream.gyro_rad_s[stream.start :], recorder.watch
            )
            result.excerpts.append(recorder.excerpt)

    def _each_setting(
        self, trial: Trial, stream: Stream, replayer: Replayer, before: tuple[int, int], result: Result
    ) -> None:
        """A score for each setting. Only its first stop is known: where more than that counts, or where it would have
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
                    result.scores.append(_walked(score, replayer, before, stream.rate_hz))
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

    def _spliced(self, trial: Trial, walks: list[Trial]) -> Stream:
        if not walks:
            return cold(trial)
        if self._job.splice == FIT:
            return warm(trial, walks, self._dataset.mounting_varies)
        return spliced_plainly(trial, walks, SPLICES[self._job.splice])

    def at_start(
        self, stream: Stream, key: tuple[str, ...], watch: Callable[[Decision], None] | None = None
    ) -> Replayer:
        """A walker who has done everything before the trial."""
        if key in self._warmed:  # the empty key of a stream that shares nothing is never in it
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


def _walked(score: Score, replayer: Replayer, before: tuple[int, int], rate_hz: float) -> Score:
    """With the walking time since then, and how much of it the fall rule watched; only of a walk."""
    if score.kind is not Kind.WALK:
        return score
    walked_s, watched_s = (
        (now - then) / rate_hz for now, then in zip((replayer.walked, replayer.watched), before, strict=True)
    )
    return replace(score, walked_s=walked_s, watched_s=watched_s)
