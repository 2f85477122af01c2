"""Finds a walker who has turned round on the belt. Must never stop anybody: it only gives a stop its own words.

The gyro's turn about the vertical is added up and forgotten within seconds, so that a chip's bias does not add up.
Steps swing by a few degrees, and a look over the shoulder turns the hip by some 35: half a turn is three times that.
"""

from dataclasses import dataclass
from math import radians

from firmware_py.core.frame import Finding
from sensors.samples import Vec3

TAU_S = 4.0  # half a turn in 1 s still reads 160 degrees, one in 3 s 125
TURNED_RAD = radians(100.0)
KEPT_S = 8.0  # a stop so long after the turn is taken for its consequence [A]
TURNED = "turned_"  # before the name of the rule that stopped
# What a walker who turns round is stopped by. Nobody on the belt, the side rails and an impact have their own words.
STOPPED_BY = frozenset(
    {"rest_position_m", "velocity_m_s", "leaving_m_s", "down_velocity_m_s", "height_lost_m", "tilt_rad"}
)


@dataclass(slots=True)
class Turn:
    """`update` at every sample of the pod."""

    turned_rad: float = 0.0  # to the left, in the last seconds
    _ago_s: float = KEPT_S

    def relearn(self) -> None:
        """Forget the walker."""
        self.turned_rad, self._ago_s = 0.0, KEPT_S

    def update(self, gyro_rad_s: Vec3, up: Vec3, dt_s: float) -> None:
        """One sample of the pod."""
        gx, gy, gz = gyro_rad_s
        ux, uy, uz = up
        turned = self.turned_rad
        self.turned_rad = turned = turned + dt_s * (gx * ux + gy * uy + gz * uz - turned / TAU_S)
        self._ago_s = 0.0 if not -TURNED_RAD < turned < TURNED_RAD else self._ago_s + dt_s

    def named(self, finding: Finding) -> Finding:
        """The finding, with a name of its own where the walker had just turned round."""
        if self._ago_s >= KEPT_S or finding.rule not in STOPPED_BY:
            return finding
        return finding._replace(rule=TURNED + finding.rule)
