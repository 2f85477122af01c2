"""Owns how other programs write a recording: columns, files, units, axes and clock, as data. Must never read a file."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

ACCEL = ("accel_x", "accel_y", "accel_z")
GYRO = ("gyro_x", "gyro_y", "gyro_z")
ROLES = ("time", *ACCEL, *GYRO, "distance", "belt_speed", "reset_pressed")
NATIVE = {
    "time": "t_s",
    **{role: f"{role}_m_s2" for role in ACCEL},
    **{role: f"{role}_rad_s" for role in GYRO},
    "distance": "distance_m",
    "belt_speed": "belt_speed_m_s",
    "reset_pressed": "reset_pressed",
}


@dataclass(frozen=True, slots=True)
class Form:
    """How another program writes. Units are keys of the tables in plausible.py, or a factor."""

    columns: dict[str, str] = field(default_factory=lambda: dict(NATIVE))  # role -> their name
    positions: tuple[str, ...] = ()  # roles of the columns from the left, for a table without a header
    files: tuple[str, ...] = ()  # of the acceleration, in a folder or .zip: the first that is there
    gyro_files: tuple[str, ...] = ()  # the same for the turn rates, when they have a file of their own
    gyro_columns: dict[str, str] = field(default_factory=dict)
    accel_unit: str = "m/s2"
    gyro_unit: str = "rad/s"
    distance_unit: str = "m"
    speed_unit: str = "m/s"
    time_unit: str = "s"
    rate_hz: float | None = None  # for time_unit "samples"
    axes: str = "x=x,y=y,z=z"
    inverted: bool = False  # at rest the axis that points up reads -1 g
    as_is: bool = False  # a person says that units, axes and clock are right


_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')  # outside of quotes


def _three(roles: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    return dict(zip(roles, names, strict=True))


_XYZ = ("x", "y", "z")
_XSENS = {
    "time": "PacketCounter",
    **_three(ACCEL, ("Acc_X", "Acc_Y", "Acc_Z")),
    **_three(GYRO, ("Gyr_X", "Gyr_Y", "Gyr_Z")),
}
# Columns as these programs write them. Sensor Logger: its README and UNITS.md; phyphox: the export of its raw sensors;
# Xsens: manuals of MT Manager (MTw: m/s2, rad/s) and of DOT (deg/s, SampleTimeFine in us).
PRESETS = {
    "sensor-logger": Form(
        columns={"time": "time", **_three(ACCEL, _XYZ)},
        gyro_columns={"time": "time", **_three(GYRO, _XYZ)},
        files=("TotalAcceleration.csv", "AccelerometerUncalibrated.csv", "Accelerometer.csv"),
        gyro_files=("Gyroscope.csv", "GyroscopeUncalibrated.csv"),
        time_unit="ns",
    ),
    "phyphox": Form(
        columns={
            "time": "Time (s)",
            **_three(ACCEL, [f"Acceleration {axis} (m/s^2)" for axis in _XYZ]),
            **_three(GYRO, [f"Gyroscope {axis} (rad/s)" for axis in _XYZ]),
        },
        gyro_columns={"time": "Time (s)", **_three(GYRO, [f"Gyroscope {axis} (rad/s)" for axis in _XYZ])},
        files=("Accelerometer.csv", "Raw Data.csv"),
        gyro_files=("Gyroscope.csv",),
    ),
    "xsens": Form(columns=_XSENS, time_unit="samples"),
    "xsens-dot": Form(columns={**_XSENS, "time": "SampleTimeFine"}, time_unit="us", gyro_unit="deg/s"),
}


def with_columns(form: Form, text: str) -> Form:
    """The form with the columns of `--columns`. Raises ValueError for a role that there is not.

    "time=ts,accel_x=ax,...": our role = their name, in quotes when it holds a comma.
    "time,accel_x,...,-": the columns from the left, no header.
    """
    words = [word.strip() for word in _COMMA.split(text)]
    by_name = {native: role for role, native in NATIVE.items()} | {role: role for role in ROLES} | {"-": "-"}
    roles = [word.partition("=")[0].strip() for word in words]
    for role in roles:
        if role not in by_name:
            raise ValueError(f"--columns: {role!r} is none of {', '.join(ROLES)}.")
    known = [by_name[role] for role in roles]
    for role in known:
        if role != "-" and known.count(role) > 1:
            raise ValueError(f"--columns: {role} is named twice.")
    if "=" not in text:
        return replace(form, positions=tuple(known))
    named = dict(zip(known, [word.partition("=")[2].strip().strip('"') for word in words], strict=True))
    columns = {**form.columns, **named}
    for role, name in named.items():
        other = next((key for key, value in columns.items() if value == name and key != role), None)
        if other is not None:
            raise ValueError(f"--columns: {name!r} is given for {role} and {other}.")
    return replace(form, columns=columns)


def axes_of(text: str) -> list[tuple[int, int]]:
    """(column, sign) of our x, y and z, from "x=-z,y=y,z=x". Raises ValueError."""
    found = dict(re.findall(r"([xyz])\s*=\s*([+-]?[xyz])", text))
    axes = [("xyz".index(found[a][-1]), -1 if found[a][0] == "-" else 1) for a in "xyz" if a in found]
    if len(axes) != 3 or len({column for column, _ in axes}) != 3:
        raise ValueError(f"--axes: {text!r} is not of the form x=-z,y=y,z=x with each axis once.")
    (a, sa), (b, sb), (c, sc) = axes
    turn = 1 if (a, b, c) in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1
    if turn * sa * sb * sc != 1:
        raise ValueError(
            f"--axes: {text!r} is a mirror image, which no way of wearing gives: turn one sign round."
        )
    return axes


def factor_of(unit: str, table_of: Mapping[str, float]) -> float:
    """What one of `unit` is in SI units: a name of the table, or a number. Raises ValueError."""
    if unit in table_of:
        return table_of[unit]
    try:
        factor = float(unit)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"unit {unit!r} is none of {', '.join(table_of)}, and no factor.")
    return factor
