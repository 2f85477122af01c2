"""Owns where up is for the pod on the hip, how fast the hip goes down, how far it has sunk, how it leans and turns.
Must never depend on how the pod is turned about the vertical, and never judge: balance and gait do.

The gyro carries the up vector through a fall; gravity corrects it slowly (0.55 /s: a much faster correction follows the
fall's own acceleration and is 6 to 20 degrees wrong when it matters). What the accelerometer reads at rest is learned,
never assumed: cheap parts are 5 to 15 % off, and 5 % integrates to half a metre a second.
"""

from dataclasses import dataclass
from math import asin, exp, sqrt

from sensors.samples import ImuSample, Vec3

G_M_S2 = 9.80665
_LEAST_M_S2 = 1.0  # a mean acceleration below this names no direction (a free fall, a dead chip)


@dataclass(frozen=True, slots=True)
class AttitudeParams:
    """How the up vector is tracked."""

    settle_s: float = 0.5  # one step: its mean acceleration is up
    gravity_per_s: float = 0.55  # pull of gravity on the up vector
    bias_per_s2: float = 0.02  # pull on the gyro bias: below gravity_per_s squared / 4, so it never rings
    # The accelerometer's own mean along up: two steps, so that a pod shifted is forgotten.
    scale_tau_s: float = 1.2
    velocity_tau_s: float = 0.5  # leak of the downward velocity: about a step
    height_lost_tau_s: float = 0.4  # leak of the height lost: about a step
    posture_tau_s: float = 2.5  # the walker's own mean up


@dataclass(slots=True)
class Attitude:
    """Follows the pod sample by sample."""

    params: AttitudeParams
    settled: bool = False  # until then nothing below means anything
    up: Vec3 = (0.0, 0.0, 1.0)  # unit vector in the pod's own axes
    up_accel_m_s2: float = 0.0
    down_velocity_m_s: float = 0.0
    height_lost_m: float = 0.0
    sideways_m_s: float = 0.0
    tilt_rad: float = 0.0  # away from the walker's own posture
    turning_rad_s: float = 0.0  # about any axis
    leaning_away: bool = False  # farther from upright than the own posture
    _seen_s: float = 0.0
    _sum_m_s: Vec3 = (0.0, 0.0, 0.0)
    _mean_m_s2: float = G_M_S2
    _bias_rad_s: Vec3 = (0.0, 0.0, 0.0)
    _gained_m_s: Vec3 = (0.0, 0.0, 0.0)
    _posture: Vec3 = (0.0, 0.0, 1.0)

    @property
    def gravity_g(self) -> float:
        """What the accelerometer reads of gravity, in g: its mean along up over two steps."""
        return self._mean_m_s2 / G_M_S2

    def update(self, imu: ImuSample, dt_s: float) -> None:
        """One sample of the pod."""
        p = self.params
        ax, ay, az = imu.accel_m_s2
        self._seen_s = seen_s = self._seen_s + dt_s
        if not self.settled:
            self._settle(ax, ay, az, dt_s)
            return
        gx, gy, gz = imu.gyro_rad_s
        bx, by, bz = self._bias_rad_s
        gx -= bx
        gy -= by
        gz -= bz
        ux, uy, uz = self.up
        mean = self._mean_m_s2
        ex, ey, ez = ax / mean - ux, ay / mean - uy, az / mean - uz
        k = p.gravity_per_s
        nx = ux + dt_s * (gz * uy - gy * uz + k * ex)
        ny = uy + dt_s * (gx * uz - gz * ux + k * ey)
        nz = uz + dt_s * (gy * ux - gx * uy + k * ez)
        norm = sqrt(nx * nx + ny * ny + nz * nz)
        if norm > 0.0:
            nx, ny, nz = nx / norm, ny / norm, nz / norm
        else:
            nx, ny, nz = ux, uy, uz
        b = p.bias_per_s2 * dt_s
        self._bias_rad_s = (
            bx - b * (ey * uz - ez * uy),
            by - b * (ez * ux - ex * uz),
            bz - b * (ex * uy - ey * ux),
        )
        self.up = (nx, ny, nz)
        self.turning_rad_s = sqrt(gx * gx + gy * gy + gz * gz)

        along = ax * nx + ay * ny + az * nz
        mean += (along - mean) * dt_s / (seen_s if seen_s < p.scale_tau_s else p.scale_tau_s)
        self._mean_m_s2 = mean = mean if mean > _LEAST_M_S2 else _LEAST_M_S2
        up_accel = (along / mean - 1.0) * G_M_S2
        self.up_accel_m_s2 = up_accel
        keep = exp(-dt_s / p.velocity_tau_s)
        self.down_velocity_m_s = keep * (self.down_velocity_m_s - up_accel * dt_s)
        self.height_lost_m = exp(-dt_s / p.height_lost_tau_s) * (
            self.height_lost_m + self.down_velocity_m_s * dt_s
        )

        # The same leaky integral for all directions, carried along by the gyro. A pod that was moved on the body reads
        # gravity from the side and calls it metres a second that no hip gains.
        vx, vy, vz = self._gained_m_s
        wx = keep * (vx + dt_s * (gz * vy - gy * vz + G_M_S2 * ex))
        wy = keep * (vy + dt_s * (gx * vz - gz * vx + G_M_S2 * ey))
        wz = keep * (vz + dt_s * (gy * vx - gx * vy + G_M_S2 * ez))
        self._gained_m_s = (wx, wy, wz)
        upward = wx * nx + wy * ny + wz * nz
        across = wx * wx + wy * wy + wz * wz - upward * upward
        self.sideways_m_s = sqrt(across) if across > 0.0 else 0.0

        mx, my, mz = self._posture
        w = dt_s / (seen_s if seen_s < p.posture_tau_s else p.posture_tau_s)
        mx += (nx - mx) * w
        my += (ny - my) * w
        mz += (nz - mz) * w
        self._posture = (mx, my, mz)
        size = sqrt(mx * mx + my * my + mz * mz)
        if size > 0.0:
            dx, dy, dz = nx - mx / size, ny - my / size, nz - mz / size
            self.tilt_rad = 2.0 * asin(min(1.0, 0.5 * sqrt(dx * dx + dy * dy + dz * dz)))
            self.leaning_away = dz < 0.0

    def _settle(self, ax: float, ay: float, az: float, dt_s: float) -> None:
        """Half a second of mean acceleration names up and the accelerometer's own scale."""
        sx, sy, sz = self._sum_m_s
        sx, sy, sz = sx + ax * dt_s, sy + ay * dt_s, sz + az * dt_s
        self._sum_m_s = (sx, sy, sz)
        size = sqrt(sx * sx + sy * sy + sz * sz)
        if self._seen_s + 1e-9 >= self.params.settle_s and size / self._seen_s > _LEAST_M_S2:
            self.up = (sx / size, sy / size, sz / size)
            self._posture = self.up
            self._mean_m_s2 = size / self._seen_s
            self.settled = True
