"""Owns the account of one demonstrated scenario, and whether it went as it should.

Must never trust one side alone: the guard shows what it decided, the world what came of it.
"""

from typing import Any, NamedTuple

from firmware_py.config import Config
from firmware_py.core.frame import Cause, Decision
from firmware_py.rig.world.scenarios import SCENARIOS

PATIENCE_S = 40.0  # a run in which nothing has happened by then is over
REST_S = 1.0  # the run goes on for so long after the belt has come to rest
BUSY = (Cause.LATE, Cause.IMU, Cause.RANGE)  # causes that a computer short of time can bring about


class Stop(NamedTuple):
    """The moment at which the guard decided."""

    decision: Decision
    belt_speed_m_s: float


class Run:
    """One scenario while it is played: what the guard has sent and what the world knows."""

    def __init__(self, config: Config, scenario: str, linger_s: float = REST_S) -> None:
        self.config, self.scenario, self._linger_s = config, SCENARIOS[scenario], linger_s
        self.decision: Decision | None = None
        self.truth: dict[str, Any] | None = None
        self.armed_ns: int | None = None
        self.stop: Stop | None = None
        self._left_ns: int | None = None
        self.last_edge_ns = 0
        self.rest_ns: int | None = None
        self.rest_m: float | None = None
        self.events: list[str] = []
        self._was_late = False

    def decided(self, decision: Decision) -> None:
        before, self.decision = self.decision, decision
        if decision.run and self.armed_ns is None:
            self.armed_ns = decision.t_ns
        if before is not None and before.run and not decision.run and self.stop is None and not self._left_ns:
            self.stop = Stop(decision, self.truth["belt_speed_m_s"] if self.truth else 0.0)

    def saw(self, truth: dict[str, Any]) -> None:
        self.truth = truth
        if self.stop is not None:
            self.last_edge_ns = truth["last_edge_ns"]
            if truth["belt_speed_m_s"] <= 0.0 and not truth["pulled"] and self.rest_ns is None:
                self.rest_ns, self.rest_m = truth["t_ns"], truth["position_m"]

    def heard(self, event: dict[str, Any]) -> None:
        since_s = 0.0 if self.armed_ns is None else (event["t_ns"] - self.armed_ns) / 1e9
        self._was_late |= event["cause"] == Cause.LATE.value
        cause = f": {event['cause'].replace('_', ' ')}" if event["cause"] else ""
        self.events.append(f"{since_s:6.2f} s  {event['kind'].replace('_', ' ')}{cause}")

    def over(self, seconds: float) -> bool:
        """Nothing more will happen that this scenario wants to show."""
        if self.truth is None:
            return False
        if self.disturbed:
            return True
        ended_ns = self.rest_ns or self._left_ns
        if ended_ns is not None:
            return bool(self.truth["t_ns"] - ended_ns > self._linger_s * 1e9)
        return not self._walks and self._long_enough(seconds)

    def leaves(self, seconds: float) -> bool:
        """True once, when nothing has stopped a walk for long enough: then the walker presses the stop button."""
        if self.truth is None or not self._walks or self._left_ns or not self._long_enough(seconds):
            return False
        self._left_ns = self.truth["t_ns"]
        return True

    @property
    def _walks(self) -> bool:
        return self.decision is not None and self.decision.run

    def _long_enough(self, seconds: float) -> bool:
        assert self.truth is not None
        if self.scenario.act is None and self.armed_ns is not None:
            return bool(self.truth["t_ns"] - self.armed_ns > seconds * 1e9)
        return bool(self.truth["t_s"] > max(PATIENCE_S, seconds))

    @property
    def disturbed(self) -> bool:
        """The computer ended it, not the walker: guard or world came late before anything had happened."""
        if self.armed_ns is None:
            return self._was_late
        if self.stop is None or self.truth is None:
            return False
        hazard_t_s, cause = self.truth["hazard_t_s"], self.stop.decision.cause
        return cause is Cause.LATE or (
            cause in BUSY and (hazard_t_s is None or self._stop_t_s() < hazard_t_s)
        )

    @property
    def slow(self) -> bool:
        """The stop is right, but its last edge came a tick or more after the decision: a try more may show why."""
        return self.stop is not None and self._reaction_ticks() > 0

    def _reaction_ticks(self) -> int:
        """Whole ticks from the one that decided until the last edge at the pin: 0 as it should be."""
        assert self.stop is not None
        late_ns = max(0, self.last_edge_ns - self.stop.decision.t_ns)
        return late_ns * self.config.loop.rate_hz // 1_000_000_000

    def _stop_t_s(self) -> float:
        assert self.stop is not None and self.truth is not None
        return float(self.truth["t_s"] - (self.truth["t_ns"] - self.stop.decision.t_ns) / 1e9)

    def _cause(self) -> Cause | None:
        return self.stop.decision.cause if self.stop else None

    def _held(self) -> bool:
        """Where the promise is a place: at rest before the line that the belt carries to."""
        at_rest = self.rest_m is not None and self.rest_m <= self.config.rear_line_m
        return at_rest or not self.scenario.carried

    def result(self) -> dict[str, Any]:
        """The line that `--json` prints."""
        stop, truth, config = self.stop, self.truth, self.config
        cause = self._cause()
        reaction_ticks = self._reaction_ticks() if stop else None
        t_s = self._stop_t_s() if stop and truth else None
        ran = self.armed_ns is not None
        line = {
            "scenario": self.scenario.name,
            "stopped": stop is not None,
            "cause": cause and cause.value,
            "rule": stop.decision.rule if stop else None,
            "t_s": t_s and round(t_s, 3),
            "reaction_ticks": reaction_ticks,
            "position_m_at_rest": self.rest_m and round(self.rest_m, 3),
            "rear_line_m": round(config.rear_line_m, 3),
            "belt_speed_m_s_at_cut": stop and round(stop.belt_speed_m_s, 3),
            "hazard_t_s": round(truth["hazard_t_s"], 3) if truth and truth["hazard_t_s"] else None,
        }
        line["as_expected"] = ran and cause in self.scenario.expected and self._held() and not reaction_ticks
        return line
