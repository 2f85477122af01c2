"""Owns what `rearguard check` looks at on the bus: chips, registers, the cable's error rate, what the sensors see.

Must never judge a walker: it says what a wire, a chip or an aim is worth.
"""

from collections.abc import Callable, Iterator
from math import sqrt
from typing import Any

from firmware_py.config import Config
from firmware_py.device.check.line import FAIL, PASS, WARN, Line, from_error
from firmware_py.guard.process import build_sensors
from sensors.hints import HINTS
from sensors.i2c import Bus, SensorError
from sensors.imu import STANDARD_GRAVITY_M_S2
from sensors.mpu6050 import CHIPS
from sensors.samples import Fault, ImuSample, RangeSample

GENUINE = ("MPU-6050", "LSM6DSOX")
ERRORS_WARN, ERRORS_FAIL = (
    0.0005,
    0.01,
)  # of all reads; one bad sample in ten stops nobody, one in a hundred is a bad cable
# SisFall's resting accelerometers read 0.85 to 1.09 g; beyond 10 % a pod should be calibrated.
GRAVITY_WARN = 0.10
BIAS_WARN_RAD_S = 0.09  # 5 deg/s
REGISTER_LOOKS = 40  # more than any table has spans
NEAR_M = 0.10  # nearer than this the sensor looks at its own window or a cable


def sensors(
    config: Config, seconds: float, open_a_bus: Callable[[int], Bus], sleep: Callable[[float], None]
) -> Iterator[Line]:
    """Everything on the bus; the rest is left out once there is no bus."""
    try:
        pair: tuple[Any, Any] = build_sensors(config, open_a_bus)
    except SensorError as error:
        yield from_error("bus", error)
        return
    imu, belt = pair
    yield Line(
        "bus",
        PASS,
        f"i2c-{config.imu.bus}" + (f", i2c-{config.range.bus}" if config.range.bus != config.imu.bus else ""),
    )
    opened = []
    for name, sensor, address in (("imu", imu, config.imu.address), ("range", belt, config.range.address)):
        sensor._sleep = sleep
        try:
            sensor.open()
        except SensorError as error:
            yield from_error(name, error)
            continue
        opened.append(name)
        yield _identity(name, sensor.name, address)
        yield _registers(name, sensor)
    ticks = max(1, round(seconds * config.loop.rate_hz))
    imu_read, belt_read = _watch(
        imu if "imu" in opened else None,
        belt if "range" in opened else None,
        ticks,
        config.loop.rate_hz,
        sleep,
    )
    if "imu" in opened:
        yield _cable("imu cable", imu_read)
        yield from _rest(imu_read)
    if "range" in opened:
        yield from _view(config, belt_read)
    for name, sensor in (("imu", imu), ("range", belt)):
        if name in opened:
            sensor.close()


def _identity(name: str, chip: str, address: int) -> Line:
    found = f"{chip} at 0x{address:02x}"
    if chip in CHIPS.values() and chip not in GENUINE:
        cure = "it is supported; measure it with `rearguard calibrate` and expect more noise"
        return Line(name, WARN, found, "Sold as MPU-6050, but another chip", cure)
    return Line(name, PASS, found)


def _registers(name: str, sensor: Any) -> Line:
    for _ in range(REGISTER_LOOKS):
        fault = sensor.recheck()
        if fault is not None:
            return Line(f"{name} registers", FAIL, *HINTS[fault])
    return Line(f"{name} registers", PASS, "hold what was written")


def _watch(
    imu: Any, belt: Any, ticks: int, rate_hz: int, sleep: Callable[[float], None]
) -> tuple[list[Any], list[Any]]:
    """What both sensors said at every tick, as the loop would ask them."""
    imu_read: list[Any] = []
    belt_read: list[Any] = []
    for i in range(ticks):
        sleep(1 / rate_hz)
        t_ns = round(i * 1e9 / rate_hz)
        if imu is not None:
            imu_read.append(imu.read(t_ns))
        if belt is not None and (said := belt.poll(t_ns)) is not None:
            belt_read.append(said)
    return imu_read, belt_read


def _cable(name: str, read: list[ImuSample | Fault]) -> Line:
    bad = [x for x in read if isinstance(x, Fault) and x is not Fault.NOT_READY]
    rate = len(bad) / len(read)
    found = f"{len(bad)} errors in {len(read)} reads ({rate:.2%})"
    if rate <= ERRORS_WARN:
        return Line(name, PASS, found)
    most = max(set(bad), key=bad.count)
    what, why, do = HINTS[most]
    return Line(name, FAIL if rate >= ERRORS_FAIL else WARN, f"{found}, mostly: {what}", why, do)


def _rest(read: list[ImuSample | Fault]) -> Iterator[Line]:
    samples = [x for x in read if isinstance(x, ImuSample)]
    if not samples:
        return
    gravity = (
        sum(sqrt(sum(c * c for c in s.accel_m_s2)) for s in samples) / len(samples) / STANDARD_GRAVITY_M_S2
    )
    turning = max(abs(sum(s.gyro_rad_s[i] for s in samples)) / len(samples) for i in range(3))
    cure = "lay the pod still and look again; then run `rearguard calibrate`"
    if abs(gravity - 1) > GRAVITY_WARN:
        yield Line("imu gravity", WARN, f"{gravity:.2f} g", "A poor chip, or the pod was moved", cure)
    else:
        yield Line("imu gravity", PASS, f"{gravity:.2f} g")
    if turning > BIAS_WARN_RAD_S:
        yield Line("imu bias", WARN, f"{turning * 57.3:.1f} deg/s", "A gyro bias, or the pod was moved", cure)
    else:
        yield Line("imu bias", PASS, f"{turning * 57.3:.1f} deg/s")


def _view(config: Config, read: list[RangeSample | Fault]) -> Iterator[Line]:
    good = sorted(x.distance_m for x in read if isinstance(x, RangeSample))
    bad = [x for x in read if isinstance(x, Fault)]
    if not read:
        yield Line("range readings", FAIL, *HINTS[Fault.NOT_READY])
        return
    if not good:
        most = max(set(bad), key=bad.count)
        yield Line("range view", WARN if most is Fault.NO_TARGET else FAIL, *HINTS[most])
        return
    share = len(good) / len(read)
    found = f"{len(good)} good of {len(read)}, {good[0]:.2f} to {good[-1]:.2f} m"
    if share < 0.9:
        what, why, do = HINTS[max(set(bad), key=bad.count)]
        yield Line("range readings", WARN, f"{found}; else: {what}", why, do)
    else:
        yield Line("range readings", PASS, found)
    middle_m = good[len(good) // 2]
    if middle_m < NEAR_M:
        cure = "clear its window and what hangs in front of it"
        yield Line(
            "range view",
            FAIL,
            f"sees something at {middle_m:.2f} m",
            "It looks at its own housing or a cable",
            cure,
        )
    elif middle_m > config.deck_length_m + config.range.zero_mm / 1000:
        cure = "stand on the deck in front of it and look again; check range.zero_mm and deck.length_mm"
        yield Line("range view", WARN, f"sees {middle_m:.2f} m, beyond the deck", "Nobody stands there", cure)
    else:
        yield Line("range view", PASS, f"sees {middle_m:.2f} m")
