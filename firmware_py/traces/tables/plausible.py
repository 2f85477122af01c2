"""Owns the judgement whether recorded numbers can be what their columns say, before anything is decided on them.

Must never change a number. A wrong unit does not look wrong to the core: it stops walks or misses falls in silence. So
the first seconds are compared with what a body on a treadmill can do, and the likely unit is named.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import hypot, pi
from pathlib import Path
from statistics import fmean, median

from firmware_py.config import Config
from firmware_py.core.frame import Frame
from firmware_py.traces.trace import Trace
from sensors.advice import Failure
from sensors.samples import ImuSample, RangeSample, Vec3

G_M_S2 = 9.80665
GRAVITY_G = (0.8, 1.2)  # the mean of |a|, at rest and walking
FREE_M_S2 = 3.0  # ... below it gravity was taken out: what is left of a walk is 1 to 3 m/s2
# What one of each unit is in SI units.
ACCEL_M_S2 = {"m/s2": 1.0, "g": G_M_S2, "mg": G_M_S2 / 1000, "ft/s2": 0.3048, "cm/s2": 0.01, "mm/s2": 0.001}
GYRO_RAD_S = {"rad/s": 1.0, "deg/s": pi / 180, "mdeg/s": pi / 180_000, "rev/s": 2 * pi, "mrad/s": 0.001}
DISTANCE_M = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}
SPEED_M_S = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "mm/s": 0.001, "cm/s": 0.01}
TIME_NS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1, "0.1ms": 100_000}
# What 1 g reads in other units; counts are those of 16-bit chips at 16, 8, 4 and 2 g.
READS_1_G = {
    "g": 1.0,
    "ft/s2": 32.174,
    "cm/s2": 980.665,
    "mg": 1000.0,
    "mm/s2": 9806.65,
    "raw counts (2048 to the g)": 2048.0,
    "raw counts (4096 to the g)": 4096.0,
    "raw counts (8192 to the g)": 8192.0,
    "raw counts (16384 to the g)": 16384.0,
}
# A pelvis turns at 0.2 to 1.5 rad/s for most of a step, 3 to 6 at its peak. In deg/s that reads 10 to 90, and 200.
RATE_MEDIAN_MOST_RAD_S = 4.0
RATE_PEAK_MOST_RAD_S = 12.0  # of the 95th percentile
RATE_MDEG = 3000.0  # a median beyond it is no walk in deg/s either
STILL_M_S2 = 0.5  # |a| within this: nobody moves ...
STILL_RATE_MOST_RAD_S = 0.5  # ... and nobody turns; 20 deg/s of bias, as bad chips have, is 0.35
MOVING_M_S2 = 3.0  # |a| over at least this: somebody walks ...
MOVING_RATE_LEAST_RAD_S = 0.05  # ... and sways
DISTANCE_SPAN_M = (0.02, 15.0)  # the median; beyond it no sensor of a treadmill measures
DISTANCE_IN = 87.0  # 2.2 m, the longest deck
DISTANCE_MM = 200.0  # a median from here on is no longer centimetres of a deck
SPEED_MOST_M_S = 2.5  # 9 km/h, backward
SPEED_KM_H_MOST = 25.0
UPRIGHT = 0.5  # cosine of 60 degrees: how far the pod may lean and still be worn as the body frame says
# A person who jogs, jumps or lies from the first second on is outside what is compared here.
WAY_OUT = "When units and axes are right, `rearguard trace import --as-is` takes the numbers unchecked."
FRAMES = 2000  # looked at: the first 10 to 20 s
BURST = 2.5  # a tenth of all steps longer than this many median steps: times of arrival


def check(path: Path, frames: Sequence[Frame], speeds_m_s: Sequence[float]) -> None:
    """Raises Failure for numbers of another unit, frame of axes or clock than the columns say, with the way out.

    `speeds_m_s` are those of the whole recording: a belt often starts when the first seconds are over.
    """
    try:
        _judge(path, frames)
        _check_speed(path, speeds_m_s)
    except Failure as error:
        raise Failure(f"{error} {WAY_OUT}") from None


def _judge(path: Path, frames: Sequence[Frame]) -> None:
    imus = [frame.imu for frame in frames if isinstance(frame.imu, ImuSample)]
    if len(imus) > 1:
        _check_gravity(path, [imu.accel_m_s2 for imu in imus])
        _check_rates(path, [imu.accel_m_s2 for imu in imus], [imu.gyro_rad_s for imu in imus])
        _check_axes(path, imus)
    _check_distance(path, _distances(frames))
    _check_times(path, [frame.t_ns for frame in frames])


def _check_gravity(path: Path, accels: list[Vec3]) -> None:
    sizes = [hypot(*a) for a in accels]
    mean = fmean(sizes)
    if any(GRAVITY_G[0] <= size / G_M_S2 <= GRAVITY_G[1] for size in (mean, median(sizes))):
        return
    unit, reading = min(READS_1_G.items(), key=lambda item: abs(mean / item[1] - 1))
    if GRAVITY_G[0] <= mean / reading <= GRAVITY_G[1]:
        cure = f"Usually the file is in {unit}: "
        if unit in ("mg", "cm/s2"):
            cure = "Usually the file is in mg or cm/s2: "
        word = unit if unit in ACCEL_M_S2 else f"{G_M_S2 / reading:.8g}"
        cure += f"`rearguard trace import --accel-unit {word}`."
    elif mean < FREE_M_S2:
        cure = "Usually gravity was taken out (linear, user or free acceleration): export it with gravity."
    else:
        cure = (
            "Usually a chip at another scale than was set (0.50 g: an LSM6DSO32 read as an LSM6DSOX), or a unit of its "
            "own: `rearguard trace import --accel-unit FACTOR`, the m/s2 of one unit."
        )
    raise Failure(
        f"{path}: the mean acceleration reads {mean:.4g}, {mean / G_M_S2:.2f} g in m/s2; at rest and walking it is "
        f"{GRAVITY_G[0]} to {GRAVITY_G[1]} g. {cure}"
    )


def _check_rates(path: Path, accels: list[Vec3], gyros: list[Vec3]) -> None:
    rates = sorted(hypot(*g) for g in gyros)
    middle, peak = rates[len(rates) // 2], rates[len(rates) * 95 // 100]
    sizes = sorted(hypot(*a) for a in accels)
    spread_m_s2 = sizes[len(sizes) * 95 // 100] - sizes[len(sizes) * 5 // 100]
    where = f"{path}: the turn rate reads {middle:.3g} (median) and {peak:.3g} (95 %)"
    unit = "mdeg/s" if middle > RATE_MDEG else "deg/s"
    cure = f"Usually the file is in {unit}: `rearguard trace import --gyro-unit {unit}`."
    if middle > RATE_MEDIAN_MOST_RAD_S or peak > RATE_PEAK_MOST_RAD_S:
        raise Failure(f"{where}; in rad/s no walk does that. {cure}")
    if spread_m_s2 < STILL_M_S2 and middle > STILL_RATE_MOST_RAD_S:
        raise Failure(f"{where} while the acceleration stands still; in rad/s that is a turn. {cure}")
    never = spread_m_s2 > 0 and rates[-1] == 0  # no gyroscope is without noise
    if never or (spread_m_s2 > MOVING_M_S2 and peak < MOVING_RATE_LEAST_RAD_S):
        raise Failure(
            f"{where} while somebody moves; in rad/s nobody walks so stiffly. Usually the gyroscope was not recorded, "
            "or rad/s were converted from degrees once more: export them as measured."
        )


def _check_axes(path: Path, imus: list[ImuSample]) -> None:
    """Somebody stands or walks upright for at least a second of the first ones."""
    ups: list[Vec3] = []
    begin_ns, block = imus[0].t_ns, [imus[0].accel_m_s2]
    for imu in imus[1:]:
        if imu.t_ns - begin_ns >= 1_000_000_000:
            ups.append(_mean(block))
            begin_ns, block = imu.t_ns, []
        block.append(imu.accel_m_s2)
    ups = ups or [_mean(block)]
    if any(up[2] > UPRIGHT * hypot(*up) for up in ups):
        return
    up = _mean(ups)
    axis = max(range(3), key=lambda n: abs(up[n]))
    name = "-" * (up[axis] < 0) + "xyz"[axis]
    raise Failure(
        f"{path}: gravity is read on {name}, but z points up in a trace. Usually a sensor that was worn another way: "
        f"name its axes, `rearguard trace import --axes x=FORWARD,y=LEFT,z={name}`"
        + ("; or acceleration with its sign turned round: --accel-inverted." if name == "-z" else ".")
    )


def _distances(frames: Iterable[Frame]) -> list[float]:
    return [frame.belt.distance_m for frame in frames if isinstance(frame.belt, RangeSample)]


def usual_distance(frames: Iterable[Frame]) -> float:
    """The median distance; 0.0 without any."""
    distances_m = _distances(frames)
    return median(distances_m) if distances_m else 0.0


def _check_distance(path: Path, distances: list[float]) -> None:
    if not distances:
        return
    middle = median(distances)
    if min(distances) >= 0 and DISTANCE_SPAN_M[0] <= middle <= DISTANCE_SPAN_M[1]:
        return
    if middle < DISTANCE_SPAN_M[0]:
        cure = "Usually zeros that stand for no reading: leave those cells empty."
    else:
        unit = "mm" if middle >= DISTANCE_MM else "cm or in" if middle <= DISTANCE_IN else "cm"
        cure = f"Usually the file is in {unit}: `rearguard trace import --distance-unit {unit.split()[0]}`."
    raise Failure(f"{path}: the distance reads {middle:.4g} (median); in m no walker is there. {cure}")


def _check_speed(path: Path, speeds: Sequence[float]) -> None:
    middle = usual_speed(speeds)
    if middle <= SPEED_MOST_M_S:
        return
    unit = "km/h or mph" if middle <= SPEED_KM_H_MOST else "mm/s"
    raise Failure(
        f"{path}: the belt speed reads {middle:.4g} (median); in m/s nobody walks backward so fast. Usually the "
        f"file is in {unit}: `rearguard trace import --speed-unit {unit.split()[0]}`."
    )


def usual_speed(speeds: Iterable[float]) -> float:
    """The median of the moving belt; 0.0 when it never moves."""
    moving = [abs(speed) for speed in speeds if speed]
    return median(moving) if moving else 0.0


def notes_for(trace: Trace, config: Config) -> Iterator[str]:
    """What fits any treadmill, but hardly this one: usually a unit that is still believable."""
    most_m = config.deck_length_m + config.range.zero_mm / 1000
    if trace.usual_distance_m > most_m:
        yield (
            f"the distance reads {trace.usual_distance_m:.3g} m (median), beyond this deck of {most_m:.3g} m. Usually "
            "feet (`rearguard trace import --distance-unit ft`), or another deck.length_mm"
        )
    if trace.usual_speed_m_s > config.belt_ceiling_m_s + 1e-9:
        yield (
            f"the belt speed reads {trace.usual_speed_m_s:.3g} m/s (median), faster than belt.ceiling_km_h = "
            f"{config.belt.ceiling_km_h:g} allows. Usually km/h or mph (`rearguard trace import --speed-unit km/h`), "
            "or another belt.ceiling_km_h"
        )


def _check_times(path: Path, times_ns: list[int]) -> None:
    steps_ns = sorted(b - a for a, b in pairwise(times_ns))
    if not steps_ns:
        return
    middle_ns, long_ns = steps_ns[len(steps_ns) // 2], steps_ns[len(steps_ns) * 90 // 100]
    if long_ns > BURST * middle_ns:
        raise Failure(
            f"{path}: times come in bursts: half of the steps take {middle_ns / 1e6:.3g} ms, one in ten more than "
            f"{long_ns / 1e6:.3g} ms. Usually times of arrival (radio, network): export the sensor's own times, or "
            "count samples with `rearguard trace import --time-unit samples --rate-hz`."
        )


def _mean(vectors: Iterable[Vec3]) -> Vec3:
    x, y, z = (fmean(axis) for axis in zip(*vectors, strict=True))
    return x, y, z
