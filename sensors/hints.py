"""Owns what each fault of a sensor means to a person: its usual cause and its cure. Must never decide anything."""

from sensors.advice import Advice
from sensors.samples import Fault

HINTS: dict[Fault, Advice] = {
    Fault.NOT_READY: Advice(
        "no new reading",
        "Usually a data rate set too low, or a chip that has stopped measuring",
        "power it off and on",
    ),
    Fault.NO_REPLY: Advice(
        "no reply",
        "Usually wiring, address or power",
        "check 3V3, SDA, SCL and the breakaway connector, then run `rearguard check`",
    ),
    Fault.BUS_TIMEOUT: Advice(
        "the bus timed out",
        "Usually SDA or SCL held low or a cable that is too long",
        "unplug the pod, check pull-ups and cable",
    ),
    Fault.BUS_NOISE: Advice(
        "noise on the bus",
        "Usually a long cable beside a motor",
        "use the differential pair, keep away from the relay",
    ),
    Fault.BUS_BUSY: Advice(
        "the bus is busy",
        "Usually another program or a kernel driver has the chip",
        "stop it, look at `i2cdetect -y 1` for UU",
    ),
    Fault.BUS_GONE: Advice(
        "the bus itself is gone",
        "Usually its driver has failed",
        "look at `dmesg | grep i2c`, then reboot",
    ),
    Fault.WRONG_CHIP: Advice(
        "another chip answers at this address",
        "Usually a part that only looks the same",
        "check it against imu.sensor or range.sensor",
    ),
    Fault.REGISTER_CHANGED: Advice(
        "a configured register lost its value",
        "Usually a brown-out reset",
        "check the supply",
    ),
    Fault.ASLEEP: Advice(
        "the chip sleeps or sends zeros",
        "Usually a brown-out",
        "check the 3V3 regulator at the pod",
    ),
    Fault.FROZEN: Advice(
        "the same reading again and again",
        "Usually the chip hangs",
        "power it off and on",
    ),
    Fault.SATURATED: Advice(
        "the reading is at the end of its range",
        "Usually a hard knock, or a loose wire",
        "check how the pod sits and its cable",
    ),
    Fault.BAD_VALUE: Advice(
        "the reading is not plausible",
        "Usually noise on the cable",
        "keep it away from motor and relay",
    ),
    Fault.NO_TARGET: Advice(
        "the range sensor sees nobody",
        "Usually its aim, its window, or clothing that swallows light",
        "check them in this order",
    ),
    Fault.WEAK_SIGNAL: Advice(
        "too little light comes back",
        "Usually a dirty window or dark cloth",
        "clean the window, check the aim",
    ),
}
"""What each fault means, its usual cause and its cure."""
