"""Owns the fixed-size bytes of a frame and of a decision: what crosses the link and what a replay hashes.

Must never lose a bit: floats travel as IEEE doubles, "not known" as NaN, which no frame or decision can hold.
"""

import struct
from math import isfinite, nan

from firmware_py.core.frame import Cause, Decision, Frame, Phase
from sensors.samples import Fault, ImuSample, RangeSample

_FRAME = struct.Struct("<qq Bq6d BqdB d bB B")
_DECISION = struct.Struct("<q? B24sdd BB B 8d I d ?B")
FRAME_SIZE = _FRAME.size
DECISION_SIZE = _DECISION.size

# 0 is "none" (causes) or "a sample" (faults); the order of the enums is part of the format of one version.
_CAUSES: tuple[Cause | None, ...] = (None, *Cause)
_CAUSE_CODE = {cause: code for code, cause in enumerate(_CAUSES)}
_FAULTS: tuple[Fault, ...] = tuple(Fault)
_FAULT_CODE = {fault: code for code, fault in enumerate(_FAULTS, start=1)}
_PHASES = tuple(Phase)
_PHASE_CODE = {phase: code for code, phase in enumerate(_PHASES)}
_NO_RANGE = 255
_NO_IMU = (0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_NO_BELT = (0, 0.0, 0)


def pack_frame(frame: Frame) -> bytes:
    """FRAME_SIZE bytes."""
    imu, belt = frame.imu, frame.belt
    if isinstance(imu, ImuSample):
        imu_part = (0, imu.t_ns, *imu.accel_m_s2, *imu.gyro_rad_s)
    else:
        imu_part = (_FAULT_CODE[imu], *_NO_IMU)
    if isinstance(belt, RangeSample):
        belt_part = (0, belt.t_ns, belt.distance_m, belt.count)
    else:
        belt_part = (_NO_RANGE if belt is None else _FAULT_CODE[belt], *_NO_BELT)
    feedback = -1 if frame.feedback is None else int(frame.feedback)
    buttons = frame.reset_pressed | frame.stop_pressed << 1 | frame.stop_requested << 2
    return _FRAME.pack(
        frame.t_ns,
        frame.late_ns,
        *imu_part,
        *belt_part,
        nan if frame.belt_speed_m_s is None else frame.belt_speed_m_s,
        feedback,
        buttons,
        _CAUSE_CODE[frame.refusal],
    )


def unpack_frame(data: bytes) -> Frame:
    """The frame that was packed. Raises ValueError when the bytes are not one."""
    try:
        (t_ns, late_ns, imu_code, imu_t, ax, ay, az, gx, gy, gz, belt_code, belt_t, distance, count, speed, feedback,
         buttons, refusal) = _FRAME.unpack(data)  # fmt: skip
        if t_ns < 0:
            raise ValueError(f"at {t_ns} ns")
        imu = ImuSample(imu_t, (ax, ay, az), (gx, gy, gz)) if imu_code == 0 else _FAULTS[imu_code - 1]
        belt: RangeSample | Fault | None
        if belt_code == 0:
            belt = RangeSample(belt_t, distance, count)
        else:
            belt = None if belt_code == _NO_RANGE else _FAULTS[belt_code - 1]
        return Frame(
            t_ns,
            late_ns,
            imu,
            belt,
            _known(speed),
            None if feedback < 0 else bool(feedback),
            bool(buttons & 1),
            bool(buttons & 2),
            bool(buttons & 4),
            _CAUSES[refusal],
        )
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(
            f"not a frame: {error}. Usually a guard and a courier of different versions."
        ) from None


def pack_decision(d: Decision) -> bytes:
    """DECISION_SIZE bytes; equal decisions give equal bytes."""
    return _DECISION.pack(
        d.t_ns,
        d.run,
        _CAUSE_CODE[d.cause],
        d.rule.encode(),
        d.value,
        d.limit,
        _CAUSE_CODE[d.warning],
        _CAUSE_CODE[d.refusal],
        _PHASE_CODE[d.phase],
        nan if d.position_m is None else d.position_m,
        nan if d.velocity_m_s is None else d.velocity_m_s,
        nan if d.rest_position_m is None else d.rest_position_m,
        nan if d.stop_margin_m is None else d.stop_margin_m,
        nan if d.tilt_rad is None else d.tilt_rad,
        nan if d.down_velocity_m_s is None else d.down_velocity_m_s,
        nan if d.down_velocity_limit_m_s is None else d.down_velocity_limit_m_s,
        nan if d.cadence_hz is None else d.cadence_hz,
        d.steps,
        d.belt_speed_m_s,
        d.soft_stop,
        _CAUSE_CODE[d.refused],
    )


def unpack_decision(data: bytes) -> Decision:
    """The decision that was packed. Raises ValueError when the bytes are not one."""
    try:
        (t_ns, run, cause, rule, value, limit, warning, refusal, phase, position, velocity, rest, margin, tilt, down,
         down_limit, cadence, steps, speed, soft_stop, refused) = _DECISION.unpack(data)  # fmt: skip
        # Value and limit of a rule may be anything: a stop has to be told.
        if t_ns < 0 or not isfinite(speed):
            raise ValueError(f"at {t_ns} ns, belt {speed} m/s")
        return Decision(
            t_ns,
            run,
            _CAUSES[cause],
            rule.rstrip(b"\0").decode(),
            value,
            limit,
            _CAUSES[warning],
            _CAUSES[refusal],
            _PHASES[phase],
            _known(position),
            _known(velocity),
            _known(rest),
            _known(margin),
            _known(tilt),
            _known(down),
            _known(down_limit),
            _known(cadence),
            steps,
            speed,
            soft_stop,
            _CAUSES[refused],
        )
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(
            f"not a decision: {error}. Usually a guard and a courier of different versions."
        ) from None


def _known(value: float) -> float | None:
    if value != value:
        return None
    if not isfinite(value):
        raise ValueError("an infinite number")
    return value
