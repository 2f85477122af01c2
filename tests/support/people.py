"""A synthetic walker and faller, and how each data set would have written them down. No human data in here."""

import csv
import io
from dataclasses import replace
from math import degrees

import numpy as np
import openpyxl

from firmware_py.evaluation.datasets.trials import G_M_S2, Array, Kind, Trial

IMPACT_S = 6.0
FALL_S = 0.6


def walk(seconds: float, rate_hz: float, cadence_hz: float = 1.8) -> tuple[Array, Array]:
    """Level walking in the body frame: the pelvis goes up and down once a step and sways a little."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * cadence_hz * t
    accel = np.column_stack(
        [
            0.6 * np.cos(phase),
            0.5 * np.sin(phase / 2),
            G_M_S2 + 2.0 * np.sin(phase) + 0.3 * np.sin(2 * phase + 1),
        ]
    )
    gyro = np.column_stack([0.2 * np.sin(phase / 2), 0.15 * np.cos(phase), 0.2 * np.cos(phase / 2)])
    return accel, gyro


def backward_fall(rate_hz: float, seconds: float = 10.0, tips_deg: float = 60.0) -> tuple[Array, Array]:
    """Walks, tips over backward while dropping, and hits the ground at IMPACT_S."""
    accel, gyro = walk(seconds, rate_hz)
    t = np.arange(len(accel)) / rate_hz
    share = np.clip((t - IMPACT_S + FALL_S) / FALL_S, 0, 1)
    pitch = -np.radians(tips_deg) * share  # backward: the top goes to the rear, about y left that is negative
    falling = (t >= IMPACT_S - FALL_S) & (t < IMPACT_S)
    force = np.where(falling, 4.0, G_M_S2)
    fallen = t >= IMPACT_S - FALL_S
    accel[fallen] = np.column_stack([-np.sin(pitch) * force, 0 * t, np.cos(pitch) * force])[fallen]
    accel[fallen] += 0.01 * np.sin(37 * t[fallen, None] * (1, 2, 3))  # no real sensor repeats itself
    gyro[fallen] = 0.01 * np.sin(29 * t[fallen, None] * (1, 2, 3))
    gyro[falling, 1] += -np.radians(tips_deg) / FALL_S
    accel[round(IMPACT_S * rate_hz)] = (20.0, 0.0, 45.0)
    return accel, gyro


def trial(kind: Kind, rate_hz: float = 100.0, seconds: float = 10.0, name: str = "one") -> Trial:
    falls = kind.is_fall
    accel, gyro = backward_fall(rate_hz, seconds) if falls else walk(seconds, rate_hz)
    made = Trial("made up", "P01", "A1", name, kind, rate_hz, accel, gyro, backward=falls)
    return replace(made, impact_index=round(IMPACT_S * rate_hz)) if falls else made


def sisfall_text(accel: Array, gyro: Array) -> bytes:
    """Sensor axes +Y down, +Z forward, +X right; the third sensor is another accelerometer, here nonsense."""
    a = np.round(accel / G_M_S2 * 256).astype(int)
    g = np.round(np.degrees(gyro) * 14.375).astype(int)
    rows = (
        f"{-a[i, 1]:4d},{-a[i, 2]:4d},{a[i, 0]:4d},{-g[i, 1]:4d},{-g[i, 2]:4d},{g[i, 0]:4d}, 999, 999, 999;"
        for i in range(len(a))
    )
    return ("\n".join(rows) + "\n").encode()


def fallalld_text(accel: Array, gyro: Array) -> tuple[bytes, bytes]:
    """Sensor axes +X up, +Z forward, +Y right; gyro signs inverted."""
    a = np.round(accel / G_M_S2 / 0.000244).astype(int)
    g = np.round(-np.degrees(gyro) / 0.07).astype(int)
    return tuple("".join(f"{r[2]},{-r[1]},{r[0]}\n" for r in rows).encode() for rows in (a, g))  # type: ignore[return-value]


def kfall_csv(accel: Array, gyro: Array) -> bytes:
    """g and deg/s; sensor axes +Y down, +Z forward, +X right; frames counted from 1."""
    out = io.StringIO()
    sheet = csv.writer(out)
    names = ("AccX", "AccY", "AccZ", "GyrX", "GyrY", "GyrZ", "EulerX", "EulerY", "EulerZ")
    sheet.writerow(["TimeStamp(s)", "FrameCounter", *names])
    for i, ((ax, ay, az), (gx, gy, gz)) in enumerate(zip(accel / G_M_S2, gyro, strict=True)):
        turn = (degrees(v) for v in (-gy, -gz, gx))
        sheet.writerow([i / 100, i + 1, -ay, -az, ax, *turn, 0, 0, 0])
    return out.getvalue().encode()


def xsens_text(accel: Array, gyro: Array, forward: int, first_packet: int = 65500) -> bytes:
    """An MT Manager export; +X up and +Z forward (1) or rearward (-1). The packet counter wraps at 65536."""
    left = -forward
    lines = ["// General information:", "// Coordinate system: ENU"]
    lines.append("PacketCounter\tSampleTimeFine\tAcc_X\tAcc_Y\tAcc_Z\tGyr_X\tGyr_Y\tGyr_Z\tRoll")
    for i, ((ax, ay, az), (gx, gy, gz)) in enumerate(zip(accel, gyro, strict=True)):
        cells = (az, left * ay, forward * ax, gz, left * gy, forward * gx)
        lines.append(f"{(first_packet + i) % 65536}\t\t" + "\t".join(f"{c:.6f}" for c in cells) + "\t0.0")
    return "\n".join(lines).encode() + b"\n"


def workbook(rows: list[list[str | int | None]]) -> bytes:
    """A small .xlsx with one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
