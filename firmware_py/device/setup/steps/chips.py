"""Step 4: which sensors are there, found by asking the bus. Must never write to a chip."""

from firmware_py.device.check.answers import answers
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.locale import mark
from firmware_py.locale import translate as _

POD = mark("The pod does not answer.")
DISTANCE = mark("The distance sensor does not answer.")
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
    imu, distance = imus[0], ranges[0]
    if len(imus) > 1:
        choices = tuple((str(n), f"{one[2]} at 0x{one[0]:02x}") for n, one in enumerate(imus, 1))
        imu = imus[int(talk.ask(ask.WHICH._replace(choices=choices))) - 1]
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
