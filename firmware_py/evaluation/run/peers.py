"""Owns the published rules that we compare with, with their published constants. Must never see our detector.

Each peer gets the whole stream as arrays and returns the samples at which it would stop. All are causal. Where a
paper leaves something open, this file names the choice and takes the one that favours the peer.
"""

from collections.abc import Callable
from math import exp, radians

import numpy as np
from scipy.signal import lfilter

from firmware_py.core.frame import Cause
from firmware_py.evaluation.datasets.trials import G_M_S2, Array
from firmware_py.evaluation.run.replay import Stop
from firmware_py.evaluation.run.streams import Stream

Triggers = np.typing.NDArray[np.bool_]

_UP_PER_S = 0.3  # complementary filter towards gravity; faster ones tilt 6-20 degrees during a fall
_LEAK_S = 1.5  # leaky integration; of 0.7, 1.5 and 3 s the best for the peers that use it
_MEAN_S = 5.0
_KFALL_DIP_G = 0.8  # fitted: see kfall_2021
_AHN_DIP_G = 0.9


class Motion:
    """What the peers use, computed once a stream."""

    def __init__(self, stream: Stream) -> None:
        rate_hz = stream.rate_hz
        self.accel_g: Array = np.linalg.norm(stream.accel_m_s2, axis=1) / G_M_S2
        self.turn_rad_s: Array = np.linalg.norm(stream.gyro_rad_s, axis=1)
        up = _up_vector(stream)
        usual = _slow_mean(up, rate_hz)
        usual /= np.linalg.norm(usual, axis=1, keepdims=True)
        self.tilt_rad: Array = np.arccos(np.clip((up * usual).sum(axis=1), -1.0, 1.0))
        lift = (stream.accel_m_s2 * up).sum(axis=1)
        up_m_s2 = (lift / _slow_mean(lift[:, None], rate_hz)[:, 0] - 1.0) * G_M_S2
        keep = exp(-1 / (rate_hz * _LEAK_S))
        self.down_m_s: Array = lfilter([-keep / rate_hz], [1.0, -keep], up_m_s2)


def _slow_mean(rows: Array, rate_hz: float) -> Array:
    """Exponential mean, started at the mean of the first half second so that it has no run-in."""
    keep = exp(-1 / (rate_hz * _MEAN_S))
    start = rows[: max(1, round(0.5 * rate_hz))].mean(axis=0)
    out, _ = lfilter([1 - keep], [1.0, -keep], rows, axis=0, zi=keep * start[None, :])
    return np.asarray(out, dtype=np.float64)


def _up_vector(stream: Stream) -> Array:
    """The direction of up in the body frame, from gyro and, slowly, gravity."""
    dt_s = 1 / stream.rate_hz
    start = stream.accel_m_s2[: max(1, round(0.5 * stream.rate_hz))].mean(axis=0)
    x, y, z = (start / np.linalg.norm(start)).tolist()
    keep = _UP_PER_S * dt_s
    rows = []
    for (ax, ay, az), (p, q, r) in zip(stream.accel_m_s2.tolist(), stream.gyro_rad_s.tolist(), strict=True):
        x, y, z = (
            x - (q * z - r * y) * dt_s + keep * (ax / G_M_S2 - x),
            y - (r * x - p * z) * dt_s + keep * (ay / G_M_S2 - y),
            z - (p * y - q * x) * dt_s + keep * (az / G_M_S2 - z),
        )
        size = (x * x + y * y + z * z) ** 0.5
        x, y, z = x / size, y / size, z / size
        rows.append((x, y, z))
    return np.array(rows)


def kfall_2021(motion: Motion, scale: float = 1.0) -> Triggers:
    """The threshold rule of the KFall benchmark (Yu, Jang, Xiong 2021): an acceleration dip while turning and leaning.

    Its form is published; its constants could not be looked up here. These were fitted in its favour: the best
    sensitivity + specificity over all trials of the 26 SisFall development people with no stop in their walks.
    """
    return (
        (motion.accel_g < _KFALL_DIP_G)
        & (motion.turn_rad_s > scale * radians(100.0))
        & (motion.tilt_rad > scale * radians(20.0))
    )


def ahn_2019(motion: Motion, scale: float = 1.0) -> Triggers:
    """Ahn, Kim, Koo, Kim 2019 (Sensors 19:774), vertical-angle rule: below 0.9 g, above 47.3 deg/s, above 24.7 deg.

    The angle is taken against the wearer's own mean, as the paper's upright-worn sensor has it.
    """
    return (
        (motion.accel_g < _AHN_DIP_G)
        & (motion.turn_rad_s > scale * radians(47.3))
        & (motion.tilt_rad > scale * radians(24.7))
    )


def sabatini_2015(motion: Motion, scale: float = 1.0) -> Triggers:
    """Sabatini et al. 2015 (IEEE TNSRE 24:774): downward velocity above 1.38 m/s. No barometer here."""
    return motion.down_m_s > scale * 1.38


def velocity_1_3(motion: Motion, scale: float = 1.0) -> Triggers:
    """Plain downward velocity above 1.3 m/s (Bourke et al. 2008, Med. Eng. Phys. 30:84)."""
    return motion.down_m_s > scale * 1.3


PEERS: dict[str, Callable[..., Triggers]] = {
    "KFall rule 2021": kfall_2021,
    "Ahn 2019": ahn_2019,
    "Sabatini 2015": sabatini_2015,
    "velocity 1.3 m/s": velocity_1_3,
}


def as_stop(index: int, rule: str) -> Stop:
    return Stop(index, Cause.FALL, rule, 0.0, 0.0)


def stops(triggers: Triggers, armed_from: int, rearm: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Samples at which the rule stops, and the armed intervals, with the same arming and re-arming as ours."""
    found: list[int] = []
    armed: list[tuple[int, int]] = []
    at = armed_from
    hits = np.flatnonzero(triggers)
    while at < len(triggers):
        place = int(np.searchsorted(hits, at))
        if place == len(hits):
            armed.append((at, len(triggers)))
            break
        hit = int(hits[place])
        found.append(hit)
        armed.append((at, hit))
        at = hit + rearm
    return found, armed
