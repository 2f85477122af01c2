"""The other side of the wire: the four chips as register files, so that the real drivers run without hardware.

A world is built in three lines, and time is always an argument:

    bus = EmulatedBus()
    bus.attach(0x6A, imu := EmulatedLsm6dsox())
    bus.attach(0x29, deck := EmulatedVl53l1x())

    imu.set(accel_m_s2, gyro_rad_s)     # the physical truth, in chip axes
    deck.set(distance_m)                # status=... as the chip would report it
    bus.advance(t_ns)                   # data rates, boot times and scripted trouble follow this clock
    driver = Lsm6dsox(Bus(bus), sleep=bus.sleep)   # sleep: waiting at open advances the emulated clock

`bus` has the shape of smbus2.SMBus; `chip.write(bytes)` and `chip.read(n)` are the bare wire. remote.py carries
a bus to another process. Readings carry no noise of their own: two equal truths in a row look like a frozen
chip, as they would on hardware, so the caller of `set` adds the noise.
"""

from sensors.emulated.bus import EmulatedBus
from sensors.emulated.chip import Chip
from sensors.emulated.imus import EmulatedLsm6dsox, EmulatedMpu6050
from sensors.emulated.ranges import EmulatedTfLuna, EmulatedVl53l1x
from sensors.emulated.remote import RemoteBus, handle
from sensors.emulated.trouble import Kind, Trouble

__all__ = [
    "Chip",
    "EmulatedBus",
    "EmulatedLsm6dsox",
    "EmulatedMpu6050",
    "EmulatedTfLuna",
    "EmulatedVl53l1x",
    "Kind",
    "RemoteBus",
    "Trouble",
    "handle",
]
