"""Step 4: which sensors are there, found by asking the bus. Must never write to a chip."""

from firmware_py.device.check.answers import answers
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.device.setup.talk import Question, Talk
from firmware_py.locale import mark
from firmware_py.locale import translate as _

POD = mark("The pod does not answer.")
DISTANCE = mark("The distance sensor does not answer.")
Chip = tuple[int, str, str]  # address, name in the configuration, name of the chip
IMUS, RANGES = ("lsm6dsox", "mpu6050"), ("vl53l1x", "tf_luna")


def chips(setup: Setup) -> Outcome:
    """Writes sensor and address of both; a pod with another chip has to be calibrated again."""
    talk, before = setup.talk, setup.config
    talk.ask(ask.PLUG_IN)
    bus = setup.machine.open_bus(before.imu.bus)
    try:
        found = list(answers(bus))
    finally:
        bus.close()
    for address, _sensor, chip in found:
        talk.show(_("{chip} answers at {address}").format(chip=chip, address=f"0x{address:02x}"))
    imus = [one for one in found if one[1] in IMUS]
    ranges = [one for one in found if one[1] in RANGES]
    if not imus or not ranges:
        missing = [_(name) for name, there in ((POD, imus), (DISTANCE, ranges)) if not there]
        return Outcome(
            False, " ".join([*missing, _("Usually a plug, the supply, or SDA and SCL are swapped.")])
        )
    imu, distance = _one_of(imus, talk, ask.WHICH_POD), _one_of(ranges, talk, ask.WHICH_DISTANCE)
    mount = talk.ask(ask.MOUNT, before.range.mount)
    after = setup.change(
        imu={"sensor": imu[1], "address": imu[0]},
        range={"sensor": distance[1], "address": distance[0], "mount": mount},
    )
    if after.imu.sensor != before.imu.sensor:
        setup.progress.forget("calibrate")
    if (after.range.sensor, after.range.mount) != (before.range.sensor, before.range.mount):
        setup.change(belt={"commissioned": False})
        setup.progress.forget("commission")
    return Outcome(
        True, _("{pod} in the pod, {distance} as distance sensor.").format(pod=imu[2], distance=distance[2])
    )


def _one_of(found: list[Chip], talk: Talk, which: Question) -> Chip:
    """The only one, or the one that the person names."""
    if len(found) == 1:
        return found[0]
    choices = tuple(
        (str(n), f"{chip} at 0x{address:02x}") for n, (address, _sensor, chip) in enumerate(found, 1)
    )
    return found[int(talk.ask(which._replace(choices=choices))) - 1]
