"""Frames, decisions and files for the tests of traces. Nothing here knows what must happen."""

from collections.abc import Iterator
from math import pi, sin
from pathlib import Path

from hypothesis import strategies as st

from firmware_py.config import Config
from firmware_py.core.frame import Cause, Frame
from firmware_py.core.monitor import Monitor
from firmware_py.traces.mcap_writer import McapWriter
from firmware_py.traces.replay import Hand, replay_frames
from sensors.samples import Fault, ImuSample, RangeSample

HEADER = (
    "t_s,accel_x_m_s2,accel_y_m_s2,accel_z_m_s2,gyro_x_rad_s,gyro_y_rad_s,gyro_z_rad_s,"
    "distance_m,belt_speed_m_s,reset_pressed"
)
ROW = "0.1,0.2,9.81,0.01,0.02,0.03"


def walk(seconds: float, rate_hz: int = 200, start_ns: int = 0, position_m: float = 0.6) -> Iterator[Frame]:
    """A person who steps 1.8 times a second and keeps to one place; a range reading every 20 ms."""
    step_ns = 1_000_000_000 // rate_hz
    for n in range(round(seconds * rate_hz)):
        t_ns = start_ns + n * step_ns
        phase = 2 * pi * 1.8 * n / rate_hz
        imu = ImuSample(
            t_ns - 1000,
            (0.8 * sin(phase), 0.5 * sin(phase / 2), 9.81 + 2.5 * sin(phase + 1)),
            (0.2 * sin(phase / 2), 0.1 * sin(phase), 0.3 * sin(phase / 2 + 1)),
        )
        belt = None
        if n % (rate_hz // 50) == 0:
            belt = RangeSample(t_ns, position_m + 0.012 * sin(phase), n // (rate_hz // 50) % 256)
        yield Frame(t_ns, 0, imu, belt, None, None, False)


def about(config: Config | None = None, rate_hz: float = 200.0, recorded: bool = True) -> dict[str, object]:
    """The config message of an MCAP trace."""
    config = config or Config()
    return {
        "version": "0.0.test",
        "config": config.model_dump(mode="json"),
        "config_hash": config.hash,
        "rate_hz": rate_hz,
        "button_recorded": recorded,
        "feedback_recorded": recorded,
        "distance_recorded": True,
    }


def record(path: Path, seconds: float = 8.0) -> list[Frame]:
    """A whole MCAP file of a walk with its arming, as the courier would record it; returns its frames."""
    config = Config()
    monitor = Monitor(config.monitor_params(), 200.0)
    stepped = []
    with path.open("xb") as file:
        writer = McapWriter(file, about(config), wall_offset_ns=1_700_000_000_000_000_000)
        for frame, decision in replay_frames(walk(seconds), monitor, Hand()):
            writer.frame(frame)
            writer.decision(decision)
            stepped.append(frame)
        writer.finish()
    return stepped


_number = st.floats(-1e6, 1e6)
_vector = st.tuples(_number, _number, _number)
_t_ns = st.integers(0, 2**50)  # 13 days: seconds in a float still hold nanoseconds
imus = st.one_of(st.builds(ImuSample, _t_ns, _vector, _vector), st.sampled_from(Fault))
belts = st.one_of(
    st.builds(RangeSample, _t_ns, _number, st.integers(0, 255)), st.sampled_from(Fault), st.none()
)
any_frame = st.builds(
    Frame,
    _t_ns,
    st.integers(0, 2**40),
    imus,
    belts,
    st.one_of(_number, st.none()),
    st.one_of(st.booleans(), st.none()),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.one_of(st.sampled_from(Cause), st.none()),
)
