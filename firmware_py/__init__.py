"""Rearguard: stops a treadmill before a person who walks backward on it is hurt.

The map of the house, from the bottom up; imports point down only (tests/test_layers.py holds that):

    sensors/        what the world says: chips on a wire become samples or faults
    core/           decides; pure and deterministic: no clock, no I/O, no log, no randomness
    edge/           touches; decides nothing: relay, panel, realtime rights, the link to the courier
    traces/         frames to and from files; replay through the same core
    loop.py         one tick: read -> step -> relay -> tell
    courier/        the second process: records, publishes, explains; can never make the belt run
    rig/            a walker, a belt and emulated chips in closed loop
    evaluation/     recorded people through the same core, scored
    __main__.py     the command line

The path of one IMU sample:

    loop.Loop.tick          wakes on the absolute grid and asks every sensor once
    sensors.lsm6dsox.read   one burst over I2C, decoded, turned to the body frame: ImuSample | Fault
    core.monitor.step       Frame -> health, attitude, gait, position, drift, balance -> worst finding -> latch
    edge.relay.set          the decision's `run`, before anything else happens
    edge.link.Link.tick     a copy to the courier, if it has room; never waits
"""

__version__ = "0.1.0"
