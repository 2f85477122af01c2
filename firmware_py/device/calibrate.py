"""`rearguard calibrate`: measures how the hip pod sits and what its gyro reads at rest, in ten seconds of standing.

Must never guess: a pod that lies on a table, hangs loose or moves is refused, and nothing is written.
"""

import time
from collections.abc import Callable, Sequence
from math import sqrt
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from firmware_py.config import INSTALLED, Config, load
from firmware_py.device.language import speak
from firmware_py.device.settings import annotated_toml, must_be_installed, save
from firmware_py.guard.process import build_sensors
from firmware_py.guard.service import only_instance
from firmware_py.locale import translate as _
from sensors.advice import ConfigError, Failure
from sensors.i2c import Bus, open_bus
from sensors.imu import RAD_PER_DEG, STANDARD_GRAVITY_M_S2
from sensors.samples import ImuSample, Vec3

AXES: dict[str, Vec3] = {
    "+x": (1.0, 0.0, 0.0), "-x": (-1.0, 0.0, 0.0), "+y": (0.0, 1.0, 0.0),
    "-y": (0.0, -1.0, 0.0), "+z": (0.0, 0.0, 1.0), "-z": (0.0, 0.0, -1.0),
}  # fmt: skip
SAMPLES_MIN = 0.9  # of those expected: a bad cable calibrates nothing
# Quiet standing: the pelvis sways by 0.3 to 3 deg/s; a chip on a table reads 0.1 deg/s of noise or less [A].
SWAY_MIN_RAD_S = 0.2 * RAD_PER_DEG
SWAY_MAX_RAD_S = 8.0 * RAD_PER_DEG
SHAKE_MAX_M_S2 = 0.6
BIAS_MAX_RAD_S = 20.0 * RAD_PER_DEG  # beyond any data sheet: somebody turned
GRAVITY_MAX_ERROR = 0.15  # of 1 g; SisFall's chips read 0.85 to 1.09
UPRIGHT_MIN = 0.5  # sine of the angle between "forward" and "up": 30 degrees


class Result(NamedTuple):
    """What ten seconds of standing show."""

    mounting: tuple[Vec3, Vec3, Vec3]
    gyro_bias_deg_s: Vec3
    gravity_g: float
    tilt_deg: float  # of the pod against its nearest chip axis


