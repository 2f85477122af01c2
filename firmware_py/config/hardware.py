"""The settings of what is wired to the device: the two sensors, the relay, buttons and lamp, and the loop."""

from typing import Any, Literal, Self

from pydantic import field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from firmware_py.config.section import CORE, Section, setting
from sensors import lsm6dsox, mpu6050, tf_luna, vl53l1x

AUTO = "auto"
ADDRESSES = {
    "lsm6dsox": lsm6dsox.ADDRESSES,
    "mpu6050": mpu6050.ADDRESSES,
    "vl53l1x": vl53l1x.ADDRESSES,
    "tf_luna": tf_luna.ADDRESSES,
}
"""Where each sensor can answer on the bus; the first is its usual place."""
SAME_DIRECTION = 1e-3  # of a mounting's rows: lengths and right angles, as exact as six digits


class ChipConfig(Section):
    """A sensor on the bus. Its address follows the sensor unless it is set."""

    sensor: str
    bus: int
    address: int

    @field_validator("address", mode="before", check_fields=False)
    @classmethod
    def _number(cls, value: Any, others: ValidationInfo) -> Any:
        """`auto` and text such as "0x6b" become the number."""
        if value in (AUTO, None):
            return ADDRESSES.get(others.data.get("sensor", ""), (0,))[0]
        try:
            return int(value, 0) if isinstance(value, str) else value
        except ValueError:
            return value


class ImuConfig(ChipConfig):
    """The hip pod."""

    sensor: Literal["lsm6dsox", "mpu6050"] = setting("lsm6dsox", "mpu6050 covers 6050, 6500, 9250 and clones")
    bus: int = setting(1, "/dev/i2c-N", "", 0, 30)
    address: int = setting(AUTO, "auto: follows the sensor; lsm6dsox 0x6a or 0x6b, mpu6050 0x68 or 0x69")
    mounting: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] = (
        setting(
            ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
            "rows turn chip axes into x forward, y left, z up; written by `rearguard calibrate`",
        )
    )
    gyro_bias_deg_s: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), "subtracted from the gyro, chip axes; written by `rearguard calibrate`", "deg/s"
    )

    @model_validator(mode="after")
    def _is_a_rotation(self) -> Self:
        rows = self.mounting
        for i in range(3):
            for j in range(3):
                dot = sum(a * b for a, b in zip(rows[i], rows[j], strict=True))
                if abs(dot - (1.0 if i == j else 0.0)) > SAME_DIRECTION:
                    raise ValueError(
                        "mounting is not a rotation: rows must be of length 1 and at right angles"
                    )
        (a, b, c), (d, e, f), (g, h, i_) = rows
        if a * (e * i_ - f * h) - b * (d * i_ - f * g) + c * (d * h - e * g) < 0:
            raise ValueError("mounting mirrors the axes: one axis has the wrong sign")
        return self


class RangeConfig(ChipConfig):
    """The distance sensor that sees where the walker stands."""

    sensor: Literal["vl53l1x", "tf_luna"] = setting(
        "vl53l1x", "vl53l1x to 1.3 m; tf_luna for long or sunlit decks"
    )
    bus: int = setting(1, "/dev/i2c-N", "", 0, 30)
    address: int = setting(AUTO, "auto: follows the sensor; vl53l1x 0x29, tf_luna 0x10")
    mount: Literal["front", "rear"] = setting(
        CORE.position.mount, "front: at the console looking rearward; rear: looking forward"
    )
    zero_mm: int = setting(
        round(CORE.position.zero_m * 1000),
        "from the front edge (rear mount: the rear edge) to the sensor; positive when it sits outside the deck",
        "mm",
        -600,
        1000,
    )
    half_body_mm: int = setting(
        round(CORE.position.half_body_m * 1000),
        "from the surface the sensor sees to the middle of the pelvis; 0 measures to the surface itself",
        "mm",
        0,
        300,
    )


class RelayConfig(Section):
    """The contact in the treadmill's safety-key circuit. Energise to run, active high."""

    pin: int = setting(17, "GPIO 9-27 have a pull-down at reset; 0-8 a pull-up and are refused", "BCM", 9, 27)
    drive: Literal["level", "pulse"] = setting(
        "pulse", "pulse: toggled by the loop for the pulse watchdog of hardware.md"
    )
    readback: Literal["none", "contacts"] = setting("contacts", "the force-guided contacts' auxiliary pair")
    readback_pin: int = setting(22, "low (NC pair closed to ground) = both contactors dropped", "BCM", 9, 27)


class PanelConfig(Section):
    """Buttons, buzzer and lamp. -1 = not fitted."""

    button_pin: int = setting(23, "arming button, to ground", "BCM", 9, 27)
    stop_pin: int = setting(
        24, "stop button on the pod's cable, NC to ground: a broken wire is a stop", "BCM", -1, 27
    )
    buzzer_pin: int = setting(25, "buzzer, active high", "BCM", -1, 27)
    lamp_pin: int = setting(27, "lamp, active high", "BCM", -1, 27)
    soft_stop_pin: int = setting(-1, "console stop contact, active high", "BCM", -1, 27)


class LoopConfig(Section):
    """The real-time loop."""

    rate_hz: int = setting(200, "ticks a second; a fall is seen as well at 100 Hz", "Hz", 100, 400)
    priority: int = setting(50, "SCHED_FIFO priority", "", 1, 90)
    cpu: int = setting(-1, "pin the loop to this core; -1 leaves it to the kernel", "", -1, 15)
    require_realtime: bool = setting(False, "true: refuse to arm when the kernel refuses real-time rights")
