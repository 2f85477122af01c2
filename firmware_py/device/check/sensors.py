"""Owns what `rearguard check` looks at on the bus: chips, registers, the cable's error rate, what the sensors see.

Must never judge a walker: it judges wires, chips and the sensor's aim.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from math import sqrt
from typing import Any

from firmware_py.config import Config, ImuConfig, RangeConfig
from firmware_py.device.check.answers import answers
from firmware_py.device.check.line import FAIL, WARN, Line, failed, passed, warned
from firmware_py.guard.process import IMUS, RANGES, build_sensors
from sensors.advice import HardwareError
from sensors.hints import HINTS
from sensors.i2c import Bus
from sensors.imu import RAD_PER_DEG, STANDARD_GRAVITY_M_S2
from sensors.mpu6050 import CHIPS
from sensors.samples import Fault, ImuSample, RangeSample

SENSORS = {"imu": tuple(IMUS), "range": tuple(RANGES)}
GENUINE = ("MPU-6050", "LSM6DSOX")
# Of all reads; one bad sample in ten stops nobody, one in a hundred is a bad cable.
ERRORS_WARN, ERRORS_FAIL = 0.0005, 0.01
GOOD_SHARE = 0.9  # of the range readings; fewer is an aim, a window or cloth
# SisFall's resting accelerometers read 0.85 to 1.09 g; beyond 10 % a pod should be calibrated.
GRAVITY_WARN = 0.10
GRAVITY_FAIL = 0.20  # as core/monitor.py refuses to arm
OTHER_CHIP = "compare the name on the chip with imu.sensor; if it is right, lay the pod still and look again"
# Of 1 g: relatives that answer with the same id, but have twice or half the counts at the same setting.
LIKELY_CHIPS = {
    0.5: "LSM6DSO32, which answers as a LSM6DSOX at half the scale",
    2.0: "chip of twice the scale",
}
BIAS_WARN_RAD_S = 0.09  # 5 deg/s
REGISTER_LOOKS = 40  # more than any table has spans
NEAR_M = 0.10  # nearer than this the sensor looks at its own window or a cable


def sensors(
    config: Config, seconds: float, open_a_bus: Callable[[int], Bus], sleep: Callable[[float], None]
) -> Iterator[Line]:
    """Everything on the bus; the rest is left out once there is no bus."""
    try:
        imu, belt = build_sensors(config, open_a_bus, sleep)
    except HardwareError as error:
        yield failed("bus", *error.advice)
        return
    yield passed("bus", ", ".join(f"i2c-{bus}" for bus in sorted({config.imu.bus, config.range.bus})))
    imu_fits = yield from _opened("imu", imu, config.imu, open_a_bus)
    belt_fits = yield from _opened("range", belt, config.range, open_a_bus)
    ticks = max(1, round(seconds * config.loop.rate_hz))
    imu_read, belt_read = _watch(
        imu if imu_fits else None, belt if belt_fits else None, ticks, config.loop.rate_hz, sleep
    )
    if imu_fits:
        yield _cable("imu cable", imu_read)
        yield from _rest(imu_read)
        imu.close()
    if belt_fits:
        yield from _view(config, belt_read)
        belt.close()


def _opened(
    name: str, sensor: Any, place: ImuConfig | RangeConfig, open_a_bus: Callable[[int], Bus]
) -> Generator[Line, None, bool]:
    """The lines about one chip. True when it could be opened."""
    try:
        sensor.open()
    except HardwareError as error:
        yield failed(name, *error.advice)
        yield from _elsewhere(name, place, open_a_bus)
        return False
    yield _identity(name, sensor.name, place.address)
    yield from _besides(name, place, open_a_bus)
    yield _registers(name, sensor)
    return True


def _elsewhere(name: str, place: ImuConfig | RangeConfig, open_a_bus: Callable[[int], Bus]) -> Iterator[Line]:
    """Which chip of ours answers where the configuration does not look for it."""
    for address, sensor, chip in answers(open_a_bus(place.bus)):
        if sensor not in SENSORS[name] or (address, sensor) == (place.address, place.sensor):
            continue
        what = (
            f"{chip} answers at 0x{address:02x}, not the {place.sensor} at 0x{place.address:02x} that is set"
        )
        do = f'set {name}.sensor = "{sensor}" and {name}.address = 0x{address:02x}'
        yield failed(
            f"{name} elsewhere", what, "Another board, or its address pin is wired the other way", do
        )


def _besides(name: str, place: ImuConfig | RangeConfig, open_a_bus: Callable[[int], Bus]) -> Iterator[Line]:
    """Other chips that could be meant: the device reads one of them, and not always the one that is worn."""
    for address, sensor, chip in answers(open_a_bus(place.bus)):
        if sensor in SENSORS[name] and address != place.address:
            what = f"{chip} answers at 0x{address:02x}, too; the device reads 0x{place.address:02x} alone"
            do = f"unplug the one that is not used, or set {name}.sensor and {name}.address to the other"
            yield warned(f"{name} besides", what, "A second one on the same bus", do)


def _identity(name: str, chip: str, address: int) -> Line:
    what = f"{chip} answers at 0x{address:02x}"
    if chip in CHIPS.values() and chip not in GENUINE:
        do = "it is supported; measure it with `rearguard calibrate` and expect more noise"
        return warned(name, what, "Sold as MPU-6050, but another chip", do)
    return passed(name, what)


def _registers(name: str, sensor: Any) -> Line:
    for _ in range(REGISTER_LOOKS):
        fault = sensor.recheck()
        if fault is not None:
            return Line(f"{name} registers", FAIL, HINTS[fault])
    return passed(f"{name} registers", "hold what was written")


def _watch(
    imu: Any, belt: Any, ticks: int, rate_hz: int, sleep: Callable[[float], None]
) -> tuple[list[ImuSample | Fault], list[RangeSample | Fault]]:
    """The readings of both sensors at every tick, asked for as the loop does."""
    imu_read: list[ImuSample | Fault] = []
    belt_read: list[RangeSample | Fault] = []
    for i in range(ticks):
        sleep(1 / rate_hz)
        t_ns = round(i * 1e9 / rate_hz)
        if imu is not None:
            imu_read.append(imu.read(t_ns))
        if belt is not None and (reading := belt.poll(t_ns)) is not None:
            belt_read.append(reading)
    return imu_read, belt_read


def _cable(name: str, read: list[ImuSample | Fault]) -> Line:
    bad = [x for x in read if isinstance(x, Fault) and x is not Fault.NOT_READY]
    rate = len(bad) / len(read)
    what = f"{len(bad)} errors in {len(read)} reads ({rate:.2%})"
    if rate <= ERRORS_WARN:
        return passed(name, what)
    hint = HINTS[_most(bad)]
    return Line(
        name, FAIL if rate >= ERRORS_FAIL else WARN, hint._replace(what=f"{what}, mostly: {hint.what}")
    )


def _rest(read: list[ImuSample | Fault]) -> Iterator[Line]:
    samples = [x for x in read if isinstance(x, ImuSample)]
    if not samples:
        return
    gravity_g = (
        sum(sqrt(sum(c * c for c in s.accel_m_s2)) for s in samples) / len(samples) / STANDARD_GRAVITY_M_S2
    )
    turning_rad_s = max(abs(sum(s.gyro_rad_s[i] for s in samples)) / len(samples) for i in range(3))
    what, do = f"{gravity_g:.2f} g", "lay the pod still and look again; then run `rearguard calibrate`"
    if abs(gravity_g - 1) > GRAVITY_FAIL:
        yield failed("imu gravity", f"{what}; the device refuses to arm", _likely_chip(gravity_g), OTHER_CHIP)
    elif abs(gravity_g - 1) > GRAVITY_WARN:
        yield warned("imu gravity", what, "A poor chip, or the pod was moved", do)
    else:
        yield passed("imu gravity", what)
    what = f"{turning_rad_s / RAD_PER_DEG:.1f} deg/s"
    if turning_rad_s > BIAS_WARN_RAD_S:
        yield warned("imu bias", what, "A gyro bias, or the pod was moved", do)
    else:
        yield passed("imu bias", what)


def _likely_chip(gravity_g: float) -> str:
    near = [name for scale, name in LIKELY_CHIPS.items() if abs(gravity_g / scale - 1) < GRAVITY_WARN]
    return f"Usually a {near[0]}" if near else "Usually another chip or scale, or the pod was moved"


def _view(config: Config, read: list[RangeSample | Fault]) -> Iterator[Line]:
    good = sorted(x.distance_m for x in read if isinstance(x, RangeSample))
    bad = [x for x in read if isinstance(x, Fault)]
    if not read:
        yield Line("range readings", FAIL, HINTS[Fault.NOT_READY])
        return
    if not good:
        most = _most(bad)
        yield Line("range view", WARN if most is Fault.NO_TARGET else FAIL, HINTS[most])
        return
    what = f"{len(good)} good of {len(read)}, {good[0]:.2f} to {good[-1]:.2f} m"
    if len(good) / len(read) < GOOD_SHARE:
        hint = HINTS[_most(bad)]
        yield Line("range readings", WARN, hint._replace(what=f"{what}; else: {hint.what}"))
    else:
        yield passed("range readings", what)
    yield _middle(config, good[len(good) // 2])


def _middle(config: Config, middle_m: float) -> Line:
    if middle_m < NEAR_M:
        what, do = f"sees something at {middle_m:.2f} m", "clear its window and what hangs in front of it"
        return failed("range view", what, "It looks at its own housing or a cable", do)
    if middle_m > config.deck_length_m + config.range.zero_mm / 1000:
        do = "stand on the deck in front of it and look again; check range.zero_mm and deck.length_mm"
        return warned("range view", f"sees {middle_m:.2f} m, beyond the deck", "Nobody stands there", do)
    return passed("range view", f"sees {middle_m:.2f} m")


def _most(faults: Sequence[Fault]) -> Fault:
    return max(set(faults), key=faults.count)
