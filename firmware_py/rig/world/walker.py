"""Owns the simulated person on the belt: where the pelvis is and where the feet are. Must never see the monitor.

Walkers hold their speed well and their place on the belt only loosely (Dingwell, John and Cusumano 2010,
PLoS Comput Biol 6:e1000856). So speed noise is fast and the pull toward the home place slow; together they
make a wander of 5 to 8 cm standard deviation [A].
Sway at step frequency is 1 to 2 cm, at stride frequency half of that [A].
"""

from dataclasses import dataclass
from math import exp, pi, sin, sqrt
from random import Random

from firmware_py.rig.world.acts import STAND, WALK, Act, Steps

_STANDS_BELOW_M_S = 0.03  # slower feet do not step


@dataclass(frozen=True, slots=True)
class WalkerParams:
    """One person."""

    home_m: float = 0.50
    wander_m: float = 0.06  # standard deviation
    regulate_hz: float = 0.15  # pull toward home, per second [A]
    speed_tau_s: float = 1.5  # how long a slip of speed lasts [A]
    sway_m: float = 0.015  # at step frequency
    stride_sway_m: float = 0.006  # at stride frequency
    track_rad_s: float = 5.0  # how quickly the feet follow a changing belt: 0.2 s [A]
    halt_tau_s: float = 0.06  # a foot that has landed goes with the belt within a fraction of a step [A]
    cadence_scale: float = 1.0
    slip_m_s: float = 0.10  # how much too short or long the steps are while drifting or climbing


def cadence_hz(speed_m_s: float) -> float:
    """Steps a second when walking backward: short quick steps, 0.45 m each near 0.8 m/s [A]."""
    return 0.85 + 1.05 * min(speed_m_s, 1.5)


class Walker:
    """`advance` moves the person through `dt_s` on a belt that runs at `belt_m_s`."""

    __slots__ = (
        "_felt",
        "_felt_rate",
        "_noise",
        "_params",
        "_ragged",
        "_random",
        "_rhythm",
        "_step_rate",
        "_wander_m_s",
        "act",
        "act_s",
        "effort",
        "feet_m_s",
        "phase",
        "place_m",
        "position_m",
        "ragged",
        "strength",
        "velocity_m_s",
    )

    def __init__(self, params: WalkerParams, random: Random) -> None:
        self._params = params
        self._random = random
        self.wander(params.wander_m)
        self._wander_m_s = 0.0
        self._rhythm = 0.0
        self._felt = 0.0
        self._felt_rate = 0.0
        self.act = STAND
        self.act_s = 0.0
        self.feet_m_s = 0.0  # speed over the belt, toward the console
        self.effort = 0.0  # 0 standing, 1 walking: scales bounce and sway
        self.phase = random.random()  # of the stride, 0 to 1
        self.ragged = 0.0  # steps differ by this share of their time, by four times it of their force
        self.strength = 1.0  # of this step, 1 is usual
        self._step_rate = 1.0  # of this step, 1 is usual
        self._ragged = Random(
            self.phase
        )  # its own chance: a walker who is not ragged draws what it always drew
        self.place_m = params.home_m  # pelvis without sway
        self.position_m = params.home_m
        self.velocity_m_s = 0.0

    def do(self, act: Act) -> None:
        self.act = act
        self.act_s = 0.0

    def wander(self, wander_m: float) -> None:
        """From now on the place on the deck has this standard deviation."""
        k, tau = self._params.regulate_hz, self._params.speed_tau_s
        self._noise = wander_m * sqrt(k * (1 + k * tau) / tau)  # m/s: gives that wander exactly

    @property
    def cadence_hz(self) -> float:
        return cadence_hz(self.feet_m_s) * self._params.cadence_scale * (1 + self._rhythm) * self._step_rate

    def advance(self, dt_s: float, belt_m_s: float) -> None:
        params, random = self._params, self._random
        self.act_s += dt_s
        if self.act_s >= self.act.lasts_s:
            self.do(self.act.then or WALK)
        self._feel(dt_s, belt_m_s)
        keep = exp(-dt_s / params.speed_tau_s)
        self._wander_m_s = keep * self._wander_m_s + self._noise * sqrt(1 - keep * keep) * random.gauss(0, 1)
        keep = exp(-dt_s / 4.0)
        self._rhythm = keep * self._rhythm + 0.03 * sqrt(1 - keep * keep) * random.gauss(0, 1)
        moving = min(1.0, self._felt / 0.15)
        correction_m_s = self._wander_m_s + params.regulate_hz * (self.place_m - params.home_m)
        aim = self.act.feet(Steps(self._felt, moving * correction_m_s, params.slip_m_s * moving))
        tau = params.halt_tau_s if aim == 0.0 else 0.08
        self.feet_m_s += (max(0.0, aim) - self.feet_m_s) * min(1.0, dt_s / tau)
        self.effort += (min(1.0, self.feet_m_s / 0.2) - self.effort) * min(1.0, dt_s / 0.15)
        before = self.phase
        self.phase = (self.phase + 0.5 * self.cadence_hz * dt_s * (self.feet_m_s > _STANDS_BELOW_M_S)) % 1.0
        if self.ragged > 0.0 and int(2 * before) != int(2 * self.phase):
            self._draw_step()
        self.velocity_m_s = 0.0 if self.act.on_rails else belt_m_s - self.feet_m_s
        if self.act.on_belt:
            self.place_m += self.velocity_m_s * dt_s
        self.position_m = self.place_m + self.effort * (
            params.sway_m * sin(4 * pi * self.phase) + params.stride_sway_m * sin(2 * pi * self.phase + 1.0)
        )

    def _draw_step(self) -> None:
        """A step of its own time and force, within what a walker can do."""
        gauss = self._ragged.gauss
        self._step_rate = 1.0 / min(max(1.0 + self.ragged * gauss(0, 1), 0.6), 1.6)
        self.strength = min(max(1.0 + 4.0 * self.ragged * gauss(0, 1), 0.2), 1.8)

    def _feel(self, dt_s: float, belt_m_s: float) -> None:
        """The feet follow the belt like a second-order servo: late when it changes, right when it is steady."""
        w = self._params.track_rad_s
        error = belt_m_s - self._felt
        self._felt += (self._felt_rate + 1.6 * w * error) * dt_s
        self._felt_rate += w * w * error * dt_s
        if self._felt < 0.0:
            self._felt, self._felt_rate = 0.0, 0.0
