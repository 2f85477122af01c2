"""Rearguard: stops a treadmill before a person who walks backward on it is hurt.

The rooms, from the bottom up. Imports point down only; `make lint` checks it (pyproject.toml, docs/architecture.md).

    sensors/        chips on a wire become samples or faults
    core/           decides; pure and deterministic: no clock, no I/O, no log, no randomness
    config/         every setting once: unit, span, default, source
    locale/         the catalogues: every sentence in the language in use
    messages.py     what happened, why, what to do, for every cause
    plot.py         the one chart maker
    notify.py       messages to systemd, for both processes
    storage/        files written whole and by their owner; what commissioning measured
    traces/         frames to and from files; replay through the same core
    guard/          process 1: reads, asks the core, drives the relay; decides nothing itself
    report/         one incident as a page
    coach/          a walker's plan and session: hints, questions, report; can only speak
    courier/        process 2: records, publishes, shows; can never make the belt run
    device/         what a person runs at the treadmill: set-up, its steps one by one, update, backup, status
    evaluation/     recorded subjects through the same core, scored
    rig/            a simulated walker, belt and chips around the real guard
    __main__.py     the command line

The path of one IMU sample from the chip to the relay, function by function (tests/guard/test_path.py walks it):

    firmware_py/guard/loop.py     Loop.run          sleeps until the next slot of an absolute grid
    firmware_py/guard/loop.py     Loop.tick         asks every sensor once and builds the Frame
    sensors/imu.py                Pod.read          one reading of the hip sensor: ImuSample or Fault
    sensors/i2c.py                Bus.read          one burst over the bus
    sensors/lsm6dsox.py           decode            bytes become counts
    sensors/imu.py                check             counts that are clipped, zero or all ones are faults
    sensors/imu.py                Mounting.sample   counts become SI units in the body frame
    firmware_py/core/monitor.py   Monitor.step      Frame becomes Decision: the rules, the worst finding, the latch
    firmware_py/guard/relay.py    Relay.set         the pin follows the decision, before anything is reported

`Monitor.step` hands the sample to each rule once (core/health.py, core/body, core/place, core/deck) and takes the
worst finding to the table of core/latch.py. After the relay come the panel, the link to the courier and the service
manager; none of them can wait.
"""

__version__ = "0.1.0"
