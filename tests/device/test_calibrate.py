"""Ten seconds of standing: orientation and bias come out, and everything that is not standing is refused."""

from math import cos, radians, sin
from pathlib import Path
from random import Random

import pytest

from firmware_py.config import Config, load
from firmware_py.device.calibrate import AXES, record, solve, with_result
from firmware_py.device.settings import save
from sensors.advice import Failure
from sensors.emulated import EmulatedBus, EmulatedLsm6dsox, EmulatedVl53l1x
from sensors.i2c import Bus
from sensors.imu import RAD_PER_DEG
from sensors.samples import ImuSample, Vec3

G = 9.80665


def standing(
    up: Vec3 = (0.0, 0.0, 1.0), bias_deg_s: Vec3 = (0.0, 0.0, 0.0), sway_deg_s: float = 0.5, shake_m_s2: float = 0.05,
    gravity_g: float = 1.0,
) -> list[ImuSample]:  # fmt: skip
    random = Random(1)

    def noisy(mean: Vec3, spread: float) -> Vec3:
        return (random.gauss(mean[0], spread), random.gauss(mean[1], spread), random.gauss(mean[2], spread))

    accel = (up[0] * G * gravity_g, up[1] * G * gravity_g, up[2] * G * gravity_g)
    gyro = (bias_deg_s[0] * RAD_PER_DEG, bias_deg_s[1] * RAD_PER_DEG, bias_deg_s[2] * RAD_PER_DEG)
    return [
        ImuSample(i, noisy(accel, shake_m_s2 / 3**0.5), noisy(gyro, sway_deg_s * RAD_PER_DEG / 3**0.5))
        for i in range(2000)
    ]


def turned(rows: tuple[Vec3, Vec3, Vec3], v: Vec3) -> Vec3:
    x, y, z = (sum(a * b for a, b in zip(row, v, strict=True)) for row in rows)
    return x, y, z


@pytest.mark.parametrize("up", AXES, ids=str)
@pytest.mark.parametrize("forward", AXES, ids=str)
def test_every_way_to_wear_it_gives_up_and_forward_or_is_refused(up: str, forward: str) -> None:
    samples = standing(AXES[up])
    if up[1] == forward[1]:
        with pytest.raises(Failure, match="points up or down"):
            solve(samples, AXES[forward])
        return
    result = solve(samples, AXES[forward])
    assert turned(result.mounting, AXES[up]) == pytest.approx((0, 0, 1), abs=0.01)
    assert turned(result.mounting, AXES[forward]) == pytest.approx((1, 0, 0), abs=0.01)
    with_result(Config(), result)  # a rotation, or this raises


def test_a_tilted_pod_is_set_upright_and_the_tilt_shown() -> None:
    lean = (sin(radians(12)), 0.0, cos(radians(12)))
    result = solve(standing(lean), AXES["+x"])
    assert turned(result.mounting, lean) == pytest.approx((0, 0, 1), abs=0.01)
    assert result.tilt_deg == pytest.approx(12, abs=0.5)


def test_the_bias_is_in_chip_axes_and_degrees() -> None:
    result = solve(standing(bias_deg_s=(1.0, -2.0, 0.5)), AXES["+x"])
    assert result.gyro_bias_deg_s == pytest.approx((1.0, -2.0, 0.5), abs=0.05)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (standing(sway_deg_s=0.1), "Usually nobody wears it"),
        (standing(sway_deg_s=12.0), "the pod moves"),
        (standing(shake_m_s2=1.0), "the pod moves"),
        (standing(bias_deg_s=(30.0, 0.0, 0.0)), "the pod moves"),
        (standing(gravity_g=0.8), r"gravity reads 0\.80 g"),
        (standing(gravity_g=1.2), r"gravity reads 1\.20 g"),
    ],
)
def test_what_is_not_quiet_standing_is_refused_with_a_reason(samples: list[ImuSample], words: str) -> None:
    with pytest.raises(Failure, match=words):
        solve(samples, AXES["+x"])


def test_the_result_survives_the_configuration_file(tmp_path: Path) -> None:
    config = with_result(Config(), solve(standing((0.1, 0.2, 0.97), (1.0, 2.0, 3.0)), AXES["+x"]))
    path = tmp_path / "config.toml"
    save(config, path)
    assert load(path) == config


class Still(EmulatedBus):
    """A bus with a walker who stands quietly; the chip's truth sways by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.random = Random(2)
        self.imu = EmulatedLsm6dsox()
        self.attach(0x6A, self.imu)
        self.attach(0x29, EmulatedVl53l1x())

    def sleep(self, duration_s: float) -> None:
        sway = self.random.gauss(0, 0.5 * RAD_PER_DEG)
        self.imu.set((self.random.gauss(0, 0.05), 0.0, G), (sway, 0.0, 0.01))
        super().sleep(duration_s)


def test_the_real_driver_is_read_in_chip_axes_with_nothing_subtracted() -> None:
    bus = Still()
    config = with_result(Config(), solve(standing((0.0, 1.0, 0.0), (9.0, 9.0, 9.0)), AXES["+x"]))
    samples = record(config, 2.0, lambda _: Bus(bus), bus.sleep)
    result = solve(samples, AXES["+x"])
    assert result.mounting[2] == pytest.approx((0, 0, 1), abs=0.01)
    assert result.gyro_bias_deg_s[2] == pytest.approx(0.57, abs=0.1)


def test_a_cable_that_loses_readings_calibrates_nothing() -> None:
    bus = Still()
    calls = 0

    def flaky(duration_s: float) -> None:
        nonlocal calls
        calls += 1
        bus.sleep(duration_s)
        if calls == 100:
            bus.detach(0x6A)

    with pytest.raises(Failure, match="loose cable"):
        record(Config(), 2.0, lambda _: Bus(bus), flaky)
