"""Owns what goes into one process of an evaluation and what comes out of it. Must never run anything."""

from dataclasses import dataclass, field

from firmware_py.core.monitor import MonitorParams
from firmware_py.evaluation.datasets.files import SourceFile
from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.run.score import Score
from firmware_py.evaluation.run.side_by_side import Setting
from firmware_py.evaluation.run.streams import FIT

OURS = "Rearguard"
COLD, WARM = "cold", "warm"


@dataclass(frozen=True, slots=True)
class Job:
    """Everything one process needs to know to evaluate one subject."""

    dataset: str
    person: str
    files: tuple[SourceFile, ...]
    params: MonitorParams
    protocols: tuple[str, ...] = (COLD, WARM)
    splice: str = FIT  # how a trial is put after the walk
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
