"""Owns at which addresses of the I2C bus each chip can answer; the first is the one it has when nothing is wired to
its address pin. Must never ask a bus.
"""

ADDRESSES: dict[str, tuple[int, ...]] = {
    "lsm6dsox": (0x6A, 0x6B),  # DS12814 section 5.1.1: SA0 to ground, to the supply
    "mpu6050": (0x68, 0x69),  # PS-MPU-6000A section 6.4: AD0 to ground, to the supply
    "vl53l1x": (0x29,),  # UM2356 section 2.2: any other is forgotten when the supply goes
    "tf_luna": (0x10,),  # manual, 6.1: the one it is delivered with
}