def calibrate(
    config: Annotated[Path, typer.Option(help="TOML file that the result is written into.")] = INSTALLED,
    seconds: Annotated[float, typer.Option(min=2, max=60, help="How long to stand.")] = 10.0,
    forward: Annotated[
        str,
        typer.Option(help="Chip axis toward the wearer's front: +x -x +y -y +z -z; empty: as configured."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the configuration.")] = False,
) -> None:
    """Stand still with the pod on for ten seconds; its orientation and gyro bias go into the configuration.

    Standing shows where "up" is. Where "forward" is depends on how the pod is worn.
    Example: rearguard calibrate --forward=-z
    """
    speak(config if config.exists() else None)
    must_be_installed(config, "calibrate")
    settings = load(config)
    if forward and forward not in AXES:
        raise ConfigError(f"calibrate: --forward={forward} is none of: {' '.join(AXES)}")
    with only_instance(settings.guard_lock):
        typer.echo(_("stand still, upright, for {seconds} s").format(seconds=f"{seconds:g}"), err=True)
        samples = record(settings, seconds)
    result = solve(samples, AXES.get(forward, settings.imu.mounting[0]))
    calibrated = with_result(settings, result)
    text = _("gravity {gravity} g, pod tilted by {tilt} degrees")
    typer.echo(text.format(gravity=f"{result.gravity_g:.2f}", tilt=f"{result.tilt_deg:.0f}"), err=True)
    if dry_run:
        typer.echo(annotated_toml(calibrated), nl=False)
        return
    save(calibrated, config)
    typer.echo(_("written to {config}; restart the device to use it").format(config=config), err=True)


def record(
    config: Config,
    seconds: float,
    open_a_bus: Callable[[int], Bus] = open_bus,
    sleep: Callable[[float], None] = time.sleep,
) -> list[ImuSample]:
    """Samples in chip axes, nothing subtracted. Raises HardwareError without a chip, Failure with a bad cable."""
    plain = config.model_copy(update={"imu": config.imu.model_copy(
        update={"mounting": (AXES["+x"], AXES["+y"], AXES["+z"]), "gyro_bias_deg_s": (0.0, 0.0, 0.0)})})  # fmt: skip
    sensor, _ = build_sensors(plain, open_a_bus, sleep)
    sensor.open()
    samples = []
    ticks = round(seconds * config.loop.rate_hz)
    for i in range(ticks):
        sleep(1 / config.loop.rate_hz)
        reading = sensor.read(round(i * 1e9 / config.loop.rate_hz))
        if isinstance(reading, ImuSample):
            samples.append(reading)
    sensor.close()
    if len(samples) < SAMPLES_MIN * ticks:
        raise Failure(
            f"calibrate: only {len(samples)} of {ticks} readings arrived",
            "Usually a loose cable",
            "run `rearguard check` first",
        )
    return samples


def solve(samples: Sequence[ImuSample], forward: Vec3) -> Result:
    """Orientation and bias; `forward` is the wearer's front in chip axes, roughly. Raises Failure."""
    accel, shake_m_s2 = _mean_and_spread([s.accel_m_s2 for s in samples])
    gyro, sway_rad_s = _mean_and_spread([s.gyro_rad_s for s in samples])
    gravity_g = _length(accel) / STANDARD_GRAVITY_M_S2
    if shake_m_s2 > SHAKE_MAX_M_S2 or sway_rad_s > SWAY_MAX_RAD_S or _length(gyro) > BIAS_MAX_RAD_S:
        raise Failure(
            f"calibrate: the pod moves ({sway_rad_s / RAD_PER_DEG:.1f} deg/s, {shake_m_s2:.2f} m/s2)",
            "Usually a step or a loose clip",
            "fix the pod, stand still, and try again",
        )
    if sway_rad_s < SWAY_MIN_RAD_S:
        raise Failure(
            f"calibrate: the pod is as still as a table ({sway_rad_s / RAD_PER_DEG:.2f} deg/s)",
            "Usually nobody wears it",
            "clip it to the back of your belt, stand, and try again",
        )
    if abs(gravity_g - 1) > GRAVITY_MAX_ERROR:
        raise Failure(
            f"calibrate: gravity reads {gravity_g:.2f} g",
            "Usually a poor clone or a chip that was dropped",
            "use another one",
        )
    up = _scaled(accel, 1 / _length(accel))
    flat = _minus(forward, _scaled(up, _dot(forward, up)))
    if _length(flat) < UPRIGHT_MIN:
        raise Failure(
            'calibrate: "forward" points up or down',
            "Usually the wrong --forward, or a pod worn on its side",
            "name the chip axis that points to your front",
        )
    x = _scaled(flat, 1 / _length(flat))
    bias_x, bias_y, bias_z = (round(rate / RAD_PER_DEG, 3) for rate in gyro)
    nearest = max(abs(c) for c in up)
    tilt_deg = sqrt(max(0.0, 2 * (1 - nearest))) / RAD_PER_DEG  # small angles
    return Result((x, _cross(up, x), up), (bias_x, bias_y, bias_z), gravity_g, tilt_deg)


def with_result(config: Config, result: Result) -> Config:
    """The same configuration with the measured mounting and bias, checked like one from a file."""
    rows = tuple(tuple(round(c, 6) for c in row) for row in result.mounting)
    imu = {**config.imu.model_dump(), "mounting": rows, "gyro_bias_deg_s": result.gyro_bias_deg_s}
    return Config.model_validate({**config.model_dump(), "imu": imu})


def _mean_and_spread(values: Sequence[Vec3]) -> tuple[Vec3, float]:
    """The mean, and the root of the summed variances of the three axes."""
    n = len(values)
    x, y, z = (sum(v[i] for v in values) / n for i in range(3))
    spread = sqrt(sum((v[0] - x) ** 2 + (v[1] - y) ** 2 + (v[2] - z) ** 2 for v in values) / n)
    return (x, y, z), spread


def _dot(a: Vec3, b: Vec3) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _length(a: Vec3) -> float:
    return sqrt(_dot(a, a))


def _scaled(a: Vec3, k: float) -> Vec3:
    return (a[0] * k, a[1] * k, a[2] * k)


def _minus(a: Vec3, b: Vec3) -> Vec3:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _cross(a: Vec3, b: Vec3) -> Vec3:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
